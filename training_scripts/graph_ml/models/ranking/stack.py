"""The stack: the pair ranker and a graph network of links together, weighted by validation links.

Source: Wolpert 1992, Stacked Generalization.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..family import LINKS, RankingFamily
from ..settings import GraphSettings, hyperparameter


@dataclass(frozen=True, kw_only=True)
class StackSettings(GraphSettings):
    """``stack_encoder`` is the family of the graph network."""

    stack_encoder: str = hyperparameter(
        "rgcn", "tier2", lambda _: {"options": ["rgcn", "graphsage"], "default": "rgcn"}
    )


FAMILY = RankingFamily(
    name="stack",
    title="pair ranker and network",
    paper="Wolpert 1992, Neural Networks 5(2)",
    tasks=LINKS,
    fits=lambda scale: not scale.knowledge,
    settings=StackSettings,
    with_network=True,
)
