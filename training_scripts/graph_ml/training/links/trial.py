"""Training and judging one model of links, and writing it with all known links."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ...artifacts import ModelWriter
from ...container import JobError
from ...judging.links import FEWEST, combined, judge, rank_part
from ...judging.warnings import FLOOR_NAMES
from ...links import LinkProblem, without_twins
from ...models.families import UnknownFamily, family_of
from ...models.family import Family, GraphFamily, KnowledgeFamily, RankingFamily
from ...models.ranking.store import save_links
from ...models.settings import MOST_TYPES, carried
from ...pairs import PairGraph
from ...pairs.graph import Floats, Ints
from ...pairs.paths import floor_paths
from ...schemas import Metrics
from ...schemas.model import SPLIT_NAMES
from ..context import Finish, Trial
from .gnn import train_gnn
from .kge import train_kge
from .ranked import train_rankers
from .stacked import StackedLinks
from .trained import TrainedLinks, with_floor


def train_links(trial: Trial[Any], family: Family) -> Finish:
    """Train; what is returned judges the model and writes it.

    Raises:
        JobError: an edge type has too few edges, or the model cannot be trained on so many edge types.
    """
    problems = without_twins([LinkProblem.from_graph(trial.graph, target) for target in trial.targets])
    if len(problems) > 1:
        # hundreds of relations may hold one or two edges each, or all there could be; they are known but not predicted
        problems = [one for one in problems if len(one.train) > 1 and not one.is_complete] or problems
    for problem in problems:
        if len(problem.train) < 2:
            raise JobError(f"{problem.edge_type} has {len(problem.train)} training edges; link prediction needs two")
        if problem.is_complete:
            raise JobError(
                f"{problem.edge_type} edges join all {problem.possible} pairs that there are; there is nothing to tell "
                "them from"
            )
    tell_what_is_to_beat(trial, problems)
    trained = train(trial, family, problems)
    return lambda writer: judged_links(trial, problems, trained, writer)


def tell_what_is_to_beat(trial: Trial[Any], problems: list[LinkProblem]) -> None:
    """Log, before anything is trained, how two formulas rank the links to choose by; it takes seconds in any graph."""
    if not trial.group.first or len(problems) > MOST_TYPES or not any(len(problem.choose) for problem in problems):
        return
    graphs = [PairGraph.from_edges(one.train.source, one.train.target, one.space.total) for one in problems]

    def scores(position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        graph, candidates = graphs[position], problems[position].candidates(predict_heads)
        found = floor_paths(graph, graph.columns(sources))
        return {name: np.ascontiguousarray(block[candidates].T) for name, block in found.items()}

    figures = combined(list(rank_part(trial, problems, "choose", FEWEST, scores).values()))
    told = ", ".join(f"{FLOOR_NAMES[name]} {values['mrr']:.4g}" for name, values in sorted(figures.items()))
    trial.container.log(f"to beat, MRR on links to choose by: {told}")
    trial.curves.add({f"floors/{name}/mrr": values["mrr"] for name, values in figures.items()}, 0)


def judged_links(
    trial: Trial[Any], problems: list[LinkProblem], trained: TrainedLinks, writer: ModelWriter
) -> tuple[Metrics, dict[str, Any]]:
    """Judge a trained model and write it. Returns the figures, and what ``model.json`` says beyond them."""
    judged = judge(trial, problems, trained, writer)
    objective, first = trial.objective, next(iter(judged.splits))
    metrics = Metrics.model_validate(
        {
            "task": "link_prediction",
            "objective": f"{SPLIT_NAMES[first]}_{objective}",
            "direction": "maximize",
            "value": judged.splits[first].get(objective),
            "value_error": judged.error,
            "splits": judged.splits,
            "floors": judged.floors,
            "history": trained.history,
            "notes": judged.notes,
            "warnings": judged.warnings,
            "breakdown": judged.breakdown,
        }
    )
    links = []
    for position, problem in enumerate(problems):
        trial.tell("fitting on all links", position, len(problems))
        save_links(writer, position, problem)
        scorer = trained.save(writer, position)
        if judged.lift is not None:
            scorer = with_floor(writer, position, problem, judged.lift.floor, scorer, judged.lift.weight)
        elif judged.instead is not None:
            scorer = with_floor(writer, position, problem, judged.instead, scorer)
        links.append(
            {
                "edge_type": list(problem.edge_type),
                "directed": problem.directed,
                "left_out": [[kind.source, kind.relation, kind.target] for kind in problem.left_out],
                "calibration": asdict(judged.calibrations[position]),
                "scorer": scorer,
            }
        )
    return metrics, {**trained.finish(writer), "links": links}


def train(trial: Trial[Any], family: Family, problems: list[LinkProblem]) -> TrainedLinks:
    """A trained model of the family.

    Raises:
        JobError: nothing here trains such a family, or a stack of it.
    """
    if isinstance(family, GraphFamily):
        return train_gnn(trial, family, problems)
    if isinstance(family, KnowledgeFamily):
        return train_kge(trial, family, problems)
    if isinstance(family, RankingFamily) and family.with_network:
        try:
            encoder = family_of(GraphFamily, trial.settings.stack_encoder)
        except UnknownFamily as error:
            raise JobError(f"hyperparameter stack-encoder: {error}") from error
        of_network = replace(trial, settings=carried(encoder.settings, trial.settings))
        network = train_gnn(of_network, encoder, problems)
        # of several processes the first one has the rankers, which no other helps to train
        first = trial.group.first
        return StackedLinks(train_rankers(trial, problems), network, history=network.history) if first else network
    if isinstance(family, RankingFamily):
        return train_rankers(trial, problems, family.sketches)
    raise JobError(f"model {family.name!r} is a {type(family).__name__}, and nothing trains those on links")
