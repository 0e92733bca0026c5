"""The pair ranker and a graph network together: a weighted sum, the weight chosen on validation links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ...artifacts import ModelWriter
from ...judging.metrics import mean_reciprocal_rank
from ...judging.ranking import Ranking
from ...pairs import FLOORS
from ...pairs.graph import Floats, Ints
from .gnn import GnnLinks
from .ranked import RankedLinks

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
        scores = self.ranked.all_scores(position, sources, heading)
        ranker, network = scores.pop("ranker"), self.network.own_scores(position, sources, heading)
        if position not in self.scales:
            self.scales[position] = float(ranker.std() / max(float(network.std()), 1e-9))
        weights = (self.weights[position],) if position in self.weights else WEIGHTS
        for weight in weights:
            scores[f"stack {weight}"] = ranker + np.float32(weight * self.scales[position]) * network
        return scores

    def settle(self, position: int, ranking: Ranking) -> tuple[str, npt.NDArray[np.float64]]:
        """The weight that ranks validation links best.

        The ranks to report are those of the weight that the other half of the links would choose, so that choosing
        does not flatter the stack.
        """
        names = [f"stack {weight}" for weight in WEIGHTS]
        ranks = np.stack([ranking.ranks[name] for name in names])
        links = ranks.shape[1] // 2
        half = np.arange(ranks.shape[1]) % max(links, 1) % 2
        honest = np.empty(ranks.shape[1])
        for part in (0, 1):
            other = ranks[:, half != part] if (half != part).any() else ranks
            honest[half == part] = ranks[int(np.argmax((1 / other).mean(axis=1))), half == part]
        best = int(np.argmax([mean_reciprocal_rank(row) for row in ranks]))
        self.weights[position] = WEIGHTS[best]
        self.notes.append(
            f"{self.ranked.problems[position].edge_type}: validation weighs the network's score {WEIGHTS[best]} "
            "beside the pair ranker's; figures are those of a weight chosen on the other half of the links"
        )
        for floor in FLOORS:
            if mean_reciprocal_rank(ranking.ranks[floor]) > mean_reciprocal_rank(honest):
                self.notes.append(f"{floor} alone ranks validation links better than this stack")
        return names[best], honest

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        ranker, network = self.ranked.save(writer, position), self.network.save(writer, position)
        # an edge type without validation links keeps the ranker alone
        weights = [1.0, self.weights.get(position, 0.0) * self.scales.get(position, 1.0)]
        return {"kind": "stack", "parts": [ranker, network], "weights": weights}

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        return self.network.finish(writer)
