"""One writer's changes to an embedded graph, made aside and published at once.

A transaction changes a fork of the newest version, which nobody else sees; a commit makes its changes durable and
publishes the fork. It is the one writer while it runs. Between the requests of a session it is paused: it holds nothing
then but a list of its changes and of what it has read, other writers go on, and it goes on upon the newest version,
unless a commit of theirs met what it has read or written.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, Literal, Protocol

from workflow.errors import ConcurrentModification, ConstraintViolation, IllegalArgument, QueryFailed
from workflow.graphs.elements import Vertex, VertexProperty
from workflow.graphs.store.changes import Operation, describe, replay
from workflow.graphs.store.columns import MISSING, VALUE_IDS, Cell, Cells, Column
from workflow.graphs.store.conflicts import Key, WatchedGraph, needed
from workflow.graphs.store.records import Added, Change, Put, Relabelled, Removed
from workflow.graphs.store.state import Elements, State
from workflow.graphs.store.views import StoredGraph
from workflow.graphs.store.writer import Writer
from workflow.settings import Profile
from workflow.values.numbers import Long


class Changed(Protocol):
    """What a transaction needs of the graph that it changes."""

    name: str
    profile: Profile
    state: State
    writer: Writer
    paused: set[StoreTransaction]

    def keep(self, operations: Sequence[Operation], state: State) -> None: ...
    def fresh_text(self) -> str: ...


class StoreTransaction:
    """Implements ``Transaction``. Usable from any thread, by one thread at a time.

    ``graph`` is what it reads: the version it began on, with its own changes.
    """

    graph: StoredGraph

    def __init__(self, root: Changed, timeout_s: float, *, pauses: bool = False) -> None:
        """``pauses`` tells that it may be suspended, so that what it reads is noted."""
        self._root = root
        self._timeout_s = timeout_s
        self._pauses = pauses
        self._kept: list[Operation] = []
        self._read: set[Key] = set()
        self._met = False
        self._changes: list[Change] = []
        self._open = True
        self._active = False
        self._enter()

    def _enter(self) -> None:
        root = self._root
        root.writer.take(self._timeout_s)
        root.paused.discard(self)
        self._before = root.state
        state = root.state.fork()
        self._active = True
        if self._pauses:
            watched = self.graph = WatchedGraph(root.name, root.profile, state)
            watched.watch(len(state.vertices), len(state.edges))
        else:
            self.graph = StoredGraph(root.name, root.profile, state)

    @property
    def change_count(self) -> int:
        """How many changes were made."""
        return len(self._kept) + len(self._changes)

    # -- vertices and edges
    def add_vertex(self, id: Any | None, label: str) -> int:
        state = self._writing()
        row = state.vertices.add(self._checked_id("Vertex", id), label)
        self._changes.append(Added(False, row))
        return row

    def add_edge(self, id: Any | None, label: str, source: int, target: int) -> int:
        state = self._writing()
        for end in (source, target):
            if not self._lives(state.vertices, end):
                raise KeyError(end)
        row = state.add_edge(self._checked_id("Edge", id), label, source, target)
        self._changes.append(Added(True, row))
        return row

    def remove_vertex(self, row: int) -> None:
        state = self._writing()
        if not self._lives(state.vertices, row):
            raise KeyError(row)
        for adjacency in (*state.out, *state.into):
            for edge in reversed(adjacency.edges(row)):
                # a self loop stands in both directions and is gone at the second sight
                if self._lives(state.edges, edge):
                    self.remove_edge(edge)
        state.vertices.kill(row)
        self._changes.append(Removed(False, row))

    def remove_edge(self, row: int) -> None:
        state = self._writing()
        if not self._lives(state.edges, row):
            raise KeyError(row)
        state.kill_edge(row)
        self._changes.append(Removed(True, row))

    def set_label(self, row: int, label: str) -> None:
        """Give a vertex another label, which may be several joined by ``::``."""
        vertices = self._writing().vertices
        if not self._lives(vertices, row):
            raise KeyError(row)
        self._changes.append(Relabelled(False, row, vertices.label_names[vertices.label[row]], label))
        vertices.relabel(row, label)

    # -- properties
    def set_vertex_property(
        self,
        row: int,
        key: str,
        value: Any,
        cardinality: Literal["single", "list", "set"],
        meta: dict[str, Any] | None = None,
    ) -> VertexProperty:
        state, graph = self._writing(), self.graph
        column = state.vertices.column(key)
        held = () if cardinality == "single" else graph.cells(column, row)
        meta = dict(meta) if meta else None
        if cardinality == "set":
            for place, cell in enumerate(held):
                if _same(cell.value, value):
                    if meta:
                        cell = cell._replace(meta={**(cell.meta or {}), **meta})
                        self._put(column, row, Cells((*held[:place], cell, *held[place + 1 :])))
                    return VertexProperty(cell.id, key, cell.value, Vertex(graph, row), cell.meta)
        if not held and not meta:
            self._put(column, row, value)
            return next(graph.vertex_properties(row, (key,)))
        cell = Cell(Long(VALUE_IDS + state.take_numbers(1)), value, meta)
        self._put(column, row, Cells((*held, cell)))
        return VertexProperty(cell.id, key, value, Vertex(graph, row), meta)

    def set_edge_property(self, row: int, key: str, value: Any) -> None:
        self._write(self._writing().edges, key, row, value)

    def remove_edge_property(self, row: int, key: str) -> None:
        edges = self._writing().edges
        column = edges.columns.get(key)
        if column is not None and column.get(row) is not MISSING:
            self._write(edges, key, row, MISSING)

    def remove_vertex_property(self, row: int, property_id: Any) -> None:
        column, cells, place = self._find(row, property_id)
        left = (*cells[:place], *cells[place + 1 :])
        self._put(column, row, Cells(left) if left else MISSING)

    def set_meta_property(self, row: int, property_id: Any, key: str, value: Any) -> None:
        column, cells, place = self._find(row, property_id)
        cell = cells[place]._replace(meta={**(cells[place].meta or {}), key: value})
        self._put(column, row, Cells((*cells[:place], cell, *cells[place + 1 :])))

    def remove_meta_property(self, row: int, property_id: Any, key: str) -> None:
        column, cells, place = self._find(row, property_id)
        meta = {name: value for name, value in (cells[place].meta or {}).items() if name != key}
        self._put(column, row, Cells((*cells[:place], cells[place]._replace(meta=meta or None), *cells[place + 1 :])))

    def _find(self, row: int, property_id: Any) -> tuple[Column, tuple[Cell, ...], int]:
        vertices = self._writing().vertices
        for key in vertices.keys_of_label[vertices.label[row]]:
            column = vertices.columns[key]
            cells = self.graph.cells(column, row)
            for place, cell in enumerate(cells):
                if cell.id == property_id:
                    return column, cells, place
        raise KeyError(property_id)

    def _put(self, column: Column, row: int, cell: Any) -> None:
        self._write(self.graph.state.vertices, column.key, row, cell)

    def _write(self, elements: Elements, key: str, row: int, cell: Any) -> None:
        if not self._lives(elements, row):
            raise KeyError(row)
        old = elements.put(key, row, cell)
        self._changes.append(Put(elements is self.graph.state.edges, key, row, old, cell))

    @staticmethod
    def _lives(elements: Elements, row: int) -> bool:
        return 0 <= row < len(elements) and bool(elements.alive[row])

    # -- ids
    def _checked_id(self, kind: Literal["Vertex", "Edge"], id: Any | None) -> Any:
        """An id for a new element: a fresh one for None, else the given one if it may be used."""
        neptune = self.graph.profile == "neptune"
        if id is None:
            return self._root.fresh_text() if neptune else self._fresh_number()
        state = self.graph.state
        elements = state.vertices if kind == "Vertex" else state.edges
        if (neptune and not isinstance(id, str)) or isinstance(id, bool):
            raise IllegalArgument(f"{kind} does not support user supplied identifiers of this type")
        try:
            taken = elements.find(id) is not None
        except TypeError as error:
            raise IllegalArgument(f"{kind} does not support user supplied identifiers of this type") from error
        if taken:
            # Neptune has its own class for this, with TinkerPop's words
            refusal = ConstraintViolation if neptune else IllegalArgument
            raise refusal(f"{kind} with id already exists: {id}")
        return id

    def _fresh_number(self) -> Long:
        """The next number that no vertex and no edge has."""
        state = self.graph.state
        while True:
            number = state.take_numbers(1)
            if state.vertices.find(number) is None and state.edges.find(number) is None:
                return Long(number)

    # -- the end, and the pauses before it
    def commit(self) -> None:
        """Returns once the changes are durable; where they cannot be made so, none is there and the error raised."""
        self.resume()
        try:
            operations = self._operations()
            if operations:
                self._root.keep(operations, self.graph.state)
                self._before = self.graph.state
        finally:
            self._close()

    def rollback(self) -> None:
        """Undo everything; nothing happens when the transaction has ended already."""
        if self._open:
            self._close()

    def suspend(self) -> None:
        """Pause: readers never saw the changes, and other writers go on."""
        if not self._active:
            return
        if not isinstance(self.graph, WatchedGraph):
            raise QueryFailed("a transaction that pauses has to say so when it begins")
        self._kept, self._changes = self._operations(), []
        self._read.update(self.graph.reads(), needed(self._kept))
        self.graph.state.detach(self._before)
        self._root.paused.add(self)
        self._leave()

    def resume(self) -> None:
        """Go on after ``suspend``, with all changes in place again. ConcurrentModification where others met them."""
        if not self._open:
            raise QueryFailed("the transaction has ended; begin a new one")
        if self._active:
            return
        if not self._is_met():
            self._enter()
            if not self._is_met():
                replay(self.graph.state, self._kept)
                return
            self._leave()
        raise ConcurrentModification(
            "another transaction has changed what this one has read or written; roll back and begin again"
        )

    def _is_met(self) -> bool:
        return self._met

    def meets(self, keys: Set[Key] | None) -> None:
        """A commit changed these keys, or everything; told to paused transactions by who commits."""
        if keys is None or not self._read.isdisjoint(keys):
            self._met = True

    def _operations(self) -> list[Operation]:
        return [*self._kept, *describe(self.graph.state, self._changes)]

    def _leave(self) -> None:
        """Stop being the writer; what was not published is forgotten."""
        self._active = False
        if self._root.state is self._before:
            self.graph.state.abandoned(self._before)
        self._root.writer.leave()

    def _close(self) -> None:
        self._open = False
        self._root.paused.discard(self)
        if self._active:
            self._leave()

    def _writing(self) -> State:
        if not self._active:
            raise QueryFailed("the transaction is suspended or has ended")
        return self.graph.state


def _same(held: Any, given: Any) -> bool:
    """Equality of values in a set: of one type, as Java's equals has it."""
    return type(held) is type(given) and bool(held == given)
