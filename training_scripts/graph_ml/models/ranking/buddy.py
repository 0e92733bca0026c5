"""BUDDY: a perceptron over how the neighbourhoods of a pair overlap, told from sketches, and over attributes.

Counts of vertices at every two distances from the ends, up to two edges, come from MinHash and HyperLogLog sketches
(``graph_ml/pairs/sketches``); with degrees and likenesses of attributes they pass the scorer of the pair ranker. No
walk is followed, so a pair costs the same however many neighbours its ends have. Links to be learned are taken out of
the graph that sketches are made of, where the paper takes each out by itself.

Source: Chamberlain et al. 2023, Graph Neural Networks for Link Prediction with Subgraph Sketching.
"""

from __future__ import annotations

from ..family import LINKS, RankingFamily
from ..settings import StoppingSettings

FAMILY = RankingFamily(
    name="buddy",
    title="BUDDY",
    paper="Chamberlain et al. 2023, arXiv 2209.15486",
    tasks=LINKS,
    fits=lambda scale: not scale.knowledge,
    compared=False,
    settings=StoppingSettings,
    sketches=128,
)
