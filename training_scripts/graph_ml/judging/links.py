"""How good a link model is: beside the floors, on links that neither trained nor chose it, among all candidates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..artifacts import ModelWriter
from ..links import LinkProblem, LinkSplit, as_tested
from ..models.link_scorers import Calibration
from ..models.settings import Settings
from ..pairs import FLOORS
from ..pairs.graph import Floats, Ints
from ..processing.times.moments import SECONDS, told
from ..schemas.model import Breakdown, Split
from ..schemas.training_data import SECONDS_A_DAY
from ..training.context import Trial
from ..training.links.trained import ScoredLinks
from .breakdown import of_links
from .floors.structure import LinkFloors, choose_views
from .lifts import Lift, best_lift, lifts
from .metrics import error_of_ranks, mean_reciprocal_rank, ranking_metrics, ranks_clearly_better
from .ranking import Ranking, Scores, non_links, rank_links, ranks_of, sample, shares
from .warnings import FLOOR_NAMES, lost_to_floors

CHOSEN_BY = 500
TEST_EDGES = 1500
#: candidates up to which as many links are ranked as were asked for
MANY = 10_000
#: links that are ranked at least, up to so many candidates; from there on their number falls with the root of these
FEWEST, CROWD = 200, 100_000
MODEL = "model"
RIVALS_NOTE = "of vertices that say when they came to be, those that came after a link are no rivals of its ends"


@dataclass
class Judged:
    """Figures by split, of the model and of the floors; a calibration for each problem; sentences for people.

    ``instead`` is the floor that answers in place of what was trained, ``lift`` the one that is weighed beside it.
    ``error`` is the standard error of the tuned figure on the first split, None where it is not worked out.
    """

    splits: dict[Split, dict[str, float]] = field(default_factory=dict)
    floors: dict[Split, dict[str, dict[str, float]]] = field(default_factory=dict)
    calibrations: list[Calibration] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    breakdown: Breakdown | None = None
    instead: str | None = None
    lift: Lift | None = None
    error: float | None = None


def judge(trial: Trial[Settings], problems: list[LinkProblem], trained: ScoredLinks, writer: ModelWriter) -> Judged:
    """Choose by some validation links, then rank others, test links last; print the figures to compare models by.

    Filtered: other true links of the same part and of all parts before it do not compete, so that nothing depends on
    later ones. In a split by time each part is ranked by what was known when it began; see ``as_tested``. At most 500
    links choose, ``eval_edges`` are judged and 1,500 tested, from all problems in proportion and drawn by the seed of
    the data: every model of a split is judged on the same links.
    """
    floors = [LinkFloors.of(problem) for problem in problems]
    judged = Judged(calibrations=[Calibration() for _ in problems])
    answering = choose(trial, problems, trained, floors, judged)
    first: Split = "valid" if any(len(problem.valid) for problem in problems) else "train"
    known, by, on, when = problems, trained, floors, ""
    for split, most in ((first, trial.settings.eval_edges), ("test", TEST_EDGES)):
        later = as_tested(problems) if split == "test" else []
        if any(len(problem.test) for problem in later):
            known, by = later, trained.knowing(later)
            on = [one.knowing(problem) for one, problem in zip(floors, later, strict=True)]
            moment = min(problem.tested_from for problem in later)
            when = told(moment, SECONDS_A_DAY if abs(moment) >= SECONDS else 1.0)

        def scores(
            position: int,
            sources: Ints,
            predict_heads: bool,
            by: ScoredLinks = by,
            on: Sequence[LinkFloors] = on,
        ) -> dict[str, Floats]:
            found = on[position].scores(sources, predict_heads)
            name = answering[position]
            floor = next((floor for floor, place in floors[position].best.items() if place == name), "")
            own = found[floor] if floor else by.all_scores(position, sources, predict_heads)[name]
            if judged.lift is not None:
                own = judged.lift.beside(own, on[position].at(judged.lift.floor, sources, predict_heads))
            return {MODEL: own, **found}

        rankings = rank_part(trial, known, split, most, scores)
        if not rankings:
            continue
        figures = combined(list(rankings.values()))
        ranks = ranks_of(rankings, MODEL)
        judged.error = error_of_ranks(ranks, trial.objective) if not judged.splits else judged.error
        judged.splits[split] = figures.pop(MODEL)
        judged.floors[split] = {name: figures[name] for name in FLOORS}
        judged.breakdown = broken_down(split, known, rankings, judged.calibrations)
        writer.array(f"report/{split}_ranks", ranks)
    trial.measured(judged.splits[first], 1, 1, first)
    for split, values in judged.splits.items():
        trial.container.log(table(split, {MODEL: values, **judged.floors[split]}))
    judged.notes = [
        "ranked among all candidates of the partner's type, both directions, ties averaged; other true links left out",
        f"at most {affordable(trial.settings.eval_edges, problems)} validation and "
        f"{affordable(TEST_EDGES, problems)} test links",
        *([f"test links are ranked as of {when}, by all that was there before"] if when else []),
        *([RIVALS_NOTE] if any(problem.born is not None for problem in problems) else []),
        *dict.fromkeys(note for problem in problems for note in problem.notes),
        *trained.notes,
        *judged.notes,
    ]
    judged.warnings.extend(lost_to_floors(judged.splits, judged.floors, trial.objective))
    return judged


def broken_down(
    split: Split, problems: Sequence[LinkProblem], rankings: Mapping[int, Ranking], calibrations: Sequence[Calibration]
) -> Breakdown:
    """Ranks by degree of the vertex that was asked about, and probabilities beside what came true."""
    ranks, degrees, said, linked = [], [], [], []
    for position, ranking in rankings.items():
        problem = problems[position]
        ends = np.concatenate([problem.train.source, problem.train.target])
        degrees.append(np.bincount(ends, minlength=problem.space.total)[ranking.queries])
        ranks.append(1.0 / ranking.ranks[MODEL])
        for scores, came in ((ranking.positive[MODEL], True), (ranking.negative[MODEL], False)):
            said.append(calibrations[position](scores))
            linked.append(np.full(len(scores), came))
    return of_links(split, *(np.concatenate(part) for part in (ranks, degrees, said, linked)))


def choose(
    trial: Trial[Settings],
    problems: list[LinkProblem],
    trained: ScoredLinks,
    floors: list[LinkFloors],
    judged: Judged,
) -> list[str]:
    """Set the floors to their best, let the model choose what answers for each problem, and fit calibrations.

    Returns:
        The name of the scorer that answers for each problem: one of the model's own, or a floor it can serve.
    """

    def scores(position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        return {
            **floors[position].all_scores(sources, predict_heads),
            **trained.all_scores(position, sources, predict_heads),
        }

    rankings = rank_part(trial, problems, "choose", CHOSEN_BY, scores)
    if rankings:
        choose_views(floors, list(rankings.values()))
    names = []
    for position in range(len(problems)):
        ranking = rankings.get(position)
        best = list(floors[position].best.values()) if trained.serves_floors else []
        names.append(trained.choose(position, ranking if ranking is None else ranking.without_floors(best)))
    asked = names
    held = not trained.serves_floors and any(len(problem.choose) for problem in problems)
    if held and trial.settings.use_floors:
        found = better_floor(rankings, names, list(floors[0].best.values()))
        tried = lifts(rankings, names)
        lifted = lifted_rankings(trial, problems, trained, floors, names, tried)
        alone = ranks_of(rankings, names)
        instead = alone if found is None else ranks_of(rankings, found[0])
        judged.lift = best_lift(tried, lifted, [alone, instead])
        if judged.lift is not None:
            judged.notes.append(judged.lift.told(alone, ranks_of(lifted, judged.lift.name)))
            rankings, asked = lifted, [judged.lift.name] * len(problems)
        elif found is not None:
            judged.instead, text = found
            names = asked = [judged.instead] * len(problems)
            judged.warnings.append(text)
    for position, ranking in rankings.items():
        name = asked[position]
        judged.calibrations[position] = Calibration.fit(ranking.positive[name], ranking.negative[name])
    return names


def lifted_rankings(
    trial: Trial[Settings],
    problems: list[LinkProblem],
    trained: ScoredLinks,
    floors: list[LinkFloors],
    names: Sequence[str],
    tried: Sequence[Lift],
) -> dict[int, Ranking]:
    """Rank the links to choose by with floors beside what answers for each problem; by position of the problem."""

    def scores(position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        own = trained.all_scores(position, sources, predict_heads)[names[position]]
        every = floors[position].all_scores(sources, predict_heads)
        return {lift.name: lift.beside(own, every[lift.floor]) for lift in tried}

    return rank_part(trial, problems, "choose", CHOSEN_BY, scores) if tried else {}


def better_floor(
    rankings: Mapping[int, Ranking], names: Sequence[str], floors: Sequence[str]
) -> tuple[str, str] | None:
    """The floor that ranks the links to choose by better than what was trained, over all problems together.

    Args:
        rankings: by position of the problem.
        names: what answers for each problem.
        floors: as the rankings call them.

    Returns:
        Its name, and a sentence with both figures; None where none is better.
    """
    if not rankings:
        return None
    own = ranks_of(rankings, names)
    ranks = {name: ranks_of(rankings, name) for name in floors}
    mrr = {name: mean_reciprocal_rank(found) for name, found in ranks.items()}
    name = max(floors, key=lambda floor: mrr[floor])
    if not ranks_clearly_better(ranks[name], own):
        return None
    title = FLOOR_NAMES[name.rpartition(".")[2]]
    return name, (
        f"{title} answers, and not what was trained: on the links to choose by it has MRR {mrr[name]:.4g}, the trained "
        f"model {mean_reciprocal_rank(own):.4g}"
    )


def affordable(most: int, problems: Sequence[LinkProblem]) -> int:
    """How many of at most so many links are ranked, fewer where each has very many candidates.

    Formulas look at the whole graph for every question. Of a million vertices 63 links are ranked, from both ends, and
    the standard error of their MRR, some hundredths, stands beside it.
    """
    largest = max(1, *(problem.space.counts[end] for problem in problems for end in ends_of(problem)))
    fewest = int(FEWEST * min(1.0, (CROWD / largest) ** 0.5))
    return max(min(most, fewest), int(most * min(1.0, MANY / largest)))


def ends_of(problem: LinkProblem) -> tuple[str, str]:
    """The node types at both ends."""
    return problem.edge_type.source, problem.edge_type.target


def rank_part(
    trial: Trial[Settings],
    problems: Sequence[LinkProblem],
    split: LinkSplit,
    most: int,
    scores: Callable[[int, Ints, bool], dict[str, Floats]],
) -> dict[int, Ranking]:
    """Rank some links of one part of all problems: position of the problem → ranking, where it has any links.

    ``scores`` is given sources, (b,), and answers (b, candidates) for each scorer. To choose by, training links stand
    in where no problem has others.
    """
    most = affordable(most, problems)
    links = [getattr(problem, split) for problem in problems]
    if split == "choose" and not any(len(part) for part in links):
        split, links = "train", [problem.train for problem in problems]
    seed = trial.graph.seed
    words = {"choose": "links to choose by", "valid": "validation links", "train": "training links"}
    rankings = {}
    for position, number in enumerate(shares(links, most)):
        positives = sample(links[position], number, seed)
        if not len(positives):
            continue
        problem = problems[position]
        known = problem.before(split)
        negatives = non_links(problem, known, len(positives), seed + 1, positives.time)

        def tick(step: int, total: int) -> None:
            trial.tell(f"ranking {words.get(split, 'test links')}", step, total)

        rankings[position] = rank_links(problem, scores_of(scores, position), positives, known, negatives, tick)
    return rankings


def scores_of(scores: Callable[[int, Ints, bool], dict[str, Floats]], position: int) -> Scores:
    """The scorers of one problem as ``rank_links`` asks for them: int64 (b,) to float32 (b, candidates)."""
    return lambda sources, predict_heads: scores(position, sources, predict_heads)


def combined(rankings: list[Ranking]) -> dict[str, dict[str, float]]:
    """Figures over the queries of all problems; auc is the mean over problems, weighted by their queries."""
    figures: dict[str, dict[str, float]] = {}
    names = set.intersection(*(set(ranking.ranks) for ranking in rankings)) if rankings else set()
    for name in names:
        ranks: npt.NDArray[np.float64] = np.concatenate([ranking.ranks[name] for ranking in rankings])
        figures[name] = {key: value for key, value in ranking_metrics(ranks).items() if not np.isnan(value)}
        parts = [(r.metrics()[name].get("auc", np.nan), len(r.ranks[name])) for r in rankings]
        known = [(value, weight) for value, weight in parts if weight and not np.isnan(value)]
        if known:
            figures[name]["auc"] = float(np.average([v for v, _ in known], weights=[w for _, w in known]))
    return figures


def table(split: str, rows: dict[str, dict[str, float]]) -> str:
    """Figures as a plain table for the log."""
    shown = ("mrr", "hits@1", "hits@10", "hits@50", "auc")
    lines = [f"{split:<14}" + "".join(f"{name:>9}" for name in shown)]
    for name, values in rows.items():
        lines.append(f"{name:<14}" + "".join(f"{values.get(column, float('nan')):>9.4f}" for column in shown))
    return "\n".join(lines)
