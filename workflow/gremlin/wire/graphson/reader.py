"""GraphSON of any version to values: JSON first, then a table of functions by ``@type``."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from struct import Struct
from typing import Any, Final
from uuid import UUID

from workflow.graphs.elements import BulkedValue, Path, Tree
from workflow.gremlin.semantics.values import (
    ENUMS,
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
    CONNECTIVES,
    INT_RANGE,
    LISTS,
    LONG_RANGE,
    MAX_SCALE,
    PAIRS,
    bytecode,
    class_reference,
    enum_member,
    gremlin_map,
    predicate,
    strategy,
)
from workflow.values.limits import read_error, too_many_values

_SINGLE: Final = Struct(">f")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DURATION: Final = re.compile(
    r"([+-]?)P(?:([+-]?\d{1,9})D)?(?:T(?:([+-]?\d{1,9})H)?(?:([+-]?\d{1,9})M)?(?:([+-]?\d{1,12}(?:\.\d{1,9})?)S)?)?",
    re.A,
)

# what reading hostile JSON can raise; turned into UnreadableRequest at the edge, nothing else
HOSTILE: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    RecursionError,
    ArithmeticError,
    UnicodeError,
)

Read = Callable[["GraphSONReader", Any], Any]


class GraphSONReader:
    """Turns parsed JSON into values; bare JSON numbers are Int, Long or BigInteger by size, or Double."""

    __slots__ = ("lambdas",)

    def __init__(self) -> None:
        self.lambdas: list[Lambda] = []

    def read(self, data: Any) -> Any:
        """One value."""
        kind = type(data)
        if kind is dict:
            name = data.get("@type")
            if name is None or "@value" not in data:
                return self.tagless(data) if name is None else self.tagged(name, {})
            return self.tagged(name, data["@value"])
        if kind is list:
            return [self.read(item) for item in data]
        if kind is int:
            return number(data)
        return float(data) if kind is ExactFloat else data

    def tagless(self, data: dict[str, Any]) -> Any:
        return {key: self.read(item) for key, item in data.items()}

    def tagged(self, name: Any, data: Any) -> Any:
        function = READERS.get(name)
        if function is not None:
            return function(self, data)
        if isinstance(name, str) and name.startswith("g:") and name.endswith("Strategy"):
            return strategy(name[2:], self.members(data))
        raise UnreadableRequest(f"type {name!r} is not known")

    def members(self, data: Any) -> Mapping[Any, Any]:
        """A map, whether it came as ``g:Map`` or as a JSON object."""
        value = self.read(data)
        if not isinstance(value, Mapping):
            raise UnreadableRequest(f"a map was expected, not {type(value).__name__}")
        return value

    def sequence(self, data: Any) -> list[Any]:
        """A collection, whether it came as ``g:List`` or as a JSON array."""
        value = self.read(data)
        if not isinstance(value, list):
            raise UnreadableRequest(f"a list was expected, not {type(value).__name__}")
        return value


class ExactFloat(float):
    """A JSON number with a fraction, and how it was written: a BigDecimal needs every digit."""

    text: str

    def __new__(cls, text: str) -> ExactFloat:
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __str__(self) -> str:
        return self.text


def number(value: int) -> int:
    """A JSON integer: the narrowest of Int, Long and BigInteger that holds it."""
    if INT_RANGE[0] <= value <= INT_RANGE[1]:
        return value
    return Long(value) if LONG_RANGE[0] <= value <= LONG_RANGE[1] else BigInteger(value)


def load(data: bytes | str) -> Any:
    """JSON, or UnreadableRequest with its position."""
    trouble = too_many_values(data)
    if trouble is not None:
        raise UnreadableRequest(f"this is too much JSON: {trouble}")
    try:
        return json.loads(data, parse_constant=float, parse_float=ExactFloat)
    except HOSTILE as error:
        raise UnreadableRequest(f"this is no JSON: {read_error(error)}") from error


def read_request(data: bytes | str) -> Request:
    """A request message of the 3.x sub-protocol; raises UnreadableRequest."""
    message = load(data)
    reader = GraphSONReader()
    try:
        if not isinstance(message, dict):
            raise UnreadableRequest("a request is a JSON object")
        body = message["@value"] if message.get("@type") == "g:Map" else message
        request_id = reader.read(body["requestId"])
        if not isinstance(request_id, UUID):
            request_id = UUID(str(request_id))
        args = {str(key): value for key, value in reader.members(body.get("args", {})).items()}
        op, processor = str(body.get("op", "eval")), str(body.get("processor") or "")
    except UnreadableRequest:
        raise
    except HOSTILE as error:
        raise UnreadableRequest(f"this is no GraphSON request: {read_error(error)}") from error
    return Request(request_id, op, processor, args, tuple(reader.lambdas))


def read_value(data: bytes | str) -> Any:
    """One value; raises UnreadableRequest."""
    loaded = load(data)
    try:
        return GraphSONReader().read(loaded)
    except HOSTILE as error:
        raise UnreadableRequest(f"this is no GraphSON value: {read_error(error)}") from error


def parse_duration(text: str) -> timedelta:
    """ISO 8601 days to seconds, each part with a sign of its own as Java allows."""
    match = _DURATION.fullmatch(text)
    if match is None or text.endswith(("P", "T")):
        raise UnreadableRequest(f"{text[:100]!r} is no duration such as PT5M")
    sign, days, hours, minutes, seconds = match.groups()
    total = timedelta(days=int(days or 0), hours=int(hours or 0), minutes=int(minutes or 0))
    if seconds:
        whole, _, fraction = seconds.partition(".")
        micros = int((fraction + "000000")[:6])
        total += timedelta(seconds=int(whole), microseconds=-micros if whole.startswith("-") else micros)
    return -total if sign == "-" else total


def parse_datetime(text: str) -> datetime:
    """ISO 8601; without an offset it is UTC."""
    # a zone name such as [Europe/Paris] repeats what the offset says
    value = datetime.fromisoformat(text.partition("[")[0])
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def double(r: GraphSONReader, data: Any) -> float:
    return float(data)  # also of "NaN", "Infinity" and "-Infinity"


def single(r: GraphSONReader, data: Any) -> Float:
    """The nearest number of 32 bits, which is what the text means."""
    value = float(data)
    try:
        return Float(_SINGLE.unpack(_SINGLE.pack(value))[0])
    except OverflowError:
        return Float("inf" if value > 0 else "-inf")


def big_decimal(r: GraphSONReader, data: Any) -> Decimal:
    try:
        value = Decimal(str(data))
    except InvalidOperation:
        raise UnreadableRequest(f"{str(data)[:100]!r} is no BigDecimal") from None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > MAX_SCALE:
        raise UnreadableRequest(f"{data!r} is no BigDecimal of a scale up to {MAX_SCALE}")
    return value


def binary(r: GraphSONReader, data: Any) -> bytes:
    """Base64; where it is not, a character for each byte, as gremlinpython sends it."""
    try:
        return base64.b64decode(str(data), validate=True)
    except binascii.Error:
        return str(data).encode("latin-1")


def date(r: GraphSONReader, data: Any) -> datetime:
    return _EPOCH + timedelta(milliseconds=float(data) if isinstance(data, float) else int(data))


def map_pairs(r: GraphSONReader, data: Any) -> Any:
    """``g:Map``: keys and values in turn."""
    if isinstance(data, dict):
        return r.tagless(data)
    if len(data) % 2:
        raise UnreadableRequest("a map has a key without a value")
    return gremlin_map([(r.read(data[i]), r.read(data[i + 1])) for i in range(0, len(data), 2)])


def label_text(data: Any) -> str:
    """A label: text, or since version 4 a list of texts."""
    return "::".join(map(str, data)) if isinstance(data, list) else str(data)


def _vertex(r: GraphSONReader, data: Any) -> ReferenceVertex:
    return ReferenceVertex(r.read(data["id"]), label_text(data.get("label", "vertex")))


def _edge(r: GraphSONReader, data: Any) -> ReferenceEdge:
    ends = []
    for end in ("outV", "inV"):
        value = data[end]
        if isinstance(value, dict) and "id" in value:  # version 4 nests the vertex
            ends.append(ReferenceVertex(r.read(value["id"]), label_text(value.get("label", "vertex"))))
        else:
            ends.append(ReferenceVertex(r.read(value), label_text(data.get(end + "Label", "vertex"))))
    return ReferenceEdge(r.read(data["id"]), label_text(data.get("label", "edge")), ends[0], ends[1])


def _vertex_property(r: GraphSONReader, data: Any) -> ReferenceProperty:
    return ReferenceProperty(label_text(data["label"]), r.read(data["value"]), r.read(data["id"]))


def _property(r: GraphSONReader, data: Any) -> ReferenceProperty:
    return ReferenceProperty(str(data["key"]), r.read(data["value"]))


def _path(r: GraphSONReader, data: Any) -> Path:
    labels = r.sequence(data["labels"])
    return Path(tuple(r.sequence(data["objects"])), tuple(frozenset(map(str, item)) for item in labels))


def _tree(r: GraphSONReader, data: Any) -> Tree:
    result = Tree()
    for item in data:
        child = r.read(item["value"])
        result[r.read(item["key"])] = child if isinstance(child, Tree) else _tree(r, item["value"])
    return result


def _bulk_set(r: GraphSONReader, data: Any) -> BulkSet:
    return BulkSet(tuple((r.read(data[i]), int(r.read(data[i + 1]))) for i in range(0, len(data), 2)))


def _traverser(r: GraphSONReader, data: Any) -> BulkedValue:
    return BulkedValue(r.read(data["value"]), int(r.read(data["bulk"])))


def _predicate(r: GraphSONReader, data: Any, kind: type[P] = P) -> P:
    name, raw = str(data["predicate"]), data["value"]
    if name in LISTS:
        value = r.read(raw)
        return predicate(kind, name, list(value) if isinstance(value, list) else [value])
    if (name in PAIRS or name in CONNECTIVES) and isinstance(raw, list):
        return predicate(kind, name, [r.read(item) for item in raw])
    if name in PAIRS or name in CONNECTIVES:
        return predicate(kind, name, r.sequence(raw))
    return predicate(kind, name, [r.read(raw)])


def _lambda(r: GraphSONReader, data: Any) -> Lambda:
    result = Lambda(str(data["script"]), str(data.get("language", "gremlin-groovy")))
    r.lambdas.append(result)
    return result


def _bytecode(r: GraphSONReader, data: Any) -> Any:
    return bytecode(_instructions(r, data.get("step", ())), _instructions(r, data.get("source", ())))


def _instructions(r: GraphSONReader, data: Any) -> list[Instruction]:
    return [Instruction(str(item[0]), tuple(r.read(arg) for arg in item[1:])) for item in data]


def _metrics(r: GraphSONReader, data: Any) -> Metrics:
    fields = r.members(data)
    return Metrics(
        str(fields["id"]),
        str(fields["name"]),
        round(float(fields["dur"]) * 1e6),
        dict(fields.get("counts") or {}),
        dict(fields.get("annotations") or {}),
        tuple(fields.get("metrics") or ()),
    )


def _traversal_metrics(r: GraphSONReader, data: Any) -> TraversalMetrics:
    fields = r.members(data)
    return TraversalMetrics(round(float(fields["dur"]) * 1e6), tuple(fields.get("metrics") or ()))


def _enum(kind: type[GremlinEnum]) -> Read:
    return lambda r, data: enum_member(kind, data)


def _integer(kind: type[int]) -> Read:
    def read(r: GraphSONReader, data: Any) -> int:
        if isinstance(data, float) and not data.is_integer():
            raise UnreadableRequest(f"{data!r} is no {kind.__name__}")
        return kind(data)

    return read


READERS: Final[dict[str, Read]] = {
    "g:Int32": _integer(int),
    "g:Int64": _integer(Long),
    "gx:Int16": _integer(Short),
    "g:Int16": _integer(Short),
    "gx:Byte": _integer(Byte),
    "g:Byte": _integer(Byte),
    "gx:BigInteger": _integer(BigInteger),
    "g:BigInteger": _integer(BigInteger),
    "g:Double": double,
    "g:Float": single,
    "gx:BigDecimal": big_decimal,
    "g:BigDecimal": big_decimal,
    "gx:Char": lambda r, data: Char(str(data)),
    "g:Char": lambda r, data: Char(str(data)),
    "gx:ByteBuffer": binary,
    "g:Binary": binary,
    "g:UUID": lambda r, data: UUID(str(data)),
    "g:Date": date,
    "g:Timestamp": date,
    "gx:Instant": lambda r, data: parse_datetime(data),
    "gx:OffsetDateTime": lambda r, data: parse_datetime(data),
    "gx:ZonedDateTime": lambda r, data: parse_datetime(data),
    "gx:LocalDateTime": lambda r, data: parse_datetime(data),
    "gx:LocalDate": lambda r, data: parse_datetime(data),
    "g:DateTime": lambda r, data: parse_datetime(data),
    "gx:Duration": lambda r, data: parse_duration(data),
    "g:Duration": lambda r, data: parse_duration(data),
    "g:Class": lambda r, data: class_reference(str(data)),
    "g:List": lambda r, data: [r.read(item) for item in data],
    "g:Set": lambda r, data: GSet(r.read(item) for item in data),
    "g:Map": map_pairs,
    "g:BulkSet": _bulk_set,
    "g:Vertex": _vertex,
    "g:Edge": _edge,
    "g:VertexProperty": _vertex_property,
    "g:Property": _property,
    "g:Path": _path,
    "g:Tree": _tree,
    "g:Traverser": _traverser,
    "g:P": _predicate,
    "g:TextP": lambda r, data: _predicate(r, data, TextP),
    "g:Lambda": _lambda,
    "g:Bytecode": _bytecode,
    "g:Binding": lambda r, data: r.read(data["value"]),
    "g:Metrics": _metrics,
    "g:TraversalMetrics": _traversal_metrics,
    **{f"g:{name}": _enum(kind) for name, kind in ENUMS.items()},
}
