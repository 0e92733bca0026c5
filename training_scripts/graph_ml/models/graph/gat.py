"""GAT: neighbours weighted by attention, which looks at both ends and lets the edges of a vertex compete.

α_uv = softmax_u(LeakyReLU(a_s · W h_u + a_t · W h_v)) for each head and relation; h'_v = act(Σ_r ‖_heads Σ_u α_uv W h_u
+ h_v W_0 + b). Dropout is on vectors, not on attention.

Few labels know the matrices of all rounds by heart. A ``lean`` network over a single relation within one type of
vertices has none: the layers before and after all rounds turn the vectors. Then every vertex is among its own
neighbours, h'_v = ELU(‖_heads Σ_u α_uv h_u + b), dropout is on attention too, and nothing is normalised.

Source: Veličković et al. 2018, Graph Attention Networks, equations 1 to 5, with matrices for each relation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..family import LABELS, LINKS, GraphFamily, Size, Weight
from ..settings import GraphSettings, Scale, declared, hyperparameter
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


def is_few(scale: Scale) -> bool:
    """Whether so few vertices of a graph of one relation are labelled that a network should be lean."""
    return scale.few_labels and scale.relations == 1


def _usual(scale: Scale, name: str, few: object) -> Mapping[str, Any] | None:
    """What a search tries of a parameter of all graph networks, with another default where labels are few."""
    tried = next(what.search for known, (_, what) in declared(GraphSettings).items() if known == name)
    found = None if tried is None else tried(scale)
    return {**found, "default": few} if found is not None and is_few(scale) else found


@dataclass(frozen=True, kw_only=True)
class GatSettings(AttentionSettings):
    """``lean`` leaves matrices to the layers before and after the rounds, where a graph has one relation."""

    lean: bool = hyperparameter(False, "fixed", lambda scale: {"default": is_few(scale)})
    dropout: float = hyperparameter(0.3, "tier2", lambda scale: _usual(scale, "dropout", 0.6), at_least=0, below=1)
    input_dropout: float = hyperparameter(
        0.0, "tier2", lambda scale: _usual(scale, "input-dropout", 0.6), at_least=0, below=1
    )
    layer_norm: bool = hyperparameter(True, "tier2", lambda scale: _usual(scale, "layer-norm", False))


def is_lean(size: Size) -> bool:
    """Whether rounds have no matrices."""
    (within, *others) = size.ends or ((-1, -2),)
    asked = size.settings.lean and not size.settings.use_edge_features
    return bool(asked and not others and within[0] == within[1])


def weights(size: Size) -> Mapping[str, Weight]:
    """Matrices and attention vectors of relations, the matrix of the vertex itself, and what activates."""
    heads = size.settings.num_heads
    each = Weight((max(1, size.relations), heads, size.hidden // heads))
    if is_lean(size):
        return {"source": each, "target": each, "bias": Weight((size.hidden,), "zeros")}
    return {
        "relations": relations(size),
        "source": each,
        "target": each,
        **own(size),
        **activation(size),
    }


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    slope = this.settings.negative_slope
    if "relations" not in this.weights:
        return lean_messages(this)
    matrices = this.weights["relations"]

    def attended(number: int, edges: BlockEdges) -> Tensor:
        heads = (this.x @ matrices[number]).view(len(this.x), *this.weights["source"].shape[1:])
        sent = (heads * this.weights["source"][number]).sum(dim=2)
        received = (heads[edges.rows] * this.weights["target"][number]).sum(dim=2)
        raw = sent[edges.neighbours.indices] + received[edges.neighbours.rows]
        return this.attended(edges, heads, raw.maximum(slope * raw)).flatten(1)

    total = this.summed(attended)
    return this.activated(this.with_own(total))


def lean_messages(this: Round) -> Tensor:
    """The same without matrices, each vertex beside its neighbours: float32, (sources, d) → (targets, d)."""
    heads = this.x.view(len(this.x), *this.weights["source"].shape[1:])
    sent = (heads * this.weights["source"][0]).sum(dim=2)
    received = (heads[: this.block.num_targets] * this.weights["target"][0]).sum(dim=2)
    lists = this.heard_and_itself()
    raw = sent[lists.indices] + received[lists.rows]
    shares = this.shares(lists, raw.maximum(this.settings.negative_slope * raw))
    total = this.weighted(lists, heads, shares).flatten(1) + this.weights["bias"]
    return total if this.last else this.dropped(this.bent(total))


FAMILY = GraphFamily(
    name="gat",
    title="GAT",
    paper="Veličković et al. 2018, arXiv 1710.10903",
    tasks=LABELS | LINKS,
    settings=GatSettings,
    weights=weights,
    round=messages,
)
