"""What requests to the catalogs ask, read and checked as far as nothing has to run for that."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from training_scripts.graph_ml.schemas.catalog.models import PipelineModel
from training_scripts.graph_ml.schemas.catalog.options import BadOption, Options, camel_keys, read_options
from training_scripts.graph_ml.schemas.catalog.pipelines import (
    APPROXIMATE,
    EXHAUSTIVE,
    PipelineDefinition,
    PipelineKind,
)
from workflow.catalog.errors import ProcedureRefused
from workflow.catalog.projected import ProjectedGraph


def options_of(options: Options, given: Any) -> dict[str, Any]:
    """Options with defaults. Raises ProcedureRefused."""
    if given is not None and not isinstance(given, Mapping):
        raise ProcedureRefused(f"The configuration must be a map, not {given!r}")
    try:
        return read_options(options, given or {})
    except BadOption as error:
        raise ProcedureRefused(str(error)) from error


def configuration(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as answers show them: without what was not given."""
    return {name: value for name, value in options.items() if value is not None}


def property_names(given: Any) -> list[str]:
    """The properties of a configuration: one, several, or keys of maps."""
    if isinstance(given, str):
        return [given]
    names: list[str] = []
    for one in given:
        names.extend(one if isinstance(one, Mapping) else [one])
    return names


def todays_options(kind: PipelineKind, given: Any) -> dict[str, Any]:
    """Options of a training in today's words: the older ``nodeLabels`` and ``relationshipTypes`` of one name each."""
    if given is not None and not isinstance(given, Mapping):
        raise ProcedureRefused(f"The configuration must be a map, not {given!r}")
    values = camel_keys(given or {})
    if kind != "linkPrediction":
        return values
    labels, types = values.pop("nodeLabels", None), values.pop("relationshipTypes", None)
    for word, named, targets in (
        ("nodeLabels", labels, ("sourceNodeLabel", "targetNodeLabel")),
        ("relationshipTypes", types, ("targetRelationshipType",)),
    ):
        if named is None or named in ("*", ["*"]):
            continue
        one = [named] if isinstance(named, str) else list(named)
        if len(one) != 1:
            raise ProcedureRefused(f"`{word}` must name one of them, not {', '.join(one)}; use `{targets[0]}`")
        for target in targets:
            values.setdefault(target, one[0])
    return values


def check_strategy(options: dict[str, Any]) -> None:
    """Raise ProcedureRefused for options of the search that is not meant; fill in ``threshold``."""
    exhaustive = options["sampleRate"] == 1
    wrong = [name for name in (APPROXIMATE if exhaustive else EXHAUSTIVE) if options.get(name) is not None]
    if exhaustive and options.get("randomSeed") is not None:
        wrong.remove("randomSeed")
    if wrong:
        search = "exhaustive" if exhaustive else "approximate"
        raise ProcedureRefused(
            f"Configuration parameters {', '.join(f'`{name}`' for name in wrong)} cannot be used with `sampleRate` "
            f"{options['sampleRate']:g}, which asks for the {search} search"
        )
    if exhaustive and options.get("topN") is None and options.get("pairs") is None:
        raise ProcedureRefused(
            "No value specified for the mandatory configuration parameter `topN`; the exhaustive search needs it"
        )
    if exhaustive and options.get("threshold") is None:
        options["threshold"] = 0.0
    if options.get("randomSeed") is not None and options["concurrency"] > 1 and not exhaustive:
        raise ProcedureRefused("`randomSeed` needs `concurrency` 1, so that results can be repeated")


def predicted_type(model: PipelineModel, options: Mapping[str, Any], graph: ProjectedGraph) -> str:
    """The relationship type that an endpoint answers about. Raises ProcedureRefused where there is no single one."""
    if options["relationshipType"]:
        return str(options["relationshipType"])
    named = options["relationshipTypes"] or [model.config.get("targetRelationshipType") or "*"]
    types = list(graph.description.relationships) if "*" in named else named
    if len(types) != 1:
        raise ProcedureRefused(
            f"The model `{model.name}` predicts {', '.join(types) or 'no relationships'}; say with `relationshipType` "
            "under which type the endpoint is asked"
        )
    return str(types[0])


def property_widths(graph: ProjectedGraph) -> dict[str, int]:
    """How many numbers each node property has."""
    found = {}
    for name, column in graph.description.node_properties.items():
        shape = graph.array(column.file).shape
        found[name] = shape[1] if len(shape) > 1 else 1
    return found


def pair_count(pipeline: PipelineDefinition, nodes: int, arcs: int) -> int:
    """Training and test pairs together; of node pipelines all nodes."""
    if pipeline.kind != "linkPrediction":
        return nodes
    split = pipeline.split
    test = int(arcs * split["testFraction"] / 2)
    train = int((arcs - 2 * test) * split["trainFraction"] / 2)
    return int((test + train) * (1 + split["negativeSamplingRatio"]))


def millis_since(began: float) -> int:
    """Milliseconds since a moment of ``time.monotonic()``."""
    return int(1000 * (time.monotonic() - began))
