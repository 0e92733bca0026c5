"""The job store keeps what it was told, and lets states change only as the table says."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from workflow.errors import InternalFailure
from workflow.jobs.model import TRANSITIONS, IllegalTransition, JobKind, JobRecord, State, first_state
from workflow.jobs.store import DuplicateJob, JobStore, UnknownJob

KINDS = tuple(TRANSITIONS)


def job(id: str = "a", kind: JobKind = "dataprocessing", **changes: object) -> JobRecord:
    fields = {"state": first_state(kind), "created_ms": 1, "updated_ms": 1, "request": {"id": id}, **changes}
    return JobRecord(kind=kind, id=id, **fields)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    store = JobStore(tmp_path / "jobs.sqlite", clock=itertools.count(100).__next__)
    yield store
    store.close()


def test_a_job_is_read_back_as_it_was_added(store: JobStore) -> None:
    added = job(names={"name": "n"}, result={"trials": [1, 2]}, inputs_hash="h", reused_from="b")
    store.add(added)
    assert store.get("dataprocessing", "a") == added


def test_jobs_survive_closing_and_opening(tmp_path: Path) -> None:
    first = JobStore(tmp_path / "jobs.sqlite")
    first.add(job())
    first.close()
    second = JobStore(tmp_path / "jobs.sqlite")
    assert second.get("dataprocessing", "a") == job()
    second.close()


def test_an_added_job_survives_kill_9(tmp_path: Path) -> None:
    code = (
        "import os, pathlib; from workflow.jobs.store import JobStore; from workflow.jobs.model import JobRecord;"
        f"store = JobStore(pathlib.Path({str(tmp_path)!r}) / 'jobs.sqlite');"
        "store.add(JobRecord('dataprocessing', 'a', 'InProgress', 1, 1, {})); os.kill(os.getpid(), 9)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    assert ended.returncode == -9
    store = JobStore(tmp_path / "jobs.sqlite")
    assert store.get("dataprocessing", "a").state == "InProgress"
    store.close()


def test_an_id_is_taken_once_in_each_kind(store: JobStore) -> None:
    store.add(job())
    store.add(job(kind="modeltraining"))
    with pytest.raises(DuplicateJob, match=r"Another resource with same ID already exists\. Please use a new ID\."):
        store.add(job())


def test_an_unknown_id_is_the_guides_error(store: JobStore) -> None:
    with pytest.raises(UnknownJob, match="Please check whether a resource with the given ID exists") as error:
        store.get("endpoints", "a")
    assert (error.value.code, error.value.status) == ("MLResourceNotFoundException", 404)


def test_ids_are_listed_newest_first(store: JobStore) -> None:
    for id in ("a", "b", "c"):
        store.add(job(id))
    store.add(job("other", kind="endpoints"))
    assert store.newest_ids("dataprocessing", 2) == ["c", "b"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_changes_only_as_the_table_says(kind: JobKind) -> None:
    for state, to in itertools.product(get_args(State), repeat=2):
        store = JobStore(None)
        store.add(job(kind=kind, state=state))
        if to in TRANSITIONS[kind].get(state, ()):
            assert store.move(kind, "a", to).state == to
        else:
            with pytest.raises(IllegalTransition):
                store.move(kind, "a", to)
            assert store.get(kind, "a").state == state
        store.close()


def test_every_state_of_the_table_can_be_reached_and_final_ones_end() -> None:
    for kind in KINDS:
        reached, todo = set(), [first_state(kind), *(["LOAD_IN_QUEUE"] if kind == "load" else [])]
        while todo:
            state = todo.pop()
            if state not in reached:
                reached.add(state)
                todo.extend(TRANSITIONS[kind][state])
        assert reached == set(TRANSITIONS[kind])


def test_of_two_threads_only_one_makes_a_transition(store: JobStore) -> None:
    store.add(job())
    outcomes = []

    def finish(to: State) -> None:
        try:
            outcomes.append(store.move("dataprocessing", "a", to).state)
        except IllegalTransition:
            outcomes.append(None)

    threads = [threading.Thread(target=finish, args=(to,)) for to in ("Completed", "Failed")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes, key=str)[-1] is None or None in outcomes
    assert store.get("dataprocessing", "a").state in outcomes


def test_a_move_from_another_state_than_expected_is_refused(store: JobStore) -> None:
    store.add(job())
    store.move("dataprocessing", "a", "Stopping")
    with pytest.raises(IllegalTransition):
        store.move("dataprocessing", "a", "Stopped", only_from="InProgress")


def test_equal_finished_jobs_are_found_unless_cleaned(store: JobStore) -> None:
    for id, state, cleaned in (("a", "Completed", False), ("b", "Completed", True), ("c", "Failed", False)):
        store.add(job(id, state=state, cleaned=cleaned, inputs_hash="h"))
    assert [found.id for found in store.completed_with_hash("dataprocessing", "h")] == ["a"]
    assert store.completed_with_hash("modeltraining", "h") == []


def test_a_file_that_is_no_store_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").write_bytes(b"this is not a database at all, but longer than a header" * 20)
    with pytest.raises(InternalFailure, match=r"jobs\.sqlite"):
        JobStore(tmp_path / "jobs.sqlite")


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    JobStore(tmp_path / "jobs.sqlite").close()
    connection = sqlite3.connect(tmp_path / "jobs.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InternalFailure, match="newer version"):
        JobStore(tmp_path / "jobs.sqlite")


def test_lines_of_a_job_keep_their_order_and_go_with_it(store: JobStore) -> None:
    store.add(job(kind="load"), {"files": [{"uri": "a"}, {"uri": "b"}]})
    store.set_line("load", "a", "files", 2, {"uri": "b", "records": 3}, errors=[{"line": 7}, {"line": 9}])
    store.set_line("load", "a", "files", 1, {"uri": "a", "records": 1}, errors=[{"line": 11}])
    assert store.lines("load", "a", "files") == [{"uri": "a", "records": 1}, {"uri": "b", "records": 3}]
    assert store.lines("load", "a", "errors", first=2, count=2) == [{"line": 9}, {"line": 11}]
    store.remove("load", "a")
    assert store.lines("load", "a", "files") == []


def test_jobs_are_found_by_what_their_names_say_newest_first(store: JobStore) -> None:
    for id, place in (("a", "s3://x"), ("b", "s3://y"), ("c", "s3://x")):
        store.add(job(id, kind="export", names={"output": place}))
    store.add(job("d", names={"output": "s3://x"}))
    assert [found.id for found in store.named("export", "output", "s3://x")] == ["c", "a"]


def test_the_first_start_and_the_end_of_a_job_are_kept(store: JobStore) -> None:
    store.add(job())
    began = store.begin("dataprocessing", "a").started_ms
    assert store.begin("dataprocessing", "a").started_ms == began
    ended = store.move("dataprocessing", "a", "Completed")
    assert began is not None
    assert ended.ended_ms is not None
    assert ended.ended_ms > began
    assert ended.attempts == 2
