"""What pipelines, trainings and predictions refuse, each with a sentence that says what and why."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.unit.catalog.test_manual import TRAIN, build
from workflow.catalog.errors import ProcedureRefused
from workflow.errors import CancelledByUser

Database = Any
LP = "gds.beta.pipeline.linkPrediction"
TRAINING = {"pipeline": "pipe", "modelName": "m", "targetRelationshipType": "KNOWS", "randomSeed": 1}


def refused(database: Database, said: str, procedure: str, *arguments: Any) -> None:
    """Call a procedure that must refuse."""
    names = [f"a{place}" for place in range(len(arguments))]
    text = f"CALL {procedure}({', '.join('$' + name for name in names)})"
    with pytest.raises(ProcedureRefused, match=said):
        database(text, dict(zip(names, arguments, strict=True)))


def test_names_of_pipelines(empty: Database) -> None:
    empty(f"CALL {LP}.create('pipe')")
    refused(empty, "A pipeline with name `pipe` already exists", f"{LP}.create", "pipe")
    refused(empty, "must not be blank", f"{LP}.create", "  ")
    refused(
        empty, "A pipeline with name `no` does not exist", f"{LP}.addFeature", "no", "l2", {"nodeProperties": ["a"]}
    )
    empty("CALL gds.beta.pipeline.nodeClassification.create('nc')")
    said = "of type `Node classification training pipeline`, but expected type `Link prediction training pipeline`"
    refused(empty, said, f"{LP}.configureSplit", "nc", {})


@pytest.mark.parametrize(
    ("algorithm", "config", "said"),
    [
        ("juggleNodes", {"mutateProperty": "x"}, "Could not find a procedure called gds.juggleNodes"),
        ("knn", {"mutateProperty": "x"}, "that mutates node properties"),
        ("degree", {"mutateProperty": "x", "nodeLabels": ["A"]}, "`nodeLabels` cannot be given"),
        ("degree", {"mutateProperty": "x", "relationshipTypes": ["A"]}, "`relationshipTypes` cannot be given"),
        ("degree", {"mutateProperty": "x", "graphName": "g"}, "`graphName` cannot be given"),
        ("degree", {}, "mandatory configuration parameter `mutateProperty`"),
        ("degree", {"mutateProperty": "taken"}, "unique, but taken was already specified"),
        ("fastRP", {"mutateProperty": "x"}, "mandatory configuration parameter `embeddingDimension`"),
        ("fastRP", {"mutateProperty": "x", "embeddingDimension": 0}, r"`embeddingDimension` is 0.*\[1, inf\)"),
        ("fastRP", {"mutateProperty": "x", "embeddingDimenson": 4}, "did you mean `embeddingDimension`"),
        ("degree", {"mutateProperty": "x", "contextNodeLabels": 3}, "`contextNodeLabels` must be a list of texts"),
    ],
)
def test_node_property_steps(empty: Database, algorithm: str, config: dict[str, Any], said: str) -> None:
    empty(f"CALL {LP}.create('pipe')")
    empty(f"CALL {LP}.addNodeProperty('pipe', 'gds.degree.mutate', {{mutateProperty: 'taken'}})")
    refused(empty, said, f"{LP}.addNodeProperty", "pipe", algorithm, config)
    assert len(empty.pipelines.get("pipe").steps) == 1


@pytest.mark.parametrize(
    ("feature", "config", "said"),
    [
        ("product", {"nodeProperties": ["a"]}, "`product` is not supported; there are L2, HADAMARD"),
        ("l2", {}, "mandatory configuration parameter `nodeProperties`"),
        ("l2", {"nodeProperties": "a"}, "must be a list with something in it"),
        ("l2", {"nodeProperties": []}, "must be a list with something in it"),
        ("l2", {"nodeProperties": ["a", 3]}, "must be a list of texts"),
        ("l2", {"nodeProperties": ["a", " "]}, "must be a list of texts"),
        ("l2", {"nodeProperties": ["a"], "other": 1}, "Unexpected configuration key `other`"),
        ("jaccard", {"nodeProperties": ["a"]}, "takes no `nodeProperties`"),
    ],
)
def test_link_features(empty: Database, feature: str, config: dict[str, Any], said: str) -> None:
    empty(f"CALL {LP}.create('pipe')")
    refused(empty, said, f"{LP}.addFeature", "pipe", feature, config)


@pytest.mark.parametrize(
    ("word", "config", "said"),
    [
        ("configureSplit", {"testFraction": 0}, r"`testFraction` is 0; it must be within the range \(0, 1\)"),
        ("configureSplit", {"trainFraction": 1.0}, r"`trainFraction` is 1.0.*\(0, 1\)"),
        ("configureSplit", {"negativeSamplingRatio": 0}, "`negativeSamplingRatio` is 0"),
        ("configureSplit", {"validationFolds": 1}, r"`validationFolds` is 1.*\[2, inf\)"),
        (
            "configureSplit",
            {"negativeSamplingRatio": 2.0, "negativeRelationshipType": "NOT"},
            "cannot be used together",
        ),
        ("configureAutoTuning", {"maxTrials": 0}, "`maxTrials` is 0"),
        ("addLogisticRegression", {"penality": 1}, "Unexpected configuration key `penality`"),
        ("addRandomForest", {"maxDepth": 0}, "`maxDepth` is 0"),
        ("addMLP", {"hiddenLayerSizes": [4, 0]}, "`hiddenLayerSizes` is 0"),
    ],
)
def test_splits_candidates_and_tuning(empty: Database, word: str, config: dict[str, Any], said: str) -> None:
    empty(f"CALL {LP}.create('pipe')")
    refused(empty, said, f"{LP}.{word}", "pipe", config)


@pytest.mark.parametrize(
    ("graph", "config", "said"),
    [
        ("myGraph", {"pipeline": "no"}, "A pipeline with name `no` does not exist"),
        ("no", {}, "A graph with name `no` does not exist"),
        ("myGraph", {"modelName": "  "}, "must not be blank"),
        ("myGraph", {"targetRelationshipType": "LIKES"}, "relationship type 'LIKES'; the graph has KNOWS"),
        ("myGraph", {"targetRelationshipType": "*"}, r"must be one relationship type, not '\*'"),
        ("myGraph", {"sourceNodeLabel": "Robot"}, "Could not find the node label 'Robot'"),
        ("myGraph", {"metrics": ["AUC"]}, "Unknown metric `AUC`"),
        ("myGraph", {"negativeClassWeight": 0}, "`negativeClassWeight` is 0"),
        ("myGraph", {"colour": "red"}, "Unexpected configuration key `colour`"),
    ],
)
def test_trainings(people: Database, graph: str, config: dict[str, Any], said: str) -> None:
    build(people)
    refused(people, said, f"{LP}.train", graph, {**TRAINING, **config})
    assert people("CALL gds.model.list()") == []
    assert list(people.models.folder.glob("*")) == []


def test_pipelines_that_are_not_complete(people: Database) -> None:
    people(f"CALL {LP}.create('pipe')")
    refused(people, "at least one feature", f"{LP}.train", "myGraph", TRAINING)
    people(f"CALL {LP}.addFeature('pipe', 'l2', {{nodeProperties: ['age']}})")
    refused(people, "at least one model candidate", f"{LP}.train", "myGraph", TRAINING)
    people(f"CALL {LP}.addLogisticRegression('pipe')")
    refused(people, "Could not find the node property `age`", f"{LP}.train", "myGraph", TRAINING)
    people(f"CALL {LP}.addNodeProperty('pipe', 'degree', {{mutateProperty: 'age', contextNodeLabels: ['City']}})")
    refused(people, "node label 'City'", f"{LP}.train", "myGraph", TRAINING)


def test_a_set_that_is_too_small_says_which_and_what_to_change(people: Database) -> None:
    build(people)
    people(f"CALL {LP}.configureSplit('pipe', {{testFraction: 0.1, trainFraction: 0.1}})")
    refused(
        people,
        "validation folds of 12 relationships too small.*raise `trainFraction`",
        f"{LP}.train",
        "myGraph",
        TRAINING,
    )


def test_a_property_that_a_step_would_make_again(people: Database) -> None:
    build(people)
    people("CALL gds.degree.mutate('myGraph', {mutateProperty: 'embedding'})")
    refused(people, "Node property `embedding` already exists", f"{LP}.train", "myGraph", TRAINING)


def test_directed_relationships(people: Database) -> None:
    build(people)
    people("CALL gds.graph.project('directed', {Person: {properties: 'numberOfPosts'}}, 'KNOWS')")
    refused(people, "'KNOWS' must be UNDIRECTED", f"{LP}.train", "directed", TRAINING)


def test_two_trainings_of_one_pipeline_on_one_graph(people: Database) -> None:
    build(people)
    graph = people.analytics.graphs.get("myGraph")
    with people.analytics._alone(graph, "pipe"):
        refused(people, "being trained on the graph `myGraph` already", f"{LP}.train", "myGraph", TRAINING)
    people(f"CALL {LP}.train($a, $b)", {"a": "myGraph", "b": TRAINING})
    refused(people, "A model with name `m` already exists", f"{LP}.train", "myGraph", TRAINING)


def test_what_cannot_fit_is_refused_with_both_numbers(people: Database) -> None:
    build(people)
    query = f"CALL {LP}.train.estimate('myGraph', $c) YIELD bytesMin RETURN bytesMin"
    least = people.one(query, {"c": TRAINING})["bytesMin"]
    people.free = least - 1
    refused(
        people,
        rf"at least .*\({least} bytes\), and .*\({least - 1} bytes\) are free",
        f"{LP}.train",
        "myGraph",
        TRAINING,
    )
    assert people("CALL gds.model.list()") == []
    refused(people, "gds.fastRP needs at least", "gds.fastRP.stream", "myGraph", {"embeddingDimension": 1 << 20})
    people(f"CALL {LP}.train($a, $b)", {"a": "myGraph", "b": {**TRAINING, "sudo": True}})


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"modelName": "no", "topN": 1}, "A model with name `no` does not exist"),
        ({}, "mandatory configuration parameter `topN`; the exhaustive search"),
        ({"topN": 0}, "`topN` is 0"),
        ({"topN": 1, "threshold": 1.5}, r"`threshold` is 1.5.*\[0, 1\]"),
        ({"topN": 1, "topK": 3}, "`topK` cannot be used with `sampleRate` 1"),
        ({"sampleRate": 0.5, "topN": 1}, "`topN` cannot be used with `sampleRate` 0.5"),
        ({"sampleRate": 0}, r"`sampleRate` is 0.*\(0, 1\]"),
        ({"sampleRate": 0.5, "initialSampler": "best"}, "one of UNIFORM, RANDOMWALK"),
        ({"sampleRate": 0.5, "randomSeed": 1}, "`randomSeed` needs `concurrency` 1"),
        ({"topN": 1, "relationshipTypes": ["LIKES"]}, "relationship type 'LIKES'"),
        ({"topN": 1, "mutateRelationshipType": "KNOWS"}, "`KNOWS` already exists"),
    ],
)
def test_predictions(people: Database, config: dict[str, Any], said: str) -> None:
    build(people)
    people(TRAIN)
    complete = {"modelName": "lp-pipeline-model", **config}
    mode = "mutate" if "mutateRelationshipType" in config else "stream"
    refused(people, said, f"{LP}.predict.{mode}", "myGraph", complete)


def test_the_catalogs_say_what_is_missing(people: Database) -> None:
    for kind, word in (("pipeline", "A pipeline"), ("model", "A model")):
        assert people(f"CALL gds.{kind}.list('no')") == []
        assert people(f"CALL gds.{kind}.drop('no', false)") == []
        found = people.one(f"CALL gds.{kind}.exists('no')")
        assert (found["exists"], found[f"{kind}Type"]) == (False, "n/a")
        refused(people, f"{word} with name `no` does not exist", f"gds.{kind}.drop", "no")


def test_stored_models_are_dropped_loaded_and_deleted(people: Database) -> None:
    build(people)
    people(TRAIN)
    name = "lp-pipeline-model"
    people(f"CALL gds.model.store('{name}')")
    assert people.one(f"CALL gds.model.drop('{name}')")["stored"] is True
    state = people.one(f"CALL gds.model.list('{name}')")
    assert (state["loaded"], state["stored"]) == (False, True)
    refused(people, "call gds.model.load first", f"{LP}.predict.stream", "myGraph", {"modelName": name, "topN": 1})
    people(f"CALL gds.model.load('{name}')")
    people(f"CALL gds.model.load('{name}')")  # again does no harm
    assert len(people(f"CALL {LP}.predict.stream('myGraph', {{modelName: '{name}', topN: 1}})")) == 1
    assert people.one(f"CALL gds.model.publish('{name}')")["modelName"] == f"{name}_public"
    people(f"CALL gds.model.delete('{name}_public')")
    people(f"CALL gds.model.drop('{name}_public')")
    assert people("CALL gds.model.list()") == []
    assert list(people.models.folder.glob("*")) == []


def test_a_cancelled_training_stops_and_leaves_nothing(people: Database) -> None:
    from workflow.cypher.running.options import CypherOptions

    build(people)
    cancelled = threading.Event()
    cancelled.set()
    options = CypherOptions({"b": TRAINING}, cancelled=cancelled, ids="integer")
    with pytest.raises(CancelledByUser):
        list(people.engine.run(f"CALL {LP}.train('myGraph', $b)", options).rows)
    assert list(people.models.folder.glob("*")) == []
    assert people.analytics.running() == []
    assert len(people("CALL gds.degree.stream('myGraph')")) == 8  # the next request has a process again


def test_both_tiers_and_both_spellings_are_understood(people: Database) -> None:
    people("CALL gds.alpha.pipeline.linkPrediction.create('pipe')")
    people(f"CALL {LP}.addNodeProperty('pipe', 'fastRP', {{mutate_property: 'e', embedding_dimension: 8}})")
    people(f"CALL {LP}.addFeature('pipe', 'Cosine', {{node_properties: ['e']}})")
    people(f"CALL {LP}.addFeature('pipe', 'adamic_adar', {{}})")
    people(f"CALL {LP}.configureSplit('pipe', {{test_fraction: 0.25, train_fraction: 0.6}})")
    people(f"CALL {LP}.addLogisticRegression('pipe', {{max_epochs: 5}})")
    older = {"pipeline": "pipe", "modelName": "m", "nodeLabels": ["Person"], "relationshipTypes": ["KNOWS"]}
    found = people.one(f"CALL {LP}.train('myGraph', $c) YIELD modelInfo", {"c": older})["modelInfo"]
    assert [step["name"] for step in found["linkFeatures"]] == ["COSINE", "ADAMIC_ADAR"]
    config = people.one("CALL gds.model.list('m')")["trainConfig"]
    assert (config["sourceNodeLabel"], config["targetRelationshipType"]) == ("Person", "KNOWS")
    refused(
        people,
        "`relationshipTypes` must name one",
        f"{LP}.train",
        "myGraph",
        {**older, "relationshipTypes": ["A", "B"]},
    )


def test_a_process_that_is_killed_fails_its_request_alone(people: Database, workers: Any) -> None:
    from workflow.catalog.workers import AnalysisFailed

    people("CALL gds.degree.stream('myGraph')")
    (process, *_) = workers._idle[::-1]
    killed: list[bool] = []

    def kill() -> None:
        killed.append(True)
        process.kill()

    with pytest.raises(AnalysisFailed, match="ended with -9"):
        people.analytics.algorithm("myGraph", "node2vec", "stream", {"walksPerNode": 20000}, kill)
    assert killed
    assert len(people("CALL gds.degree.stream('myGraph')")) == 8
