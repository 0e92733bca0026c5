"""The formats by MIME type: reading requests, writing response messages.

A response is put together from items that are encoded one by one, so that a stream can be cut into frames by count and
by size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol
from uuid import UUID

from workflow.gremlin.wire.graphbinary import reader as graphbinary_reader
from workflow.gremlin.wire.graphbinary.primitives import bare_int, bare_long, bare_string
from workflow.gremlin.wire.graphbinary.writer import GraphBinaryWriter
from workflow.gremlin.wire.graphson import reader as graphson_reader
from workflow.gremlin.wire.graphson.writer import GraphSONWriter
from workflow.gremlin.wire.messages import Request, UnreadableRequest

BINARY_V1: Final = "application/vnd.graphbinary-v1.0"
BINARY_V4: Final = "application/vnd.graphbinary-v4.0"
GRAPHSON_V1: Final = "application/vnd.gremlin-v1.0+json"
GRAPHSON_V2: Final = "application/vnd.gremlin-v2.0+json"
GRAPHSON_V3: Final = "application/vnd.gremlin-v3.0+json"
GRAPHSON_V4: Final = "application/vnd.gremlin-v4.0+json"
GRAPHSON_V3_UNTYPED: Final = GRAPHSON_V3 + ";types=false"
GRAPHSON_V4_UNTYPED: Final = GRAPHSON_V4 + ";types=false"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a client can read beyond its format's version.

    Attributes:
        materialize: elements carry their properties.
        legacy_dates: date-times go as milliseconds; clients before 3.8 and Neptune's know no other form.
    """

    materialize: bool = False
    legacy_dates: bool = False


class Codec(Protocol):
    """One format of the 3.x sub-protocol."""

    mime: str
    binary: bool

    def read_request(self, data: bytes, position: int = 0) -> Request:
        """The message that starts at ``position``; raises UnreadableRequest."""

    def items(self, dialect: Dialect) -> Items:
        """What collects encoded results for this client."""

    def response(
        self,
        request_id: UUID | None,
        code: int,
        message: str = "",
        attributes: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        count: int = 0,
    ) -> bytes:
        """One response message; ``data`` is what ``Items.take`` gave for ``count`` results, or None for no data."""


class Items(Protocol):
    """Results encoded one after the other until they are taken as the data of a message. Used by one thread."""

    count: int
    size: int  # bytes collected, not counting what joins them

    def add(self, value: Any) -> None:
        """Encode a result; raises UnwritableResult, after which the collection is of no use."""

    def add_traverser(self, value: Any, bulk: int) -> None:
        """The same for a result with the number of times it stands for."""

    def repeat(self, times: int) -> int:
        """Add the last result again; returns the bytes of one."""

    def take(self) -> tuple[bytes, int]:
        """What was collected and how many results that is; begins anew."""


class BinaryItems:
    """Results of GraphBinary, in one buffer."""

    __slots__ = ("_last", "_out", "_writer", "count", "size")

    def __init__(self, writer: GraphBinaryWriter) -> None:
        self._writer = writer
        self._out = bytearray()
        self._last = 0
        self.count = 0
        self.size = 0

    def add(self, value: Any) -> None:
        out = self._out
        self._last = len(out)
        self._writer.append(out, value)
        self.count += 1
        self.size = len(out)

    def add_traverser(self, value: Any, bulk: int) -> None:
        out = self._out
        self._last = len(out)
        out += b"\x21\x00" + bare_long(bulk)
        self._writer.append(out, value)
        self.count += 1
        self.size = len(out)

    def repeat(self, times: int) -> int:
        piece = bytes(self._out[self._last :])
        self._out += piece * times
        self._last = len(self._out) - len(piece)
        self.count += times
        self.size = len(self._out)
        return len(piece)

    def take(self) -> tuple[bytes, int]:
        taken = bytes(self._out), self.count
        self._out.clear()
        self.count = self.size = self._last = 0
        return taken


class TextItems:
    """Results of GraphSON, as pieces of text."""

    __slots__ = ("_pieces", "_writer", "count", "size")

    def __init__(self, writer: GraphSONWriter) -> None:
        self._writer = writer
        self._pieces: list[str] = []
        self.count = 0
        self.size = 0

    def add(self, value: Any) -> None:
        self._keep(self._writer.text(value))

    def add_traverser(self, value: Any, bulk: int) -> None:
        head = '{"@type":"g:Traverser","@value":{"bulk":{"@type":"g:Int64","@value":'
        self._keep(f'{head}{bulk}}},"value":{self._writer.text(value)}}}}}')

    def repeat(self, times: int) -> int:
        piece = self._pieces[-1]
        self._pieces.extend([piece] * times)
        self.count += times
        self.size += len(piece) * times
        return len(piece)

    def take(self) -> tuple[bytes, int]:
        taken = ",".join(self._pieces).encode("ascii"), self.count
        self._pieces = []
        self.count = self.size = 0
        return taken

    def _keep(self, piece: str) -> None:
        self._pieces.append(piece)
        self.count += 1
        self.size += len(piece)


class GraphBinaryCodec:
    """GraphBinary 1."""

    mime = BINARY_V1
    binary = True

    def __init__(self) -> None:
        self._plain = GraphBinaryWriter()

    def read_request(self, data: bytes, position: int = 0) -> Request:
        return graphbinary_reader.read_request(data, position)

    def items(self, dialect: Dialect) -> BinaryItems:
        return BinaryItems(self._writer(dialect))

    @staticmethod
    @lru_cache(8)
    def _writer(dialect: Dialect) -> GraphBinaryWriter:
        return GraphBinaryWriter(materialize=dialect.materialize, legacy_dates=dialect.legacy_dates)

    def response(
        self,
        request_id: UUID | None,
        code: int,
        message: str = "",
        attributes: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        count: int = 0,
    ) -> bytes:
        out = bytearray(b"\x81\x01" if request_id is None else b"\x81\x00" + request_id.bytes)
        out += bare_int(code)
        out += b"\x00" + bare_string(message)
        self._plain.bare_map(out, attributes or {})
        out += bare_int(0)
        if data is None:
            out += b"\xfe\x01"
        else:
            out += b"\x09\x00" + bare_int(count)
            out += data
        return bytes(out)


@lru_cache(32)
def _graphson_writer(version: int, typed: bool, dialect: Dialect) -> GraphSONWriter:
    return GraphSONWriter(version, typed=typed, materialize=dialect.materialize, legacy_dates=dialect.legacy_dates)


class GraphSONCodec:
    """GraphSON 1, 2 or 3 in the message form of the 3.x sub-protocol."""

    binary = False

    def __init__(self, mime: str, version: int, typed: bool) -> None:
        self.mime = mime
        self._version = version
        self._typed = typed and version > 1
        self._plain = GraphSONWriter(version, typed=self._typed)

    def read_request(self, data: bytes, position: int = 0) -> Request:
        return graphson_reader.read_request(data[position:] if position else data)

    def items(self, dialect: Dialect) -> TextItems:
        return TextItems(_graphson_writer(self._version, self._typed, dialect))

    def response(
        self,
        request_id: UUID | None,
        code: int,
        message: str = "",
        attributes: Mapping[str, Any] | None = None,
        data: bytes | None = None,
        count: int = 0,
    ) -> bytes:
        mapped = self._typed and self._version >= 3
        empty = b'{"@type":"g:Map","@value":[]}' if mapped else b"{}"
        status = self._plain.encode(dict(attributes)) if attributes else empty
        if data is None:
            data = b"null"
        elif mapped:
            data = b'{"@type":"g:List","@value":[' + data + b"]}"
        else:
            data = b"[" + data + b"]"
        return b"".join(
            (
                b'{"requestId":',
                b"null" if request_id is None else b'"' + str(request_id).encode("ascii") + b'"',
                b',"status":{"message":',
                json.dumps(message).encode("ascii") if message else b'""',
                b',"code":%d,"attributes":' % code,
                status,
                b'},"result":{"data":',
                data,
                b',"meta":',
                empty,
                b"}}",
            )
        )


CODECS: Final[dict[str, Codec]] = {
    BINARY_V1: GraphBinaryCodec(),
    # the typed form of version 1 named Java classes; nobody but Java reads it, so both names are the untyped one
    GRAPHSON_V1: GraphSONCodec(GRAPHSON_V1, 1, typed=False),
    GRAPHSON_V1 + ";types=false": GraphSONCodec(GRAPHSON_V1 + ";types=false", 1, typed=False),
    GRAPHSON_V2: GraphSONCodec(GRAPHSON_V2, 2, typed=True),
    GRAPHSON_V2 + ";types=false": GraphSONCodec(GRAPHSON_V2 + ";types=false", 2, typed=False),
    GRAPHSON_V3: GraphSONCodec(GRAPHSON_V3, 3, typed=True),
    GRAPHSON_V3_UNTYPED: GraphSONCodec(GRAPHSON_V3_UNTYPED, 3, typed=False),
}

MIME_TYPES: Final = tuple(CODECS)


def normal_mime(text: str) -> str:
    """A MIME type without spaces and parameters other than ``types``, in lower case."""
    kind, *parameters = text.lower().replace(" ", "").split(";")
    return kind + ";types=false" if "types=false" in parameters else kind


def codec_for(mime: str) -> Codec | None:
    """The codec of a MIME type; plain JSON is read and written as untyped GraphSON 3."""
    name = normal_mime(mime)
    if name in ("application/json", "*/*", ""):
        name = GRAPHSON_V3_UNTYPED
    return CODECS.get(name)


def split_frame(frame: bytes) -> tuple[Codec, int]:
    """The codec that a binary frame names in its prefix, and where its message starts.

    The prefix is one byte of length and a MIME type. Raises UnreadableRequest.
    """
    if not frame:
        raise UnreadableRequest("an empty frame")
    end = 1 + frame[0]
    name = frame[1:end].decode("latin-1")
    codec = CODECS.get(name) or CODECS.get(normal_mime(name))
    if codec is None:
        raise UnreadableRequest(f"the frame names the format {name!r}; known are {', '.join(MIME_TYPES)}")
    return codec, end
