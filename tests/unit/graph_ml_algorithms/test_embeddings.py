"""Embeddings: what must hold whatever the random numbers are."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from tests.unit.graph_ml_algorithms.eight_people import EIGHT, PAIRS, run, view_of
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.projections import GraphView

TWO_CLIQUES = nx.disjoint_union(nx.complete_graph(10), nx.complete_graph(10))
TWO_CLIQUES.add_edge(0, 10)


def fast_rp(view: GraphView = EIGHT, **options: object) -> np.ndarray:
    return run("fastRP", view, **{"embeddingDimension": 32, "randomSeed": 42, **options}).columns["embedding"]


def test_the_same_seed_gives_the_same_vectors_and_another_seed_others() -> None:
    assert (fast_rp() == fast_rp()).all()
    assert not np.allclose(fast_rp(), fast_rp(randomSeed=43))


def test_every_row_is_at_most_as_long_as_the_weights() -> None:
    lengths = np.linalg.norm(fast_rp(iterationWeights=[0.5, -1.0, 0.25], nodeSelfInfluence=2.0), axis=1)
    assert (lengths <= 3.75 + 1e-6).all()


def test_one_iteration_is_the_mean_of_the_neighbours_first_vectors() -> None:
    # a star: leaves 1 and 2 see the centre alone, so their rows are its vector of length 1
    star = view_of(3, [(0, 1), (0, 2)])
    first = fast_rp(star, iterationWeights=[], nodeSelfInfluence=1.0)
    once = fast_rp(star, iterationWeights=[1.0])
    assert once[1] == pytest.approx(first[0], abs=1e-6)
    assert (once[1] == once[2]).all()
    raw = first * np.linalg.norm(first, axis=1, keepdims=True)
    assert np.linalg.norm(raw) > 0
    mean = first[1] * np.count_nonzero(first[1]) ** 0.5 + first[2] * np.count_nonzero(first[2]) ** 0.5
    assert once[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_entries_are_plus_minus_and_nothing_with_their_chances() -> None:
    view = view_of(2000, [])
    rows = fast_rp(view, iterationWeights=[], nodeSelfInfluence=1.0, embeddingDimension=60)
    shares = [(rows > 0).mean(), (rows < 0).mean(), (rows == 0).mean()]
    assert shares == pytest.approx([1 / 6, 1 / 6, 2 / 3], abs=0.005)


def test_an_isolated_node_is_zero_unless_it_influences_itself() -> None:
    view = view_of(9, PAIRS)
    assert (fast_rp(view)[8] == 0).all()
    assert np.linalg.norm(fast_rp(view, nodeSelfInfluence=1.0)[8]) == pytest.approx(1, abs=1e-6)


def test_a_node_begins_with_the_same_vector_in_another_graph() -> None:
    smaller = replace(view_of(3, []), ids=np.array([1, 4, 7]))
    whole = fast_rp(iterationWeights=[], nodeSelfInfluence=1.0)
    assert (fast_rp(smaller, iterationWeights=[], nodeSelfInfluence=1.0) == whole[[1, 4, 7]]).all()


def test_normalisation_only_rescales_the_first_vectors_by_degree() -> None:
    star = view_of(3, [(0, 1), (0, 2)])
    # leaves see the centre alone: its scale is lost in the row's norm
    assert fast_rp(star, normalizationStrength=-0.5)[1] == pytest.approx(fast_rp(star)[1], abs=1e-6)


def test_properties_fill_the_last_coordinates_alike_in_every_graph() -> None:
    options = {"propertyRatio": 1.0, "featureProperties": ["posts"], "iterationWeights": [], "nodeSelfInfluence": 1.0}
    rows = fast_rp(**options)
    assert rows[0] == pytest.approx(rows[1], abs=1e-6)  # one property: one direction
    half = fast_rp(**{**options, "propertyRatio": 0.5})
    assert half.shape == (8, 32)
    with pytest.raises(JobError, match="featureProperties"):
        fast_rp(propertyRatio=0.5)
    with pytest.raises(JobError, match="iterationWeights"):
        fast_rp(iterationWeights=[])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fastRP", {"embeddingDimension": 64}),
        ("node2vec", {"embeddingDimension": 8, "walkLength": 20}),
        ("node2vec", {"embeddingDimension": 8, "walkLength": 20, "inOutFactor": 2.0, "returnFactor": 0.5}),
        ("hashgnn", {"iterations": 3, "embeddingDensity": 8, "generateFeatures": {"dimension": 24, "densityLevel": 2}}),
    ],
)
def test_nodes_of_one_clique_are_more_alike_than_nodes_of_two(name: str, options: dict[str, object]) -> None:
    rows = run(name, view_of(20, TWO_CLIQUES.edges), randomSeed=7, **options).columns["embedding"].astype(float)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    alike = rows @ rows.T
    inside, across = alike[:10, :10][np.triu_indices(10, 1)].mean(), alike[1:10, 11:].mean()
    assert inside > across + 0.2


def test_walks_follow_relationships_and_end_where_there_are_none() -> None:
    from training_scripts.graph_ml.algorithms.node2vec import random_walks
    from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS
    from training_scripts.graph_ml.schemas.catalog.options import read_options

    options = read_options(ALGORITHMS["node2vec"].known_options, {"walkLength": 5, "walksPerNode": 2})
    view = view_of(4, [(0, 1), (1, 2)], undirected=False)
    (walks,) = random_walks(view, options, np.random.default_rng(0))
    assert walks.tolist() == [[0, 1, 2, -1, -1], [0, 1, 2, -1, -1], [1, 2, -1, -1, -1], [1, 2, -1, -1, -1]]


def test_a_small_return_factor_goes_back_and_a_large_in_out_factor_stays_near() -> None:
    from training_scripts.graph_ml.algorithms.node2vec import random_walks
    from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS
    from training_scripts.graph_ml.schemas.catalog.options import read_options

    # in the middle of a path of three, coming from one end, p = 1/3 goes back with 3 / (3 + 1)
    view = view_of(3, [(0, 1), (1, 2)])
    given = {"walkLength": 3, "walksPerNode": 4000, "returnFactor": 1 / 3, "sourceNodes": [0]}
    options = read_options(ALGORITHMS["node2vec"].known_options, given)
    (walks,) = random_walks(view, options, np.random.default_rng(0))
    assert (walks[:, 2] == 0).mean() == pytest.approx(0.75, abs=0.03)
    # a triangle with a tail, walked from 0 to 1: back 1, on to the common neighbour 1, to the tail 1/q = 1/4
    tailed = view_of(4, [(0, 1), (1, 2), (0, 2), (1, 3)])
    given = {"walkLength": 3, "walksPerNode": 9000, "inOutFactor": 4.0, "sourceNodes": [0]}
    options = read_options(ALGORITHMS["node2vec"].known_options, given)
    (walks,) = random_walks(tailed, options, np.random.default_rng(0))
    via = walks[walks[:, 1] == 1]
    assert (via[:, 2] == 3).mean() == pytest.approx(0.25 / 2.25, abs=0.02)


def test_binary_features_are_asked_for() -> None:
    with pytest.raises(JobError, match="binarizeFeatures"):
        run("hashgnn", iterations=1, embeddingDensity=2, featureProperties=["posts"])
    options = {"iterations": 1, "embeddingDensity": 4, "featureProperties": ["posts"], "randomSeed": 1}
    rows = run("hashgnn", binarizeFeatures={"dimension": 6, "threshold": 0}, outputDimension=3, **options)
    assert rows.columns["embedding"].shape == (8, 3)
