"""``additionalParams.neptune_ml``: what to predict and how to encode properties, checked with the exporter's messages.

Source: the machine-learning-neptune-ml-targets and -features pages of the user guide; where the exporter's code
differs, the code's form is written and both are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from training_scripts.graph_ml.schemas import HistorySpec, HorizonSpec, LabelSpec
from workflow.errors import InvalidParameter
from workflow.export.features import FeatureOverride, parse_feature
from workflow.export.labels import EdgeTriple, NodeType, split_labels
from workflow.export.parameters import flag_of

DEFAULT_SPLIT_RATE = (0.9, 0.1, 0.0)
DEFAULT_CONFIGURATION_NAME = "training-data-configuration"
_OWN_FILES = ("config", "stats", "lastEventId")
_NODE_TASKS = ("classification", "regression")
_EDGE_TASKS = ("classification", "regression", "link_prediction")


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to predict; ``property`` is empty for link prediction.

    ``split_dates`` say where training and validation end, in place of a split rate, and ``horizon`` what is asked of
    the future, ``history`` what is told of the past; all are ours, not the service's.
    """

    on: NodeType | EdgeTriple
    task: str
    property: str
    split_rate: tuple[float, float, float]
    separator: str | None = None
    split_dates: tuple[str, str] | None = None
    horizon: HorizonSpec | None = None
    history: HistorySpec | Literal[False] | None = None


@dataclass(frozen=True, slots=True)
class TrainingJob:
    """What one training configuration file is written from.

    ``times`` name the property that says when a node or edge of a type came to be; ours, not the service's.
    """

    name: str
    targets: tuple[Target, ...] = ()
    features: tuple[FeatureOverride, ...] = ()
    infer_features: bool = True  # feature_encoding "auto"
    edge_features: bool = True
    times: Mapping[NodeType | EdgeTriple, str] = field(default_factory=dict)


def parse_jobs(neptune_ml: object) -> tuple[TrainingJob, ...]:
    """Every job of the request, in order. Raises InvalidParameter with the exporter's texts."""
    if isinstance(neptune_ml, Mapping):
        edge_features = not flag_of(neptune_ml, "disableEdgeFeatures")
        entries = neptune_ml.get("jobs")
        if entries is None:
            entries = [neptune_ml]
        elif isinstance(entries, Mapping):
            entries = [entries]
    else:
        edge_features, entries = True, neptune_ml
    if (
        not isinstance(entries, Sequence)
        or isinstance(entries, str)
        or not all(isinstance(e, Mapping) for e in entries)
    ):
        raise InvalidParameter(
            "Error parsing 'neptune_ml' field for additionalParams. Expected an object, or an array."
        )
    version = str(neptune_ml.get("version", "v2.0")) if isinstance(neptune_ml, Mapping) else "v2.0"
    if not version.startswith("v2"):
        raise InvalidParameter(f"Invalid 'version' value for neptune_ml: '{version}'. Valid values are: 'v2.0'.")
    jobs = tuple(_job(entry, number, edge_features) for number, entry in enumerate(entries, 1))
    names = [job.name for job in jobs]
    if len(set(names)) < len(names):
        raise InvalidParameter(f"Training data configuration names must be unique: [{', '.join(dict.fromkeys(names))}]")
    return jobs or (TrainingJob(DEFAULT_CONFIGURATION_NAME, edge_features=edge_features),)


def _job(entry: Mapping[str, Any], number: int, edge_features: bool) -> TrainingJob:
    split_rate = _split_rate(entry, "config", DEFAULT_SPLIT_RATE)
    default = DEFAULT_CONFIGURATION_NAME if number == 1 else f"{DEFAULT_CONFIGURATION_NAME}-{number}"
    times = dict(_times(entry))
    targets = tuple(_target(one, split_rate) for one in _entries(entry, "targets"))
    for target in targets:
        if target.horizon is not None:
            _check_horizon(target, times)
        elif target.split_dates is not None and target.on not in times:
            raise InvalidParameter(
                f"The 'split_dates' of {_named(target.on)} need a time: name the property under 'targets' as 'time', "
                "or under 'times'."
            )
    return TrainingJob(
        name=_configuration_name(entry.get("name"), default),
        targets=targets,
        features=tuple(parse_feature(one, _subject(one, "feature")) for one in _entries(entry, "features")),
        infer_features=str(entry.get("feature_encoding", "auto")).lower() != "none",
        edge_features=edge_features,
        times=times,
    )


def _times(entry: Mapping[str, Any]) -> Iterator[tuple[NodeType | EdgeTriple, str]]:
    """The times of types, named under ``times`` or by a target of the type."""
    timed = [member for member in _entries(entry, "targets") if member.get("time") is not None]
    for member, name in [
        *((member, "property") for member in _entries(entry, "times")),
        *((member, "time") for member in timed),
    ]:
        on, property = _subject(member, "time"), member.get(name)
        if not isinstance(property, str) or not property:
            raise InvalidParameter(
                f"Error parsing '{name}' field for the time of {_named(on)}. Expected the name of a property."
            )
        yield on, property


def _named(on: NodeType | EdgeTriple) -> str:
    return on.text if isinstance(on, NodeType) else on.bracketed


def _configuration_name(name: object, default: str) -> str:
    if name is None or name == "":
        return default
    if not isinstance(name, str) or "/" in name or "\\" in name or name.startswith(".") or "\0" in name:
        raise InvalidParameter(f"Error parsing 'name' field for config. Expected a plain file name, found {name!r}.")
    plain = name.removesuffix(".json")
    if plain in _OWN_FILES:
        raise InvalidParameter(f"Error parsing 'name' field for config. {plain}.json is a file of the export itself.")
    return plain


def _entries(entry: Mapping[str, Any], field: str) -> Iterator[Mapping[str, Any]]:
    value = entry.get(field)
    if value is None:
        return
    for one in [value] if isinstance(value, Mapping) else value if isinstance(value, list) else [None]:
        if not isinstance(one, Mapping):
            raise InvalidParameter(f"Error parsing '{field}' field for config. Expected an array of objects.")
        yield one


def _target(entry: Mapping[str, Any], split_rate: tuple[float, float, float]) -> Target:
    on = _subject(entry, "target")
    kind = "node" if isinstance(on, NodeType) else "edge"
    named = on.text if isinstance(on, NodeType) else on.bracketed
    tasks = _NODE_TASKS if kind == "node" else _EDGE_TASKS
    property = entry.get("property")
    context = f"{kind} label (Label: {named}" + (f", Property: {property})" if property else ")")
    if kind == "node" and (not isinstance(property, str) or not property):
        raise InvalidParameter(
            f"Error parsing 'property' field for {context}. Expected a 'property' field with a string value."
        )
    task = entry.get("type")
    if task not in tasks:
        valid = ", ".join(f"'{task}'" for task in tasks)
        if not task:
            raise InvalidParameter(
                f"Error parsing 'type' field for {context}. Expected one of the following values: {valid}."
            )
        raise InvalidParameter(f"Invalid 'type' value for {context}: '{task}'. Valid values are: {valid}.")
    if kind == "edge" and task != "link_prediction" and (not isinstance(property, str) or not property):
        raise InvalidParameter(f"Missing or empty 'property' field for edge {task} specification (Label: {named}).")
    separator = entry.get("separator")
    if separator is not None and (not isinstance(separator, str) or not separator):
        raise InvalidParameter(f"Error parsing 'separator' field for {context}. Expected a string of one character.")
    return Target(
        on=on,
        task=str(task),
        property="" if task == "link_prediction" else str(property),
        split_rate=_split_rate(entry, context, split_rate),
        separator=separator,
        split_dates=_split_dates(entry, context),
        **_of_time(entry, context),
    )


def _of_time(entry: Mapping[str, Any], context: str) -> dict[str, Any]:
    """The horizon of a target, and what is told of the past of its vertices, as data processing reads them."""
    given = {name: entry[name] for name in ("horizon", "history") if entry.get(name) is not None}
    if not given:
        return {}
    if "horizon" in given and entry.get("split_rate") is not None:
        raise InvalidParameter(
            f"Error parsing 'split_rate' field for {context}. A 'horizon' is split by dates; 'split_dates' name those "
            "of validation and test."
        )
    label = [entry.get("property") or "", entry.get("type")]
    try:
        read = LabelSpec.model_validate({"label": label, **given})
        return {name: getattr(read, name) for name in given}
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or next(iter(given))
        text = str(first["msg"]).removeprefix("Value error, ")
        raise InvalidParameter(f"Error parsing '{where}' field for {context}. {text}.") from error


def _check_horizon(target: Target, times: Mapping[NodeType | EdgeTriple, str]) -> None:
    """A horizon needs the time of the edges that it asks about."""
    edge = None if target.horizon is None else target.horizon.edge
    asked = target.on
    if edge is not None:
        asked = EdgeTriple(
            _label_set(edge[0], "edge", "edge label"), edge[1], _label_set(edge[2], "edge", "edge label")
        )
    if asked not in times:
        raise InvalidParameter(
            f"The 'horizon' of {_named(target.on)} asks when edges {_named(asked)} come: name their property of time "
            "under 'times'."
        )


def _split_dates(entry: Mapping[str, Any], context: str) -> tuple[str, str] | None:
    dates = entry.get("split_dates")
    if dates is None:
        return None
    if entry.get("split_rate") is not None:
        raise InvalidParameter(f"Error parsing 'split_dates' field for {context}. It stands in place of 'split_rate'.")
    if not isinstance(dates, list) or len(dates) != 2 or not all(isinstance(date, str) and date for date in dates):
        raise InvalidParameter(f"Error parsing 'split_dates' field for {context}. Expected an array with 2 dates.")
    return dates[0], dates[1]


def _subject(entry: Mapping[str, Any], what: str) -> NodeType | EdgeTriple:
    if entry.get("node") is not None:
        return NodeType(_label_set(entry["node"], "node", "node label"))
    edge = entry.get("edge")
    if edge is None:
        raise InvalidParameter(f"Illegal {what} element. Expected 'node' or 'edge' field.")
    if not isinstance(edge, list) or len(edge) != 3 or not isinstance(edge[1], str) or not edge[1]:
        raise InvalidParameter("Error parsing 'edge' field for edge label. Expected an array with 3 values.")
    return EdgeTriple(_label_set(edge[0], "edge", "edge label"), edge[1], _label_set(edge[2], "edge", "edge label"))


def _label_set(value: object, field: str, context: str) -> tuple[str, ...]:
    if isinstance(value, str) and value:
        return () if value == "_" else split_labels(value)
    if isinstance(value, list) and value and all(isinstance(one, str) and one for one in value):
        return tuple(sorted(value))
    raise InvalidParameter(
        f"Error parsing '{field}' field for {context}. Expected a label, or an array of labels, found {value!r}."
    )


def _split_rate(
    entry: Mapping[str, Any], context: str, default: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Three fractions. The exporter insists on exact sums of doubles; a rounding error of 1e-9 passes here."""
    value = entry.get("split_rate")
    if value is None:
        return default
    if isinstance(value, list) and len(value) == 3:
        numbers = [
            float(one) for one in value if isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1
        ]
        if len(numbers) == 3 and abs(sum(numbers) - 1.0) <= 1e-9:
            return numbers[0], numbers[1], numbers[2]
    raise InvalidParameter(
        f"Error parsing 'split_rate' field for {context}. Expected an array with 3 double values that add up to 1.0."
    )
