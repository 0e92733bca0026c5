"""What a model says goes back into the database that it was learnt from: a server of Bolt plays that database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.bolt_server import BoltServers
from training_scripts.graph_ml.schemas import EdgeType, ModelDescription
from training_scripts.graph_ml.schemas.model import TargetName
from workflow.client.bolt import write_back as module
from workflow.client.bolt.write_back import EndpointAnswers, write_back
from workflow.client.workflow_file.description import WorkflowFile, WriteSection
from workflow.drivers import open_bolt
from workflow.errors import InvalidParameter

FILL = """
CREATE (a:Person:Student {`~id`: 'a'})-[:READ {`~id`: 'e'}]->(b:`Odd``Book` {`~id`: 'b'}), (:Person {`~id`: 'c'})
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with BoltServers(tmp_path) as servers:
        found = f"bolt://127.0.0.1:{servers.begin().port}"
        database = open_bolt(found)
        list(database.rows(FILL))
        database.close()
        yield found


def held(url: str, text: str) -> list[tuple[Any, ...]]:
    database = open_bolt(url)
    try:
        return [tuple(row.values()) for row in database.rows(text)]
    finally:
        database.close()


def model(task: Any, *targets: TargetName) -> ModelDescription:
    return ModelDescription(id="m", model="rgcn", task=task, targets=list(targets), node_types={}, created_ms=0)


class Service:
    """Answers from a table, and keeps what it was asked."""

    def __init__(self, count: int, rows: list[dict[str, Any]]) -> None:
        self.count, self.rows = count, rows
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, text: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        self.asked.append((text, parameters))
        if text.endswith("AS n"):
            return [{"n": max(0, min(parameters["page"], self.count - parameters["skip"]))}]
        return self.rows[parameters["skip"] : parameters["skip"] + parameters["page"]]


def no_vectors() -> pd.DataFrame:
    raise AssertionError("nobody asked for vectors")


def test_predicted_links_are_merged_and_those_of_the_gone_left_out(url: str) -> None:
    rows = [
        {"source": "a", "target": "b", "value": 0.9},
        {"source": "c", "target": "b", "value": 0.4},
        {"source": "a", "target": "gone", "value": 0.3},
    ]
    service = Service(2, rows)
    target = TargetName(edge_type=EdgeType("Person", "READ", "Odd`Book"))
    said = EndpointAnswers(service, "ep", model("link_prediction", target), 3)
    section = WriteSection.model_validate({"as": "MAY_READ", "limit": 3})
    for _ in range(2):  # written twice, they are there once
        assert write_back(url, section, said, no_vectors) == {"MAY_READ": 2}
    text = "MATCH (x)-[r:MAY_READ]->(y) RETURN elementId(x), elementId(y), r.probability ORDER BY elementId(x)"
    assert held(url, text) == [("a", "b", 0.9), ("c", "b", 0.4)]
    text, parameters = service.asked[1]
    assert text.startswith(
        "MATCH (n:`Person`) WITH n ORDER BY id(n) SKIP $skip LIMIT $page CALL despina.ml.predictLinks"
    )
    assert parameters == {"endpoint": "ep", "skip": 0, "page": module.PAGE, "name": "READ", "limit": 3}


def test_classes_of_vertices_and_numbers_of_edges_become_properties(url: str) -> None:
    genre = TargetName(node_type="Person;Student", property="genre", classes=["x"])
    said = EndpointAnswers(Service(1, [{"id": "a", "value": "x"}]), "ep", model("node_class", genre), 1)
    assert write_back(url, WriteSection.model_validate({"as": "told"}), said, no_vectors) == {"told": 1}
    stars = TargetName(edge_type=EdgeType("Person", "READ", "Odd`Book"), property="stars")
    service = Service(1, [{"id": "e", "value": 4.5}])
    said = EndpointAnswers(service, "ep", model("edge_regression", stars), 1)
    assert write_back(url, WriteSection.model_validate({"as": "stars told"}), said, no_vectors) == {"stars told": 1}
    assert "MATCH (:`Person`)-[n:`READ`]->(:`Odd``Book`)" in service.asked[1][0]
    assert held(url, "MATCH (a)-[r:READ]->() RETURN a.told, r.`stars told`") == [("x", 4.5)]


def test_many_are_asked_about_a_page_at_a_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 1)
    service = Service(2, [{"id": "a", "value": 1.0}, {"id": "c", "value": 2.0}])
    said = EndpointAnswers(service, "ep", model("node_regression", TargetName(node_type="Person", property="age")), 1)
    assert write_back(url, WriteSection.model_validate({"as": "age"}), said, no_vectors) == {"age": 2}
    assert [given["skip"] for _, given in service.asked] == [0, 0, 1, 1, 2]


def test_embeddings_are_written_without_predictions(url: str) -> None:
    said = EndpointAnswers(Service(0, []), "ep", model("node_class", TargetName(node_type="Person", property="x")), 1)
    vectors = pd.DataFrame({"id": ["a", "gone"], "embedding": [[1.0, 2.0], [3.0, 4.0]]})
    written = write_back(url, WriteSection(embeddings="vector"), said, lambda: vectors)
    assert written == {"vector": 1}
    assert held(url, "MATCH (n) WHERE n.vector IS NOT NULL RETURN elementId(n), n.vector") == [("a", [1.0, 2.0])]


def test_writing_back_needs_a_database_over_bolt(tmp_path: Path) -> None:
    file = tmp_path / "links.yaml"
    target = "targets: [{edge: [User, FRIEND, User], type: link_prediction}]"
    file.write_text(f"name: links\nload: social\nexport: {{{target}}}\nwrite: {{as: MAY_KNOW}}\n")
    with pytest.raises(InvalidParameter, match="write goes to a database over Bolt"):
        WorkflowFile.read(file)
