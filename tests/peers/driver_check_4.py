"""What gremlinpython 4 must be able to do against the service over HTTP: prints one JSON object.

python driver_check_4.py http://127.0.0.1:8182/gremlin
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gremlin_python.driver.client import Client
from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.process.anonymous_traversal import traversal


def check(url: str) -> dict[str, Any]:
    """Query as text and as a traversal, meet an error, commit, roll back."""
    found: dict[str, Any] = {}
    client = Client(url, "g")
    found["text"] = client.submit("g.inject(1,'a',[1,2])").all().result()
    found["batches"] = len(client.submit("g.inject(1).repeat(union(identity(),identity())).times(8)").all().result())
    try:
        client.submit("g.V(").all().result()
    except Exception as error:
        found["error"] = str(getattr(error, "status_code", error))
    client.close()
    remote = DriverRemoteConnection(url, "g")
    g = traversal().with_remote(remote)
    g.V().drop().iterate()
    for end in ("rollback", "commit"):
        tx = g.tx()
        tx.begin().add_v("person").property("name", "x").iterate()
        getattr(tx, end)()
        found[end] = g.V().count().next()
    found["values"] = g.V().values("name").to_list()
    remote.close()
    return found


if __name__ == "__main__":
    json.dump(check(sys.argv[1]), sys.stdout)
