"""Queries that only look at elements named by id: they need no worker thread, and repeated text is parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from workflow.errors import WorkflowError
from workflow.gremlin.lang import Script, parse
from workflow.gremlin.traversal import Traversal
from workflow.gremlin.values import ReferenceVertex

MAX_LENGTH: Final = 512
MAX_IDS: Final = 16
KEPT: Final = 512
STEPS: Final = frozenset(
    [
        "values",
        "valueMap",
        "elementMap",
        "properties",
        "propertyMap",
        "id",
        "label",
        "hasLabel",
        "hasId",
        "has",
        "limit",
        "count",
        "fold",
        "value",
        "key",
    ]
)


class PointReads:
    """Reads texts, and keeps those that will mean the same again. Safe to share between threads."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Script]] = {}

    def read(self, text: str, bindings: Mapping[str, Any]) -> list[Script] | None:
        """The parsed text where it is a point read; None for everything else, wrong texts included."""
        if len(text) > MAX_LENGTH or ".V(" not in text:
            return None
        if not bindings and (kept := self._kept.get(text)) is not None:
            return kept
        try:
            scripts = parse(text, bindings)
        except WorkflowError:
            return None  # told when the query is run
        if len(scripts) != 1 or not is_point_read(scripts[0].traversal):
            return None
        if not bindings and is_constant(scripts[0].traversal):
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[text] = scripts
        return scripts

    def keeps(self, text: str | Traversal, scripts: list[Script]) -> bool:
        """Whether these very scripts are what the text will be read as again."""
        return isinstance(text, str) and self._kept.get(text) is scripts

    def __len__(self) -> int:
        return len(self._kept)


def is_point_read(traversal: Traversal) -> bool:
    """Whether a traversal asks for a few elements by id and for what they carry: its time is that of a look-up.

    ``with()`` is not among the steps, since it can ask for a prediction.
    """
    if traversal.source or not traversal.steps or traversal.terminal not in (None, "toList", "next"):
        return False
    start = traversal.steps[0]
    if start.name not in ("V", "E") or not 1 <= len(start.args) <= MAX_IDS:
        return False
    if not all(isinstance(id, (str, int, UUID, ReferenceVertex)) for id in start.args):
        return False
    return all(
        step.name in STEPS and not any(isinstance(arg, (Traversal, Mapping)) for arg in step.args)
        for step in traversal.steps[1:]
    )


def is_constant(traversal: Traversal) -> bool:
    """Whether the text of a point read always means the same: ``UUID()`` and ``datetime()`` differ each time."""
    return all(isinstance(arg, (str, int, float)) for step in traversal.steps for arg in step.args)
