"""ComplEx: Re Σ h · r · t̄ over complex numbers, a vector's real parts first; trained as Lacroix and others found best.

Every relation has a second vector for asking the other way round, the true partner stands against all negatives of its
chunk in a softmax, and cubes of the moduli of what a triple touches are paid for (N3).

Source: Trouillon et al. 2016, Complex Embeddings for Simple Link Prediction; Lacroix, Usunier, Obozinski 2018,
Canonical Tensor Decomposition for Knowledge Base Completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..family import LINKS, Decoder, KnowledgeFamily
from ..settings import KnowledgeSettings, hyperparameter, logarithmic


@dataclass(frozen=True, kw_only=True)
class ComplexSettings(KnowledgeSettings):
    """``regularization_coef`` is what a cube of the modulus of one number of one triple costs."""

    regularization_coef: float = hyperparameter(
        5e-2, "tier2", lambda _: logarithmic(1e-3, 3e-1, default=5e-2), at_least=0
    )


def query(xp: Any, vectors: Any, relations: Any, heading: bool) -> Any:
    """h ∘ r for tails, t ∘ r̄ for heads: (b, 2 d) and (b, 2 d) → (b, 2 d), whose product with a partner is the score."""
    half = vectors.shape[-1] // 2
    real, imaginary = vectors[..., :half], vectors[..., half:]
    of_real, of_imaginary = relations[..., :half], relations[..., half:]
    if heading:
        of_imaginary = -of_imaginary
    parts = (real * of_real - imaginary * of_imaginary, real * of_imaginary + imaginary * of_real)
    return xp.concatenate(parts, -1)


FAMILY = KnowledgeFamily(
    name="complex",
    title="ComplEx",
    paper="Lacroix, Usunier, Obozinski 2018, arXiv 1806.07297",
    tasks=LINKS,
    compared=False,
    settings=ComplexSettings,
    decoder=Decoder("complex", query, "dot", lambda size: (2 * size, 2 * size)),
    reciprocal=True,
    loss="softmax",
    nuclear=True,
)
