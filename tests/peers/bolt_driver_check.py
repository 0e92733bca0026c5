"""What Neo4j's Python driver must be able to do against the service, whatever its version: prints one JSON object."""

from __future__ import annotations

import json
import sys

import neo4j

found: dict[str, object] = {"version": neo4j.__version__}
for url in sys.argv[1:]:
    with neo4j.GraphDatabase.driver(url, auth=("ada", "lovelace")) as driver:
        driver.verify_connectivity()
        with driver.session(fetch_size=100) as session:
            query = "CREATE (a:A {n: 1})-[r:R {w: 0.5}]->(b) RETURN a, r, date('2024-02-29') AS d, "
            query += "datetime('2024-01-01T00:00Z') AS t"
            record = session.run(query).single()
            assert record is not None
            told = {
                "node": [sorted(record["a"].labels), record["a"]["n"]],
                "relationship": [record["r"].type, record["r"]["w"]],
                "date": str(record["d"]),
                "moment": record["t"].iso_format()[:19],
                "sum": sum(row["n"] for row in session.run("UNWIND range(1, 2500) AS n RETURN n")),
            }
            try:
                session.run("RETURN m").consume()
            except neo4j.exceptions.CypherSyntaxError as error:
                told["error"] = error.code
            with session.begin_transaction() as transaction:
                transaction.run("CREATE (:Tx)")
                transaction.rollback()
            count = session.run("MATCH (n:Tx) RETURN count(*) AS c").single()
            assert count is not None
            told["rollback"] = count["c"]
    try:
        with neo4j.GraphDatabase.driver(url, auth=("ada", "byron")) as driver:
            driver.verify_connectivity()
    except neo4j.exceptions.AuthError as error:
        told["refused"] = error.code
    except neo4j.exceptions.ServiceUnavailable:  # all that version 4 says of it where it asks for a route first
        assert url.startswith("neo4j:")
        told["refused"] = "Neo.ClientError.Security.Unauthorized"
    found[url.partition(":")[0]] = told
json.dump(found, sys.stdout)
