"""The client's side of the 3.x sub-protocol in GraphSON 3: requests to bytes, answers to values.

Its shape is that of gremlinpython's serializers, so that its driver can use our codec: types survive both ways.
"""

from __future__ import annotations

import json
from typing import Any

from workflow.gremlin.wire.codecs import GRAPHSON_V3
from workflow.gremlin.wire.graphson.reader import GraphSONReader, load
from workflow.gremlin.wire.graphson.writer import GraphSONWriter

_HEAD = bytes([len(GRAPHSON_V3)]) + GRAPHSON_V3.encode()


class RemoteReader(GraphSONReader):
    """Reads answers of any database; ids of a type of its own become text."""

    __slots__ = ()

    def tagged(self, name: Any, data: Any) -> Any:
        if name == "janusgraph:RelationIdentifier":
            return str(data["relationId"])
        return super().tagged(name, data)


class GraphSONMessages:
    """A serializer for gremlinpython's driver. Requests carry our ``Traversal`` as bytecode."""

    version = GRAPHSON_V3.encode()

    def serialize_message(self, request_id: str, request_message: Any) -> bytes:
        # milliseconds are the only form of a date-time that every database since 3.5 reads
        args = GraphSONWriter(3, legacy_dates=True).encode(dict(request_message.args))
        head = {
            "requestId": {"@type": "g:UUID", "@value": request_id},
            "op": request_message.op,
            "processor": request_message.processor,
        }
        return _HEAD + json.dumps(head)[:-1].encode() + b',"args":' + args + b"}"

    def deserialize_message(self, message: bytes | str) -> dict[str, Any]:
        """A response with its data read; ``status`` stays as it came."""
        answer = load(message)
        result = answer["result"]
        data = RemoteReader().read(result.get("data"))
        return {
            "requestId": answer["requestId"],
            "status": {"code": answer["status"]["code"], "message": answer["status"]["message"], "attributes": {}},
            "result": {"data": data if isinstance(data, list) else [], "meta": {}},
        }
