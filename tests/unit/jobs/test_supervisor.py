"""Whatever happens to a job, its record says so, and nothing hangs."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE_S, until
from workflow.errors import InternalFailure
from workflow.jobs.model import LIVES, JobKind, JobRecord
from workflow.jobs.store import JobStore
from workflow.jobs.supervisor import MAX_ATTEMPTS, Supervisor
from workflow.jobs.work import Outcome
from workflow.runners.base import Control, JobCancelled, JobFailed


class Scripted:
    """In place of the execution: does what the test says."""

    def __init__(self, act: Callable[[JobRecord, Control], Outcome]) -> None:
        self.act = act
        self.ran: list[str] = []
        self.cleared: list[str] = []
        self.cleaned: list[str] = []
        self.held: set[str] = set()

    def is_ready(self, job: JobRecord) -> bool:
        return job.id not in self.held

    def clear(self, job: JobRecord) -> None:
        self.cleared.append(job.id)

    def clean(self, job: JobRecord) -> None:
        self.cleaned.append(job.id)

    def run(self, job: JobRecord, control: Control) -> Outcome:
        self.ran.append(job.id)
        return self.act(job, control)


KINDS: tuple[JobKind, ...] = ("dataprocessing", "export", "load")


@pytest.fixture
def store() -> Iterator[JobStore]:
    store = JobStore(None)
    yield store
    store.close()


def job(id: str = "a", **changes: Any) -> JobRecord:
    names = {"name": f"{id}-name", "output": f"s3://lab/{id}-name/out"}
    fields: dict[str, Any] = {
        "state": "InProgress",
        "created_ms": 1,
        "updated_ms": 1,
        "request": {},
        "names": names,
        **changes,
    }
    return JobRecord(fields.pop("kind", "dataprocessing"), id, **fields)


def supervise(
    store: JobStore, act: Callable[[JobRecord, Control], Outcome], parallel: int = 2
) -> tuple[Supervisor, Scripted, list[str]]:
    scripted = Scripted(act)
    supervisor = Supervisor(store, dict.fromkeys(KINDS, scripted), parallel)
    return supervisor, scripted, scripted.cleaned


def wait_for(store: JobStore, state: str, id: str = "a", kind: JobKind = "dataprocessing") -> JobRecord:
    until(lambda: store.get(kind, id).state == state, f"{kind} {id} to be {state}")
    return store.get(kind, id)


def until_cancelled(job: JobRecord, control: Control) -> Outcome:
    assert control.cancelled.wait(20)
    raise JobCancelled(job.id)


def done(job: JobRecord, control: Control) -> Outcome:
    return Outcome({"wall_s": 1}, "hash")


def test_a_job_that_ends_well_has_completed_with_its_result(store: JobStore) -> None:
    supervisor, _, _ = supervise(store, done)
    store.add(job())
    supervisor.submit(job())
    ended = wait_for(store, "Completed")
    assert (ended.result, ended.inputs_hash, ended.attempts) == ({"wall_s": 1}, "hash", 1)
    supervisor.close()


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (JobFailed("column age is missing"), "column age is missing"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (InternalFailure("inner"), "inner"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError"),
        (MemoryError(), "MemoryError"),
    ],
)
def test_whatever_a_job_raises_becomes_its_reason(store: JobStore, error: BaseException, text: str) -> None:
    def act(job: JobRecord, control: Control) -> Outcome:
        raise error

    supervisor, _, _ = supervise(store, act)
    store.add(job())
    supervisor.submit(job())
    failure = wait_for(store, "Failed").failure
    assert failure is not None
    assert text in failure
    supervisor.close()


def test_a_job_that_was_asked_to_stop_has_stopped_and_is_cleaned_on_request(store: JobStore) -> None:
    for clean in (False, True):
        supervisor, _, cleaned = supervise(store, until_cancelled)
        store.add(job(f"job-{clean}"))
        supervisor.submit(job(f"job-{clean}"))
        supervisor.cancel("dataprocessing", f"job-{clean}", clean)
        stopped = wait_for(store, "Stopped", f"job-{clean}")
        assert stopped.cleaned is clean
        assert cleaned == ([stopped.id] if clean else [])
        supervisor.close()


def test_a_job_that_waits_for_a_slot_can_be_stopped(store: JobStore) -> None:
    supervisor, scripted, _ = supervise(store, until_cancelled, parallel=1)
    for id in ("a", "b"):
        store.add(job(id))
    supervisor.submit(job("a"))
    until(lambda: scripted.ran, "the job to run")
    supervisor.submit(job("b"))
    assert supervisor.is_waiting("dataprocessing", "b")
    assert not supervisor.is_waiting("dataprocessing", "a")
    supervisor.cancel("dataprocessing", "b", False)
    wait_for(store, "Stopped", "b")
    assert scripted.ran == ["a"]
    supervisor.close()


def test_no_more_jobs_run_at_once_than_allowed(store: JobStore) -> None:
    now, most, lock, two = 0, 0, threading.Lock(), threading.Barrier(2)

    def act(job: JobRecord, control: Control) -> Outcome:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        two.wait(PATIENCE_S)  # so two run at once, in three turns
        with lock:
            now -= 1
        return Outcome({}, "h")

    supervisor, _, _ = supervise(store, act, parallel=2)
    for n in range(6):
        store.add(job(f"j{n}"))
        supervisor.submit(job(f"j{n}"))
    for n in range(6):
        wait_for(store, "Completed", f"j{n}")
    assert most == 2
    supervisor.close()


def test_the_end_of_the_service_is_no_failure_of_its_jobs(store: JobStore) -> None:
    supervisor, scripted, _ = supervise(store, until_cancelled)
    store.add(job())
    supervisor.submit(job())
    until(lambda: scripted.ran, "the job to run")
    supervisor.close()
    left = store.get("dataprocessing", "a")
    assert (left.state, left.attempts) == ("InProgress", 0)
    again, _, _ = supervise(store, done)
    again.recover()
    wait_for(store, "Completed")
    again.close()


def test_a_job_that_takes_the_service_down_again_and_again_is_given_up(store: JobStore) -> None:
    supervisor, scripted, _ = supervise(store, done)
    store.add(job(attempts=MAX_ATTEMPTS))
    supervisor.recover()
    failure = wait_for(store, "Failed").failure
    assert failure is not None
    assert f"ended {MAX_ATTEMPTS} times" in failure
    assert scripted.ran == []
    supervisor.close()


def test_a_stop_that_was_under_way_is_finished_at_the_next_start(store: JobStore) -> None:
    supervisor, _, _ = supervise(store, done)
    store.add(job(state="Stopping"))
    supervisor.recover()
    assert store.get("dataprocessing", "a").state == "Stopped"
    supervisor.close()


def test_a_job_whose_end_cannot_be_written_fails_once_it_can(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    move, full = store.move, threading.Event()
    full.set()

    refused = []

    def moving(*arguments: Any, **changes: Any) -> JobRecord:
        if full.is_set():
            refused.append(arguments)
            raise sqlite3.OperationalError("database or disk is full")
        return move(*arguments, **changes)

    monkeypatch.setattr(store, "move", moving)
    supervisor, _, _ = supervise(store, done)
    store.add(job())
    supervisor.submit(job())
    until(lambda: refused, "the store to be full")
    full.clear()
    failure = wait_for(store, "Failed").failure
    assert failure is not None
    assert "disk" in failure
    supervisor.close()


def test_an_equal_job_is_found_by_content_and_not_by_address(tmp_path: Path) -> None:
    from workflow.jobs.reuse import fingerprint, inputs_hash
    from workflow.storage import S3Uri
    from workflow.storage.local import LocalStorage

    storage = LocalStorage(tmp_path)
    for place in ("a", "b"):
        storage.write(S3Uri("lab", f"{place}/x"), b"1")
    one, two = (fingerprint(storage, S3Uri("lab", place)) for place in ("a", "b"))
    assert one == two
    storage.write(S3Uri("lab", "b/x"), b"2")
    assert fingerprint(storage, S3Uri("lab", "b")) != one
    storage.write(S3Uri("lab", "b/x"), b"1")
    storage.write(S3Uri("lab", "b/y"), b"")
    assert fingerprint(storage, S3Uri("lab", "b")) != one
    assert inputs_hash("k", {"a": 1, "b": 2}, {}) == inputs_hash("k", {"b": 2, "a": 1}, {})
    assert inputs_hash("k", {"a": 1}, {}) != inputs_hash("other", {"a": 1}, {})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_job_lives_one_life_in_its_own_words(store: JobStore, kind: JobKind) -> None:
    life = LIVES[kind]
    supervisor, scripted, _ = supervise(store, done)
    for id in ("ends", "fails"):
        store.add(job(id, kind=kind, state=life.accepted))
    supervisor.submit(store.get(kind, "ends"))
    ended = wait_for(store, life.done, "ends", kind)
    assert (ended.result, ended.attempts) == ({"wall_s": 1}, 1)
    assert ended.started_ms is not None
    assert ended.ended_ms is not None
    scripted.act = until_failed
    supervisor.submit(store.get(kind, "fails"))
    assert wait_for(store, life.failed, "fails", kind).failure == "no such column"
    scripted.act = until_cancelled
    store.add(job("stops", kind=kind, state=life.accepted))
    supervisor.submit(store.get(kind, "stops"))
    until(lambda: "stops" in scripted.ran, "the job to run")
    supervisor.cancel(kind, "stops")
    wait_for(store, life.stopped, "stops", kind)
    supervisor.close()
    # what the end of the service broke off goes on at the next start
    again, scripted, _ = supervise(store, done)
    store.add(job("left", kind=kind, state=life.running, attempts=1))
    again.recover()
    assert wait_for(store, life.done, "left", kind).attempts == 2
    assert scripted.ran == ["left"]
    again.close()


def until_failed(job: JobRecord, control: Control) -> Outcome:
    raise JobFailed("no such column")


def test_a_job_that_is_not_ready_waits_for_the_end_of_another_and_lets_others_pass(store: JobStore) -> None:
    supervisor, scripted, _ = supervise(store, done, parallel=1)
    scripted.held = {"a"}

    def release(job: JobRecord, control: Control) -> Outcome:
        if job.id == "b":
            scripted.held.clear()
        return done(job, control)

    scripted.act = release
    for id in ("a", "b"):
        store.add(job(id))
        supervisor.submit(job(id))
    wait_for(store, "Completed", "a")
    assert scripted.ran == ["b", "a"]
    supervisor.close()


def test_jobs_run_in_the_order_in_which_they_were_accepted(store: JobStore) -> None:
    gate = threading.Event()

    def act(job: JobRecord, control: Control) -> Outcome:
        assert gate.wait(60)
        return done(job, control)

    supervisor, scripted, _ = supervise(store, act, parallel=1)
    for n in range(5):
        store.add(job(f"j{n}"))
        supervisor.submit(job(f"j{n}"))
    gate.set()
    wait_for(store, "Completed", "j4")
    assert scripted.ran == ["j0", "j1", "j2", "j3", "j4"]
    supervisor.close()
