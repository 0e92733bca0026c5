"""What a driver of another version must be able to do, as a program of its own: prints one JSON object.

python driver_check.py ws://127.0.0.1:8182/gremlin
"""

from __future__ import annotations

import json
import sys
import uuid
from typing import Any

from gremlin_python.driver import serializer
from gremlin_python.driver.client import Client
from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal


def check(url: str, form: Any) -> dict[str, Any]:
    """Connect, query as text and as bytecode, meet an error, commit, roll back."""
    found: dict[str, Any] = {}
    client = Client(url, "g", message_serializer=form())
    found["text"] = client.submit("g.inject(1,'a',[1,2])").all().result()
    found["batches"] = len(client.submit("g.inject(1).repeat(union(identity(),identity())).times(8)").all().result())
    try:
        client.submit("g.V(").all().result()
    except Exception as error:
        found["error"] = str(getattr(error, "status_code", error))
    client.close()
    remote = DriverRemoteConnection(url, "g", message_serializer=form())
    g = traversal().with_remote(remote)
    g.V().drop().iterate()
    for end in ("rollback", "commit"):
        tx = g.tx()
        tx.begin().addV("person").property("name", "x").iterate()
        getattr(tx, end)()
        found[end] = g.V().count().next()
    found["values"] = g.V().values("name").toList()
    found["date"] = client_date(g)
    found["uuid"] = g.inject(uuid.UUID(int=5)).next().int
    remote.close()
    return found


def client_date(g: Any) -> str:
    """A date-time that went there and back: drivers before 3.8 know no offset."""
    import datetime

    moment = datetime.datetime(2024, 2, 29, 1, 2, 3)
    return str(g.inject(moment).next().replace(tzinfo=None))


if __name__ == "__main__":
    forms = {
        "graphbinary": serializer.GraphBinarySerializersV1,
        "graphson3": serializer.GraphSONSerializersV3d0,
        "graphson2": serializer.GraphSONSerializersV2d0,
    }
    json.dump({name: check(sys.argv[1], form) for name, form in forms.items()}, sys.stdout)
