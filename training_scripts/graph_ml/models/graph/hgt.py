"""HGT: attention in which all relations of a vertex compete, with keys, values and queries by node type.

For u→v in r: score = (k_u A_r · q_v) μ_r / √(d / heads), share = softmax over all edges of v whatever their relation,
message = v_u M_r; h'_v = act(W_out Σ share · message + h_v), the last with a learned share of the vertex's own.

Source: Hu, Dong, Wang, Sun 2020, Heterogeneous Graph Transformer, equations 3 to 5, without its time encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..family import LABELS, LINKS, GraphFamily, Size, Weight
from .gat import AttentionSettings
from .shapes import activation

if TYPE_CHECKING:
    from torch import Tensor

    from ...sampling import BlockEdges
    from ..network.round import Round


def weights(size: Size) -> Mapping[str, Weight]:
    """Matrices by node type, matrices by relation and head, and what activates."""
    heads, types, relations = size.settings.num_heads, max(1, size.node_types), max(1, size.relations)
    by_type = Weight((types, size.hidden, size.hidden))
    by_relation = Weight((relations, heads, size.hidden // heads, size.hidden // heads))
    return {
        "key": by_type,
        "query": by_type,
        "value": by_type,
        "attention": by_relation,
        "message": by_relation,
        "prior": Weight((relations, heads), "ones"),
        "out": Weight((size.hidden, size.hidden)),
        "skip": Weight((1,), "zeros"),
        **activation(size),
    }


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    arrays, heads = this.weights, this.settings.num_heads
    each = this.x.shape[1] // heads

    def scores(number: int, edges: BlockEdges) -> Tensor:
        sender, receiver = this.ends[number]
        keys = (this.x @ arrays["key"][sender]).view(-1, heads, 1, each) @ arrays["attention"][number]
        asked = (this.x[edges.rows] @ arrays["query"][receiver]).view(-1, heads, each)
        products = keys[:, :, 0][edges.neighbours.indices] * asked[edges.neighbours.rows]
        result: Tensor = products.sum(dim=2) * arrays["prior"][number] / each**0.5
        return result

    def values(number: int, edges: BlockEdges) -> Tensor:
        sent = (this.x @ arrays["value"][this.ends[number][0]]).view(-1, heads, 1, each)
        return (sent @ arrays["message"][number])[:, :, 0]

    told = this.attended_together(scores, values) @ arrays["out"]
    share = arrays["skip"].sigmoid()
    return this.activated(share * told + (1 - share) * this.own)


FAMILY = GraphFamily(
    name="hgt",
    title="HGT",
    paper="Hu, Dong, Wang, Sun 2020, arXiv 2003.01332",
    tasks=LABELS | LINKS,
    settings=AttentionSettings,
    weights=weights,
    round=messages,
)
