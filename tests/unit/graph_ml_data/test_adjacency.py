"""Edges by one of their ends: the same as another library arranges them, however few are looked at at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, adjacency
from training_scripts.graph_ml.graph.adjacency import arranged_by
from training_scripts.graph_ml.links import Pairs, numbered
from training_scripts.graph_ml.models.network.network import edge_matrix
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.processing.workspace import Workspace
from training_scripts.graph_ml.sampling import MessageGraph, Relation, full_block, is_one_way, sample_blocks, within
from training_scripts.graph_ml.sampling import blocks as sampling_blocks
from training_scripts.graph_ml.training.labels.trial import messages_of

KNOWS, LIKES = EdgeType("Person", "KNOWS", "Person"), EdgeType("Person", "LIKES", "Book")


def random_graph(seed: int = 0, back: bool = False) -> GraphData:
    """Twenty people who know one another, always both ways where ``back``, and nine books that they like."""
    rng = np.random.default_rng(seed)
    knows = rng.integers(0, 20, (2, 60))
    knows = np.hstack([knows, knows[::-1]]) if back else knows
    likes = np.stack([rng.integers(0, 20, 40), rng.integers(0, 9, 40)])
    return GraphData(
        node_ids={"Person": [f"p{i}" for i in range(20)], "Book": [f"b{i}" for i in range(9)]},
        num_nodes={"Person": 20, "Book": 9},
        edges={KNOWS: EdgeList(*knows), LIKES: EdgeList(*likes)},
    )


@pytest.mark.parametrize("most", [1, 7, 1 << 20])
@pytest.mark.parametrize("read", [5, 1 << 20])
def test_edges_are_arranged_as_scipy_arranges_them(most: int, read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adjacency, "MOST_READ", read)
    rng = np.random.default_rng(1)
    own, others = rng.integers(0, 12, 50), rng.integers(0, 30, 50)
    own[own == 5] = 4  # one has none, another many
    found = arranged_by(own, others, 13, most=most)
    rows = sparse.csr_array((np.arange(50), (own, np.arange(50))), shape=(13, 50))
    assert found.indptr.tolist() == rows.indptr.tolist()
    assert found.edges.tolist() == rows.indices.tolist()
    assert found.others.tolist() == others[rows.indices].tolist()


def test_nothing_arranged_is_nothing() -> None:
    found = arranged_by(np.empty(0, np.int64), np.empty(0, np.int64), 3)
    assert (found.indptr.tolist(), found.others.tolist(), found.edges.tolist()) == ([0, 0, 0, 0], [], [])
    assert arranged_by(found.edges, found.edges, 0).indptr.tolist() == [0]


def test_what_is_arranged_can_lie_in_files(tmp_path: Path) -> None:
    room = Workspace(tmp_path, parked_bytes=1)
    found = arranged_by(np.array([2, 0, 2]), np.array([5, 6, 7]), 3, room.array)
    assert isinstance(found.others, np.memmap)
    assert (found.indptr.tolist(), found.others.tolist(), found.edges.tolist()) == ([0, 1, 1, 3], [6, 5, 7], [1, 0, 2])


def test_a_written_graph_has_its_edges_by_both_ends_in_mapped_files(tmp_path: Path) -> None:
    graph = random_graph()
    graph.write(tmp_path)
    read = GraphData.read(tmp_path)
    for kind in (KNOWS, LIKES):
        for there, own in zip(read.arranged(kind), graph.arranged(kind), strict=True):
            assert all(isinstance(values, np.memmap) for values in (there.indptr, there.others, there.edges))
            assert np.array_equal(there.indptr, own.indptr)
            assert np.array_equal(there.others, own.others)
            assert np.array_equal(there.edges, own.edges)
    incoming, outgoing = read.arranged(LIKES)
    assert np.array_equal(graph.edges[LIKES].target[incoming.edges], np.sort(graph.edges[LIKES].target))
    assert np.array_equal(graph.edges[LIKES].source[outgoing.edges], np.sort(graph.edges[LIKES].source))


def test_the_one_feature_of_edges_is_read_where_it_lies() -> None:
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    made = edge_matrix({"a": values})
    assert made is not None
    assert np.shares_memory(made, values)
    both = edge_matrix({"b": values, "a": values[:, :1]})
    assert both is not None
    assert both.tolist() == [[0, 0, 1], [2, 2, 3], [4, 4, 5]]  # by name


def lists(graph: MessageGraph, seeds: Sequence[int], fanouts: Sequence[int], left_out: int | None) -> list[object]:
    """Everything that two layers of blocks say."""
    excluded = None if left_out is None else graph.excluding(KNOWS, np.array([left_out]))
    nodes, blocks = sample_blocks(graph, np.array(seeds), fanouts, np.random.default_rng(3), excluded)
    told: list[object] = [nodes.tolist()]
    for block in (*blocks, full_block(graph, excluded)):
        for relation, edges in block.relations.items():
            told.append(relation)
            told += [edges.rows.tolist(), edges.neighbours.indptr.tolist(), edges.neighbours.indices.tolist()]
            told += [edges.edges.tolist(), edges.sent.tolist()]
    return told


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("left_out", [None, 4])
@pytest.mark.parametrize("fanouts", [(0, 0), (2, 3)])
def test_messages_read_in_place_are_those_that_are_arranged_in_memory(
    tmp_path: Path, back: bool, left_out: int | None, fanouts: tuple[int, int]
) -> None:
    random_graph(back=back).write(tmp_path)
    graph = GraphData.read(tmp_path)
    space = NodeSpace(dict(graph.num_nodes))
    in_place = messages_of(graph, space)
    edges = {kind: numbered(graph, kind, space) for kind in graph.edge_types}
    in_memory = MessageGraph.from_edges(edges, space.total, {KNOWS: not back, LIKES: True})
    assert in_place.directed == in_memory.directed
    assert in_place.num_entries == in_memory.num_entries
    assert list(in_place.relations) == list(in_memory.relations)
    for relation, entry in in_place.relations.items():
        assert all(isinstance(part.adjacency.others, np.memmap) for part in entry.lists)
        assert entry.received.tolist() == in_memory.relations[relation].received.tolist()
    for seeds in ([3, 25, 0], range(29)):
        assert lists(in_place, seeds, fanouts, left_out) == lists(in_memory, seeds, fanouts, left_out)
    # a person and a book have their own numbers in the space of all
    heard = in_place.relations[Relation(LIKES)]
    rows, entries = heard.entries_of(np.array([20]))
    assert set(rows.tolist()) <= {0}
    assert heard.sources_of(entries).tolist() == graph.edges[LIKES].source[graph.edges[LIKES].target == 0].tolist()


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ([], False),
        ([(0, 1), (1, 2)], False),  # all upwards
        ([(1, 0), (2, 1), (2, 2)], False),  # all downwards, and one to itself
        ([(0, 1), (2, 1)], True),  # some without an opposite, up and down
        ([(0, 1), (1, 0), (1, 0), (2, 2)], False),  # all with their opposites
        ([(0, 1), (1, 0), (0, 2)], True),
    ],
)
@pytest.mark.parametrize("most", [1, 1 << 20])
def test_direction_counts_where_some_edges_have_no_opposite(
    pairs: list[tuple[int, int]], told: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training_scripts.graph_ml.sampling.message_graph.MOST_SORTED", most)
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    assert is_one_way(Pairs(*ends), 3) is told


@pytest.mark.parametrize(
    ("fanouts", "seeds", "relations", "most", "wanted"),
    [
        # 4,096 seeds · (1 + 2·3)² are 200,704; with 4 at the nearer layer they would be 258,048
        ((10, 15), 4096, 2, 250_000, (3, 3)),
        # 100 · (1 + 2·10) · (1 + 2·15) are 65,100
        ((10, 15), 100, 2, 70_000, (10, 15)),
        ((10, 15), 100, 2, 65_000, (10, 14)),
        # the seeds alone are too many: one neighbour each
        ((10, 15, 15), 9000, 2, 100, (1, 1, 1)),
        # all neighbours, as somebody asked for
        ((-1, 15), 100, 1, 300, (-1, 2)),
        ((), 100, 1, 10, ()),
    ],
)
def test_fan_outs_shrink_until_a_batch_fits(
    fanouts: tuple[int, ...], seeds: int, relations: int, most: int, wanted: tuple[int, ...]
) -> None:
    assert within(fanouts, seeds, relations, most) == wanted


def test_drawing_in_parts_is_drawing_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    edges = {KNOWS: Pairs(rng.integers(0, 50, 900), rng.integers(0, 50, 900))}
    graph = MessageGraph.from_edges(edges, 50, {KNOWS: True})

    def drawn() -> list[object]:
        nodes, blocks = sample_blocks(graph, np.arange(40), [4, 3], np.random.default_rng(3))
        messages = [(one.edges.tolist(), one.rows.tolist()) for block in blocks for one in block.relations.values()]
        return [nodes.tolist(), *messages]

    whole = drawn()
    monkeypatch.setattr(sampling_blocks, "AT_ONCE", 7)
    assert drawn() == whole
