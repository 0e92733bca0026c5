"""Every user has graphs, pipelines and models of their own; what nobody owns is everybody's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.catalog.conftest import Database
from training_scripts.graph_ml.schemas.catalog.models import MODEL_FILE, PipelineModel
from workflow.catalog.errors import NameMissing, NameTaken
from workflow.catalog.models import ModelCatalog
from workflow.catalog.pipelines import PipelineCatalog
from workflow.catalog.workers import AnalysisWorkers

PROJECT = "CALL gds.graph.project('g', '*', '*') YIELD nodeCount"
LINKS = "CALL gds.beta.pipeline.linkPrediction"


@pytest.fixture
def nodes(empty: Database) -> Database:
    empty("CREATE (:A)-[:R]->(:A)")
    return empty


def names(database: Database, call: str, column: str, user: str) -> list[Any]:
    return [row[column] for row in database(f"CALL {call}() YIELD {column}", user=user)]


def test_two_users_have_graphs_of_one_name(nodes: Database) -> None:
    nodes(PROJECT, user="ann")
    nodes("CREATE (:A)")
    assert nodes(PROJECT, user="bob") == [{"nodeCount": 3}]
    with pytest.raises(NameTaken):
        nodes(PROJECT, user="ann")
    stream = "CALL gds.degree.stream('g') YIELD nodeId RETURN count(*) AS n"
    assert [nodes(stream, user=user)[0]["n"] for user in ("ann", "bob")] == [2, 3]
    assert nodes("RETURN gds.graph.exists('g') AS x", user="ann") == [{"x": True}]
    nodes("CALL gds.graph.drop('g') YIELD graphName", user="ann")
    assert nodes("RETURN gds.graph.exists('g') AS x", user="ann") == [{"x": False}]
    assert names(nodes, "gds.graph.list", "graphName", "bob") == ["g"]
    assert nodes("CALL gds.memory.list() YIELD user, name", user="bob") == [{"user": "bob", "name": "g"}]
    with pytest.raises(NameMissing):
        nodes(stream, user="eve")


@pytest.mark.parametrize(
    ("call", "column", "expected"),
    [
        ("CALL gds.degree.stream('g', {username: 'ann'}) YIELD nodeId RETURN count(*) AS n", "n", 2),
        ("MATCH (a)-->(b) RETURN gds.graph.project('h', a, b) AS h", "h", None),
        ("CALL gds.graph.drop('g', true, '', 'ann') YIELD nodeCount", "nodeCount", 2),
    ],
)
def test_users_have_equal_rights_and_may_name_each_other(
    nodes: Database, call: str, column: str, expected: Any
) -> None:
    nodes(PROJECT, user="ann")
    found = nodes(call, user="bob")
    if expected is None:  # the aggregation works in the catalog of who asks
        assert names(nodes, "gds.graph.list", "graphName", "bob") == ["h"]
        assert names(nodes, "gds.graph.list", "graphName", "ann") == ["g"]
    else:
        assert found == [{column: expected}]


def test_what_was_made_where_nobody_has_to_say_who_they_are_is_everybodys(nodes: Database) -> None:
    nodes(PROJECT)
    assert [names(nodes, "gds.graph.list", "graphName", user) for user in ("", "ann", "bob")] == [["g"]] * 3
    nodes("CREATE (:A)")
    nodes(PROJECT, user="ann")  # hides the other one from her
    rows = [nodes("CALL gds.graph.list('g') YIELD nodeCount", user=user) for user in ("", "ann", "bob")]
    assert rows == [[{"nodeCount": 2}], [{"nodeCount": 3}], [{"nodeCount": 2}]]
    nodes("CALL gds.graph.drop('g', true, '', 'somebody') YIELD graphName")  # a name counts for nothing there
    assert [names(nodes, "gds.graph.list", "graphName", user) for user in ("", "ann", "bob")] == [[], ["g"], []]


def test_pipelines_are_their_makers_after_a_restart(nodes: Database, tmp_path: Path, workers: AnalysisWorkers) -> None:
    for user, feature in (("ann", "HADAMARD"), ("bob", "COSINE")):
        nodes(f"{LINKS}.create('p') YIELD name", user=user)
        nodes(f"{LINKS}.addFeature('p', '{feature}', {{nodeProperties: ['x']}}) YIELD name", user=user)
    nodes(f"{LINKS}.create('everybodys') YIELD name")
    again = PipelineCatalog(tmp_path / "pipelines")
    assert [one.name for one in again.of("ann").list()] == ["everybodys", "p"]
    assert [again.of(user).get("p").features[0].name for user in ("ann", "bob")] == ["HADAMARD", "COSINE"]
    assert [one.name for one in again.list()] == ["everybodys"]
    nodes("CALL gds.beta.pipeline.drop('p') YIELD pipelineName", user="ann")
    nodes("CALL gds.beta.pipeline.drop('everybodys') YIELD pipelineName", user="ann")
    again = PipelineCatalog(tmp_path / "pipelines")
    assert [[one.name for one in again.of(user).list()] for user in ("ann", "bob")] == [[], ["p"]]


def trained(models: ModelCatalog, name: str) -> None:
    folder = models.new_folder()
    made = PipelineModel(name=name, kind="linkPrediction", created_ms=0, method="logistic", best={}, config={})
    made.save(folder / MODEL_FILE)
    models.add(folder, stored=True, graph_schema={}, train_millis=1)


def test_a_published_model_is_everybodys(tmp_path: Path) -> None:
    models = ModelCatalog(tmp_path)
    for user in ("ann", "bob"):
        trained(models.of(user), "m")
    ann, bob = models.of("ann"), models.of("bob")
    assert [len(one.list()) for one in (models, ann, bob)] == [0, 1, 1]
    ann.publish("m")
    assert [[entry.state.name for entry in one.list()] for one in (models, ann, bob)] == [
        ["m_public"], ["m_public"], ["m", "m_public"],
    ]  # fmt: skip
    with pytest.raises(NameTaken):
        bob.publish("m")
    with pytest.raises(NameMissing):
        ann.get("m")
    bob.drop("m")
    bob.delete("m")
    again = ModelCatalog(tmp_path)
    assert [[entry.state.name for entry in again.of(user).list()] for user in ("ann", "bob", "eve")] == [
        ["m_public"]
    ] * 3
