"""Training holds little of a large graph: it reads the files of processing, and puts what it makes into files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_graphs import films_graph

from training_scripts.graph_ml import scratch
from training_scripts.graph_ml.graph import GraphData
from training_scripts.graph_ml.judging import ranking
from training_scripts.graph_ml.judging.labels import received, side_by_side
from training_scripts.graph_ml.judging.metrics import Exclusions
from training_scripts.graph_ml.judging.ranking import rank_links
from training_scripts.graph_ml.links import LinkProblem, numbered
from training_scripts.graph_ml.pairs import NodeSpace, PairGraph, fit_ials, ials
from training_scripts.graph_ml.pairs.graph import Floats, Ints
from training_scripts.graph_ml.scratch import is_mapped, joined, parked, picked, room
from training_scripts.graph_ml.training.labels.trial import messages_of
from training_scripts.graph_ml.training.links.gnn import message_graph


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is large, and is looked at three entries at a time."""
    monkeypatch.setattr(scratch, "LARGE", 1)
    monkeypatch.setattr(scratch, "BLOCK", 3)


def test_a_large_array_lies_in_a_file_that_goes_with_it(large: None, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(scratch.tempfile, "tempdir", str(tmp_path))
    found = room((4, 2), np.float32)
    found[:] = 1.5
    view = found[1:, 0]
    assert is_mapped(found)
    assert is_mapped(view)
    assert list(tmp_path.iterdir()) == []  # it has no name already
    del found
    assert view.tolist() == [1.5, 1.5, 1.5]


def test_a_small_array_is_held_and_so_is_one_that_the_disk_has_no_room_for(monkeypatch: Any) -> None:
    assert not is_mapped(room(8, np.int64))
    monkeypatch.setattr(scratch, "LARGE", 1)

    def full(*of: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    found = room(8, np.int64)
    assert (is_mapped(found), len(found)) == (False, 8)


def test_a_system_that_cannot_reserve_a_file_has_it_grow(large: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_fallocate")
    found = room(8, np.int64)
    found[:] = 3
    assert (is_mapped(found), found.sum()) == (True, 24)


def test_what_is_picked_joined_and_parked_is_what_numpy_makes_of_it(large: None) -> None:
    values = np.arange(10) * 3
    mask = values % 2 == 0
    places = np.array([9, 0, 0, 4, 7])
    assert picked(values, mask).tolist() == values[mask].tolist()
    assert picked(values, places).tolist() == values[places].tolist()
    assert picked(values, slice(2, 5)).tolist() == [6, 9, 12]
    assert joined([values, values[:2], values[:0]], np.int64).tolist() == [*values, 0, 3]
    assert parked(values).tolist() == values.tolist()
    assert all(is_mapped(found) for found in (picked(values, mask), picked(values, places), parked(values)))


def test_messages_and_links_are_read_from_the_files_of_processing(tmp_path: Path) -> None:
    films_graph().write(tmp_path)
    graph = GraphData.read(tmp_path)
    space = NodeSpace(dict(graph.num_nodes))
    entries = messages_of(graph, space).relations.values()
    arrays = [part.adjacency for entry in entries for part in entry.lists]
    assert all(is_mapped(values) for one in arrays for values in (one.indptr, one.others, one.edges))
    first = graph.node_types[0]
    sides = [
        side
        for kind in graph.edge_types
        for type_, side in zip((kind.source, kind.target), vars(numbered(graph, kind, space)).values(), strict=False)
        if type_ == first  # numbers of the first type are those of the files
    ]
    assert sides
    assert all(is_mapped(side) for side in sides)


def test_few_queries_at_once_rank_as_many_do(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = films_graph()
    (target,) = graph.targets
    problem = LinkProblem.from_graph(graph, target)
    told = np.random.default_rng(4).random((2, problem.space.total, problem.space.total)).astype(np.float32)

    def scores(sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        return {"drawn": told[int(predict_heads)][sources][:, problem.candidates(predict_heads)]}

    known = problem.before("test")
    every = rank_links(problem, scores, problem.test, known, problem.valid)
    monkeypatch.setattr(ranking, "CELLS", 2 * problem.space.total)
    few = rank_links(problem, scores, problem.test, known, problem.valid)
    assert len(every.ranks["drawn"]) == 2 * len(problem.test) > 20
    assert np.array_equal(every.ranks["drawn"], few.ranks["drawn"])
    assert np.array_equal(every.negative["drawn"], few.negative["drawn"])


def made(graph: GraphData) -> dict[str, Any]:
    """What training makes that is as long as the edges, by name."""
    (target,) = graph.targets
    space = NodeSpace(dict(graph.num_nodes))
    problem = LinkProblem.from_graph(graph, target)
    pairs = PairGraph.from_edges(problem.train.source, problem.train.target, space.total)
    messages = message_graph([problem], only_training=True)
    known = Exclusions.from_edges(space.total, [(problem.train.source, problem.train.target)])
    factors = fit_ials(pairs, 4, 2, np.random.default_rng(0))
    found = {
        "links": problem.train.source,
        "pairs": pairs.adjacency.indices,
        "ones": pairs.adjacency.data,
        "links known": known.indices,
        "heard": received(graph, space, None).indices,
        "factors": factors.left,
        "link numbers": messages.links[target.edge_type],
        "features": side_by_side({"a": np.ones((5, 2), np.float32), "b": np.zeros(5, np.float32)}, 5),
    }
    for relation, entry in messages.relations.items():
        for part in entry.lists:
            found |= {f"{relation} {name}": values for name, values in vars(part.adjacency).items() if len(values)}
    return found


def test_what_training_makes_lies_in_files_and_is_the_same_as_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = films_graph()
    held = made(graph)
    monkeypatch.setattr(scratch, "LARGE", 1)
    monkeypatch.setattr(scratch, "BLOCK", 7)
    monkeypatch.setattr(ials, "SOLVED", 5)
    mapped = made(graph)
    assert not any(is_mapped(values) for values in held.values())
    assert [name for name, values in mapped.items() if not is_mapped(values)] == []
    assert all(np.allclose(held[name], mapped[name], rtol=1e-5) for name in held)
