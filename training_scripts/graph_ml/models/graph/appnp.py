"""APPNP: features go through a perceptron first, then spread without weights, each vertex returning to its own.

h⁰ = relu(W x + b); h^{k+1}_v = (1 − α) Σ_r s_r Σ_{u→v in r} h^k_u / √(d_u d_v) + α h⁰_v, with one share s_r a relation
(they sum to one over relations that reach the vertex). Ten rounds see far, and there is little to overfit: good where
neighbours are alike and labels few.

Source: Gasteiger, Bojchevski, Günnemann 2019, Predict then Propagate, equation 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..family import LABELS, GraphFamily, Size, Weight
from ..settings import GraphSettings, hyperparameter, linear

if TYPE_CHECKING:
    from torch import Tensor

    from ..network.round import Round


@dataclass(frozen=True, kw_only=True)
class AppnpSettings(GraphSettings):
    """``teleport`` is α, the share of its own vector that a vertex returns to in every round."""

    num_layer: int = hyperparameter(10, "tier3", lambda _: linear(2, 10, default=10, step=1), at_least=1)
    teleport: float = hyperparameter(0.1, "tier2", lambda _: linear(0.05, 0.5, default=0.1), above=0, below=1)


def weights(size: Size) -> Mapping[str, Weight]:
    """One number a relation, from which the shares come, the same before training."""
    return {"shares": Weight((max(1, size.relations), 1), "zeros")}


def spread(this: Round) -> Tensor:
    """Σ_r s_r Σ_u h_u / √(d_u d_v), the own vector where nothing reaches the vertex: float32,
    (sources, d) → (targets, d)."""
    raised = this.weights["shares"].exp()
    width = raised.shape[1]
    reach = this.summed(lambda number, edges: raised[number].expand(len(edges.rows), width), width)
    total = this.summed(lambda number, edges: this.symmetric(edges) * raised[number])
    return (total / reach.clamp(min=1e-9)).where(reach > 0, this.start)


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    alpha = this.settings.teleport
    result: Tensor = (1 - alpha) * spread(this) + alpha * this.start
    return result


FAMILY = GraphFamily(
    name="appnp",
    title="APPNP",
    paper="Gasteiger, Bojchevski, Günnemann 2019, arXiv 1810.05997",
    tasks=LABELS,
    first_for=lambda scale: scale.few_relations_between_vertices,
    settings=AppnpSettings,
    weights=weights,
    round=messages,
    active_input=True,
    final_norm=False,
    unused=frozenset({"use-self-loop", "layer-norm"}),
)
