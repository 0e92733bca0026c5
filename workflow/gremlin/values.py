"""Values whose Gremlin type Python would lose, and the enumerations of the language.

A bare ``int`` is an Int (32 bit), a bare ``float`` a Double, ``decimal.Decimal`` a BigDecimal, ``datetime.datetime`` an
OffsetDateTime, ``datetime.timedelta`` a Duration, ``uuid.UUID`` a UUID, ``bytes`` a ByteBuffer. The rest are subclasses
here, so that arithmetic and comparison are Python's and the type survives storage and the wire.
"""

from __future__ import annotations

from enum import Enum
from typing import Any


class Byte(int):
    """8-bit integer."""

    __slots__ = ()


class Short(int):
    """16-bit integer."""

    __slots__ = ()


class Long(int):
    """64-bit integer."""

    __slots__ = ()


class BigInteger(int):
    """Integer without bounds."""

    __slots__ = ()


class Float(float):
    """32-bit floating point number; ``Float(x)`` does not round, ``semantics`` does."""

    __slots__ = ()


class Char(str):
    """A single character."""

    __slots__ = ()


INTEGER_TYPES = (Byte, Short, int, Long, BigInteger)


class GremlinEnum(Enum):
    """An enumeration of the language; ``value`` is the Java name that travels."""

    def __repr__(self) -> str:
        return str(self.value)


class T(GremlinEnum):
    id = "id"
    label = "label"
    key = "key"
    value_ = "value"

    @classmethod
    def _missing_(cls, value: object) -> T | None:
        return {"id_": cls.id, "value_": cls.value_}.get(str(value))


class Order(GremlinEnum):
    asc = "asc"
    desc = "desc"
    shuffle = "shuffle"


class Scope(GremlinEnum):
    local = "local"
    global_ = "global"


class Column(GremlinEnum):
    keys = "keys"
    values = "values"


class Pop(GremlinEnum):
    first = "first"
    last = "last"
    all = "all"
    mixed = "mixed"


class Cardinality(GremlinEnum):
    single = "single"
    list = "list"
    set = "set"


class Direction(GremlinEnum):
    OUT = "OUT"
    IN = "IN"
    BOTH = "BOTH"


class Merge(GremlinEnum):
    on_create = "onCreate"
    on_match = "onMatch"
    out_v = "outV"
    in_v = "inV"


class Operator(GremlinEnum):
    sum = "sum"
    minus = "minus"
    mult = "mult"
    div = "div"
    min = "min"
    max = "max"
    assign = "assign"
    and_ = "and"
    or_ = "or"
    add_all = "addAll"
    sum_long = "sumLong"


class Pick(GremlinEnum):
    any = "any"
    none = "none"
    unproductive = "unproductive"


class Barrier(GremlinEnum):
    norm_sack = "normSack"


class DT(GremlinEnum):
    second = "second"
    minute = "minute"
    hour = "hour"
    day = "day"


class GType(GremlinEnum):
    """What ``typeOf`` tests; the value is the upper-case name of the language."""

    BIGDECIMAL = "BIGDECIMAL"
    BIGINT = "BIGINT"
    BINARY = "BINARY"
    BOOLEAN = "BOOLEAN"
    BYTE = "BYTE"
    CHAR = "CHAR"
    DATETIME = "DATETIME"
    DOUBLE = "DOUBLE"
    DURATION = "DURATION"
    EDGE = "EDGE"
    FLOAT = "FLOAT"
    GRAPH = "GRAPH"
    INT = "INT"
    LIST = "LIST"
    LONG = "LONG"
    MAP = "MAP"
    NULL = "NULL"
    NUMBER = "NUMBER"
    PATH = "PATH"
    PROPERTY = "PROPERTY"
    SET = "SET"
    SHORT = "SHORT"
    STRING = "STRING"
    TREE = "TREE"
    UUID = "UUID"
    VERTEX = "VERTEX"
    VPROPERTY = "VPROPERTY"


ENUMS: dict[str, type[GremlinEnum]] = {
    "T": T,
    "Order": Order,
    "Scope": Scope,
    "Column": Column,
    "Pop": Pop,
    "Cardinality": Cardinality,
    "Direction": Direction,
    "Merge": Merge,
    "Operator": Operator,
    "Pick": Pick,
    "Barrier": Barrier,
    "DT": DT,
    "GType": GType,
}


class GList(list[Any]):
    """A mutable list a step may hand on; plain ``list`` and ``tuple`` are read alike."""


class GSet(list[Any]):
    """A set that keeps insertion order and may hold what Python cannot hash; its owner keeps members distinct."""
