"""Statistics and summary of a graph, as Neptune's endpoints of those names report them.

Source: the Neptune user guide, "Graph summary" and "Managing statistics".
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workflow.errors import StatisticsNotAvailable
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.views import StoredGraph

if TYPE_CHECKING:
    from workflow.graphs.store.store import EmbeddedGraph


@dataclass(frozen=True, slots=True)
class Computed:
    """One computation: its id, when it was made, of which version of the graph, and what it found."""

    id: int
    made: datetime
    version: tuple[int, int]
    signatures: int
    instances: int
    predicates: int
    summary: dict[str, Any]
    structures: dict[str, Any]


class GraphStatistics:
    """Statistics of one graph, computed when asked for after a change, unless that is off or they were deleted."""

    def __init__(self, graph: EmbeddedGraph) -> None:
        self._graph = graph
        self._lock = threading.Lock()  # guards what was computed, and lets one thread compute
        self._auto = True
        self._deleted = False
        self._computed: Computed | None = None

    def describe(self) -> dict[str, Any]:
        """What GET answers as payload. Raises StatisticsNotAvailable."""
        computed = self._current()
        return {
            "autoCompute": self._auto,
            "active": True,
            "statisticsId": str(computed.id),
            "date": _iso(computed.made),
            "note": "",
            "signatureInfo": {
                "signatureCount": computed.signatures,
                "instanceCount": computed.instances,
                "predicateCount": computed.predicates,
            },
        }

    def summary(self, detailed: bool) -> dict[str, Any]:
        """The summary's payload. Raises StatisticsNotAvailable."""
        computed = self._current()
        found = {**computed.summary, **(computed.structures if detailed else {})}
        return {"version": "v1", "lastStatisticsComputationTime": _iso(computed.made), "graphSummary": found}

    def set_auto(self, auto: bool) -> None:
        """Whether a change makes the next question compute anew."""
        with self._lock:
            self._auto = auto
            self._deleted = self._deleted and not auto

    def refresh(self) -> str:
        """Compute now; returns the id."""
        with self._lock:
            self._deleted = False
            return str(self._compute().id)

    def delete(self) -> None:
        """Forget them; they stay away until ``refresh``, or until computing by itself is switched on again."""
        with self._lock:
            self._computed, self._deleted = None, True

    def _current(self) -> Computed:
        with self._lock:
            if self._deleted or (self._computed is None and not self._auto):
                raise StatisticsNotAvailable("Statistics are not available; POST mode=refresh computes them")
            stale = self._computed is None or self._computed.version != self._graph.version()
            if self._computed is None or (stale and self._auto):
                return self._compute()
            return self._computed

    def _compute(self) -> Computed:
        version = self._graph.version()
        with self._graph.reading() as graph:
            self._computed = _compute(graph, int(time.time() * 1000), version)
        return self._computed


def _compute(graph: StoredGraph, id: int, version: tuple[int, int]) -> Computed:
    state = graph.state
    rows, edge_rows = state.vertices.row_array(None), state.edges.row_array(None)
    labels = used_labels(state.vertices, rows)
    edge_labels = used_labels(state.edges, edge_rows)
    parts = sorted({part for name in labels for part in graph.label_parts(name)})
    node_counts, edge_counts = value_counts(state.vertices, rows), value_counts(state.edges, edge_rows)
    leaving = {name: graph.degree_array("out", [name])[rows] > 0 for name in sorted(edge_labels)}
    summary = {
        "numNodes": len(rows),
        "numEdges": len(edge_rows),
        "numNodeLabels": len(parts),
        "numEdgeLabels": len(edge_labels),
        "nodeLabels": parts,
        "edgeLabels": sorted(edge_labels),
        "numNodeProperties": len(node_counts),
        "numEdgeProperties": len(edge_counts),
        "nodeProperties": _used(node_counts),
        "edgeProperties": _used(edge_counts),
        "totalNodePropertyValues": int(sum(counts.sum() for counts in node_counts.values())),
        "totalEdgePropertyValues": int(sum(counts.sum() for counts in edge_counts.values())),
    }
    node_sets = _sets({key: counts > 0 for key, counts in node_counts.items()} | _marked(leaving), len(rows))
    edge_sets = _sets({key: counts > 0 for key, counts in edge_counts.items()}, len(edge_rows))
    structures = {
        "nodeStructures": [
            {
                "count": count,
                "nodeProperties": [name for name in names if not isinstance(name, _Leaving)],
                "distinctOutgoingEdgeLabels": [str(name) for name in names if isinstance(name, _Leaving)],
            }
            for names, count in node_sets
        ],
        "edgeStructures": [{"count": count, "edgeProperties": list(names)} for names, count in edge_sets],
    }
    predicates = len(node_counts) + len(edge_counts) + len(edge_labels)
    made = datetime.fromtimestamp(id / 1000, UTC)
    return Computed(id, made, version, len(node_sets), len(rows), predicates, summary, structures)


class _Leaving(str):
    """The label of an outgoing edge, to be told from a property key of the same name."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is _Leaving and str.__eq__(self, other)

    def __hash__(self) -> int:
        return hash(("leaving", str(self)))


def _marked(leaving: dict[str, NDArray[np.bool_]]) -> dict[str, NDArray[np.bool_]]:
    return {_Leaving(name): held for name, held in leaving.items()}


def used_labels(elements: Elements, rows: NDArray[np.int32]) -> list[str]:
    """The labels of some rows, int32 (n,), each once."""
    codes = elements.label_array()[rows]
    return [elements.label_names[code] for code in np.unique(codes).tolist()]


def value_counts(elements: Elements, rows: NDArray[np.int32]) -> dict[str, NDArray[np.int32]]:
    """How many values each of some rows, int32 (n,), holds of each key, int32 (n,); keys without any are left out."""
    found = {key: elements.columns[key].counts(len(elements))[rows] for key in sorted(elements.columns)}
    return {key: counts for key, counts in found.items() if counts.any()}


def _used(counts: dict[str, NDArray[np.int32]]) -> list[dict[str, int]]:
    return [{key: int((held > 0).sum())} for key, held in counts.items()]


def _sets(held: dict[str, NDArray[np.bool_]], size: int) -> list[tuple[list[str], int]]:
    """Distinct sets of names over all rows, most frequent first."""
    if not size:
        return []
    names = list(held)
    if not names:
        return [([], size)]
    packed = np.packbits(np.column_stack(list(held.values())), axis=1)
    distinct, counts = np.unique(packed, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    bits = np.unpackbits(distinct[order], axis=1, count=len(names)).astype(bool)
    return [
        ([names[place] for place in np.flatnonzero(row).tolist()], int(count))
        for row, count in zip(bits, counts[order], strict=True)
    ]


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
