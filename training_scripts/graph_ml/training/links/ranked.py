"""Pair rankers as a link model: one for each edge type, with the floors beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from ...artifacts import ModelWriter
from ...container import JobError
from ...judging.metrics import mean_reciprocal_rank, ranks_clearly_better
from ...judging.ranking import Ranking
from ...links import LinkProblem
from ...models.ranking.scorer import LIFTS, RANKER, PairRanker
from ...models.ranking.store import save_ranker
from ...models.settings import MOST_TYPES, StoppingSettings
from ...pairs import PairSettings
from ...pairs.attributes import Features
from ...pairs.graph import Floats, Ints
from ..context import Trial
from .pairs import RankerSettings, refitted
from .ranker import train_ranker

#: vertices of all types beyond which a source's candidates are those near it, and how many vertices are looked at
LARGE, NEAR = 50_000, 4096


@dataclass
class RankedLinks:
    """See ``TrainedLinks``. ``lifts`` are tried until one is chosen for a problem."""

    problems: list[LinkProblem]
    rankers: list[PairRanker]
    attributes: Features
    seed: int
    serves_floors: ClassVar[bool] = True
    history: list[dict[str, float]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lifts: tuple[float, ...] = LIFTS
    settled: set[int] = field(default_factory=set)
    _final: dict[int, PairRanker] = field(default_factory=dict)

    def all_scores(self, position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        """See ``TrainedLinks``; before a lift is chosen there is a scorer for each."""
        ranker, candidates = self.rankers[position], self.problems[position].candidates(predict_heads)
        own, ease = ranker.parts(sources, candidates, predict_heads)
        lifts = (ranker.lift,) if position in self.settled else self.lifts
        return {lifted(lift): own + np.float32(lift) * ease if lift else own for lift in lifts}

    def choose(self, position: int, ranking: Ranking | None) -> str:
        """The lift that ranks the links to choose by best; a floor, where it is clearly better, and a note says so."""
        by_name = {} if ranking is None else {n: mean_reciprocal_rank(ranks) for n, ranks in ranking.ranks.items()}
        lift = max(self.lifts, key=lambda lift: by_name.get(lifted(lift), 0.0))
        self.settle(position, lift)
        own, kind = lifted(lift), self.problems[position].edge_type
        name = max(by_name, key=lambda key: by_name[key], default=own)
        is_floor = name not in map(lifted, self.lifts)
        if ranking is not None and is_floor and ranks_clearly_better(ranking.ranks[name], ranking.ranks[own]):
            self.rankers[position] = replace(self.rankers[position], chosen=name)
            self.notes.append(
                f"{kind}: validation prefers {name} (MRR {by_name[name]:.4f}) to the trained ranker "
                f"({by_name[own]:.4f}), so {name} answers"
            )
            return name
        if lift:
            self.notes.append(f"{kind}: validation weighs EASE {lift:g} beside the trained ranker")
        return own

    def knowing(self, problems: list[LinkProblem]) -> RankedLinks:
        """See ``ScoredLinks``; structures are fitted again."""
        rankers = [
            refitted(ranker, problem, problem.train, self.attributes, self.seed)
            for ranker, problem in zip(self.rankers, problems, strict=True)
        ]
        return replace(self, problems=problems, rankers=rankers)

    def settle(self, position: int, lift: float) -> None:
        """Choose the weight of EASE for a problem."""
        self.rankers[position] = replace(self.rankers[position], lift=lift)
        self.settled.add(position)

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """See ``TrainedLinks``; structures are fitted again on all known links, the scorer stays."""
        return {"kind": "ranker", "ranker": save_ranker(writer, f"links/{position}", self.on_all_links(position))}

    def on_all_links(self, position: int) -> PairRanker:
        """The ranker with structures fitted on all known links of its problem; fitted once."""
        if position not in self._final:
            problem = self.problems[position].complete()
            self._final[position] = refitted(self.rankers[position], problem, problem.train, self.attributes, self.seed)
        return self._final[position]

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """See ``TrainedLinks``: an arriving vertex is placed by its own links."""
        return {"inductive": True, "hops": 1, "fanouts": [100]}


def train_rankers(trial: Trial[StoppingSettings], problems: list[LinkProblem], sketches: int = 0) -> RankedLinks:
    """Train one pair ranker for each problem; of several processes the first does it alone.

    In a large graph it looks at what is near a source, in training as in answering.

    Args:
        trial: the trial.
        problems: what is predicted.
        sketches: entries of a signature that describes a neighbourhood; with 0 walks describe pairs.

    Raises:
        JobError: there are too many edge types to give each its own.
    """
    if len(problems) > MOST_TYPES:
        raise JobError(
            f"a pair ranker is trained for each edge type, and this graph has {len(problems)} to predict; choose "
            f"rgcn or a knowledge-graph model, or name up to {MOST_TYPES} edge types as targets"
        )
    attributes = {name: dict(values) for name, values in trial.graph.features.items()}
    if not trial.group.first:
        return RankedLinks(problems, [], attributes, trial.settings.seed)
    recipe = recipe_for(problems[0].space.total, sketches)
    trained = [
        train_ranker(trial, problem, attributes, recipe, f"ranker-{position}")
        for position, problem in enumerate(problems)
    ]
    ranked = RankedLinks(problems, [ranker for ranker, _, _ in trained], attributes, trial.settings.seed)
    ranked.history = mean_history([history for _, history, _ in trained])
    ranked.notes = [f"{p.edge_type}: the ranker was {said}" for p, (_, _, said) in zip(problems, trained, strict=True)]
    if sketches:
        ranked.lifts = (0.0,)  # there is no EASE to be weighed
    return ranked


def recipe_for(vertices: int, sketches: int = 0) -> RankerSettings:
    """The recipe for a graph of so many vertices of all types.

    A large one is learned from half as many held-out links and factors of half as many sweeps: on LastFM's graph, where
    both can be afforded, MRR was .175 with either, and .173 with half the links alone.
    """
    if vertices <= LARGE:
        return RankerSettings(pairs=PairSettings(sketches=sketches))
    whole = RankerSettings()
    pairs = PairSettings(ials_sweeps=whole.pairs.ials_sweeps // 2, sketches=sketches, near=NEAR)
    return replace(whole, most_held=whole.most_held // 2, pairs=pairs)


def lifted(lift: float) -> str:
    """What the ranker with this weight of EASE is called among scorers."""
    return f"{RANKER} + {lift:g} EASE" if lift else RANKER


def mean_history(histories: Sequence[Sequence[Mapping[str, float]]]) -> list[dict[str, float]]:
    """The figures of each epoch, their means over the trainings that came so far."""
    found = []
    for number in range(max(map(len, histories))):
        entries = [history[number] for history in histories if number < len(history)]
        found.append({name: float(np.mean([entry[name] for entry in entries])) for name in entries[0]})
    return found
