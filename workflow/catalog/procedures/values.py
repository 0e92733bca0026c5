"""What procedures take and give: plain values of queries, rows by column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from training_scripts.graph_ml.schemas.catalog.algorithms import Column
from workflow.catalog.errors import ProcedureRefused
from workflow.cypher.planning.procedures import Argument
from workflow.graphs.elements import Vertex
from workflow.values.moments import ZonedDateTime

Answer = Iterator[tuple[Any, ...]]

GRAPH_NAME: Final = Argument("graphName", "string")
CONFIGURATION: Final = Argument("configuration", "map", {}, optional=True)
ESTIMATE: Final[tuple[Column, ...]] = (
    *(("requiredMemory", "string"), ("treeView", "string"), ("mapView", "map"), ("bytesMin", "integer")),
    *(("bytesMax", "integer"), ("nodeCount", "integer"), ("relationshipCount", "integer")),
    *(("heapPercentageMin", "float"), ("heapPercentageMax", "float")),
)


def plain(value: Any) -> Any:
    """A value of a query without elements: a node is its number."""
    if isinstance(value, Vertex):
        return value.row
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else value


def shown(value: Any) -> Any:
    """A value as queries have it: numpy's numbers and arrays are Python's."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): shown(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [shown(one) for one in value]
    return value


def row(columns: Sequence[Column], cells: Mapping[str, Any]) -> tuple[Any, ...]:
    """One row in the order of the columns; what is missing is null."""
    return tuple(shown(cells.get(name)) for name, _ in columns)


def rows(columns: Sequence[Column], cells: Iterable[Mapping[str, Any]]) -> Answer:
    """Rows in the order of the columns."""
    for one in cells:
        yield row(columns, one)


def moment(milliseconds: int) -> ZonedDateTime:
    """A moment as queries have it, in UTC."""
    return ZonedDateTime.then(milliseconds * 1_000_000, None)


def names_of(value: Any, what: str) -> list[str]:
    """A text, or a list of texts, or the keys of a map. Raises ProcedureRefused."""
    found = [value] if isinstance(value, str) else list(value) if isinstance(value, list | tuple | Mapping) else None
    if not found or any(not isinstance(one, str) for one in found):
        raise ProcedureRefused(f"`{what}` must be a text or a list of texts, not {value!r}")
    return found
