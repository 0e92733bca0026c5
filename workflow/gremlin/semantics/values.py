"""Values whose Gremlin type Python would lose, and the enumerations of the language.

A bare ``int`` is an Int (32 bit), a bare ``float`` a Double, ``decimal.Decimal`` a BigDecimal, ``datetime.datetime`` an
OffsetDateTime, ``datetime.timedelta`` a Duration, ``uuid.UUID`` a UUID, ``bytes`` a ByteBuffer. The rest are subclasses
here, so that arithmetic and comparison are Python's and the type survives storage and the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from workflow.values.numbers import BigInteger, Byte, Char, Float, Long, Short

__all__ = [
    "DT",
    "ENUMS",
    "INTEGER_TYPES",
    "Barrier",
    "BigInteger",
    "BulkSet",
    "Byte",
    "Cardinality",
    "Char",
    "Column",
    "Direction",
    "Float",
    "GList",
    "GSet",
    "GType",
    "Gathered",
    "GremlinEnum",
    "Long",
    "MapEntry",
    "Merge",
    "Metrics",
    "Operator",
    "Order",
    "Pick",
    "Pop",
    "ReferenceEdge",
    "ReferenceProperty",
    "ReferenceVertex",
    "Scope",
    "Short",
    "T",
    "TraversalMetrics",
]

INTEGER_TYPES = (Byte, Short, int, Long, BigInteger)


class GremlinEnum(Enum):
    """An enumeration of the language; ``value`` is the Java name that travels."""

    def __repr__(self) -> str:
        return str(self.value)


class T(GremlinEnum):
    """What every element has: id, label, and a property's key and value."""

    id = "id"
    label = "label"
    key = "key"
    value_ = "value"

    @classmethod
    def _missing_(cls, value: object) -> T | None:
        return {"id_": cls.id, "value_": cls.value_}.get(str(value))


class Order(GremlinEnum):
    """How ``order()`` sorts."""

    asc = "asc"
    desc = "desc"
    shuffle = "shuffle"


class Scope(GremlinEnum):
    """Whether a step looks at all traversers or into the value of each."""

    local = "local"
    global_ = "global"


class Column(GremlinEnum):
    """The keys or the values of a map."""

    keys = "keys"
    values = "values"


class Pop(GremlinEnum):
    """Which of several values under one label."""

    first = "first"
    last = "last"
    all = "all"
    mixed = "mixed"


class Cardinality(GremlinEnum):
    """Whether a property holds one value, a list or a set."""

    single = "single"
    list = "list"
    set = "set"


class Direction(GremlinEnum):
    """Which way along an edge."""

    OUT = "OUT"
    IN = "IN"
    BOTH = "BOTH"


class Merge(GremlinEnum):
    """What an option of ``mergeV()`` and ``mergeE()`` is for."""

    on_create = "onCreate"
    on_match = "onMatch"
    out_v = "outV"
    in_v = "inV"


class Operator(GremlinEnum):
    """How two values become one: of sacks, side effects and ``fold()``."""

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
    """The option of ``choose()`` and ``branch()`` that is no value."""

    any = "any"
    none = "none"
    unproductive = "unproductive"


class Barrier(GremlinEnum):
    """What a barrier does with the sacks it holds."""

    norm_sack = "normSack"


class DT(GremlinEnum):
    """The units of ``dateAdd()``."""

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


class Gathered(GList):
    """What ``aggregate()`` collects: a set in the eyes of ``typeOf``, though a member may be there several times."""


class GSet(list[Any]):
    """A set that keeps insertion order and may hold what Python cannot hash; its owner keeps members distinct."""


class MapEntry:
    """One entry of a map, as ``unfold()`` hands it out; on the wire a map of one."""

    __slots__ = ("key", "value")

    def __init__(self, key: Any, value: Any) -> None:
        self.key = key
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MapEntry) and (other.key, other.value) == (self.key, self.value)

    def __hash__(self) -> int:
        return hash(str(self.key))

    def __repr__(self) -> str:
        return f"{self.key}={self.value}"


@dataclass(frozen=True, slots=True)
class ReferenceVertex:
    """A vertex as a client names it in a query: no graph behind it yet."""

    id: Any
    label: str = "vertex"


@dataclass(frozen=True, slots=True)
class ReferenceEdge:
    """An edge as a client names it."""

    id: Any
    label: str
    out_vertex: ReferenceVertex
    in_vertex: ReferenceVertex


@dataclass(frozen=True, slots=True)
class ReferenceProperty:
    """A property as a client names it; ``id`` is set where it is a vertex property."""

    key: str
    value: Any
    id: Any = None


@dataclass(frozen=True, slots=True)
class BulkSet:
    """A collection that counts how often it holds each value."""

    items: tuple[tuple[Any, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Metrics:
    """What one step of a profiled traversal cost; ``duration_ns`` without its nested steps."""

    id: str
    name: str
    duration_ns: int
    counts: Mapping[str, int] = field(default_factory=dict, hash=False)
    annotations: Mapping[str, Any] = field(default_factory=dict, hash=False)
    nested: tuple[Metrics, ...] = ()


@dataclass(frozen=True, slots=True)
class TraversalMetrics:
    """What ``profile()`` answers."""

    duration_ns: int
    metrics: tuple[Metrics, ...] = ()
