"""Functions and small procedures beside the catalogs: nodes by number, measures of pairs, what runs, what there is."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from training_scripts.graph_ml.schemas.catalog.algorithms import Column
from workflow.catalog.errors import ProcedureRefused
from workflow.catalog.graphs import now_ms
from workflow.catalog.procedures.values import Answer, plain
from workflow.catalog.service import GraphAnalytics, RunningAnalysis
from workflow.cypher.functions.function import Function
from workflow.cypher.planning.procedures import Argument, LibraryRow, NamedFunction, Procedure
from workflow.cypher.semantics.elements import property_of
from workflow.graphs.elements import Vertex, Way

VERSION: Final = "2.13.9"
"""The version of Neo4j's library whose procedures these are, and which its clients look for."""

PROGRESS: Final[tuple[Column, ...]] = (
    *(("username", "string"), ("jobId", "string"), ("taskName", "string"), ("progress", "string")),
    *(("progressBar", "string"), ("status", "string"), ("timeStarted", "any"), ("elapsedTime", "string")),
)
PAIR_MEASURES: Final = (
    *("adamicAdar", "commonNeighbors", "preferentialAttachment", "resourceAllocation", "totalNeighbors"),
)
WAYS: Final[dict[str, Way]] = {"BOTH": "both", "OUTGOING": "out", "INCOMING": "in"}


class Functions:
    """What the procedures of one database have beside the catalogs."""

    def __init__(self, analytics: GraphAnalytics) -> None:
        self.analytics = analytics

    def rows(self) -> Iterator[LibraryRow]:
        """All of them."""
        for name, function in self._functions().items():
            yield NamedFunction(name, function)
        yield Procedure("gds.version", (), (("gdsVersion", "string"),), lambda run: iter([(VERSION,)]))
        job = Argument("jobId", "string", "", optional=True)
        yield Procedure("gds.listProgress", (job,), PROGRESS, self.progress)
        yield Procedure("gds.beta.listProgress", (job,), PROGRESS, self.progress)
        arrow = (("listenAddress", "string"), ("enabled", "boolean"), ("running", "boolean"), ("versions", "list"))
        yield Procedure("gds.debug.arrow", (), arrow, lambda run: iter([("", False, False, [])]))
        pair = (("key", "string"), ("value", "any"))
        yield Procedure("gds.debug.sysInfo", (), pair, self.system)
        licence = (("isLicensed", "boolean"), ("details", "string"))
        said = "Despina answers these procedures; no licence of Neo4j is involved"
        yield Procedure("gds.license.state", (), licence, lambda run: iter([(False, said)]))
        user = (("user", "string"), ("name", "string"), ("entity", "string"), ("memoryInBytes", "integer"))
        yield Procedure("gds.memory.list", (), user, self.memory)

    def _functions(self) -> dict[str, Function]:
        found = {
            "gds.version": Function(lambda: VERSION, 0, 0, returns="string"),
            "gds.isLicensed": Function(lambda: False, 0, 0, returns="boolean"),
            "gds.graph.exists": Function(self.graph_exists, 1, 1, contextual=True),
            "gds.util.asNode": Function(_node, 1, 1, contextual=True),
            "gds.util.asNodes": Function(_nodes, 1, 1, contextual=True),
            "gds.util.nodeProperty": Function(self.node_property, 3, 4, contextual=True),
            "gds.util.NaN": Function(lambda: math.nan, 0, 0, returns="float"),
            "gds.util.infinity": Function(lambda: math.inf, 0, 0, returns="float"),
            "gds.util.isFinite": Function(lambda value: math.isfinite(value), 1, 1, returns="boolean"),
            "gds.util.isInfinite": Function(lambda value: math.isinf(value), 1, 1, returns="boolean"),
            "gds.alpha.ml.oneHotEncoding": Function(_one_hot, 2, 2, returns="list"),
            "gds.util.oneHotEncoding": Function(_one_hot, 2, 2, returns="list"),
            "gds.similarity.cosine": Function(_cosine, 2, 2, returns="float"),
            "gds.similarity.pearson": Function(_pearson, 2, 2, returns="float"),
            "gds.similarity.euclideanDistance": Function(math.dist, 2, 2, returns="float"),
            "gds.similarity.euclidean": Function(lambda a, b: 1 / (1 + math.dist(a, b)), 2, 2, returns="float"),
            "gds.similarity.jaccard": Function(_jaccard, 2, 2, returns="float"),
            "gds.similarity.overlap": Function(_overlap, 2, 2, returns="float"),
        }
        for prefix in ("gds.alpha.linkprediction", "gds.linkprediction"):
            for name in PAIR_MEASURES:
                found[f"{prefix}.{name}"] = Function(partial(_measure, name), 2, 3, returns="float")
            found[f"{prefix}.sameCommunity"] = Function(_same_community, 2, 3, returns="float")
        return found

    def graph_exists(self, run: Any, name: str) -> bool:
        """Whether there is a graph of a name."""
        return self.analytics.graphs.find(name) is not None

    def node_property(self, run: Any, name: str, node: Any, key: str, label: str = "*") -> Any:
        """A property of a node in a projected graph."""
        graph = self.analytics.graphs.get(name)
        graph.check_properties([key])
        ids, id = graph.ids(), plain(node)
        place = int(ids.searchsorted(id))
        if place == len(ids) or ids[place] != id:
            raise ProcedureRefused(f"The graph `{name}` has no node {id}")
        return graph.array(graph.description.node_properties[key].file)[place].tolist()

    def progress(self, run: Any, job_id: str) -> Answer:
        """What runs now, or the piece of work of an id."""
        for one in self.analytics.running():
            if not job_id or one.job_id == job_id:
                yield _progress_row(one)

    def memory(self, run: Any) -> Answer:
        """What projected graphs take."""
        for graph in self.analytics.graphs.list():
            yield run.user, graph.name, "graph", graph.size_bytes

    def system(self, run: Any) -> Answer:
        """What clients ask a server about itself."""
        yield "gdsVersion", VERSION
        yield "gdsEdition", "Unlicensed"
        yield "availableCPUs", os.cpu_count() or 1


def _progress_row(one: RunningAnalysis) -> tuple[Any, ...]:
    share = one.share()
    done = int(10 * (share or 0))
    seconds = (now_ms() - one.started_ms) // 1000
    text = "n/a" if share is None else f"{100 * share:.2f}%"
    bar = f"[{'#' * done}{'~' * (10 - done)}]"
    return "", one.job_id, one.name, text, bar, "RUNNING", None, f"{seconds} seconds"


def _node(run: Any, id: Any) -> Vertex | None:
    """The node of a number; null where there is none."""
    return Vertex(run.graph, int(id)) if run.graph.has_vertex(int(id)) else None


def _nodes(run: Any, ids: list[Any]) -> list[Vertex]:
    """The nodes of some numbers that there are."""
    found = (_node(run, id) for id in ids)
    return [node for node in found if node is not None]


def _one_hot(available: list[Any], selected: list[Any]) -> list[int]:
    return [int(one in selected) for one in available]


def _checked(one: list[Any], other: list[Any]) -> None:
    if len(one) != len(other):
        raise ProcedureRefused(f"Vectors must be of the same length, not of {len(one)} and {len(other)}")


def _cosine(one: list[Any], other: list[Any]) -> float:
    _checked(one, other)
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


def _pearson(one: list[Any], other: list[Any]) -> float:
    means = [sum(values) / len(values) if values else 0.0 for values in (one, other)]
    return _cosine(*([value - mean for value in values] for values, mean in zip((one, other), means, strict=True)))


def _jaccard(one: list[Any], other: list[Any]) -> float:
    both, either = set(one) & set(other), set(one) | set(other)
    return len(both) / len(either) if either else 0.0


def _overlap(one: list[Any], other: list[Any]) -> float:
    smaller = min(len(set(one)), len(set(other)))
    return len(set(one) & set(other)) / smaller if smaller else 0.0


def _neighbours(node: Vertex, way: Way, type_: str | None) -> set[int]:
    return set(node.graph.neighbours(node.row, way, [type_] if type_ else None))


def _measure(name: str, one: Any, other: Any, given: Any = None) -> float:
    """What the neighbours of two nodes say of them, by the name of the measure."""
    if not isinstance(one, Vertex) or not isinstance(other, Vertex):
        raise ProcedureRefused("The measures of pairs take two nodes")
    options = plain(given) or {}
    word, type_ = str(options.get("direction") or "BOTH").upper(), options.get("relationshipQuery")
    if word not in WAYS:
        raise ProcedureRefused(f"`direction` is {word!r}; it must be one of {', '.join(WAYS)}")
    way = WAYS[word]
    left, right = _neighbours(one, way, type_), _neighbours(other, way, type_)
    if name == "preferentialAttachment":
        return float(len(left) * len(right))
    if name == "totalNeighbors":
        return float(len(left | right))
    if name == "commonNeighbors":
        return float(len(left & right))
    degrees = [len(_neighbours(Vertex(one.graph, row), "both", type_)) for row in left & right]
    if name == "adamicAdar":
        return sum(1 / math.log(degree) for degree in degrees if degree > 1)
    return sum(1 / degree for degree in degrees)


def _same_community(one: Any, other: Any, key: str = "community") -> float:
    """1 where both nodes have the same value, 0 where they have not or one has none."""
    left, right = property_of(one, key), property_of(other, key)
    return float(left is not None and left == right)
