"""Link-prediction pipelines from training to prediction: on the eight people, and on a generated graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest

from tests.unit.graph_ml_algorithms.eight_people import PAIRS, POSTS
from tests.unit.graph_ml_pipelines.folders import graph_in, ignored, pipeline, predicting, step, training
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.pipelines import predict_links, train_links
from training_scripts.graph_ml.projections import ProjectedGraph

FAST_RP = {"embeddingDimension": 16, "randomSeed": 42}
MANUAL: dict[str, Any] = {
    "features": [("HADAMARD", ["embedding", "posts"])],
    "candidates": [
        ("LogisticRegression", {"penalty": 0.0625}),
        ("RandomForest", {"numberOfDecisionTrees": 5}),
        ("LogisticRegression", {"maxEpochs": 500}),
    ],
    "testFraction": 0.25,
    "trainFraction": 0.6,
    "validationFolds": 3,
}


@pytest.fixture
def eight(tmp_path: Path) -> ProjectedGraph:
    return graph_in(tmp_path, 8, {"KNOWS": PAIRS}, {"posts": np.array(POSTS, dtype=float)})


def pairs_of(found: Any) -> list[tuple[int, int]]:
    return list(zip(found.node1.tolist(), found.node2.tolist(), strict=True))


def manual(**more: Any) -> Any:
    return pipeline(steps=[step("fastRP", "embedding", embeddingDimension=256, randomSeed=42)], **{**MANUAL, **more})


def test_the_manuals_pipeline_tries_three_candidates_and_considers_sixteen_pairs(eight: ProjectedGraph) -> None:
    model, trained = train_links(eight, manual(), training(targetRelationshipType="KNOWS"), ignored)
    assert len(model.selection["modelCandidates"]) == 3
    assert model.widths == [257]
    assert model.metrics["AUCPR"].keys() == {"train", "validation", "outerTrain", "test"}
    assert model.metrics["AUCPR"]["validation"].keys() == {"avg", "max", "min"}
    assert model.report["trueClassRatio"] == pytest.approx(16 / 12)
    found = predict_links(eight, model, trained, predicting(topN=5, threshold=0.45), ignored)
    assert found.statistics == {"strategy": "exhaustive", "linksConsidered": 16}
    assert len(found.node1) <= 5
    assert (found.probability >= 0.45).all()
    assert (np.diff(found.probability) <= 0).all()
    assert not {frozenset(pair) for pair in zip(found.node1, found.node2, strict=True)} & set(map(frozenset, PAIRS))


def test_without_a_target_type_all_types_are_meant(eight: ProjectedGraph) -> None:
    named = train_links(eight, manual(), training(targetRelationshipType="KNOWS"), ignored)[0]
    assert train_links(eight, manual(), training(), ignored)[0].metrics == named.metrics
    with pytest.raises(JobError, match=r"not '\*'"):
        train_links(eight, manual(), training(targetRelationshipType="*"), ignored)


def test_an_approximate_search_keeps_the_best_of_each_person(eight: ProjectedGraph) -> None:
    model, trained = train_links(eight, manual(), training(), ignored)
    options = {"sampleRate": 0.5, "topK": 1, "randomJoins": 2, "maxIterations": 3, "randomSeed": 1}
    found = predict_links(eight, model, trained, predicting(**options), ignored)
    assert found.statistics["strategy"] == "approximate"
    assert found.statistics["ranIterations"] <= 3
    assert 4 <= len(found.node1) <= 8
    everything = predict_links(eight, model, trained, predicting(topN=16), ignored)
    scores = dict(
        zip(zip(everything.node1.tolist(), everything.node2.tolist(), strict=True), everything.probability, strict=True)
    )
    for person in range(8):
        best = max((score for pair, score in scores.items() if person in pair), default=None)
        if best is not None:
            kept = [scores[pair] for pair in pairs_of(found) if person in pair]
            assert max(kept) == pytest.approx(best)


def test_nothing_is_left_in_the_graph_after_training_and_after_a_failure(eight: ProjectedGraph) -> None:
    before = {path.name: path.read_bytes() for path in eight.folder.iterdir()}
    train_links(eight, manual(), training(), ignored)
    failing = manual(features=[("HADAMARD", ["embedding", "nothing"])])
    with pytest.raises(JobError, match="`nothing`"):
        train_links(eight, failing, training(), ignored)
    assert {path.name: path.read_bytes() for path in eight.folder.iterdir()} == before


def test_a_step_sees_what_the_one_before_it_made(eight: ProjectedGraph) -> None:
    steps = [
        step("fastRP", "embedding", **FAST_RP),
        step("scaleProperties", "scaled", nodeProperties=["embedding", "posts"], scaler="MinMax"),
    ]
    definition = pipeline(**{**MANUAL, "features": [("L2", ["scaled"])]}, steps=steps)
    model, trained = train_links(eight, definition, training(), ignored)
    assert model.widths == [17]
    assert len(predict_links(eight, model, trained, predicting(topN=3), ignored).node1) == 3


def test_a_property_that_a_step_would_make_again_is_refused(eight: ProjectedGraph) -> None:
    definition = pipeline(**MANUAL, steps=[step("degree", "posts")])
    with pytest.raises(JobError, match="`posts` already exists in the graph"):
        train_links(eight, definition, training(), ignored)


def test_context_changes_properties_and_not_the_pairs(tmp_path: Path) -> None:
    # London is 8, Malmo 9
    lives, born = [(0, 8), (1, 8), (2, 8), (3, 9), (4, 9)], [(0, 8), (1, 8), (3, 8), (6, 8), (2, 9), (4, 9), (7, 9)]
    people = np.arange(10) < 8
    graph = graph_in(
        tmp_path,
        10,
        {"KNOWS": PAIRS, "LIVES": lives, "BORN": born},
        labels={"Person": people, "City": ~people},
        directed=("LIVES", "BORN"),
    )
    plain = step("fastRP", "embedding", **FAST_RP)
    wider = step("fastRP", "embedding", ["City"], ["LIVES", "BORN"], **FAST_RP)
    every = step("fastRP", "embedding", ["City"], ["*"], **FAST_RP)
    people_only = {"sourceNodeLabel": "Person", "targetNodeLabel": "Person", "targetRelationshipType": "KNOWS"}
    found = {}
    for name, one in (("plain", plain), ("wider", wider), ("every", every)):
        definition = pipeline(**{**MANUAL, "features": [("HADAMARD", ["embedding"])]}, steps=[one])
        model, trained = train_links(graph, definition, training(**people_only), ignored)
        found[name] = predict_links(graph, model, trained, predicting(topN=16), ignored)
        assert found[name].statistics["linksConsidered"] == 16
    assert found["plain"].probability.tolist() != found["wider"].probability.tolist()
    assert found["every"].probability.tolist() == found["wider"].probability.tolist()


def test_deleting_a_test_link_changes_no_property_of_training(tmp_path: Path) -> None:
    from training_scripts.graph_ml.pipelines import training as module

    graph = nx.powerlaw_cluster_graph(60, 3, 0.3, seed=3)
    seen: dict[str, Any] = {}
    original = module.split_links

    def watched(links: Any, *rest: Any, **more: Any) -> Any:
        seen.setdefault("split", original(links, *rest, **more))
        return seen["split"]

    made = []
    real = module.LinkFeatures

    def recorded(steps: Any, view: Any, properties: Any) -> Any:
        made.append(np.array(properties["embedding"]))
        return real(steps, view, properties)

    definition = pipeline([("L2", ["embedding"])], [step("fastRP", "embedding", **FAST_RP)], testFraction=0.2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "split_links", watched)
        patch.setattr(module, "LinkFeatures", recorded)
        train_links(graph_in(tmp_path / "whole", 60, {"R": list(graph.edges)}), definition, training(), ignored)
        gone = {tuple(pair) for pair in seen["split"].test_positive.tolist()}
        left = [pair for pair in graph.edges if tuple(sorted(pair)) not in gone]
        # the same training links, of a graph without those of the test
        train_links(graph_in(tmp_path / "less", 60, {"R": left}), definition, training(), ignored)
    assert (made[0] == made[1]).all()


def test_prediction_for_sources_and_for_pairs(eight: ProjectedGraph) -> None:
    model, trained = train_links(eight, manual(), training(), ignored)
    found = predict_links(eight, model, trained, predicting(topN=16, sources=[0]), ignored)
    # Alice knows Michael alone: six others
    assert found.statistics["linksConsidered"] == 6
    assert all(0 in pair for pair in zip(found.node1, found.node2, strict=True))
    pairs = predict_links(eight, model, trained, predicting(pairs=[[7, 1], [0, 1], [0, 7]]), ignored)
    assert {*zip(pairs.node1.tolist(), pairs.node2.tolist(), strict=True)} == {(1, 7), (0, 7)}  # 0-1 is there already
    with pytest.raises(JobError, match="id 99 does not exist"):
        predict_links(eight, model, trained, predicting(pairs=[[0, 99]]), ignored)


def test_labels_limit_the_ends(tmp_path: Path) -> None:
    graph = graph_in(
        tmp_path,
        8,
        {"KNOWS": PAIRS},
        {"posts": np.array(POSTS, dtype=float)},
        labels={"A": np.arange(8) < 4, "B": np.arange(8) >= 3},
    )
    definition = pipeline(**{**MANUAL, "features": [("L2", ["posts"])], "trainFraction": 0.6, "validationFolds": 2})
    ends = {"sourceNodeLabel": "A", "targetNodeLabel": "B"}
    model, trained = train_links(graph, definition, training(**ends), ignored)
    found = predict_links(graph, model, trained, predicting(topN=99), ignored)
    # 4 * 5 ordered pairs, 3 with itself and nothing twice: 19; known among them 1-3 1-6 1-4 1-5 3-4 3-6 3-7 2-7 2-3
    assert found.statistics["linksConsidered"] == 19 - 9
    assert all((a < 4 and b >= 3) or (b < 4 and a >= 3) for a, b in zip(found.node1, found.node2, strict=True))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"targetRelationshipType": "LIKES"}, "relationship type 'LIKES'.*there are KNOWS"),
        ({"sourceNodeLabel": "Robot"}, "node label 'Robot'"),
        ({"metrics": ["AUC"]}, "Unknown metric `AUC`"),
        ({"metrics": ["OUT_OF_BAG_ERROR"]}, "every candidate is a RandomForest"),
    ],
)
def test_refused_trainings(eight: ProjectedGraph, options: dict[str, Any], said: str) -> None:
    with pytest.raises(JobError, match=said):
        train_links(eight, manual(), training(**options), ignored)


def test_directed_relationships_cannot_be_predicted(tmp_path: Path) -> None:
    graph = graph_in(tmp_path, 8, {"KNOWS": PAIRS}, {"posts": np.array(POSTS, float)}, directed=("KNOWS",))
    with pytest.raises(JobError, match="'KNOWS' must be UNDIRECTED"):
        train_links(graph, pipeline(**{**MANUAL, "features": [("L2", ["posts"])]}), training(), ignored)


def test_another_width_than_in_training_is_refused(eight: ProjectedGraph, tmp_path: Path) -> None:
    definition = pipeline(**{**MANUAL, "features": [("L2", ["posts"])]})
    model, trained = train_links(eight, definition, training(), ignored)
    wider = graph_in(tmp_path / "wider", 8, {"KNOWS": PAIRS}, {"posts": np.ones((8, 3))})
    with pytest.raises(JobError, match="expects link features of 1 numbers, and this graph gives 3"):
        predict_links(wider, model, trained, predicting(topN=1), ignored)


def test_out_of_bag_error_is_a_metric_of_forests(eight: ProjectedGraph) -> None:
    definition = manual(candidates=[("RandomForest", {"numberOfDecisionTrees": 30})])
    options = training(metrics=["OUT_OF_BAG_ERROR", "AUCPR"])
    model, _ = train_links(eight, definition, options, ignored)
    assert model.metrics["OUT_OF_BAG_ERROR"].keys() == {"validation", "test"}
    assert 0 <= model.metrics["OUT_OF_BAG_ERROR"]["test"] <= 1


def test_a_graph_with_triangles_is_learnt_and_searched_well(tmp_path: Path) -> None:
    graph = nx.powerlaw_cluster_graph(800, 8, 0.5, seed=42)
    projected = graph_in(tmp_path, 800, {"R": list(graph.edges)})
    steps = [step("fastRP", "embedding", embeddingDimension=64, randomSeed=1)]
    names = ["COMMON_NEIGHBORS", "ADAMIC_ADAR", "RESOURCE_ALLOCATION", "JACCARD", "PREFERENTIAL_ATTACHMENT"]
    features = [("HADAMARD", ["embedding"]), *((name, []) for name in names)]
    forest = ("RandomForest", {"numberOfDecisionTrees": 30, "minLeafSize": 3, "minSplitSize": 6})
    model, trained = train_links(projected, pipeline(features, steps, [forest]), training(), ignored)
    alone, _ = train_links(projected, pipeline(features[:1], steps), training(), ignored)
    assert model.metrics["AUCPR"]["test"] > alone.metrics["AUCPR"]["test"] > 0.7
    assert model.metrics["AUCPR"]["test"] > 0.8
    options = predicting(sampleRate=0.5, topK=10, randomSeed=3)
    near = predict_links(projected, model, trained, options, ignored)
    sample = list(range(0, 800, 80))
    kept = {frozenset(pair) for pair in zip(near.node1.tolist(), near.node2.tolist(), strict=True)}
    found = wanted = 0
    for source in sample:
        others = [[source, other] for other in range(800) if other != source]
        best = predict_links(projected, model, trained, predicting(pairs=others), ignored)
        least = best.probability[9]
        pairs = zip(best.node1.tolist(), best.node2.tolist(), best.probability, strict=True)
        top = [frozenset((a, b)) for a, b, score in pairs if score > least]
        found, wanted = found + sum(pair in kept for pair in top), wanted + len(top)
    assert found / wanted > 0.9
