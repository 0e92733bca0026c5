"""Literals of Gremlin text: numbers, strings, dates, enumerations and named constants."""

from __future__ import annotations

import datetime
import math
import re
import uuid
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from workflow.gremlin.semantics.values import (
    ENUMS,
    BigInteger,
    Byte,
    Column,
    Direction,
    Float,
    GremlinEnum,
    Long,
    Order,
    Pop,
    Scope,
    Short,
    T,
)
from workflow.values.limits import MOST_BITS
from workflow.values.numerals import to_float

_INT = (-(2**31), 2**31 - 1)
_LONG = (-(2**63), 2**63 - 1)


def number(text: str, negative: bool) -> Any:
    """A numeric literal with its suffix: b s i l n f d m; without one the smallest of Int, Long, BigInteger, or Double.

    Raises ValueError when it does not fit the type its suffix names.
    """
    body = text.replace("_", "")
    if body[:2] in ("0x", "0X"):
        digits, suffix = (body[2:-1], body[-1].lower()) if body[-1] in "lLnN" else (body[2:], "")
        return _integer(-int(digits, 16) if negative else int(digits, 16), suffix)
    suffix = body[-1].lower() if body[-1].isalpha() else ""
    digits = ("-" if negative else "") + (body[:-1] if suffix else body)
    if suffix == "m":
        return _decimal(digits)
    if suffix in ("f", "d") or (suffix == "" and not digits.lstrip("-").isdigit()):
        return _real(digits, suffix)
    if not digits.lstrip("-").isdigit():
        raise ValueError(f"{text} is no whole number")
    return _integer(int(digits), suffix)


def _decimal(digits: str) -> Decimal:
    try:
        return Decimal(digits)
    except InvalidOperation as e:
        raise ValueError(f"{digits} is no number") from e


def _real(digits: str, suffix: str) -> Any:
    value = float(digits)
    if suffix == "f":
        return to_float(value)
    if suffix == "" and math.isinf(value):
        try:
            return Decimal(digits)
        except InvalidOperation as e:
            raise ValueError(f"{digits} is no number") from e
    return value


def _integer(value: int, suffix: str) -> Any:
    sized: dict[str, tuple[Callable[[int], Any], int]] = {
        "b": (Byte, 8),
        "s": (Short, 16),
        "i": (int, 32),
        "l": (Long, 64),
    }
    if suffix in sized:
        kind, bits = sized[suffix]
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise ValueError(f"the integer does not fit {bits} bits")
        return kind(value)
    if value.bit_length() > MOST_BITS:
        raise ValueError(f"an integer of more than {MOST_BITS} bits")
    if suffix == "n":
        return BigInteger(value)
    if _INT[0] <= value <= _INT[1]:
        return value
    return Long(value) if _LONG[0] <= value <= _LONG[1] else BigInteger(value)


_ESCAPE = re.compile(r"\\(u+[0-9a-fA-F]{4}|[0-3]?[0-7]{1,2}|.)", re.DOTALL)
_SIMPLE_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def string(text: str) -> str:
    """The characters of a quoted literal."""
    body = text[1:-1]
    if "\\" not in body:
        return body
    plain = _ESCAPE.sub(_unescape, body)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins surrogate pairs


def _unescape(found: re.Match[str]) -> str:
    code = found.group(1)
    if code[0] == "u" and len(code) > 1:
        return chr(int(code.lstrip("u"), 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    return _SIMPLE_ESCAPES.get(code, code)


def date_time(text: str) -> datetime.datetime:
    """An ISO date or date-time; without an offset it is UTC. Raises ValueError."""
    body = text.strip()
    if re.fullmatch(r"\d{4}-\d{2}", body):
        body += "-01"
    found = datetime.datetime.fromisoformat(body)
    return found if found.tzinfo is not None else found.replace(tzinfo=datetime.UTC)


def unique_id(text: str) -> uuid.UUID:
    return uuid.UUID(text)


_DIRECTION_NAMES = {"from": Direction.OUT, "to": Direction.IN, "from_": Direction.OUT}
_ORDER_NAMES = {"incr": Order.asc, "decr": Order.desc}


def enumeration(kind: str, name: str) -> GremlinEnum | None:
    """``Order.desc`` by its parts, or None."""
    if kind == "Direction" and name in _DIRECTION_NAMES:
        return _DIRECTION_NAMES[name]
    if kind == "Order" and name in _ORDER_NAMES:
        return _ORDER_NAMES[name]
    members = ENUMS.get(kind)
    if members is None:
        return None
    try:
        return members(name.rstrip("_"))
    except ValueError:
        return members.__members__.get(name)


def _short_names() -> dict[str, GremlinEnum]:
    out: dict[str, GremlinEnum] = {}
    # later ones win: T.id over anything, Pop.all and Scope.local are what people write short
    for kind in ("GType", "DT", "Barrier", "Pick", "Merge", "Operator", "Cardinality", "Direction", "Order"):
        out |= {str(member.value): member for member in ENUMS[kind]}
    for members in (Pop, Column, Scope, T):
        out |= {str(member.value): member for member in members}
    return out | _ORDER_NAMES | {"from": Direction.OUT, "to": Direction.IN}


SHORT_NAMES: dict[str, GremlinEnum] = _short_names()

CONSTANTS: Mapping[str, Any] = {
    "WithOptions.tokens": "~tinkerpop.valueMap.tokens",
    "WithOptions.none": 0,
    "WithOptions.ids": 1,
    "WithOptions.labels": 2,
    "WithOptions.keys": 4,
    "WithOptions.values": 8,
    "WithOptions.all": 15,
    "WithOptions.indexer": "~tinkerpop.index.indexer",
    "WithOptions.list": 0,
    "WithOptions.map": 1,
    "PageRank.edges": "~tinkerpop.pageRank.edges",
    "PageRank.times": "~tinkerpop.pageRank.times",
    "PageRank.propertyName": "~tinkerpop.pageRank.propertyName",
    "PeerPressure.edges": "~tinkerpop.peerPressure.edges",
    "PeerPressure.times": "~tinkerpop.peerPressure.times",
    "PeerPressure.propertyName": "~tinkerpop.peerPressure.propertyName",
    "ConnectedComponent.component": "gremlin.connectedComponentVertexProgram.component",
    "ConnectedComponent.edges": "~tinkerpop.connectedComponent.edges",
    "ConnectedComponent.propertyName": "~tinkerpop.connectedComponent.propertyName",
    "ShortestPath.target": "~tinkerpop.shortestPath.target",
    "ShortestPath.edges": "~tinkerpop.shortestPath.edges",
    "ShortestPath.distance": "~tinkerpop.shortestPath.distance",
    "ShortestPath.maxDistance": "~tinkerpop.shortestPath.maxDistance",
    "ShortestPath.includeEdges": "~tinkerpop.shortestPath.includeEdges",
    "IO.graphml": "graphml",
    "IO.graphson": "graphson",
    "IO.gryo": "gryo",
    "IO.reader": "~tinkerpop.io.reader",
    "IO.writer": "~tinkerpop.io.writer",
    "IO.registry": "~tinkerpop.io.registry",
    "Double.NaN": math.nan,
    "Double.POSITIVE_INFINITY": math.inf,
    "Double.NEGATIVE_INFINITY": -math.inf,
    "Double.MAX_VALUE": 1.7976931348623157e308,
    "Float.NaN": Float(math.nan),
    "Float.MAX_VALUE": Float(3.4028234663852886e38),
    "Integer.MAX_VALUE": _INT[1],
    "Integer.MIN_VALUE": _INT[0],
    "Long.MAX_VALUE": Long(_LONG[1]),
    "Long.MIN_VALUE": Long(_LONG[0]),
}

KEYWORDS: Mapping[str, Any] = {"true": True, "false": False, "null": None, "NaN": math.nan, "Infinity": math.inf}


def literal_call(name: str, args: list[Any]) -> Any:
    """``datetime("…")``, ``UUID("…")`` and their like. Raises KeyError for another name, ValueError for a bad text."""
    wanted = (int, float) if name == "Date" else str
    if len(args) > 1 or not all(isinstance(arg, wanted) and not isinstance(arg, bool) for arg in args):
        raise ValueError(f"{name}() takes {'milliseconds since 1970' if name == 'Date' else 'a text'}, or nothing")
    if name in ("datetime", "DateTime"):
        return date_time(args[0]) if args else datetime.datetime.now(datetime.UTC)
    if name == "UUID":
        return unique_id(args[0]) if args else uuid.uuid4()
    if name == "Date":
        now = datetime.datetime.now(datetime.UTC)
        return datetime.datetime.fromtimestamp(args[0] / 1000, datetime.UTC) if args else now
    raise KeyError(name)


__all__ = ["CONSTANTS", "KEYWORDS", "SHORT_NAMES", "enumeration", "literal_call", "number", "string"]
