"""GraphBinary 1 to values: a table of functions by type code over one buffer and a position."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from struct import Struct
from struct import error as StructError  # noqa: N812 - the module calls its exception ``error``
from typing import Any, Final
from uuid import UUID

from workflow.graphs.elements import BulkedValue, Path, Tree
from workflow.gremlin.semantics.values import (
    BigInteger,
    BulkSet,
    Byte,
    Char,
    Float,
    GremlinEnum,
    GSet,
    Long,
    Metrics,
    ReferenceEdge,
    ReferenceProperty,
    ReferenceVertex,
    Short,
    TraversalMetrics,
)
from workflow.gremlin.traversal import Instruction, Lambda, P, TextP
from workflow.gremlin.wire.messages import Request, UnreadableRequest
from workflow.gremlin.wire.tables import (
    ENUM_CODES,
    MAX_SCALE,
    bytecode,
    class_reference,
    enum_member,
    gremlin_map,
    predicate,
    strategy,
)
from workflow.values.limits import MOST_BITS, read_error

_INT: Final = Struct(">i").unpack_from
_LONG: Final = Struct(">q").unpack_from
_SHORT: Final = Struct(">h").unpack_from
_DOUBLE: Final = Struct(">d").unpack_from
_FLOAT: Final = Struct(">f").unpack_from
_DATE_TIME: Final = Struct(">ibbqi").unpack_from
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# what reading hostile bytes can raise; turned into UnreadableRequest at the edge, nothing else
HOSTILE: Final = (
    StructError,
    IndexError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
    ArithmeticError,
)

Read = Callable[["GraphBinaryReader"], Any]


class GraphBinaryReader:
    """Reads values one after the other from ``data``, checking sizes against what is left.

    Every method may raise one of ``HOSTILE``; the functions below that read a whole message translate.
    """

    __slots__ = ("data", "lambdas", "position")

    table: dict[int, Read]

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position
        self.lambdas: list[Lambda] = []

    def value(self) -> Any:
        """The next fully qualified value."""
        at = self.position
        code, flag = self.data[at], self.data[at + 1]
        self.position = at + 2
        if flag == 1:
            return None
        function = self.table.get(code)
        if function is None or flag != 0:
            return self.special(code, flag)
        return function(self)

    def special(self, code: int, flag: int) -> Any:
        """A type code or flag that the table does not know."""
        raise UnreadableRequest(
            f"type code 0x{code:02x} with flag 0x{flag:02x} at byte {self.position - 2} is not known"
        )

    def take(self, count: int) -> bytes:
        at = self.position
        end = at + count
        if count < 0 or end > len(self.data):
            raise UnreadableRequest(f"{count} bytes wanted at byte {at} of {len(self.data)}")
        self.position = end
        return self.data[at:end]

    def int32(self) -> int:
        number: int = _INT(self.data, self.position)[0]
        self.position += 4
        return number

    def int64(self) -> int:
        number: int = _LONG(self.data, self.position)[0]
        self.position += 8
        return number

    def octet(self) -> int:
        number = self.data[self.position]
        self.position += 1
        return number

    def string(self) -> str:
        # written out, not through take(): half of all calls of a request come here
        begin = self.position + 4
        length = _INT(self.data, self.position)[0]
        end = begin + length
        if length < 0 or end > len(self.data):
            raise UnreadableRequest(f"{length} bytes wanted at byte {begin} of {len(self.data)}")
        self.position = end
        return str(self.data[begin:end], "utf-8", "surrogatepass")

    def count(self) -> int:
        """The number of things that follow; each takes a byte at least."""
        number: int = _INT(self.data, self.position)[0]
        self.position += 4
        if number < 0 or number > len(self.data) - self.position:
            raise UnreadableRequest(f"{number} values announced where {len(self.data) - self.position} bytes are left")
        return number

    def values(self) -> list[Any]:
        read = self.value
        return [read() for _ in range(self.count())]

    def pairs(self) -> list[tuple[Any, Any]]:
        read = self.value
        return [(read(), read()) for _ in range(self.count())]

    def map(self) -> Any:
        return gremlin_map(self.pairs())

    def big_integer(self) -> int:
        length = self.int32()
        if length * 8 > MOST_BITS:
            raise UnreadableRequest(f"an integer of {length} bytes; at most {MOST_BITS // 8} are read")
        return int.from_bytes(self.take(length), "big", signed=True)

    def element_label(self) -> str:
        """A label inside an element: a bare string here, a list in version 4."""
        return self.string()

    def instructions(self) -> list[Instruction]:
        return [Instruction(self.string(), tuple(self.values())) for _ in range(self.count())]


def read_request(data: bytes, position: int) -> Request:
    """The request message that starts at ``position`` with its version byte; raises UnreadableRequest."""
    return read_message(GraphBinaryReader(data, position))


def read_message(reader: GraphBinaryReader) -> Request:
    """The same by a reader, up to the end of its bytes."""
    try:
        version = reader.octet()
        if version != 0x81:
            raise UnreadableRequest(f"GraphBinary of version byte 0x{version:02x}; this is 0x81")
        request_id = UUID(bytes=reader.take(16))
        op, processor = reader.string(), reader.string()
        args = {str(key): value for key, value in reader.pairs()}
    except HOSTILE as error:
        raise UnreadableRequest(f"this is no GraphBinary request: {read_error(error)}") from error
    if reader.position != len(reader.data):
        raise UnreadableRequest(f"{len(reader.data) - reader.position} bytes follow the request")
    return Request(request_id, op, processor, args, tuple(reader.lambdas))


def read_value(data: bytes) -> Any:
    """One fully qualified value that fills ``data``; raises UnreadableRequest."""
    reader = GraphBinaryReader(data)
    try:
        value = reader.value()
    except HOSTILE as error:
        raise UnreadableRequest(f"this is no GraphBinary value: {read_error(error)}") from error
    if reader.position != len(data):
        raise UnreadableRequest(f"{len(data) - reader.position} bytes follow the value")
    return value


def big_decimal(r: GraphBinaryReader) -> Decimal:
    """Scale, then the unscaled number."""
    scale, unscaled = r.int32(), r.big_integer()
    if abs(scale) > MAX_SCALE:
        raise UnreadableRequest(f"a BigDecimal of scale {scale}; at most {MAX_SCALE} is read")
    sign, digits, _ = Decimal(unscaled).as_tuple()
    return Decimal((sign, digits, -scale))  # exact, where scaleb would round to 28 digits


def character(r: GraphBinaryReader) -> Char:
    """One to four bytes of UTF-8; the first says how many."""
    first = r.data[r.position]
    length = 1 if first < 0x80 else 2 if first < 0xE0 else 3 if first < 0xF0 else 4
    return Char(r.take(length).decode("utf-8", "surrogatepass"))


def date_time(r: GraphBinaryReader) -> datetime:
    """Year, month, day, nanoseconds of the day, offset in seconds."""
    year, month, day, nanos, offset = _DATE_TIME(r.data, r.position)
    r.position += 18
    midnight = datetime(year, month, day, tzinfo=timezone(timedelta(seconds=offset)))
    return midnight + timedelta(microseconds=nanos // 1000)


def duration(r: GraphBinaryReader) -> timedelta:
    return timedelta(seconds=r.int64(), microseconds=r.int32() // 1000)


def direct(unpack: Callable[..., tuple[Any, ...]], size: int, kind: Callable[[Any], Any] | None = None) -> Read:
    """A function for numbers of a fixed size."""

    def read(r: GraphBinaryReader) -> Any:
        value = unpack(r.data, r.position)[0]
        r.position += size
        return value if kind is None else kind(value)

    return read


def enum_reader(kind: type[GremlinEnum]) -> Read:
    def read(r: GraphBinaryReader) -> GremlinEnum:
        return enum_member(kind, r.value())

    return read


def _date(r: GraphBinaryReader) -> datetime:
    return _EPOCH + timedelta(milliseconds=r.int64())


def _instant(r: GraphBinaryReader) -> datetime:
    return _EPOCH + timedelta(seconds=r.int64(), microseconds=r.int32() // 1000)


def _local_date(r: GraphBinaryReader) -> datetime:
    return datetime(r.int32(), r.octet(), r.octet(), tzinfo=UTC)


def _local_date_time(r: GraphBinaryReader) -> datetime:
    return _local_date(r) + timedelta(microseconds=r.int64() // 1000)


def vertex(r: GraphBinaryReader) -> ReferenceVertex:
    """Id and label; properties a client sends along are read past."""
    result = ReferenceVertex(r.value(), r.element_label())
    r.value()
    return result


def edge(r: GraphBinaryReader) -> ReferenceEdge:
    """The in-vertex stands before the out-vertex."""
    id, label = r.value(), r.element_label()
    target = ReferenceVertex(r.value(), r.element_label())
    source = ReferenceVertex(r.value(), r.element_label())
    r.value()
    r.value()
    return ReferenceEdge(id, label, source, target)


def vertex_property(r: GraphBinaryReader) -> ReferenceProperty:
    id, label, value = r.value(), r.element_label(), r.value()
    r.value()
    r.value()
    return ReferenceProperty(label, value, id)


def property_(r: GraphBinaryReader) -> ReferenceProperty:
    key, value = r.string(), r.value()
    r.value()
    return ReferenceProperty(key, value)


def path(r: GraphBinaryReader) -> Path:
    labels, objects = r.value(), r.value()
    return Path(tuple(objects), tuple(frozenset(map(str, item)) for item in labels))


def tree(r: GraphBinaryReader) -> Tree:
    result = Tree()
    for _ in range(r.count()):
        key = r.value()
        result[key] = tree(r)
    return result


def _bulk_set(r: GraphBinaryReader) -> BulkSet:
    return BulkSet(tuple((r.value(), r.int64()) for _ in range(r.count())))


def _traverser(r: GraphBinaryReader) -> BulkedValue:
    bulk = r.int64()
    return BulkedValue(r.value(), bulk)


def _lambda(r: GraphBinaryReader) -> Lambda:
    language, script = r.string(), r.string()
    r.int32()
    result = Lambda(script, language)
    r.lambdas.append(result)
    return result


def _bytecode(r: GraphBinaryReader) -> Any:
    steps = r.instructions()
    return bytecode(steps, r.instructions())


def _metrics(r: GraphBinaryReader) -> Metrics:
    id, name, nanos = r.string(), r.string(), r.int64()
    counts, annotations = r.map(), r.map()
    return Metrics(id, name, nanos, counts, annotations, tuple(r.values()))


def _binding(r: GraphBinaryReader) -> Any:
    r.string()  # the name is of use to servers that cache by it
    return r.value()


READERS: Final[dict[int, Read]] = {
    0x01: direct(_INT, 4),
    0x02: direct(_LONG, 8, Long),
    0x03: GraphBinaryReader.string,
    0x04: _date,
    0x05: _date,
    0x06: lambda r: class_reference(r.string()),
    0x07: direct(_DOUBLE, 8),
    0x08: direct(_FLOAT, 4, Float),
    0x09: GraphBinaryReader.values,
    0x0A: GraphBinaryReader.map,
    0x0B: lambda r: GSet(r.values()),
    0x0C: lambda r: UUID(bytes=r.take(16)),
    0x0D: edge,
    0x0E: path,
    0x0F: property_,
    0x11: vertex,
    0x12: vertex_property,
    0x14: _binding,
    0x15: _bytecode,
    0x1D: _lambda,
    0x1E: lambda r: predicate(P, r.string(), r.values()),
    0x21: _traverser,
    0x22: big_decimal,
    0x23: lambda r: BigInteger(r.big_integer()),
    0x24: direct(Struct(">b").unpack_from, 1, Byte),
    0x25: lambda r: r.take(r.int32()),
    0x26: direct(_SHORT, 2, Short),
    0x27: lambda r: r.octet() != 0,
    0x28: lambda r: predicate(TextP, r.string(), r.values()),
    0x29: lambda r: strategy(r.string(), r.map()),
    0x2A: _bulk_set,
    0x2B: tree,
    0x2C: _metrics,
    0x2D: lambda r: TraversalMetrics(r.int64(), tuple(r.values())),
    0x80: character,
    0x81: duration,
    0x83: _instant,
    0x84: _local_date,
    0x85: _local_date_time,
    0x88: date_time,
    0x8D: date_time,
    **{code: enum_reader(kind) for kind, code in ENUM_CODES.items()},
}

GraphBinaryReader.table = READERS
