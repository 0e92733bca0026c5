"""Hyperparameters that a request wishes for, compared with what the families of its task declare.

The declarations stand beside the families, in the training code; they are imported when a wish is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

from training_scripts.graph_ml.schemas import FAMILIES, TaskType
from workflow.client.checks.problems import Problem, nearest
from workflow.errors import InvalidParameter
from workflow.tuning.overrides import as_wish, with_overrides

ITEMS = (1_000, 1_000_000)  # what a search has depends on the size of the graph, which nobody knows yet


def task_of(target: Mapping[str, Any]) -> TaskType | None:
    """What a target of an export makes a model learn; None where it says nothing that is known."""
    match target.get("type"):
        case "link_prediction":
            return "link_prediction"
        case "classification":
            return "edge_class" if target.get("edge") else "node_class"
        case "regression":
            return "edge_regression" if target.get("edge") else "node_regression"
    return None


def problems_of_hyperparameters(
    wishes: Mapping[str, Any], tasks: Sequence[TaskType], model_type: str | None = None, family: str | None = None
) -> Iterator[Problem]:
    """Wishes that no search of these tasks would understand.

    Args:
        wishes: by name, as ``Workflow.training`` takes them.
        tasks: what may be learned.
        model_type: ``modelType`` of the data processing.
        family: ``modelName`` of the training.
    """
    from training_scripts.graph_ml.tasks.templates import templates

    own = family if family in FAMILIES else None
    if family not in (None, "auto", own):
        return
    searches = []
    for task, items in product(tasks, ITEMS):
        fitting = templates(task, "", items, model_type or "heterogeneous")
        if own is None or own in fitting:
            chosen = fitting[own or next(iter(fitting))]
            searches.append(chosen.model_dump(by_alias=True, exclude_none=True))
    if not searches:
        yield Problem(("modelName",), f"{family!r} does not learn {tasks[0]}; these do: {', '.join(fitting)}")
        return
    for name, wish in wishes.items():
        refusals = [_refusal(document, str(name), as_wish(wish)) for document in searches]
        if all(refusals):
            yield Problem(("hyperparameters", str(name)), str(refusals[0]))


def _refusal(document: Mapping[str, Any], name: str, wish: str) -> str | None:
    entries = [entry for tier in document["models"][0].values() if isinstance(tier, list) for entry in tier]
    mine = [entry for entry in entries if entry["param"] == name]
    if not mine:
        return "is no hyperparameter of this search" + nearest(name, {entry["param"] for entry in entries})
    try:
        with_overrides(document, {name: wish})
    except InvalidParameter as error:
        return error.message.removeprefix(f"{name}={wish} ")
    models = {one for entry in mine for one in entry.get("models") or [document["models"][0]["model"]]}
    return _out_of_bounds(name, wish, models) if name != "model" else _no_family(wish, mine[0])


def _out_of_bounds(name: str, wish: str, models: set[str]) -> str | None:
    """Why no family takes some value of a wish."""
    from training_scripts.graph_ml.models.families import family
    from training_scripts.graph_ml.models.settings import declared

    refusals = []
    for model in sorted(models):
        _, bounds = declared(family(model).settings)[name]
        refusals.append(next((why for one in _numbers(wish) if (why := bounds.complaint(one))), None))
    return f"is {wish}; {refusals[0]}" if refusals and all(refusals) else None


def _numbers(wish: str) -> list[float]:
    """The numbers of a range, a choice or one value; of words none."""
    found = []
    for part in wish.replace("..", ",").strip("[]").split(","):
        with suppress(ValueError):
            found.append(float(part))
    return found


def _no_family(wish: str, entry: Mapping[str, Any]) -> str | None:
    options = entry.get("options") or [*FAMILIES]
    unknown = [one.strip() for one in wish.split(",") if one.strip() not in options]
    return f"names {unknown[0]!r}, which learns nothing of the kind{nearest(unknown[0], options)}" if unknown else None
