"""``training-data-configuration.json``: what data processing reads, written from the schema an export found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from training_scripts.graph_ml.schemas import FEATURE_TYPES
from workflow.export.features import FeatureOverride
from workflow.export.labels import EdgeTriple, NodeType, joined_labels
from workflow.export.plan import CsvForm
from workflow.export.schema import NUMERIC_TYPES, PropertyFacts, TypeSchema
from workflow.export.specification import Target, TrainingJob


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file that was written; ``path`` is relative to the export, with the encoded name."""

    path: str
    schema: TypeSchema


def training_configuration(
    job: TrainingJob, nodes: Iterable[DataFile], edges: Iterable[DataFile], form: CsvForm
) -> dict[str, Any]:
    """The whole content of one configuration file."""
    nodes, edges = list(nodes), list(edges)
    warnings = list(_of_nothing(job, [one.schema.on for one in (*nodes, *edges)]))
    graph = {
        "nodes": [_node(job, node, warnings) for node in nodes],
        "edges": [_edge(job, edge, warnings) for edge in edges],
    }
    for entry in (*graph["nodes"], *graph["edges"]):
        for feature in entry.get("features", ()):
            feature["feature"][:2] = map(form.column, feature["feature"][:2])
        if "time" in entry:
            entry["time"] = form.column(entry["time"])
        for label in entry.get("labels", ()):
            label["label"][0] = form.column(label["label"][0])
    return {"version": "v2.0", "query_engine": "gremlin", "graph": graph, "warnings": warnings}


def _of_nothing(job: TrainingJob, exported: Sequence[NodeType | EdgeTriple]) -> Iterator[str]:
    """Features and times of labels that the export does not have."""
    for on, time in job.times.items():
        if on not in exported:
            kind, named = _named(on)
            yield f"Unable to tell times (Label: {named}, Property: {time}). The export has no {kind} of that label."
    for override in job.features:
        if override.on not in exported:
            kind, named = _named(override.on)
            alike = sorted(text for other, text in map(_named, exported) if other == kind)
            close = get_close_matches(named, alike, 1)
            there = f"did you mean {close[0]}?" if close else f"there are {', '.join(alike) or f'no {kind}s'}"
            yield (
                f"Unable to add {override.type} feature override (Label: {named}, "
                f"Property: {', '.join(override.properties)}). The export has no {kind} of that label; {there}"
            )


def _named(on: NodeType | EdgeTriple) -> tuple[str, str]:
    return ("node", on.text) if isinstance(on, NodeType) else ("edge", on.bracketed)


def _node(job: TrainingJob, data: DataFile, warnings: list[str]) -> dict[str, Any]:
    on = data.schema.on
    assert isinstance(on, NodeType)
    targets = [target for target in job.targets if target.on == on]
    entry: dict[str, Any] = {
        "file_name": data.path,
        "separator": ",",
        "node": ["~id", on.text],
        "features": _features(job, data.schema, targets, warnings),
    }
    _add_time(entry, job, data.schema, warnings)
    if targets:
        entry["labels"] = _labels(targets, data.schema, "node", on.text, warnings, "time" in entry)
    return entry


def _edge(job: TrainingJob, data: DataFile, warnings: list[str]) -> dict[str, Any]:
    on = data.schema.on
    assert isinstance(on, EdgeTriple)
    targets = [target for target in job.targets if target.on == on]
    entry: dict[str, Any] = {
        "file_name": data.path,
        "separator": ",",
        "source": ["~from", joined_labels(on.source)],
        "relation": ["", on.label],
        "dest": ["~to", joined_labels(on.target)],
    }
    _add_time(entry, job, data.schema, warnings)
    if job.edge_features:
        entry["features"] = _features(job, data.schema, targets, warnings)
    if targets:
        entry["labels"] = _labels(targets, data.schema, "edge", on.bracketed, warnings, "time" in entry)
    return entry


def _add_time(entry: dict[str, Any], job: TrainingJob, schema: TypeSchema, warnings: list[str]) -> None:
    if (time := job.times.get(schema.on)) is not None:
        if time in schema.properties:
            entry["time"] = time
        else:
            named = f"(Label: {_named(schema.on)[1]}, Property: {time})"
            warnings.append(f"Unable to tell times {named}. Property is missing.")


def _labels(
    targets: list[Target], schema: TypeSchema, kind: str, named: str, warnings: list[str], timed: bool = False
) -> list[dict[str, Any]]:
    labels = []
    for target in targets:
        if target.task == "link_prediction":
            labels.append({"label": ["", "link_prediction"], **_split(target, timed)})
            continue
        if target.horizon is not None:  # no property of the graph: processing makes it
            labels.append({"label": [target.property, target.task], **_split(target, timed)})
            continue
        facts = schema.properties.get(target.property)
        if facts is None:
            # "classification" of regression targets, too: that is how the exporter words it
            warnings.append(
                f"Unrecognized {kind} classification property (Label: {named}, Property: {target.property})."
            )
            continue
        label: dict[str, Any] = {"label": [target.property, target.task], **_split(target, timed)}
        separator = target.separator or (";" if facts.multi else None)
        if separator is not None:
            label["separator"] = separator
        labels.append(label)
    return labels


def _split(target: Target, timed: bool) -> dict[str, Any]:
    return {**_parts(target, timed), **_past(target)}


def _past(target: Target) -> dict[str, Any]:
    if target.history is None:
        return {}
    return {"history": target.history and target.history.model_dump(exclude_none=True, mode="json")}


def _parts(target: Target, timed: bool) -> dict[str, Any]:
    if target.horizon is not None:
        dates = {} if target.split_dates is None else {"split_dates": list(target.split_dates)}
        return {"horizon": target.horizon.model_dump(exclude_none=True, mode="json"), **dates}
    if timed and target.split_dates is not None:
        return {"split_dates": list(target.split_dates)}
    return {"split_rate": list(target.split_rate)}


def _features(job: TrainingJob, schema: TypeSchema, targets: list[Target], warnings: list[str]) -> list[dict[str, Any]]:
    """Inferred and special features in the schema's order, then numerical, category and auto overrides in theirs."""
    on_edge = isinstance(schema.on, EdgeTriple)
    used_as_label = {target.property for target in targets}
    overrides = [
        feature for feature in job.features if feature.on == schema.on and not (on_edge and feature.type == "auto")
    ]
    special = {
        name: override
        for override in overrides
        if not FEATURE_TYPES[override.type].listed_last
        for name in override.properties
    }
    appended = {
        name for override in overrides if FEATURE_TYPES[override.type].listed_last for name in override.properties
    }
    features = []
    for facts in schema.properties.values():
        if facts.name in used_as_label:
            continue
        if not job.infer_features:
            features.append(_entry(facts.name, "none"))
        elif facts.name in special:
            features.append(_special(special[facts.name], facts, warnings))
        elif facts.name not in appended:
            features.append(_inferred(facts, warnings))
    for name, override in special.items():
        _usable(override, name, schema, used_as_label, warnings)
    for override in overrides:
        if FEATURE_TYPES[override.type].listed_last:
            features.extend(_appended(override, schema, used_as_label, warnings))
    return features


def _entry(name: str, type_name: str, **options: Any) -> dict[str, Any]:
    return {"feature": [name, name, type_name], **options}


def _inferred(facts: PropertyFacts, warnings: list[str]) -> dict[str, Any]:
    if facts.type == "Date":
        if facts.multi:
            warnings.append(_multi_datetime(facts.name))
            return _entry(facts.name, "auto", separator=";")
        return _entry(facts.name, "datetime", datetime_parts=["year", "month", "weekday", "hour"])
    if facts.type in NUMERIC_TYPES:
        if facts.multi:
            return _entry(facts.name, "auto", separator=";", imputer="median")
        return _entry(facts.name, "numerical", norm="min-max", imputer="median")
    return _entry(facts.name, "auto", separator=";") if facts.multi else _entry(facts.name, "auto")


def _special(override: FeatureOverride, facts: PropertyFacts, warnings: list[str]) -> dict[str, Any]:
    if facts.multi and override.type == "datetime":
        warnings.append(_multi_datetime(facts.name))
        return _entry(facts.name, "auto", separator=";")
    if facts.multi and not FEATURE_TYPES[override.type].several:
        warnings.append(
            f"{override.type} feature does not support multi-value properties. "
            f"Auto-inferring a feature for '{facts.name}'."
        )
        return _inferred(facts, warnings)
    warnings.extend(text.format(property=facts.name) for text in override.warnings)
    return _entry(facts.name, override.type, **override.options)


def _appended(
    override: FeatureOverride, schema: TypeSchema, used_as_label: set[str], warnings: list[str]
) -> list[dict[str, Any]]:
    features = []
    for name in override.properties:
        facts = _usable(override, name, schema, used_as_label, warnings)
        if facts is None:
            continue
        separator = override.separator or (";" if facts.multi else None)
        options = {"separator": separator} if separator else {}
        features.append(_entry(name, override.type, **options, **override.options))
    return features


def _usable(
    override: FeatureOverride, name: str, schema: TypeSchema, used_as_label: set[str], warnings: list[str]
) -> PropertyFacts | None:
    """What was seen of a property that can be a feature; None, with a warning, where it cannot."""
    facts = schema.properties.get(name)
    if facts is not None and name not in used_as_label:
        return facts
    kind, named = _named(schema.on)
    warnings.append(
        f"Unable to add {override.type} feature override (Label: {named}, Property: {name}). "
        f"Property is missing, or is being used to label the {kind}."
    )
    return None


def _multi_datetime(name: str) -> str:
    return (
        f"Unable to add datetime feature for '{name}'. Multi-value datetime features not currently supported. "
        "Adding an auto feature instead."
    )
