"""Floors by hand and beside judges that we did not write."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression

from training_scripts.graph_ml.graph import EdgeType, Labels
from training_scripts.graph_ml.judging.floors import LABEL_FLOORS, Fitted, LabelledItems, calibrated, label_floors
from training_scripts.graph_ml.judging.floors.bias import RIDGES, bias
from training_scripts.graph_ml.judging.floors.features import STRENGTHS, features_alone
from training_scripts.graph_ml.judging.floors.propagation import SHARES, propagation
from training_scripts.graph_ml.judging.floors.structure import LinkFloors, choose_views
from training_scripts.graph_ml.judging.ranking import Ranking
from training_scripts.graph_ml.judging.warnings import lost_to_floors
from training_scripts.graph_ml.links import LinkProblem, Pairs
from training_scripts.graph_ml.models.baselines import Asked
from training_scripts.graph_ml.pairs import NodeSpace, PairGraph


def adjacency(edges: list[tuple[int, int]], size: int) -> sparse.csr_matrix:
    source, target = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    return PairGraph.from_edges(source, target, size).adjacency


def vertices(
    labels: Labels, train: list[int], edges: list[tuple[int, int]], features: np.ndarray | None = None
) -> LabelledItems:
    count = len(labels.values)
    nothing = np.zeros((count, 0), dtype=np.float32)
    return LabelledItems(
        np.arange(count)[:, None],
        nothing if features is None else features.astype(np.float32),
        labels,
        np.array(train),
        adjacency(edges, count),
    )


def test_a_vertex_between_two_labels_is_half_of_each() -> None:
    # 0 (red) – 1 – 2 (blue), and 3 alone: it has the mean of the training labels, which is half of each too
    labels = Labels("class", np.array([0, 0, 1, 1]), ("red", "blue"))
    items = vertices(labels, [0, 2], [(0, 1), (1, 2)])
    for floor in propagation(items):
        assert floor.predictions == pytest.approx(np.array([[1, 0], [0.5, 0.5], [0, 1], [0.5, 0.5]]))


def test_labels_fade_towards_the_mean_with_every_step() -> None:
    # 0 (red) – 1 – 2, and a blue 3 apart: x₁ = s (1 + x₂) / 2 + (1 − s) / 2, x₂ = s x₁ + (1 − s) / 2
    labels = Labels("class", np.array([0, 1, 1, 1]), ("red", "blue"))
    items = vertices(labels, [0, 3], [(0, 1), (1, 2)])
    for share, floor in zip(SHARES, propagation(items), strict=True):
        answers = floor.predictions
        rest = (1 - share) / 2
        first = (share / 2 + share / 2 * rest + rest) / (1 - share**2 / 2)
        assert answers[:, 0] == pytest.approx([1, first, share * first + rest, 0], abs=1e-3)


def test_edges_take_the_labels_of_edges_that_share_an_end() -> None:
    # the edges 0–1 (number 4) and 1–2 (number 2) are known; 0–3 meets only the first, 1–4 both
    ends = np.array([[0, 1], [1, 2], [0, 3], [1, 4]])
    labels = Labels("number", np.array([4.0, 2.0, np.nan, np.nan], dtype=np.float32))
    items = LabelledItems(ends, np.zeros((4, 0), np.float32), labels, np.array([0, 1]), adjacency(ends.tolist(), 5))
    nearly_all = [*propagation(items)][-1].predictions
    assert nearly_all[:2, 0].tolist() == [4, 2]
    assert nearly_all[3, 0] == pytest.approx(3)
    assert 3.5 < nearly_all[2, 0] < 4  # drawn to the mean of 3 a little


def test_biases_are_those_of_a_ridge_regression_on_who_and_what() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    ends = np.stack([rng.integers(0, 6, 80), rng.integers(6, 15, 80)], axis=1)
    values = rng.normal(3, 1, 80).astype(np.float32)
    train = np.arange(60)
    empty = sparse.csr_matrix((15, 15), dtype=np.float32)
    items = LabelledItems(ends, np.zeros((80, 0), np.float32), Labels("number", values), train, empty)
    design = np.zeros((80, 15))
    design[np.arange(80)[:, None], ends] = 1
    mean = values[train].astype(np.float64).mean()
    for ridge, floor in zip(RIDGES, bias(items), strict=True):
        judge = linear_model.Ridge(alpha=ridge, fit_intercept=False).fit(design[train], values[train] - mean)
        assert floor.predictions[:, 0] == pytest.approx(mean + judge.predict(design), abs=2e-3)


def test_biases_are_of_numbers_on_edges_alone() -> None:
    assert not list(bias(vertices(Labels("number", np.ones(3, np.float32)), [0], [(0, 1)])))


@pytest.mark.parametrize("kind", ["class", "classes", "number"])
def test_no_floor_sees_a_label_that_is_not_trained_on(kind: str) -> None:
    rng = np.random.default_rng(1)
    values = {
        "class": rng.integers(0, 3, 60),
        "classes": rng.integers(0, 2, (60, 3)).astype(np.float32),
        "number": rng.normal(size=60).astype(np.float32),
    }[kind]
    edges = [(int(a), int(b)) for a, b in rng.integers(0, 60, (90, 2))]
    labels = Labels(kind, values, () if kind == "number" else ("a", "b", "c"))  # type: ignore[arg-type]
    items = vertices(labels, list(range(40)), edges, rng.normal(size=(60, 4)))
    shuffled = values.copy()
    shuffled[40:] = values[40:][::-1]
    other = replace(items, labels=replace(labels, values=shuffled))
    for name, floor in LABEL_FLOORS.items():
        pairs = list(zip(floor(items), floor(other), strict=True))
        assert pairs or name == "bias"
        for one, two in pairs:
            assert np.array_equal(one.predictions, two.predictions), name
            assert one.predictions.shape == (60, 1 if kind == "number" else 3)


def test_features_alone_find_a_class_that_a_feature_decides_and_a_number_that_bends() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(200, 3))
    train = list(range(120))
    labels = Labels("class", (x[:, 0] > 0).astype(np.int64), ("low", "high"))

    def goodness(answers: np.ndarray) -> float:
        return float(np.mean(answers[120:].argmax(axis=1) == labels.values[120:]))

    found = label_floors(vertices(labels, train, [(0, 1)], x), goodness)
    assert goodness(found["features_alone"].predictions) >= 0.95 > goodness(found["constant"].predictions)

    numbers = Labels("number", np.abs(x[:, 0]).astype(np.float32))

    def closeness(answers: np.ndarray) -> float:
        return -float(np.mean((answers[120:, 0] - numbers.values[120:]) ** 2))

    found = label_floors(vertices(numbers, train, [(0, 1)], x), closeness)
    # a line cannot follow |x|; trees can
    assert closeness(found["features_alone"].predictions) > 0.3 * closeness(found["constant"].predictions)


@pytest.mark.parametrize("classes", [2, 3])
def test_trees_and_lines_of_classes_are_those_of_scikit_learn(classes: int) -> None:
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    truth = np.digitize(x[:, 0] + x[:, 1] * x[:, 2], np.linspace(-0.7, 0.7, classes + 1)[1:-1])
    # the last class has no training item: nothing speaks for it
    labels = Labels("class", truth.astype(np.int64), tuple("abcd"[: classes + 1]))
    *lines, boosted = features_alone(vertices(labels, list(range(150)), [(0, 1)], x))
    scaled = (x - x[:150].mean(axis=0, dtype=np.float64)) / x[:150].std(axis=0, dtype=np.float64)
    for strength, line in zip(STRENGTHS, lines, strict=True):
        judge = LogisticRegression(C=strength, max_iter=200).fit(scaled[:150], truth[:150])
        assert line.predictions[:, :classes] == pytest.approx(judge.predict_proba(scaled), abs=1e-3)
    judge = HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=0)
    judge.fit(scaled[:150], truth[:150])
    assert boosted.predictions[:, :classes] == pytest.approx(judge.predict_proba(scaled), abs=1e-6)
    assert boosted.predictions[:, classes].max() == 0


def test_trees_of_numbers_and_lines_of_several_labels_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(120, 3)).astype(np.float32)
    scaled = (x - x.mean(axis=0, dtype=np.float64)) / x.std(axis=0, dtype=np.float64)
    every = list(range(120))
    numbers = Labels("number", (np.abs(x[:, 0]) + x[:, 1]).astype(np.float32))
    *_, boosted = features_alone(vertices(numbers, every, [(0, 1)], x))
    judge = HistGradientBoostingRegressor(max_iter=100, early_stopping=False, random_state=0)
    judge.fit(scaled, numbers.values.astype(np.float64))
    assert boosted.predictions[:, 0] == pytest.approx(judge.predict(scaled), abs=1e-6)

    values = np.stack([x[:, 0] > 0, np.ones(120, dtype=bool)], axis=1).astype(np.float32)
    *_, lines = features_alone(vertices(Labels("classes", values, ("up", "all")), every, [(0, 1)], x))
    one = LogisticRegression(C=STRENGTHS[-1], max_iter=200).fit(scaled, values[:, 0])
    assert lines.predictions[:, 0] == pytest.approx(one.predict_proba(scaled)[:, 1], abs=1e-3)
    assert lines.predictions[:, 1] == pytest.approx(1)  # every training item has it


def test_what_floors_say_of_items_that_came_later() -> None:
    # 0 (red) – 1 – 2 (blue): a new vertex beside 0 is mostly red, one without neighbours half and half
    labels = Labels("class", np.array([0, 0, 1]), ("red", "blue"))
    floor = next(iter(propagation(vertices(labels, [0, 2], [(0, 1), (1, 2)]))))
    new = Asked(np.array([[-1], [-1]]), np.zeros((2, 0), np.float32), (np.array([0]), np.array([], dtype=np.int64)))
    share = SHARES[0]
    assert floor.baseline(new) == pytest.approx(np.array([[share + (1 - share) / 2, (1 - share) / 2], [0.5, 0.5]]))

    # a new buyer counts as nobody's taste: the mean and what is known of the film
    ends, values = np.array([[0, 2], [1, 2], [0, 3], [1, 3]]), np.array([4, 4, 2, 2], dtype=np.float32)
    items = LabelledItems(ends, np.zeros((4, 0), np.float32), Labels("number", values), np.arange(4), adjacency([], 4))
    for floor in bias(items):
        good, bad = floor.baseline(Asked(np.array([[-1, 2], [-1, 3]]), np.zeros((2, 0), np.float32)))[:, 0]
        assert good > 3 > bad
        assert good + bad == pytest.approx(6)


def test_a_single_training_class_leaves_features_nothing_to_tell_apart() -> None:
    labels = Labels("class", np.array([0, 0, 1]), ("a", "b"))
    found = label_floors(vertices(labels, [0, 1], [(0, 2)], np.ones((3, 2))), lambda answers: 0.0)
    assert "features_alone" not in found
    assert found["constant"].predictions.tolist() == [[1, 0]] * 3


FRIEND, WORKS = EdgeType("User", "FRIEND", "User"), EdgeType("User", "WORKS_WITH", "User")


def pairs(*links: tuple[int, int]) -> Pairs:
    return Pairs(*np.array(links, dtype=np.int64).reshape(-1, 2).T)


def test_adamic_adar_is_networkxs_and_is_counted_on_the_better_graph() -> None:
    networkx = pytest.importorskip("networkx")
    graph = networkx.karate_club_graph()
    links = pairs(*graph.edges)
    none = pairs()
    known = LinkProblem.known_links(FRIEND, NodeSpace({"User": 34}), links, {WORKS: pairs((0, 33), (5, 20))}, False)
    floors = LinkFloors.of(replace(known, choose=none))
    asked = np.array([0, 9, 20])
    scores = floors.scores(asked, predict_heads=False)["adamic_adar"]
    for source, target, expected in networkx.adamic_adar_index(graph, [(9, 0), (20, 5), (0, 16)]):
        assert scores[asked.tolist().index(source), target] == pytest.approx(expected, rel=1e-5)
    every = floors.all_scores(asked, predict_heads=False)
    assert set(every) == {f"{view}{name}" for view in ("", "all.") for name in ("adamic_adar", "l3", "ease")}
    # on the graph of all edges L3 ranks true links first, on the target's own second; the other two are as good
    ranks = {name: np.array([1.0 if name in ("all.l3", "ease", "adamic_adar") else 2.0]) for name in every}
    choose_views([floors], [Ranking(ranks=ranks)])
    assert floors.best == {"adamic_adar": "adamic_adar", "l3": "all.l3", "ease": "ease"}
    assert np.array_equal(floors.scores(asked, predict_heads=False)["l3"], every["all.l3"])


def test_a_model_that_a_floor_beats_says_so_with_both_figures() -> None:
    splits = {"valid": {"mrr": 0.2, "auc": 0.9}, "test": {"mrr": 0.132, "auc": 0.9}}
    floors = {
        "valid": {"ease": {"mrr": 0.1, "auc": 0.8}},
        "test": {"ease": {"mrr": 0.338, "auc": 0.9}, "l3": {"mrr": 0.1, "auc": 0.95}},
    }
    assert lost_to_floors(splits, floors, "mrr") == [  # type: ignore[arg-type]
        "EASE beats this model on the test split: mrr 0.338 against 0.132",
        "L3 beats this model on the test split: auc 0.95 against 0.9",
    ]
    # of errors the smaller is better
    said = lost_to_floors({"test": {"rmse": 0.9}}, {"test": {"bias": {"rmse": 0.86}}}, "rmse")
    assert said == ["source and target bias beats this model on the test split: rmse 0.86 against 0.9"]


def test_probabilities_of_a_floor_are_as_often_right_as_they_say() -> None:
    # of eight vertices to choose by one neighbour is red and one blue or both are red: a half, or all but a half
    labels = Labels("classes", np.array([[1.0], [0.0]] * 2 + [[1.0]] * 6 + [[0.0]] * 2, dtype=np.float32), ("red",))
    items = np.arange(2, 12)
    passed = np.full((12, 1), 0.3)
    passed[[3, 10, 11]] = 0.1
    one = Fitted(passed, vertices(labels, [0, 1], []).baseline("constant"))
    found = calibrated(one, items, labels.values[items])
    # seven red ones at 0.3, three others at 0.1: Platt's targets are 8/9 and 1/5
    assert found.predictions[[2, 4, 9], 0] == pytest.approx([8 / 9] * 3, abs=1e-3)
    assert found.predictions[[3, 10], 0] == pytest.approx([1 / 5] * 2, abs=1e-3)
    again = found.baseline.calibrated(passed)
    assert again == pytest.approx(found.predictions)


def test_a_calibrated_floor_keeps_the_likeliest_class_and_what_cannot_be() -> None:
    # trees that say 0.9 and are right in seven of ten: with the smoothing of twelve, 0.9 becomes 0.7 or less
    labels = Labels("class", np.array([0] * 7 + [1] * 3), ("a", "b", "c"))
    said = np.tile([0.9, 0.1, 0.0], (10, 1))
    one = Fitted(said, vertices(labels, [0], []).baseline("trees"))
    found = calibrated(one, np.arange(10), labels.values)
    assert found.predictions[0, 0] == pytest.approx(0.7, abs=0.05)
    assert found.predictions[:, 2].tolist() == [0] * 10
    assert found.predictions.sum(axis=1) == pytest.approx(1)
    assert (found.predictions.argmax(axis=1) == 0).all()
    # nothing to choose by, or a number, stays what it was
    assert calibrated(one, np.arange(0), labels.values[:0]) is one
