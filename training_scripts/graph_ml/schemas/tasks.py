"""The names of the five tasks, and the spellings under which they arrive."""

from __future__ import annotations

from typing import Literal, get_args

TaskType = Literal["node_class", "node_regression", "edge_class", "edge_regression", "link_prediction"]

Direction = Literal["maximize", "minimize"]
"""Which way a metric is better."""

# Custom modules and old tooling write link_predict; people write the long forms.
_ALIASES: dict[str, TaskType] = {
    "link_predict": "link_prediction",
    "node_classification": "node_class",
    "edge_classification": "edge_class",
}


def task_type(text: str) -> TaskType:
    """The task a text names.

    Raises:
        ValueError: it names none; the text lists those there are.
    """
    name = text.strip().lower().replace("-", "_")
    for known in get_args(TaskType):
        if name == known:
            return known  # type: ignore[no-any-return]
    if name in _ALIASES:
        return _ALIASES[name]
    raise ValueError(f"{text!r} is no task; known are {', '.join(get_args(TaskType))}")
