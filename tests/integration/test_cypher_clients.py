"""The ways in of our own for openCypher: the Python client and the command line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from workflow.cli.main import app
from workflow.client.connection import Connection, ServiceError
from workflow.client.workflow import Workflow
from workflow.storage.local import LocalStorage


def test_rows_are_a_table_with_their_columns(service: Any) -> None:
    client = Workflow(Connection(service.url), bucket="s3://tests", storage=LocalStorage(service.home))
    assert client.cypher("UNWIND $rows AS r CREATE (:P {name: r.name, age: r.age})", {
        "rows": [{"name": "Ada", "age": 36}, {"name": "Bob", "age": None}],
    }).empty  # fmt: skip
    frame = client.cypher("MATCH (p:P) RETURN p.name AS name, p.age AS age, p ORDER BY name")
    assert list(frame.columns) == ["name", "age", "p"]
    assert frame["name"].tolist() == ["Ada", "Bob"]
    assert frame["p"][0]["~properties"] == {"name": "Ada", "age": 36}
    assert client.query("g.V().hasLabel('P').count()")["value"].tolist() == [2]  # the same graph
    with pytest.raises(ServiceError, match="UndefinedVariable"):
        client.cypher("RETURN m")
    command = ["query", "--language", "opencypher", "--url", service.url]
    result = CliRunner().invoke(app, [*command, "--json", "MATCH (p:P) RETURN p.name AS name ORDER BY name"])
    assert json.loads(result.stdout) == [{"name": "Ada"}, {"name": "Bob"}]
    result = CliRunner().invoke(app, [*command, "MATCH (p:Q) RETURN p"])
    assert result.stdout.strip() == "0 results"
