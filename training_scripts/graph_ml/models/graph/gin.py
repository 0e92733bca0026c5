"""GIN: sums, which tell apart what means confuse, under a perceptron.

h'_v = act(W_2 relu((1 + ε) h_v + Σ_r Σ_{u→v in r} h_u W_r) + b), ε learned. Sums grow with degrees, so layer
normalisation stands before the rectifier inside as well.

Source: Xu et al. 2019, How Powerful are Graph Neural Networks?, equation 4.1, with a matrix for each relation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..family import LABELS, LINKS, GraphFamily, Size, Weight
from ..settings import GraphSettings
from .shapes import activation, relations

if TYPE_CHECKING:
    from torch import Tensor

    from ..network.round import Round


def weights(size: Size) -> Mapping[str, Weight]:
    """Matrices of relations and of the perceptron, how much the vertex counts beyond once, and what activates."""
    return {
        "relations": relations(size),
        "inner": Weight((size.hidden, size.hidden)),
        "more": Weight((1,), "zeros"),
        **activation(size),
    }


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    matrices = this.weights["relations"]
    told = this.summed(lambda number, edges: this.sum(edges) @ matrices[number])
    both = this.normalised((1 + this.weights["more"]) * this.own + told).relu()
    return this.activated(both @ this.weights["inner"])


FAMILY = GraphFamily(
    name="gin",
    title="GIN",
    paper="Xu et al. 2019, arXiv 1810.00826",
    tasks=LABELS | LINKS,
    settings=GraphSettings,
    weights=weights,
    round=messages,
)
