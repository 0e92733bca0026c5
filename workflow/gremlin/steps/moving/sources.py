"""Where traversers come from: ``V``, ``E``, ``inject``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Vertex
from workflow.gremlin.running.arguments import is_data
from workflow.gremlin.running.step import Args, Builder, ExecutionContext, Frame, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.values import ReferenceEdge, ReferenceVertex
from workflow.gremlin.traversal import Blank, Traversal

CHECK_EVERY = 256

RowTest = Callable[[Any], bool]


class _Seed:
    """The value of the traverser that sets a traversal going."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "seed"


SEED: Final = _Seed()


class GraphStep(Step):
    """``V()`` and ``E()``, with the tests and look-ups that following ``has`` steps gave it.

    ``labels_wanted`` and ``lookup`` narrow what is read; ``tests`` are put to every element all the same.
    """

    def __init__(self, kind: type[Vertex] | type[Edge], ids: tuple[Any, ...] | None) -> None:
        super().__init__()
        self.kind = kind
        self.ids = ids
        self.labels_wanted: tuple[str, ...] | None = None
        self.lookups: list[tuple[str, list[Any]]] = []
        self.tests: list[RowTest] = []
        self.described: list[str] = []
        self.containers: list[Any] = []  # what the tests came from, for a vectorised plan

    def add(self, container: Any) -> None:
        """Put one more test (a ``has.HasContainer``) to every element."""
        self.containers.append(container)
        self.tests.append(container.test)
        self.described.append(str(container))

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            yield from self.of_rows(ctx, t, self.rows(ctx))

    def of_rows(self, ctx: ExecutionContext, t: Traverser, rows: Iterable[int]) -> Iterator[Traverser]:
        """What a traverser leads to of some rows: those elements that pass all tests."""
        kind, graph, tests, split = self.kind, ctx.graph, self.tests, t.split
        for turn, row in enumerate(rows, 1):
            if not turn % CHECK_EVERY:
                ctx.check()
            element = kind(graph, row)
            if all(test(element) for test in tests):
                yield split(element)

    def rows(self, ctx: ExecutionContext) -> Iterable[int]:
        """The rows to look at, in order."""
        graph = ctx.graph
        vertices = self.kind is Vertex
        if self.ids is not None:
            return self._by_id(ctx)
        if vertices and self.lookups:
            label = self.labels_wanted[0] if self.labels_wanted and len(self.labels_wanted) == 1 else None
            for key, values in self.lookups:
                found = [graph.find_vertices(label, key, value) for value in values]
                if all(rows is not None for rows in found):
                    return sorted({row for rows in found for row in rows or ()})
        return graph.vertices(self.labels_wanted) if vertices else graph.edges(self.labels_wanted)

    def _by_id(self, ctx: ExecutionContext) -> list[int]:
        graph = ctx.graph
        out: list[int] = []
        row_of = graph.vertex_row if self.kind is Vertex else graph.edge_row
        alive = graph.has_vertex if self.kind is Vertex else graph.has_edge
        for id_ in self.ids or ():
            row = row_of(ctx.values[id_.index] if isinstance(id_, Blank) else id_)
            if row is not None and alive(row):
                out.append(row)
        return out

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``with()``, which has no effect."""
        if name != "with":
            self.refuse(name)

    def arguments(self) -> str:
        parts = [self.kind.__name__.lower(), "[" + ",".join(map(str, self.ids or ())) + "]" if self.ids else ""]
        return ",".join(filter(None, [*parts, *self.described]))


def flat_ids(args: Iterable[Any]) -> tuple[Any, ...]:
    """Ids out of the arguments of ``V()`` and ``hasId()``: lists are opened, elements give theirs."""
    out: list[Any] = []
    for arg in args:
        if isinstance(arg, (list, tuple, set, frozenset)):
            out.extend(flat_ids(arg))
        elif isinstance(arg, (Vertex, Edge, ReferenceVertex, ReferenceEdge)):
            out.append(arg.id)
        else:
            out.append(arg)
    return tuple(out)


def _graph_step(kind: type[Vertex] | type[Edge]) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        for arg in args:
            builder.checked(arg)
            if isinstance(arg, Traversal):
                raise QueryFailed(f"{name}() takes ids or elements and not a traversal")
        step = GraphStep(kind, flat_ids(args) or None)  # an empty list of ids is none: V([]) is V()
        step.name = name
        return step

    return build


class InjectStep(Step):
    """``inject(…)``: the values first, then what comes in; the other way round at the begin of a child."""

    def __init__(self, values: Args, behind: bool) -> None:
        super().__init__()
        self.values = values
        self.behind = behind

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        if self.behind:
            yield from (t for t in source if t.value is not SEED)
        if self not in frame:
            frame[self] = True
            for value in self.values:
                yield ctx.start(value)
        for t in source:
            if t.value is not SEED:
                yield t

    def arguments(self) -> str:
        return "[" + ",".join(map(str, self.values)) + "]"


def _inject(builder: Builder, name: str, args: Args) -> Step:
    for arg in args:
        if not is_data(builder.checked(arg)):
            raise QueryFailed(f"inject() takes values, and {arg} is none")
    if builder.at_start and builder.in_repeat and builder.depth == builder.repeat_depth:
        raise QueryFailed("The parent of inject()-step can not be repeat()-step")
    return InjectStep(args, behind=builder.at_start and builder.depth > 1)


STEPS: dict[str, StepBuilder] = {"V": _graph_step(Vertex), "E": _graph_step(Edge), "inject": _inject}
