"""Values as Java's ``String.valueOf`` writes them: for ``asString()``, ``conjoin()``, ``format()`` and error texts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from workflow.graphs.elements import Edge, Path, Property, Vertex, VertexProperty
from workflow.gremlin.semantics.types import LIST, SET, rank
from workflow.gremlin.semantics.values import MapEntry
from workflow.values.numerals import shortest
from workflow.values.temporal import date_text, duration_text

_ABBREVIATED_TO = 20


def as_text(value: Any) -> str:
    """The text of a value: ``[1, 2]``, ``{name=[marko]}``, ``1.0E10``, ``v[1]``, ``2023-08-02T00:00Z``, ``null``."""
    if isinstance(value, str):
        return str(value)
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, float):
        return shortest(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{as_text(key)}={as_text(item)}" for key, item in value.items()) + "}"
    if rank(value) in (LIST, SET):
        return "[" + ", ".join(map(as_text, value)) + "]"
    if isinstance(value, datetime.datetime):
        return date_text(value)
    return str(getattr(value, "value", value))  # an enumeration is its Java name


def _abbreviated(value: Any) -> str:
    text = as_text(value)
    return text if len(text) <= _ABBREVIATED_TO else text[: _ABBREVIATED_TO - 3] + "..."


def _edge_text(edge: Edge) -> str:
    ends = f"{as_text(edge.out_vertex.id)}-{edge.label}->{as_text(edge.in_vertex.id)}"
    return f"e[{as_text(edge.id)}][{ends}]"


_WRITERS: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: "null",
    bool: lambda value: "true" if value else "false",
    int: str,
    float: shortest,
    Decimal: str,
    Vertex: lambda vertex: f"v[{as_text(vertex.id)}]",
    Edge: _edge_text,
    VertexProperty: lambda found: f"vp[{found.label}->{_abbreviated(found.value)}]",
    Property: lambda found: f"p[{found.key}->{_abbreviated(found.value)}]",
    Path: lambda path: "path[" + ", ".join(map(as_text, path.objects)) + "]",
    MapEntry: lambda entry: f"{as_text(entry.key)}={as_text(entry.value)}",
    datetime.timedelta: duration_text,
}
