"""The manual of link-prediction pipelines, statement by statement: what it prints and no random number decides."""

from __future__ import annotations

from typing import Any

import pytest

Database = Any

CREATE = "CALL gds.beta.pipeline.linkPrediction.create('pipe')"
NODE_PROPERTY = """
CALL gds.beta.pipeline.linkPrediction.addNodeProperty('pipe', 'fastRP', {
  mutateProperty: 'embedding',
  embeddingDimension: 256,
  randomSeed: 42
})
"""
FEATURE = """
CALL gds.beta.pipeline.linkPrediction.addFeature('pipe', 'hadamard', {
  nodeProperties: ['embedding', 'numberOfPosts']
}) YIELD featureSteps
"""
SPLIT = """
CALL gds.beta.pipeline.linkPrediction.configureSplit('pipe', {
  testFraction: 0.25,
  trainFraction: 0.6,
  validationFolds: 3
})
YIELD splitConfig
"""
TRAIN = """
CALL gds.beta.pipeline.linkPrediction.train('myGraph', {
  pipeline: 'pipe',
  modelName: 'lp-pipeline-model',
  randomSeed: 42
}) YIELD modelInfo, modelSelectionStats
RETURN modelInfo.bestParameters AS winningModel, modelInfo.metrics.AUCPR.train.avg AS avgTrainScore,
  modelInfo.metrics.AUCPR.outerTrain AS outerTrainScore, modelInfo.metrics.AUCPR.test AS testScore,
  [cand IN modelSelectionStats.modelCandidates | cand.metrics.AUCPR.validation.avg] AS validationScores,
  keys(modelInfo) AS keys
"""


def build(database: Database) -> None:
    """The manual's pipeline as far as training."""
    for statement in (CREATE, NODE_PROPERTY, FEATURE, SPLIT):
        database(statement)
    database("CALL gds.beta.pipeline.linkPrediction.addLogisticRegression('pipe', {penalty: 0.0625})")
    database("CALL gds.alpha.pipeline.linkPrediction.addRandomForest('pipe', {numberOfDecisionTrees: 5})")
    database("CALL gds.beta.pipeline.linkPrediction.addLogisticRegression('pipe', {maxEpochs: 500})")


@pytest.fixture
def trained(people: Database) -> Database:
    build(people)
    people(TRAIN)
    return people


def test_a_new_pipeline_is_described(empty: Database) -> None:
    assert empty.one(CREATE) == {
        "name": "pipe",
        "nodePropertySteps": [],
        "featureSteps": [],
        "splitConfig": {
            "negativeSamplingRatio": 1.0,
            "testFraction": 0.1,
            "trainFraction": 0.1,
            "validationFolds": 3,
        },
        "autoTuningConfig": {"maxTrials": 10},
        "parameterSpace": {"LogisticRegression": [], "RandomForest": [], "MultilayerPerceptron": []},
    }


def test_each_statement_shows_what_it_added(empty: Database) -> None:
    empty(CREATE)
    (step,) = empty.one(NODE_PROPERTY)["nodePropertySteps"]
    assert step["name"] == "gds.fastRP.mutate"
    given = {"mutateProperty": "embedding", "embeddingDimension": 256, "randomSeed": 42}
    assert step["config"] == {**given, "contextNodeLabels": [], "contextRelationshipTypes": []}
    hadamard = {"name": "HADAMARD", "config": {"nodeProperties": ["embedding", "numberOfPosts"]}}
    assert empty(FEATURE) == [{"featureSteps": [hadamard]}]
    split = {"testFraction": 0.25, "trainFraction": 0.6, "validationFolds": 3, "negativeSamplingRatio": 1.0}
    assert empty(SPLIT) == [{"splitConfig": split}]
    (forest,) = empty(
        "CALL gds.alpha.pipeline.linkPrediction.addRandomForest('pipe', {numberOfDecisionTrees: 5}) "
        "YIELD parameterSpace RETURN parameterSpace.RandomForest AS randomForestSpace"
    )
    (space,) = forest["randomForestSpace"]
    assert space["methodName"] == "RandomForest"
    assert (space["numberOfDecisionTrees"], space["maxDepth"], space["minSplitSize"]) == (5, 2147483647, 2)


def test_the_projection_counts_undirected_relationships_twice(people: Database) -> None:
    listed = people.one("CALL gds.graph.list('myGraph') YIELD nodeCount, relationshipCount, schema, density")
    assert (listed["nodeCount"], listed["relationshipCount"]) == (8, 24)
    assert listed["schema"]["nodes"]["Person"]["numberOfPosts"].startswith("Integer")
    assert listed["density"] == pytest.approx(24 / 56)


def test_an_estimate_says_a_range_and_runs_nothing(people: Database) -> None:
    build(people)
    found = people.one(
        "CALL gds.beta.pipeline.linkPrediction.train.estimate('myGraph', {pipeline: 'pipe', modelName: 'm'}) "
        "YIELD requiredMemory, bytesMin, bytesMax, nodeCount, relationshipCount"
    )
    assert 0 < found["bytesMin"] < found["bytesMax"]
    assert (found["nodeCount"], found["relationshipCount"]) == (8, 24)
    assert "KiB" in found["requiredMemory"]
    assert people("CALL gds.model.list()") == []


def test_training_as_printed_without_a_target_type(people: Database) -> None:
    build(people)
    found = people.one(TRAIN)
    assert set(found["keys"]) == {
        *("modelName", "modelType", "bestParameters", "nodePropertySteps", "linkFeatures", "pipeline", "metrics"),
        "featureSteps",
    }
    assert len(found["validationScores"]) == 3
    assert 0 <= found["testScore"] <= 1
    assert found["winningModel"]["methodName"] in ("LogisticRegression", "RandomForest")
    listed = people.one("CALL gds.model.list('lp-pipeline-model')")
    assert (listed["modelType"], listed["loaded"]) == ("LinkPrediction", True)


def test_predictions_are_streamed_with_names(trained: Database) -> None:
    rows = trained(
        """
        CALL gds.beta.pipeline.linkPrediction.predict.stream('myGraph', {
          modelName: 'lp-pipeline-model',
          topN: 5,
          threshold: 0.2
        })
         YIELD node1, node2, probability
         RETURN gds.util.asNode(node1).name AS person1, gds.util.asNode(node2).name AS person2, probability
         ORDER BY probability DESC, person1
        """
    )
    assert len(rows) == 5
    assert all(row["probability"] >= 0.2 for row in rows)
    friends = {("Alice", "Michael"), ("Michael", "Karin"), ("Michael", "Chris"), ("Michael", "Greg")}
    assert not {(row["person1"], row["person2"]) for row in rows} & friends


def test_predictions_become_relationships_both_ways(trained: Database) -> None:
    found = trained.one(
        """
        CALL gds.beta.pipeline.linkPrediction.predict.mutate('myGraph', {
          modelName: 'lp-pipeline-model',
          mutateRelationshipType: 'KNOWS_EXHAUSTIVE_PREDICTED',
          topN: 5,
          threshold: 0.2
        }) YIELD relationshipsWritten, samplingStats, probabilityDistribution
        """
    )
    assert found["relationshipsWritten"] == 10
    assert found["samplingStats"] == {"strategy": "exhaustive", "linksConsidered": 16}
    names = {"min", "mean", "max", "stdDev", "p1", "p5", "p10", "p25", "p50", "p75", "p90", "p95", "p99", "p100"}
    assert set(found["probabilityDistribution"]) == names
    assert trained.one("CALL gds.graph.list('myGraph') YIELD relationshipCount")["relationshipCount"] == 34


def test_the_approximate_search_as_printed_with_its_comment(trained: Database) -> None:
    found = trained.one(
        """
        CALL gds.beta.pipeline.linkPrediction.predict.mutate('myGraph', {
          modelName: 'lp-pipeline-model',
          mutateRelationshipType: 'KNOWS_APPROX_PREDICTED',
          sampleRate: 0.5,
          topK: 1,
          randomJoins: 2,
          maxIterations: 3,
          // necessary for deterministic results
          concurrency: 1,
          randomSeed: 42
        })
         YIELD relationshipsWritten, samplingStats
        """
    )
    assert found["samplingStats"].keys() == {"strategy", "linksConsidered", "ranIterations", "didConverge"}
    assert found["samplingStats"]["strategy"] == "approximate"
    assert found["samplingStats"]["ranIterations"] <= 3
    assert found["relationshipsWritten"] in (8, 10, 12, 14, 16)


def test_predictions_are_written_to_the_database(trained: Database) -> None:
    found = trained.one(
        "CALL gds.beta.pipeline.linkPrediction.predict.write('myGraph', {modelName: 'lp-pipeline-model', topN: 3, "
        "writeRelationshipType: 'MAY_KNOW'}) YIELD relationshipsWritten"
    )
    assert found["relationshipsWritten"] == 3
    rows = trained("MATCH (a:Person)-[r:MAY_KNOW]->(b:Person) WHERE r.probability > 0 RETURN a.name, b.name")
    assert len(rows) == 3


def test_a_model_of_a_new_process_predicts_the_same(trained: Database, tmp_path: Any, workers: Any) -> None:
    from tests.unit.catalog.conftest import PEOPLE, PROJECT

    query = (
        "CALL gds.beta.pipeline.linkPrediction.predict.stream('myGraph', {modelName: 'lp-pipeline-model', topN: 16}) "
        "YIELD node1, node2, probability RETURN node1, node2, probability"
    )
    before = trained(query)
    again = type(trained)(tmp_path, workers)  # what a restart finds
    again(PEOPLE)
    assert again("CALL gds.graph.list()") == []
    again(PROJECT)
    assert again("CALL gds.pipeline.exists('pipe')")[0]["exists"] is True
    assert again("CALL gds.pipeline.list('pipe')") == trained("CALL gds.pipeline.list('pipe')")
    assert again(query) == before


def test_a_node_pipeline_is_described_as_the_library_does(people: Database) -> None:
    node = "gds.beta.pipeline.nodeClassification"
    people(f"CALL {node}.create('nodes')")
    people(f"CALL {node}.addLogisticRegression('nodes')")
    config = {"pipeline": "nodes", "modelName": "m", "targetProperty": "numberOfPosts", "metrics": ["ACCURACY"]}
    # what a training would take can be asked before there are features
    assert people.one(f"CALL {node}.train.estimate('myGraph', $c) YIELD bytesMin", {"c": config})["bytesMin"] > 0
    changed = people.one(f"CALL {node}.selectFeatures('nodes', ['numberOfPosts']) YIELD featureProperties")
    assert changed["featureProperties"] == ["numberOfPosts"]
    # the list has them as maps
    listed = people.one("CALL gds.pipeline.list('nodes') YIELD pipelineInfo")["pipelineInfo"]["featurePipeline"]
    assert listed == {"nodePropertySteps": [], "featureProperties": [{"feature": "numberOfPosts"}]}


def test_a_models_configuration_names_the_graph_it_was_trained_on(trained: Database) -> None:
    config = trained.one("CALL gds.model.list('lp-pipeline-model') YIELD trainConfig")["trainConfig"]
    assert (config["graphName"], config["pipeline"]) == ("myGraph", "pipe")


def test_boosted_trees_are_a_candidate_of_ours_and_shown_where_they_are_used(people: Database) -> None:
    build(people)
    space = people.one("CALL gds.pipeline.list('pipe') YIELD pipelineInfo")["pipelineInfo"]["trainingParameterSpace"]
    assert space.keys() == {"LogisticRegression", "RandomForest", "MultilayerPerceptron"}
    call = "CALL gds.beta.pipeline.linkPrediction.addLightGBM('pipe', {numberOfTrees: 5, minLeafSize: 1})"
    changed = people.one(f"{call} YIELD parameterSpace")["parameterSpace"]["LightGBM"]
    expected = {"learningRate": 0.1, "maxLeaves": 31, "minLeafSize": 1, "numberOfTrees": 5, "penalty": 0.0}
    assert changed == [{"methodName": "LightGBM", **expected}]
    assert len(people.one(TRAIN)["validationScores"]) == 4
    text = "CALL gds.beta.pipeline.linkPrediction.predict.stream('myGraph', {modelName: 'lp-pipeline-model', topN: 1})"
    assert people.one(f"{text} YIELD probability")["probability"] <= 1
