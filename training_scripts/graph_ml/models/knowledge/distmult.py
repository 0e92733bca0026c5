"""DistMult: Σ h · r · t, the same in both directions.

Source: Yang et al. 2015, Embedding Entities and Relations for Learning and Inference in Knowledge Bases.
"""

from __future__ import annotations

from typing import Any

from ..family import LINKS, Decoder, KnowledgeFamily, same_width
from ..settings import KnowledgeSettings


def query(xp: Any, vectors: Any, relations: Any, predict_heads: bool) -> Any:
    """h ∘ r, or t ∘ r: (b, d) → (b, d)."""
    return vectors * relations


FAMILY = KnowledgeFamily(
    name="distmult",
    title="DistMult",
    paper="Yang et al. 2015, arXiv 1412.6575",
    tasks=LINKS,
    first_for=lambda scale: not scale.knowledge,
    compared=False,
    settings=KnowledgeSettings,
    decoder=Decoder("distmult", query, "dot", same_width),
    shared_rates=False,
)
