"""Gremlin on the wire: GraphBinary and GraphSON, both ways, without a socket.

``codec_for`` finds the codec of a MIME type; a codec turns bytes into a ``Request`` and values into result bytes.
"""

from __future__ import annotations

from workflow.gremlin.wire.codecs import (
    BINARY_V1,
    BINARY_V4,
    GRAPHSON_V1,
    GRAPHSON_V2,
    GRAPHSON_V3,
    GRAPHSON_V3_UNTYPED,
    GRAPHSON_V4,
    GRAPHSON_V4_UNTYPED,
    MIME_TYPES,
    Codec,
    Dialect,
    codec_for,
    split_frame,
)
from workflow.gremlin.wire.messages import Request, UnreadableRequest, UnwritableResult

__all__ = [
    "BINARY_V1",
    "BINARY_V4",
    "GRAPHSON_V1",
    "GRAPHSON_V2",
    "GRAPHSON_V3",
    "GRAPHSON_V3_UNTYPED",
    "GRAPHSON_V4",
    "GRAPHSON_V4_UNTYPED",
    "MIME_TYPES",
    "Codec",
    "Dialect",
    "Request",
    "UnreadableRequest",
    "UnwritableResult",
    "codec_for",
    "split_frame",
]
