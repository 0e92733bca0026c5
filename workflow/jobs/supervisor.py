"""Moves jobs on: the only writer of the state of loads, exports, processing, training and transform jobs.

One life for every kind: *accepted* (stored, then submitted), *run* (as soon as there is room, oldest first, in a thread
of its own), *cancelled* (by its user) and *recovered* (a job that was running when the service ended is begun again at
the next start; one that takes the service down with it again and again is given up). A job that ends badly has failed
with its reason. Endpoints, which do not run to an end, have a life of their own.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from workflow import tracing
from workflow.errors import WorkflowError
from workflow.jobs.model import LIVES, IllegalTransition, JobKind, JobRecord
from workflow.jobs.store import JobStore, UnknownJob
from workflow.jobs.work import Outcome, Work
from workflow.runners.base import Control, JobCancelled

_log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
_Key = tuple[JobKind, str]


class Supervisor:
    """Runs stored jobs, at most ``parallel`` at a time, oldest first.

    Args:
        work: what is run, by kind.
        parallel: how many jobs of these kinds together run at once.
    """

    def __init__(self, store: JobStore, work: Mapping[JobKind, Work], parallel: int) -> None:
        self._store, self._work, self._parallel = store, work, max(1, parallel)
        # guards the five below; the store's lock may be taken while it is held, never the other way round
        self._lock = threading.Lock()
        self._waiting: list[_Key] = []
        self._controls: dict[_Key, Control] = {}  # of waiting and running jobs
        self._threads: dict[_Key, threading.Thread] = {}
        self._running: set[_Key] = set()
        self._to_clean: set[_Key] = set()
        self._closing = threading.Event()

    def recover(self) -> None:
        """Take up what an earlier run of the service left behind."""
        for kind, work in self._work.items():
            for job in self._store.unfinished(kind):
                if job.state == LIVES[kind].stopping:
                    work.clear(job)
                    self._store.move(kind, job.id, LIVES[kind].stopped)
                else:
                    _log.info("%s %s goes on after a restart", kind, job.id)
                    self.submit(job)

    def submit(self, job: JobRecord) -> None:
        """Run a stored job as soon as there is room for it."""
        with self._lock:
            self._controls[job.kind, job.id] = Control()
            self._waiting.append((job.kind, job.id))
        self._begin_what_may()

    def cancel(self, kind: JobKind, job_id: str, clean: bool = False, reason: str | None = None) -> None:
        """Begin to stop a job that has not ended; ``reason`` is kept as its failure.

        Raises IllegalTransition when it has ended or is being stopped, UnknownJob.
        """
        key, life = (kind, job_id), LIVES[kind]
        with self._lock:
            now = self._store.get(kind, job_id).state
            if now not in (life.accepted, life.running, "LOAD_IN_QUEUE"):
                raise IllegalTransition(kind, job_id, now, life.stopping or life.stopped)
            self._store.move(kind, job_id, life.stopping or life.stopped, only_from=now, failure=reason)
            if clean:
                self._to_clean.add(key)
            if key in self._waiting:
                self._waiting.remove(key)
                self._start(key, self._end_cancelled)
            elif key in self._controls:
                self._controls[key].cancelled.set()

    def is_waiting(self, kind: JobKind, job_id: str) -> bool:
        """Whether a job in progress has not begun, for other jobs run before it."""
        return (kind, job_id) in self._waiting

    def leave(self) -> None:
        """Tell every running job to stop; they go on at the next start."""
        self._closing.set()
        with self._lock:
            self._waiting.clear()
            controls = list(self._controls.values())
        for control in controls:
            control.leaving.set()
            control.cancelled.set()

    def close(self, timeout_s: float = 12.0) -> None:
        """Leave, and wait for all of them together; a job's program has ten seconds to end by itself."""
        self.leave()
        with self._lock:
            threads = list(self._threads.values())
        deadline = time.monotonic() + timeout_s
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _begin_what_may(self) -> None:
        with self._lock:
            for key in list(self._waiting):
                if self._closing.is_set() or len(self._running) >= self._parallel:
                    return
                try:
                    ready = self._work[key[0]].is_ready(self._store.get(*key))
                except UnknownJob:
                    self._waiting.remove(key)
                    continue
                if ready:
                    self._waiting.remove(key)
                    self._running.add(key)
                    self._start(key, self._run)

    def _start(self, key: _Key, act: Any) -> None:
        """A thread that attends to one job; the caller holds the lock."""
        name = "-".join(key)
        thread = self._threads[key] = threading.Thread(target=self._attend, args=(key, act), name=name, daemon=True)
        thread.start()

    def _attend(self, key: _Key, act: Any) -> None:
        kind, job_id = key
        try:
            act(key)
        except (UnknownJob, IllegalTransition):  # deleted or stopped in the meantime
            _log.info("%s %s was changed while it ran", kind, job_id, exc_info=True)
        except Exception as error:  # noqa: BLE001 - a full disk under the store, say: the job must not hang
            _log.exception("%s %s could not be attended", kind, job_id)
            self._insist_on_failing(key, f"its state could not be kept ({error}); free some disk space")
        finally:
            with self._lock:
                self._running.discard(key)
                self._controls.pop(key, None)
                self._threads.pop(key, None)
            self._begin_what_may()

    def _run(self, key: _Key) -> None:
        kind, job_id = key
        work, life, control = self._work[kind], LIVES[kind], self._controls[key]
        job = self._store.get(kind, job_id)
        if control.cancelled.is_set():
            self._end_cancelled(key)
            return
        if job.attempts >= MAX_ATTEMPTS:
            self._fail(key, f"the service ended {job.attempts} times while this job ran; start a smaller one")
            return
        if job.state != life.running:
            self._store.move(kind, job_id, life.running)
        job = self._store.begin(kind, job_id)
        try:
            with tracing.span(f"{kind} job", job_id=job_id):
                outcome = work.run(job, control)
        except JobCancelled:
            self._end_cancelled(key)
        except WorkflowError as error:
            self._fail(key, error.message)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self._fail(key, "the disk is full; free some space and start the job again" if full else str(error))
        except Exception as error:  # noqa: BLE001 - the edge of a job: whatever happened is its failure reason
            _log.exception("%s %s failed", kind, job_id)
            self._fail(key, f"the service failed on this job ({type(error).__name__}: {error}); its log says more")
        else:
            self._finish(key, outcome)

    def _finish(self, key: _Key, outcome: Outcome) -> None:
        life = LIVES[key[0]]
        changes: dict[str, Any] = {
            "result": {**self._store.get(*key).result, **outcome.result},
            "inputs_hash": outcome.inputs_hash,
            "reused_from": outcome.reused_from,
            "failure": outcome.failure,
        }
        try:
            job = self._store.move(*key, outcome.state or life.done, only_from=life.running, **changes)
        except IllegalTransition:  # stopped at the last moment
            self._end_cancelled(key)
            return
        self._work[key[0]].clear(job)

    def _fail(self, key: _Key, reason: str) -> None:
        try:
            job = self._store.get(*key)
            job = self._store.move(*key, LIVES[key[0]].failed, only_from=job.state, failure=reason)
        except IllegalTransition:
            self._end_cancelled(key)
            return
        _log.warning("%s %s failed: %s", *key, reason)
        self._work[key[0]].clear(job)

    def _insist_on_failing(self, key: _Key, reason: str) -> None:
        while not self._closing.wait(2.0):
            try:
                self._fail(key, reason)
            except (UnknownJob, IllegalTransition):
                return
            except Exception as error:  # noqa: BLE001 - still no way to write; the next start takes the job up
                _log.debug("%s %s: %s", *key, error)
            else:
                return

    def _end_cancelled(self, key: _Key) -> None:
        life, work, job = LIVES[key[0]], self._work[key[0]], self._store.get(*key)
        if job.state in (life.accepted, life.running):
            # nobody asked for it: the service ends, and goes on with it at the next start
            self._store.update(*key, attempts=max(0, job.attempts - 1))
            return
        with self._lock:
            clean = key in self._to_clean
            self._to_clean.discard(key)
        if clean:
            work.clean(job)
        work.clear(job)
        if life.stopping is not None:
            self._store.move(*key, life.stopped, cleaned=clean)
