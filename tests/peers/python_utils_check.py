"""What AWS's neptune-python-utils must be able to do against the service over TLS: prints one JSON object."""

from __future__ import annotations

import json
import sys

from gremlin_python.process.graph_traversal import __
from gremlin_python.process.traversal import T
from neptune_python_utils.batch_utils import BatchUtils
from neptune_python_utils.endpoints import Endpoints
from neptune_python_utils.gremlin_utils import GremlinUtils

host, port = sys.argv[1].split(":")
endpoints = Endpoints(neptune_endpoint=host, neptune_port=int(port), region_name="us-east-1")
utils = GremlinUtils(endpoints)
found: dict[str, object] = {}
g = utils.traversal_source(show_endpoint=False)
g.V().drop().iterate()
rows = [
    {"~id": "ann", "~label": "person", "name": "Ann", "age": 31},
    {"~id": "bob", "~label": "person", "name": "Bob", "age": 42},
]
batch = BatchUtils(endpoints)
batch.add_vertices(batch_size=1, rows=rows)
batch.add_edges(batch_size=1, rows=[{"~id": "k1", "~label": "knows", "~from": "ann", "~to": "bob", "since": 1999}])
batch.close()
found["names"] = sorted(g.V().hasLabel("person").values("name").toList())
found["path"] = [
    list(path) for path in g.V("ann").outE("knows").inV().path().by("name").by("since").by("name").toList()
]
found["map"] = g.V("bob").elementMap("age").next()[T.id]
found["count"] = g.V().where(__.out("knows")).count().next()
client = utils.client()
found["text"] = client.submit("g.V().count()").all().result()
client.close()
utils.close()
sys.stdout.write(json.dumps(found, default=str))
