"""What awswrangler's ``neptune`` module must be able to do against the service over TLS: prints one JSON object."""

from __future__ import annotations

import json
import os
import sys

import awswrangler as wr
import boto3
import pandas as pd

host, port = sys.argv[1].split(":")
session = boto3.Session(region_name="us-east-1")
client = wr.neptune.connect(host, int(port), iam_enabled=False, boto3_session=session)
client._http_session.verify = os.environ["SSL_CERT_FILE"]  # it asks requests in a way that reads no environment
found: dict[str, object] = {"status": client.status()["status"]}
people = pd.DataFrame({"~id": ["ann", "bob"], "~label": ["person", "person"], "name": ["Ann", "Bob"], "age": [31, 42]})
knows = pd.DataFrame({"~id": ["k1"], "~label": ["knows"], "~from": ["ann"], "~to": ["bob"], "since": [1999]})
found["written"] = [
    bool(wr.neptune.to_property_graph(client, frame, use_header_cardinality=True)) for frame in (people, knows)
]
read = wr.neptune.execute_gremlin(
    client, "g.V().hasLabel('person').order().by('age').project('n','a').by('name').by('age')"
)
found["gremlin"] = read.to_dict("records")
paths = wr.neptune.execute_gremlin(client, "g.V('ann').out('knows').path().by('name')")
found["paths"] = paths.to_dict("records")
cypher = wr.neptune.execute_opencypher(
    client, "MATCH (a:person)-[k:knows]->(b) RETURN a.name AS a, k.since AS s, b.name AS b"
)
found["opencypher"] = cypher.to_dict("records")
found["flat"] = sorted(wr.neptune.flatten_nested_df(pd.DataFrame({"c": [{"x": 1}]})).columns)
sys.stdout.write(json.dumps(found, default=str))
