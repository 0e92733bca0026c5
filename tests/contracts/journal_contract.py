"""What every journal promises to the graph that writes to it and to readers of the change log.

A journal supplies ``journal``, which is empty.
"""

from __future__ import annotations

import numpy as np
import pytest

from workflow.errors import ExpiredStream, StreamRecordsNotFound
from workflow.graphs.store.journal.journal import Journal
from workflow.graphs.store.journal.stream import read_stream
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ElementBatch


def batch(*ids: str) -> Batch:
    """Vertices of one label without properties."""
    return Batch(ElementBatch(list(ids), np.zeros(len(ids), dtype=np.int32), ["page"]))


class JournalContract:
    @pytest.fixture
    def journal(self) -> Journal:
        raise NotImplementedError

    @pytest.fixture
    def graph(self, journal: Journal) -> EmbeddedGraph:
        return EmbeddedGraph(journal=journal)

    def write(self, graph: EmbeddedGraph, *ids: str) -> None:
        tx = graph.begin()
        for id in ids:
            tx.set_vertex_property(tx.add_vertex(id, "v::w"), "p", 1, "single")
        tx.commit()

    def test_it_begins_with_no_commit(self, journal: Journal) -> None:
        assert journal.last()[0] == 0
        assert list(journal.commits(1)) == []

    def test_commits_are_numbered_from_one_in_the_order_of_time(self, graph: EmbeddedGraph) -> None:
        for id in "abc":
            self.write(graph, id)
        commits = list(graph.journal.commits(1))
        assert [commit.number for commit in commits] == [1, 2, 3]
        assert [commit.time_ms for commit in commits] == sorted(commit.time_ms for commit in commits)
        assert (commits[-1].number, commits[-1].time_ms) == graph.journal.last()
        assert [commit.number for commit in graph.journal.commits(3)] == [3]
        assert list(graph.journal.commits(4)) == []

    def test_a_bulk_load_is_one_commit_too(self, graph: EmbeddedGraph) -> None:
        self.write(graph, "a")
        graph.load(batch("p", "q"))
        self.write(graph, "b")
        assert graph.journal.last()[0] == 3

    def test_the_lines_of_a_commit_are_as_many_as_it_counts_from_any_of_them_on(self, graph: EmbeddedGraph) -> None:
        self.write(graph, "a", "b")
        (commit,) = graph.journal.commits(1)
        lines = list(graph.journal.records(commit))
        # two labels and a property each
        assert [(line.op, line.data["id"], line.data["key"]) for line in lines] == [
            ("ADD", id, key) for id in "ab" for key in ("label", "label", "p")
        ]
        assert graph.journal.count(commit) == 6
        assert [list(graph.journal.records(commit, first)) for first in range(1, 8)] == [lines[n:] for n in range(7)]

    def test_after_a_restart_the_old_is_forgotten_and_numbers_go_on(self, graph: EmbeddedGraph) -> None:
        self.write(graph, "a")
        self.write(graph, "b")
        graph.reset()
        assert list(graph.journal.commits(1)) == []
        assert graph.journal.horizon() == (2, 3)
        with pytest.raises(ExpiredStream):
            read_stream(graph.journal, "AT_SEQUENCE_NUMBER", 10, 1, 1, "PG_JSON")
        with pytest.raises(StreamRecordsNotFound):
            read_stream(graph.journal, "TRIM_HORIZON", 10, 1, 1, "PG_JSON")
        self.write(graph, "a")
        assert [commit.number for commit in graph.journal.commits(1)] == [3]
