"""DGL and its twin do the same; samples leave out what they must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_graphs import FRIEND, RATED, films_graph

from training_scripts.graph_ml.links import Pairs, numbered
from training_scripts.graph_ml.message_passing import (
    Backend,
    Neighbours,
    available,
    edge_softmax,
    mean_neighbours,
    sum_neighbours,
    weighted_sum,
)
from training_scripts.graph_ml.models.families import families, family_of
from training_scripts.graph_ml.models.family import GraphFamily, Size
from training_scripts.graph_ml.models.network.encoder import Encoder
from training_scripts.graph_ml.models.network.rounds import RoundModule
from training_scripts.graph_ml.models.settings import parse
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.sampling import MessageGraph, Relation, full_block, sample_blocks

EDGES = Pairs(np.array([0, 0, 1, 2, 3, 4]), np.array([1, 2, 2, 3, 4, 0]))


GRAPH_FAMILIES = [one for one in families() if isinstance(one, GraphFamily)]


def message_graph() -> MessageGraph:
    return MessageGraph.from_edges({FRIEND: EDGES}, 5, {FRIEND: False})


def encoder_of(family: GraphFamily) -> tuple[MessageGraph, Encoder, torch.Tensor]:
    """A message graph, an untrained encoder of a family over it, and input vectors."""
    torch.manual_seed(0)
    graph = message_graph()
    settings, _ = parse(family.settings, {"num-hidden": "8", "num-bases": "2"})
    encoder = Encoder(family, settings, {"User": {}}, list(graph.relations), ["User"]).eval()
    return graph, encoder, torch.randn(5, 8)


def test_sums_and_means_by_hand() -> None:
    # row 0 hears sources 1 and 2, row 1 nobody, row 2 source 0 twice
    neighbours = Neighbours(torch.tensor([0, 2, 2, 4]), torch.tensor([1, 2, 0, 0]), 3)
    x = torch.tensor([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]], requires_grad=True)
    assert sum_neighbours(neighbours, x).tolist() == [[6, 60], [0, 0], [2, 20]]
    means = mean_neighbours(neighbours, x)
    assert means.tolist() == [[3, 30], [0, 0], [1, 10]]
    means.sum().backward()
    # source 0 is the whole mean of row 2, sources 1 and 2 half of row 0's each
    assert x.grad is not None
    assert x.grad.tolist() == [[1, 1], [0.5, 0.5], [0.5, 0.5]]


def test_attention_by_hand() -> None:
    # row 0 hears sources 1 and 2 with e^0 and e^(ln 3): a quarter and three; row 2 hears source 0 alone
    neighbours = Neighbours(torch.tensor([0, 2, 2, 3]), torch.tensor([1, 2, 0]), 3)
    scores = torch.tensor([[0.0], [np.log(3.0)], [1000.0]], dtype=torch.float32, requires_grad=True)
    shares = edge_softmax(neighbours, scores)
    assert shares[:, 0].tolist() == pytest.approx([0.25, 0.75, 1.0])
    x = torch.tensor([[[1.0]], [[4.0]], [[8.0]]], requires_grad=True)
    out = weighted_sum(neighbours, x, shares)
    assert out[:, 0, 0].tolist() == pytest.approx([7.0, 0.0, 1.0])
    out.sum().backward()
    assert x.grad is not None
    assert scores.grad is not None
    assert x.grad[:, 0, 0].tolist() == pytest.approx([1.0, 0.25, 0.75])
    # d/ds of a share times the value is share · (value − mean): ¼ · (4 − 7), ¾ · (8 − 7), and nothing where it is alone
    assert scores.grad[:, 0].tolist() == pytest.approx([-0.75, 0.75, 0.0], abs=1e-5)


@pytest.fixture
def random_neighbours() -> Neighbours:
    generator = torch.Generator().manual_seed(0)
    counts = torch.randint(0, 5, (40,), generator=generator)
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cumsum(counts, 0)])
    return Neighbours(indptr, torch.randint(0, 60, (int(indptr[-1]),), generator=generator), 60)


@pytest.mark.skipif("dgl" not in available(), reason="DGL is not installed here; the twin stands alone")
@pytest.mark.parametrize("width", [1, 4])
def test_attention_of_dgl_and_its_twin_agrees_in_values_and_gradients(
    random_neighbours: Neighbours, width: int
) -> None:
    generator = torch.Generator().manual_seed(1)
    edges = len(random_neighbours.indices)
    first, logits = torch.randn(60, 3, width, generator=generator), 5 * torch.randn(edges, 3, generator=generator)
    wanted = torch.randn(40, 3, width, generator=generator)
    found = []
    backends: tuple[Backend, ...] = ("dgl", "torch")
    for backend in backends:
        x, scores = first.clone().requires_grad_(), logits.clone().requires_grad_()
        shares = edge_softmax(random_neighbours, scores, backend)
        out = weighted_sum(random_neighbours, x, shares, backend)
        (out * wanted).sum().backward()
        found.append((shares.detach(), out.detach(), x.grad, scores.grad))
    for ours, theirs in zip(*found, strict=True):
        assert ours is not None
        assert theirs is not None
        assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.skipif("dgl" not in available(), reason="DGL is not installed here; the twin stands alone")
def test_dgl_and_its_twin_agree_in_values_and_gradients(random_neighbours: Neighbours) -> None:
    generator, neighbours = torch.Generator().manual_seed(0), random_neighbours
    wanted = torch.randn(40, 7, generator=generator)
    values, gradients = [], []
    for backend in ("dgl", "torch"):
        x = torch.randn(60, 7, generator=torch.Generator().manual_seed(1)).requires_grad_()
        out = mean_neighbours(neighbours, x, backend)  # type: ignore[arg-type]
        (out * wanted).sum().backward()
        values.append(out.detach())
        gradients.append(x.grad)
    assert torch.allclose(values[0], values[1], atol=1e-5)
    assert torch.allclose(gradients[0], gradients[1], atol=1e-5)


@pytest.mark.skipif("dgl" not in available(), reason="DGL is not installed here; the twin stands alone")
@pytest.mark.parametrize("family", GRAPH_FAMILIES, ids=[one.name for one in GRAPH_FAMILIES])
def test_an_encoder_gives_the_same_vectors_on_both_backends(family: GraphFamily) -> None:
    graph, encoder, x = encoder_of(family)
    blocks = [full_block(graph)] * encoder.depth
    assert torch.allclose(encoder(blocks, x, "dgl"), encoder(blocks, x, "torch"), atol=1e-5)


def one_round(name: str, graph: MessageGraph, ends: tuple[tuple[int, int], ...], **settings: str) -> RoundModule:
    """The last and only round of a family over two vertex types, vectors of four numbers, drawn weights."""
    torch.manual_seed(0)
    chosen = family_of(GraphFamily, name)
    parsed, _ = parse(chosen.settings, {"num-hidden": "4", **settings})
    module = RoundModule(chosen, list(graph.relations), Size(len(ends), ends, 2, 4, 0, True, parsed), {})
    for weight in module.weights.values():
        torch.nn.init.normal_(weight)
    return module


@pytest.mark.parametrize("family", GRAPH_FAMILIES, ids=[one.name for one in GRAPH_FAMILIES])
def test_of_all_rounds_of_an_encoder_the_last_alone_is_the_last(family: GraphFamily) -> None:
    _, encoder, _ = encoder_of(family)
    told = [layer.size.last for layer in encoder.layers if isinstance(layer, RoundModule)]
    assert told == [False] * (encoder.depth - 1) + [True] * min(1, encoder.depth)


def test_graphsage_scales_every_round_but_the_last_to_one_length() -> None:
    graph = MessageGraph.from_edges({FRIEND: Pairs(np.array([0, 1]), np.array([2, 2]))}, 3, {FRIEND: True})
    module = one_round("graphsage", graph, ((0, 0), (0, 0)))
    x, w = torch.randn(3, 4), dict(module.weights.items())
    to, back = w["relations"]
    # vertex 2 hears the mean of 0 and 1; they hear of 2 by the reverse relation
    heard = torch.stack([x[2] @ back, x[2] @ back, (x[0] + x[1]) / 2 @ to])
    raw = x @ w["own"] + heard + w["bias"]
    assert torch.allclose(module(full_block(graph), x, x, "torch", {}), raw, atol=1e-5)
    module.size = replace(module.size, last=False)
    inner = module.eval()(full_block(graph), x, x, "torch", {})
    lit = torch.relu(raw)
    # a vector of four numbers gets the length two, the root of four
    assert torch.allclose(inner, 2 * lit / lit.norm(dim=1, keepdim=True).clamp(min=1e-12), atol=1e-5)


def test_gin_sums_what_each_relation_sends_under_its_perceptron() -> None:
    graph = MessageGraph.from_edges({FRIEND: Pairs(np.array([0, 1]), np.array([2, 2]))}, 3, {FRIEND: True})
    module = one_round("gin", graph, ((0, 0), (0, 0)))
    x = torch.randn(3, 4)
    w = dict(module.weights.items())
    (to, _) = w["relations"]
    # vertex 2 hears 0 and 1, which the reverse relation tells of 2
    inside = torch.relu((1 + w["more"]) * x[2] + (x[0] + x[1]) @ to)
    found = module(full_block(graph), x, x, "torch", {})
    assert torch.allclose(found[2], inside @ w["inner"] + w["bias"], atol=1e-5)


def test_a_lean_gat_weighs_neighbours_and_itself_without_matrices_and_heads_apart() -> None:
    # 0 and 1 are friends, 2 has none
    graph = MessageGraph.from_edges({FRIEND: Pairs(np.array([0]), np.array([1]))}, 3, {FRIEND: False})
    asked = {"num-heads": "2", "lean": "true", "negative-slope": "0.5"}
    module = one_round("gat", graph, ((0, 0),), **asked)
    w, x = dict(module.weights.items()), torch.randn(3, 4)
    module.eval()
    assert set(w) == {"source", "target", "bias"}
    parts = []
    for head in range(2):
        part = x[:, 2 * head : 2 * head + 2]
        told = part[:2] @ w["source"][0, head] + part[0] @ w["target"][0, head]
        share = torch.softmax(torch.where(told > 0, told, 0.5 * told), dim=0)
        parts.append(share @ part[:2])
    found = module(full_block(graph), x, x, "torch", {})
    assert torch.allclose(found[0], torch.cat(parts) + w["bias"], atol=1e-5)
    # alone, a vertex keeps what it is
    assert torch.allclose(found[2], x[2] + w["bias"], atol=1e-5)
    nodes, blocks = sample_blocks(graph, np.array([2]), [0], np.random.default_rng(0))
    assert torch.allclose(module(blocks[0], x[nodes], x[nodes], "torch", {}), found[2:], atol=1e-5)


def test_with_several_relations_a_lean_gat_has_the_matrices_that_tell_them_apart() -> None:
    edges = {FRIEND: Pairs(np.array([0]), np.array([1]))}
    graph = MessageGraph.from_edges(edges, 3, {FRIEND: True})
    assert "relations" in dict(
        one_round("gat", graph, ((0, 0), (0, 0)), **{"num-heads": "2", "lean": "true"}).weights.items()
    )


def test_hgt_lets_all_relations_of_a_vertex_compete() -> None:
    # users 0 and 1 and film 2: user 1 hears of a friend and of a film that were rated
    edges = {FRIEND: Pairs(np.array([0]), np.array([1])), RATED: Pairs(np.array([1]), np.array([2]))}
    graph = MessageGraph.from_edges(edges, 3, {FRIEND: True, RATED: True})
    known = list(graph.relations)
    kinds = {"User": 0, "Movie": 1}
    ends = tuple((kinds[relation.sender], kinds[relation.receiver]) for relation in known)
    module = one_round("hgt", graph, ends, **{"num-heads": "2"})
    w, x = dict(module.weights.items()), torch.randn(3, 4)
    heard = [(known.index(Relation(FRIEND)), 0), (known.index(Relation(RATED, reverse=True)), 2)]
    result = torch.zeros(4)
    for head in range(2):
        part = slice(2 * head, 2 * head + 2)
        asked = (x[1] @ w["query"][0])[part]
        scores, sent = [], []
        for relation, source in heard:
            kind = 0 if source < 2 else 1
            key = (x[source] @ w["key"][kind])[part] @ w["attention"][relation, head]
            scores.append(key @ asked * w["prior"][relation, head] / 2**0.5)
            sent.append((x[source] @ w["value"][kind])[part] @ w["message"][relation, head])
        shares = torch.softmax(torch.stack(scores), dim=0)
        result[part] = shares[0] * sent[0] + shares[1] * sent[1]
    share = torch.sigmoid(w["skip"])
    wanted = share * (result @ w["out"]) + (1 - share) * x[1] + w["bias"]
    assert torch.allclose(module(full_block(graph), x, x, "torch", {})[1], wanted, atol=1e-5)


def test_friendships_are_heard_both_ways_and_ratings_by_two_relations() -> None:
    data = films_graph()
    space = NodeSpace(dict(data.num_nodes))
    graph = MessageGraph.from_edges({kind: numbered(data, kind, space) for kind in data.edge_types}, space.total, {})
    assert set(graph.relations) == {Relation(FRIEND), Relation(RATED), Relation(RATED, reverse=True)}
    assert len(graph.relations[Relation(FRIEND)]) == 2 * len(data.edges[FRIEND])
    assert len(graph.relations[Relation(RATED)]) == len(data.edges[RATED])


def test_a_target_edge_its_copy_and_its_opposite_carry_no_message() -> None:
    edges = Pairs(np.array([0, 1, 0, 2]), np.array([1, 0, 1, 3]))
    graph = MessageGraph.from_edges({FRIEND: edges}, 4, {FRIEND: False})
    excluded = graph.excluding(FRIEND, np.array([0]))
    assert excluded[FRIEND].tolist() == [True, True, True, False]
    hearing = full_block(graph, excluded).relations[Relation(FRIEND)]
    assert hearing.rows.tolist() == [2, 3]
    nodes, blocks = sample_blocks(graph, np.array([0, 1]), [5, 5], np.random.default_rng(0), excluded)
    assert nodes.tolist() == [0, 1]
    assert all(not len(block.relations[Relation(FRIEND)].rows) for block in blocks)


def test_where_direction_matters_the_opposite_edge_still_speaks() -> None:
    edges = Pairs(np.array([0, 1]), np.array([1, 0]))
    graph = MessageGraph.from_edges({FRIEND: edges}, 2, {FRIEND: True})
    excluded = graph.excluding(FRIEND, np.array([0]))
    assert excluded[FRIEND].tolist() == [True, False]


def test_a_sample_is_within_the_fanout_and_without_replacement() -> None:
    hub = Pairs(np.arange(1, 21), np.zeros(20, dtype=np.int64))
    graph = MessageGraph.from_edges({RATED: hub}, 21, {})
    drawn = []
    for seed in range(200):
        _, (block,) = sample_blocks(graph, np.array([0]), [5], np.random.default_rng(seed))
        heard = block.relations[Relation(RATED)].neighbours.indices.tolist()
        assert len(set(heard)) == 5
        edges = block.relations[Relation(RATED)].edges.tolist()
        assert len(set(edges)) == 5
        drawn.extend(edges)
    # 200 draws of 5 from 20: each about 50 times; 25 to 75 is more than four standard deviations
    counts = np.bincount(drawn, minlength=20)
    assert counts.min() > 25
    assert counts.max() < 75


@pytest.mark.parametrize("family", GRAPH_FAMILIES, ids=[one.name for one in GRAPH_FAMILIES])
def test_blocks_that_take_all_neighbours_compute_what_the_whole_graph_does(family: GraphFamily) -> None:
    graph, encoder, x = encoder_of(family)
    whole = encoder([full_block(graph)] * encoder.depth, x, "torch")
    nodes, blocks = sample_blocks(graph, np.array([3, 0]), [0] * encoder.depth, np.random.default_rng(0))
    part = encoder(blocks, x[torch.from_numpy(nodes)], "torch")
    assert torch.allclose(part, whole[torch.tensor([3, 0])], atol=1e-6)
