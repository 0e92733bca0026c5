"""Starts, answers for, lists and stops jobs and endpoints: Neptune's sixteen operations without their HTTP."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training_scripts.graph_ml.schemas import files
from workflow.endpoints.service import Endpoints
from workflow.errors import BadRequest, InvalidParameter
from workflow.jobs import lookup
from workflow.jobs.answers import StatusAnswers
from workflow.jobs.execution import (
    ARCHIVE,
    Execution,
    custom_transform,
    trained_result,
    training_configuration,
    training_needs,
    transform_inputs,
)
from workflow.jobs.model import IllegalTransition, JobKind, JobRecord, first_state
from workflow.jobs.store import DuplicateJob, JobStore
from workflow.jobs.supervisor import Supervisor
from workflow.jobs.work import Work
from workflow.neptune import Kind, Operation
from workflow.neptune.fields import Lenient
from workflow.neptune.requests import (
    CreateEndpoint,
    GetResource,
    ListResources,
    StartDataProcessing,
    StartModelTraining,
    StartModelTransform,
    StopResource,
)
from workflow.neptune.responses import Answer, Listed, Started, Stopped
from workflow.runners.base import Runner
from workflow.runners.publishing import flat_metrics, publish_model, read_metrics
from workflow.stages import custom, estimates, modeltraining
from workflow.stages.layout import default_id, job_names, resource_arn
from workflow.storage import S3Uri, Storage
from workflow.tuning.candidates import pipeline_search
from workflow.tuning.report import render

_log = logging.getLogger(__name__)

OK = "200 OK"


@dataclass(frozen=True)
class Place:
    """Whose account and region the ARNs name."""

    region: str
    account: str


class JobService:
    """The sixteen operations. Safe to share between threads; what it answers is durable.

    Args:
        execution: runs the jobs, ``parallel`` at a time.
        clock: milliseconds since the epoch.
    """

    def __init__(
        self,
        store: JobStore,
        storage: Storage,
        runner: Runner,
        execution: Execution,
        endpoints: Endpoints,
        place: Place,
        parallel: int = 2,
        clock: Callable[[], int] = lambda: int(time.time() * 1000),
    ) -> None:
        self._store, self._storage, self._runner = store, storage, runner
        self._execution, self._endpoints, self._place, self._clock = execution, endpoints, place, clock
        stages: tuple[JobKind, ...] = ("dataprocessing", "modeltraining", "modeltransform")
        self.work: dict[JobKind, Work] = dict.fromkeys(stages, execution)
        self._supervisor = Supervisor(store, self.work, parallel)
        self._answers = StatusAnswers(runner, self._supervisor, endpoints, place.region, place.account)
        self._starting = threading.Lock()  # guards the moment of the last name
        self._last_ms = 0

    @property
    def endpoints(self) -> Endpoints:
        """The directory of endpoints in service."""
        return self._endpoints

    def start_work(self) -> None:
        """Take up what an earlier run of the service left."""
        self._supervisor.recover()
        self._endpoints.recover()

    def leave(self) -> None:
        """Tell what runs to stop, and wait for none of it."""
        self._supervisor.leave()

    def close(self) -> None:
        """Stop all work; jobs and endpoints go on at the next start."""
        self._supervisor.close()
        self._endpoints.close()

    def perform(self, operation: Operation, request: Lenient) -> Answer:
        """Do what an operation asks. Raises what the guide says for it."""
        kind = operation.kind
        assert kind is not None
        match request:
            case StopResource():
                return self.stop(kind, request.id, clean=request.clean)
            case GetResource():
                return self.get(kind, request.id)
            case ListResources():
                return Listed(ids=self.newest(kind, request.max_items))
            case _:
                return self.start(kind, request)

    # -- start

    def start(self, kind: Kind, request: Lenient) -> Started:
        """Check what must be refused at once, keep the job, set it going, and answer its id."""
        match request:
            case StartDataProcessing():
                self._refuse_duplicate(kind, request.id)
                self._check_processing(request)
                return self._accept(kind, request.id, request.to_json(), request.output_location)
            case StartModelTraining():
                self._refuse_duplicate(kind, request.id)
                self._check_training(request)
                return self._accept(kind, request.id, request.to_json(), request.output_location)
            case StartModelTransform():
                self._refuse_duplicate(kind, request.id)
                S3Uri.parse(request.output_location)
                transform_inputs(self._store, request)
                own = custom_transform(self._store, request, self._execution.custom_code)
                if own is not None:
                    custom.check_folder(S3Uri.parse(own.source), [own.transform_script], self._storage.exists)
                return self._accept(kind, request.id, request.to_json(), request.output_location)
            case CreateEndpoint():
                return self._create_endpoint(request)
            case _:
                raise InvalidParameter(f"{type(request).__name__} starts nothing")

    def _check_processing(self, request: StartDataProcessing) -> None:
        source = S3Uri.parse(request.input_location)
        S3Uri.parse(request.output_location)
        if not self._storage.exists(source / request.config_file):
            others = sorted(info.uri.name for info in self._storage.list(source) if info.uri.name.endswith(".json"))
            found = f"it has {', '.join(others[:5])}; name one with configFileName" if others else "is it an export?"
            raise BadRequest(
                "Invalid S3 URL or incorrect S3 permissions. Please check your S3 configuration. "
                f"{source} holds no {request.config_file}: {found}"
            )
        if request.previous_id:
            lookup.finished(self._store, "dataprocessing", request.previous_id)
        size = sum(info.size for info in self._storage.list(source))
        self._check_capacity(estimates.processing_needs(size))

    def _check_training(self, request: StartModelTraining) -> None:
        S3Uri.parse(request.output_location)
        processing = lookup.finished(self._store, "dataprocessing", request.processing_id)
        previous = lookup.finished(self._store, "modeltraining", request.previous_id) if request.previous_id else None
        search = training_configuration(self._storage, processing, request, self._execution.custom_code)
        # a search space that cannot be read is refused now rather than in a minute
        names = job_names("modeltraining", request.id or "check", 0, request.output_location)
        modeltraining.plan(request, names, processing, search.model, previous, seed=0)
        self._check_capacity(training_needs(self._storage, processing))

    def _check_capacity(self, needs: estimates.Needs) -> None:
        capacity = self._runner.capacity()
        estimates.check(needs, capacity.memory_bytes, capacity.disk_free_bytes)

    def _create_endpoint(self, request: CreateEndpoint) -> Started:
        if not request.update:
            self._refuse_duplicate("endpoints", request.id)
        if request.training_id:
            source = lookup.finished(self._store, "modeltraining", request.training_id)
        else:
            assert request.transform_id is not None
            source = lookup.finished(self._store, "modeltransform", request.transform_id)
        archive = source.output / ARCHIVE
        if not self._storage.exists(archive):
            raise BadRequest(f"the model of {source.id!r} is gone: there is nothing at {archive}; train it again")
        document = {**request.to_json(), "modelArchive": str(archive)}
        if not request.update:
            return self._accept("endpoints", request.id, document, None)
        assert request.id is not None
        return self._update_endpoint(request.id, document)

    def _update_endpoint(self, job_id: str, document: Mapping[str, Any]) -> Started:
        job = self._store.get("endpoints", job_id)
        result = {**job.result, "before": {"request": dict(job.request)}}
        try:
            job = self._store.move("endpoints", job_id, "Updating", request=dict(document), result=result, failure=None)
        except IllegalTransition as error:
            raise BadRequest(
                f"Endpoint {job_id!r} is {job.state}; wait until it is InService, then update it."
            ) from error
        self._endpoints.submit(job)
        return self._started("endpoints", job)

    def _refuse_duplicate(self, kind: Kind, job_id: str | None) -> None:
        """Refuse an id that is taken before anything else: a client that repeats a start must hear of that first."""
        if job_id is not None and self._store.find(kind, job_id) is not None:
            raise DuplicateJob(kind, job_id)

    def _accept(self, kind: Kind, wanted: str | None, document: Mapping[str, Any], output: str | None) -> Started:
        now = self._moment()
        job_id = wanted or default_id(kind, now, str(uuid.uuid4()))
        job = JobRecord(
            kind=kind,
            id=job_id,
            state=first_state(kind),
            created_ms=now,
            updated_ms=now,
            request={**document, "id": job_id},
            names=job_names(kind, job_id, now, output),
        )
        self._store.add(job)
        if kind == "endpoints":
            self._endpoints.submit(job)
        else:
            self._supervisor.submit(job)
        _log.info("%s %s accepted", kind, job_id)
        return self._started(kind, job)

    def _moment(self) -> int:
        """The time to the millisecond, which names hold: no two jobs of this service share one."""
        with self._starting:
            now = self._last_ms = max(self._clock(), self._last_ms + 1)
        return now

    def _started(self, kind: Kind, job: JobRecord) -> Started:
        arn = resource_arn(self._place.region, self._place.account, kind, job.id)
        return Started(id=job.id, arn=arn, created_ms=job.created_ms)

    def add_pipeline(
        self, training: str, origin: Mapping[str, Any], output: str, folder: Path, wall_s: float
    ) -> JobRecord:
        """Keep a trained pipeline as a finished training job: to be read, listed, deployed and removed as one.

        Args:
            training: the id of the job.
            origin: which model of the catalog, over which graph.
            output: an address below which archive, figures and report are written.
            folder: the model folder.
            wall_s: how long the training took.

        Raises DuplicateJob, and what refuses an id or address.
        """
        document = {"id": training, "dataProcessingJobId": "none", "trainModelS3Location": output}
        request = StartModelTraining.model_validate(document)
        S3Uri.parse(request.output_location)
        self._refuse_duplicate("modeltraining", training)
        now = self._moment()
        names = job_names("modeltraining", training, now, output)
        metrics = read_metrics(folder)
        search, tuned = pipeline_search(folder, metrics, flat_metrics(metrics), wall_s)
        metric = str(metrics["objective"]).partition("_")[2]
        page = render(names["hpo"], metric, search, tuned)
        output_place = S3Uri.parse(names["output"])
        publish_model(folder, self._execution.scripts, self._storage, output_place, {files.REPORT: page})
        job = JobRecord(
            kind="modeltraining",
            id=training,
            state="Completed",
            created_ms=now,
            updated_ms=now,
            started_ms=now,
            ended_ms=self._clock(),
            request={**document, "pipeline": dict(origin)},
            names=names,
            result=trained_result(tuned, metric, metrics["warnings"]),
        )
        self._store.add(job)
        return job

    # -- get, stop

    def newest(self, kind: Kind, limit: int) -> list[str]:
        """Ids of jobs or endpoints, newest first."""
        return self._store.newest_ids(kind, limit)

    def counts(self) -> dict[tuple[str, str], int]:
        """How many loads, exports, jobs and endpoints are in which state."""
        return self._store.counts()

    def find(self, kind: Kind, job_id: str) -> JobRecord | None:
        """What is kept of a job or endpoint, or None."""
        return self._store.find(kind, job_id)

    def get(self, kind: Kind, job_id: str) -> Answer:
        """The status answer of a job or endpoint. Raises UnknownJob."""
        return self._answers.status(self._store.get(kind, job_id))

    def stop(self, kind: Kind, job_id: str, *, clean: bool) -> Stopped:
        """Stop a job or delete an endpoint; with ``clean`` remove what it left in storage, also after its end."""
        job = self._store.get(kind, job_id)
        if kind == "endpoints":
            if job.state != "Deleting":
                self._endpoints.delete(self._store.move(kind, job_id, "Deleting"), clean)
            return Stopped(status=OK)
        if job.state == "InProgress":
            try:
                self._supervisor.cancel(kind, job_id, clean)
            except IllegalTransition:  # it ended just now
                return self.stop(kind, job_id, clean=clean)
            return Stopped(status=OK)
        if not clean or job.state == "Stopping":
            if job.state == "Stopping":
                return Stopped(status=OK)
            raise InvalidParameter("Failed to stop the job because it has already completed or failed.")
        self._execution.clean(job)
        self._store.update(kind, job_id, cleaned=True)
        return Stopped(status=OK)
