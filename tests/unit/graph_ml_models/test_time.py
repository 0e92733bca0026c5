"""With times of edges nothing of the future is seen: whatever comes after a moment, what was learned stays the same."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.numpy import load_file
from small_graphs import FRIEND, RATED, films_graph, friends_graph, labelled_graph, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Horizon, Labels, Split, Target
from training_scripts.graph_ml.links import LinkProblem, Pairs, as_tested, newcomers, without_twins
from training_scripts.graph_ml.models.families import family_of
from training_scripts.graph_ml.models.family import GraphFamily
from training_scripts.graph_ml.models.network.network import Network
from training_scripts.graph_ml.models.settings import GraphSettings, parse
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.processing.split import groups_of, held_out
from training_scripts.graph_ml.processing.times.moments import time_split
from training_scripts.graph_ml.sampling import MessageGraph, full_block
from training_scripts.graph_ml.training.labels import trial
from training_scripts.graph_ml.training.links import gnn
from training_scripts.graph_ml.training.links.pairs import latest_first
from training_scripts.graph_ml.training.loop import in_time

RATES = (0.7, 0.2, 0.1)


def timed(graph: GraphData) -> GraphData:
    """Every edge at a moment of its own, and the target split by time."""
    rng = np.random.default_rng(5)
    times = {kind: rng.permutation(len(ends)).astype(np.float64) / len(ends) for kind, ends in graph.edges.items()}
    (target,) = graph.targets
    items = np.arange(len(graph.edges[target.edge_type]))
    split, cuts = time_split(target, items, times[target.edge_type], groups_of(graph, target), RATES, None)
    return replace(graph, times=times, splits={target: split}, cuts={target: cuts})


def another_future(graph: GraphData) -> GraphData:
    """The same until the end of validation (other types: of training), and other edges with other values after it."""
    (target,) = graph.targets
    first, second = graph.cuts[target]
    rng = np.random.default_rng(6)
    edges, features, labels = dict(graph.edges), dict(graph.edge_features), dict(graph.labels)
    for kind, ends in graph.edges.items():
        own = kind == target.edge_type
        later = np.flatnonzero(graph.times[kind] >= (second if own else first))
        assert len(later) > 3
        order = rng.permutation(later)
        moved = ends.target.copy()
        moved[later] = ends.target[order]
        edges[kind] = EdgeList(ends.source, moved)
        if kind in features:
            weights = features[kind]["weight"].copy()
            weights[later] = 100.0
            features[kind] = {"weight": weights}
        if own and target in labels:
            values = labels[target].values.copy()
            values[later] = labels[target].values[order]
            labels[target] = Labels(labels[target].kind, values, labels[target].classes)
    other = replace(graph, edges=edges, edge_features=features, labels=labels)
    # as processing would, with the same cuts: a later copy of an earlier pair stands in no part
    dates, items = (str(first), str(second)), np.arange(len(edges[target.edge_type]))
    split, _ = time_split(target, items, graph.times[target.edge_type], groups_of(other, target), RATES, dates)
    return replace(other, splits={target: split})


def another_end(graph: GraphData) -> GraphData:
    """The same until testing begins, with the same links to test by, and other edges of other types after that."""
    (target,) = graph.targets
    rng, edges = np.random.default_rng(7), dict(graph.edges)
    for kind, ends in graph.edges.items():
        later = np.flatnonzero(graph.times[kind] >= graph.cuts[target][1])
        if kind != target.edge_type:
            assert len(later) > 3
            moved = ends.target.copy()
            moved[later] = ends.target[rng.permutation(later)]
            edges[kind] = EdgeList(ends.source, moved)
    return replace(graph, edges=edges)


@pytest.mark.parametrize(("model", "days"), [("pair-ranker", None), ("rgcn", None), ("rgcn", 0.1)])
def test_links_learned_and_judged_do_not_depend_on_later_edges(model: str, days: float | None, tmp_path: Path) -> None:
    graph = timed(films_graph())
    if days is not None:  # links within a horizon are told by what was there at their date
        (target,) = graph.targets
        horizon = Horizon("which come", days, 1.0, np.arange(0, 1, days))
        graph = replace(graph, horizons={target: horizon})
        (problem,) = without_twins([LinkProblem.from_graph(graph, target)])
        assert problem.train.time is not None
        assert set(problem.train.time) <= set(horizon.dates)
    folders = [
        ModelFolder(train(one, tmp_path / str(i), "--model", model, "--num-epochs", "2"))
        for i, one in enumerate((graph, another_future(graph), another_end(graph)))
    ]
    one, other, third = (load_file(folder.folder / "weights.safetensors") for folder in folders)
    assert all(np.array_equal(one[name], found[name]) for name in one for found in (other, third))
    figures = [folder.metrics.splits["valid"] for folder in folders]
    assert figures[0] == figures[1] == figures[2]
    assert folders[0].metrics.floors["valid"] == folders[1].metrics.floors["valid"]
    # what comes while is validated is known when testing begins, and what comes after that is not
    assert folders[0].metrics.splits["test"] != folders[1].metrics.splits["test"]
    assert folders[0].metrics.splits["test"] == folders[2].metrics.splits["test"]
    assert folders[0].metrics.floors["test"] == folders[2].metrics.floors["test"]
    notes = " ".join(folders[0].metrics.notes)
    assert "split by time" in notes
    assert f"test links are ranked as of {graph.cuts[graph.targets[0]][1]:g}" in notes


def test_links_are_tested_by_all_that_was_there_when_testing_began() -> None:
    graph = timed(films_graph())
    (target,) = graph.targets
    first, second = graph.cuts[target]
    problems = without_twins([LinkProblem.from_graph(graph, target)])
    (problem,), (later,) = problems, as_tested(problems)
    assert later.train.time is not None
    assert problem.train.time is not None
    assert problem.train.time.max() < first <= later.train.time.max() < second
    known = len(problem.train) + len(problem.choose) + len(problem.valid) + len(problem.hidden.before(second))
    assert len(later.train) == known
    assert later.test == problem.test
    assert all(pairs.time is not None and pairs.time.max() < second for pairs in later.context.values())
    at_random = LinkProblem.from_graph(replace(graph, cuts={}), target)
    assert as_tested([at_random]) == []


def learned_alike(graph: GraphData, other: GraphData, model: str, folder: Path) -> list[ModelFolder]:
    """The models of two graphs, which have learned the same weights."""
    models = [
        ModelFolder(train(one, folder / str(i), "--model", model, "--num-epochs", "2"))
        for i, one in enumerate((graph, other))
    ]
    assert all(
        np.array_equal(value, models[1].tensors(part)[name])
        for part in ("head", "network")
        for name, value in models[0].tensors(part).items()
    )
    return models


def test_numbers_of_edges_learned_do_not_depend_on_later_edges(tmp_path: Path) -> None:
    graph = timed(labelled_graph("edge_regression"))
    folders = learned_alike(graph, another_future(graph), "rgcn", tmp_path)
    assert folders[0].metrics.splits["valid"] == folders[1].metrics.splits["valid"]
    # what is served knows all edges
    assert folders[0].array("edges/ends").shape == (len(graph.edges[FRIEND]), 2)


def test_classes_of_nodes_learned_do_not_depend_on_later_nodes_and_edges(tmp_path: Path) -> None:
    graph = labelled_graph("node_class")
    (target,) = graph.targets
    rng = np.random.default_rng(5)
    nodes = graph.num_nodes["User"]
    came = rng.permutation(nodes).astype(np.float64)
    ends = graph.edges[FRIEND]
    edge_came = np.maximum(came[ends.source], came[ends.target]) + rng.integers(0, 3, len(ends))
    split, cuts = time_split(target, np.arange(nodes), came, np.arange(nodes), (0.6, 0.3, 0.1), None)
    graph = replace(graph, times={"User": came, FRIEND: edge_came}, splits={target: split}, cuts={target: cuts})
    # what comes after the cuts is another story: tested people, and whatever edge is newer than its older end's stay
    labels = graph.labels[target]
    values, noise = labels.values.copy(), graph.features["User"]["noise"].copy()
    values[split.test] = (values[split.test] + 1) % 3
    noise[split.test] = 100.0
    newer = np.flatnonzero(edge_came >= cuts[1])
    moved = ends.target.copy()
    moved[newer] = rng.permutation(ends.target[newer])
    other = replace(
        graph,
        labels={target: Labels("class", values, labels.classes)},
        features={"User": {"noise": noise}},
        edges={FRIEND: EdgeList(ends.source, moved)},
    )
    assert len(newer) > 5
    folders = learned_alike(graph, other, "graphsage", tmp_path)
    for figures in ("splits", "floors"):
        one, two = (getattr(folder.metrics, figures)["valid"] for folder in folders)
        assert one == two
    assert folders[0].metrics.splits["test"] != folders[1].metrics.splits["test"]


@pytest.mark.parametrize("sampled", [False, True])
def test_a_batch_of_nodes_is_learned_from_older_nodes_alone(sampled: bool) -> None:
    graph = labelled_graph("node_class")
    (target,) = graph.targets
    nodes = graph.num_nodes["User"]
    came = np.random.default_rng(5).permutation(nodes).astype(np.float64)
    ends = graph.edges[FRIEND]
    # every tie is as old as the newer of its ends: papers that cite, and never anything newer than themselves
    edge_came = np.maximum(came[ends.source], came[ends.target])
    split, cuts = time_split(target, np.arange(nodes), came, np.arange(nodes), (0.7, 0.2, 0.1), None)
    graph = replace(graph, times={"User": came, FRIEND: edge_came}, splits={target: split}, cuts={target: cuts})
    space = NodeSpace(dict(graph.num_nodes))
    chosen = in_time(split.train, came)[10:16]
    moment = came[chosen].min()

    def another_story(after: float) -> GraphData:
        """What came after a moment has other features and other ties, but for the ties of the batch to older ones."""
        noise, newer = graph.features["User"]["noise"].copy(), came >= after
        noise[np.setdiff1d(np.flatnonzero(newer), chosen)] = 50.0
        late = np.flatnonzero(newer[ends.source] & newer[ends.target])
        assert len(late) > 3
        moved = ends.target.copy()
        moved[late] = np.roll(ends.target[late], 1)
        return replace(
            graph, features={"User": {"noise": noise}}, edges={FRIEND: EdgeList(ends.source, moved)},
        )  # fmt: skip

    settings, _ = parse(family_of(GraphFamily, "rgcn").settings, {"num-hidden": "8", "fanout": "99,99", "dropout": "0"})
    assert isinstance(settings, GraphSettings)

    def loss(one: GraphData) -> float:
        messages = trial.messages_of(one, space, target, {FRIEND: True})
        rgcn = family_of(GraphFamily, "rgcn")
        features = {kind: dict(values) for kind, values in one.features.items()}
        old = np.flatnonzero(came < moment - 8)
        network = Network.fresh(
            space, features, list(messages.relations), rgcn, settings, "torch", None, True, trained_on={"User": old}
        )
        problem = trial.LabelProblem.from_graph(one, target, space)
        torch.manual_seed(0)
        head = trial.HeadModule(1, problem.extra, problem.split.train, 3, settings)
        model = trial.LabelModel(network, head, problem, 0.0, 1.0)
        whole = None if sampled else full_block(messages)
        drawn = np.random.default_rng(3)
        return float(trial.batch_loss(model, messages, whole, chosen, None, settings, drawn)[0].detach())

    assert loss(graph) == loss(another_story(moment))
    # older nodes are heard
    assert loss(graph) != loss(another_story(moment - 8))


def orders_graph() -> GraphData:
    """30 people who rate films at times 0 to 1, and how often each did within .1 of each of five dates."""
    graph = films_graph()
    ratings = len(graph.edges[RATED])
    times = {kind: np.linspace(0, 1, len(ends)) for kind, ends in graph.edges.items()}
    mixed = np.random.default_rng(2).permutation(ratings)
    ends = EdgeList(graph.edges[RATED].source[mixed], graph.edges[RATED].target[mixed])
    dates = np.array([0.4, 0.5, 0.6, 0.7, 0.8])
    counts = [np.bincount(ends.source[(times[RATED] >= d) & (times[RATED] < d + 0.1)], minlength=30) for d in dates]
    target = Target("node_regression", "User", "soon")
    items = np.arange(30 * len(dates))
    nodes, asked = np.tile(np.arange(30), len(dates)), np.repeat(dates, 30)
    return replace(
        graph,
        edges={**graph.edges, RATED: ends},
        times=times,
        labels={target: Labels("number", np.concatenate(counts).astype(np.float32))},
        splits={target: Split(items[:90], items[90:120], items[120:])},
        cuts={target: (0.7, 0.8)},
        horizons={target: Horizon("how many come within 0.1 days", 0.1, 1.0, dates, nodes, asked)},
    )


@pytest.mark.parametrize("model", ["graphsage", "mlp"])
def test_what_is_asked_at_a_date_does_not_depend_on_what_comes_after_it(model: str, tmp_path: Path) -> None:
    graph = orders_graph()
    (target,) = graph.targets
    second = graph.cuts[target][1]
    edges, labels = dict(graph.edges), graph.labels[target].values.copy()
    for kind, ends in graph.edges.items():
        later = np.flatnonzero(graph.times[kind] >= second)
        moved = ends.target.copy()
        moved[later] = np.roll(ends.target[later], 1)
        edges[kind] = EdgeList(ends.source, moved)
    labels[graph.splits[target].test] += 1
    other = replace(graph, edges=edges, labels={target: Labels("number", labels)})
    folders = learned_alike(graph, other, model, tmp_path)
    for figures in ("splits", "floors"):
        one, two = (getattr(folder.metrics, figures) for folder in folders)
        assert one["valid"] == two["valid"]
        assert one["test"] != two["test"]
    assert any(note.startswith("asked at dates") for note in folders[0].metrics.notes)
    # what is served answers about everybody, once
    assert folders[0].array("predictions").shape == (30, 1)


def test_a_horizon_is_learned_a_date_at_a_time_from_what_came_before_it() -> None:
    graph = orders_graph()
    (target,) = graph.targets
    space = NodeSpace(dict(graph.num_nodes))
    problem = trial.LabelProblem.from_graph(graph, target, space)
    assert problem.dated
    assert problem.times is not None
    messages = trial.messages_of(graph, space, target)
    for date in (0.4, 0.7):
        heard = messages.before(date)
        for relation, entry in heard.relations.items():
            came = graph.times[relation.edge_type]
            told = entry.edges_of(np.arange(len(entry)))
            assert sorted(set(told.tolist())) == np.flatnonzero(came < date).tolist()
            assert entry.sent.sum() == len(entry)


def test_a_later_node_hears_of_older_ones_alone_along_edges_that_were_there() -> None:
    # 0 and 1 are old, 2 came at 5, 3 at 6; training ends at 5
    came = np.array([0.0, 1.0, 5.0, 6.0])
    ends = EdgeList(np.array([0, 2, 1, 2, 0]), np.array([1, 0, 3, 3, 3]))
    target = Target("node_class", "User", "label")
    graph = replace(
        friends_graph(),
        num_nodes={"User": 4},
        edges={FRIEND: ends},
        times={"User": came, FRIEND: np.array([1.0, 5.0, 6.0, 6.0, 7.0])},
        cuts={target: (5.0, 6.0)},
    )
    forth, back = graph.flows(target)[FRIEND]
    # 0–1 both ways; 2 hears of 0; 3 hears of 1, not of 2, which is later itself, nor of 0 by an edge that came later
    assert forth.tolist() == [True, False, True, False, False]
    assert back.tolist() == [True, True, False, False, False]


def test_what_is_served_knows_the_later_edges_too() -> None:
    graph = timed(films_graph())
    (target,) = graph.targets
    (problem,) = without_twins([LinkProblem.from_graph(graph, target)])
    first = graph.cuts[target][0]
    assert len(problem.context[FRIEND]) == np.count_nonzero(graph.times[FRIEND] < first) < len(graph.edges[FRIEND])
    whole = problem.complete()
    assert len(whole.context[FRIEND]) == len(graph.edges[FRIEND])
    assert len(whole.everything) == len(graph.edges[RATED])


def test_the_ranker_learns_from_its_newest_links_by_what_was_known_before_them() -> None:
    graph = timed(films_graph())
    (target,) = graph.targets
    (problem,) = without_twins([LinkProblem.from_graph(graph, target)])
    folds = latest_first(problem, 20, 5)
    assert len(folds) > 1
    seen = []
    for held, past in folds:
        assert held.time is not None
        for known in (past.train, past.context[FRIEND]):
            assert known.time is not None
            assert known.time.max() < held.time.min()
        seen.append(held.time)
    assert all(one.min() > other.max() for one, other in pairwise(seen))
    assert seen[0].max() == problem.train.time.max()
    assert len(folds[-1][1].train) >= len(problem.train) / 2
    # without times, or with one time for all, there is nothing to go by
    for times in (None, np.zeros(len(problem.train))):
        assert latest_first(replace(problem, train=replace(problem.train, time=times)), 20, 5) == []


def test_the_report_says_why_figures_by_time_are_not_those_of_a_random_split() -> None:
    graph = timed(films_graph())
    (target,) = graph.targets
    split = graph.splits[target]
    # what is trained on is of films 0 to 9, what is judged of films 10 to 19
    late = np.concatenate([split.valid, split.test])
    films = graph.edges[RATED].target.copy()
    films[split.train] = films[split.train] % 10
    films[late] = 10 + films[late] % 10
    graph = replace(graph, edges={**graph.edges, RATED: EdgeList(graph.edges[RATED].source, films)})
    problem = LinkProblem.from_graph(graph, target)
    (note,) = [note for note in problem.notes if note.startswith("of the links that are judged")]
    shares = [int(share) for share in re.findall(r"(\d+)%", note)]
    assert shares[0] == 100
    assert shares[1] < 20
    # without times nothing is said of it
    assert not any("random split" in note for note in LinkProblem.from_graph(films_graph(), target).notes)


def test_newcomers_are_links_with_an_end_that_nothing_known_has() -> None:
    known = Pairs(np.array([0, 1]), np.array([5, 6]))
    held = Pairs(np.array([0, 0, 2, 3]), np.array([6, 7, 5, 8]))
    assert newcomers(known, held) == 0.75


def test_training_lies_before_validation_and_validation_before_test() -> None:
    graph = timed(films_graph())
    (target,) = graph.targets
    split, times = graph.splits[target], graph.times[RATED]
    assert times[split.train].max() < times[split.valid].min()
    assert times[split.valid].max() < times[split.test].min()
    sizes = np.array([len(split.train), len(split.valid), len(split.test)])
    assert sizes / sizes.sum() == pytest.approx(RATES, abs=0.02)


def test_what_training_gives_up_to_choose_by_is_its_newest_tenth() -> None:
    times = np.random.default_rng(0).permutation(40).astype(np.float64)
    nothing = np.empty(0, dtype=np.int64)
    # items 0 and 1 are of one group, as old as the older of them
    groups = np.maximum(np.arange(40), 1)
    held = held_out(Split(np.arange(40), nothing, nothing), groups, 0, times=times)
    chosen = np.concatenate([held.choose, held.valid])
    assert len(chosen) == 3  # a tenth of 39
    earliest = np.array([times[groups == group].min() for group in groups])
    assert earliest[chosen].min() > earliest[held.train].max()


LINK = Target("link_prediction", EdgeType("a", "r", "b"))


def test_equal_times_stay_together_and_the_earliest_of_a_pair_counts() -> None:
    times = np.array([1.0, 2.0, 2.0, 2.0, 3.0, 4.0])
    # edges 0 and 5 are of the same pair: 5 is known already
    groups = np.array([0, 1, 2, 3, 4, 0])
    # 2, 2 and 1 of five; the cut falls among the three of time 2, which all come after it
    split, cuts = time_split(LINK, np.arange(6), times, groups, (0.4, 0.4, 0.2), None)
    assert (split.train.tolist(), split.valid.tolist(), split.test.tolist()) == ([0], [1, 2, 3], [4])
    assert cuts == (2.0, 3.0)


def test_dates_cut_where_they_say_and_edges_without_a_time_are_old() -> None:
    day = 86_400.0
    times = np.array([-np.inf, 0.0, day, 2 * day, 3 * day])
    split, cuts = time_split(LINK, np.arange(5), times, np.arange(5), (1.0, 0.0, 0.0), ("1970-01-02", "1970-01-04"))
    assert (split.train.tolist(), split.valid.tolist(), split.test.tolist()) == ([0, 1], [2, 3], [4])
    assert cuts == (day, 3 * day)


def all_earlier(messages: MessageGraph) -> MessageGraph:
    """The messages, nine days earlier."""
    relations = {}
    for relation, entry in messages.relations.items():
        assert entry.since is not None
        relations[relation] = replace(entry, since=entry.since - 9)
    return replace(messages, relations=relations)


def model_of(problem: LinkProblem, graph: GraphData, family: str) -> gnn.GnnLinks:
    """An untrained network of a family; equal for equal arguments."""
    rgcn = family_of(GraphFamily, family)
    options = {"num-hidden": "8", "num-negs": "4", "fanout": "99,99", "dropout": "0", "batch-size": "16"}
    settings, _ = parse(rgcn.settings, options)
    assert isinstance(settings, GraphSettings)
    messages = gnn.message_graph([problem], only_training=True)
    features = {kind: dict(values) for kind, values in graph.features.items()}
    network = Network.fresh(problem.space, features, list(messages.relations), rgcn, settings, "torch", None)
    network.encoder.eval()
    return gnn.GnnLinks([problem], network, [torch.ones(8)], "dot", family)


@pytest.mark.parametrize("sampled", [False, True])
@pytest.mark.parametrize("family", ["rgcn", "lightgcn"])
def test_a_batch_of_links_is_learned_from_messages_that_came_before_it(
    family: str, sampled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = timed(films_graph())
    (target,) = graph.targets
    (problem,) = without_twins([LinkProblem.from_graph(graph, target)])
    if sampled:
        monkeypatch.setattr(gnn, "FULL_ENTRIES", 0)
    batches = list(gnn.passes([problem], [16], np.random.default_rng(1)))
    when = problem.train.time
    assert when is not None
    chosen = sorted((batch for _, batch in batches), key=lambda batch: when[batch].min())[len(batches) // 2]
    moment = when[chosen].min()

    def another(pairs: Pairs, kept: npt.NDArray[np.int64]) -> Pairs:
        """Others from the moment on, to other vertices, but for those that are learned."""
        assert pairs.time is not None
        later = np.setdiff1d(np.flatnonzero(pairs.time >= moment), kept)
        assert len(later) > 3
        moved = pairs.target.copy()
        moved[later] = np.roll(pairs.target[later], 1)
        return replace(pairs, target=moved)

    def loss(one: LinkProblem, before: bool) -> tuple[float, list[torch.Tensor]]:
        model = model_of(one, graph, family)
        messages = gnn.message_graph([one], only_training=True)
        if not before:
            messages = all_earlier(messages)
        settings, _ = parse(family_of(GraphFamily, family).settings, {"num-negs": "4", "fanout": "99,99"})
        assert isinstance(settings, GraphSettings)
        value = gnn.batch_loss(model, messages, 0, chosen, settings, np.random.default_rng(3))[0]
        gradients = torch.autograd.grad(value, list(model.network.encoder.parameters()), allow_unused=True)
        return float(value.detach()), [gradient for gradient in gradients if gradient is not None]

    other = replace(
        problem,
        train=another(problem.train, chosen),
        context={kind: another(pairs, np.empty(0, np.int64)) for kind, pairs in problem.context.items()},
    )
    one, two = loss(problem, before=True), loss(other, before=True)
    assert one[0] == two[0]
    assert all(torch.equal(a, b) for a, b in zip(one[1], two[1], strict=True))
    # edges that all were there at the beginning do make a difference
    assert loss(problem, before=False)[0] != loss(other, before=False)[0]


def test_messages_have_the_features_of_their_own_edges_where_later_ones_are_left_out() -> None:
    graph = timed(films_graph())
    (target,) = graph.targets
    (problem,) = without_twins([LinkProblem.from_graph(graph, target)])
    assert len(problem.context[FRIEND]) < len(graph.edges[FRIEND])
    messages = gnn.message_graph([problem], only_training=True)
    friends, offset = graph.edges[FRIEND], problem.space.offsets["User"]
    for relation, entry in messages.relations.items():
        if relation.edge_type == FRIEND:
            receivers, entries = entry.entries_of(np.arange(messages.num_nodes))
            rows = entry.edges_of(entries)
            ends = np.sort(np.stack([receivers, entry.sources_of(entries)]), axis=0) - offset
            assert np.array_equal(ends, np.sort(np.stack([friends.source[rows], friends.target[rows]]), axis=0))


def test_links_of_a_batch_follow_one_another_in_time() -> None:
    graph = timed(films_graph())
    (target,) = graph.targets
    (problem,) = without_twins([LinkProblem.from_graph(graph, target)])
    when = problem.train.time
    assert when is not None
    batches = [batch for _, batch in gnn.passes([problem], [16], np.random.default_rng(1))]
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(problem.train)))
    spans = sorted((when[batch].min(), when[batch].max()) for batch in batches)
    assert all(end < begin for (_, end), (begin, _) in pairwise(spans))
    assert [when[batch].min() for batch in batches] != sorted(when[batch].min() for batch in batches)


@pytest.mark.parametrize("sampled", [False, True])
def test_a_batch_of_labelled_edges_is_learned_from_messages_that_came_before_it(sampled: bool) -> None:
    graph = timed(labelled_graph("edge_regression"))
    (target,) = graph.targets
    space = NodeSpace(dict(graph.num_nodes))
    problem = trial.LabelProblem.from_graph(graph, target, space)
    when = graph.times[FRIEND]
    order = in_time(problem.split.train, when)
    chosen = order[len(order) // 2 :][:16]
    # of training, another story from the first of these edges on, but for themselves
    later = np.setdiff1d(np.flatnonzero((when >= when[chosen].min()) & (when < graph.cuts[target][0])), chosen)
    assert len(later) > 3
    ends = graph.edges[FRIEND]
    moved = ends.target.copy()
    moved[later] = np.roll(ends.target[later], 1)
    other = replace(graph, edges={**graph.edges, FRIEND: EdgeList(ends.source, moved)})
    settings, _ = parse(family_of(GraphFamily, "rgcn").settings, {"num-hidden": "8", "fanout": "99,99", "dropout": "0"})
    assert isinstance(settings, GraphSettings)

    def loss(one: GraphData, before: bool) -> float:
        messages = trial.messages_of(one, space, target, dict.fromkeys(one.edges, True))
        if not before:
            messages = all_earlier(messages)
        features = {kind: dict(values) for kind, values in graph.features.items()}
        relations, rgcn = list(messages.relations), family_of(GraphFamily, "rgcn")
        network = Network.fresh(space, features, relations, rgcn, settings, "torch", None, for_heads=True)
        torch.manual_seed(0)
        head = trial.HeadModule(2, problem.extra, problem.split.train, 1, settings)
        model = trial.LabelModel(network, head, problem, 0.0, 1.0)
        whole = None if sampled else full_block(messages)
        drawn = np.random.default_rng(3)
        return float(trial.batch_loss(model, messages, whole, chosen, None, settings, drawn)[0].detach())

    assert loss(graph, before=True) == loss(other, before=True)
    assert loss(graph, before=False) != loss(other, before=False)
