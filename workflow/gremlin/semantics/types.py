"""Which Gremlin type a Python value has: for ``typeOf``, for the order across types, and for error texts."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from workflow.graphs.elements import Edge, Path, Property, Tree, Vertex, VertexProperty
from workflow.gremlin.semantics.values import (
    BigInteger,
    Byte,
    Char,
    Float,
    Gathered,
    GSet,
    GType,
    Long,
    MapEntry,
    Short,
)

NULL, BOOLEAN, NUMBER, DATE, STRING, UUID_, VERTEX, EDGE, VPROPERTY, PROPERTY, PATH, SET, LIST, MAP, ENTRY, UNKNOWN = (
    range(16)
)

_RANKS: dict[type, int] = {
    type(None): NULL,
    bool: BOOLEAN,
    int: NUMBER,
    float: NUMBER,
    Byte: NUMBER,
    Short: NUMBER,
    Long: NUMBER,
    BigInteger: NUMBER,
    Float: NUMBER,
    Decimal: NUMBER,
    datetime.datetime: DATE,
    Char: UNKNOWN,
    str: STRING,
    uuid.UUID: UUID_,
    Vertex: VERTEX,
    Edge: EDGE,
    VertexProperty: VPROPERTY,
    Property: PROPERTY,
    Path: PATH,
    GSet: SET,
    set: SET,
    frozenset: SET,
    list: LIST,
    tuple: LIST,
    dict: MAP,
    MapEntry: ENTRY,
}

_SUBCLASSES: tuple[tuple[type, int], ...] = (
    (bool, BOOLEAN),
    (int, NUMBER),
    (float, NUMBER),
    (Decimal, NUMBER),
    (datetime.datetime, DATE),
    (Char, UNKNOWN),
    (str, STRING),
    (uuid.UUID, UUID_),
    (Vertex, VERTEX),
    (Edge, EDGE),
    (VertexProperty, VPROPERTY),
    (Property, PROPERTY),
    (Path, PATH),
    (GSet, SET),
    (set, SET),
    (frozenset, SET),
    (list, LIST),
    (tuple, LIST),
    (Mapping, MAP),
    (MapEntry, ENTRY),
)


def rank(value: Any) -> int:
    """The position of a value's type in the order across types: null, boolean, number, date, string, … unknown."""
    found = _RANKS.get(type(value))
    if found is not None:
        return found
    for base, number in _SUBCLASSES:
        if isinstance(value, base):
            return number
    return UNKNOWN


_GTYPES: dict[type, GType] = {
    Gathered: GType.SET,
    type(None): GType.NULL,
    bool: GType.BOOLEAN,
    Byte: GType.BYTE,
    Short: GType.SHORT,
    int: GType.INT,
    Long: GType.LONG,
    BigInteger: GType.BIGINT,
    Float: GType.FLOAT,
    float: GType.DOUBLE,
    Decimal: GType.BIGDECIMAL,
    Char: GType.CHAR,
    str: GType.STRING,
    uuid.UUID: GType.UUID,
    bytes: GType.BINARY,
    bytearray: GType.BINARY,
    datetime.datetime: GType.DATETIME,
    datetime.timedelta: GType.DURATION,
}

_BY_RANK: dict[int, GType] = {
    BOOLEAN: GType.BOOLEAN,
    DATE: GType.DATETIME,
    STRING: GType.STRING,
    UUID_: GType.UUID,
    VERTEX: GType.VERTEX,
    EDGE: GType.EDGE,
    VPROPERTY: GType.VPROPERTY,
    PROPERTY: GType.PROPERTY,
    PATH: GType.PATH,
    SET: GType.SET,
    LIST: GType.LIST,
    MAP: GType.MAP,
}

NUMERIC = frozenset(
    {GType.BYTE, GType.SHORT, GType.INT, GType.LONG, GType.BIGINT, GType.FLOAT, GType.DOUBLE, GType.BIGDECIMAL}
)


def type_of(value: Any) -> GType | None:
    """The most exact ``GType`` of a value, or None where the language names none (an enumeration, a map entry)."""
    found = _GTYPES.get(type(value))
    if found is not None:
        return found
    if isinstance(value, Tree):
        return GType.TREE
    if hasattr(value, "vertex_count"):
        return GType.GRAPH
    return _BY_RANK.get(rank(value))


def is_of_type(value: Any, wanted: GType) -> bool:
    """Whether ``P.typeOf(wanted)`` holds: NUMBER covers every number, MAP a tree, PROPERTY a vertex property."""
    found = type_of(value)
    if found is wanted:
        return True
    if wanted is GType.NUMBER:
        return found in NUMERIC
    if wanted is GType.PROPERTY:
        return found is GType.VPROPERTY
    return wanted is GType.MAP and found is GType.TREE


def is_number(value: Any) -> bool:
    """Whether a value is of a number type; a boolean is not."""
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def is_nan(value: Any) -> bool:
    """Whether a value is a Float or Double NaN."""
    return isinstance(value, float) and value != value


def is_collection(value: Any) -> bool:
    """Whether a value is a list or a set (a path and a map are not)."""
    return rank(value) in (SET, LIST)


JAVA_CLASSES: dict[GType, str] = {
    GType.BOOLEAN: "java.lang.Boolean",
    GType.BYTE: "java.lang.Byte",
    GType.SHORT: "java.lang.Short",
    GType.INT: "java.lang.Integer",
    GType.LONG: "java.lang.Long",
    GType.BIGINT: "java.math.BigInteger",
    GType.FLOAT: "java.lang.Float",
    GType.DOUBLE: "java.lang.Double",
    GType.BIGDECIMAL: "java.math.BigDecimal",
    GType.CHAR: "java.lang.Character",
    GType.STRING: "java.lang.String",
    GType.UUID: "java.util.UUID",
    GType.BINARY: "java.nio.ByteBuffer",
    GType.DATETIME: "java.time.OffsetDateTime",
    GType.DURATION: "java.time.Duration",
    GType.LIST: "java.util.ArrayList",
    GType.SET: "java.util.HashSet",
    GType.MAP: "java.util.LinkedHashMap",
    GType.VERTEX: "org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerVertex",
    GType.EDGE: "org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerEdge",
    GType.VPROPERTY: "org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerVertexProperty",
    GType.PROPERTY: "org.apache.tinkerpop.gremlin.tinkergraph.structure.TinkerProperty",
    GType.PATH: "org.apache.tinkerpop.gremlin.process.traversal.step.util.ImmutablePath",
}


def java_class(value: Any) -> str:
    """The class an error text names, such as ``class java.lang.Integer``; clients match on these."""
    return "class " + java_name(value)


def java_name(value: Any) -> str:
    """The same without the word ``class``; ``null`` for null."""
    if value is None:
        return "null"
    if isinstance(value, MapEntry):
        return "java.util.LinkedHashMap$Entry"
    found = type_of(value)
    return "java.lang.Object" if found is None else JAVA_CLASSES.get(found, "java.lang.Object")


def simple_class(value: Any) -> str:
    """The last part of ``java_name``, such as ``Integer``."""
    return java_name(value).rpartition(".")[2]
