"""TransE: γ − |h + r − t|₂.

Source: Bordes et al. 2013, Translating Embeddings for Modeling Multi-relational Data.
"""

from __future__ import annotations

from typing import Any

from ..family import LINKS, Decoder, KnowledgeFamily, same_width
from ..settings import DistanceSettings


def query(xp: Any, vectors: Any, relations: Any, predict_heads: bool) -> Any:
    """h + r for tails, t − r for heads: (b, d) → (b, d)."""
    return vectors - relations if predict_heads else vectors + relations


FAMILY = KnowledgeFamily(
    name="transe",
    title="TransE",
    paper="Bordes et al. 2013, NeurIPS 26",
    tasks=LINKS,
    first_for=lambda scale: not scale.knowledge,
    compared=False,
    settings=DistanceSettings,
    decoder=Decoder("transe", query, "l2", same_width),
)
