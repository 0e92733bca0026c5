"""How many links are ranked where each has very many candidates."""

from __future__ import annotations

import pytest

from training_scripts.graph_ml.graph import EdgeType
from training_scripts.graph_ml.judging.links import affordable
from training_scripts.graph_ml.links import LinkProblem, Pairs
from training_scripts.graph_ml.pairs import NodeSpace


@pytest.mark.parametrize(
    ("vertices", "asked", "ranked"),
    [
        (10_000, 1500, 1500),
        # a hundred thousand are ten times as many, and 150 fewer than the fewest
        (100_000, 1500, 200),
        (100_000, 40, 40),
        # 200 by the root of ten, and of a hundred
        (1_000_000, 1500, 63),
        (10_000_000, 1500, 20),
    ],
)
def test_the_fewer_links_are_ranked_the_more_candidates_each_has(vertices: int, asked: int, ranked: int) -> None:
    space, none = NodeSpace({"Person": vertices}), Pairs.join([])
    problem = LinkProblem.known_links(EdgeType("Person", "knows", "Person"), space, none, {}, directed=False)
    assert affordable(asked, [problem]) == ranked
