"""A graph read from a file, gathered element by element and then loaded as one commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.cells import MISSING, VALUE_IDS, Cell, Cells
from workflow.values.numbers import Long

Value = tuple[Any, dict[str, Any] | None]


class _Gathered:
    """Elements of one kind, in order."""

    def __init__(self) -> None:
        self.ids: list[Any] = []
        self.labels: list[int] = []
        self.names: dict[str, int] = {}
        self.cells: dict[str, dict[int, Any]] = {}

    def add(self, id: Any, label: str) -> int:
        self.labels.append(self.names.setdefault(label, len(self.names)))
        self.ids.append(id)
        return len(self.ids) - 1

    def put(self, place: int, key: str, cell: Any) -> None:
        self.cells.setdefault(key, {})[place] = cell

    def batch(self) -> ElementBatch:
        columns = {
            key: ColumnData([held.get(place, MISSING) for place in range(len(self.ids))])
            for key, held in self.cells.items()
        }
        return ElementBatch(self.ids, _array(self.labels), list(self.names), columns)


class Draft:
    """Vertices and edges for one graph.

    In the neptune profile ids become text, since it knows no others.
    """

    def __init__(self, graph: EmbeddedGraph) -> None:
        self._graph = graph
        self._vertices = _Gathered()
        self._edges = _Gathered()
        self._ends: list[tuple[Any, Any]] = []

    def add_vertex(self, id: Any, label: str, properties: dict[str, list[Value]]) -> None:
        """``properties`` maps a key to (value, meta-properties) pairs."""
        place = self._vertices.add(self._id(id), label)
        for key, values in properties.items():
            if len(values) == 1 and not values[0][1]:
                self._vertices.put(place, key, values[0][0])
            elif values:
                number = VALUE_IDS + self._graph.state.take_numbers(len(values))
                cells = [Cell(Long(number + n), value, meta or None) for n, (value, meta) in enumerate(values)]
                self._vertices.put(place, key, Cells(cells))

    def add_edge(self, id: Any, label: str, source: Any, target: Any, properties: dict[str, Any]) -> None:
        """The ends are ids of vertices, which may come later."""
        place = self._edges.add(self._id(id), label)
        self._ends.append((self._id(source), self._id(target)))
        for key, value in properties.items():
            self._edges.put(place, key, value)

    def load(self) -> tuple[int, int]:
        """Put everything into the graph; returns how many vertices and edges.

        Raises IllegalArgument when an id is taken or an edge names no vertex; the graph is then as it was.
        """
        ends: dict[Any, int] = {}
        places = [[ends.setdefault(end, len(ends)) for end in pair] for pair in self._ends]
        batch = Batch(
            self._vertices.batch(),
            self._edges.batch(),
            list(ends),
            _array([pair[0] for pair in places]),
            _array([pair[1] for pair in places]),
            self._graph.state.next_id,
        )
        self._graph.load(batch)
        return len(batch.vertices), len(batch.edges)

    def _id(self, id: Any) -> Any:
        return str(id) if self._graph.profile == "neptune" else id


def _array(numbers: Sequence[int]) -> NDArray[np.int32]:
    return np.array(numbers, dtype=np.int32)
