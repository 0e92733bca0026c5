"""What a vertex has been through before a moment, in numbers worked out by hand, and untouched by what comes later."""

from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest

from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, History, Labels, Split, Target
from training_scripts.graph_ml.graph.history import Past, strands_of
from training_scripts.graph_ml.schemas import HistoryEntry

RATED = EdgeType("User", "rated", "Film")
KNOWS = EdgeType("User", "knows", "User")


def past() -> Past:
    # vertex 0 at 1, 4 and 10 (twice), vertex 2 at 3, an edge of vertex 0 without a time
    vertices = np.array([0, 2, 0, 0, 0, 0])
    times = np.array([10.0, 3.0, 1.0, 4.0, 10.0, -np.inf])
    return Past(vertices, times, np.array([[5.0], [2.0], [1.0], [3.0], [9.0], [100.0]], dtype=np.float32))


def test_counts_age_gap_and_the_last_value_are_told_by_what_came_before() -> None:
    asked, at = np.array([0, 0, 0, 1, 2]), np.array([10.0, 10.5, 1.0, 99.0, 5.0])
    found = past().before(asked, at, [2.0, 7.0], 1.0)
    # columns: in two days, in seven, in all, any, days since the last, days between two, the last value
    expected = [
        [0, log(3 - 1), log(3), 1, log(7), log(4), 3],  # 1 and 4, for 10 is not before 10; from 3 on only that of 4
        [log(3), log(4), log(5), 1, log(1.5), log(4), 7],  # four; 4, 10, 10 in seven days; (10 - 1) / 3; 5 and 9
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [log(2), log(2), log(2), 1, log(3), 0, 2],
    ]
    assert found == pytest.approx(np.array(expected), abs=1e-6)
    assert found.dtype == np.float32


def test_days_are_as_long_as_times_say() -> None:
    seconds = Past(np.array([0, 0]), np.array([0.0, 86_400.0]), np.zeros((2, 0), dtype=np.float32))
    found = seconds.before(np.array([0]), np.array([3 * 86_400.0]), [2.0], 86_400.0)
    assert found[0] == pytest.approx([log(2), log(3), 1, log(3), log(2)], abs=1e-6)


def test_nothing_that_comes_later_changes_a_bit() -> None:
    rng = np.random.default_rng(0)
    vertices, times = rng.integers(0, 20, 500), rng.integers(0, 60, 500).astype(np.float64)
    values = rng.normal(size=(500, 3)).astype(np.float32)
    asked, at = np.arange(20), np.full(20, 30.0)
    later = np.flatnonzero(times >= 30)
    assert len(later) > 100
    other = vertices.copy(), times.copy(), values.copy()
    other[0][later] = rng.permutation(other[0][later])
    other[1][later] += rng.integers(0, 9, len(later))
    other[2][later] = rng.normal(size=(len(later), 3))
    one, two = (Past(*each).before(asked, at, [5.0], 1.0) for each in ((vertices, times, values), other))
    assert one.tobytes() == two.tobytes()
    assert not np.array_equal(one, Past(vertices, times, values).before(asked, at + 9, [5.0], 1.0))


def test_labels_before_a_moment_are_told_by_the_last_ones_and_by_all() -> None:
    found = past().labels_before(np.array([0, 0, 1]), np.array([10.0, 10.5, 99.0]))
    # before 10 the vertex said 1 and 3, at 10 also 5 and 9: the mean of those two is the last, of all four 4.5
    assert found == pytest.approx(np.array([[log(3), 3, 2], [log(5), 7, 4.5], [0, 0, 0]]), abs=1e-6)


def test_no_later_label_changes_a_bit_of_the_mean_of_earlier_ones() -> None:
    rng = np.random.default_rng(1)
    vertices, times = rng.integers(0, 20, 500), rng.integers(0, 60, 500).astype(np.float64)
    values = rng.normal(size=(500, 2)).astype(np.float32)
    asked, at = np.arange(20), np.full(20, 30.0)
    later = np.flatnonzero(times >= 30)
    other = vertices.copy(), values.copy()
    other[0][later] = rng.permutation(other[0][later])
    other[1][later] *= 1e9  # of one sum over all edges the rounding would differ
    one = Past(vertices, times, values).labels_before(asked, at)
    assert one.tobytes() == Past(other[0], times, other[1]).labels_before(asked, at).tobytes()
    assert one[:, 3:].any()


def rated_graph() -> GraphData:
    """Two users and two films; ratings with stars at 1, 2, 3 and 4; users know each other since 2."""
    target = Target("edge_regression", RATED, "mood")
    widths = {RATED: {"stars": 1}, KNOWS: {}}
    strands = [
        strand for kind in ("User", "Film") for strand in strands_of(kind, widths, {RATED: "at", KNOWS: "since"})
    ]
    return GraphData(
        node_ids={"User": ["u", "v"], "Film": ["f", "g"]},
        num_nodes={"User": 2, "Film": 2},
        edges={
            RATED: EdgeList(np.array([0, 0, 1, 0]), np.array([0, 1, 0, 0])),
            KNOWS: EdgeList(np.array([0]), np.array([1])),
        },
        edge_features={RATED: {"stars": np.array([[1.0], [2.0], [3.0], [4.0]], dtype=np.float32)}},
        labels={target: Labels("number", np.arange(4, dtype=np.float32))},
        splits={target: Split(np.array([0, 1]), np.array([2]), np.array([3]))},
        times={RATED: np.array([1.0, 2.0, 3.0, 4.0]), KNOWS: np.array([2.0]), "User": np.array([0.0, -np.inf])},
        cuts={target: (3.0, 4.0)},
        histories={target: History(HistoryEntry(windows=[], day=1.0, times={"User": "born"}, strands=strands))},
    )


def test_an_edge_is_told_by_the_past_of_both_its_ends_at_its_own_time() -> None:
    graph = rated_graph()
    (target,) = graph.targets
    assert [(s.node_type, s.edge_type.relation, s.end) for s in graph.histories[target].entry.strands] == [
        ("User", "rated", "source"), ("User", "knows", "source"), ("User", "knows", "either"),
        ("Film", "rated", "target"),
    ]  # fmt: skip
    found = graph.history_of(target)
    user, knows, film = found[:, 1:6], found[:, 6:14], found[:, 14:]
    assert found[:, 0] == pytest.approx([log(2), log(3), 0, log(5)])  # the user's age; nobody knows that of v
    assert user[:, 0] == pytest.approx([0, log(2), 0, log(3)])  # earlier ratings of the user
    assert user[:, 4].tolist() == [0, 1, 0, 2]  # the stars of the last one before
    assert film[:, 0] == pytest.approx([0, 0, log(2), log(3)])
    assert film[:, 4].tolist() == [0, 0, 1, 3]
    # at 2 they do not know each other yet; u began it, and v did not
    assert knows[:, [1, 5]].tolist() == [[0, 0], [0, 0], [0, 1], [1, 1]]


def test_what_is_written_of_a_history_is_read_back(tmp_path: Path) -> None:
    graph = rated_graph()
    (target,) = graph.targets
    graph.write(tmp_path)
    again = GraphData.read(tmp_path)
    assert again.histories == graph.histories
    assert np.array_equal(again.history_of(target), graph.history_of(target))


def test_where_nothing_has_come_there_is_no_past() -> None:
    graph = rated_graph()
    (history,) = graph.histories.values()
    before = graph.before(0.5)
    assert not before.past_now(history, "Film").any()
    assert before.past_now(history, "User")[:, 1:].tolist() == [[0.0] * 13] * 2


def test_as_of_now_everything_has_come() -> None:
    graph = rated_graph()
    (target,) = graph.targets
    assert graph.now > 4.0
    assert graph.past_now(graph.histories[target], "User")[:, 1] == pytest.approx([log(4), log(2)])
