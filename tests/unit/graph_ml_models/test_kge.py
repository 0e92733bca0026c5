"""Knowledge-graph embeddings: formulas by hand, training, and the same scores in torch and numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from small_graphs import FRIEND, RATED, films_graph, split_of, train

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Split, Target
from training_scripts.graph_ml.group import ALONE, RowShards
from training_scripts.graph_ml.links import LinkProblem
from training_scripts.graph_ml.models.families import families, family_of
from training_scripts.graph_ml.models.family import KnowledgeFamily
from training_scripts.graph_ml.models.link_scorers import EmbeddingScorer
from training_scripts.graph_ml.models.settings import parse
from training_scripts.graph_ml.predict import Incompatible, load_predictor
from training_scripts.graph_ml.schemas import EndpointRequest
from training_scripts.graph_ml.training.links.kge import (
    KgeLearner,
    KgeLinks,
    batches,
    by_types,
    fresh,
    queries,
    rivals_of,
)
from training_scripts.graph_ml.training.links.kge_loss import cubes, partner_loss, similarity
from training_scripts.graph_ml.training.stopping import EarlyStop

FOLLOWS = EdgeType("Number", "successor", "Number")
DOUBLE = EdgeType("Number", "double", "Number")


def numbers_graph(size: int = 40, round_and_round: bool = True) -> GraphData:
    """Numbers of five remainders; half of all pairs whose remainders are one, or two, apart, past the last or not."""
    rng = np.random.default_rng(0)
    a, b = np.nonzero(rng.random((size, size)) < 0.5)
    edges, splits = {}, {}
    for kind, step in ((FOLLOWS, 1), (DOUBLE, 2)):
        apart = (b - a) % 5 == step if round_and_round else b % 5 - a % 5 == step
        edges[kind] = EdgeList(a[apart], b[apart])
        splits[Target("link_prediction", kind)] = split_of(int(apart.sum()))
    return GraphData(
        node_ids={"Number": [f"n{i}" for i in range(size)]},
        num_nodes={"Number": size},
        edges=edges,
        splits=splits,
        model_type="kge",
    )


def test_scores_by_hand() -> None:
    # candidates (1, 2) and (0, 1); relation (1, 1) over the query (0, 1)
    embeddings = np.array([[0, 1], [1, 2], [0, 1]], dtype=np.float32)
    relation = np.array([1, 1], dtype=np.float32)
    transe = EmbeddingScorer(embeddings, relation, "transe", gamma=12)
    # (1, 2) is there, and √(1 + 1) from (0, 1)
    found = transe.scores(np.array([0]), slice(1, 3), predict_heads=False)[0]
    assert found == pytest.approx([12, 12 - 2**0.5])
    # heads: (0, 1) − (1, 1) = (−1, 0), at distance √(4 + 4) and √(1 + 1)
    found = transe.scores(np.array([0]), slice(1, 3), predict_heads=True)[0]
    assert found == pytest.approx([12 - 8**0.5, 12 - 2**0.5])
    distmult = EmbeddingScorer(embeddings, np.array([2, 3], dtype=np.float32), "distmult")
    assert distmult.scores(np.array([0]), slice(1, 3), predict_heads=False).tolist() == [[6, 3]]
    # one complex number: i turned by a quarter is −1, at distance √(4 + 4) from 1 + 2i and √2 from i
    quarter = EmbeddingScorer(embeddings, np.array([np.pi / 2], dtype=np.float32), "rotate", gamma=0)
    assert quarter.scores(np.array([0]), slice(1, 3), predict_heads=False)[0] == pytest.approx(
        [-(8**0.5), -(2**0.5)], abs=1e-6
    )
    # i · (2 + 3i) = −3 + 2i; the real part of its product with 1 − 2i is 1, with −i it is 2
    product = EmbeddingScorer(embeddings, np.array([2, 3], dtype=np.float32), "complex")
    assert product.scores(np.array([0]), slice(1, 3), predict_heads=False).tolist() == [[1, 2]]
    # asked by a relation of its own, 1: i with 1 + 2i is 2, with i it is 1
    other = EmbeddingScorer(embeddings, product.relation, "complex", inverse=np.array([1, 0], dtype=np.float32))
    assert other.scores(np.array([0]), slice(1, 3), predict_heads=True).tolist() == [[2, 1]]


COMPLEX = family_of(KnowledgeFamily, "complex")
KNOWLEDGE = [one for one in families() if isinstance(one, KnowledgeFamily)]


@pytest.mark.parametrize("family", KNOWLEDGE, ids=[one.name for one in KNOWLEDGE])
@pytest.mark.parametrize("predict_heads", [False, True])
def test_training_judging_and_serving_score_alike(family: KnowledgeFamily, predict_heads: bool) -> None:
    data = numbers_graph(9)
    problems = [LinkProblem.from_graph(data, target) for target in data.targets]
    rng = torch.Generator().manual_seed(0)
    width, relation_width = family.decoder.widths(4)
    table, relations = torch.randn(9, width, generator=rng), torch.randn(4, relation_width, generator=rng)
    gamma = 0.0 if family.decoder.compare == "dot" else 5.0
    model = KgeLinks(
        problems, family, RowShards.of(table, ALONE), relations, [problem.edge_type for problem in problems], gamma
    )
    served = model.scorer(1).scores(np.arange(3), slice(0, 9), predict_heads)
    number = torch.ones(3, dtype=torch.int64)
    query = queries(model, table[:3], number, relations[number], predict_heads)
    trained = similarity(query, table, family.decoder, gamma)
    assert served == pytest.approx(trained.numpy(), abs=1e-4)
    assert served == pytest.approx(model.own_scores(1, np.arange(3), predict_heads), abs=1e-4)


@pytest.mark.parametrize("family", KNOWLEDGE, ids=[one.name for one in KNOWLEDGE])
def test_a_link_scores_the_same_asked_from_either_end_or_has_a_relation_for_each(family: KnowledgeFamily) -> None:
    rng = np.random.default_rng(0)
    width, relation_width = family.decoder.widths(4)
    table = rng.normal(size=(2, width)).astype(np.float32)
    relation = rng.normal(size=relation_width).astype(np.float32)
    scorer = EmbeddingScorer(table, relation, family.decoder.name, 5.0)
    tail = scorer.scores(np.array([0]), slice(1, 2), predict_heads=False)
    head = scorer.scores(np.array([1]), slice(0, 1), predict_heads=True)
    assert tail == pytest.approx(head, abs=1e-4)


# DistMult scores both directions alike, so it cannot learn who follows whom; equal steps of TransE never lead back
@pytest.mark.parametrize(("model", "round_and_round"), [("transe", False), ("rotate", True), ("complex", True)])
def test_relations_with_a_direction_are_learned_and_told_apart(
    model: str, round_and_round: bool, tmp_path: Path
) -> None:
    arguments = ["--num-epochs", "40", "--lr", "0.1", "--num-hidden", "32", "--batch-size", "32", "--num-negs", "32"]
    alone = ["--enable-early-stop", "false", "--use-floors", "false"]
    folder = train(numbers_graph(round_and_round=round_and_round), tmp_path, "--model", model, *alone, *arguments)
    metrics = ModelFolder(folder).metrics
    # a blind guess among 39 has an MRR of about .11
    assert metrics.splits["valid"]["mrr"] > 0.2
    body = {
        "mode": "predict_tail",
        "data": {"globalParameters": {"edgeType": "successor"}, "edges": [{"headNodeId": "n3"}]},
    }
    answer = load_predictor(folder).answer(EndpointRequest.model_validate(body))
    assert answer.output.nodes is not None
    assert answer.output.nodes[0].results[0].node_id in {f"n{i}" for i in range(4, 40, 5)}


def test_the_price_of_a_triple_is_the_cubes_of_its_absolute_values() -> None:
    # |3 + 4i| = 5 and |1| = 1; as real numbers 27 + 1 + 64
    assert cubes(torch.tensor([[3.0, 1.0, 4.0, 0.0]]), paired=True).tolist() == pytest.approx([126])
    assert cubes(torch.tensor([[3.0, -1.0, -4.0, 0.0]]), paired=False).tolist() == pytest.approx([92])
    data = numbers_graph(9)
    problems = [LinkProblem.from_graph(data, target) for target in data.targets]
    edges = {problem.edge_type: problem.train for problem in problems}
    (group,) = by_types(edges, problems[0])
    losses = {}
    for price in (0.0, 0.5):
        settings, _ = parse(COMPLEX.settings, {"regularization-coef": str(price), "num-negs": "4", "num-hidden": "2"})
        model = fresh(COMPLEX, settings, problems, list(edges), 9)
        model.table.mul_(100)
        model.relations *= 100
        chosen = np.array([0, 1])
        touched = [model.table[group.pairs.source[chosen]], model.relations[group.relation[chosen]]]
        touched.append(model.table[group.pairs.target[chosen]])
        paid = sum(float(cubes(part, paired=True).sum()) for part in touched)
        losses[price] = KgeLearner(model, [group], settings).step((group, chosen, False))
    assert losses[0.5] - losses[0.0] == pytest.approx(0.5 * paid / 2, rel=1e-4)


@pytest.mark.parametrize("compare", ["transe", "distmult"])
@pytest.mark.parametrize("everyone", [True, False])
def test_the_loss_is_the_surprise_at_the_true_partner_among_its_rivals(compare: str, everyone: bool) -> None:
    formula, rng = family_of(KnowledgeFamily, compare).decoder, torch.Generator().manual_seed(0)
    query, answer, rivals = (torch.randn(n, 5, generator=rng).requires_grad_() for n in (3, 4, 7))
    which = torch.tensor([0, 2, 2, 1])

    def score(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return -(one - other).square().sum(dim=-1) if formula.compare == "l2" else (one * other).sum(dim=-1)

    judged = torch.zeros(())
    for triple, row in enumerate(which.tolist()):
        own, others = score(query[row], answer[triple]), score(query[row], rivals)
        stand = others if everyone else torch.cat([own.view(1), others])
        judged = judged + torch.logsumexp(stand, dim=0) - own
    expected = torch.autograd.grad(judged, (query, answer, rivals))
    loss = partner_loss(query, answer, which, rivals, formula, everyone, halved=False)
    assert loss.item() == pytest.approx(judged.item(), rel=1e-5)
    for ours, theirs in zip(torch.autograd.grad(loss, (query, answer, rivals)), expected, strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), abs=1e-4)


@pytest.mark.parametrize("compare", ["transe", "distmult"])
def test_products_in_half_precision_change_the_gradient_by_a_hundredth(compare: str) -> None:
    formula, rng = family_of(KnowledgeFamily, compare).decoder, torch.Generator().manual_seed(0)
    query, answer, rivals = (torch.randn(n, 64, generator=rng).div(4).requires_grad_() for n in (5, 5, 2**14))
    found = []
    for halved in (False, True):
        loss = partner_loss(query, answer, torch.arange(5), rivals, formula, True, halved)
        found.append((loss, *torch.autograd.grad(loss, (query, rivals))))
    for whole, half in zip(*found, strict=True):
        assert 0 < ((whole - half).norm() / whole.norm()).item() < 0.01


def test_untrained_angles_point_everywhere_and_untrained_vertices_lie_close_together() -> None:
    data = numbers_graph(9)
    problems = [LinkProblem.from_graph(data, target) for target in data.targets]
    rotate = family_of(KnowledgeFamily, "rotate")
    settings, _ = parse(rotate.settings, {"num-hidden": "256"})
    model = fresh(rotate, settings, problems, [problem.edge_type for problem in problems], 9)
    # of 512 uniform angles a quarter lies in each quarter of the circle, ± 10 each
    quarters = torch.histc(model.relations, bins=4, min=-np.pi, max=np.pi)
    assert quarters.sum() == 512
    assert (quarters - 128).abs().max() < 40
    assert model.table.std().item() == pytest.approx(rotate.start, rel=0.1)


def test_an_epoch_asks_about_both_ends_of_every_triple_and_keeps_those_together_that_ask_the_same() -> None:
    data = numbers_graph()
    problems = [LinkProblem.from_graph(data, target) for target in data.targets]
    (group,) = by_types({problem.edge_type: problem.train for problem in problems}, problems[0])
    found = list(batches([group], 16, np.random.default_rng(0)))
    assert max(len(chosen) for _, chosen, _ in found) == 16
    for predict_heads in (False, True):
        parts = [chosen for _, chosen, heads in found if heads == predict_heads]
        assert sorted(np.concatenate(parts).tolist()) == list(range(len(group.pairs)))
        questions = [set(zip(group.asked(part, predict_heads)[0], group.relation[part], strict=True)) for part in parts]
        # a question is cut by the end of a batch at most once, for none has more than sixteen answers
        assert sum(map(len, questions)) <= len(set().union(*questions)) + len(parts) - 1


def test_as_many_rivals_as_there_are_vertices_are_all_of_them_but_those_that_are_gone() -> None:
    rng, gone = np.random.default_rng(0), np.array([4, 20])
    rivals, everyone = rivals_of(slice(3, 8), 5, rng, gone)
    assert (rivals.tolist(), everyone) == ([3, 5, 6, 7], True)
    drawn, everyone = rivals_of(slice(3, 8), 4, rng, gone)
    assert len(drawn) == 4
    assert not everyone
    assert set(drawn.tolist()) <= {3, 5, 6, 7}


def test_a_vertex_without_a_vector_cannot_be_asked_about(tmp_path: Path) -> None:
    # long enough to answer itself, and not by a floor that knows structure
    arguments = ["--num-epochs", "40", "--lr", "0.1", "--num-hidden", "32", "--batch-size", "32", "--num-negs", "32"]
    folder = train(numbers_graph(), tmp_path, "--model", "complex", *arguments)
    assert not ModelFolder(folder).description.details["inductive"]
    graph = {
        "nodes": [{"nodeId": "new", "nodeType": "Number"}],
        "edges": [{"edgeType": ["Number", "successor", "Number"], "headNodeId": "new", "tailNodeId": "n3"}],
    }
    body = {"mode": "predict_tail", "data": {"edges": [{"headNodeId": "new"}], "graph": graph}}
    with pytest.raises(Incompatible, match="only vertices it was trained on"):
        load_predictor(folder).answer(EndpointRequest.model_validate(body))


def test_in_a_knowledge_graph_edges_have_a_direction_and_friendships_have_none() -> None:
    kge, films = numbers_graph(), films_graph()
    assert LinkProblem.from_graph(kge, kge.targets[0]).directed
    links = Target("link_prediction", FRIEND)
    whole = Split(np.arange(len(films.edges[FRIEND])), np.empty(0, np.int64), np.empty(0, np.int64))
    problem = LinkProblem.from_graph(GraphData(**{**films.__dict__, "splits": {links: whole}}), links)
    assert not problem.directed
    assert not LinkProblem.from_graph(films, Target("link_prediction", RATED)).homogeneous


def test_training_stops_when_an_evaluation_is_below_the_mean_of_the_last_three() -> None:
    stop = EarlyStop(window=3)
    told = [stop.worse(score) for score in (0.1, 0.3, 0.2, 0.25, 0.2)]
    # .25 against (.1 + .3 + .2) / 3 = .2 goes on; .2 against (.3 + .2 + .25) / 3 = .25 stops
    assert told == [False, False, False, False, True]
    assert stop.best == 0.3
    assert not EarlyStop(window=0).worse(-1.0)
