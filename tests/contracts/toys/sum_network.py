"""A model family of another maker: the sum of all neighbours beside the vertex itself, h' = act(Σ h_u + W h_v + b)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from training_scripts.graph_ml.models.family import LABELS, LINKS, GraphFamily, Size, Weight
from training_scripts.graph_ml.models.settings import GraphSettings

if TYPE_CHECKING:
    from torch import Tensor

    from training_scripts.graph_ml.models.network.round import Round


def weights(size: Size) -> Mapping[str, Weight]:
    """The matrix of the vertex itself, and a bias."""
    return {"own": Weight((size.hidden, size.hidden)), "bias": Weight((size.hidden,), "zeros")}


def messages(this: Round) -> Tensor:
    """(sources, d) → (targets, d)."""
    return this.activated(this.with_own(this.summed(lambda number, edges: this.sum(edges))))


FAMILY = GraphFamily(
    name="sum-network",
    title="sum network",
    paper="made for this test, 2026",
    tasks=LABELS | LINKS,
    settings=GraphSettings,
    weights=weights,
    round=messages,
)
