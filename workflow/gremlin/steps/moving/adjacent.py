"""Steps along the edges: ``out``, ``inE``, ``otherV`` and their like."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Graph, Vertex, Way
from workflow.gremlin.running.step import (
    Args,
    Builder,
    ExecutionContext,
    FlatMapStep,
    Frame,
    Hop,
    MapStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import java_class
from workflow.gremlin.semantics.values import Direction

Rows = Callable[[int, Way, Sequence[str] | None], Iterable[int]]

WAYS: dict[Direction, Way] = {Direction.OUT: "out", Direction.IN: "in", Direction.BOTH: "both"}


class EdgesHop(Hop):
    """A step from a vertex along its edges of some labels, or of any."""

    def __init__(self, way: Way, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.way = way
        self.edge_labels = labels

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        graph, way, labels = ctx.graph, self.way, self.edge_labels or None
        reached, element = self.reached(graph)
        for turn, t in enumerate(source):
            vertex = t.value
            if type(vertex) is not Vertex:
                refuse_cast(vertex, "Vertex")
            split = t.split
            if not turn & 127:
                ctx.check()
            if ctx.effort is not None:
                ctx.spend(1 + graph.degree(vertex.row, way, labels))
            for row in reached(vertex.row, way, labels):
                yield split(element(graph, row))

    def reached(self, graph: Graph) -> tuple[Rows, type[Vertex] | type[Edge]]:
        """What gives the rows behind a vertex, and what they are rows of."""
        raise NotImplementedError

    def degree(self, ctx: ExecutionContext, traverser: Traverser) -> int:
        vertex = traverser.value
        if type(vertex) is not Vertex:
            refuse_cast(vertex, "Vertex")
        ctx.spend(1)
        return ctx.graph.degree(vertex.row, self.way, self.edge_labels or None)

    def arguments(self) -> str:
        return ",".join([self.way.upper(), *map(str, self.edge_labels)])


class AdjacentStep(EdgesHop):
    """``out``, ``in`` and ``both``: to the vertices at the other ends."""

    def reached(self, graph: Graph) -> tuple[Rows, type[Vertex] | type[Edge]]:
        return graph.neighbours, Vertex


class IncidentStep(EdgesHop):
    """``outE``, ``inE`` and ``bothE``: to the edges."""

    def reached(self, graph: Graph) -> tuple[Rows, type[Vertex] | type[Edge]]:
        return graph.incident, Edge


class EndsStep(FlatMapStep):
    """``outV``, ``inV`` and ``bothV`` of an edge."""

    def __init__(self, way: Way) -> None:
        super().__init__()
        self.way = way

    def flat_map(self, ctx: ExecutionContext, traverser: Traverser) -> Iterable[Any]:
        edge = traverser.value
        if not isinstance(edge, Edge):
            refuse_cast(edge, "Edge")
        if self.way == "out":
            return (edge.out_vertex,)
        return (edge.in_vertex,) if self.way == "in" else (edge.out_vertex, edge.in_vertex)

    def arguments(self) -> str:
        return self.way.upper()


class OtherVertexStep(MapStep):
    """``otherV``: the end of the edge that the path did not come from."""

    requires = frozenset({"path"})

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        edge = traverser.value
        if not isinstance(edge, Edge):
            refuse_cast(edge, "Edge")
        first, second = edge.out_vertex, edge.in_vertex
        node = traverser.path
        while node is not None:
            if isinstance(node.value, Vertex):
                if node.value == first:
                    return second
                if node.value == second:
                    return first
            node = node.parent
        raise QueryFailed(
            f"The path history of the traverser does not contain a vertex of the edge {edge}: otherV() needs one"
        )


def refuse_cast(value: Any, wanted: str) -> NoReturn:
    """Raise for a value of the wrong kind, as Java's casts word it."""
    found = "null" if value is None else java_class(value).removeprefix("class ")
    raise QueryFailed(
        f"class {found} cannot be cast to class org.apache.tinkerpop.gremlin.structure.{wanted}"
        f" ({wanted} was expected, not {value})"
    )


def _labels(builder: Builder, args: Args) -> tuple[Any, ...]:
    out: list[Any] = []
    for arg in args:
        builder.checked(arg)
        if isinstance(arg, (list, tuple)):
            out.extend(arg)
        elif arg is None or isinstance(arg, str):
            out.append(arg)
        else:
            raise QueryFailed(f"Edge labels are strings; {arg!r} is none")
    return tuple(out)


def _hop(kind: type[EdgesHop], way: Way) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        return kind(way, _labels(builder, args))

    return build


def _directed(kind: type[EdgesHop]) -> StepBuilder:
    """``to(Direction, …)`` and ``toE``."""

    def build(builder: Builder, name: str, args: Args) -> Step:
        if not args or not isinstance(args[0], Direction):
            raise QueryFailed(f"{name}() takes a direction first")
        return kind(WAYS[args[0]], _labels(builder, args[1:]))

    return build


def _ends(way: Way) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        return EndsStep(way)

    return build


def _to_v(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not isinstance(args[0], Direction):
        raise QueryFailed("toV() takes a direction")
    return EndsStep(WAYS[args[0]])


def _other(builder: Builder, name: str, args: Args) -> Step:
    return OtherVertexStep()


STEPS: dict[str, StepBuilder] = {
    "out": _hop(AdjacentStep, "out"),
    "in": _hop(AdjacentStep, "in"),
    "both": _hop(AdjacentStep, "both"),
    "outE": _hop(IncidentStep, "out"),
    "inE": _hop(IncidentStep, "in"),
    "bothE": _hop(IncidentStep, "both"),
    "to": _directed(AdjacentStep),
    "toE": _directed(IncidentStep),
    "outV": _ends("out"),
    "inV": _ends("in"),
    "bothV": _ends("both"),
    "toV": _to_v,
    "otherV": _other,
}
