"""ComplEx: Re Σ h · r · t̄ over complex numbers, a vector's real parts first; trained as Lacroix and others found best.

Every relation has a second vector for asking the other way round, the true partner stands against all others in a
softmax, cubes of the moduli of what a triple touches are paid for (N3), and each number of a vector has a learning rate
of its own.

Source: Trouillon et al. 2016, Complex Embeddings for Simple Link Prediction; Lacroix, Usunier, Obozinski 2018,
Canonical Tensor Decomposition for Knowledge Base Completion.
"""

from __future__ import annotations

from typing import Any

from ..family import LINKS, Decoder, KnowledgeFamily, complex_product
from ..settings import KnowledgeSettings


def query(xp: Any, vectors: Any, relations: Any, predict_heads: bool) -> Any:
    """h ∘ r for tails, t ∘ r̄ for heads: (b, 2 d) and (b, 2 d) → (b, 2 d), whose product with a partner is the score."""
    half = relations.shape[-1] // 2
    real, imaginary = relations[..., :half], relations[..., half:]
    return complex_product(xp, vectors, real, -imaginary if predict_heads else imaginary)


FAMILY = KnowledgeFamily(
    name="complex",
    title="ComplEx",
    paper="Lacroix, Usunier, Obozinski 2018, arXiv 1806.07297",
    tasks=LINKS,
    compared=False,
    settings=KnowledgeSettings,
    decoder=Decoder("complex", query, "dot", lambda size: (2 * size, 2 * size), paired=True),
    reciprocal=True,
    start=0.01,
    shared_rates=False,
)
