"""Moves jobs on: the only writer of the state of processing, training and transform jobs.

A thread a job. A job that ends badly has failed with its reason; a job that was running when the service was killed is
begun again at the next start (a search goes on with the trials it lacks); a job that takes the service down with it
again and again is given up.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from workflow.errors import WorkflowError
from workflow.jobs.execution import Execution
from workflow.jobs.model import IllegalTransition, Job
from workflow.jobs.store import JobStore, UnknownJob
from workflow.neptune import Kind
from workflow.runners.base import Control, JobCancelled, Runner

_log = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
_Key = tuple[Kind, str]


class Supervisor:
    """Runs stored jobs, at most ``parallel`` at a time, oldest first.

    Args:
        clean: removes the artefacts of a job; called once a job that was stopped with ``clean`` has ended.
    """

    def __init__(
        self, store: JobStore, execution: Execution, runner: Runner, parallel: int, clean: Callable[[Job], None]
    ) -> None:
        self._store, self._execution, self._runner, self._clean = store, execution, runner, clean
        self._slots = threading.BoundedSemaphore(max(1, parallel))
        self._lock = threading.Lock()  # guards _controls, _threads and _to_clean, and the start of a cancellation
        self._controls: dict[_Key, Control] = {}
        self._threads: dict[_Key, threading.Thread] = {}
        self._to_clean: set[_Key] = set()
        self._has_slot: set[_Key] = set()
        self._closing = threading.Event()

    def recover(self) -> None:
        """Take up what an earlier run of the service left behind."""
        for job in self._store.in_states("Stopping"):
            self._runner.discard(working_folder(job))
            self._store.move(job.kind, job.id, "Stopped")
        for job in self._store.in_states("InProgress"):
            _log.info("%s %s goes on after a restart", job.kind, job.id)
            self.submit(job)

    def submit(self, job: Job) -> None:
        """Run a stored job as soon as there is a free slot."""
        key = (job.kind, job.id)
        thread = threading.Thread(target=self._attend, args=(key,), name=f"{job.kind}-{job.id}", daemon=True)
        with self._lock:
            self._controls[key] = Control()
            self._threads[key] = thread
        thread.start()

    def cancel(self, kind: Kind, job_id: str, clean: bool) -> None:
        """Begin to stop a job that is in progress. Raises IllegalTransition when it is not, UnknownJob."""
        key = (kind, job_id)
        with self._lock:
            self._store.move(kind, job_id, "Stopping", only_from="InProgress")
            if clean:
                self._to_clean.add(key)
            control = self._controls.get(key)
        if control is not None:
            control.cancelled.set()

    def is_waiting(self, kind: Kind, job_id: str) -> bool:
        """Whether a job in progress has not begun, for other jobs run before it."""
        return (kind, job_id) in self._controls and (kind, job_id) not in self._has_slot

    def close(self, timeout_s: float = 20.0) -> None:
        """Let go of every running job; they stay InProgress and go on at the next start."""
        self._closing.set()
        with self._lock:
            controls, threads = list(self._controls.values()), list(self._threads.values())
        for control in controls:
            control.leaving.set()
            control.cancelled.set()
        for thread in threads:
            thread.join(timeout_s)

    def _attend(self, key: _Key) -> None:
        kind, job_id = key
        control = self._controls[key]
        try:
            while not self._slots.acquire(timeout=0.05):
                if control.cancelled.is_set():
                    self._end_cancelled(key)
                    return
            self._has_slot.add(key)
            try:
                self._run(key, control)
            finally:
                self._has_slot.discard(key)
                self._slots.release()
        except (UnknownJob, IllegalTransition):  # deleted or stopped in the meantime
            _log.info("%s %s was changed while it ran", kind, job_id, exc_info=True)
        except Exception as error:  # noqa: BLE001 - a full disk under the store, say: the job must not hang
            _log.exception("%s %s could not be attended", kind, job_id)
            self._insist_on_failing(key, f"its state could not be kept ({error}); free some disk space")
        finally:
            with self._lock:
                self._controls.pop(key, None)
                self._threads.pop(key, None)

    def _run(self, key: _Key, control: Control) -> None:
        kind, job_id = key
        job = self._store.get(kind, job_id)
        if control.cancelled.is_set():
            self._end_cancelled(key)
            return
        if job.attempts >= MAX_ATTEMPTS:
            self._fail(key, f"the service ended {job.attempts} times while this job ran; start a smaller one")
            return
        job = self._store.update(kind, job_id, attempts=job.attempts + 1)
        try:
            outcome = self._execution.run(job, control)
        except JobCancelled:
            self._end_cancelled(key)
        except WorkflowError as error:
            self._fail(key, error.message)
        except OSError as error:
            full = error.errno == 28
            self._fail(key, "the disk is full; free some space and start the job again" if full else str(error))
        except Exception as error:  # noqa: BLE001 - the edge of a job: whatever happened is its failure reason
            _log.exception("%s %s failed", kind, job_id)
            self._fail(key, f"the service failed on this job ({type(error).__name__}: {error}); its log says more")
        else:
            try:
                self._store.move(
                    kind,
                    job_id,
                    "Completed",
                    only_from="InProgress",
                    result=dict(outcome.result),
                    inputs_hash=outcome.inputs_hash,
                    reused_from=outcome.reused_from,
                )
            except IllegalTransition:  # stopped at the last moment
                self._end_cancelled(key)
                return
            self._runner.discard(working_folder(job))

    def _fail(self, key: _Key, reason: str) -> None:
        try:
            job = self._store.move(*key, "Failed", only_from="InProgress", failure=reason)
        except IllegalTransition:
            self._end_cancelled(key)
            return
        _log.warning("%s %s failed: %s", *key, reason)
        self._runner.discard(working_folder(job))

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
        job = self._store.get(*key)
        if job.state != "Stopping":  # not asked for: the service ends, and goes on with it at the next start
            self._store.update(*key, attempts=max(0, job.attempts - 1))
            return
        with self._lock:
            clean = key in self._to_clean
            self._to_clean.discard(key)
        if clean:
            self._clean(job)
        self._runner.discard(working_folder(job))
        self._store.move(*key, "Stopped", cleaned=clean)


def working_folder(job: Job) -> str:
    """The name under which the runner keeps a job's working files."""
    return job.names.get("work") or job.names["name"]
