"""Values as Java's ``String.valueOf`` writes them: for ``asString()``, ``conjoin()``, ``format()`` and error texts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from workflow.graphs.elements import Edge, Path, Property, Vertex, VertexProperty
from workflow.graphs.numerals import shortest
from workflow.gremlin.semantics.types import LIST, SET, rank
from workflow.gremlin.semantics.values import MapEntry

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


def date_text(value: datetime.datetime) -> str:
    """ISO 8601 as Java's OffsetDateTime prints it: seconds and fraction only where there are any."""
    text = value.strftime("%Y-%m-%dT%H:%M").rjust(16, "0")
    if value.second or value.microsecond:
        text += f":{value.second:02d}"
    if value.microsecond:
        digits = f"{value.microsecond:06d}"
        text += "." + (digits[:3] if digits.endswith("000") else digits)
    return text + _offset_text(value.utcoffset())


def _offset_text(offset: datetime.timedelta | None) -> str:
    seconds = 0 if offset is None else int(offset.total_seconds())
    if seconds == 0:
        return "Z"
    hours, rest = divmod(abs(seconds), 3600)
    minutes, left = divmod(rest, 60)
    text = f"{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"
    return f"{text}:{left:02d}" if left else text


def duration_text(value: datetime.timedelta) -> str:
    """ISO 8601 as Java's Duration prints it, such as ``PT51H4M`` or ``PT0S``."""
    micros = value // datetime.timedelta(microseconds=1)
    sign = -1 if micros < 0 else 1
    seconds, fraction = divmod(abs(micros), 1_000_000)
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    text = f"{sign * hours}H" if hours else ""
    text += f"{sign * minutes}M" if minutes else ""
    if left or fraction:
        tail = f".{fraction:06d}".rstrip("0") if fraction else ""
        text += f"{'-' if sign < 0 else ''}{left}{tail}S"
    return f"PT{text or '0S'}"


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
