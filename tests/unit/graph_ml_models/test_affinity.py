"""Factors and degrees that attributes let expect: a ridge regression, and what it says of pairs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from training_scripts.graph_ml.pairs import (
    Affinity,
    AttributeSpace,
    Factors,
    PairFeatures,
    PairGraph,
    PairSettings,
    View,
)
from training_scripts.graph_ml.pairs.affinity import ALWAYS, ridge, times

#: unit rows of two words; a number a vertex
BAG = sparse.csr_matrix(np.array([[1, 0], [0, 1], [0.6, 0.8]], dtype=np.float32))
NUMBERS = np.array([[1.0], [-1.0], [1.0]], dtype=np.float32)


def test_conjugate_gradients_reach_the_ridge_regression_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    rows = sparse.random(200, 15, 0.3, format="csr", dtype=np.float32, random_state=0)
    wanted = rng.normal(size=(200, 20)).astype(np.float32)
    theirs = Ridge(alpha=10.0, fit_intercept=False).fit(rows.toarray(), wanted)
    assert ridge(rows, wanted) == pytest.approx(theirs.coef_.T, abs=1e-4)


def test_attributes_stand_beside_one_number_that_all_vertices_have() -> None:
    # words 1 and 10, the number 100, and 1000 for what is always there, which is 3: 3000 + ...
    matrix = np.array([[1.0], [10.0], [100.0], [1000.0]], dtype=np.float32)
    assert ALWAYS == 3.0
    assert times(BAG, NUMBERS, matrix)[:, 0] == pytest.approx([3101, 2910, 3108.6])
    assert times(None, None, matrix[-1:]).shape == (1, 1)


def test_five_features_say_what_is_expected_of_both_ends() -> None:
    # of factors of one number: word 0 lets expect 2 on the left, word 1 on the right 3; of degrees the number ½
    weights = np.array([[2, 0, 0], [0, 3, 0], [0, 0, 0.5], [0, 0, 0]], dtype=np.float32)
    affinity = Affinity.of(weights, BAG, NUMBERS)
    factors = Factors(np.array([[1], [2], [3]], dtype=np.float32), np.array([[4], [5], [6]], dtype=np.float32))
    both, source_side, node_side, expected, of_source = affinity.block(factors, BAG, NUMBERS, np.array([0]))
    # expected left 2, 0, 1.2 and right 0, 3, 2.4; the source has 2 and 0: half of right · 2 + left · 0
    assert both[:, 0] == pytest.approx([0, 3, 2.4])
    # the source's own are 1 and 4: half of right · 1 + left · 4
    assert source_side[:, 0] == pytest.approx([4, 1.5, 3.6])
    # the nodes' own right ones are 4, 5, 6: half of those times 2
    assert node_side[:, 0] == pytest.approx([4, 5, 6])
    assert expected[:, 0] == pytest.approx([0.5, -0.5, 0.5])
    assert of_source[:, 0] == pytest.approx([0.5] * 3)


def test_a_vertex_without_links_is_expected_to_have_the_degree_of_those_like_it() -> None:
    # everybody with the first word is linked with ten, those with the second with one; the last of each with nobody
    words = np.repeat([[1, 0], [0, 1]], 61, axis=0).astype(np.float32)
    degree = np.repeat([10, 0, 1, 0], [60, 1, 60, 1]).astype(np.float32)
    nothing = np.zeros((122, 1), dtype=np.float32)
    bag = sparse.csr_matrix(words)
    affinity = Affinity.fit(Factors(nothing, nothing), degree, bag, None, np.random.default_rng(0))
    popular, alone = affinity.degree[60], affinity.degree[121]
    assert popular > 1.5 * alone
    assert popular < np.log1p(10)


def test_a_vertex_that_comes_later_is_expected_what_its_attributes_say() -> None:
    graph = PairGraph.from_edges(np.array([0, 1]), np.array([1, 2]), 3)
    factors = Factors(np.ones((3, 2), np.float32), np.ones((3, 2), np.float32))
    known = {"User": {"words": np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=np.float32)}}
    space = AttributeSpace.fit(known)
    bag, numbers = space.rows(known, {"User": 0}, 3)
    affinity = Affinity.fit(factors, graph.degree, bag, numbers, np.random.default_rng(0))
    views = (View("target", graph, factors),)
    features = PairFeatures(views, bag, numbers, PairSettings(), attributes=space, affinity=affinity)
    nobody = (np.empty(0, dtype=np.int64),) * 2
    # the new one has the word of vertex 1, which has two links where the others have one
    values = {"User": {"words": np.array([[0, 1, 0, 0]], dtype=np.float32)}}
    grown = features.extended(nobody, nobody, 4, values, {"User": 3})
    assert grown.affinity is not None
    assert grown.affinity.degree[3] == pytest.approx(affinity.degree[1])
    assert affinity.degree[1] > affinity.degree[0]
    assert grown.block(np.array([0])).shape == (len(features.names), 4, 1)
