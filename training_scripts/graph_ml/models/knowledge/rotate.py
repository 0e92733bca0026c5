"""RotatE: γ − Σ |h ∘ e^{iθ} − t| over complex numbers, a vertex's real parts first, then its imaginary ones.

Source: Sun et al. 2019, RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space.
"""

from __future__ import annotations

from typing import Any

from ..family import LINKS, Decoder, KnowledgeFamily, complex_product
from ..settings import DistanceSettings


def query(xp: Any, vectors: Any, relations: Any, predict_heads: bool) -> Any:
    """h ∘ e^{iθ} for tails, t ∘ e^{−iθ} for heads: (b, 2 d) and phases (b, d) → (b, 2 d)."""
    return complex_product(xp, vectors, xp.cos(relations), xp.sin(-relations if predict_heads else relations))


FAMILY = KnowledgeFamily(
    name="rotate",
    title="RotatE",
    paper="Sun et al. 2019, arXiv 1902.10197",
    tasks=LINKS,
    first_for=lambda scale: not scale.knowledge,
    compared=False,
    settings=DistanceSettings,
    decoder=Decoder("rotate", query, "l2", lambda size: (2 * size, size), paired=True, phases=True),
)
