"""The formats by MIME type: reading requests, writing response messages.

A response is put together from items that are encoded one by one, so that a stream can be cut into frames by count and
by size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from workflow.gremlin.wire import graphbinary_reader, graphson_reader
from workflow.gremlin.wire.graphbinary4 import GraphBinary4Writer
from workflow.gremlin.wire.graphbinary_writer import GraphBinaryWriter, bare_int, bare_string
from workflow.gremlin.wire.graphson4 import GraphSON4Writer
from workflow.gremlin.wire.graphson_writer import GraphSONWriter
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

    def writer(self, dialect: Dialect) -> ItemWriter:
        """What encodes results for this client."""

    def response(
        self,
        request_id: UUID | None,
        code: int,
        message: str = "",
        attributes: Mapping[str, Any] | None = None,
        items: Sequence[bytes] | None = None,
    ) -> bytes:
        """One response message; ``items`` None means no data."""


class ItemWriter(Protocol):
    """Encodes single results; not to be shared between threads."""

    def encode(self, value: Any) -> bytes:
        """Raises UnwritableResult."""

    def encode_traverser(self, value: Any, bulk: int) -> bytes: ...


class GraphBinaryCodec:
    """GraphBinary 1."""

    mime = BINARY_V1
    binary = True

    def __init__(self) -> None:
        self._plain = GraphBinaryWriter()

    def read_request(self, data: bytes, position: int = 0) -> Request:
        return graphbinary_reader.read_request(data, position)

    def writer(self, dialect: Dialect) -> GraphBinaryWriter:
        return GraphBinaryWriter(materialize=dialect.materialize, legacy_dates=dialect.legacy_dates)

    def response(
        self,
        request_id: UUID | None,
        code: int,
        message: str = "",
        attributes: Mapping[str, Any] | None = None,
        items: Sequence[bytes] | None = None,
    ) -> bytes:
        out = bytearray(b"\x81\x01" if request_id is None else b"\x81\x00" + request_id.bytes)
        out += bare_int(code)
        out += b"\x00" + bare_string(message)
        self._plain.bare_map(out, attributes or {})
        out += bare_int(0)
        if items is None:
            out += b"\xfe\x01"
        else:
            out += b"\x09\x00" + bare_int(len(items))
            out += b"".join(items)
        return bytes(out)


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

    def writer(self, dialect: Dialect) -> GraphSONWriter:
        return GraphSONWriter(
            self._version, typed=self._typed, materialize=dialect.materialize, legacy_dates=dialect.legacy_dates
        )

    def response(
        self,
        request_id: UUID | None,
        code: int,
        message: str = "",
        attributes: Mapping[str, Any] | None = None,
        items: Sequence[bytes] | None = None,
    ) -> bytes:
        mapped = self._typed and self._version >= 3
        empty = b'{"@type":"g:Map","@value":[]}' if mapped else b"{}"
        status = self._plain.encode(dict(attributes)) if attributes else empty
        if items is None:
            data = b"null"
        else:
            data = b"[" + b",".join(items) + b"]"
            if mapped:
                data = b'{"@type":"g:List","@value":' + data + b"}"
        return b"".join(
            (
                b'{"requestId":',
                b"null" if request_id is None else b'"' + str(request_id).encode("ascii") + b'"',
                b',"status":{"message":',
                json.dumps(message).encode("ascii"),
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


__all__ = ["CODECS", "MIME_TYPES", "Codec", "Dialect", "GraphBinary4Writer", "GraphSON4Writer", "ItemWriter"]
