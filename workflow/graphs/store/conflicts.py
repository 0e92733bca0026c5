"""What a transaction has read and written, and whether a commit of somebody else met it.

Everything that can be read or written has a key. A commit touches the keys of what it changed; a transaction that began
before it and depends on one of them cannot be committed, for it has read something else. So what is committed is what
the same transactions would have done one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.elements import VertexProperty, Way
from workflow.graphs.store.journal.changes import Operation, each, values_of
from workflow.graphs.store.journal.encoding import decode, decode_cell
from workflow.graphs.store.versions.adjacency import Csr
from workflow.graphs.store.versions.batch import Batch
from workflow.graphs.store.versions.state import State
from workflow.graphs.store.views import NUMBER, StoredColumn, StoredGraph
from workflow.settings import Profile

Part = Literal[
    "vertex", "there", "labelled", "property", "edges of", "edge", "vertices with", "edges with", "relabelled",
    "key", "value", "values loaded", "edge key",
]  # fmt: skip
Key = tuple[Any, ...]
"""(part, id of an element or None for all), (part, label or None for all), (part, name of a property), the latter for
``value`` with a value and for ``property`` with the id of the vertex."""
SEPARATOR = "::"
MOST_ROWS: Final = 100_000
"""So many elements are noted one by one; who reads more of them has read all."""
MOST_KEYS: Final = 200_000
"""So many keys are remembered of what was changed; a transaction older than that cannot be committed."""


class History:
    """What the commits since the oldest open transaction changed. Used under the lock of commits."""

    def __init__(self) -> None:
        self._last: dict[Key, int] = {}
        self._known_from = 0

    def note(self, commit: int, keys: Iterable[Key], oldest: int) -> None:
        """A commit changed these keys; the oldest open transaction began on commit ``oldest``."""
        room = MOST_KEYS - len(self._last)
        if room < 0:
            self._last = {key: last for key, last in self._last.items() if last > oldest}
            room = MOST_KEYS - len(self._last)
        for count, key in enumerate(keys):
            if count > room:
                self.forget(commit)
                return
            self._last[key] = commit

    def forget(self, commit: int) -> None:
        """A commit changed more than is remembered: nothing that began before it can be committed."""
        self._last, self._known_from = {}, commit

    def clear(self) -> None:
        """No transaction is open."""
        self._last.clear()

    def met(self, base: int, keys: Iterable[Key]) -> bool:
        """Whether one of these keys was changed since commit ``base``, or nobody knows any more."""
        return base < self._known_from or any(self._last.get(key, 0) > base for key in keys)


def touched(operations: Iterable[Operation]) -> Iterator[Key]:
    """The keys of all that a commit changed; "there" is whether a vertex exists, "vertex" all its properties."""
    for operation in each(operations):
        verb, id = operation[0], decode(operation[1])
        if verb in ("+v", "-v"):
            yield from (("vertex", id), ("vertex", None), ("there", id), ("there", None), ("vertices with", None))
            yield from _labels(operation[2])
        elif verb == "lv":
            yield from (("labelled", id), ("labelled", None), ("relabelled", None))
            yield from _labels(operation[2])
            yield from _labels(operation[3])
        elif verb in ("+e", "-e"):
            yield from (("edge", id), ("edge", None), ("edges with", None), ("edges with", operation[2]))
            yield from (("edges of", end) for end in (*map(decode, operation[3:5]), None))
        elif verb == "pv":
            yield from (("vertex", id), ("vertex", None), ("property", operation[2], id), ("key", operation[2]))
            for cell in operation[3:5]:
                yield from (value_key(operation[2], value) for value in values_of(decode_cell(cell)))
        else:
            yield from (("edge", id), ("edge", None), ("edge key", operation[2]))


def needed(operations: Iterable[Operation]) -> Iterator[Key]:
    """What the changes of a transaction rest on, apart from what it read: nobody else may have changed it."""
    for operation in each(operations):
        verb, id = operation[0], decode(operation[1])
        if verb == "pv":
            # other keys of the vertex may be written by others
            yield from (("there", id), ("property", operation[2], id))
        elif verb == "+v":
            yield "there", id
        elif verb == "lv":
            yield from (("there", id), ("labelled", id))
        elif verb == "-v":
            # an edge that came meanwhile would be left without an end, and the change log tells what went with it
            yield from (("vertex", id), ("labelled", id), ("edges of", id))
        else:
            yield "edge", id
            if verb == "+e":
                yield from (("there", decode(end)) for end in operation[3:5])


def touched_by_load(batch: Batch) -> Iterator[Key]:
    """The keys of all that a bulk load adds."""
    for id in batch.vertices.ids:
        yield from (("vertex", id), ("there", id))
    yield from (("edge", id) for id in batch.edges.ids)
    yield from (("edges of", id) for id in batch.ends)
    for elements, whole, part, keys in (
        (batch.vertices, "vertex", "vertices with", ("key", "values loaded")),
        (batch.edges, "edge", "edges with", ("edge key",)),
    ):
        if len(elements):
            yield from ((part, None), (whole, None), ("there", None))
            for label in elements.label_names:
                yield from _labels(label) if elements is batch.vertices else ((part, label),)
            yield from ((key, name) for key in keys for name in elements.columns)
    if len(batch.edges):
        yield "edges of", None


def value_key(key: str, value: Any) -> Key:
    """Of an index look-up; what cannot be looked up has the key of its property."""
    try:
        hash(value)
    except TypeError:
        return "key", key
    return "value", key, value


def _labels(label: str) -> Iterator[Key]:
    yield "vertices with", label
    yield from (("vertices with", part) for part in label.split(SEPARATOR))


class WatchedGraph(StoredGraph):
    """A version that notes what is read of it, as keys."""

    def __init__(self, name: str, profile: Profile, state: State) -> None:
        super().__init__(name, profile, state)
        self._known = len(state.vertices), len(state.edges)
        self._read: set[Key] = set()
        self._there: set[int] = set()
        self._labelled: set[int] = set()
        self._vertices: set[int] = set()
        self._edges: set[int] = set()
        self._ends: set[int] = set()
        self._values: dict[str, set[int]] = {}

    def reads(self) -> Iterator[Key]:
        """All that was read so far."""
        yield from self._read
        for part, rows in (
            ("there", self._there), ("there", self._labelled), ("labelled", self._labelled),
            ("vertex", self._vertices), ("edges of", self._ends), ("edge", self._edges),
        ):  # fmt: skip
            ids = (self.state.edges if part == "edge" else self.state.vertices).ids
            yield from ((part, ids[row]) for row in rows)
        ids = self.state.vertices.ids
        for key, rows in self._values.items():
            for row in rows:
                yield from (("there", ids[row]), ("property", key, ids[row]))

    def _note(self, part: Part, rows: set[int], row: int) -> None:
        if row < self._known[part == "edge"]:
            rows.add(row)
            if len(rows) > MOST_ROWS:
                rows.clear()
                self._read.update(((part, None), ("there", None)))

    def _note_value(self, key: str, row: int) -> None:
        if row < self._known[0]:
            rows = self._values.setdefault(key, set())
            rows.add(row)
            if len(rows) > MOST_ROWS:
                rows.clear()
                self._read.update((("key", key), ("there", None)))

    def _note_id(self, part: Part, rows: set[int], id: Any, row: int | None) -> int | None:
        if row is not None:
            self._note(part, rows, row)
        else:
            # what is not there may come, under this id or, where text names numbers, under that number
            for name in (id, int(id) if isinstance(id, str) and NUMBER.fullmatch(id) else id):
                with suppress(TypeError):
                    self._read.add((part, name))
        return row

    # -- vertices
    def vertex_count(self) -> int:
        self._read.add(("vertices with", None))
        return super().vertex_count()

    def vertices(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        self._scan("vertices with", labels)
        return super().vertices(labels)

    def vertex_row(self, id: Any) -> int | None:
        return self._note_id("there", self._there, id, super().vertex_row(id))

    def has_vertex(self, row: int) -> bool:
        self._note("there", self._there, row)
        found = super().has_vertex(row)
        if not found and row >= self._known[0]:
            self._read.add(("vertices with", None))
        return found

    def vertex_label(self, row: int) -> str:
        self._note("labelled", self._labelled, row)
        return super().vertex_label(row)

    def vertex_properties(self, row: int, keys: Sequence[str] = ()) -> Iterator[VertexProperty]:
        if keys:
            for key in keys:
                self._note_value(key, row)
        else:
            self._note("vertex", self._vertices, row)
        return super().vertex_properties(row, keys)

    def vertex_values(self, row: int, key: str) -> Sequence[Any]:
        self._note_value(key, row)
        return super().vertex_values(row, key)

    # -- edges
    def edge_count(self) -> int:
        self._read.add(("edges with", None))
        return super().edge_count()

    def edges(self, labels: Sequence[str] | None = None) -> Iterator[int]:
        self._scan("edges with", labels)
        return super().edges(labels)

    def edge_row(self, id: Any) -> int | None:
        return self._note_id("edge", self._edges, id, super().edge_row(id))

    def has_edge(self, row: int) -> bool:
        self._note("edge", self._edges, row)
        found = super().has_edge(row)
        if not found and row >= self._known[1]:
            self._read.add(("edges with", None))
        return found

    def edge_values(self, row: int) -> dict[str, Any]:
        self._note("edge", self._edges, row)
        return super().edge_values(row)

    # -- adjacency
    def neighbours(self, row: int, way: Way, labels: Sequence[str] | None = None) -> list[int]:
        self._note("edges of", self._ends, row)
        return super().neighbours(row, way, labels)

    def incident(self, row: int, way: Way, labels: Sequence[str] | None = None) -> list[int]:
        self._note("edges of", self._ends, row)
        return super().incident(row, way, labels)

    def degree(self, row: int, way: Way, labels: Sequence[str] | None = None) -> int:
        self._note("edges of", self._ends, row)
        return super().degree(row, way, labels)

    # -- index and whole frontiers
    def find_vertices(self, label: str | None, key: str, value: Any) -> list[int] | None:
        self._read.update((value_key(key, value), ("values loaded", key)))
        if label is not None:
            self._read.add(("relabelled", None))
        return super().find_vertices(label, key, value)

    def vertex_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        self._scan("vertices with", labels)
        return super().vertex_rows(labels)

    def edge_rows(self, labels: Sequence[str] | None = None) -> NDArray[np.int32]:
        self._scan("edges with", labels)
        return super().edge_rows(labels)

    def edge_ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        self._read.add(("edges with", None))
        return super().edge_ends()

    def csr(self, labels: Sequence[str] | None, way: Way) -> Csr | None:
        self._scan("edges with", labels)
        return super().csr(labels, way)

    def degree_array(self, way: Way, labels: Sequence[str] | None = None) -> NDArray[np.int64]:
        self._scan("edges with", labels)
        return super().degree_array(way, labels)

    def column(self, key: str) -> StoredColumn:
        self._read.add(("key", key))
        return super().column(key)

    def vertex_keys(self) -> list[str]:
        self._read.add(("vertex", None))
        return super().vertex_keys()

    def edge_column(self, key: str) -> StoredColumn:
        self._read.add(("edge key", key))
        return super().edge_column(key)

    def _scan(self, part: Part, labels: Sequence[str] | None) -> None:
        self._read.update([(part, None)] if labels is None else [(part, label) for label in labels])
