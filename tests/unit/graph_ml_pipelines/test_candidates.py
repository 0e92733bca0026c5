"""Candidates: judged by scikit-learn, and equal after they were kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression

from training_scripts.graph_ml.pipelines.candidates import restored, trained
from training_scripts.graph_ml.pipelines.tuning import parameters_of, select, trials
from training_scripts.graph_ml.schemas.catalog.options import BadOption
from training_scripts.graph_ml.schemas.catalog.pipelines import read_candidate

RANDOM = np.random.default_rng(4)
ROWS = RANDOM.normal(size=(400, 3)) * [1, 10, 0.1] + [0, 5, 0]
LABELS = (ROWS @ [1.0, 0.2, -4.0] + RANDOM.normal(size=400) > 1).astype(np.int64)


def fitted(method: str, **options: Any) -> Any:
    candidate = read_candidate("linkPrediction", method, options)
    return trained(method, candidate.options, ROWS, LABELS, 2, np.random.default_rng(0))


def test_logistic_regression_reaches_the_optimum_of_scikit_learn() -> None:
    # without a penalty, and enough epochs: the same probabilities
    found = fitted("LogisticRegression", maxEpochs=4000, patience=4000, learningRate=0.02)
    scaled = (ROWS - ROWS.mean(axis=0)) / ROWS.std(axis=0)
    judge = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(scaled, LABELS)
    assert found.predictor.probabilities(ROWS)[:, 1] == pytest.approx(judge.predict_proba(scaled)[:, 1], abs=2e-3)


def test_the_linear_form_is_over_features_as_they_are() -> None:
    found = fitted("LogisticRegression")
    weights, biases = found.predictor.linear
    assert ROWS @ weights + biases == pytest.approx(found.predictor.outputs(ROWS))
    assert fitted("MultilayerPerceptron", hiddenLayerSizes=[4]).predictor.linear is None


def test_patience_and_the_greatest_number_of_epochs_end_the_descent() -> None:
    impatient = fitted("LogisticRegression", tolerance=0.9)  # no epoch lowers the loss by nine tenths
    # one step of 0.001 for each of the epochs 1 and 2, from zero
    assert np.abs(impatient.predictor.weights[0]).max() == pytest.approx(0.002, abs=1e-5)
    short = fitted("LogisticRegression", maxEpochs=1)
    assert np.abs(short.predictor.weights[0]).max() == pytest.approx(0.001, abs=1e-6)
    longer = fitted("LogisticRegression", tolerance=0.9, minEpochs=5)
    assert np.abs(longer.predictor.weights[0]).max() == pytest.approx(0.005, abs=1e-4)


def test_weights_of_classes_and_a_penalty_move_the_probabilities() -> None:
    plain = fitted("LogisticRegression", maxEpochs=500, learningRate=0.01)
    heavy = fitted("LogisticRegression", maxEpochs=500, learningRate=0.01, classWeights=[1.0, 5.0])
    held = fitted("LogisticRegression", maxEpochs=500, learningRate=0.01, penalty=10.0)
    assert heavy.predictor.probabilities(ROWS)[:, 1].mean() > plain.predictor.probabilities(ROWS)[:, 1].mean() + 0.1
    assert np.abs(held.predictor.weights[0]).max() < np.abs(plain.predictor.weights[0]).max() / 5


def test_the_slope_of_the_focal_loss_is_that_of_its_values() -> None:
    from training_scripts.graph_ml.pipelines.candidates.layers import _class_loss

    outputs, wanted = np.array([[0.3, -0.2], [1.5, 0.1]]), np.eye(2)
    shares, options = np.array([0.5, 0.5]), {"focusWeight": 2.0, "classWeights": [1.0, 3.0]}
    _, slope = _class_loss(outputs, wanted, shares, options)
    for place in np.ndindex(2, 2):
        moved = outputs.copy()
        moved[place] += 1e-6
        after, before = (_class_loss(one, wanted, shares, options)[0] for one in (moved, outputs))
        assert slope[place] == pytest.approx((after - before) / 1e-6, abs=1e-5)


def test_a_hidden_layer_learns_what_no_line_divides() -> None:
    rows = np.random.default_rng(0).uniform(-1, 1, (600, 2))
    labels = (rows[:, 0] * rows[:, 1] > 0).astype(np.int64)
    options = {"hiddenLayerSizes": [32], "maxEpochs": 600, "learningRate": 0.02, "patience": 600}
    candidate = read_candidate("linkPrediction", "MultilayerPerceptron", options)
    found = trained("MultilayerPerceptron", candidate.options, rows, labels, 2, np.random.default_rng(0))
    assert (found.predictor.probabilities(rows).argmax(axis=1) == labels).mean() > 0.95


def test_a_forest_predicts_as_scikit_learn_does_and_by_votes_where_asked() -> None:
    found = fitted("RandomForest", numberOfDecisionTrees=7, maxDepth=4, maxFeaturesRatio=1.0, numberOfSamplesRatio=0)
    judge = RandomForestClassifier(7, max_depth=4, max_features=1.0, bootstrap=False, random_state=0).fit(ROWS, LABELS)
    # without sampling and with every feature all trees are one tree
    assert found.predictor.probabilities(ROWS) == pytest.approx(judge.predict_proba(ROWS))
    assert found.out_of_bag is None
    votes = fitted("RandomForest", numberOfDecisionTrees=5, voting="hard").predictor.probabilities(ROWS)[:, 1]
    assert set(np.round(votes * 5, 9)) <= {0, 1, 2, 3, 4, 5}


def test_the_out_of_bag_error_is_that_of_scikit_learn() -> None:
    found = fitted("RandomForest", numberOfDecisionTrees=200)
    judge = RandomForestClassifier(200, max_features=1 / np.sqrt(3), oob_score=True, random_state=1).fit(ROWS, LABELS)
    assert found.out_of_bag == pytest.approx(1 - judge.oob_score_, abs=0.03)


@pytest.mark.parametrize("method", ["LogisticRegression", "MultilayerPerceptron", "RandomForest"])
def test_what_was_kept_predicts_the_same(method: str) -> None:
    found = fitted(method)
    again = restored(method, found.predictor.arrays())
    assert (again.predictor.probabilities(ROWS) == found.predictor.probabilities(ROWS)).all()


def test_linear_regression_and_forests_of_numbers() -> None:
    numbers = ROWS @ [1.0, 0.2, -4.0] + 7
    options = read_candidate("nodeRegression", "LinearRegression", {"maxEpochs": 3000, "learningRate": 0.05}).options
    found = trained("LinearRegression", {**options, "patience": 3000}, ROWS, numbers, 0, np.random.default_rng(0))
    judge = LinearRegression().fit(ROWS, numbers)
    assert found.predictor.outputs(ROWS)[:, 0] == pytest.approx(judge.predict(ROWS), abs=0.05)
    forest = read_candidate("nodeRegression", "RandomForest", {})
    grown = trained("RandomForest", forest.options, ROWS, numbers, 0, np.random.default_rng(0))
    assert np.corrcoef(grown.predictor.outputs(ROWS)[:, 0], numbers)[0, 1] > 0.95


def test_defaults_of_the_candidates() -> None:
    assert read_candidate("linkPrediction", "LogisticRegression", {}).options == {
        "batchSize": 100,
        "classWeights": [],
        "focusWeight": 0.0,
        "learningRate": 0.001,
        "maxEpochs": 100,
        "minEpochs": 1,
        "patience": 1,
        "penalty": 0.0,
        "tolerance": 0.001,
    }
    forest = read_candidate("linkPrediction", "RandomForest", {"number_of_decision_trees": 5}).options
    assert forest["numberOfDecisionTrees"] == 5
    assert (forest["maxDepth"], forest["minSplitSize"], forest["minLeafSize"]) == (2147483647, 2, 1)
    assert read_candidate("linkPrediction", "MultilayerPerceptron", {}).options["hiddenLayerSizes"] == [100]


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("LogisticRegression", {"penalti": 1}, "`penalti`.*has batchSize"),
        ("LogisticRegression", {"penalty": -1}, r"`penalty` is -1.*\[0, inf\)"),
        ("LogisticRegression", {"learningRate": 0}, r"\(0, inf\)"),
        ("LogisticRegression", {"classWeights": [1.0, 2.0, 3.0]}, "two weights"),
        ("LogisticRegression", {"penalty": {"range": [3, 1]}}, "begins with 3"),
        ("LogisticRegression", {"penalty": {"range": [1, 2, 3]}}, "low, high"),
        ("LogisticRegression", {"classWeights": {"range": [1, 2]}}, "cannot be a range"),
        ("LogisticRegression", {"penalty": {"range": [-1, 2]}}, r"`penalty` is -1"),
        ("LogisticRegression", {"batchSize": 1.5}, "must be an integer"),
        ("RandomForest", {"minLeafSize": 2}, r"`minLeafSize` \(2\) must be smaller"),
        ("RandomForest", {"minLeafSize": {"range": [1, 5]}, "minSplitSize": 5}, r"`minLeafSize` \(5\)"),
        ("RandomForest", {"criterion": "MEAN"}, "one of GINI, ENTROPY"),
        ("RandomForest", {"maxFeaturesRatio": 1.5}, r"\(0, 1\]"),
    ],
)
def test_refused_options(method: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(BadOption, match=said):
        read_candidate("linkPrediction", method, options)


def test_trials_are_the_fixed_candidates_and_then_samples_of_the_others() -> None:
    fixed = [read_candidate("linkPrediction", method, {}) for method in ("RandomForest", "LogisticRegression")]
    assert trials("linkPrediction", fixed, 10, np.random.default_rng(0)) == fixed
    options = {"penalty": {"range": [0.01, 100]}, "maxEpochs": {"range": [5, 8]}, "focusWeight": {"range": [0, 1]}}
    ranged = read_candidate("linkPrediction", "LogisticRegression", options)
    found = trials("linkPrediction", [ranged, *fixed], 200, np.random.default_rng(0))
    assert found[:2] == fixed
    assert len(found) == 202
    sampled = [one.options for one in found[2:]]
    assert {one["maxEpochs"] for one in sampled} == {5, 6, 7}  # the upper end of whole numbers is left out
    penalties = np.array([one["penalty"] for one in sampled])
    assert ((penalties >= 0.01) & (penalties <= 100)).all()
    assert np.median(np.log10(penalties)) == pytest.approx(0, abs=0.4)  # even in the logarithm
    assert np.mean([one["focusWeight"] for one in sampled]) == pytest.approx(0.5, abs=0.1)


def test_the_first_of_the_best_means_wins() -> None:
    tried = [read_candidate("linkPrediction", "LogisticRegression", {"maxEpochs": epochs}) for epochs in (1, 2, 3, 4)]
    means = {1: 0.5, 2: 0.7, 3: 0.7, 4: 0.6}
    done = []

    def score(metric: str, model: Any, features: Any, labels: Any) -> float:
        # the two folds have 300 and 100 rows to validate: apart by 0.2 around the mean
        return float(means[epochs.pop(0)]) if len(features) in (300, 100) else 1.0

    parts = [(np.arange(0, 100), np.arange(100, 400)), (np.arange(100, 400), np.arange(0, 100))]
    epochs = [epoch for epoch in (1, 2, 3, 4) for _ in range(4)]
    found = select(tried, ["AUCPR"], ROWS, LABELS, 2, parts, score, np.random.default_rng(0), lambda *d: done.append(d))
    assert found.best == 1
    statistics = found.statistics()
    assert statistics["bestTrial"] == 2
    assert statistics["bestParameters"] == parameters_of(tried[1])
    assert statistics["modelCandidates"][1]["metrics"]["AUCPR"]["validation"] == {"avg": 0.7, "max": 0.7, "min": 0.7}
    assert done[-1] == (8, 8)
