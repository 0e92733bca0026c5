"""pageRank, peerPressure, connectedComponent and shortestPath, as TinkerPop's vertex programs define them, on numpy.

The first three write a property that the rest of the query can read and the graph does not keep.
"""

from __future__ import annotations

import heapq
import math
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Path, Vertex
from workflow.gremlin.running.step import MISSING, Args, Builder, Child, ExecutionContext, Frame, Step, StepBuilder
from workflow.gremlin.running.traverser import NO_LABELS, Traverser
from workflow.gremlin.semantics.comparison import add, is_number, order
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.values import Direction
from workflow.gremlin.steps.shaping.value_step import is_integer, wrong_call
from workflow.gremlin.steps.whole_graph.computed_properties import ComputedGraph
from workflow.gremlin.traversal import Instruction, Traversal
from workflow.values.numerals import to_double

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class Arcs:
    """The edges a program walks: from ``source[i]`` to ``target[i]``, as positions among ``rows``."""

    def __init__(self, rows: list[int], source: Integers, target: Integers) -> None:
        self.rows = rows
        self.size = len(rows)
        self.source = source
        self.target = target


def other_end(edge: Edge, row: int) -> int:
    """The row at the other end of an edge; of a loop, the same."""
    graph = edge.graph
    target = graph.edge_target(edge.row)
    return graph.edge_source(edge.row) if target == row else target


def arcs_of(ctx: ExecutionContext, edges: Child) -> Arcs:
    """What a traversal from vertex to edges walks, over the whole graph."""
    graph = ctx.graph
    rows = list(graph.vertices())
    position = {row: i for i, row in enumerate(rows)}
    sources: list[int] = []
    targets: list[int] = []
    for i, row in enumerate(rows):
        if i % 256 == 0:
            ctx.check()
        for found in edges.each(ctx, ctx.start(Vertex(graph, row))):
            if not isinstance(found.value, Edge):
                raise QueryFailed(f"The edges of a vertex program must be edges and not {as_text(found.value)}")
            sources.append(i)
            targets.append(position[other_end(found.value, row)])
    return Arcs(rows, np.array(sources, np.int64), np.array(targets, np.int64))


class ProgramStep(Step):
    """A barrier that computes a vertex property over the whole graph and lets its traversers go on."""

    barrier = True
    namespace = ""
    default_property = ""
    default_edges = "outE"
    default_times: int | None = None

    def __init__(self, builder: Builder) -> None:
        super().__init__()
        self.property = self.default_property
        self.edges = builder.local(Traversal((Instruction(self.default_edges),)))
        self.times = self.default_times

    def prepare(self, ctx: ExecutionContext) -> None:
        """Before the run: let the query read computed properties."""
        if not isinstance(ctx.graph, ComputedGraph):
            ctx.graph = ComputedGraph(ctx.graph)  # it reads as a graph by delegation

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``with()`` of propertyName, edges and times."""
        if name == "by" and len(args) == 1:  # the older form
            option, value = ("edges" if isinstance(args[0], Traversal) else "propertyName"), args[0]
        elif name == "with" and args:
            prefix, _, option = str(args[0]).rpartition(".")
            if prefix != f"~tinkerpop.{self.namespace}":
                return
            value = args[1] if len(args) > 1 else True
        else:
            self.refuse(name)
        self._configure(builder, option, value)

    def _configure(self, builder: Builder, option: str, value: Any) -> None:
        title = self.namespace[0].upper() + self.namespace[1:]
        if option == "edges":
            if not isinstance(value, Traversal):
                raise QueryFailed(f"{title}.edges requires a Traversal as its argument")
            self.edges = builder.local(value)
        elif option == "propertyName":
            if not isinstance(value, str):
                raise QueryFailed(f"{title}.propertyName requires a String as its argument")
            self.property = value
        elif option == "times" and self.default_times is not None:
            if not is_integer(value):
                raise QueryFailed(f"{title}.times requires an Integer as its argument")
            self.times = int(value)

    def children(self) -> Iterable[Child]:
        """The traversal to the edges."""
        return (self.edges,)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        """All traversers again, once the property is computed."""
        waiting = list(source)
        self.prepare(ctx)
        halted: Counter[int] = Counter()
        for traverser in waiting:
            if not isinstance(traverser.value, Vertex):
                raise QueryFailed(f"{self.name}() works on vertices and not on {as_text(traverser.value)}")
            halted[traverser.value.row] += traverser.bulk
        arcs = arcs_of(ctx, self.edges)
        # right behind V() every vertex is there once, and the program starts from its own values
        everywhere = len(halted) == arcs.size and all(count == 1 for count in halted.values())
        start = None if everywhere else np.array([float(halted[row]) for row in arcs.rows])
        found = self.compute(ctx, arcs, start)
        assert isinstance(ctx.graph, ComputedGraph)
        ctx.graph.computed[self.property] = dict(zip(arcs.rows, found, strict=True))
        for traverser in waiting:
            traverser.value = Vertex(ctx.graph, traverser.value.row)
            yield traverser

    @abstractmethod
    def compute(self, ctx: ExecutionContext, arcs: Arcs, start: Floats | None) -> list[Any]:
        """The property of every row of ``arcs``; ``start``, (n,), holds the traversers at each, None for one each."""


class PageRankStep(ProgramStep):
    """pageRank(alpha): the share of a random surfer who follows an edge with probability alpha."""

    namespace = "pageRank"
    default_property = "gremlin.pageRankVertexProgram.pageRank"
    default_times = 20

    def __init__(self, builder: Builder, alpha: float) -> None:
        super().__init__(builder)
        self.alpha = alpha

    def compute(self, ctx: ExecutionContext, arcs: Arcs, start: Floats | None) -> list[Any]:
        """The ranks. See ``ProgramStep``. See ``ProgramStep``."""
        ranks = page_rank(arcs, self.alpha, self.times or 0, start, ctx.check)
        return [float(rank) for rank in ranks]


def page_rank(
    arcs: Arcs, alpha: float, times: int, start: Floats | None, check: Callable[[], None], epsilon: float = 1e-5
) -> Floats:
    """Ranks, (n,), after ``times`` rounds, or earlier once they change by less than ``epsilon`` in all.

    Without a start the teleport spreads one unit over all vertices; what vertices without edges hold is teleported.
    """
    size = arcs.size
    if size == 0:
        return np.zeros(0)
    degree = np.bincount(arcs.source, minlength=size).astype(np.float64)
    ranks = np.zeros(size) if start is None else start.copy()
    energy = 1.0 if start is None else 0.0
    previous = np.zeros(size)
    for turn in range(times + 1):
        check()
        if turn:
            share = np.divide(alpha * previous, degree, out=np.zeros(size), where=degree > 0)
            ranks = np.bincount(arcs.target, weights=share[arcs.source], minlength=size).astype(np.float64)
        given = energy / size
        ranks = ranks + given
        change = float(np.abs(ranks - previous).sum())
        kept = np.where(degree == 0, alpha * ranks, 0.0)
        # one after another, as upstream adds them up: a pairwise sum would differ in the last digit
        flow = np.stack([np.full(size, -given), (1.0 - alpha) * ranks, kept], axis=1).ravel()
        energy = max(0.0, float(np.cumsum(np.concatenate([[energy], flow]))[-1]))
        previous = ranks
        if change < epsilon:
            break
    return previous


class PeerPressureStep(ProgramStep):
    """peerPressure(): the cluster that most of a vertex's peers vote for, named by the id of a vertex."""

    namespace = "peerPressure"
    default_property = "gremlin.peerPressureVertexProgram.cluster"
    default_times = 30

    def compute(self, ctx: ExecutionContext, arcs: Arcs, start: Floats | None) -> list[Any]:
        """The ids of the clusters. See ``ProgramStep``. See ``ProgramStep``."""
        ids = [ctx.graph.vertex_id(row) for row in arcs.rows]
        by_text = sorted(range(arcs.size), key=lambda i: as_text(ids[i]))
        strength = np.ones(arcs.size) if start is None else start
        clusters = peer_pressure(arcs, np.argsort(by_text), strength, self.times or 0, ctx.check)
        return [ids[by_text[cluster]] for cluster in clusters]


def peer_pressure(arcs: Arcs, names: Integers, strength: Floats, times: int, check: Callable[[], None]) -> Integers:
    """The cluster of each vertex, (n,), which starts as its own name; of equal votes the smaller name wins."""
    clusters = names.astype(np.int64)
    size = arcs.size
    for _ in range(times):
        check()
        voted = np.concatenate([clusters[arcs.source], clusters])
        voter = np.concatenate([arcs.target, np.arange(size)])
        weight = np.concatenate([strength[arcs.source], strength])
        pairs, inverse = np.unique(voter * size + voted, return_inverse=True)
        votes = np.bincount(inverse, weights=weight)
        best = np.lexsort((pairs % size, -votes, pairs // size)) if size else np.zeros(0, np.int64)
        owner = (pairs // size)[best]
        first = np.concatenate([[True], owner[1:] != owner[:-1]]) if size else np.zeros(0, bool)
        chosen = clusters.copy()
        chosen[owner[first]] = np.where(votes[best[first]] > 0, (pairs % size)[best[first]], names[owner[first]])
        done = bool((chosen == clusters).all())
        clusters = chosen
        if done:
            break
    return clusters


class ConnectedComponentStep(ProgramStep):
    """connectedComponent(): vertices that reach each other share the smallest of their ids, as a text."""

    namespace = "connectedComponent"
    default_property = "gremlin.connectedComponentVertexProgram.component"
    default_edges = "bothE"

    def compute(self, ctx: ExecutionContext, arcs: Arcs, start: Floats | None) -> list[Any]:
        """The names of the components. See ``ProgramStep``. See ``ProgramStep``."""
        texts = [as_text(ctx.graph.vertex_id(row)) for row in arcs.rows]
        by_text = sorted(range(arcs.size), key=texts.__getitem__)
        names = np.argsort(by_text).astype(np.int64)
        while True:
            ctx.check()
            smaller = names.copy()
            np.minimum.at(smaller, arcs.target, names[arcs.source])
            # a vertex named by another takes that one's name too: halves the rounds of long chains
            smaller = np.minimum(smaller, smaller[np.array(by_text, np.int64)[smaller]]) if arcs.size else smaller
            if (smaller == names).all():
                return [texts[by_text[name]] for name in names]
            names = smaller


class ShortestPathStep(Step):
    """shortestPath(): every shortest path from the incoming vertices to all others, or to those of a target."""

    barrier = True
    namespace = "shortestPath"

    def __init__(self, builder: Builder) -> None:
        super().__init__()
        self.edges = builder.local(Traversal((Instruction("bothE"),)))
        self.target: Child | None = None
        self.distance: str | Child | None = None
        self.longest: Any = None
        self.with_edges = False

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``with()`` of target, edges, distance, maxDistance and includeEdges."""
        if name != "with" or not args:
            self.refuse(name)
        prefix, _, option = str(args[0]).rpartition(".")
        if prefix != "~tinkerpop.shortestPath":
            return
        value = args[1] if len(args) > 1 else True
        if option == "target":
            self.target = builder.local(_checked(value, Traversal, "ShortestPath.target requires a Traversal"))
        elif option == "edges":
            if isinstance(value, Direction):
                value = Traversal((Instruction(value.value.lower() + "E"),))
            problem = "ShortestPath.edges requires a Traversal or a Direction"
            self.edges = builder.local(_checked(value, Traversal, problem))
        elif option == "distance":
            self.distance = (
                builder.local(value)
                if isinstance(value, Traversal)
                else _checked(value, str, "ShortestPath.distance requires a Traversal or a property name")
            )
        elif option == "maxDistance":
            if not is_number(value):
                raise QueryFailed("ShortestPath.maxDistance requires a Number as its argument")
            self.longest = value
        elif option == "includeEdges":
            self.with_edges = bool(value)

    def children(self) -> Iterable[Child]:
        """The traversals among the options."""
        return [part for part in (self.edges, self.target, self.distance) if isinstance(part, Child)]

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        """A path for a traverser; several for one start where they tie."""
        walked: dict[int, list[tuple[int, int, Any]]] = {}
        wanted: dict[int, bool] = {}
        for traverser in list(source):
            if not isinstance(traverser.value, Vertex):
                raise QueryFailed(f"shortestPath() works on vertices and not on {as_text(traverser.value)}")
            start = traverser.value.row
            reached, before = self._search(ctx, start, walked)
            for row in reached:
                if row not in wanted:
                    wanted[row] = self.target is None or self.target.test(ctx, ctx.start(Vertex(ctx.graph, row)))
                if wanted[row]:
                    for path in self._paths(ctx, row, before, start, walked):
                        yield traverser.split(path)

    def _steps_from(
        self, ctx: ExecutionContext, row: int, walked: dict[int, list[tuple[int, int, Any]]]
    ) -> list[tuple[int, int, Any]]:
        found = walked.get(row)
        if found is None:
            found = walked[row] = []
            for t in self.edges.each(ctx, ctx.start(Vertex(ctx.graph, row))):
                if not isinstance(t.value, Edge):
                    raise QueryFailed(f"The edges of shortestPath() must be edges and not {as_text(t.value)}")
                found.append((other_end(t.value, row), t.value.row, self._length(ctx, t.value)))
        return found

    def _length(self, ctx: ExecutionContext, edge: Edge) -> Any:
        if self.distance is None:
            return 1
        if isinstance(self.distance, str):
            found = edge.graph.edge_values(edge.row).get(self.distance, MISSING)
        else:
            found = self.distance.first(ctx, ctx.start(edge))
        if not is_number(found):
            raise QueryFailed(f"The distance of {as_text(edge)} is not a number")
        if order(found, 0) < 0:
            raise QueryFailed(f"The distance of {as_text(edge)} is negative")
        return found

    def _search(
        self, ctx: ExecutionContext, start: int, walked: dict[int, list[tuple[int, int, Any]]]
    ) -> tuple[list[int], dict[int, list[tuple[int, int]]]]:
        """Dijkstra: the rows within reach, nearest first, and of each the (row before, edge) pairs that tie."""
        best: dict[int, Any] = {start: 0}
        before: dict[int, list[tuple[int, int]]] = {start: []}
        heap: list[tuple[float, int]] = [(0.0, start)]
        done: dict[int, None] = {}
        while heap:
            _, row = heapq.heappop(heap)
            if row in done:
                continue
            done[row] = None
            if len(done) % 256 == 0:
                ctx.check()
            for other, edge, length in self._steps_from(ctx, row, walked):
                reached = add(best[row], length)
                if self.longest is not None and order(reached, self.longest) > 0:
                    continue
                known = best.get(other)
                compared = -1 if known is None else order(reached, known)
                if compared < 0:
                    best[other] = reached
                    before[other] = [(row, edge)]
                    heapq.heappush(heap, (float(reached), other))
                elif compared == 0 and other != start and other not in done:
                    before[other].append((row, edge))
        return list(done), before

    def _paths(
        self,
        ctx: ExecutionContext,
        row: int,
        before: dict[int, list[tuple[int, int]]],
        start: int,
        walked: dict[int, list[tuple[int, int, Any]]],
    ) -> Iterator[Path]:
        seen: set[tuple[int, ...]] = set()
        waiting: list[tuple[int, tuple[Any, ...], tuple[int, ...]]] = [(row, (Vertex(ctx.graph, row),), (row,))]
        while waiting:
            ctx.check()
            at, objects, key = waiting.pop()
            if at == start:
                if key not in seen:
                    seen.add(key)
                    yield Path(objects, (NO_LABELS,) * len(objects))
                continue
            for previous, edge in before[at]:
                if previous in key[:: 2 if self.with_edges else 1]:
                    continue  # a ring of edges of length zero
                vertex = Vertex(ctx.graph, previous)
                if self.with_edges:
                    longer = (vertex, Edge(ctx.graph, edge), *objects)
                    waiting.append((previous, longer, (previous, edge, *key)))
                else:
                    waiting.append((previous, (vertex, *objects), (previous, *key)))


def _checked(value: Any, kind: type, problem: str) -> Any:
    if not isinstance(value, kind):
        raise QueryFailed(f"{problem} as its argument")
    return value


def _build_page_rank(builder: Builder, name: str, args: Args) -> Step:
    if len(args) > 1 or not all(is_number(arg) for arg in args):
        raise wrong_call(name, args)
    alpha = to_double(args[0]) if args else 0.85
    if not math.isfinite(alpha):
        raise QueryFailed(f"pageRank() takes a finite number and not {alpha}")
    return PageRankStep(builder, alpha)


def _plain(kind: Callable[[Builder], Step]) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        if args:
            raise wrong_call(name, args)
        return kind(builder)

    return build


STEPS: dict[str, StepBuilder] = {
    "pageRank": _build_page_rank,
    "peerPressure": _plain(PeerPressureStep),
    "connectedComponent": _plain(ConnectedComponentStep),
    "shortestPath": _plain(ShortestPathStep),
}
