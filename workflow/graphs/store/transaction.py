"""One writer's changes to an embedded graph, made aside and published at once.

A transaction changes a fork of the newest version, which nobody else sees, and any number of them are open at a time.
A commit publishes the fork, or where others have committed meanwhile does the same changes on top of theirs; it fails
where they have changed what this one has read or written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, Protocol

import numpy as np

from workflow.errors import ConcurrentModification, ConstraintViolation, IllegalArgument, QueryFailed
from workflow.graphs.elements import Vertex, VertexProperty
from workflow.graphs.store.conflicts import Key, WatchedGraph, needed
from workflow.graphs.store.journal.changes import Operation, describe
from workflow.graphs.store.turns import Turns
from workflow.graphs.store.versions.cells import MISSING, VALUE_IDS, Cell, Cells, derived_id
from workflow.graphs.store.versions.columns import KeyColumn
from workflow.graphs.store.versions.elements import Elements
from workflow.graphs.store.versions.records import Added, AddedMany, Change, Put, Relabelled, Removed
from workflow.graphs.store.versions.state import State
from workflow.graphs.store.views import StoredGraph
from workflow.settings import Profile
from workflow.values.numbers import Long


class TransactionsMet(ConcurrentModification):
    """What a transaction has read or written was changed by a commit that came before its own."""

    def __init__(self) -> None:
        super().__init__("another transaction has changed what this one has read or written; begin again")


class Changed(Protocol):
    """What a transaction needs of the graph that it changes."""

    name: str
    profile: Profile
    turns: Turns

    def enter(self, transaction: StoreTransaction) -> State: ...
    def compare(self, transaction: StoreTransaction) -> None: ...
    def keep(self, transaction: StoreTransaction, operations: Sequence[Operation]) -> Callable[[], None]: ...
    def settled(self, state: State) -> None: ...
    def leave(self, transaction: StoreTransaction) -> None: ...
    def fresh_text(self) -> str: ...
    def fresh_texts(self, count: int) -> list[str]: ...


class StoreTransaction:
    """Implements ``Transaction``. Usable from any thread, by one thread at a time.

    Attributes:
        base: the version it began on, for as long as it is open.
        graph: what it reads: that version with its own changes.
        changes: all it did.
    """

    def __init__(self, root: Changed, *, brief: bool = False) -> None:
        """``brief`` where others wait until it has ended."""
        self._root = root
        self.brief = brief
        self.changes: list[Change] = []
        self._active = True
        if not brief:
            root.turns.take(self)
        self.base: State | None = root.enter(self)
        # nobody can meet a brief one, so what it reads is not noted
        graph = StoredGraph if brief else WatchedGraph
        self.graph: StoredGraph = graph(root.name, root.profile, self.base.fork())

    @property
    def change_count(self) -> int:
        """How many changes were made."""
        return len(self.changes)

    # -- vertices and edges
    def add_vertex(self, id: Any | None, label: str) -> int:
        state = self._writing()
        row = state.vertices.add(self._checked_id("Vertex", id), label)
        self.changes.append(Added(False, row))
        return row

    def add_vertices(self, label: str, count: int, cells: dict[str, list[Any]]) -> int:
        vertices = self._writing().vertices
        ids = self._fresh_ids(count)
        code = vertices.code(label)
        first = vertices.shared.extend(ids, np.full(count, code, dtype=np.int32))
        vertices.show_many(first, count)
        for key, values in cells.items():
            vertices.put_new(key, first, values)
        self.changes.append(AddedMany(False, first, label, ids, cells))
        return first

    def add_edge(self, id: Any | None, label: str, source: int, target: int) -> int:
        state = self._writing()
        for end in (source, target):
            if not self._lives(state.vertices, end):
                raise KeyError(end)
        row = state.add_edge(self._checked_id("Edge", id), label, source, target)
        self.changes.append(Added(True, row))
        return row

    def add_edges(self, label: str, sources: Sequence[int], targets: Sequence[int], cells: dict[str, list[Any]]) -> int:
        state = self._writing()
        for end in (*sources, *targets):
            if not self._lives(state.vertices, end):
                raise KeyError(end)
        ids = self._fresh_ids(len(sources))
        first = state.add_edges(ids, label, sources, targets)
        for key, values in cells.items():
            state.edges.put_new(key, first, values)
        self.changes.append(AddedMany(True, first, label, ids, cells))
        return first

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
        self.changes.append(Removed(False, row))

    def remove_edge(self, row: int) -> None:
        state = self._writing()
        if not self._lives(state.edges, row):
            raise KeyError(row)
        state.kill_edge(row)
        self.changes.append(Removed(True, row))

    def set_label(self, row: int, label: str) -> None:
        """Give a vertex another label, which may be several joined by ``::``."""
        vertices = self._writing().vertices
        if not self._lives(vertices, row):
            raise KeyError(row)
        self.changes.append(Relabelled(False, row, vertices.label_names[vertices.label[row]], label))
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
            return VertexProperty(derived_id(column.index, row), key, value, Vertex(graph, row))
        cell = Cell(Long(VALUE_IDS + state.take_numbers(1)), value, meta)
        self._put(column, row, Cells((*held, cell)))
        return VertexProperty(cell.id, key, value, Vertex(graph, row), meta)

    def set_edge_property(self, row: int, key: str, value: Any) -> None:
        self._write(self._writing().edges, key, row, value)

    def put_values(self, kind: Literal["vertex", "edge"], key: str, rows: Sequence[int], values: Sequence[Any]) -> None:
        state = self._writing()
        elements = state.vertices if kind == "vertex" else state.edges
        for row in rows:
            if not self._lives(elements, row):
                raise KeyError(row)
        of_edges, note = kind == "edge", self.changes.append
        for row, old, value in zip(rows, elements.put_many(key, rows, values), values, strict=True):
            note(Put(of_edges, key, row, old, value))

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

    def _find(self, row: int, property_id: Any) -> tuple[KeyColumn, tuple[Cell, ...], int]:
        vertices = self._writing().vertices
        for key in vertices.keys_of(vertices.label[row]):
            column = vertices.columns[key]
            cells = self.graph.cells(column, row)
            for place, cell in enumerate(cells):
                if cell.id == property_id:
                    return column, cells, place
        raise KeyError(property_id)

    def _put(self, column: KeyColumn, row: int, cell: Any) -> None:
        self._write(self.graph.state.vertices, column.key, row, cell)

    def _write(self, elements: Elements, key: str, row: int, cell: Any) -> None:
        if not self._lives(elements, row):
            raise KeyError(row)
        old = elements.put(key, row, cell)
        self.changes.append(Put(elements is self.graph.state.edges, key, row, old, cell))

    @staticmethod
    def _lives(elements: Elements, row: int) -> bool:
        return elements.alive.has(row)

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

    def _fresh_ids(self, count: int) -> list[Any]:
        """Ids that no element has, of as many new ones."""
        neptune = self.graph.profile == "neptune"
        return list(self._root.fresh_texts(count)) if neptune else [self._fresh_number() for _ in range(count)]

    def _fresh_number(self) -> Long:
        """The next number that no vertex and no edge has."""
        state = self.graph.state
        while True:
            number = state.take_numbers(1)
            if state.vertices.find(number) is None and state.edges.find(number) is None:
                return Long(number)

    # -- the end, and the pauses before it
    def commit(self) -> None:
        """Returns once the changes are durable; where they cannot be made so, none is there and the error raised.

        Raises:
            TransactionsMet: others have changed what it has read or written.
        """
        self.commit_soon()()

    def commit_soon(self) -> Callable[[], None]:
        """As ``commit``, but for the wait: returns what waits until the changes are durable, and raises that error."""
        if self.base is None:
            raise QueryFailed("the transaction has ended; begin a new one")
        settle: Callable[[], None] = _nothing
        try:
            operations = describe(self.graph.state, self.changes)
            if operations:
                settle = self._root.keep(self, operations)
                self.changes = []
        finally:
            self._close()
        return settle

    def rollback(self) -> None:
        """Undo everything; nothing happens when the transaction has ended already."""
        if self.base is not None:
            self._close()

    def suspend(self) -> None:
        """Pause between two requests: others write as if this one were not there."""
        if self.base is not None and self._active:
            self._active = False
            self._root.turns.leave(self)
            # whoever is told what was read here must not be told of a commit that may still be lost
            self._root.settled(self.base)

    def resume(self) -> None:
        """Go on after ``suspend``. TransactionsMet where it could not be committed any more."""
        if self.base is None:
            raise QueryFailed("the transaction has ended; begin a new one")
        if not self._active:
            if self.changes:
                self._root.compare(self)
            self._root.turns.take(self)
            self._active = True

    def keys(self) -> Iterator[Key]:
        """All that the changes rest on."""
        if isinstance(self.graph, WatchedGraph):
            yield from self.graph.reads()
        yield from needed(describe(self.graph.state, self.changes))

    def given_rows(self) -> tuple[list[int], list[int]]:
        """The rows of vertices and of edges that were added and not published."""
        vertices: list[int] = []
        edges: list[int] = []
        for change in self.changes:
            if isinstance(change, AddedMany):
                given = edges if change.edge else vertices
                given += range(change.row, change.row + len(change.ids))
            elif isinstance(change, Added):
                (edges if change.edge else vertices).append(change.row)
        return vertices, edges

    def _close(self) -> None:
        if not self.brief:
            self._root.turns.leave(self)
        self._root.leave(self)
        self.base = None

    def _writing(self) -> State:
        if self.base is None or not self._active:
            raise QueryFailed("the transaction is suspended or has ended")
        return self.graph.state


def _nothing() -> None:
    """Of a commit that changed nothing."""


def redo(state: State, changes: Sequence[Change]) -> None:
    """Make a transaction's changes on another version, to which nobody has added what they rest on."""
    for change in changes:
        elements = state.edges if change.edge else state.vertices
        if isinstance(change, Put):
            elements.put(change.key, change.row, change.new)
        elif isinstance(change, Relabelled):
            elements.relabel(change.row, change.new)
        elif isinstance(change, AddedMany):
            show = state.show_edge if change.edge else elements.show
            for row in range(change.row, change.row + len(change.ids)):
                show(row)
            for key, cells in change.cells.items():
                elements.put_new(key, change.row, cells)
        elif isinstance(change, Added):
            (state.show_edge if change.edge else elements.show)(change.row)
        else:
            (state.kill_edge if change.edge else elements.kill)(change.row)


def catch_up(state: State, commits: Sequence[Sequence[Change]]) -> None:
    """Make the changes of others on a version with a bulk load of which they knew nothing.

    Raises IllegalArgument where they added an id that the load has, or removed a vertex at which it has edges.
    """
    for change in (change for changes in commits for change in changes):
        elements = state.edges if change.edge else state.vertices
        if isinstance(change, Added) and elements.find(elements.ids[change.row]) is not None:
            kind = "Edge" if change.edge else "Vertex"
            raise IllegalArgument(f"{kind} with id already exists: {elements.ids[change.row]}")
        redo(state, [change])
        if (
            isinstance(change, Removed)
            and not change.edge
            and any(adjacency.degree(change.row) for adjacency in (*state.out, *state.into))
        ):
            gone = elements.ids[change.row]
            raise IllegalArgument(f"an edge names the vertex {gone!r}, which does not exist")
    for elements in (state.vertices, state.edges):
        # the commits themselves have told of these rows
        elements.clear_removed()
        elements.removed = []


def _same(held: Any, given: Any) -> bool:
    """Equality of values in a set: of one type, as Java's equals has it."""
    return type(held) is type(given) and bool(held == given)
