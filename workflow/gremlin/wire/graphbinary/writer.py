"""Values to GraphBinary 1: a table of functions by type that append to one bytearray.

A fully qualified value is its type code, a flag (0 present, 1 null) and the value, big-endian. Names and labels repeat
in every answer, so their bytes are kept.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from struct import Struct
from struct import error as StructError  # noqa: N812 - the module calls its exception ``error``
from typing import Any, Final
from uuid import UUID

from workflow.graphs.elements import BulkedValue, Edge, Path, Property, Tree, Vertex, VertexProperty
from workflow.gremlin.semantics.keys import GMap
from workflow.gremlin.semantics.values import (
    ENUMS,
    BigInteger,
    BulkSet,
    Byte,
    Char,
    Float,
    GList,
    GremlinEnum,
    GSet,
    Long,
    MapEntry,
    Metrics,
    ReferenceEdge,
    ReferenceProperty,
    ReferenceVertex,
    Short,
    TraversalMetrics,
)
from workflow.gremlin.traversal import CardinalityValue, Instruction, Lambda, P, Strategy, TextP, Traversal
from workflow.gremlin.wire.elements import is_graph
from workflow.gremlin.wire.graphbinary.elements import (
    edge,
    graph,
    metrics,
    path,
    property_,
    reference_property,
    traversal_metrics,
    tree,
    vertex,
    vertex_property,
)
from workflow.gremlin.wire.graphbinary.primitives import (
    KEPT,
    NULL,
    bare_int,
    bare_long,
    bare_string,
    qualified_int,
    qualified_name,
)
from workflow.gremlin.wire.messages import UnwritableResult
from workflow.gremlin.wire.tables import ENUM_CODES, INT_RANGE, LONG_RANGE
from workflow.values.limits import read_error

_BYTE: Final = Struct(">BBb").pack
_SHORT: Final = Struct(">BBh").pack
_LONG: Final = Struct(">BBq").pack
_DOUBLE: Final = Struct(">BBd").pack
_FLOAT: Final = Struct(">BBf").pack
_DURATION: Final = Struct(">BBqi").pack
_DATE_TIME: Final = Struct(">BBibbqi").pack

Write = Callable[["GraphBinaryWriter", bytearray, Any], None]


class GraphBinaryWriter:
    """Writes results of GraphBinary 1.

    Args:
        materialize: whether elements carry their properties, as servers since 3.7 do, or id and label alone.
        legacy_dates: write date-times as Date (milliseconds), the only form clients before 3.8 and Neptune know.
    """

    version: int = 0x81

    def __init__(self, *, materialize: bool = False, legacy_dates: bool = False) -> None:
        self.materialize = materialize
        self.legacy_dates = legacy_dates
        self.table: dict[type, Write] = dict(WRITERS)

    def write(self, out: bytearray, value: Any) -> None:
        """Append one fully qualified value; raises UnwritableResult."""
        function = self.table.get(type(value))
        if function is None:
            function = self._resolve(value)
        function(self, out, value)

    def append(self, out: bytearray, value: Any) -> None:
        """Append one whole result; whatever goes wrong is UnwritableResult."""
        function = self.table.get(type(value)) or self._resolve(value)
        try:
            function(self, out, value)
        except (StructError, OverflowError, RecursionError, KeyError, ValueError) as error:
            raise UnwritableResult(
                f"a {type(value).__name__} cannot be written as GraphBinary: {read_error(error)}"
            ) from error

    def encode(self, value: Any) -> bytes:
        """One fully qualified value as bytes; raises UnwritableResult."""
        out = bytearray()
        self.append(out, value)
        return bytes(out)

    def label(self, text: str) -> bytes:
        """A label as it stands inside an element: a bare string here, a list in version 4."""
        return qualified_name(text)[2:]

    def bare_map(self, out: bytearray, value: Mapping[Any, Any]) -> None:
        out += bare_int(len(value))
        table_get, write = self.table.get, self.write
        for key, item in value.items():
            if type(key) is str:
                out += KEPT.get(key) or qualified_name(key)
            else:
                write(out, key)
            function = table_get(type(item))
            if function is None:
                write(out, item)
            else:
                function(self, out, item)

    def bare_list(self, out: bytearray, values: Iterable[Any], count: int) -> None:
        out += bare_int(count)
        for item in values:
            self.write(out, item)

    def _resolve(self, value: Any) -> Write:
        """Find the function for a type not seen before by what it inherits, and keep it."""
        kind = type(value)
        for base in kind.__mro__[1:]:
            if base in self.table and base is not object:
                self.table[kind] = self.table[base]
                return self.table[kind]
        if isinstance(value, Mapping):
            self.table[kind] = _map
            return _map
        if is_graph(value):
            self.table[kind] = graph
            return graph
        raise UnwritableResult(f"a {kind.__name__} has no form in GraphBinary")


def _null(w: GraphBinaryWriter, out: bytearray, value: None) -> None:
    out += NULL


def _boolean(w: GraphBinaryWriter, out: bytearray, value: bool) -> None:
    out += b"\x27\x00\x01" if value else b"\x27\x00\x00"


def _int(w: GraphBinaryWriter, out: bytearray, value: int) -> None:
    if INT_RANGE[0] <= value <= INT_RANGE[1]:
        out += qualified_int(1, 0, value)
    else:
        _long(w, out, value)


def _long(w: GraphBinaryWriter, out: bytearray, value: int) -> None:
    if LONG_RANGE[0] <= value <= LONG_RANGE[1]:
        out += _LONG(2, 0, value)
    else:
        _big_integer(w, out, value)


def _big_integer(w: GraphBinaryWriter, out: bytearray, value: int) -> None:
    out += b"\x23\x00" + twos_complement(value)


def twos_complement(value: int) -> bytes:
    """Length and the fewest bytes that hold the number with its sign."""
    length = (value if value >= 0 else ~value).bit_length() // 8 + 1
    return bare_int(length) + value.to_bytes(length, "big", signed=True)


def _big_decimal(w: GraphBinaryWriter, out: bytearray, value: Decimal) -> None:
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise UnwritableResult(f"{value} is no BigDecimal")
    unscaled = int(Decimal((sign, digits, 0)))
    out += b"\x22\x00" + bare_int(-exponent) + twos_complement(unscaled)


def _byte(w: GraphBinaryWriter, out: bytearray, value: int) -> None:
    out += _BYTE(0x24, 0, value)


def _short(w: GraphBinaryWriter, out: bytearray, value: int) -> None:
    out += _SHORT(0x26, 0, value)


def _double(w: GraphBinaryWriter, out: bytearray, value: float) -> None:
    out += _DOUBLE(7, 0, value)


def _float(w: GraphBinaryWriter, out: bytearray, value: float) -> None:
    try:
        out += _FLOAT(8, 0, value)
    except OverflowError:  # beyond 32 bits: what Java's cast gives
        out += _FLOAT(8, 0, float("inf") if value > 0 else float("-inf"))


def _string(w: GraphBinaryWriter, out: bytearray, value: str) -> None:
    data = value.encode("utf-8", "surrogatepass")
    out += qualified_int(3, 0, len(data))
    out += data


def _char(w: GraphBinaryWriter, out: bytearray, value: str) -> None:
    out += b"\x80\x00" + value.encode("utf-8", "surrogatepass")


def _uuid(w: GraphBinaryWriter, out: bytearray, value: UUID) -> None:
    out += b"\x0c\x00" + value.bytes


def _bytes(w: GraphBinaryWriter, out: bytearray, value: bytes) -> None:
    out += b"\x25\x00" + bare_int(len(value)) + value


def _datetime(w: GraphBinaryWriter, out: bytearray, value: datetime) -> None:
    if w.legacy_dates or value.tzinfo is None:
        out += _LONG(4, 0, timegm(value.utctimetuple()) * 1000 + value.microsecond // 1000)
    else:
        offset_date_time(out, 0x88, value)


def offset_date_time(out: bytearray, code: int, value: datetime) -> None:
    """Year, month, day, nanoseconds of the day, offset in seconds."""
    offset = value.utcoffset() or timedelta()
    nanos = ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000_000 + value.microsecond * 1000
    out += _DATE_TIME(code, 0, value.year, value.month, value.day, nanos, int(offset.total_seconds()))


def _duration(w: GraphBinaryWriter, out: bytearray, value: timedelta) -> None:
    out += _DURATION(0x81, 0, value.days * 86400 + value.seconds, value.microseconds * 1000)


def _list(w: GraphBinaryWriter, out: bytearray, value: list[Any] | tuple[Any, ...]) -> None:
    out += qualified_int(9, 0, len(value))
    table_get = w.table.get
    for item in value:
        function = table_get(type(item))
        if function is None:
            w.write(out, item)
        else:
            function(w, out, item)


def _set(w: GraphBinaryWriter, out: bytearray, value: Any) -> None:
    out += b"\x0b\x00"
    w.bare_list(out, value, len(value))


def _map(w: GraphBinaryWriter, out: bytearray, value: Mapping[Any, Any]) -> None:
    out += b"\x0a\x00"
    w.bare_map(out, value)


def _entry(w: GraphBinaryWriter, out: bytearray, value: MapEntry) -> None:
    out += qualified_int(0x0A, 0, 1)
    w.write(out, value.key)
    w.write(out, value.value)


def _bulk_set(w: GraphBinaryWriter, out: bytearray, value: BulkSet) -> None:
    out += qualified_int(0x2A, 0, len(value.items))
    for item, bulk in value.items:
        w.write(out, item)
        out += bare_long(bulk)


def _traverser(w: GraphBinaryWriter, out: bytearray, value: BulkedValue) -> None:
    out += b"\x21\x00" + bare_long(value.bulk)
    w.write(out, value.value)


def _enum(w: GraphBinaryWriter, out: bytearray, value: GremlinEnum) -> None:
    out += bytes((ENUM_CODES[type(value)], 0)) + qualified_name(str(value.value))


def _predicate(w: GraphBinaryWriter, out: bytearray, value: P) -> None:
    args = value.args
    if value.name in ("within", "without") and len(args) == 1 and isinstance(args[0], (list, tuple, set, frozenset)):
        args = tuple(args[0])
    out += b"\x28\x00" if isinstance(value, TextP) else b"\x1e\x00"
    out += bare_string(value.name)
    w.bare_list(out, args, len(args))


def _lambda(w: GraphBinaryWriter, out: bytearray, value: Lambda) -> None:
    out += b"\x1d\x00" + bare_string(value.language) + bare_string(value.script) + bare_int(-1)


def _strategy(w: GraphBinaryWriter, out: bytearray, value: Strategy) -> None:
    out += b"\x29\x00" + bare_string(value.name)
    w.bare_map(out, value.configuration)


def _traversal(w: GraphBinaryWriter, out: bytearray, value: Traversal) -> None:
    out += b"\x15\x00"
    _instructions(w, out, value.steps)
    _instructions(w, out, value.source)


def _instructions(w: GraphBinaryWriter, out: bytearray, instructions: tuple[Instruction, ...]) -> None:
    out += bare_int(len(instructions))
    for instruction in instructions:
        out += bare_string(instruction.name)
        w.bare_list(out, instruction.args, len(instruction.args))


def _cardinality_value(w: GraphBinaryWriter, out: bytearray, value: CardinalityValue) -> None:
    disguise = Instruction("CardinalityValueTraversal", (value.cardinality, value.value))
    _traversal(w, out, Traversal(source=(disguise,)))


WRITERS: Final[dict[type, Write]] = {
    type(None): _null,
    bool: _boolean,
    int: _int,
    Byte: _byte,
    Short: _short,
    Long: _long,
    BigInteger: _big_integer,
    float: _double,
    Float: _float,
    Decimal: _big_decimal,
    str: _string,
    Char: _char,
    UUID: _uuid,
    bytes: _bytes,
    bytearray: _bytes,
    datetime: _datetime,
    timedelta: _duration,
    list: _list,
    tuple: _list,
    GList: _list,
    set: _set,
    frozenset: _set,
    GSet: _set,
    dict: _map,
    GMap: _map,
    MapEntry: _entry,
    BulkSet: _bulk_set,
    Vertex: vertex,
    ReferenceVertex: vertex,
    Edge: edge,
    ReferenceEdge: edge,
    VertexProperty: vertex_property,
    Property: property_,
    ReferenceProperty: reference_property,
    Path: path,
    Tree: tree,
    BulkedValue: _traverser,
    Metrics: metrics,
    TraversalMetrics: traversal_metrics,
    P: _predicate,
    TextP: _predicate,
    Lambda: _lambda,
    Strategy: _strategy,
    Traversal: _traversal,
    CardinalityValue: _cardinality_value,
    **dict.fromkeys(ENUMS.values(), _enum),
}
