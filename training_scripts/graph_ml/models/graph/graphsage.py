"""GraphSAGE with the mean: a vertex beside its neighbours, scaled to one length after every round but the last.

h'_v = √d · normalised(relu(h_v W_0 + Σ_r mean_{u→v in r} h_u W_r + b)).

Source: Hamilton, Ying, Leskovec 2017, Inductive Representation Learning on Large Graphs, algorithm 1, with a matrix for
each relation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..family import LABELS, LINKS, GraphFamily, Size, Weight
from ..settings import GraphSettings
from .shapes import relations

if TYPE_CHECKING:
    from torch import Tensor

    from ..network.round import Round


def weights(size: Size) -> Mapping[str, Weight]:
    """Matrices of relations and of the vertex itself."""
    # the vertex stands beside its neighbours whatever use-self-loop says, and one length replaces layer normalisation
    return {
        "relations": relations(size),
        "own": Weight((size.hidden, size.hidden)),
        "bias": Weight((size.hidden,), "zeros"),
    }


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    matrices = this.weights["relations"]
    total = this.summed(lambda number, edges: this.mean(edges) @ matrices[number])
    out = this.activated(this.with_own(total), dropout=False)
    return out if this.last else this.dropped(this.unit_length(out) * out.shape[1] ** 0.5)


FAMILY = GraphFamily(
    name="graphsage",
    title="GraphSAGE",
    paper="Hamilton, Ying, Leskovec 2017, arXiv 1706.02216",
    tasks=LABELS | LINKS,
    settings=GraphSettings,
    weights=weights,
    round=messages,
)
