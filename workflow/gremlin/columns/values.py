"""Columns of values: elements by their rows, few distinct values by codes, and any objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.elements import Edge, Property, Vertex
from workflow.gremlin.semantics.keys import hash_key
from workflow.queries.columns.expansion import SMALL
from workflow.queries.columns.grouping import paired

if TYPE_CHECKING:
    from workflow.graphs.protocols import ColumnarGraph, ColumnView

Places = NDArray[Any]
Kind = type[Vertex] | type[Edge]
PER_ROW_SHARE = 64
"""A property is read row by row where fewer than this part of all rows is asked for: codes of all cost more."""


class NotColumnar(Exception):
    """Columns cannot answer this; the ordinary step can."""


class ElementColumn:
    """Vertices or edges, by row: int64 of shape (n,)."""

    __slots__ = ("graph", "kind", "rows")

    def __init__(self, graph: ColumnarGraph, kind: Kind, rows: Places) -> None:
        self.graph = graph
        self.kind = kind
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Places) -> ElementColumn:
        """The values at some places, by index or by mask."""
        return ElementColumn(self.graph, self.kind, self.rows[places])

    def tolist(self) -> list[Any]:
        """The values as objects."""
        kind, graph = self.kind, self.graph
        return [kind(graph, row) for row in self.rows.tolist()]

    def keys(self) -> Places:
        """Integers that are equal exactly where two values are one key to Gremlin."""
        return self.rows

    def view(self, key: str) -> ColumnView:
        """The property of that name over all elements of the kind."""
        return self.graph.column(key) if self.kind is Vertex else self.graph.edge_column(key)


class CodedColumn:
    """Values out of a table: ``table[codes]``, codes of shape (n,), no two entries of the table one key."""

    __slots__ = ("codes", "table")

    def __init__(self, codes: Places, table: NDArray[np.object_]) -> None:
        self.codes = codes
        self.table = table

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, places: Places) -> CodedColumn:
        """The values at some places, by index or by mask."""
        return CodedColumn(self.codes[places], self.table)

    def tolist(self) -> list[Any]:
        """The values as objects."""
        found: list[Any] = self.table[self.codes].tolist()
        return found

    def keys(self) -> Places:
        """Integers that are equal exactly where two values are one key to Gremlin."""
        return self.codes


class PlainColumn:
    """Any values, as an array of objects of shape (n,)."""

    __slots__ = ("_keys", "items")

    def __init__(self, items: NDArray[np.object_]) -> None:
        self.items = items
        self._keys: Places | None = None

    def __len__(self) -> int:
        return len(self.items)

    def take(self, places: Places) -> PlainColumn:
        """The values at some places, by index or by mask."""
        return PlainColumn(self.items[places])

    def tolist(self) -> list[Any]:
        """The values as objects."""
        found: list[Any] = self.items.tolist()
        return found

    def keys(self) -> Places:
        """Integers that are equal exactly where two values are one key to Gremlin."""
        if self._keys is None:
            seen: dict[Any, int] = {}
            # one list may stand at every place, and telling its key takes as long as it is
            objects, items = {}, self.items.tolist()
            for value in items:
                if id(value) not in objects:
                    objects[id(value)] = seen.setdefault(hash_key(value), len(seen))
            self._keys = np.fromiter((objects[id(value)] for value in items), np.int64, len(items))
        return self._keys


class PropertiesColumn:
    """Properties of elements, none of which has several under one key.

    Attributes:
        owners: what each of n properties belongs to.
        keys_of: their keys.
        values: their values.
    """

    __slots__ = ("keys_of", "owners", "values")

    def __init__(self, owners: ElementColumn, keys_of: CodedColumn, values: Column) -> None:
        self.owners = owners
        self.keys_of = keys_of
        self.values = values

    def __len__(self) -> int:
        return len(self.owners)

    def take(self, places: Places) -> PropertiesColumn:
        """The values at some places, by index or by mask."""
        return PropertiesColumn(self.owners.take(places), self.keys_of.take(places), self.values.take(places))

    def tolist(self) -> list[Any]:
        """The values as objects."""
        keys = self.keys_of.tolist()
        if self.owners.kind is Edge:
            return list(map(Property, keys, self.values.tolist(), self.owners.tolist()))
        read, rows = self.owners.graph.vertex_properties, self.owners.rows.tolist()
        return [next(read(row, (key,))) for row, key in zip(rows, keys, strict=True)]

    def keys(self) -> Places:
        """Integers that are equal exactly where two values are one key to Gremlin."""
        other = self.owners.rows if self.owners.kind is Vertex else self.values.keys()
        return paired(self.keys_of.codes, other)


class MapColumn:
    """Maps that all have the same keys: a column for each of them."""

    __slots__ = ("columns",)

    def __init__(self, columns: dict[str, Column]) -> None:
        self.columns = columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def take(self, places: Places) -> MapColumn:
        """The values at some places, by index or by mask."""
        return MapColumn({key: column.take(places) for key, column in self.columns.items()})

    def tolist(self) -> list[Any]:
        """The values as objects."""
        keys = tuple(self.columns)
        rows = zip(*(column.tolist() for column in self.columns.values()), strict=True)
        return [dict(zip(keys, row, strict=True)) for row in rows]

    def keys(self) -> Places:
        """Integers that are equal exactly where two values are one key to Gremlin."""
        codes, *others = (column.keys() for column in self.columns.values())
        for other in others:
            codes = paired(codes, other)
        return codes


Column = ElementColumn | CodedColumn | PlainColumn | PropertiesColumn | MapColumn


def plain(values: Iterable[Any], count: int | None = None) -> PlainColumn:
    """A column of any values, whose number must be said where they are no sequence."""
    size = len(values) if count is None else count  # type: ignore[arg-type]
    return PlainColumn(np.fromiter(values, dtype=object, count=size))


def column_of(values: Sequence[Any], graph: Any) -> Column:
    """The narrowest column of some values: elements of the graph by row, whatever else as it is."""
    kind = type(values[0]) if len(values) else None
    if kind in (Vertex, Edge) and all(type(v) is kind and v.graph is graph for v in values):
        return ElementColumn(graph, kind, np.fromiter((v.row for v in values), np.int64, len(values)))
    return plain(values)


def joined(columns: Sequence[Column]) -> Column:
    """Columns one behind the other."""
    first = columns[0]
    if len(columns) == 1:
        return first
    if isinstance(first, ElementColumn):
        same = [c for c in columns if isinstance(c, ElementColumn) and c.kind is first.kind]
        if len(same) == len(columns):
            return ElementColumn(first.graph, first.kind, np.concatenate([c.rows for c in same]))
    if isinstance(first, CodedColumn):
        coded = [c for c in columns if isinstance(c, CodedColumn) and c.table is first.table]
        if len(coded) == len(columns):
            return CodedColumn(np.concatenate([c.codes for c in coded]), first.table)
    if isinstance(first, PropertiesColumn):
        table = first.keys_of.table.tolist()
        alike = [c for c in columns if isinstance(c, PropertiesColumn) and c.keys_of.table.tolist() == table]
        owners = joined([c.owners for c in alike])
        if len(alike) == len(columns) and isinstance(owners, ElementColumn):
            keys_of = CodedColumn(np.concatenate([c.keys_of.codes for c in alike]), first.keys_of.table)
            return PropertiesColumn(owners, keys_of, joined([c.values for c in alike]))
    if isinstance(first, MapColumn):
        maps = [c for c in columns if isinstance(c, MapColumn) and list(c.columns) == list(first.columns)]
        if len(maps) == len(columns):
            return MapColumn({key: joined([c.columns[key] for c in maps]) for key in first.columns})
    return PlainColumn(np.concatenate([np.fromiter(c.tolist(), dtype=object, count=len(c)) for c in columns]))


def few(elements: ElementColumn) -> bool:
    """Whether properties are read row by row, which also lets a transaction know what it has read."""
    return len(elements) <= max(SMALL, elements.graph.row_limit() // PER_ROW_SHARE)


def property_of(elements: ElementColumn, key: str) -> tuple[Column, NDArray[np.bool_] | None]:
    """One property of n elements and a mask, (n,), of those that have it, None for all; elsewhere stands no value.

    Raises:
        NotColumnar: an element has several values.
    """
    graph, rows = elements.graph, elements.rows
    if not few(elements):
        view = elements.view(key)
        codes = view.codes()
        if codes is not None and codes.exact:
            found = codes.codes[rows]
            present = found >= 0
            return CodedColumn(found, codes.table), None if present.all() else present
        if not view.multi:
            get = view.get
            return _present([get(row, NOTHING) for row in rows.tolist()])
    if elements.kind is Edge:
        return _present([graph.edge_values(row).get(key, NOTHING) for row in rows.tolist()])
    values = [graph.vertex_values(row, key) for row in rows.tolist()]
    if any(len(held) > 1 for held in values):
        raise NotColumnar
    return _present([held[0] if held else NOTHING for held in values])


def _present(items: list[Any]) -> tuple[Column, NDArray[np.bool_] | None]:
    mask = np.fromiter((item is not NOTHING for item in items), bool, len(items))
    return plain(items), None if mask.all() else mask


class _Nothing:
    """Stands where an element has no value."""


NOTHING = _Nothing()
EMPTY = np.zeros(0, dtype=np.int64)
