"""The pair ranker: walk heuristics, factorisations and attribute likenesses of a pair under a small perceptron.

Its recipe is measured as a whole, so nothing of it is searched. Formula: ``scorer``; features: ``graph_ml/pairs``.

Source: own recipe over Adamic and Adar 2003; Hu, Koren, Volinsky 2008 (iALS); Steck 2019 (EASE).
"""

from __future__ import annotations

from ..family import LINKS, RankingFamily
from ..settings import StoppingSettings

FAMILY = RankingFamily(
    name="pair-ranker",
    title="pair ranker",
    paper="features of pairs after Steck 2019, arXiv 1905.03375, and others",
    tasks=LINKS,
    fits=lambda scale: not scale.knowledge,
    settings=StoppingSettings,
)
