"""The pair ranker and a graph network together: a weighted sum, the weight chosen on validation links."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ...artifacts import ModelWriter
from ...judging.metrics import mean_reciprocal_rank
from ...judging.ranking import Ranking
from ...links import LinkProblem
from ...pairs.graph import Floats, Ints
from .gnn import GnnLinks
from .ranked import RankedLinks, lifted

#: weights of the network's score beside the ranker's, after both were brought to one scale
WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
#: weights of EASE in the ranker that are tried with each of them
STACK_LIFTS = (0.0, 4.0)


@dataclass
class StackedLinks:
    """See ``TrainedLinks``."""

    ranked: RankedLinks
    network: GnnLinks
    serves_floors: ClassVar[bool] = False
    history: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    scales: dict[int, float] = field(default_factory=dict)
    weights: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Try fewer lifts than a ranker alone, for each is tried with every weight; tell what both tell."""
        self.ranked.lifts = STACK_LIFTS
        self.notes = [*self.ranked.notes, *self.network.notes]

    def all_scores(self, position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        """See ``TrainedLinks``; before a weight is chosen there is a scorer for each."""
        rankers = self.ranked.all_scores(position, sources, predict_heads)
        network = self.network.own_scores(position, sources, predict_heads)
        if position not in self.scales:
            spread = float(next(iter(rankers.values())).std())
            self.scales[position] = spread / max(float(network.std()), 1e-9)
        weights = (self.weights[position],) if position in self.weights else WEIGHTS
        return {
            name_of(weight, ranker): scores + np.float32(weight * self.scales[position]) * network
            for weight in weights
            for ranker, scores in rankers.items()
        }

    def choose(self, position: int, ranking: Ranking | None) -> str:
        """The weights that rank the links to choose by best; without any, the ranker alone."""
        tried = [(weight, lift) for weight in WEIGHTS for lift in STACK_LIFTS]
        weight, lift = tried[0]
        if ranking is not None:
            mrr = {one: mean_reciprocal_rank(ranking.ranks[name_of(one[0], lifted(one[1]))]) for one in tried}
            weight, lift = max(tried, key=lambda one: mrr[one])
        self.weights[position] = weight
        self.ranked.settle(position, lift)
        self.notes.append(
            f"{self.ranked.problems[position].edge_type}: validation weighs the network's score {weight} beside the "
            f"pair ranker's, and EASE {lift:g} in that"
        )
        return name_of(weight, lifted(lift))

    def knowing(self, problems: list[LinkProblem]) -> StackedLinks:
        """See ``ScoredLinks``."""
        return replace(self, ranked=self.ranked.knowing(problems), network=self.network.knowing(problems))

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        ranker, network = self.ranked.save(writer, position), self.network.save(writer, position)
        # an edge type without validation links keeps the ranker alone
        weights = [1.0, self.weights.get(position, 0.0) * self.scales.get(position, 1.0)]
        return {"kind": "stack", "parts": [ranker, network], "weights": weights}

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """See ``TrainedLinks``."""
        return self.network.finish(writer)


def name_of(weight: float, ranker: str) -> str:
    """What the stack of a ranker with this weight of the network is called among scorers."""
    return f"stack {weight} with {ranker}"
