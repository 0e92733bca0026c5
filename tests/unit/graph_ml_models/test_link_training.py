"""Training and judging link models on graphs small enough to check by hand."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from small_graphs import FRIEND, RATED, films_graph, friends_graph, split_of, train

from training_scripts.graph_ml import devices, scratch
from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import JobError
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Target
from training_scripts.graph_ml.judging.ranking import non_links, rank_links
from training_scripts.graph_ml.links import LinkProblem, Pairs, is_directed
from training_scripts.graph_ml.models.link_scorers import Calibration
from training_scripts.graph_ml.models.network.network import Network
from training_scripts.graph_ml.models.ranking.scorer import PairScorer
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.predict import load_predictor
from training_scripts.graph_ml.sampling import Block
from training_scripts.graph_ml.schemas import EndpointRequest
from training_scripts.graph_ml.training.links import gnn
from training_scripts.graph_ml.training.links import ranker as ranker_training
from training_scripts.graph_ml.training.links.pairs import Lists, RankerSettings, Watch, build_features, training_lists
from training_scripts.graph_ml.training.optimisers import RowAdam


def pairs(*links: tuple[int, int]) -> Pairs:
    return Pairs(*np.array(links, dtype=np.int64).reshape(-1, 2).T)


def square(test: Pairs, train_links: Pairs) -> LinkProblem:
    return LinkProblem.from_pairs(FRIEND, NodeSpace({"User": 5}), train_links, pairs(), test)


def test_ranks_leave_out_known_links_and_the_vertex_itself_and_share_ties() -> None:
    problem = square(test=pairs((0, 3)), train_links=pairs((0, 1)))
    table = {
        0: [9.0, 8.0, 0.5, 0.5, 0.9],  # itself and 1 do not compete; 4 is better, 2 ties: ranks 2 and 3
        3: [0.7, 0.1, 0.9, 5.0, 0.2],  # itself does not compete; 2 is better
        4: [0.3, 0.0, 0.0, 0.0, 0.0],
    }

    def scores(sources: np.ndarray, predict_heads: bool) -> dict[str, np.ndarray]:
        return {"table": np.array([table[int(source)] for source in sources], dtype=np.float32)}

    ranking = rank_links(problem, scores, problem.test, problem.everything, negatives=pairs((0, 4)))
    assert ranking.ranks["table"].tolist() == [2.5, 2.0]
    # a pair's score is the mean of both directions
    assert ranking.positive["table"] == pytest.approx([(0.5 + 0.7) / 2])
    assert ranking.negative["table"] == pytest.approx([(0.9 + 0.3) / 2])


def test_the_opposite_of_a_held_out_friendship_is_not_trained_on() -> None:
    problem = square(test=pairs((0, 3)), train_links=pairs((3, 0), (0, 1), (1, 0)))
    # all opposite edges are there, so friendships have no direction
    assert not problem.directed
    assert problem.train.source.tolist() == [0, 1]


def test_edges_with_some_opposites_have_a_direction() -> None:
    links = pairs((0, 1), (1, 0), (1, 2), (2, 3), (3, 4))
    problem = square(test=pairs(), train_links=links)
    assert problem.directed
    assert problem.known(links, predict_heads=True).pairs(np.array([0]))[1].tolist() == [1]
    assert problem.known(links, predict_heads=False).pairs(np.array([4]))[1].tolist() == []


def in_groups(step: int, seed: int = 0) -> np.ndarray:
    """Links, (m, 2), between 60 vertices of six groups: to the group so many further on, half of all there could be."""
    rng = np.random.default_rng(seed)
    group = np.arange(60) % 6
    linked = ((group[:, None] + step) % 6 == group[None, :]) & (rng.random((60, 60)) < 0.5)
    np.fill_diagonal(linked, False)
    return np.argwhere(linked)


def test_links_without_opposites_have_a_direction_where_the_graph_tells_it() -> None:
    assert is_directed(pairs(*in_groups(step=1).tolist()), 60)
    friends = np.unique(np.sort(in_groups(step=0), axis=1), axis=0)
    turned = np.random.default_rng(1).random(len(friends)) < 0.5
    friends[turned] = friends[turned][:, ::-1]
    assert not is_directed(pairs(*friends.tolist()), 60)


def test_links_in_the_order_of_ids_have_no_direction() -> None:
    # the groups 0 to 5 are the vertices 0 to 9, 10 to 19 …: every link leads to a later one
    rng = np.random.default_rng(0)
    group = np.arange(60) // 10
    links = np.argwhere((group[:, None] + 1 == group[None, :]) & (rng.random((60, 60)) < 0.5))
    assert not is_directed(pairs(*links.tolist()), 60)


def test_links_between_all_vertices_are_refused(tmp_path: Path) -> None:
    low, high = np.triu_indices(9, 1)
    graph = GraphData(
        node_ids={"User": [f"u{i}" for i in range(9)]},
        num_nodes={"User": 9},
        edges={FRIEND: EdgeList(low, high)},
        splits={Target("link_prediction", FRIEND): split_of(36)},
    )
    with pytest.raises(JobError, match=r"join all 36 pairs.*nothing to tell them from"):
        train(graph, tmp_path, "--model", "pair-ranker")


def test_of_several_relations_one_between_all_vertices_is_known_and_not_predicted(tmp_path: Path) -> None:
    low, high = np.triu_indices(9, 1)
    ring = EdgeType("User", "NEXT", "User")
    graph = GraphData(
        node_ids={"User": [f"u{i}" for i in range(9)]},
        num_nodes={"User": 9},
        edges={FRIEND: EdgeList(low, high), ring: EdgeList(np.arange(8), np.arange(1, 9))},
        splits={Target("link_prediction", kind): split_of(count) for kind, count in ((FRIEND, 36), (ring, 8))},
    )
    model = ModelFolder(train(graph, tmp_path, "--model", "transe", "--num-epochs", "1"))
    assert [entry["edge_type"] for entry in model.description.details["links"]] == [["User", "NEXT", "User"]]


def test_pairs_drawn_as_non_links_are_none_and_of_the_right_types() -> None:
    data = films_graph()
    problem = LinkProblem.from_graph(data, data.targets[0])
    drawn = non_links(problem, problem.everything, 50, seed=1)
    linked = set(zip(problem.everything.source.tolist(), problem.everything.target.tolist(), strict=True))
    assert len(drawn) == 50
    assert not linked & set(zip(drawn.source.tolist(), drawn.target.tolist(), strict=True))
    assert all(
        problem.candidates(predict_heads=False).start <= t < problem.candidates(predict_heads=False).stop
        for t in drawn.target
    )
    assert all(
        problem.candidates(predict_heads=True).start <= s < problem.candidates(predict_heads=True).stop
        for s in drawn.source
    )


def test_training_lists_hold_out_their_links_and_weigh_uniform_negatives() -> None:
    data = friends_graph()
    problem = LinkProblem.from_graph(data, data.targets[0])
    held, rest = problem.train[:10], problem.train[10:]
    settings = RankerSettings(hard=10, uniform=8, others=0.0)
    features = build_features(problem, rest, {}, settings.pairs, 0)
    lists = training_lists(problem, features, held, rest, settings, 0)
    sources = np.unique(np.concatenate([held.source, held.target]))
    assert len(lists.negatives) == len(sources)
    assert len(lists.positives) == 20  # both directions
    for source, weights, uniform in zip(sources, lists.log_weight, lists.uniform, strict=True):
        neighbours = len(problem.known(problem.train, False).pairs(np.array([source]))[1])
        hard = int((np.isfinite(weights) & ~uniform).sum())
        # whom a uniform negative stands for: 36 people less itself, its friends and the hard negatives
        assert np.exp(weights[uniform]) == pytest.approx((36 - 1 - neighbours - hard) / 8, rel=1e-4)


def test_some_who_lost_no_link_have_lists_of_uniform_negatives_alone() -> None:
    data = friends_graph()
    problem = LinkProblem.from_graph(data, data.targets[0])
    held, rest = problem.train[:10], problem.train[10:]
    settings = RankerSettings(hard=10, uniform=8, others=0.5)
    features = build_features(problem, rest, {}, settings.pairs, 0)
    lists = training_lists(problem, features, held, rest, settings, 0)
    losers = np.unique(np.concatenate([held.source, held.target]))
    # nine lost a friend, so half of nine, rounded to the even four, are drawn beside them
    assert (len(losers), len(lists.negatives)) == (9, 13)
    without = np.setdiff1d(np.arange(13), lists.owner)
    assert len(without) == 4
    drawn = np.isfinite(lists.log_weight[without])
    assert drawn.sum() == 4 * 8
    assert np.array_equal(drawn, lists.uniform[without])


def test_lists_without_a_link_teach_that_their_pairs_are_none() -> None:
    # two negatives that score 0: the mean of ln(1 + e⁰), twice what weighs 2
    none, minus = torch.zeros(0), torch.zeros(1, 2)
    weights, uniform = torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool)
    owner = torch.zeros(0, dtype=torch.int64)
    loss = ranker_training.ranking_loss(none, minus, owner, weights, uniform, bce=2.0)
    assert float(loss) == pytest.approx(2 * math.log(2))


def test_out_of_time_a_ranker_learns_from_the_lists_that_have_come() -> None:
    data = films_graph()
    problem = LinkProblem.from_graph(data, data.targets[0])
    recipe = RankerSettings(others=0.0)
    held, rest = problem.train[:10], problem.train[10:]
    features = build_features(problem, rest, {}, recipe.pairs, 0)
    every = training_lists(problem, features, held, rest, recipe, 0)
    fewer = training_lists(problem, features, held, rest, recipe, 0, Watch(out_of_time=lambda: True))
    # one block of users is all; films are not asked any more
    assert len(fewer.negatives) == len(np.unique(held.source))
    assert len(every.negatives) == len(np.unique(held.source)) + len(np.unique(held.target))


def test_epochs_of_a_ranker_are_compared_by_how_likely_links_are_among_the_candidates_of_their_lists() -> None:
    torch = pytest.importorskip("torch")
    one, pair = np.ones((2, 1), np.float32), np.zeros((2, 2, 1), np.float32)
    stands_for = np.array([[1, 3], [1, 1]], np.float32)
    lists = Lists(one, np.array([0, 1]), pair, np.log(stands_for), np.zeros((2, 2), bool))
    learner = ranker_training.ScorerLearner(lists, None, RankerSettings(), 0)
    for name, weight in learner.trained.items():
        weight.data.fill_(float(name == "linear"))
    # scores are the features: e¹ beside e⁰ of one candidate and of another that stands for three; in the second list
    # there is no other
    learner.judged = {
        "positives": torch.ones(2, 1),
        "owner": torch.tensor([0, 1]),
        "negatives": torch.zeros(2, 2, 1),
        "log_weight": torch.tensor([[0.0, math.log(3)], [0.0, -math.inf]]),
        "uniform": torch.tensor([[False, True], [False, False]]),
    }
    expected = (math.log(math.e / (math.e + 1 + 3)) + math.log(math.e / (math.e + 1))) / 2
    assert learner.validated() == pytest.approx(expected, rel=1e-6)


def test_who_is_linked_with_everybody_costs_nothing_and_moves_no_weight() -> None:
    plus, minus = torch.tensor([0.5, 2.0], requires_grad=True), torch.zeros(2, 2, requires_grad=True)
    log_weight = torch.tensor([[0.0, 0.0], [-math.inf, -math.inf]])
    loss = ranker_training.ranking_loss(
        plus, minus, torch.tensor([0, 1]), log_weight, torch.zeros(2, 2, dtype=torch.bool), 0.3
    )
    # two rivals of score 0 against .5, and none: the mean of ln(1 + 2 / e^.5) and 0
    assert float(loss.detach()) == pytest.approx(math.log1p(2 / math.exp(0.5)) / 2)
    loss.backward()  # type: ignore[no-untyped-call]
    assert minus.grad is not None
    assert plus.grad is not None
    assert minus.grad[1].tolist() == [0, 0]
    assert plus.grad[1] == 0


def test_shared_and_own_negatives_cost_the_same_where_they_are_the_same() -> None:
    torch = pytest.importorskip("torch")
    from training_scripts.graph_ml.models.settings import GraphSettings
    from training_scripts.graph_ml.training.links.gnn import contrast

    generator = torch.Generator().manual_seed(0)
    query, true, pool = (torch.randn(n, 4, generator=generator) for n in (3, 3, 6))
    ids = torch.tensor([1, 2, 1])
    shared = contrast(query, true, ids, pool, 100, GraphSettings(neg_share=True))
    own = contrast(query, true, ids, pool.repeat(3, 1), 100, GraphSettings(neg_share=False))
    assert float(shared) == pytest.approx(float(own), rel=1e-6)
    # edges 0 and 2 have one partner, so neither is a negative of the other
    alone = contrast(query[[0, 2]], true[[0, 2]], ids[[0, 2]], pool, 100, GraphSettings(in_batch_negs=True))
    without = contrast(query[[0, 2]], true[[0, 2]], ids[[0, 2]], pool, 100, GraphSettings(in_batch_negs=False))
    assert float(alone) == pytest.approx(float(without), rel=1e-6)


def test_the_scorer_in_numpy_is_the_scorer_in_torch() -> None:
    torch = pytest.importorskip("torch")
    weights = ranker_training.initial_weights(5, 32, torch.Generator().manual_seed(0))
    arrays = {name: value.detach().numpy() for name, value in weights.items()}
    x = np.random.default_rng(0).normal(size=(5, 40, 3)).astype(np.float32)
    scorer = PairScorer(np.zeros(5, np.float32), np.ones(5, np.float32), arrays)
    expected = ranker_training.score(weights, torch.from_numpy(x.transpose(1, 2, 0).copy())).detach().numpy()
    assert scorer(x) == pytest.approx(expected, abs=1e-5)


def test_calibration_agrees_with_sklearns_logistic_regression() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(0)
    positive, negative = rng.normal(2, 1, 400), rng.normal(0, 1, 400)
    ours = Calibration.fit(positive, negative)
    judge = linear_model.LogisticRegression(C=1e6).fit(
        np.concatenate([positive, negative])[:, None], [1] * 400 + [0] * 400
    )
    assert ours.slope == pytest.approx(judge.coef_[0, 0], rel=0.03)
    assert ours.offset == pytest.approx(judge.intercept_[0], rel=0.03)


def test_what_is_to_beat_is_told_before_anything_is_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = friends_graph()
    train(data, tmp_path, "--model", "distmult", "--num-epochs", "1")
    log = capsys.readouterr().out
    told = re.search(r"to beat, MRR on links to choose by: Adamic–Adar ([\d.]+), L3 [\d.]+\n", log)
    assert told is not None
    assert told.start() < log.index("validation mrr=")
    # networkx counts, and the ranks are counted anew
    problem = LinkProblem.from_graph(data, data.targets[0])
    judge = nx.Graph(list(zip(problem.train.source.tolist(), problem.train.target.tolist(), strict=True)))
    judge.add_nodes_from(range(36))
    known = judge.copy()
    known.add_edges_from(zip(problem.choose.source.tolist(), problem.choose.target.tolist(), strict=True))
    reciprocal = []
    for link in zip(problem.choose.source.tolist(), problem.choose.target.tolist(), strict=True):
        for source, true in (link, link[::-1]):
            rivals = [one for one in range(36) if one not in (source, true) and not known.has_edge(source, one)]
            # networkx refuses none of these pairs: they are not linked in what is trained on
            scores = {v: s for _, v, s in nx.adamic_adar_index(judge, [(source, v) for v in [*rivals, true]])}
            own = scores[true]
            above = sum(scores[one] > own + 1e-5 for one in rivals)
            same = sum(abs(scores[one] - own) <= 1e-5 for one in rivals)
            reciprocal.append(1 / (1 + above + same / 2))
    assert float(told[1]) == pytest.approx(sum(reciprocal) / len(reciprocal), rel=1e-3)


def test_a_ranker_learns_who_belongs_together(ranked_friends: Path) -> None:
    metrics = ModelFolder(ranked_friends).metrics
    # a blind guess among 35 has an MRR of about .12
    assert metrics.splits["test"]["mrr"] > 0.25
    assert set(metrics.floors["test"]) == {"adamic_adar", "l3", "ease"}


def test_a_stack_says_how_much_the_network_counts(stacked_films: Path) -> None:
    folder = ModelFolder(stacked_films)
    (link,) = folder.description.details["links"]
    assert link["scorer"]["kind"] == "stack"
    assert any("weighs the network" in note for note in folder.metrics.notes)
    assert (stacked_films / "code" / "serve.py").exists()


@pytest.mark.parametrize("arguments", [("pair-ranker",), ("rgcn", "--batch-size", "16", "--fanout", "2,2")])
def test_the_same_seed_gives_the_same_bytes(arguments: tuple[str, ...], tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        folder = train(films_graph(), tmp_path / name, "--num-epochs", "2", "--model", *arguments)
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".npy", ".safetensors", ".parquet"))
        digests.append([(path.relative_to(folder), hashlib.sha256(path.read_bytes()).hexdigest()) for path in files])
    assert digests[0] == digests[1]


def test_relations_that_exclude_each_other_are_told_apart(tmp_path: Path) -> None:
    # people rate films of their own kind and avoid those of the next one
    rng, avoided = np.random.default_rng(3), EdgeType("User", "avoids", "Movie")
    people, edges = np.arange(60), {}
    for kind, shift in ((RATED, 0), (avoided, 1)):
        films = np.array([rng.choice(10, 5, replace=False) * 4 + (person + shift) % 4 for person in people])
        edges[kind] = EdgeList(np.repeat(people, 5), films.ravel())
    graph = GraphData(
        node_ids={"Movie": [f"m{i}" for i in range(40)], "User": [f"u{i}" for i in people]},
        num_nodes={"Movie": 40, "User": 60},
        edges=edges,
        splits={Target("link_prediction", kind): split_of(300) for kind in edges},
    )
    model = train(graph, tmp_path, "--model", "rgcn", "--num-epochs", "12", "--num-hidden", "32", "--batch-size", "32")
    asked = [
        (f"u{person}", f"m{(28 + person + shift) % 40}", name)
        for name, shift in (("rated", 0), ("avoids", 1))
        for person in range(0, 60, 2)
    ]
    items = [{"headNodeId": head, "tailNodeId": tail} for head, tail, _ in asked]
    body = {"version": "v1", "mode": "predict_relation", "data": {"globalParameters": {"topk": 1}, "edges": items}}
    found = load_predictor(model).answer(EndpointRequest.model_validate(body)).output.edges or []
    assert np.mean([one.results[0].value == name for one, (_, _, name) in zip(found, asked, strict=True)]) >= 0.9


def test_a_network_tells_a_link_from_its_opposite(tmp_path: Path) -> None:
    # everybody reports to half of the next of six groups; the dot product of two vectors would rank both ways alike
    links = in_groups(step=1)
    graph = GraphData(
        node_ids={"User": [f"u{i}" for i in range(60)]},
        num_nodes={"User": 60},
        edges={FRIEND: EdgeList(links[:, 0], links[:, 1])},
        splits={Target("link_prediction", FRIEND): split_of(len(links))},
    )
    model = train(graph, tmp_path, "--model", "rgcn", "--num-hidden", "16", "--num-epochs", "25")
    asked = [f"u{person}" for person in range(0, 60, 3)]
    predictor = load_predictor(model)
    for end, mode, step in (("headNodeId", "predict_tail", 1), ("tailNodeId", "predict_head", -1)):
        data = {"globalParameters": {"topk": 3}, "nodes": [{end: name} for name in asked]}
        body = {"version": "v1", "mode": mode, "data": data}
        output = predictor.answer(EndpointRequest.model_validate(body)).output
        groups = [[int(str(one.node_id)[1:]) % 6 for one in answer.results] for answer in output.nodes or []]
        wanted = [[(int(name[1:]) + step) % 6] * 3 for name in asked]
        assert np.mean(np.array(groups) == wanted) >= 0.95, mode


def test_a_batch_of_a_large_graph_reaches_no_more_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward, reached = Network.forward, []

    def watched(
        self: Network, nodes: np.ndarray | None, blocks: list[Block]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        if torch.is_grad_enabled():
            reached.append(self.space.total if nodes is None else len(nodes))
        return forward(self, nodes, blocks)

    monkeypatch.setattr(Network, "forward", watched)
    arguments = (
        "--model",
        "graphsage",
        "--num-epochs",
        "1",
        "--batch-size",
        "4",
        "--num-negs",
        "2",
        "--num-hidden",
        "8",
    )
    train(friends_graph(), tmp_path / "whole", *arguments)
    assert set(reached) == {36}
    reached.clear()
    monkeypatch.setattr(gnn, "FULL_ENTRIES", 0)
    # at most 12 seeds: with one neighbour each, and one of each of those, four times as many would be reached
    monkeypatch.setattr(gnn, "MOST_REACHED", 1)
    monkeypatch.setattr(Network, "embed", lambda self, graph: np.zeros((36, 64), dtype=np.float32))
    train(friends_graph(), tmp_path / "bounded", *arguments)
    assert min(reached) < max(reached)
    assert sum(reached) / len(reached) < 33


def test_learned_vectors_in_files_are_those_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--model", "rgcn", "--num-epochs", "3", "--num-hidden", "8", "--concat-node-embed", "True")
    held = ModelFolder(train(friends_graph(), tmp_path / "memory", *arguments))
    steps, filed_at, used = RowAdam.step, set(), set()

    def room(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> np.ndarray:
        made = scratch.room(shape, dtype)
        filed_at.update({made.ctypes.data} if scratch.is_mapped(made) else ())
        return made

    def watched(self: RowAdam, rows: torch.Tensor, gradient: torch.Tensor) -> None:
        used.update(one.data_ptr() for one in (self.table, self.first, self.second))
        steps(self, rows, gradient)

    monkeypatch.setattr(devices, "room", room)
    monkeypatch.setattr(RowAdam, "step", watched)
    monkeypatch.setattr(scratch, "LARGE", 36 * 8 * 4)
    filed = ModelFolder(train(friends_graph(), tmp_path / "files", *arguments))
    assert filed.array("table").tobytes() == held.array("table").tobytes()
    assert len(used) == 3
    assert used <= filed_at


def test_an_interrupted_trial_starts_again_cleanly(tmp_path: Path) -> None:
    (tmp_path / "model" / ".new").mkdir(parents=True)
    (tmp_path / "model" / ".new" / "half.npy").write_text("rubbish")
    with pytest.raises(FileNotFoundError, match="did not finish"):
        ModelFolder(tmp_path / "model")
    folder = train(friends_graph(), tmp_path, "--model", "pair-ranker")
    assert ModelFolder(folder).description.model == "pair-ranker"
    assert not (folder / ".new").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--model", "gpt"], "unknown model 'gpt'"),
        (["--lr", "fast"], "hyperparameter lr is 'fast'"),
        (["--use-self-loop", "perhaps"], "must be a bool"),
        (["--num-layer", "0"], "must be at least 1"),
        (["--model", "rgcn", "--decoder", "dots"], "decoder is dots; it must be one of auto, dot, distmult"),
        (["--task", "node_class"], "no target for node_class"),
    ],
)
def test_wrong_hyperparameters_are_named(arguments: list[str], words: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=words):
        train(friends_graph(), tmp_path, *arguments)


def test_too_few_edges_are_refused_with_their_number(tmp_path: Path) -> None:
    data = friends_graph()
    from dataclasses import replace

    from training_scripts.graph_ml.graph import EdgeList, Split

    target = data.targets[0]
    none = np.empty(0, dtype=np.int64)
    tiny = replace(
        data,
        edges={FRIEND: EdgeList(np.array([0]), np.array([1]))},
        edge_ids={},
        splits={target: Split(np.array([0]), none, none)},
    )
    with pytest.raises(JobError, match="has 1 training edges"):
        train(tiny, tmp_path, "--model", "pair-ranker")
