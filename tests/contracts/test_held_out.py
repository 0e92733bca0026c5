"""Every reported figure is of items that neither trained nor chose the model: all tasks, all splits, all families."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.contracts.model_contract import KNOWS, QUICK, digests, small_graph, train
from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import ProgressWriter
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target, dgl_file
from training_scripts.graph_ml.judging import links as judging_links
from training_scripts.graph_ml.judging.ranking import Ranking, rank_links
from training_scripts.graph_ml.links import LINK_SPLITS, LinkProblem, Pairs, codes, without_twins
from training_scripts.graph_ml.models.families import families, family_of
from training_scripts.graph_ml.models.family import GraphFamily
from training_scripts.graph_ml.models.network.network import Network
from training_scripts.graph_ml.models.settings import GraphSettings, parse
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.processing.job import ProcessingJob, process
from training_scripts.graph_ml.processing.split import groups_of, random_split
from training_scripts.graph_ml.sampling import MessageGraph
from training_scripts.graph_ml.schemas import FAMILIES, TaskType
from training_scripts.graph_ml.training.labels.trial import LabelProblem
from training_scripts.graph_ml.training.links import gnn
from training_scripts.graph_ml.training.links import ranker as ranker_training
from training_scripts.graph_ml.training.links.pairs import RankerSettings, folds_of

TASKS: tuple[TaskType, ...] = ("node_class", "node_regression", "edge_class", "edge_regression", "link_prediction")
RATES = [(0.8, 0.1, 0.1), (0.9, 0.1, 0.0), (0.9, 0.0, 0.1), (1.0, 0.0, 0.0), (0.5, 0.0, 0.5)]
#: label tasks and link prediction for every family that learns them, one task each
LEARNED = [
    (one.name, task)
    for one in families()
    for task in (TASKS if one.name == "rgcn" else ("node_class", "link_prediction"))
    if task in one.tasks
]


def parts_of(graph: GraphData, target: Target) -> dict[str, set[tuple[int, ...]]]:
    """What stands in which part: items of vertices, undirected pairs of edges."""
    space = NodeSpace(dict(graph.num_nodes))
    if target.task == "link_prediction":
        problem = LinkProblem.from_graph(graph, target)
        found = {}
        for name in LINK_SPLITS:
            pairs: Pairs = getattr(problem, name)
            low, high = np.minimum(pairs.source, pairs.target), np.maximum(pairs.source, pairs.target)
            found[name] = set(zip(low.tolist(), high.tolist(), strict=True))
        return found
    split = LabelProblem.from_graph(graph, target, space).split
    groups = groups_of(graph, target)
    return {name: {(int(groups[item]),) for item in getattr(split, name)} for name in LINK_SPLITS}


def written_export(folder: Path, task: TaskType, size: int, rates: tuple[float, float, float]) -> None:
    """An export with copies, opposites and loops among its edges, and a label."""
    rng = np.random.default_rng(size)
    folder.mkdir(parents=True)
    numbers = task.endswith("regression")
    people = [f"p{i},Person,{i % 3 if not numbers else i / 7}" for i in range(size)]
    (folder / "people.csv").write_text("\n".join(["~id,~label,label", *people]) + "\n")
    ends = rng.integers(0, size, (2 * size, 2)).tolist()
    ends += [[b, a] for a, b in ends[: size // 2]] + ends[: size // 2]
    ties = [f"k{i},knows,p{a},p{b},{i % 2 if not numbers else i / 3}" for i, (a, b) in enumerate(ends)]
    (folder / "ties.csv").write_text("\n".join(["~id,~label,~from,~to,label", *ties]) + "\n")
    short = {"node_class": "classification", "edge_class": "classification", "link_prediction": "link_prediction"}
    labels = [
        {"label": ["" if task == "link_prediction" else "label", short.get(task, "regression")], "split_rate": rates}
    ]
    node: dict[str, Any] = {"file_name": "people.csv", "separator": ",", "node": ["~id", "Person"], "features": []}
    edge: dict[str, Any] = {
        "file_name": "ties.csv",
        "separator": ",",
        "source": ["~from", "Person"],
        "relation": ["", "knows"],
        "dest": ["~to", "Person"],
        "features": [],
    }
    (node if task.startswith("node") else edge)["labels"] = labels
    document = {"version": "v2.0", "query_engine": "gremlin", "graph": {"nodes": [node], "edges": [edge]}}
    (folder / "training-data-configuration.json").write_text(json.dumps(document))


@pytest.mark.parametrize("size", [3, 14, 60])
@pytest.mark.parametrize("rates", RATES)
@pytest.mark.parametrize("task", TASKS)
def test_no_item_pair_copy_or_opposite_stands_in_two_parts(
    task: TaskType, rates: tuple[float, float, float], size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dgl_file, "available", lambda: False)
    written_export(tmp_path / "in", task, size, rates)
    job = ProcessingJob(input=tmp_path / "in", output=tmp_path / "out")
    graph = process(job, ProgressWriter(tmp_path / "progress.json"), lambda text: None)
    split = graph.splits[graph.targets[0]]
    groups = groups_of(graph, graph.targets[0])
    written = [set(groups[part].tolist()) for part in (split.train, split.valid, split.test)]
    assert sum(len(part) for part in written) == len(set.union(*written)), "data processing parted copies"
    parts = parts_of(graph, graph.targets[0])
    assert parts["train"]
    assert sum(len(part) for part in parts.values()) == len(set.union(*parts.values()))
    if rates[2] == 0:
        assert not parts["test"]
    if size == 60:
        assert parts["choose"]
        assert parts["valid"]


def changed_later(graph: GraphData) -> GraphData:
    """The same graph with other test items, and of labels other judged validation items too."""
    (target,) = graph.targets
    if target in graph.labels:
        problem = LabelProblem.from_graph(graph, target, NodeSpace(dict(graph.num_nodes)))
        later = np.concatenate([problem.split.valid, problem.split.test])
        values = graph.labels[target].values.copy()
        values[later] = values[later].max() - values[later]
        return replace(graph, labels={target: replace(graph.labels[target], values=values)})
    edges, test = graph.edges[KNOWS], graph.splits[target].test
    linked = set(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    source, destination = edges.source.copy(), edges.target.copy()
    free = [(a, b) for a in range(30) for b in range(a + 1, 30) if (a, b) not in linked]
    for edge, (a, b) in zip(test, free[:: len(free) // len(test)], strict=False):
        source[edge], destination[edge] = a, b
    return replace(graph, edges={KNOWS: EdgeList(source, destination)})


@pytest.mark.parametrize(("name", "task"), LEARNED)
def test_nothing_that_is_chosen_or_trained_depends_on_what_is_judged_later(
    name: str, task: TaskType, tmp_path: Path
) -> None:
    graph = small_graph(task)
    one = train(graph, tmp_path / "one", {"model": name, **QUICK})
    other = train(changed_later(graph), tmp_path / "other", {"model": name, **QUICK})
    before, after = ModelFolder(one), ModelFolder(other)
    weights = "weights.safetensors"
    if task == "link_prediction":
        # pair rankers keep features of all known links beside their weights; vectors are over all links
        assert before.tensors("links/0.scorer").keys() == after.tensors("links/0.scorer").keys()
        for place in ("links/0.scorer", "links/0.decoder", "network.encoder"):
            for tensor, values in before.tensors(place).items():
                assert np.array_equal(values, after.tensors(place)[tensor]), (place, tensor)
        links = [folder.description.details["links"][0] for folder in (before, after)]
        assert links[0]["calibration"] == links[1]["calibration"]
        assert links[0]["scorer"].get("weights") == links[1]["scorer"].get("weights")
        assert before.metrics.splits["valid"] == after.metrics.splits["valid"]
        assert before.metrics.floors["valid"] == after.metrics.floors["valid"]
    else:
        assert digests(one)[weights] == digests(other)[weights]
        assert before.description.details["head"] == after.description.details["head"]  # temperature among it
    assert before.metrics.history == after.metrics.history
    assert before.metrics.splits["test"] != after.metrics.splits["test"]


@pytest.mark.parametrize("task", TASKS)
def test_with_too_few_items_the_figures_are_called_training_figures(
    task: TaskType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = small_graph(task)
    (target,) = graph.targets
    none = np.empty(0, dtype=np.int64)
    few = replace(graph, splits={target: Split(np.arange(19), none, none)})
    if task == "link_prediction":  # edges outside every split are trained on too
        edges = graph.edges[KNOWS]
        few = replace(few, edges={KNOWS: EdgeList(edges.source[:19], edges.target[:19])}, edge_ids={}, edge_features={})
    folder = ModelFolder(train(few, tmp_path, {"model": "rgcn", **QUICK}))
    assert set(folder.metrics.splits) == {"train"}
    assert folder.metrics.objective.startswith("training_")
    assert folder.metrics.value is not None
    assert any("figures called 'training' are of training items" in note for note in folder.metrics.notes)
    log = capsys.readouterr().out
    assert "training " in log
    assert "validation" not in log.replace("validation split", "")
    assert "training" in (folder.folder / "report.html").read_text()


@pytest.mark.parametrize("task", TASKS)
def test_a_tenth_out_of_training_is_told_in_the_report(task: TaskType, tmp_path: Path) -> None:
    graph = small_graph(task)
    (target,) = graph.targets
    split = graph.splits[target]
    merged = Split(np.sort(np.concatenate([split.train, split.valid])), split.valid[:0], split.test)
    folder = ModelFolder(train(replace(graph, splits={target: merged}), tmp_path, {"model": "rgcn", **QUICK}))
    assert {"valid", "test"} == set(folder.metrics.splits)
    assert any("a tenth was taken out of training" in note for note in folder.metrics.notes)
    assert "a tenth was taken out of training" in (folder.folder / "report.html").read_text()


def test_links_choose_first_are_judged_next_and_tested_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = small_graph("link_prediction")
    problem = LinkProblem.from_graph(graph, graph.targets[0])
    calls: list[tuple[Pairs, Pairs, Pairs]] = []

    def spied(asked: LinkProblem, scores: Any, links: Pairs, known: Pairs, negatives: Pairs, tick: Any) -> Ranking:
        calls.append((links, known, negatives))
        return rank_links(asked, scores, links, known, negatives, tick)

    monkeypatch.setattr(judging_links, "rank_links", spied)
    folder = ModelFolder(train(graph, tmp_path, {"model": "stack", **QUICK}))
    assert len(calls) == 4  # of floors alone before training, too

    def numbers(pairs: Pairs) -> set[int]:
        return set(codes(pairs, problem.space.total, ordered=False).tolist())

    for split, (links, known, negatives) in zip(("choose", "choose", "valid", "test"), calls, strict=True):
        assert numbers(links) <= numbers(getattr(problem, split))
        assert numbers(known) == numbers(problem.before(split))  # type: ignore[arg-type]
        assert not numbers(negatives) & numbers(known)
    # what is reported is of the judged links, both directions of each
    assert folder.array("report/valid_ranks").shape == (2 * len(problem.valid),)
    assert folder.array("report/test_ranks").shape == (2 * len(problem.test),)


@pytest.mark.parametrize("task", TASKS)
def test_floors_are_the_same_in_every_report_of_a_split(task: TaskType, tmp_path: Path) -> None:
    names = ["pair-ranker", "rgcn", "transe"] if task == "link_prediction" else ["mlp", "rgcn"]
    floors = [
        ModelFolder(
            train(small_graph(task), tmp_path / name, {"model": name, **QUICK, "seed": str(seed)})
        ).metrics.floors
        for seed, name in enumerate(names)
    ]
    assert all(one == floors[0] for one in floors)
    wanted = {"constant", "features_alone", "label_propagation"}
    if task == "link_prediction":
        wanted = {"adamic_adar", "l3", "ease"}
    elif task == "edge_regression":
        wanted.add("bias")
    assert set(floors[0]["test"]) == set(floors[0]["valid"]) == wanted


def random_graph(task: TaskType, seed: int) -> GraphData:
    """240 vertices with features, edges and labels that have nothing to do with each other."""
    rng = np.random.default_rng(seed)
    size = 240
    pairs = np.unique(np.sort(rng.integers(0, size, (700, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    node = task.startswith("node")
    count = size if node else len(pairs)
    target = Target(task, "Person" if node else KNOWS, "" if task == "link_prediction" else "label")
    labels = (
        Labels("class", rng.integers(0, 2, count), ("heads", "tails"))
        if task.endswith("class")
        else Labels("number", rng.normal(size=count).astype(np.float32))
    )
    split = random_split(target, np.arange(count), (0.4, 0.3, 0.3), seed)
    return GraphData(
        node_ids={"Person": [f"p{i}" for i in range(size)]},
        num_nodes={"Person": size},
        edges={KNOWS: EdgeList(pairs[:, 0].copy(), pairs[:, 1].copy())},
        features={"Person": {"noise": rng.normal(size=(size, 5)).astype(np.float32)}},
        edge_features={KNOWS: {"weight": rng.random((len(pairs), 1)).astype(np.float32)}},
        labels={} if task == "link_prediction" else {target: labels},
        splits={target: split},
        seed=seed,
    )


@pytest.mark.parametrize("name", [one.name for one in families() if isinstance(one, GraphFamily)][:3])
@pytest.mark.parametrize("task", TASKS)
def test_random_labels_and_links_give_chance_on_every_reported_split(task: TaskType, name: str, tmp_path: Path) -> None:
    if task not in next(one for one in families() if one.name == name).tasks:
        pytest.skip("the family does not learn the task")
    for_mean: dict[str, list[float]] = {"valid": [], "test": []}
    for seed in range(2):
        settings = {"model": name, "num-hidden": "16", "num-epochs": "12", "seed": str(seed)}
        metrics = ModelFolder(train(random_graph(task, seed), tmp_path / str(seed), settings)).metrics
        for split, figures in metrics.splits.items():
            figure = {"node_class": "acc", "edge_class": "acc", "link_prediction": "auc"}.get(task, "rmse")
            for_mean[split].append(figures[figure])
    items = 36 if task.startswith("node") else 100  # in the smaller of the two parts
    for split, values in for_mean.items():
        if task.endswith("regression"):
            # of unit variance; who explains nothing has 1 or a little more
            assert np.mean(values) > 1 - 4 * np.sqrt(1 / (4 * items)), split
        else:
            assert abs(np.mean(values) - 0.5) < 4 * np.sqrt(0.25 / (2 * items)) + 0.02, split


LIKES = EdgeType(source="Person", relation="likes", target="Person")


def twinned(graph: GraphData, share: float) -> GraphData:
    """The graph with a second edge type that repeats some of the first, the other way round."""
    edges = graph.edges[KNOWS]
    chosen = np.random.default_rng(5).random(len(edges)) < share
    return replace(graph, edges={KNOWS: edges, LIKES: EdgeList(edges.target[chosen], edges.source[chosen])})


def test_edges_of_other_types_beside_held_out_links_take_no_part_until_the_end() -> None:
    graph = twinned(small_graph("link_prediction"), 0.3)
    plain = LinkProblem.from_graph(graph, graph.targets[0])
    (problem,) = without_twins([plain])
    total = problem.space.total

    def numbers(pairs: Pairs) -> set[int]:
        return set(codes(pairs, total, ordered=False).tolist())

    held = numbers(Pairs.join([problem.choose, problem.valid, problem.test]))
    likes = numbers(plain.context[LIKES])
    assert likes & held  # or the test says nothing
    assert numbers(problem.context[LIKES]) == likes - held
    assert numbers(problem.complete().context[LIKES]) == likes
    assert "edges of other types join vertices whose link is held out" in problem.notes[-1]


def test_links_of_another_target_beside_held_out_ones_wait_too_and_are_known_in_the_end() -> None:
    graph = twinned(small_graph("link_prediction"), 0.9)
    likes = Target("link_prediction", LIKES)
    count = len(graph.edges[LIKES])
    graph = replace(graph, splits={**graph.splits, likes: random_split(likes, np.arange(count), (0.8, 0.1, 0.1), 1)})
    plain = [LinkProblem.from_graph(graph, target) for target in graph.targets]
    problems = without_twins(plain)
    total = problems[0].space.total
    for mine, other, before in zip(problems, problems[::-1], plain, strict=True):
        held = codes(Pairs.join([other.choose, other.valid, other.test]), total, ordered=False)
        assert not np.isin(codes(mine.train, total, ordered=False), held).any()
        assert len(mine.hidden)
        assert len(mine.everything) == len(before.everything)


@pytest.mark.parametrize("name", ["rgcn", "pair-ranker"])
def test_a_type_that_repeats_most_links_is_as_if_it_were_not_there(name: str, tmp_path: Path) -> None:
    graph = small_graph("link_prediction")
    one = train(graph, tmp_path / "one", {"model": name, **QUICK})
    other = train(twinned(graph, 0.95), tmp_path / "other", {"model": name, **QUICK})
    assert digests(one)["weights.safetensors"] == digests(other)["weights.safetensors"]
    assert ModelFolder(one).metrics.splits == ModelFolder(other).metrics.splits
    details = ModelFolder(other).description.details["links"][0]
    assert details["left_out"] == [["Person", "likes", "Person"]]


def test_pair_rankers_are_trained_and_chosen_on_links_that_their_features_have_not_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = small_graph("link_prediction")
    problem = LinkProblem.from_graph(graph, graph.targets[0])
    made: list[Pairs] = []
    taken: list[Pairs] = []
    build, lists = ranker_training.build_features, ranker_training.training_lists

    def spied_build(asked: LinkProblem, links: Pairs, *rest: Any) -> Any:
        made.append(links)
        return build(asked, links, *rest)

    def spied_lists(asked: LinkProblem, features: Any, held: Pairs, *rest: Any) -> Any:
        seen = codes(made[-1], asked.space.total, ordered=False)
        taken.append(held)
        assert len(held)
        assert not np.isin(codes(held, asked.space.total, ordered=False), seen).any()
        return lists(asked, features, held, *rest)

    monkeypatch.setattr(ranker_training, "build_features", spied_build)
    monkeypatch.setattr(ranker_training, "training_lists", spied_lists)
    train(graph, tmp_path, {"model": "pair-ranker"})
    later = Pairs.join([problem.choose, problem.valid, problem.test])
    for links in made:
        seen = codes(links, problem.space.total, ordered=False)
        assert not np.isin(codes(later, problem.space.total, ordered=False), seen).any()
    *trained_on, chosen_by = taken
    assert set(codes(chosen_by, problem.space.total, ordered=False)) == set(
        codes(problem.choose, problem.space.total, ordered=False)
    )
    judged = codes(Pairs.join([problem.valid, problem.test]), problem.space.total, ordered=False)
    assert not any(np.isin(codes(held, problem.space.total, ordered=False), judged).any() for held in trained_on)


def test_twins_of_links_that_a_ranker_learns_from_are_taken_out_with_them() -> None:
    graph = twinned(small_graph("link_prediction"), 0.4)
    (problem,) = without_twins([LinkProblem.from_graph(graph, graph.targets[0])])
    total = problem.space.total
    before = set(codes(problem.context[LIKES], total, ordered=False).tolist())
    touched = 0
    for held, past in folds_of(problem, RankerSettings(), 0):
        own = set(codes(held, total, ordered=False).tolist())
        assert set(codes(past.context[LIKES], total, ordered=False).tolist()) == before - own
        touched += len(before & own)
    assert touched


def test_every_family_is_asked() -> None:
    assert {name for name, _ in LEARNED} == set(FAMILIES)


@pytest.mark.parametrize("sampled", [False, True])
def test_an_edge_is_predicted_as_if_it_its_copies_opposites_and_twins_were_not_there(
    sampled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = small_graph("link_prediction")
    links = graph.edges[KNOWS]
    # some edges have a copy, and every fifth its opposite
    source = np.concatenate([links.source, links.source[:9], links.target[::5]])
    target = np.concatenate([links.target, links.target[:9], links.source[::5]])
    none = Pairs.join([])
    # and every other link has a twin of another type that points the other way
    likes = Pairs(links.target[::2], links.source[::2])
    space = NodeSpace({"Person": 30})
    problem = LinkProblem.from_pairs(KNOWS, space, Pairs(source, target), none, none, {LIKES: likes})
    problem = replace(problem, directed=False)
    messages = gnn.message_graph([problem], only_training=True)
    rgcn = family_of(GraphFamily, "rgcn")
    settings, _ = parse(rgcn.settings, {"num-hidden": "8", "num-negs": "4", "fanout": "99,99", "dropout": "0"})
    assert isinstance(settings, GraphSettings)
    features = {"Person": dict(graph.features["Person"])}
    network = Network.fresh(problem.space, features, list(messages.relations), rgcn, settings, "torch", None)
    network.encoder.eval()
    model = gnn.GnnLinks([problem], network, [torch.ones(8)], "dot", "rgcn")
    chosen = np.array([0, 4, 11])
    batch = codes(problem.train[chosen], 30, ordered=False)
    gone = np.isin(codes(problem.train, 30, ordered=False), batch)
    assert gone.sum() > len(chosen)
    twins = np.isin(codes(likes, 30, ordered=False), batch)
    assert twins.any()
    if sampled:
        monkeypatch.setattr(gnn, "FULL_ENTRIES", 0)

    def loss(graph_of_messages: MessageGraph) -> float:
        rng = np.random.default_rng(3)
        return float(gnn.batch_loss(model, graph_of_messages, 0, chosen, settings, rng)[0].detach())

    with_edges = loss(messages)
    apart = {KNOWS: problem.train[~gone], LIKES: likes[~twins]}
    without = MessageGraph.from_edges(apart, 30, messages.directed)
    monkeypatch.setattr(MessageGraph, "excluding", lambda self, kind, edges: {})
    model.twins = [{}]
    assert loss(messages) != pytest.approx(with_edges, rel=1e-4)  # the messages would have told something
    assert loss(without) == pytest.approx(with_edges, rel=1e-5)
