"""LightGCN: learned vectors that spread without weights, and the mean over all rounds; made for ranking links.

h^{k+1}_v = Σ_r Σ_{u→v in r} h^k_u / √(d_u d_v), h = mean of h⁰ … h^K. Features, where there are any, are added to the
learned vectors before the first round.

Source: He et al. 2020, LightGCN: Simplifying and Powering Graph Convolution Network for Recommendation, equations 3
to 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..family import LINKS, GraphFamily
from ..settings import GraphSettings, hyperparameter, power2

if TYPE_CHECKING:
    from torch import Tensor

    from ..network.round import Round


@dataclass(frozen=True, kw_only=True)
class LightSettings(GraphSettings):
    """Every vertex has a learned vector unless ``concat_node_embed`` says otherwise.

    Without weights between rounds ``num_hidden`` numbers are all there is to learn, so there are more of them.
    """

    num_hidden: int = hyperparameter(128, "tier1", lambda _: power2(32, 256, default=128), at_least=1)
    concat_node_embed: bool = hyperparameter(True, "tier1", lambda _: {"default": True})


def messages(this: Round) -> Tensor:
    """The vectors after a round: float32, (sources, d) → (targets, d)."""
    return this.summed(lambda number, edges: this.symmetric(edges))


FAMILY = GraphFamily(
    name="lightgcn",
    title="LightGCN",
    paper="He et al. 2020, arXiv 2002.02126",
    tasks=LINKS,
    compared=False,
    settings=LightSettings,
    weights=lambda size: {},
    round=messages,
    mean_of_rounds=True,
    unused=frozenset({"use-self-loop", "layer-norm"}),
)
