"""A floor's score beside that of a trained model of links: what the links around a pair say, and what was learned.

Source: Wolpert 1992, Stacked Generalization.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..pairs import FLOORS
from ..pairs.graph import Floats
from .metrics import mean_reciprocal_rank, ranks_clearly_better
from .ranking import Ranking, ranks_of
from .warnings import FLOOR_NAMES

Ranks = npt.NDArray[np.float64]
#: of a floor beside a trained model, once both have the same spread over links and pairs without a link
SHARES = (0.1, 0.3, 1.0, 3.0)
#: questions, two a link, below which the best of so many sums would be best by chance
FEWEST_QUESTIONS = 200


@dataclass(frozen=True)
class Lift:
    """A floor on one of its graphs (``ease``, ``all.ease``), and the weight of its score beside the trained one's."""

    floor: str
    weight: float
    share: float

    @property
    def name(self) -> str:
        """What the sum is called among scorers."""
        return f"{self.share:g} of {self.floor} beside"

    def beside(self, own: Floats, floor: Floats) -> Floats:
        """The trained model's scores with the floor's, (sources, candidates) each."""
        total: Floats = own + np.float32(self.weight) * floor
        return total

    def told(self, alone: Ranks, together: Ranks) -> str:
        """A sentence about ranks of links to choose by, (q,), without the floor and with it."""
        title = FLOOR_NAMES[self.floor.rpartition(".")[2]]
        on = " on the edges of all types" if "." in self.floor else ""
        return (
            f"{title}{on} counts {self.share:g} beside what was trained: on the links to choose by they have MRR "
            f"{mean_reciprocal_rank(together):.4g} together, the trained model {mean_reciprocal_rank(alone):.4g} alone"
        )


def lifts(rankings: Mapping[int, Ranking], names: Sequence[str]) -> list[Lift]:
    """What to try, by how far scores of links and of other pairs spread; nothing where there are few to choose by.

    Args:
        rankings: of links to choose by, by position of the problem.
        names: what answers for each problem.
    """
    if sum(len(ranking.queries) for ranking in rankings.values()) < FEWEST_QUESTIONS:
        return []
    spread = _spread([(ranking, names[position]) for position, ranking in rankings.items()])
    places = set.intersection(*(set(ranking.ranks) for ranking in rankings.values()))
    found = []
    for place in sorted(place for place in places if place.rpartition(".")[2] in FLOORS):
        own = _spread([(ranking, place) for ranking in rankings.values()])
        found += [Lift(place, share * spread / own, share) for share in SHARES if own > 0]
    return found


def _spread(scored: Sequence[tuple[Ranking, str]]) -> float:
    """The standard deviation of the scores that scorers of several rankings give to links and to other pairs."""
    parts = [part for ranking, name in scored for part in (ranking.positive[name], ranking.negative[name])]
    return float(np.concatenate(parts).std())


def best_lift(tried: Sequence[Lift], rankings: Mapping[int, Ranking], others: Sequence[Ranks]) -> Lift | None:
    """The lift with the best MRR over the links of all rankings; None where it is not clearly better than any other.

    Args:
        tried: whose names the rankings know.
        rankings: by position of the problem.
        others: what else ranks the same links, (links,) each.
    """
    ranks = {lift: ranks_of(rankings, lift.name) for lift in tried}
    best = max(tried, key=lambda lift: mean_reciprocal_rank(ranks[lift]), default=None)
    return best if best is not None and all(ranks_clearly_better(ranks[best], other) for other in others) else None
