"""Features alone: no messages, so whatever a graph network gains over this comes from the graph.

The head over the vectors is the rest of the perceptron. Vertices without features have a learned vector only where
there are no features at all: beside those of an edge, vectors that know its ends by heart drown what it says itself.

Source: Rumelhart, Hinton, Williams 1986; as a baseline of graph learning, Shchur et al. 2018, arXiv 1811.05868.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..family import LABELS, GraphFamily
from ..settings import GraphSettings

if TYPE_CHECKING:
    from torch import Tensor

    from ..network.round import Round


def messages(this: Round) -> Tensor:
    """Refuse: a perceptron has no rounds, float32 (sources, d) → (targets, d), and is never asked for one."""
    return this.own


FAMILY = GraphFamily(
    name="mlp",
    title="features alone",
    paper="Shchur et al. 2018, arXiv 1811.05868",
    tasks=LABELS,
    baseline=True,
    settings=GraphSettings,
    weights=lambda size: {},
    round=messages,
    rounds=lambda settings: 0,
    active_input=True,
    final_norm=False,
    features_only=True,
    unused=frozenset({"num-layer", "fanout", "use-self-loop", "layer-norm"}),
)
