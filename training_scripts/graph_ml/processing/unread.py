"""What a training configuration says and nobody reads, each in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from pydantic import BaseModel

from ..container import JobError
from ..graph import Target
from ..schemas import FEATURE_TYPES, EdgeFile, FeatureSpec, LabelSpec, NodeFile, TrainingDataConfiguration

_NAMES = frozenset({"feature", "label"})  # fields that are no options


def unread(configuration: TrainingDataConfiguration) -> Iterator[str]:
    """Keys that nobody knows, and options that have no effect where they stand."""
    if not configuration.version.startswith(("v1", "v2")):
        yield f"'version' is {configuration.version!r}; the file was read as 'v2.0', the only form there is"
    yield from _unknown(configuration, "the configuration")
    yield from _unknown(configuration.graph, "graph")
    entries: list[NodeFile | EdgeFile] = [*configuration.graph.nodes, *configuration.graph.edges]
    for entry in entries:
        yield from _unknown(entry, entry.file_name)
        for spec in entry.features or ():
            yield from _of_feature(spec, f"{entry.file_name}: feature '{spec.name}'")
        for label in entry.labels or ():
            yield from _of_label(label, f"{entry.file_name}: label '{label.column or label.task}'")


def unread_targets(targets: Sequence[Target]) -> Iterator[str]:
    """Targets of other tasks, which the model of a training job will not learn."""
    first = targets[0].task
    if others := sorted({target.task for target in targets} - {first}):
        yield f"there are targets of several tasks, of which a model learns one: {first} comes first. {_apart(others)}"


def refuse_second_targets(targets: Sequence[Target]) -> None:
    """Refuse two properties of the same task, for a model learns one.

    Raises:
        JobError: there are two; the text says how each gets a model.
    """
    for task, count in Counter(target.task for target in targets if target.task != "link_prediction").items():
        if count > 1:
            chosen, *rest = [str(target) for target in targets if target.task == task]
            raise JobError(
                f"there are {count} targets of the task {task}, and a model learns one: {chosen}, {_listed(rest)}. "
                "Give each a configuration and a training job of its own: several 'jobs' in "
                "additionalParams.neptune_ml, or an export for each"
            )


def _apart(names: Sequence[str]) -> str:
    return f"Learn {_listed(names)} by a configuration each: several 'jobs' in additionalParams.neptune_ml"


def unread_by_kge(targets: Sequence[Target], features: int) -> Iterator[str]:
    """What modelType kge passes over."""
    if targets[0].task != "link_prediction":
        yield f"modelType 'kge' had no effect: its models predict links, and the task is {targets[0].task}"
    elif features:
        yield f"modelType 'kge' learns from the edges alone: {features} features are used by no model of that kind"


def _of_feature(spec: FeatureSpec, where: str) -> Iterator[str]:
    facts = FEATURE_TYPES[spec.type]
    known = {name for other in FEATURE_TYPES.values() for name in other.options}
    given = {name for name in spec.model_fields_set if getattr(spec, name) is not None}
    if without := sorted((given & known) - {*facts.options} - _NAMES):
        yield f"{where}: {_listed([repr(name) for name in without])} had no effect on type '{spec.type}'"
    yield from _unknown(spec, where, {*facts.options})


def _of_label(label: LabelSpec, where: str) -> Iterator[str]:
    if label.task == "link_prediction" and label.column:
        yield f"{where}: the column had no effect; links are predicted, whatever properties they have"
    if label.task != "classification" and label.separator is not None:
        yield f"{where}: 'separator' had no effect; only a classification has several values a cell"
    yield from _unknown(label, where)


def _unknown(entry: BaseModel, where: str, also: set[str] | frozenset[str] = frozenset()) -> Iterator[str]:
    fields = sorted({*type(entry).model_fields, *also})
    for name in entry.model_extra or {}:
        if name not in also:
            close = get_close_matches(name, fields, 1)
            hint = f"; did you mean '{close[0]}'?" if close else ""
            yield f"{where}: '{name}' is not known and was ignored{hint}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
