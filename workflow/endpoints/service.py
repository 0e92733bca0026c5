"""Endpoints: started, watched, replaced and stopped by the only writer of their state, and the directory of them all.

An endpoint is InService exactly while its deployment answers. One that crashes is deployed again; after a restart of
the service those that were in service are deployed again, or taken over where they have gone on without it; an update
keeps the old deployment until the new one answers.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from workflow.endpoints.host import Deployment, EndpointHost
from workflow.errors import WorkflowError
from workflow.jobs.model import IllegalTransition, JobRecord
from workflow.jobs.store import JobStore, UnknownJob
from workflow.neptune.requests import CreateEndpoint
from workflow.predictions.endpoint import EndpointRecord
from workflow.stages.resources import resources_of
from workflow.storage import S3Uri

_log = logging.getLogger(__name__)

MAX_CRASHES = 5  # in a row, each soon after the start
_STEADY_S = 60.0
_WATCH_S = 1.0
_KNOWN_S = 15.0  # before an endpoint of somebody else is looked up again
_MOST_OTHERS = 1000


@dataclass
class _Live:
    """A deployment that serves, and how queries know it."""

    deployment: Deployment
    record: EndpointRecord
    started: float = field(default_factory=time.monotonic)


class Endpoints:
    """Runs the endpoints of a job store on a host."""

    def __init__(self, store: JobStore, host: EndpointHost) -> None:
        self._store, self._host = store, host
        self._live: dict[str, _Live] = {}
        self._by_name: dict[str, str] = {}
        # by name: when it was looked up, and what was found; one operation a use, no lock
        self._others: dict[str, tuple[float, EndpointRecord | None]] = {}
        self._crashes: dict[str, int] = {}
        self._turns: dict[str, threading.Lock] = {}  # one change of an endpoint at a time
        self._lock = threading.Lock()  # guards _live, _by_name, _crashes and _turns; a query reads the first two bare
        self._closing = threading.Event()
        self._threads: set[threading.Thread] = set()

    # -- the directory, asked on every query

    def find(self, id_or_name: str) -> EndpointRecord | None:
        """The endpoint of that id or name, if it serves now: this service's own, else another of the same account.

        Raises what the host raises that is asked for another.
        """
        live = self._live.get(id_or_name) or self._live.get(self._by_name.get(id_or_name, ""))
        return self._elsewhere(id_or_name) if live is None else live.record

    def _elsewhere(self, name: str) -> EndpointRecord | None:
        """An endpoint that somebody else has made, as it was when it was last looked up."""
        when, known = self._others.get(name, (-_KNOWN_S, None))
        if time.monotonic() - when < _KNOWN_S:
            return known
        found = self._host.look_up(name)
        record = None
        if found is not None:
            record = EndpointRecord(name, found.name, found.url, found.description, found.sign)
        if record == known:
            record = known  # the same object: what was made of its description is kept by it
        self._others[name] = time.monotonic(), record
        while len(self._others) > _MOST_OTHERS:
            self._others.pop(next(iter(self._others)), None)
        return record

    def serving(self) -> int:
        """How many endpoints answer now."""
        return len(self._live)

    def is_serving(self, job_id: str) -> bool:
        """Whether a deployment of the endpoint answers now."""
        return job_id in self._live

    @property
    def chosen(self) -> bool:
        """Whether endpoints get the machines that requests name; see ``EndpointHost``."""
        return self._host.chosen

    # -- what the service asks for

    def recover(self) -> None:
        """Start what should serve, finish what was being deleted, and begin to watch."""
        for job in self._store.in_states("Deleting"):
            self._spawn(self._delete, job, False)
        for job in self._store.in_states("Creating", "Updating", "InService"):
            self._spawn(self._bring_up, job)
        self._spawn(self._watch)

    def submit(self, job: JobRecord) -> None:
        """Bring a stored endpoint up, or an updated one to its new model."""
        self._spawn(self._bring_up, job)

    def delete(self, job: JobRecord, clean: bool) -> None:
        """Stop and forget an endpoint that is marked Deleting."""
        self._spawn(self._delete, job, clean)

    def close(self) -> None:
        """Stop watching and let go of every deployment; what served will serve at the next start."""
        self._closing.set()
        self._host.close()
        for thread in list(self._threads):
            thread.join(10.0)
        self._live.clear()

    # -- doing it

    def _bring_up(self, job: JobRecord) -> None:
        with self._turn(job.id):
            try:
                job = self._store.get("endpoints", job.id)
            except UnknownJob:
                return
            if job.state in ("Deleting", "Failed") or self._closing.is_set():
                return
            old = self._live.get(job.id)
            try:
                live = self._start(job)
            except WorkflowError as error:
                self._not_started(job, old, error.message)
            except OSError as error:
                full = error.errno == 28
                self._not_started(job, old, "the disk is full; free some space and try again" if full else str(error))
            except Exception as error:  # noqa: BLE001 - the edge of an endpoint: whatever happened is its reason
                _log.exception("endpoint %s could not be started", job.id)
                self._not_started(job, old, f"{type(error).__name__}: {error}")
            else:
                self._started(job, old, live)

    def _start(self, job: JobRecord) -> _Live:
        archive = S3Uri.parse(str(job.request["modelArchive"]))
        resources = resources_of(CreateEndpoint.model_validate(job.request))
        deployment = self._host.deploy(job.names["name"], archive, resources)
        record = EndpointRecord(job.id, deployment.name, deployment.url, deployment.description, deployment.sign)
        return _Live(deployment, record)

    def _started(self, job: JobRecord, old: _Live | None, live: _Live) -> None:
        try:
            if job.state != "InService":
                result = {**job.result, "model": dict(live.record.description), "before": None}
                self._store.move("endpoints", job.id, "InService", only_from=job.state, result=result, failure=None)
        except (IllegalTransition, UnknownJob):  # deleted while it started
            self._host.withdraw(live.deployment)
            return
        with self._lock:
            self._by_name[live.record.name] = job.id
            self._live[job.id] = live  # last: with it the endpoint is said to be in service, by its name too
        _log.info("endpoint %s is in service at %s", job.id, live.deployment.url)
        if old is not None and old.deployment != live.deployment:
            self._host.withdraw(old.deployment)

    def _not_started(self, job: JobRecord, old: _Live | None, reason: str) -> None:
        if self._closing.is_set():
            return
        _log.warning("endpoint %s did not start: %s", job.id, reason)
        before = job.result.get("before") if job.state == "Updating" else None
        try:
            if not before:
                self._store.move("endpoints", job.id, "Failed", failure=reason)
                return
            # as SageMaker does it: the old model goes on serving, and the reason is told
            back = self._store.move(
                "endpoints",
                job.id,
                "InService",
                request=before["request"],
                result={**job.result, "before": None},
                failure=f"The update failed, the model before it still serves. {reason}",
            )
            if old is None:  # it did not serve either: the service was restarted in the middle of the update
                self._spawn(self._bring_up, back)
        except (IllegalTransition, UnknownJob):
            _log.info("endpoint %s was deleted while it started", job.id)

    def _delete(self, job: JobRecord, clean: bool) -> None:
        with self._turn(job.id):
            with self._lock:
                self._live.pop(job.id, None)
                self._by_name.pop(job.names["name"], None)
            self._host.remove(job.names["name"])
            if clean:
                _log.info("endpoint %s leaves no artefacts of its own behind", job.id)
            self._store.remove("endpoints", job.id)

    # -- watching

    def _watch(self) -> None:
        while not self._closing.wait(_WATCH_S):
            for job_id, live in list(self._live.items()):
                if not self._closing.is_set() and not self._host.is_healthy(live.deployment):
                    self._revive(job_id, live)

    def _revive(self, job_id: str, live: _Live) -> None:
        with self._lock:
            if self._live.get(job_id) is not live:  # replaced meanwhile
                return
            del self._live[job_id]
            steady = time.monotonic() - live.started > _STEADY_S
            self._crashes[job_id] = 1 if steady else self._crashes.get(job_id, 0) + 1
        _log.warning("endpoint %s does not answer any more; starting it again", job_id)
        self._host.withdraw(live.deployment)
        try:
            job = self._store.get("endpoints", job_id)
            if self._crashes[job_id] > MAX_CRASHES:
                reason = f"The endpoint crashed {MAX_CRASHES} times in a row; its log: {live.deployment.log}"
                self._store.move("endpoints", job_id, "Failed", failure=reason)
                return
        except (UnknownJob, IllegalTransition):
            return
        self._spawn(self._bring_up, job)

    # -- threads

    def _turn(self, job_id: str) -> threading.Lock:
        with self._lock:
            # guards the endpoint itself: one change at a time
            return self._turns.setdefault(job_id, threading.Lock())

    def _spawn(self, work: Any, *arguments: Any) -> None:
        def run() -> None:
            try:
                work(*arguments)
            except Exception:  # noqa: BLE001 - the edge of a thread
                _log.exception("an endpoint's thread failed")
            finally:
                self._threads.discard(threading.current_thread())

        thread = threading.Thread(target=run, name="endpoints", daemon=True)
        self._threads.add(thread)
        thread.start()
