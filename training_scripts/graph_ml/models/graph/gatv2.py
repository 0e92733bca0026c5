"""GATv2: attention whose ranking of neighbours depends on who asks.

α_uv = softmax_u(a · LeakyReLU(W_s h_u + W_t h_v)) for each head and relation, over messages W_s h_u. GAT applies a
after a sum that the rectifier cannot mix, so all its vertices rank neighbours alike.

Source: Brody, Alon, Yahav 2022, How Attentive are Graph Attention Networks?, equation 7, with matrices for each
relation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..family import LABELS, LINKS, GraphFamily, Size, Weight
from .gat import AttentionSettings
from .shapes import activation, own, relations

if TYPE_CHECKING:
    from torch import Tensor

    from ...sampling import BlockEdges
    from ..network.round import Round


def weights(size: Size) -> Mapping[str, Weight]:
    """Two matrices and an attention vector of each relation, the matrix of the vertex itself, and what activates."""
    heads, square = size.settings.num_heads, relations(size)
    return {
        "source": square,
        "target": square,
        "attention": Weight((square.shape[0], heads, size.hidden // heads)),
        **own(size),
        **activation(size),
    }


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    slope, shape = this.settings.negative_slope, this.weights["attention"].shape[1:]

    def attended(number: int, edges: BlockEdges) -> Tensor:
        sent = (this.x @ this.weights["source"][number]).view(-1, *shape)
        received = (this.x[edges.rows] @ this.weights["target"][number]).view(-1, *shape)
        both = sent[edges.neighbours.indices] + received[edges.neighbours.rows]
        scores = (both.maximum(slope * both) * this.weights["attention"][number]).sum(dim=2)
        return this.attended(edges, sent, scores).flatten(1)

    total = this.summed(attended)
    return this.activated(this.with_own(total))


FAMILY = GraphFamily(
    name="gatv2",
    title="GATv2",
    paper="Brody, Alon, Yahav 2022, arXiv 2105.14491",
    tasks=LABELS | LINKS,
    settings=AttentionSettings,
    weights=weights,
    round=messages,
)
