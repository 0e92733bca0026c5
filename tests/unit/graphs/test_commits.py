"""Commits one after the other: durable together, lost together, and what they leave behind is used again."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.waiting import until
from workflow.errors import ConcurrentModification, ExpiredStream, InternalFailure
from workflow.graphs.store import conflicts, turns
from workflow.graphs.store.journal import file_journal
from workflow.graphs.store.journal.changes import Record
from workflow.graphs.store.journal.journal import Commit
from workflow.graphs.store.journal.stream import read_stream
from workflow.graphs.store.persistence import GraphFolder, open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ElementBatch


def opened(folder: Path) -> tuple[EmbeddedGraph, GraphFolder]:
    graph = open_graph(folder)
    assert isinstance(graph.journal, GraphFolder)
    return graph, graph.journal


def add(graph: EmbeddedGraph, id: str) -> int:
    tx = graph.begin()
    row = tx.add_vertex(id, "thing")
    tx.set_vertex_property(row, "name", id, "single")
    tx.commit()
    return row


def drop(graph: EmbeddedGraph, id: str) -> None:
    tx = graph.begin()
    row = tx.graph.vertex_row(id)
    assert row is not None
    tx.remove_vertex(row)
    tx.commit()


def ids(graph: EmbeddedGraph) -> list[Any]:
    return sorted(map(graph.vertex_id, graph.vertices()))


class Disk:
    """Writes when it may, and counts."""

    def __init__(self) -> None:
        self.really = file_journal._write_durably
        self.calls = 0
        self.begun = threading.Semaphore(0)
        self.may = threading.Event()
        self.fails = False

    def write(self, handle: int, data: bytes) -> None:
        self.calls += 1
        self.begun.release()
        assert self.may.wait(20)
        if self.fails:
            self.fails = False
            raise OSError(errno.ENOSPC, "there is no room")
        self.really(handle, data)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk()


def in_threads(graph: EmbeddedGraph, names: str, errors: list[Exception]) -> list[threading.Thread]:
    def work(id: str) -> None:
        try:
            add(graph, id)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(id,)) for id in names]
    for thread in threads:
        thread.start()
    return threads


def written(graph: EmbeddedGraph, count: int) -> None:
    """Wait until so many commits have their place in the journal."""
    journal: Any = graph.journal
    until(lambda: journal._written[0] >= count, f"{count} commits")


def test_commits_that_come_during_a_synchronisation_share_the_next(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = open_graph(tmp_path)
    monkeypatch.setattr(file_journal, "_write_durably", disk.write)
    errors: list[Exception] = []
    threads = in_threads(graph, "a", errors)
    assert disk.begun.acquire(timeout=20)
    threads += in_threads(graph, "bcdefg", errors)
    written(graph, 7)
    assert ids(graph) == []  # nobody sees what is not durable
    disk.may.set()
    for thread in threads:
        thread.join(20)
    assert (errors, ids(graph)) == ([], list("abcdefg"))
    assert disk.calls == 2  # the first alone, the six others together
    graph.close()
    again = open_graph(tmp_path)
    assert ids(again) == list("abcdefg")
    again.close()


def test_what_could_not_be_made_durable_is_lost_with_all_that_stood_on_it_and_writing_goes_on(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = open_graph(tmp_path)
    add(graph, "kept")
    session = graph.begin()
    session.add_vertex("late", "thing")
    session.suspend()
    monkeypatch.setattr(file_journal, "_write_durably", disk.write)
    disk.fails = True
    errors: list[Exception] = []
    threads = in_threads(graph, "a", errors)
    assert disk.begun.acquire(timeout=20)
    threads += in_threads(graph, "b", errors)
    written(graph, 3)
    upon = graph.begin()  # stands on commits that will be lost
    upon.add_vertex("upon", "thing")
    disk.may.set()
    for thread in threads:
        thread.join(20)
    assert [type(error) for error in errors] == [InternalFailure, InternalFailure]
    assert ids(graph) == ["kept"]
    with pytest.raises(ConcurrentModification):
        upon.commit()
    add(graph, "c")
    assert ids(graph) == ["c", "kept"]
    session.resume()
    session.commit()  # it began before what was lost, and met nobody
    graph.close()
    again = open_graph(tmp_path)
    assert ids(again) == ["c", "kept", "late"]
    again.close()


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS])
def test_after_a_failure_of_the_disk_commits_are_refused_until_a_restart_and_reads_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    graph = open_graph(tmp_path)
    add(graph, "kept")

    def failing(handle: int, data: bytes) -> None:
        os.write(handle, data)  # it may be there, and nobody can tell
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(file_journal, "_write_durably", failing)
        with pytest.raises(InternalFailure, match=os.strerror(number)):
            add(graph, "lost")
    # the disk seems to be well again: what it says now is not believed
    with pytest.raises(InternalFailure, match=r"no commits are taken; see to the disk and restart the service"):
        add(graph, "refused")
    assert os.strerror(number) in str(graph.trouble)
    assert ids(graph) == ["kept"]
    graph.close()
    again = open_graph(tmp_path)
    add(again, "more")
    assert (ids(again), again.trouble) == (["kept", "more"], None)
    again.close()


def test_a_writer_that_takes_long_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = EmbeddedGraph()
    add(graph, "a")
    add(graph, "b")
    long = graph.begin()
    long.remove_vertex(0)
    monkeypatch.setattr(turns, "PATIENCE_S", 0.0)  # it has had its turn
    brief = graph.begin()
    brief.set_vertex_property(1, "name", "B", "single")
    brief.commit()
    assert [v.value for v in graph.vertex_properties(1)] == ["B"]
    long.commit()
    assert ids(graph) == ["b"]
    assert [v.value for v in graph.vertex_properties(1)] == ["B"]


def test_a_load_a_reset_and_an_open_transaction_do_not_wait_for_each_other() -> None:
    graph = EmbeddedGraph()
    add(graph, "a")
    open_one = graph.begin()
    open_one.add_vertex("mine", "thing")
    graph.reset()
    assert ids(graph) == []
    with pytest.raises(ConcurrentModification):
        open_one.commit()
    add(graph, "a")
    assert ids(graph) == ["a"]


def test_a_transaction_older_than_what_is_remembered_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conflicts, "MOST_KEYS", 20)
    graph = EmbeddedGraph()
    old = graph.begin()
    old.add_vertex("old", "thing")
    old.suspend()
    for number in range(20):
        add(graph, str(number))
    with pytest.raises(ConcurrentModification):
        old.commit()


@pytest.mark.parametrize("kept", ["in memory", "in a folder", "in a folder opened again"])
def test_rows_of_the_removed_are_used_again_once_no_version_needs_them(tmp_path: Path, kept: str) -> None:
    graph = EmbeddedGraph() if kept == "in memory" else open_graph(tmp_path)
    if kept == "in a folder opened again":
        graph.close()
        graph = open_graph(tmp_path)
    add(graph, "first")
    with graph.reading() as version:
        drop(graph, "first")
        for number in range(5):
            add(graph, f"while it is read {number}")
        assert version.vertex_row("first") == 0
        assert [one.value for one in version.vertex_properties(0)] == ["first"]
    del version
    for number in range(5):
        drop(graph, f"while it is read {number}")
    for number in range(300):
        add(graph, f"v{number}")
        drop(graph, f"v{number}")
    assert graph.row_limit() <= 8
    assert ids(graph) == []
    graph.close()


@pytest.mark.parametrize("ends", ["rolled back", "refused"])
def test_rows_of_what_was_never_published_are_used_again(ends: str) -> None:
    graph = EmbeddedGraph()
    add(graph, "a")
    for number in range(200):
        tx = graph.begin()
        vertex = tx.add_vertex(f"v{number}", "thing")
        tx.set_edge_property(tx.add_edge(f"e{number}", "x", vertex, 0), "w", 1)
        if ends == "rolled back":
            tx.rollback()
            tx = graph.begin()
            tx.set_vertex_property(0, "name", "A", "single")
            tx.commit()
        else:
            tx.set_vertex_property(0, "name", "mine", "single")
            tx.suspend()
            other = graph.begin()
            other.set_vertex_property(0, "name", "theirs", "single")
            other.commit()
            with pytest.raises(ConcurrentModification):
                tx.commit()
        del tx
    vertices, edges = graph.state.vertices.ids, graph.state.edges.ids
    assert (len(vertices) < 10, len(edges) < 10) == (True, True)
    assert (graph.vertex_count(), graph.edge_count()) == (1, 0)


def test_a_label_given_by_one_transaction_is_not_seen_by_another_that_was_open() -> None:
    graph = EmbeddedGraph()
    add(graph, "a")
    add(graph, "b")
    reader = graph.begin()
    relabels = graph.begin()
    relabels.set_label(0, "other")
    relabels.commit()
    fresh = reader.add_vertex("c", "mine")
    assert [reader.graph.vertex_label(row) for row in (0, 1, fresh)] == ["thing", "thing", "mine"]
    with pytest.raises(ConcurrentModification):
        reader.commit()  # it has read the label
    writer = graph.begin()
    writer.add_vertex("d", "fourth")
    writer.commit()
    assert sorted(map(graph.vertex_label, graph.vertices())) == ["fourth", "other", "thing"]


def test_many_writers_a_full_log_and_a_reset_start_one_compaction_at_a_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    graph = open_graph(tmp_path, log_limit_bytes=1)
    errors: list[Exception] = []
    for number in range(10):
        threads = in_threads(graph, f"abcdefgh{number}", errors)
        if number % 3 == 2:
            graph.journal.compact(graph)  # type: ignore[attr-defined]
        for thread in threads:
            thread.join(20)
        graph.reset()
    assert (errors, graph.trouble) == ([], None)
    graph.close()
    assert [record.getMessage() for record in caplog.records] == []


def test_a_log_that_a_compaction_removes_while_it_is_looked_for_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, journal = opened(tmp_path)
    add(graph, "a")
    add(graph, "b")
    paths = file_journal.log_paths

    def gone_since(folder: Path) -> list[Path]:
        found = paths(folder)
        monkeypatch.setattr(file_journal, "log_paths", paths)
        journal.compact(graph)
        assert not any(path.exists() for path in found)
        return found

    monkeypatch.setattr(file_journal, "log_paths", gone_since)
    with pytest.raises(ExpiredStream):
        read_stream(journal, "AT_SEQUENCE_NUMBER", 10, 1, 1, "PG_JSON")
    folded = journal.horizon()
    assert folded[0] == 2
    assert folded[1] > 0
    # a reset after it, with no commit between, still knows how many lines the last one had
    journal.restart()
    assert journal.horizon() == folded
    monkeypatch.setattr(file_journal, "log_paths", lambda folder: [folder / "log-00000000.bin", *paths(folder)])
    graph.reset()
    graph.close()


def test_a_bulk_load_that_a_compaction_folds_in_while_it_is_looked_for_has_expired(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, journal = opened(tmp_path)
    graph.load(Batch(ElementBatch(["a", "b"], np.zeros(2, dtype=np.int32), ["T"])))
    records = journal.records

    def gone_since(commit: Commit, first: int = 1) -> Iterator[Record]:
        journal.compact(graph)
        journal._read = None  # the load that was read last is held for a while
        return records(commit, first)

    monkeypatch.setattr(journal, "records", gone_since)
    with pytest.raises(ExpiredStream):
        read_stream(journal, "AT_SEQUENCE_NUMBER", 10, 1, 1, "PG_JSON")
    graph.close()
