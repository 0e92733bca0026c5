"""GPR-GNN: features spread without weights, and how far each number of a vector spreads is learned.

h⁰ = relu(W x + b); h^{k+1} = (1 − a_k) ∘ Σ_r s_r Σ_{u→v in r} h^k_u / √(d_u d_v) + a_k ∘ h⁰, with a share a_k of each
number that returns to the vertex's own, and a share s_r of each number a relation (they sum to one over relations that
reach the vertex). Before training half of the numbers spread over all rounds, a quarter over one, a quarter hardly, so
that whatever decides, the vertex itself, its neighbours or its region, is there to be found with few labels.

Source: Chien, Peng, Li, Milenkovic 2021, Adaptive Universal Generalized PageRank Graph Neural Network, equation 1, with
weights for each number of a vector and in the recursive form of Gasteiger et al. 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..family import LABELS, GraphFamily, Size, Weight
from .appnp import AppnpSettings, spread

if TYPE_CHECKING:
    from torch import Tensor

    from ..network.round import Round


def weights(size: Size) -> Mapping[str, Weight]:
    """What is learned beside where shares begin, for each number of a vector: of every relation, and of returning."""
    shares = Weight((max(1, size.relations), size.hidden), "zeros")
    return {"shares": shares, "returns": Weight((size.hidden,), "zeros")}


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    width = this.x.shape[1]
    far = this.settings.teleport
    near = far if this.last else 1 - far
    begin = this.x.new_full((width,), 1 - far)
    begin[: width - width // 2] = far
    begin[width - width // 2 : width - width // 4] = near
    # the share as a logit moves freely and stays between 0 and 1
    back = ((begin / (1 - begin)).log() + this.weights["returns"]).sigmoid()
    result: Tensor = (1 - back) * spread(this) + back * this.start
    return result


FAMILY = GraphFamily(
    name="gprgnn",
    title="GPR-GNN",
    paper="Chien, Peng, Li, Milenkovic 2021, arXiv 2006.07988",
    tasks=LABELS,
    first_for=lambda scale: scale.few_relations_between_vertices and not scale.few_labels,
    settings=AppnpSettings,
    weights=weights,
    round=messages,
    active_input=True,
    final_norm=False,
    unused=frozenset({"use-self-loop", "layer-norm"}),
)
