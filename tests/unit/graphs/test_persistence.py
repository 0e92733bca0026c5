"""The folder of a graph: what is acknowledged comes back, what is torn does not."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import shutil
import struct
import threading
import uuid
import zlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workflow.errors import ExpiredStream, IllegalArgument, InternalFailure, StreamRecordsNotFound
from workflow.graphs.store.journal import file_journal
from workflow.graphs.store.journal.batch_records import BatchRecords
from workflow.graphs.store.journal.log_file import MARK
from workflow.graphs.store.journal.recovery import LogDamaged
from workflow.graphs.store.journal.repair import Findings, examine, repair
from workflow.graphs.store.journal.segments import StoreDamaged
from workflow.graphs.store.journal.stream import read_stream
from workflow.graphs.store.persistence import FolderInUse, GraphFolder, open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.cells import MISSING, VALUE_IDS, Cell, Cells
from workflow.values.numbers import BigInteger, Byte, Char, Float, Long, Short


def contents(graph: EmbeddedGraph) -> Any:
    """All a reader can see, ids with their classes; ids of properties left out, since single ones follow the row."""
    return (
        [
            (
                repr(graph.vertex_id(v)),
                graph.vertex_label(v),
                [(p.key, p.value, type(p.value), p.meta) for p in graph.vertex_properties(v)],
                [repr(graph.edge_id(e)) for e in graph.incident(v, "out")],
                [repr(graph.edge_id(e)) for e in graph.incident(v, "in")],
            )
            for v in graph.vertices()
        ],
        [(repr(graph.edge_id(e)), graph.edge_label(e), graph.edge_values(e)) for e in graph.edges()],
    )


def fill(graph: EmbeddedGraph) -> None:
    """Three commits that touch every kind of change."""
    tx = graph.begin()
    a, b = tx.add_vertex("a", "person::student"), tx.add_vertex("b", "person")
    tx.set_vertex_property(a, "name", "Ann", "single")
    tx.set_vertex_property(a, "tag", "x", "set")
    tx.set_vertex_property(a, "tag", "y", "set", {"since": Long(2009)})
    tx.set_edge_property(tx.add_edge("ab", "knows", a, b), "weight", 0.5)
    tx.commit()
    tx = graph.begin()
    tx.add_edge("ba", "knows", b, a)
    tx.add_vertex("c", "thing")
    tx.set_edge_property(0, "weight", 0.75)
    tx.commit()
    tx = graph.begin()
    tx.remove_edge(0)
    tx.remove_vertex(2)
    tx.remove_vertex_property(0, next(graph.vertex_properties(0, ["name"])).id)
    tx.commit()


def small_batch() -> Batch:
    """Two vertices and two edges, one of them to the known vertex a."""
    vertices = ElementBatch(
        ["p", "q"],
        np.array([0, 0], dtype=np.int32),
        ["page"],
        {
            "size": ColumnData(np.array([5, 0]), int, np.array([True, False])),
            "title": ColumnData(["P", MISSING]),
        },
    )
    edges = ElementBatch(
        ["pq", "pa"], np.array([0, 0], dtype=np.int32), ["links"], {"w": ColumnData(np.array([0.5, 1.5]), float)}
    )
    return Batch(vertices, edges, ["a", "p", "q"], np.array([1, 1], dtype=np.int32), np.array([2, 0], dtype=np.int32))


def test_a_closed_graph_opens_as_it_was(tmp_path: Path) -> None:
    graph = open_graph(tmp_path / "g")
    fill(graph)
    graph.load(small_batch())
    before, last = contents(graph), graph.journal.last()
    graph.close()
    again = open_graph(tmp_path / "g")
    assert contents(again) == before
    assert again.journal.last() == last
    assert [p.value for p in again.vertex_properties(again.vertex_row("p") or 0)] == [5, "P"]
    again.close()


def test_a_snapshot_replaces_the_log_and_changes_nothing(tmp_path: Path) -> None:
    graph = open_graph(tmp_path, log_limit_bytes=1)
    fill(graph)
    graph.load(small_batch())
    before = contents(graph)
    graph.close()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert any(name.startswith("snapshot-") for name in names)
    again = open_graph(tmp_path)
    assert contents(again) == before
    tx = again.begin()
    tx.add_edge(None, "knows", again.vertex_row("a") or 0, again.vertex_row("q") or 0)
    tx.commit()
    again.close()


@pytest.mark.parametrize(
    "value",
    [
        "text",
        "lone \ud800 surrogate",
        5,
        2**80,
        0.1,
        float("inf"),
        True,
        None,
        Long(5),
        Byte(1),
        Short(2),
        BigInteger(2**70),
        Float(0.5),
        Char("c"),
        Decimal("1.10"),
        dt.datetime(2024, 2, 29, 12, 0, 1, 5, dt.UTC),
        dt.timedelta(days=1, microseconds=3),
        uuid.UUID(int=7),
        b"\x00\xff",
        [1, "a", Long(3)],
        {"k": [1]},
        {1, 2},
    ],
    ids=repr,
)
@pytest.mark.parametrize("log_limit", [1, 1 << 20])
def test_a_value_comes_back_with_its_class(tmp_path: Path, value: Any, log_limit: int) -> None:
    graph = open_graph(tmp_path, profile="tinkerpop", log_limit_bytes=log_limit)
    tx = graph.begin()
    tx.set_vertex_property(tx.add_vertex(Long(1), "v"), "p", value, "single")
    tx.add_vertex("text id", "v")
    tx.add_vertex(uuid.UUID(int=1), "v")
    tx.commit()
    graph.close()
    again = open_graph(tmp_path, profile="tinkerpop")
    (found,) = again.vertex_values(0, "p")
    assert found == value
    assert type(found) is type(value)
    assert [again.vertex_id(v) for v in again.vertices()] == [1, "text id", uuid.UUID(int=1)]
    assert type(again.vertex_id(0)) is Long
    again.close()


def test_a_value_that_cannot_be_kept_is_refused_and_undone(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    tx = graph.begin()
    tx.set_vertex_property(tx.add_vertex("a", "v"), "p", object(), "single")
    with pytest.raises(IllegalArgument, match="object cannot be stored"):
        tx.commit()
    assert graph.vertex_count() == 0
    graph.begin().commit()
    graph.close()


def test_a_log_that_a_loss_of_power_cut_anywhere_gives_the_commits_that_are_whole(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    graph = open_graph(folder)
    states = [contents(graph)]
    log = folder / "log-00000001.bin"
    ends = [0]
    for number in range(4):
        tx = graph.begin()
        row = tx.add_vertex(f"v{number}", "v")
        tx.set_vertex_property(row, "n", number, "single")
        if number:
            tx.add_edge(f"e{number}", "x", row, 0)
        tx.commit()
        states.append(contents(graph))
        ends.append(log.stat().st_size)
    graph.close()
    # around every end, and here and there inside
    sizes = {size for end in ends for size in (end - 1, end, end + 1, end + 27)} | set(range(0, ends[-1], 17))
    for size in sorted(size for size in sizes if 0 <= size <= ends[-1]):
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        with (copy / log.name).open("r+b") as file:
            file.truncate(size)
        whole = sum(end <= size for end in ends) - 1
        if size < ends[-1]:
            # as long as it is known that there were more, somebody has to say so first
            with pytest.raises(StoreDamaged, match="commits up to 4 were acknowledged"):
                open_graph(copy)
        (copy / "ACKNOWLEDGED").unlink()
        again = open_graph(copy)
        assert contents(again) == states[whole], size
        torn = sorted(copy.glob("log.torn-*"))
        assert b"".join(path.read_bytes() for path in torn) == log.read_bytes()[ends[whole] : size]
        tx = again.begin()
        tx.add_vertex("after", "v")
        tx.commit()
        again.close()
        last = open_graph(copy)
        assert last.vertex_count() == whole + 1
        last.close()
        shutil.rmtree(copy)


def test_zeros_after_the_last_commit_are_cut_off(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    before = contents(graph)
    graph.close()
    with (tmp_path / "log-00000001.bin").open("ab") as file:
        file.write(bytes(4096))
    again = open_graph(tmp_path)
    assert contents(again) == before
    again.close()


@pytest.mark.parametrize(
    ("name", "byte"),
    [("mark", 0), ("header's checksum", 4), ("number", 8), ("length", 16), ("length", 23), ("body", 40)],
)
def test_a_changed_byte_in_the_middle_is_reported_and_nothing_dropped(tmp_path: Path, name: str, byte: int) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    graph.close()
    log = tmp_path / "log-00000001.bin"
    data = bytearray(log.read_bytes())
    data[byte] ^= 1
    log.write_bytes(data)
    with pytest.raises(LogDamaged, match=r"at byte 0, behind commit 0: .* but commit 2 at \d+ does") as refused:
        open_graph(tmp_path)
    assert f"despina store check {tmp_path}" in str(refused.value)
    assert log.read_bytes() == data
    assert sorted(path.name for path in tmp_path.glob("log*")) == [log.name]


def test_a_repair_keeps_what_stands_before_the_damage_and_lays_the_rest_aside(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    states = [contents(graph)]
    for place in range(3):
        tx = graph.begin()
        tx.add_vertex(f"v{place}", "v")
        tx.commit()
        states.append(contents(graph))
    graph.load(Batch(ElementBatch(["p"], np.zeros(1, dtype=np.int32), ["page"])))
    graph.close()
    log = tmp_path / "log-00000001.bin"
    whole = log.read_bytes()
    second = whole.index(MARK, 1)
    log.write_bytes(whole[:second] + b"\0" + whole[second + 1 :])
    (segment,) = tmp_path.glob("segment-*")
    held = segment.read_bytes()
    findings = examine(tmp_path)
    assert (findings.commit, findings.lost, findings.can_be_repaired) == (1, 4, True)
    assert repair(tmp_path) == Findings(tmp_path, 1, vertices=1)
    again = open_graph(tmp_path)
    assert contents(again) == states[1]
    again.close()
    assert (tmp_path / f"log.torn-00000001-{second}").read_bytes() == b"\0" + whole[second + 1 :]
    assert (tmp_path / f"log.torn-{segment.name}").read_bytes() == held


def test_either_copy_of_what_must_exist_is_enough_and_both_are_mended(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    graph.journal.compact(graph)
    before = contents(graph)
    graph.close()
    text = (tmp_path / "CURRENT").read_bytes()
    for name in ("CURRENT", "CURRENT.copy"):
        for data in (
            None,
            b"",
            b"{",
            text.replace(b'"log": 2', b'"log": 3'),
            text.replace(b'"format": 3', b'"format": 1'),
        ):
            (tmp_path / name).unlink()
            if data is not None:
                (tmp_path / name).write_bytes(data)
            again = open_graph(tmp_path)
            assert contents(again) == before
            again.close()
            assert (tmp_path / name).read_bytes() == text
    for name in ("CURRENT", "CURRENT.copy"):
        (tmp_path / name).unlink()
    with pytest.raises(StoreDamaged, match="CURRENT is damaged"):
        open_graph(tmp_path)


@pytest.mark.parametrize("name", ["log-00000001.bin", "segment-*", "CURRENT*"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    graph.load(small_batch())
    graph.close()
    for path in tmp_path.glob(name):
        path.unlink()
    with pytest.raises(StoreDamaged, match=name.rstrip("*") + ".*missing"):
        open_graph(tmp_path)


def of_format(folder: Path, number: int) -> None:
    """Make ``CURRENT`` and its copy say that the folder is of another format."""
    for name in ("CURRENT", "CURRENT.copy"):
        facts = {**json.loads((folder / name).read_text()), "format": number}
        del facts["checksum"]
        checksum = zlib.crc32(json.dumps(facts, sort_keys=True).encode())
        (folder / name).write_text(json.dumps({**facts, "checksum": checksum}))


def test_a_folder_of_the_second_format_becomes_one_of_the_third_when_it_is_opened(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    before = contents(graph)
    graph.close()
    of_format(tmp_path, 2)
    again = open_graph(tmp_path)
    assert contents(again) == before
    # a version that knows two formats refuses the folder from now on, before anything is written that it cannot read
    assert json.loads((tmp_path / "CURRENT").read_text())["format"] == 3
    assert (tmp_path / "CURRENT").read_bytes() == (tmp_path / "CURRENT.copy").read_bytes()
    again.close()


def test_a_folder_of_a_newer_version_says_so(tmp_path: Path) -> None:
    open_graph(tmp_path).close()
    of_format(tmp_path, 4)
    with pytest.raises(InternalFailure, match=r"written by a newer version \(format 4, and .* up to 3\); use that"):
        open_graph(tmp_path)


def old_folder(folder: Path, commits: list[list[Any]], profile: str = "neptune") -> Path:
    """A folder of format 1; returns its log."""
    facts = {"format": 1, "profile": profile, "snapshot": None, "log": 1, "commit": 0, "time_ms": 0}
    folder.mkdir()
    (folder / "CURRENT").write_text(json.dumps(facts))
    with (folder / "log-00000001.bin").open("wb") as file:
        for number, operations in enumerate(commits, 1):
            payload = json.dumps([number, 1_700_000_000_000, "ops", operations], separators=(",", ":")).encode()
            file.write(struct.pack("<II", len(payload), zlib.crc32(payload)) + payload)
    return folder / "log-00000001.bin"


def test_a_folder_of_the_first_format_opens_and_goes_on_in_the_present_one(tmp_path: Path) -> None:
    log = old_folder(tmp_path / "g", [[["+v", "a", "v"]], [["+v", "b", "v"], ["+e", "ab", "x", "a", "b"]]])
    with log.open("ab") as file:
        file.write(b"\x99\0\0\0torn")
    for number in range(3):
        graph = open_graph(tmp_path / "g")
        assert graph.vertex_count() == 2 + number
        assert graph.edge_count() == 1
        tx = graph.begin()
        tx.add_vertex(f"c{number}", "v")
        tx.commit()
        assert [commit.number for commit in graph.journal.commits(1)] == list(range(1, 4 + number))
        graph.close()


def test_damage_in_the_middle_of_a_log_of_the_first_format_is_refused_too(tmp_path: Path) -> None:
    log = old_folder(tmp_path / "g", [[["+v", name, "v"]] for name in "abc"])
    whole = log.read_bytes()
    for byte in (0, 3, 5, 9):
        data = bytearray(whole)
        data[byte] ^= 0x40
        log.write_bytes(data)
        with pytest.raises(LogDamaged, match="commit 2 at"):
            open_graph(tmp_path / "g")
        assert log.read_bytes() == data


def test_a_number_that_was_given_out_as_an_id_is_never_given_out_again(tmp_path: Path) -> None:
    """Whatever the element was, whether it still lives, and whatever the folder was read back from."""

    def fresh(graph: EmbeddedGraph) -> set[int]:
        tx = graph.begin()
        one, other = tx.add_vertex(None, "v"), tx.add_vertex(None, "v")
        edge = tx.add_edge(None, "e", one, other)
        cells = [tx.set_vertex_property(one, "p", value, "list", {"m": 1}).id for value in range(3)]
        # value ids are numbers of the same counter, moved up
        ids = {graph.vertex_id(one), graph.vertex_id(other), graph.edge_id(edge), *(id - VALUE_IDS for id in cells)}
        tx.commit()
        return ids

    def remove_all(graph: EmbeddedGraph) -> None:
        tx = graph.begin()
        for row in list(graph.vertices()):
            tx.remove_vertex(row)
        tx.commit()

    given: set[int] = set()
    for end in ("log", "snapshot", "log and removed", "snapshot and removed", "last"):
        graph = open_graph(tmp_path, profile="tinkerpop")
        ids = fresh(graph)
        assert len(ids) == 6
        assert not ids & given, end
        given |= ids
        if "removed" in end:
            remove_all(graph)
        if "snapshot" in end:
            graph.journal.compact(graph)
        graph.close()


def test_the_id_of_an_element_without_properties_is_not_given_out_again_either(tmp_path: Path) -> None:
    given: list[int] = []
    for _ in range(3):
        graph = open_graph(tmp_path, profile="tinkerpop")
        tx = graph.begin()
        row = tx.add_vertex(None, "v")
        given.append(graph.vertex_id(row))
        tx.commit()
        tx = graph.begin()
        tx.remove_vertex(row)
        tx.commit()
        graph.close()
    assert len(set(given)) == 3


def test_a_damaged_snapshot_is_named(tmp_path: Path) -> None:
    graph = open_graph(tmp_path, log_limit_bytes=1)
    fill(graph)
    graph.close()
    (snapshot,) = tmp_path.glob("snapshot-*.npz")
    data = bytearray(snapshot.read_bytes())
    data[len(data) // 2] ^= 0xFF
    snapshot.write_bytes(data)
    with pytest.raises(StoreDamaged, match=snapshot.name):
        open_graph(tmp_path)


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    with pytest.raises(FolderInUse):
        open_graph(tmp_path)
    graph.close()
    open_graph(tmp_path).close()


def test_times_of_commits_do_not_go_back_with_the_clock_and_nothing_else_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([5000, 7000, 1000, 0, 6000, 9000])
    monkeypatch.setattr(file_journal, "now_ms", lambda: next(times))
    for number in range(6):
        graph = open_graph(tmp_path)  # each is the first of its process
        tx = graph.begin()
        tx.add_vertex(f"v{number}", "v")
        tx.commit()
        graph.close()
    graph = open_graph(tmp_path)
    found = [(commit.number, commit.time_ms) for commit in graph.journal.commits(1)]
    assert found == list(zip(range(1, 7), [5000, 7000, 7000, 7000, 7000, 9000], strict=True))
    graph.close()


def test_a_folder_that_cannot_be_written_is_examined_and_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    graph.close()
    really = os.open

    def read_only(path: Any, flags: int, *rest: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system")
        return really(path, flags, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", read_only)
        findings = examine(tmp_path)
        assert (findings.damage, findings.vertices > 0) == (None, True)
        with pytest.raises(InternalFailure, match=r"cannot be opened \(Read-only file system\)"):
            open_graph(tmp_path)
    open_graph(tmp_path).close()


def test_another_profile_is_refused(tmp_path: Path) -> None:
    open_graph(tmp_path).close()
    with pytest.raises(InternalFailure, match="profile 'neptune'"):
        open_graph(tmp_path, profile="tinkerpop")


def test_a_reset_forgets_everything_at_once_and_for_good(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    graph.load(small_batch())
    graph.reset()
    assert (graph.vertex_count(), graph.edge_count()) == (0, 0)
    assert graph.vertex_row("a") is None
    tx = graph.begin()
    tx.add_vertex("a", "new")
    tx.commit()
    graph.close()
    again = open_graph(tmp_path)
    assert [again.vertex_label(v) for v in again.vertices()] == ["new"]
    again.close()
    assert not list(tmp_path.glob("segment-*"))


def test_a_batch_with_a_taken_id_or_an_unknown_end_changes_nothing(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    with pytest.raises(IllegalArgument, match="'a', which does not exist"):
        graph.load(small_batch())
    fill(graph)
    graph.load(small_batch())
    before = contents(graph)
    with pytest.raises(IllegalArgument, match="Vertex with id already exists: p"):
        graph.load(small_batch())
    assert contents(graph) == before
    graph.close()


def test_a_failed_write_is_undone_and_the_next_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    before = contents(graph)

    def full(handle: int, data: bytes) -> None:
        import os

        os.write(handle, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("workflow.graphs.store.journal.file_journal._write_durably", full)
        tx = graph.begin()
        tx.add_vertex("lost", "v")
        with pytest.raises(InternalFailure, match="No space left"):
            tx.commit()
    assert contents(graph) == before
    tx = graph.begin()
    tx.add_vertex("kept", "v")
    tx.commit()
    after = contents(graph)
    graph.close()
    again = open_graph(tmp_path)
    assert contents(again) == after
    again.close()


@pytest.mark.parametrize("paused", [True, False])
def test_closing_does_not_wait_for_an_open_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paused: bool
) -> None:
    monkeypatch.setattr("workflow.graphs.store.store.CLOSE_TIMEOUT_S", 0.01)
    graph = open_graph(tmp_path, log_limit_bytes=1)
    fill(graph)
    before = contents(graph)
    session = graph.begin()
    session.add_vertex("lost", "v")
    if paused:
        session.suspend()
    graph.close()
    with pytest.raises(InternalFailure):
        session.commit()
    again = open_graph(tmp_path)
    assert contents(again) == before
    again.close()


def test_the_change_log_lists_what_happened_in_order(tmp_path: Path) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    graph.load(small_batch())
    lines = [
        (commit.number, record.op, record.data["type"], record.data["id"], record.data["key"], record.data["value"])
        for commit in graph.journal.commits(1)
        for record in graph.journal.records(commit)
    ]
    assert lines[:3] == [
        (1, "ADD", "vl", "a", "label", {"value": "person", "dataType": "String"}),
        (1, "ADD", "vl", "a", "label", {"value": "student", "dataType": "String"}),
        (1, "ADD", "vl", "b", "label", {"value": "person", "dataType": "String"}),
    ]
    assert [line[1:5] for line in lines if line[0] == 3] == [
        ("REMOVE", "ep", "ab", "weight"),
        ("REMOVE", "e", "ab", "label"),
        ("REMOVE", "vl", "c", "label"),
        ("REMOVE", "vp", "a", "name"),
    ]
    assert [line[1:5] for line in lines if line[0] == 4] == [
        ("ADD", "vl", "p", "label"),
        ("ADD", "vp", "p", "size"),
        ("ADD", "vp", "p", "title"),
        ("ADD", "vl", "q", "label"),
        ("ADD", "e", "pq", "label"),
        ("ADD", "ep", "pq", "w"),
        ("ADD", "e", "pa", "label"),
        ("ADD", "ep", "pa", "w"),
    ]
    assert [commit.number for commit in graph.journal.commits(3)] == [3, 4]
    graph.close()


@pytest.mark.parametrize("last", ["transaction", "bulk load"])
def test_who_has_read_the_log_to_its_end_misses_nothing_when_it_is_dropped(tmp_path: Path, last: str) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    if last == "bulk load":
        graph.load(small_batch())
    end = read_stream(graph.journal, "LATEST", 1, 1, 1, "PG_JSON")["lastEventId"]
    place = end["commitNum"], end["opNum"]
    graph.journal.compact(graph)
    for reopened in (False, True):
        if reopened:
            graph.close()
            graph = open_graph(tmp_path)
        with pytest.raises(StreamRecordsNotFound):
            read_stream(graph.journal, "AFTER_SEQUENCE_NUMBER", 10, *place, "PG_JSON")
        with pytest.raises(ExpiredStream):
            read_stream(graph.journal, "AFTER_SEQUENCE_NUMBER", 10, place[0], place[1] - 1, "PG_JSON")
        with pytest.raises(ExpiredStream):
            read_stream(graph.journal, "AT_SEQUENCE_NUMBER", 10, *place, "PG_JSON")
        with pytest.raises(StreamRecordsNotFound):
            read_stream(graph.journal, "TRIM_HORIZON", 10, 1, 1, "PG_JSON")
    tx = graph.begin()
    tx.add_vertex("new", "person")
    tx.commit()
    following = read_stream(graph.journal, "AFTER_SEQUENCE_NUMBER", 10, *place, "PG_JSON")
    assert [record["data"]["id"] for record in following["records"]] == ["new"]
    graph.close()


def test_the_lines_of_a_bulk_load_are_told_from_any_of_them_on() -> None:
    several = ColumnData(
        [Cells([Cell(Long(1), "x"), Cell(Long(2), "y")]), MISSING, "z"], present=np.array([True, True, False])
    )
    vertices = ElementBatch(["a", "b", "c"], np.array([0, 1, 0], dtype=np.int32), ["T::U", "V"], {"tag": several})
    ends = np.array([0], dtype=np.int32)
    edges = ElementBatch(["ab"], ends, ["e"], {"w": ColumnData(np.array([0.5]), float)})
    for batch in (small_batch(), Batch(vertices, edges, ["a", "b"], ends, np.array([1], dtype=np.int32))):
        records = BatchRecords(batch)
        every = list(records.since(1))
        assert len(records) == len(every) > 4
        assert [list(records.since(first)) for first in range(1, len(every) + 2)] == [
            every[first:] for first in range(len(every) + 1)
        ]


def test_a_bulk_load_that_finds_no_room_changes_nothing_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Any, arrays: Any) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    batch = Batch(ElementBatch(["a", "b"], np.zeros(2, dtype=np.int32), ["T"]))
    graph = open_graph(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr("workflow.graphs.store.journal.segments.write_arrays", full)
        with pytest.raises(OSError, match="No space left on device"):
            graph.load(batch)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert graph.vertex_count() == 0
    graph.load(batch)
    expected = contents(graph)
    graph.close()
    again = open_graph(tmp_path)
    assert contents(again) == expected
    again.close()


def test_a_compaction_that_finds_no_room_leaves_nothing_behind_says_so_and_is_tried_again_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = open_graph(tmp_path, log_limit_bytes=1)
    folder = graph.journal
    assert isinstance(folder, GraphFolder)
    tries = []

    def full(file: Any, arrays: Any) -> None:
        tries.append(1)
        file.write(b"half")
        raise OSError(28, "No space left on device")

    def write(id: str) -> None:
        tx = graph.begin()
        tx.add_vertex(id, "v")
        tx.commit()
        assert folder._compacting is not None
        folder._compacting.join()

    now = 1000.0
    monkeypatch.setattr("workflow.graphs.store.persistence.time.monotonic", lambda: now)
    with monkeypatch.context() as patch:
        patch.setattr("workflow.graphs.store.journal.segments.write_arrays", full)
        for id in ("a", "b", "c"):
            write(id)
        assert len(tries) == 1
        assert graph.trouble is not None
        assert "No space left on device" in graph.trouble
        now += 20
        write("d")
        assert len(tries) == 2
        now += 15  # every failure doubles the pause
        write("e")
        assert len(tries) == 2
    assert not [path.name for path in tmp_path.iterdir() if path.suffix == ".tmp" or path.name.startswith("snapshot")]
    assert len(list(tmp_path.glob("log-*"))) == 3
    now += 100
    write("f")
    assert graph.trouble is None
    assert len(list(tmp_path.glob("snapshot-*"))) == 1
    before = contents(graph)
    graph.close()
    again = open_graph(tmp_path)
    assert contents(again) == before
    again.close()


@pytest.mark.parametrize("step", ["open", "replace"])
@pytest.mark.parametrize("name", ["CURRENT", "CURRENT.copy"])
def test_a_compaction_whose_snapshot_cannot_be_named_leaves_what_counts_and_on_a_full_disk_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str
) -> None:
    graph = open_graph(tmp_path, log_limit_bytes=1)
    folder = graph.journal
    assert isinstance(folder, GraphFolder)
    works = getattr(Path, step)

    def fail(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == f"{name}.tmp":
            raise OSError(28, "No space left on device")
        return works(path, *arguments, **named)

    def add(id: str) -> None:
        tx = graph.begin()
        tx.add_vertex(id, "v")
        tx.commit()
        assert folder._compacting is not None
        folder._compacting.join()

    add("a")
    (first,) = tmp_path.glob("snapshot-*")
    with monkeypatch.context() as patch:
        patch.setattr(Path, step, fail)
        add("b")
        add("c")
    assert graph.trouble is not None
    assert first.exists()
    if step == "open":
        # as on a full disk; what fails while one of the two is renamed may have made the new snapshot count
        assert list(tmp_path.glob("snapshot-*")) == [first]
        assert not list(tmp_path.glob("*.tmp"))
    expected = contents(graph)
    shutil.copytree(tmp_path, tmp_path / "after a crash")
    again = open_graph(tmp_path / "after a crash")
    assert contents(again) == expected
    again.close()
    folder.compact(graph)
    assert len(list(tmp_path.glob("snapshot-*"))) == 1
    graph.close()
    again = open_graph(tmp_path)
    assert contents(again) == expected
    again.close()


def test_a_commit_is_made_though_a_compaction_removes_a_bulk_load_meanwhile_or_cannot_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = open_graph(tmp_path / "g", log_limit_bytes=1)
    assert isinstance(graph.journal, GraphFolder)
    graph.journal.segments[0] = {"segment-that-is-gone.npz"}

    def add(graph: EmbeddedGraph, id: str) -> None:
        tx = graph.begin()
        tx.add_vertex(id, "v")
        tx.commit()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        add(graph, "x")
    assert graph.trouble is not None
    assert "can't start new thread" in graph.trouble
    add(graph, "y")  # now it begins
    graph.journal.settle()
    assert graph.trouble is None
    graph.close()
    again = open_graph(tmp_path / "g")
    assert [again.vertex_id(row) for row in again.vertices()] == ["x", "y"]
    again.close()


def test_a_disk_without_room_for_a_torn_end_keeps_it_in_place_and_goes_on_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = open_graph(tmp_path)
    fill(graph)
    before = contents(graph)
    graph.close()
    with (tmp_path / "log-00000001.bin").open("ab") as file:
        file.write(MARK + b"torn")
    with monkeypatch.context() as patch:
        fsync, room = os.fsync, iter([False])

        def first_finds_no_room(handle: int) -> None:
            if not next(room, True):
                raise OSError(28, "No space left on device")
            fsync(handle)

        patch.setattr("os.fsync", first_finds_no_room)
        graph = open_graph(tmp_path)
    assert contents(graph) == before
    tx = graph.begin()
    tx.add_vertex("later", "v")
    tx.commit()
    after = contents(graph)
    graph.close()
    again = open_graph(tmp_path)
    assert contents(again) == after
    assert [path.read_bytes() for path in tmp_path.glob("log.torn-*")] == [MARK + b"torn"]
    again.close()


def test_a_log_is_folded_in_sooner_where_the_snapshot_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.graphs.store.persistence.LEAST_LIMIT_BYTES", 1000)
    monkeypatch.setattr("workflow.graphs.store.persistence.LOG_LIMIT_BYTES", 3000)
    graph = open_graph(tmp_path)
    folder = graph.journal
    assert isinstance(folder, GraphFolder)
    assert folder._most_of_log() == 1000
    fill(graph)
    graph.load(small_batch())
    folder.compact(graph)
    size = folder._snapshot_bytes()
    assert 32 * 1000 > size > 0
    assert folder._most_of_log() == 1000
    monkeypatch.setattr("workflow.graphs.store.persistence.PER_SNAPSHOT", 1)
    assert folder._most_of_log() == min(size, 3000)
    while folder.size < folder._most_of_log():
        tx = graph.begin()
        tx.add_vertex(None, "more")
        tx.commit()
    folder.settle()
    assert folder.size == 0
    graph.close()
