"""The pair ranker and a graph network together: a weighted sum, the weight chosen on validation links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...artifacts import ModelWriter
from ...judging.metrics import mean_reciprocal_rank
from ...judging.ranking import Ranking
from ...pairs.graph import Floats, Ints
from .gnn import GnnLinks
from .ranked import RANKER, RankedLinks

#: weights of the network's score beside the ranker's, after both were brought to one scale
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


@dataclass
class StackedLinks:
    """See ``TrainedLinks``."""

    ranked: RankedLinks
    network: GnnLinks
    history: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    scales: dict[int, float] = field(default_factory=dict)
    weights: dict[int, float] = field(default_factory=dict)

    def all_scores(self, position: int, sources: Ints, heading: bool) -> dict[str, Floats]:
        """See ``TrainedLinks``; before a weight is chosen there is a scorer for each."""
        ranker = self.ranked.all_scores(position, sources, heading)[RANKER]
        network = self.network.own_scores(position, sources, heading)
        if position not in self.scales:
            self.scales[position] = float(ranker.std() / max(float(network.std()), 1e-9))
        weights = (self.weights[position],) if position in self.weights else WEIGHTS
        return {name_of(weight): ranker + np.float32(weight * self.scales[position]) * network for weight in weights}

    def choose(self, position: int, ranking: Ranking | None) -> str:
        """The weight that ranks the links to choose by best; without any, the ranker alone."""
        self.weights[position] = WEIGHTS[0]
        if ranking is not None:
            mrr = {weight: mean_reciprocal_rank(ranking.ranks[name_of(weight)]) for weight in WEIGHTS}
            self.weights[position] = max(WEIGHTS, key=lambda weight: mrr[weight])
        self.notes.append(
            f"{self.ranked.problems[position].edge_type}: validation weighs the network's score "
            f"{self.weights[position]} beside the pair ranker's"
        )
        return name_of(self.weights[position])

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        ranker, network = self.ranked.save(writer, position), self.network.save(writer, position)
        # an edge type without validation links keeps the ranker alone
        weights = [1.0, self.weights.get(position, 0.0) * self.scales.get(position, 1.0)]
        return {"kind": "stack", "parts": [ranker, network], "weights": weights}

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        return self.network.finish(writer)


def name_of(weight: float) -> str:
    """What the stack with this weight of the network is called among scorers."""
    return f"stack {weight}"
