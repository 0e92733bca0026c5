"""One writer's changes to an embedded graph, with the list that undoes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from workflow.errors import QueryFailed
from workflow.graphs.elements import Graph, Vertex, VertexProperty
from workflow.graphs.store.columns import MISSING, VALUE_IDS, Cell, Cells, Column
from workflow.graphs.store.records import Added, Change, Put, Relabelled, Removed
from workflow.graphs.store.rwlock import Turnstile, Writer
from workflow.graphs.store.state import Elements, Places, State
from workflow.values.numbers import Long


class Changed(Graph, Protocol):
    """What a transaction needs of the graph that it changes."""

    state: State
    turnstile: Turnstile
    writer: Writer

    def checked_id(self, kind: Literal["Vertex", "Edge"], id: Any | None) -> Any: ...
    def cells(self, column: Column, row: int) -> tuple[Cell, ...]: ...
    def keep(self, changes: Sequence[Change]) -> None: ...


class StoreTransaction:
    """Implements ``Transaction``. Usable from any thread, by one thread at a time."""

    def __init__(self, graph: Changed, timeout_s: float) -> None:
        self._graph = graph
        self._timeout_s = timeout_s
        self._changes: list[Change] = []
        self._places: dict[int, Places] = {}
        self._open = True
        self._active = False
        with graph.turnstile.parked():
            graph.writer.take(timeout_s)
        try:
            graph.turnstile.enter_alone(timeout_s)
        except BaseException:
            graph.writer.leave()
            raise
        self._active = True
        graph.state.settle()

    @property
    def change_count(self) -> int:
        """How many changes were made."""
        return len(self._changes)

    # -- vertices and edges
    def add_vertex(self, id: Any | None, label: str) -> int:
        graph = self._writing()
        row = graph.state.vertices.add(graph.checked_id("Vertex", id), label)
        self._changes.append(Added(False, row))
        return row

    def add_edge(self, id: Any | None, label: str, source: int, target: int) -> int:
        graph = self._writing()
        for end in (source, target):
            if not graph.has_vertex(end):
                raise KeyError(end)
        row = graph.state.add_edge(graph.checked_id("Edge", id), label, source, target)
        self._changes.append(Added(True, row))
        return row

    def remove_vertex(self, row: int) -> None:
        graph = self._writing()
        if not graph.has_vertex(row):
            raise KeyError(row)
        for adjacency in (*graph.state.out, *graph.state.into):
            for edge in reversed(adjacency.edges(row)):
                # a self loop stands in both directions and is gone at the second sight
                if graph.has_edge(edge):
                    self.remove_edge(edge)
        graph.state.vertices.kill(row)
        self._changes.append(Removed(False, row))

    def remove_edge(self, row: int) -> None:
        graph = self._writing()
        if not graph.has_edge(row):
            raise KeyError(row)
        self._places[row] = graph.state.kill_edge(row)
        self._changes.append(Removed(True, row))

    def set_label(self, row: int, label: str) -> None:
        """Give a vertex another label, which may be several joined by ``::``."""
        graph = self._writing()
        if not graph.has_vertex(row):
            raise KeyError(row)
        self._changes.append(Relabelled(False, row, graph.vertex_label(row), label))
        graph.state.vertices.relabel(row, label)

    # -- properties
    def set_vertex_property(
        self,
        row: int,
        key: str,
        value: Any,
        cardinality: Literal["single", "list", "set"],
        meta: dict[str, Any] | None = None,
    ) -> VertexProperty:
        graph = self._writing()
        vertices = graph.state.vertices
        column = vertices.column(key)
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
        cell = Cell(Long(VALUE_IDS + graph.state.take_numbers(1)), value, meta)
        self._put(column, row, Cells((*held, cell)))
        return VertexProperty(cell.id, key, value, Vertex(graph, row), meta)

    def set_edge_property(self, row: int, key: str, value: Any) -> None:
        edges = self._writing().state.edges
        self._write(edges, edges.column(key), row, value)

    def remove_edge_property(self, row: int, key: str) -> None:
        edges = self._writing().state.edges
        column = edges.columns.get(key)
        if column is not None and column.get(row) is not MISSING:
            self._write(edges, column, row, MISSING)

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
        graph = self._writing()
        vertices = graph.state.vertices
        for column in vertices.keys_of_label[vertices.label[row]].values():
            cells = graph.cells(column, row)
            for place, cell in enumerate(cells):
                if cell.id == property_id:
                    return column, cells, place
        raise KeyError(property_id)

    def _put(self, column: Column, row: int, cell: Any) -> None:
        self._write(self._graph.state.vertices, column, row, cell)

    def _write(self, elements: Elements, column: Column, row: int, cell: Any) -> None:
        if not (0 <= row < len(elements) and elements.alive[row]):
            raise KeyError(row)
        old = elements.put(column, row, cell)
        self._changes.append(Put(elements is self._graph.state.edges, column, row, old, cell))

    # -- the end, and the pauses before it
    def commit(self) -> None:
        """Returns once the changes are durable; where they cannot be made so, they are undone and the error raised."""
        self._resume_for_end()
        try:
            if self._changes:
                self._graph.keep(self._changes)
        except BaseException:
            self._undo()
            raise
        finally:
            self._close()

    def rollback(self) -> None:
        """Undo everything; nothing happens when the transaction has ended already."""
        if not self._open:
            return
        if self._active:
            self._undo()
        self._close()

    def suspend(self) -> None:
        """Pause: the changes are taken back so that readers see the committed graph; other writers keep waiting."""
        if self._active:
            self._undo()
            self._active = False
            self._graph.turnstile.leave_alone()

    def resume(self) -> None:
        """Go on after ``suspend``, with all changes in place again."""
        if not self._open:
            raise QueryFailed("the transaction has ended; begin a new one")
        if not self._active:
            self._graph.turnstile.enter_alone(self._timeout_s)
            self._active = True
            self._redo()

    def _resume_for_end(self) -> None:
        if not self._open:
            raise QueryFailed("the transaction has ended; begin a new one")
        try:
            self.resume()
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        if not self._open:
            return
        self._open = False
        if self._active:
            self._active = False
            self._graph.turnstile.leave_alone()
        self._graph.writer.leave()

    def _writing(self) -> Changed:
        if not self._active:
            raise QueryFailed("the transaction is suspended or has ended")
        return self._graph

    def _undo(self) -> None:
        for change in reversed(self._changes):
            self._apply(change, forward=False)

    def _redo(self) -> None:
        for change in self._changes:
            self._apply(change, forward=True)

    def _apply(self, change: Change, forward: bool) -> None:
        state = self._graph.state
        if isinstance(change, Put):
            elements = state.edges if change.edge else state.vertices
            elements.put(change.column, change.row, change.new if forward else change.old)
        elif isinstance(change, Relabelled):
            state.vertices.relabel(change.row, change.new if forward else change.old)
        elif isinstance(change, Added) is forward:
            if change.edge:
                state.revive_edge(change.row, self._places[change.row])
            else:
                state.vertices.revive(change.row)
        elif change.edge:
            self._places[change.row] = state.kill_edge(change.row)
        else:
            state.vertices.kill(change.row)


def _same(held: Any, given: Any) -> bool:
    """Equality of values in a set: of one type, as Java's equals has it."""
    return type(held) is type(given) and bool(held == given)
