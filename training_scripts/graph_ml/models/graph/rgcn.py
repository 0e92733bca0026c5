"""R-GCN: the mean of each relation's neighbours, through a matrix of its own.

h'_v = act(Σ_r mean_{u→v in r} h_u W_r + h_v W_0 + b), the W_r mixed from ``num-bases`` shared matrices where that is
above 0.

Source: Schlichtkrull et al. 2018, Modeling Relational Data with Graph Convolutional Networks, equations 2 and 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..family import LABELS, LINKS, GraphFamily, Size, Weight
from ..settings import GraphSettings, hyperparameter, linear
from .shapes import activation, own, relations

if TYPE_CHECKING:
    from torch import Tensor

    from ..network.round import Round


@dataclass(frozen=True, kw_only=True)
class RgcnSettings(GraphSettings):
    """``num_bases``: shared matrices that relations mix; 0 gives each its own."""

    num_bases: int = hyperparameter(0, "tier3", lambda _: linear(0, 8, default=0, step=2), at_least=0)


def weights(size: Size) -> Mapping[str, Weight]:
    """Matrices of relations, and what activates."""
    rest = {**own(size), **activation(size)}
    if 0 < size.settings.num_bases < size.relations:
        shared = size.settings.num_bases
        return {"bases": Weight((shared, size.hidden, size.hidden)), "mix": Weight((size.relations, shared)), **rest}
    return {"relations": relations(size), **rest}


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    if "bases" in this.weights:
        bases = this.weights["bases"]
        matrices = (this.weights["mix"] @ bases.flatten(1)).view(-1, *bases.shape[1:])
    else:
        matrices = this.weights["relations"]
    total = this.summed(lambda number, edges: this.mean(edges) @ matrices[number])
    return this.activated(this.with_own(total))


FAMILY = GraphFamily(
    name="rgcn",
    title="R-GCN",
    paper="Schlichtkrull et al. 2018, arXiv 1703.06103",
    tasks=LABELS | LINKS,
    settings=RgcnSettings,
    weights=weights,
    round=messages,
)
