"""Vertices that came later are no rivals of earlier links, and nothing is fitted to them or to later edges."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from small_graphs import FRIEND, RATED, films_graph, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Horizon
from training_scripts.graph_ml.judging.ranking import non_links, rank_links
from training_scripts.graph_ml.links import LinkProblem, Pairs, as_tested, without_twins
from training_scripts.graph_ml.models.families import family_of
from training_scripts.graph_ml.models.family import GraphFamily
from training_scripts.graph_ml.models.network.network import Network
from training_scripts.graph_ml.models.settings import GraphSettings, parse
from training_scripts.graph_ml.pairs import PairSettings
from training_scripts.graph_ml.pairs.graph import Floats, Ints
from training_scripts.graph_ml.processing.split import groups_of
from training_scripts.graph_ml.processing.times.moments import time_split
from training_scripts.graph_ml.training.links import gnn, kge
from training_scripts.graph_ml.training.links.pairs import RankerSettings, build_features, training_lists

TOLD = EdgeType("User", "told", "Movie")


def growing(horizon: bool = False) -> GraphData:
    """Films that come one after the other and are rated from then on, films with features, friends without a time."""
    graph = films_graph()
    rng = np.random.default_rng(5)
    born = np.arange(20) / 20.0
    ends = graph.edges[RATED]
    times = born[ends.target] + (1 - born[ends.target]) * rng.random(len(ends)) ** 2
    (target,) = graph.targets
    split, cuts = time_split(
        target, np.arange(len(ends)), times, groups_of(replace(graph, times={}), target), (0.5, 0.3, 0.2), None
    )
    look = rng.normal(size=(20, 3)).astype(np.float32)
    graph = replace(
        graph,
        features={**graph.features, "Movie": {"look": look}},
        times={RATED: times, "Movie": born},
        splits={target: split},
        cuts={target: cuts},
    )
    if horizon:
        return replace(graph, horizons={target: Horizon("which come", 0.1, 1.0, np.arange(0, 1, 0.1))})
    return graph


def looking_otherwise(graph: GraphData, moment: float) -> GraphData:
    """The same, but for films that come at a moment or later: they look like nothing before."""
    look = np.asarray(graph.features["Movie"]["look"]).copy()
    later = graph.times["Movie"] >= moment
    assert later.any()
    look[later] = 70.0
    return replace(graph, features={**graph.features, "Movie": {"look": look}})


def problem_of(graph: GraphData) -> LinkProblem:
    (problem,) = without_twins([LinkProblem.from_graph(graph, graph.targets[0])])
    return problem


def test_films_that_come_later_change_nothing_that_was_learned(tmp_path: Path) -> None:
    graph = growing()
    _, second = graph.cuts[graph.targets[0]]
    one, two = (
        ModelFolder(train(each, tmp_path / str(place), "--model", "rgcn", "--num-epochs", "2"))
        for place, each in enumerate((graph, looking_otherwise(graph, second)))
    )
    weights = [load_file(folder.folder / "weights.safetensors") for folder in (one, two)]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert one.metrics.splits["valid"] == two.metrics.splits["valid"]
    assert any("no rivals" in note for note in one.metrics.notes)


def test_features_of_pairs_are_fitted_to_who_was_there() -> None:
    graph = growing()
    first, _ = graph.cuts[graph.targets[0]]
    fits, lists = [], []
    for each in (graph, looking_otherwise(graph, first)):
        problem, recipe = problem_of(each), RankerSettings(pairs=PairSettings(ials_size=4, ials_sweeps=2))
        attributes = {name: dict(values) for name, values in each.features.items()}
        features = build_features(problem, problem.train, attributes, recipe.pairs, 0)
        assert features.affinity is not None
        assert features.attributes is not None
        fits.append([*(column.mean for column in features.attributes.columns), features.affinity.weights])
        held = problem.train[problem.train.time > 0.3]
        lists.append(training_lists(problem, features, held, problem.train.before(0.3), recipe, 0))
    assert all(np.array_equal(a, b) for a, b in zip(*fits, strict=True))
    assert np.array_equal(lists[0].negatives, lists[1].negatives)


def test_a_list_has_nobody_who_came_after_its_last_link() -> None:
    problem = problem_of(growing())
    assert problem.born is not None
    assert problem.train.time is not None
    movies = problem.candidates(False)
    attributes = {"Movie": {"place": np.arange(20, dtype=np.float32)[:, None]}}
    recipe = RankerSettings(pairs=PairSettings(ials_size=4, ials_sweeps=2), others=0.0, hard=0)
    early = problem.train.before(0.4)
    features = build_features(problem, early, attributes, recipe.pairs, 0)
    held = early[early.time > 0.2]
    found = training_lists(problem, features, held, early.before(0.2), recipe, 0)
    born = problem.born[movies]
    # of each person who is asked about there are no more films than had come by the last link of that person
    people = np.unique(held.source)
    rivals = np.isfinite(found.log_weight).sum(axis=1)[: len(people)]
    assert rivals.max() > 3
    for person, many in zip(people.tolist(), rivals.tolist(), strict=True):
        assert many <= (born <= held.time[held.source == person].max()).sum()


@pytest.mark.parametrize("shared", [True, False])
def test_a_batch_of_links_has_no_rivals_that_came_after_it(shared: bool) -> None:
    graph = growing()
    problem = problem_of(graph)
    when = problem.train.time
    assert when is not None
    chosen = np.argsort(when, kind="stable")[20:36]
    options = {
        "num-hidden": "8", "num-negs": "16", "fanout": "99,99", "dropout": "0", "neg-share": str(shared).lower(),
    }  # fmt: skip
    rgcn = family_of(GraphFamily, "rgcn")
    settings, _ = parse(rgcn.settings, options)
    assert isinstance(settings, GraphSettings)
    born = graph.times["Movie"]

    def loss(one: GraphData) -> float:
        messages = gnn.message_graph([problem], only_training=True)
        features = {kind: dict(values) for kind, values in one.features.items()}
        old = {"Movie": np.flatnonzero(born < when[chosen].min() - 0.1)}
        network = Network.fresh(
            problem.space, features, list(messages.relations), rgcn, settings, "torch", None, trained_on=old
        )
        network.encoder.eval()
        model = gnn.GnnLinks([problem], network, [torch.ones(8)], "dot", "rgcn")
        value = gnn.batch_loss(model, messages, 0, chosen, settings, np.random.default_rng(3))[0]
        return float(value.detach())

    assert loss(graph) == loss(looking_otherwise(graph, float(np.nextafter(when[chosen].max(), 2))))
    assert loss(graph) != loss(looking_otherwise(graph, float(when[chosen].min()) - 0.1))


def test_a_rival_that_was_not_there_yet_costs_nothing() -> None:
    settings, _ = parse(family_of(GraphFamily, "rgcn").settings, {"num-negs": "2"})
    assert isinstance(settings, GraphSettings)
    torch.manual_seed(0)
    query, true, rivals = (torch.randn(n, 4, requires_grad=True) for n in (3, 3, 2))
    ids = torch.tensor([0, 1, 2])
    late = torch.tensor([[False, True]] * 3), torch.zeros(3, 3, dtype=torch.bool)
    loss = gnn.contrast(query, true, ids, rivals, 10, settings, late)
    loss.backward()  # type: ignore[no-untyped-call]
    assert rivals.grad is not None
    assert rivals.grad[0].any()
    assert not rivals.grad[1].any()
    everybody = torch.ones(3, 2, dtype=torch.bool), torch.ones(3, 3, dtype=torch.bool)
    alone = gnn.contrast(query, true, ids, rivals, 10, settings, everybody)
    alone.backward()  # type: ignore[no-untyped-call]
    assert all(torch.isfinite(part.grad).all() for part in (query, true, rivals) if part.grad is not None)


def test_embeddings_of_a_knowledge_graph_learn_nothing_of_who_came_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = growing()
    problem, drawn = problem_of(graph), []
    rivals = kge.rivals_of

    def watched(*arguments: Any) -> tuple[Ints, bool]:
        found = rivals(*arguments)
        drawn.append(found[0])
        return found

    monkeypatch.setattr(kge, "rivals_of", watched)
    train(graph, tmp_path, "--model", "distmult", "--num-epochs", "2")
    assert len(problem.unknown) > 3
    assert drawn
    assert not set(np.concatenate(drawn)) & set(problem.unknown)


@pytest.mark.parametrize(("horizon", "rank"), [(False, 2.0), (True, 1.0)])
def test_a_link_is_ranked_among_who_was_there(horizon: bool, rank: float) -> None:
    # films came at 0, .05, .1 …, and the newest has the best score: at .05 the one of .05 stands before that of 0, to
    # which the link leads. A date asks who was there before it.
    problem = replace(problem_of(growing(horizon)), train=Pairs.join([]))
    movies = problem.candidates(False)
    link = Pairs(np.array([problem.candidates(True).start]), np.array([movies.start]), np.array([0.05]))

    def newest_first(sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        count = problem.candidates(predict_heads)
        return {"age": np.tile(np.arange(count.stop - count.start, dtype=np.float32), (len(sources), 1))}

    found = rank_links(problem, newest_first, link, link)
    assert found.ranks["age"][0] == rank
    assert rank_links(replace(problem, born=None), newest_first, link, link).ranks["age"][0] == 20


def test_pairs_without_a_link_were_both_there() -> None:
    problem = problem_of(growing())
    assert problem.born is not None
    links = problem.train.before(0.3)
    assert links.time is not None
    drawn = non_links(problem, problem.train, 200, 0, links.time)
    assert len(drawn) > 50
    assert problem.born[drawn.target].max() <= links.time.max()
    assert problem.born[non_links(problem, problem.train, 200, 0).target].max() > links.time.max()


@pytest.mark.parametrize("timed", [True, False])
def test_what_was_said_before_a_link_stays_where_it_says_when(timed: bool) -> None:
    graph = growing()
    (target,) = graph.targets
    ends, split = graph.edges[RATED], graph.splits[target]
    # some tell of films that they rate while is tested, before training ends; it is a tenth of what is rated
    pairs = EdgeList(ends.source[split.test][:12], ends.target[split.test][:12])
    edges, times = {**graph.edges, TOLD: pairs}, dict(graph.times)
    first = graph.cuts[target][0]
    early = graph.times["Movie"][pairs.target] < first - 0.01
    pairs = EdgeList(pairs.source[early], pairs.target[early])
    edges[TOLD] = pairs
    if timed:
        times[TOLD] = np.full(len(pairs), first - 0.01)
    graph = replace(graph, edges=edges, times=times, edge_ids={})
    problem = problem_of(graph)
    assert len(pairs) > 2
    assert len(problem.context[TOLD]) == (len(pairs) if timed else 0)
    (later,) = as_tested([problem])
    assert len(later.context[TOLD]) == (len(pairs) if timed else 0)


def test_whether_a_type_repeats_the_links_is_told_by_training_alone() -> None:
    graph = growing()
    (target,) = graph.targets
    ends = graph.edges[RATED]
    first, _ = graph.cuts[target]
    later = graph.times[RATED] >= first
    rng = np.random.default_rng(1)
    others = rng.integers(0, 20, later.sum())
    for copied, left in ((later, ()), (~later, (TOLD,))):
        # the one copies all that comes later and nothing before, the other what training knows
        pairs = EdgeList(ends.source[copied], ends.target[copied])
        kept = []
        for targets in (
            pairs.target,
            np.where(graph.times[RATED][copied] >= first, others[: copied.sum()][0], pairs.target),
        ):
            edges = {**graph.edges, TOLD: EdgeList(pairs.source, targets)}
            one = replace(graph, edges=edges, times={**graph.times, TOLD: graph.times[RATED][copied]}, edge_ids={})
            kept.append(problem_of(one))
        assert kept[0].left_out == kept[1].left_out == left
        assert np.array_equal(kept[0].train.source, kept[1].train.source)
        assert [len(pairs) for pairs in kept[0].context.values()] == [len(pairs) for pairs in kept[1].context.values()]
    assert FRIEND in kept[0].context
