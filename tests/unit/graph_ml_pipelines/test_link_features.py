"""Link features: hand values, and networkx for the topological ones."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from tests.unit.graph_ml_algorithms.eight_people import EIGHT, PAIRS
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.pipelines.bilinear import Bilinear
from training_scripts.graph_ml.pipelines.candidates import Trained
from training_scripts.graph_ml.pipelines.candidates.layers import Layers
from training_scripts.graph_ml.pipelines.link_features import LinkFeatures
from training_scripts.graph_ml.schemas.catalog.pipelines import TOPOLOGICAL_FEATURES, FeatureStep

ALICE, MICHAEL, KARIN, CHRIS, WILL, MARK, GREG, VESELIN = range(8)
VECTORS = np.array([[one, one % 3] for one in range(8)], dtype=float)
PROPERTIES = {**EIGHT.properties, "v": VECTORS, "team": np.array([1, 1, 2, 2, 1, 2, 1, 2])}


def features(*steps: tuple[str, list[str]], pairs: list[tuple[int, int]]) -> np.ndarray:
    made = [FeatureStep(name=name, properties=names) for name, names in steps]
    return LinkFeatures(made, EIGHT, PROPERTIES).of(np.array(pairs))


def test_features_of_one_number() -> None:
    # 38 * 132, (38 - 132)^2; 30 * 29, (30 - 29)^2
    found = features(("HADAMARD", ["posts"]), ("L2", ["posts"]), pairs=[(ALICE, CHRIS), (KARIN, GREG)])
    assert found.tolist() == [[5016, 8836], [870, 1]]


def test_features_of_lists_are_concatenated_in_order() -> None:
    # Karin (2, 2) with 30 posts, Chris (3, 0) with 132
    found = features(
        ("L2", ["v", "posts"]), ("COSINE", ["v"]), ("SAME_CATEGORY", ["team", "posts"]), pairs=[(KARIN, CHRIS)]
    )
    assert found[0] == pytest.approx([1, 4, 102**2, 6 / (8**0.5 * 3), 1, 0])
    other_way = features(
        ("L2", ["v", "posts"]), ("COSINE", ["v"]), ("SAME_CATEGORY", ["team", "posts"]), pairs=[(CHRIS, KARIN)]
    )
    assert (found == other_way).all()


def test_the_cosine_with_a_vector_of_zeros_is_zero() -> None:
    assert features(("COSINE", ["v"]), pairs=[(ALICE, CHRIS)]).tolist() == [[0]]


def test_a_missing_value_is_named_with_its_step_and_pair() -> None:
    properties = {"x": np.array([1.0, np.nan, *range(6)])}
    with pytest.raises(JobError, match=r"NaN in the feature step L2 of x for the pair \(0, 1\)"):
        LinkFeatures([FeatureStep(name="L2", properties=["x"])], EIGHT, properties).of(np.array([[2, 3], [0, 1]]))


def test_properties_that_cannot_be_features_are_refused() -> None:
    for step, properties, said in [
        (FeatureStep(name="L2", properties=["y"]), {}, "`y` .* neither in the graph nor made"),
        (FeatureStep(name="SAME_CATEGORY", properties=["v"]), {"v": VECTORS}, "is a list"),
        (FeatureStep(name="L2", properties=["t"]), {"t": np.array(list("abcdefgh"))}, "holds no numbers"),
    ]:
        with pytest.raises(JobError, match=said):
            LinkFeatures([step], EIGHT, properties).of(np.array([[0, 1]]))


def test_topological_features_of_the_best_pair() -> None:
    # Michael and Veselin share Karin (3) and Chris (5); degrees 6 and 2
    names = ["COMMON_NEIGHBORS", "ADAMIC_ADAR", "RESOURCE_ALLOCATION", "JACCARD", "PREFERENTIAL_ATTACHMENT"]
    found = features(*((name, []) for name in names), pairs=[(MICHAEL, VESELIN), (CHRIS, MARK), (ALICE, VESELIN)])
    assert found[0] == pytest.approx([2, 1.53157, 0.53333, 1 / 3, np.log1p(12)], abs=1e-5)
    assert found[1] == pytest.approx([2, 1.46835, 0.5, 0.4, np.log1p(10)], abs=1e-5)
    assert found[2] == pytest.approx([0, 0, 0, 0, np.log1p(2)])


def test_topological_features_are_those_of_networkx_and_their_definitions() -> None:
    graph = nx.Graph(PAIRS)
    pairs = [(u, v) for u in range(8) for v in range(u + 1, 8)]
    found = dict(
        zip(TOPOLOGICAL_FEATURES, features(*((n, []) for n in TOPOLOGICAL_FEATURES), pairs=pairs).T, strict=True)
    )
    for name, wanted in {
        "ADAMIC_ADAR": nx.adamic_adar_index(graph, pairs),
        "RESOURCE_ALLOCATION": nx.resource_allocation_index(graph, pairs),
        "JACCARD": nx.jaccard_coefficient(graph, pairs),
    }.items():
        assert found[name] == pytest.approx([value for *_, value in wanted]), name
    matrix = nx.to_numpy_array(graph, nodelist=range(8))
    squared, cubed = matrix @ matrix, matrix @ matrix @ matrix
    degrees = matrix.sum(axis=0)
    for place, (u, v) in enumerate(pairs):
        common, one, other = squared[u, v], degrees[u], degrees[v]
        assert found["COMMON_NEIGHBORS"][place] == common
        assert found["TOTAL_NEIGHBORS"][place] == one + other - common
        assert found["LOCAL_PATH"][place] == pytest.approx(common + 0.01 * cubed[u, v])
        assert found["SORENSEN"][place] == pytest.approx(2 * common / (one + other))
        assert found["SALTON"][place] == pytest.approx(common / np.sqrt(one * other))
        assert found["HUB_PROMOTED"][place] == pytest.approx(common / min(one, other))
        assert found["HUB_DEPRESSED"][place] == pytest.approx(common / max(one, other))


def test_all_pairs_at_once_score_as_each_pair_by_itself() -> None:
    steps = [FeatureStep(name=name, properties=["v"]) for name in ("HADAMARD", "L2", "COSINE")]
    maker = LinkFeatures(steps, EIGHT, PROPERTIES)
    random = np.random.default_rng(0)
    layers = Layers(random.random(5), random.random(5) + 1, (random.random((5, 2)),), (random.random(2),))
    form = Bilinear.of(maker, Trained("LogisticRegression", layers))
    assert form is not None
    pairs = np.array([[u, v] for u in range(2, 5) for v in range(2, 8)])
    shares = layers.probabilities(maker.of(pairs))
    wanted = np.log(shares[:, 1] / shares[:, 0]).reshape(3, 6)
    assert form.block(2, 5) == pytest.approx(wanted, abs=1e-4)
