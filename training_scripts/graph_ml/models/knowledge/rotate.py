"""RotatE: γ − ‖h ∘ e^{iθ} − t‖ over complex numbers, a vertex's real parts first, then its imaginary ones.

The norm is Euclidean over all numbers, where the paper sums their moduli: squared it is a product of matrices, so that
the true partner stands against all others in a softmax as ComplEx's does. As there, cubes of the moduli of vertices'
numbers are paid for, and each number has a learning rate of its own. A relation turns back when it is asked the other
way round: two vectors a relation, and a bias a vertex, were measured and did not help.

Source: Sun et al. 2019, RotatE: Knowledge Graph Embedding by Relational Rotation in Complex Space; trained after
Lacroix, Usunier, Obozinski 2018, and Chami et al. 2020, whose rotations also compare squared distances.
"""

from __future__ import annotations

from typing import Any

from ..family import LINKS, Decoder, KnowledgeFamily, complex_product
from ..settings import RotationSettings


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
    settings=RotationSettings,
    decoder=Decoder("rotate", query, "l2", lambda size: (2 * size, size), paired=True, phases=True),
    start=0.01,
    shared_rates=False,
)
