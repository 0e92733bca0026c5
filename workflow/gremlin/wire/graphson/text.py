"""Single values as JSON text: numbers, dates, durations, and map keys where the format allows only text."""

from __future__ import annotations

import base64
from calendar import timegm
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from json.encoder import encode_basestring_ascii
from struct import Struct
from typing import Any, Final

from workflow.graphs.elements import Edge, Vertex, VertexProperty
from workflow.gremlin.semantics.values import GremlinEnum, ReferenceEdge, ReferenceVertex
from workflow.gremlin.wire.messages import UnwritableResult

_SINGLE: Final = Struct(">f")
_NOT_FINITE: Final = {"nan": '"NaN"', "inf": '"Infinity"', "-inf": '"-Infinity"'}

quoted: Final = encode_basestring_ascii


def key_text(key: Any) -> str:
    """A map key where the format allows only text: elements by their id, the rest as Java prints them."""
    if isinstance(key, str):
        return key
    if isinstance(key, GremlinEnum):
        return str(key.value)
    if isinstance(key, (Vertex, Edge, VertexProperty, ReferenceVertex, ReferenceEdge)):
        return key_text(key.id)
    return java_text(key)


def java_text(value: Any) -> str:
    """What ``toString`` gives for a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, set, frozenset)):
        return "[" + ", ".join(java_text(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{java_text(key)}={java_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, datetime):
        return iso_text(value)
    return str(value)


def iso_text(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


def iso_duration(value: timedelta) -> str:
    """ISO 8601 in hours, minutes and seconds, as Java writes it."""
    total = (value.days * 86400 + value.seconds) * 1_000_000 + value.microseconds
    sign, micros = ("-" if total < 0 else ""), abs(total)
    hours, rest = divmod(micros, 3_600_000_000)
    minutes, rest = divmod(rest, 60_000_000)
    seconds, fraction = divmod(rest, 1_000_000)
    text = f"{sign}{hours}H" if hours else ""
    text += f"{sign}{minutes}M" if minutes else ""
    if seconds or fraction:
        text += f"{sign}{seconds}" + (f".{fraction:06d}".rstrip("0") if fraction else "") + "S"
    return "PT" + (text or "0S")


def double_text(value: float) -> str:
    """A JSON number, or one of the three names JSON lacks, in quotes."""
    text = float.__repr__(value)
    return _NOT_FINITE.get(text, text)


def single_text(value: float) -> str:
    """The shortest number that rounds to the same 32 bits."""
    plain = float(value)
    try:
        exact = _SINGLE.unpack(_SINGLE.pack(plain))[0]
    except OverflowError:
        return '"Infinity"' if plain > 0 else '"-Infinity"'
    for digits in (6, 7, 8):
        text = f"{plain:.{digits}g}"
        if _SINGLE.unpack(_SINGLE.pack(float(text)))[0] == exact:
            return double_text(float(text))
    return double_text(float(f"{plain:.9g}"))


def int_digits(value: int) -> str:
    return int.__repr__(value)


def decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise UnwritableResult(f"{value} is no BigDecimal")
    return str(value)


def bytes_text(value: bytes) -> str:
    return '"' + base64.b64encode(value).decode("ascii") + '"'


def milliseconds(value: datetime) -> str:
    return str(timegm(value.utctimetuple()) * 1000 + value.microsecond // 1000)
