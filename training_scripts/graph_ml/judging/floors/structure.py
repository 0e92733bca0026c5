"""What the links around two vertices say by formula: Adamic–Adar, L3 and EASE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...links import OWN_VIEW, LinkProblem
from ...pairs import FLOORS, PairGraph, floor_block
from ...pairs.graph import Floats, Ints
from ..metrics import mean_reciprocal_rank
from ..ranking import Ranking


@dataclass
class LinkFloors:
    """The three floors of one problem on its training links, EASE to convergence.

    With edges of other types there are two graphs to count on, the target's own links and all edges; validation says
    for each floor which is better (``best``, names as in ``all_scores``).
    """

    problem: LinkProblem
    views: Mapping[str, PairGraph]
    best: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: LinkProblem) -> LinkFloors:
        """On the links that may be trained on."""
        return cls(problem, dict(problem.views(problem.train)), {name: name for name in FLOORS})

    def knowing(self, problem: LinkProblem) -> LinkFloors:
        """The same floors, each on the graph that was chosen for it, on the training links of another problem."""
        later = LinkFloors.of(problem)
        return LinkFloors(
            problem, later.views, {n: p if view_of(p) in later.views else n for n, p in self.best.items()}
        )

    def all_scores(self, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        """Scores of all candidates by floor and graph, ``ease`` and ``all.ease``, each (sources, candidates)."""
        return self._on(self.views, sources, predict_heads)

    def scores(self, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        """Scores of all candidates by floor, each on its better graph, each (sources, candidates)."""
        wanted = {view_of(place) for place in self.best.values()}
        found = self._on([view for view in self.views if view in wanted], sources, predict_heads)
        return {name: found[place] for name, place in self.best.items()}

    def at(self, place: str, sources: Ints, predict_heads: bool) -> Floats:
        """Scores of all candidates by one floor on one graph, as ``all_scores`` names it, (sources, candidates)."""
        return self._on([view_of(place)], sources, predict_heads)[place]

    def _on(self, views: Iterable[str], sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        candidates = self.problem.candidates(predict_heads)
        return {
            name if view == OWN_VIEW else f"{view}.{name}": np.ascontiguousarray(block[candidates].T)
            for view in views
            for name, block in floor_block(self.views[view], sources).items()
        }


def view_of(place: str) -> str:
    """The graph that a floor is counted on: ``all`` of ``all.ease``, the target's own of ``ease``."""
    return place.rpartition(".")[0] or OWN_VIEW


def choose_views(floors: Sequence[LinkFloors], rankings: Sequence[Ranking]) -> None:
    """Set every floor to the graph on which it ranks the links to choose by best, over all problems together."""
    for name in FLOORS:
        names = [place for place in rankings[0].ranks if place.rpartition(".")[2] == name]
        names = [place for place in names if all(place in ranking.ranks for ranking in rankings)]
        mrr = {p: mean_reciprocal_rank(np.concatenate([r.ranks[p] for r in rankings])) for p in names}
        best = max(names, key=lambda place: mrr[place])
        for one in floors:
            one.best[name] = best
