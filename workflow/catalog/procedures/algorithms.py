"""Procedures of the algorithms: each in its modes, with an estimate for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS, AlgorithmFacts, Column
from workflow.catalog.procedures.values import CONFIGURATION, ESTIMATE, GRAPH_NAME, Answer, plain, row
from workflow.catalog.procedures.writing import write_node_properties, write_relationships
from workflow.catalog.requests import configuration, millis_since
from workflow.catalog.service import Analysis, GraphAnalytics
from workflow.cypher.planning.procedures import Argument, Procedure

COMMON: Final[tuple[Column, ...]] = (
    *(("preProcessingMillis", "integer"), ("computeMillis", "integer"), ("postProcessingMillis", "integer")),
    ("configuration", "map"),
)
FURTHER: Final[Mapping[str, tuple[Column, ...]]] = {
    "stats": (),
    "mutate": (("mutateMillis", "integer"), ("nodePropertiesWritten", "integer")),
    "write": (("writeMillis", "integer"), ("nodePropertiesWritten", "integer")),
}
FURTHER_OF_PAIRS: Final[Mapping[str, tuple[Column, ...]]] = {
    "stats": (("similarityPairs", "integer"),),
    "mutate": (("mutateMillis", "integer"), ("relationshipsWritten", "integer")),
    "write": (("writeMillis", "integer"), ("relationshipsWritten", "integer")),
}
SMALLEST: Final = ("minCommunitySize", "minComponentSize")


def columns_of(facts: AlgorithmFacts, mode: str) -> tuple[Column, ...]:
    """The columns of an algorithm in a mode."""
    if mode == "stream":
        return facts.columns if facts.answers != "nodes" else (("nodeId", "integer"), *facts.columns)
    further = FURTHER if facts.answers == "nodes" else FURTHER_OF_PAIRS
    return (*further[mode], *facts.summary, *COMMON)


class AlgorithmProcedures:
    """The algorithms over one database's graphs."""

    def __init__(self, analytics: GraphAnalytics) -> None:
        self.analytics = analytics

    def rows(self) -> Iterator[Procedure]:
        """All of them, under all their names."""
        modes: dict[str, Callable[..., Answer]] = {
            "stream": self.stream,
            "stats": self.stats,
            "mutate": self.mutate,
            "write": self.write,
        }
        sized = (Argument("graphNameOrConfiguration", "any"), Argument("algoConfiguration", "map", {}, optional=True))
        for name, facts in ALGORITHMS.items():
            for word in (name, *facts.aliases):
                for mode in facts.modes:
                    columns = columns_of(facts, mode)
                    call = partial(modes[mode], name, columns)
                    procedure = f"gds.{word}.{mode}"
                    yield Procedure(
                        procedure, (GRAPH_NAME, CONFIGURATION), columns, call, "WRITE" if mode == "write" else "READ"
                    )
                    yield Procedure(f"{procedure}.estimate", sized, ESTIMATE, partial(self.estimate, name))

    def _run(self, run: Any, name: str, mode: str, graph: str, given: Any) -> Analysis:
        return self.analytics.algorithm(graph, name, mode, plain(given), run.check_elsewhere)

    def stream(self, name: str, columns: tuple[Column, ...], run: Any, graph: str, given: Any) -> Answer:
        """A row a node, pair or path."""
        found = _large_enough(self._run(run, name, "stream", graph, given))
        yield from zip(*(_cells(found, column) for column, _ in columns), strict=True)

    def stats(self, name: str, columns: tuple[Column, ...], run: Any, graph: str, given: Any) -> Answer:
        """One row that speaks of the whole."""
        found = self._run(run, name, "stats", graph, given)
        yield row(columns, {**_summary(found), "similarityPairs": len(next(iter(found.columns.values()), ()))})

    def mutate(self, name: str, columns: tuple[Column, ...], run: Any, graph: str, given: Any) -> Answer:
        """Add the result to the projected graph."""
        found = self._run(run, name, "mutate", graph, given)
        began, facts, projected = time.monotonic(), ALGORITHMS[name], self.analytics.graphs.get(graph)
        now, key = self.analytics.graphs.clock(), found.options["mutateProperty"]
        values = found.columns[facts.property_column]
        if facts.answers == "nodes":
            written = projected.add_property(key, found.columns["place"], values, found.options["nodeLabels"], now)
        else:
            ends, type_ = (found.columns["node1"], found.columns["node2"]), found.options["mutateRelationshipType"]
            written = projected.add_relationships(type_, *ends, {key: values}, both=False, now_ms=now)
        yield row(columns, {**_summary(found), **_written(written), "mutateMillis": millis_since(began)})

    def write(self, name: str, columns: tuple[Column, ...], run: Any, graph: str, given: Any) -> Answer:
        """Write the result to the database."""
        found = _large_enough(self._run(run, name, "write", graph, given))
        began, facts = time.monotonic(), ALGORITHMS[name]
        key, values = found.options["writeProperty"], found.columns[facts.property_column]
        if facts.answers == "nodes":
            written = write_node_properties(run, key, found.columns["nodeId"], values)
        else:
            ends, type_ = (found.columns["node1"], found.columns["node2"]), found.options["writeRelationshipType"]
            written = write_relationships(run, type_, key, *ends, values)
        yield row(columns, {**_summary(found), **_written(written), "writeMillis": millis_since(began)})

    def estimate(self, name: str, run: Any, graph: Any, given: Any) -> Answer:
        """What it would take."""
        yield row(ESTIMATE, self.analytics.estimate_algorithm(plain(graph), name, plain(given)))


def _written(count: int) -> dict[str, int]:
    return {"nodePropertiesWritten": count, "relationshipsWritten": count}


def _summary(found: Analysis) -> dict[str, Any]:
    times = {"preProcessingMillis": 0, "postProcessingMillis": 0, "computeMillis": found.millis}
    return {**found.summary, **times, "configuration": configuration(found.options)}


def _cells(found: Analysis, column: str) -> list[Any]:
    if column in found.columns:
        return list(found.columns[column].tolist())
    return found.lists.get(column, [None] * len(next(iter(found.columns.values()))))


def _large_enough(found: Analysis) -> Analysis:
    """Without nodes whose community is smaller than was asked for."""
    least = max((found.options.get(name) or 0 for name in SMALLEST), default=0)
    groups = next((found.columns[name] for name in ("communityId", "componentId") if name in found.columns), None)
    if groups is None or least < 2:
        return found
    _, inverse, counts = np.unique(groups, return_inverse=True, return_counts=True)
    kept = counts[inverse] >= least
    found.columns = {name: values[kept] for name, values in found.columns.items()}
    return found
