"""GAT: neighbours weighted by attention, which looks at both ends and lets the edges of a vertex compete.

α_uv = softmax_u(LeakyReLU(a_s · W h_u + a_t · W h_v)) for each head and relation; h'_v = act(Σ_r ‖_heads Σ_u α_uv W h_u
+ h_v W_0 + b). Dropout is on vectors, not on attention.

Source: Veličković et al. 2018, Graph Attention Networks, equations 1 to 5, with matrices for each relation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..family import LABELS, LINKS, GraphFamily, Size, Weight
from ..settings import GraphSettings, hyperparameter
from .shapes import activation, own, relations

if TYPE_CHECKING:
    from torch import Tensor

    from ...sampling import BlockEdges
    from ..network.round import Round


@dataclass(frozen=True, kw_only=True)
class AttentionSettings(GraphSettings):
    """``num_heads`` must divide ``num_hidden``; ``negative_slope`` is that of the leaky rectifier."""

    num_heads: int = hyperparameter(8, "tier2", lambda _: {"options": [1, 2, 4, 8], "default": 8}, at_least=1)
    negative_slope: float = hyperparameter(0.2, at_least=0, below=1)

    def __post_init__(self) -> None:
        if self.num_hidden % self.num_heads:
            raise ValueError(f"num-hidden {self.num_hidden} cannot be shared among num-heads {self.num_heads}")


def weights(size: Size) -> Mapping[str, Weight]:
    """Matrices and attention vectors of relations, the matrix of the vertex itself, and what activates."""
    heads = size.settings.num_heads
    each = Weight((max(1, size.relations), heads, size.hidden // heads))
    return {
        "relations": relations(size),
        "source": each,
        "target": each,
        **own(size),
        **activation(size),
    }


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    matrices, slope = this.weights["relations"], this.settings.negative_slope

    def attended(number: int, edges: BlockEdges) -> Tensor:
        heads = (this.x @ matrices[number]).view(len(this.x), *this.weights["source"].shape[1:])
        sent = (heads * this.weights["source"][number]).sum(dim=2)
        received = (heads[edges.rows] * this.weights["target"][number]).sum(dim=2)
        raw = sent[edges.neighbours.indices] + received[edges.neighbours.rows]
        return this.attended(edges, heads, raw.maximum(slope * raw)).flatten(1)

    total = this.summed(attended)
    return this.activated(this.with_own(total))


FAMILY = GraphFamily(
    name="gat",
    title="GAT",
    paper="Veličković et al. 2018, arXiv 1710.10903",
    tasks=LABELS | LINKS,
    settings=AttentionSettings,
    weights=weights,
    round=messages,
)
