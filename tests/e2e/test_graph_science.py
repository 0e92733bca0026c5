"""Graph algorithms and pipelines through the Python client, over a running service."""

from __future__ import annotations

import pytest

from tests.unit.catalog.conftest import PEOPLE
from workflow.client import Workflow
from workflow.client.graph_science import GraphHandle, GraphScience
from workflow.errors import InvalidParameter, WorkflowError


@pytest.fixture
def science(workflow_client: Workflow) -> GraphScience:
    workflow_client.cypher(PEOPLE)
    return workflow_client.graph_science


@pytest.fixture
def people(science: GraphScience) -> GraphHandle:
    nodes = {"Person": {"properties": ["numberOfPosts"]}}
    return science.project("people", nodes, {"KNOWS": {"orientation": "UNDIRECTED"}})


def names(workflow_client: Workflow) -> dict[str, str]:
    frame = workflow_client.cypher("MATCH (p:Person) RETURN elementId(p) AS id, p.name AS name")
    return dict(zip(frame["id"], frame["name"], strict=True))


def test_algorithms_answer_with_ids_of_the_database(
    science: GraphScience, people: GraphHandle, workflow_client: Workflow
) -> None:
    assert (people.node_count(), people.relationship_count()) == (8, 24)
    named = names(workflow_client)
    degrees = science.degree_centrality.stream(people)
    found = {named[node]: score for node, score in zip(degrees["node"], degrees["score"], strict=True)}
    assert [found[name] for name in ("Alice", "Michael", "Karin", "Chris", "Will", "Mark", "Greg", "Veselin")] == [
        *(1, 6, 3, 5, 3, 2, 2, 2)
    ]
    assert science.page_rank.mutate(people, mutate_property="rank")["nodePropertiesWritten"] == 8
    assert len(people.node_properties("rank", "numberOfPosts")) == 16
    assert science.louvain.stats(people)["communityCount"] == 2
    assert science.wcc.write(people, write_property="component")["nodePropertiesWritten"] == 8
    assert workflow_client.cypher("MATCH (p:Person) RETURN count(DISTINCT p.component) AS n")["n"].tolist() == [1]
    assert len(people.relationships("KNOWS")) == 24
    with pytest.raises(InvalidParameter, match="no algorithm 'sortNodes'"):
        _ = science.sort_nodes
    people.drop()
    assert not people.exists()


def test_a_pipeline_is_built_trained_and_asked(
    science: GraphScience, people: GraphHandle, workflow_client: Workflow
) -> None:
    pipe = science.link_prediction("pipe")
    pipe.add_node_property("fastRP", mutate_property="embedding", embedding_dimension=16, random_seed=42)
    pipe.add_feature("hadamard", node_properties=["embedding"]).addFeature("ADAMIC_ADAR")
    pipe.configure_split(test_fraction=0.25, train_fraction=0.6).add_logistic_regression(penalty=(0.01, 1.0))
    pipe.add_random_forest(number_of_decision_trees=5).configure_auto_tuning(max_trials=2)
    assert pipe.train_estimate(people, "m", target_relationship_type="KNOWS")["bytesMin"] > 0
    model, trained = pipe.train(people, "m", target_relationship_type="KNOWS", random_seed=1)
    assert len(trained["modelSelectionStats"]["modelCandidates"]) == 3
    assert 0 <= model.metrics()["AUCPR"]["test"] <= 1
    assert model.best_parameters()["methodName"] in ("LogisticRegression", "RandomForest")
    predicted = model.predict_stream(people, top_n=5)
    assert predicted.columns.tolist() == ["node1", "node2", "probability"]
    named = names(workflow_client)
    assert set(predicted["node1"]) | set(predicted["node2"]) <= set(named)
    assert model.predict_mutate(people, mutate_relationship_type="MAY", top_n=5)["relationshipsWritten"] == 10
    assert model.predict_write(people, write_relationship_type="MAY_KNOW", top_n=2)["relationshipsWritten"] == 2
    assert science.pipeline("pipe").kind == science.model("m").kind == "linkPrediction"
    assert science.pipelines()["pipelineName"].tolist() == ["pipe"]
    pipe.drop()
    model.drop()
    assert not pipe.exists()
    with pytest.raises(WorkflowError, match="A graph with name `nothing` does not exist"):
        science.degree.stream("nothing")


def test_a_trained_pipeline_is_deployed_and_asked_in_both_languages_and_reported(
    science: GraphScience, people: GraphHandle, workflow_client: Workflow
) -> None:
    pipe = science.link_prediction("pipe").add_feature("ADAMIC_ADAR").add_feature("L2", ["numberOfPosts"])
    pipe.configure_split(test_fraction=0.25, train_fraction=0.6).add_logistic_regression()
    model, _ = pipe.train(people, "m", target_relationship_type="KNOWS", random_seed=1)
    deployed = model.deploy(people, id="friends", training_job_id="pipeline-m")
    assert (deployed["endpoint"], deployed["trainingJob"]) == ("friends", "pipeline-m")
    endpoint = workflow_client.wait(workflow_client.status("endpoint", "friends"))
    assert endpoint.status == "InService"

    named = names(workflow_client)
    best = model.predict_stream(people, top_n=16)
    of_alice = {
        named[b] if named[a] == "Alice" else named[a]: probability
        for a, b, probability in best.itertuples(index=False)
        if "Alice" in (named[a], named[b])
    }
    # Alice knows Michael alone, and is none of the others
    assert of_alice.keys() == {"Karin", "Chris", "Will", "Mark", "Greg", "Veselin"}
    asked = workflow_client.cypher(
        "MATCH (p:Person {name: 'Alice'}) CALL despina.ml.predictLinks('friends', p, 'KNOWS', {limit: 6}) "
        "YIELD node, score RETURN node.name AS name, score"
    )
    assert dict(zip(asked["name"], asked["score"], strict=True)) == pytest.approx(of_alice, abs=1e-5)
    in_gremlin = workflow_client.query(
        "g.with('Neptune#ml.endpoint', 'friends').with('Neptune#ml.limit', 6).V().has('Person', 'name', 'Alice')"
        ".out('KNOWS').with('Neptune#ml.prediction').with('Neptune#ml.filterExistingEdges').hasLabel('Person').values('name')"
    )
    assert in_gremlin.iloc[:, 0].tolist() == asked["name"].tolist()

    training = workflow_client.status("modeltraining", "pipeline-m")
    assert training.status == "Completed"
    compared, own = workflow_client.report(training).pages
    assert "LogisticRegression won with validation AUCPR" in compared
    assert "(Person)-KNOWS-(Person)" in own
    with pytest.raises(WorkflowError, match=r"'pipeline-m' is a trained pipeline.*despina\.ml\.deploy"):
        workflow_client.transform("none", "pipeline-m")
    with pytest.raises(WorkflowError, match="Another resource with same ID already exists"):
        model.deploy(people, training_job_id="pipeline-m")
