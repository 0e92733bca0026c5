"""``despina run --dry-run``: every call of AWS that a run would make, its instance hours, and what it may cost.

A rehearsal: the run itself is played against a service that answers every stage as done, and what it asked for is
planned as the service plans it. Nothing is sent anywhere and nothing is created.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from training_scripts.graph_ml.schemas import EvalMetric, HpoModel
from workflow.client.connection import Connection
from workflow.client.job import Stage
from workflow.client.run import WorkflowRun
from workflow.client.workflow import KINDS, Workflow
from workflow.client.workflow_file.description import TrainingSection, WorkflowFile
from workflow.errors import MLResourceNotFound
from workflow.neptune.operations import OPERATIONS, decode
from workflow.neptune.requests import CreateEndpoint, StartDataProcessing, StartModelTraining
from workflow.runners.base import Resources
from workflow.runners.sagemaker.account import Account
from workflow.runners.sagemaker.bundle import CodeBundle, with_requirements
from workflow.runners.sagemaker.costs import PRICES
from workflow.runners.sagemaker.plans import processing_request, training_request
from workflow.runners.sagemaker.serving import config_request, deployment_name, endpoint_request, model_request
from workflow.runners.sagemaker.tuner import names_of, tuning_request
from workflow.runners.search import trial_name
from workflow.stages import dataprocessing, modeltraining
from workflow.stages.base import Finished
from workflow.stages.layout import job_names
from workflow.stages.resources import resources_of
from workflow.storage import ObjectInfo, ObjectNotFound, S3Uri, Storage
from workflow.tuning.results import Trial

OBJECTIVE = "objective"  # which metric it is, data processing says


@dataclass(frozen=True)
class PlannedCall:
    """A call that a run would make.

    Attributes:
        request: of calls that create something; None of those that only look.
        times: how often, in words where it depends.
    """

    stage: Stage
    service: str
    operation: str
    times: str = "1"
    request: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class PlannedJob:
    """Instances that a run would pay for.

    Attributes:
        count: of jobs of this kind.
        limit_s: the longest that each may run; None of an endpoint, which runs until it is deleted.
        expected_s: as long as each ran the last time; None where nobody knows.
    """

    stage: Stage
    instance_type: str
    instances: int
    count: int
    limit_s: int | None
    expected_s: float | None = None

    @property
    def hourly(self) -> float | None:
        """US dollars an hour of one job; None where the price table does not know the instance."""
        price = PRICES.get(self.instance_type)
        return None if price is None else price * self.instances

    def hours(self, seconds: float | None) -> float | None:
        """Instance hours of all jobs that each take so long."""
        return None if seconds is None else seconds / 3600 * self.instances * self.count

    def dollars(self, seconds: float | None) -> float | None:
        """What all jobs would cost that each take so long."""
        hours, price = self.hours(seconds), PRICES.get(self.instance_type)
        return None if hours is None or price is None else hours * price


@dataclass
class Rehearsal:
    """What a run would do: its calls in order, and the instances that it pays for."""

    calls: list[PlannedCall] = field(default_factory=list)
    jobs: list[PlannedJob] = field(default_factory=list)

    def dollars(self) -> tuple[float | None, float | None]:
        """What the jobs would cost at most, and as long as each took the last time; None where a part is unknown."""
        jobs = [job for job in self.jobs if job.limit_s is not None]
        return _sum(job.dollars(job.limit_s) for job in jobs), _sum(job.dollars(job.expected_s) for job in jobs)


def _sum(parts: Iterable[float | None]) -> float | None:
    known = list(parts)
    return None if any(part is None for part in known) else sum(part or 0.0 for part in known)


def rehearse(
    described: WorkflowFile, account: Account, scripts: Path, measured: Mapping[str, float] | None = None
) -> Rehearsal:
    """What a run of a file would call, with nothing finished before.

    Args:
        scripts: the training scripts, which go along.
        measured: how many seconds a job of a stage took the last time.

    Raises MissingParameter where the account names no image or role, InvalidParameter as the run would.
    """
    rehearsal = Rehearsal()
    # which hyperparameters are tried is checked against what data processing writes, which is not there yet
    training = {name: value for name, value in described.training.model_dump().items() if name != "hyperparameters"}
    plain = described.model_copy(update={"training": TrainingSection(**training)})
    with tempfile.TemporaryDirectory() as temporary:
        if account.requirements is not None:
            scripts = with_requirements(scripts, account.requirements, Path(temporary) / "scripts")
        play = _Play(described, account, scripts, measured or {}, rehearsal)
        workflow = Workflow(_Stage(play), bucket=described.bucket, storage=play.storage)
        WorkflowRun(plain, workflow, Path(temporary) / "memory.json").execute()
    return rehearsal


class _Play:
    """Plans what the service would, request by request."""

    def __init__(
        self, described: WorkflowFile, account: Account, scripts: Path, measured: Mapping[str, float], out: Rehearsal
    ) -> None:
        self.described, self.account, self.measured, self.out = described, account, measured, out
        self.created_ms = int(time.time() * 1000)
        self.stage: Stage = "load"
        self.storage = _Nowhere(self)
        self._bundle = CodeBundle(scripts, self.storage)
        self._output: dict[str, S3Uri] = {}

    def call(self, service: str, operation: str, times: str = "1", request: Mapping[str, Any] | None = None) -> None:
        self.out.calls.append(PlannedCall(self.stage, service, operation, times, request))

    def load(self) -> None:
        self.stage = "load"
        self.call("s3", "ListObjectsV2")
        self.call("s3", "GetObject", "a file")

    def export(self) -> None:
        self.stage = "export"
        self.call("s3", "PutObject", "a file of the export")

    def dataprocessing(self, request: StartDataProcessing, id: str) -> str:
        self.stage = "dataprocessing"
        names = job_names("dataprocessing", id, self.created_ms, request.output_location)
        task = dataprocessing.plan(request, names, None, 0)
        self._looks("the export is hashed, to find an equal job")
        self.call("s3", "HeadObject")
        code = self._bundle.at(S3Uri.parse(names["output"]).bucket)
        planned = processing_request(task, self.account, code, None)
        self.call("sagemaker", "CreateProcessingJob", request=planned)
        self._waits("DescribeProcessingJob")
        cluster = planned["ProcessingResources"]["ClusterConfig"]
        limit_s = planned["StoppingCondition"]["MaxRuntimeInSeconds"]
        self._pays(cluster, 1, limit_s)
        self._output[id] = S3Uri.parse(names["output"])
        return names["output"]

    def modeltraining(self, request: StartModelTraining, id: str) -> str:
        self.stage = "modeltraining"
        names = job_names("modeltraining", id, self.created_ms, request.output_location)
        model = HpoModel(
            model="auto",
            task_type=self.described.task,
            eval_metric=EvalMetric(metric=OBJECTIVE),
        )
        processed = Finished(request.processing_id, self._output[request.processing_id])
        tuning = modeltraining.plan(request, names, processed, model, None, 0)
        self._looks("the processed graph is hashed, to find an equal job")
        code = self._bundle.at(tuning.output.bucket)
        trial = Trial(1, trial_name(tuning, 1), "Failed", {}, {**tuning.arguments})
        planned = training_request(trial, tuning, self.account, code)
        if self.account.tuner == "sagemaker":
            search = tuning_request(tuning, self.account, code, names_of(tuning)[0])
            self.call("sagemaker", "CreateHyperParameterTuningJob", request=search)
            self.call("sagemaker", "DescribeHyperParameterTuningJob", "until it ends")
            self.call("sagemaker", "ListTrainingJobsForHyperParameterTuningJob", "whenever a trial has ended")
        else:
            self.call("sagemaker", "CreateTrainingJob", str(tuning.trials), planned)
        self._waits("DescribeTrainingJob")
        self.call("s3", "GetObject", "a trial's model, and the best one")
        self.call("s3", "PutObject", "a file of the model and its report")
        limit_s = planned["StoppingCondition"]["MaxRuntimeInSeconds"]
        self._pays(planned["ResourceConfig"], tuning.trials, limit_s)
        self._output[id] = tuning.output
        return names["output"]

    def endpoint(self, request: CreateEndpoint, id: str) -> str:
        self.stage = "endpoint"
        names = job_names("endpoints", id, self.created_ms)
        resources: Resources = resources_of(request)
        archive = self._output[request.training_id or ""] / "model.tar.gz"
        handle = deployment_name(names["name"], archive, resources)
        self.call("s3", "HeadObject")
        self.call("sagemaker", "DescribeEndpoint", "until it serves")
        self.call("sagemaker", "CreateModel", request=model_request(handle, archive, resources, self.account))
        config = config_request(handle, resources, self.account)
        self.call("sagemaker", "CreateEndpointConfig", request=config)
        self.call("sagemaker", "CreateEndpoint", request=endpoint_request(names["name"], handle, self.account))
        self.call("s3", "GetObject", "the model's description")
        if any("{endpoint}" in text for text in self.described.queries.values()):
            self.call("sagemaker", "InvokeEndpoint", "a query")
        for operation in ("ListTrainingJobs", "DescribeEndpointConfig"):
            self.call("sagemaker", operation, "after the run, for its cost")
        variant = config["ProductionVariants"][0]
        job = PlannedJob("endpoint", variant["InstanceType"], variant["InitialInstanceCount"], 1, None)
        self.out.jobs.append(job)
        return ""

    def _looks(self, why: str) -> None:
        self.call("s3", "ListObjectsV2", why)
        self.call("s3", "GetObject", why)

    def _waits(self, operation: str) -> None:
        self.call("sagemaker", operation, "until it ends")
        self.call("logs", "DescribeLogStreams", "a job that has ended")
        self.call("logs", "GetLogEvents", "a page of its log")
        self.call("s3", "ListObjectsV2", "what it has written")

    def _pays(self, cluster: Mapping[str, Any], count: int, limit_s: int) -> None:
        expected_s = self.measured.get(self.stage)
        kind, instances = cluster["InstanceType"], cluster["InstanceCount"]
        self.out.jobs.append(PlannedJob(self.stage, kind, instances, count, limit_s, expected_s))


class _Stage(Connection):
    """A service that answers every stage as done, and has it planned."""

    def __init__(self, play: _Play) -> None:
        super().__init__("http://127.0.0.1:1")
        self._play = play
        self._outputs: dict[str, str] = {}

    def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        given = {name: value for name, value in arguments.items() if value is not None}
        asked = next((row for row in OPERATIONS.values() if row.python_name == operation), None)
        if operation == "start_loader_job":
            self._play.load()
            return {"payload": {"loadId": "load"}}
        if operation == "get_loader_job_status":
            return {"payload": {"overallStatus": {"status": "LOAD_COMPLETED"}}}
        if asked is None or asked.kind is None:
            return {}
        if asked.verb == "start":
            request, id = decode(asked, given), str(given["id"])
            match request:
                case StartDataProcessing():
                    self._outputs[id] = self._play.dataprocessing(request, id)
                case StartModelTraining():
                    self._outputs[id] = self._play.modeltraining(request, id)
                case CreateEndpoint():
                    self._outputs[id] = self._play.endpoint(request, id)
            return {"id": id}
        id = str(given["id"])
        if id not in self._outputs:
            raise MLResourceNotFound(f"there is no {id!r} yet")
        status = "InService" if asked.kind == KINDS["endpoint"] else "Completed"
        return {"id": id, "status": status, "processingJob": {"outputLocation": self._outputs[id]}}

    def http(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        timeout_s: float = 300,
        service: str = "execute-api",
    ) -> Any:
        if method == "POST":
            self._play.export()
            return {"jobId": "export"}
        return {"status": "succeeded", "outputS3Uri": f"{self._play.described.bucket.rstrip('/')}/export/EXPORT"}

    def query(self, text: str, bindings: Mapping[str, Any] | None = None, traversal_source: str = "g") -> list[Any]:
        return []


class _Nowhere:
    """A storage in which nothing lies; what is written is counted as a call, and lost."""

    def __init__(self, play: _Play) -> None:
        self._play = play

    def read(self, uri: S3Uri) -> bytes:
        raise ObjectNotFound(uri)

    def open(self, uri: S3Uri) -> BinaryIO:
        raise ObjectNotFound(uri)

    def write(self, uri: S3Uri, data: bytes) -> None:
        self._play.call("s3", "PutObject", request={"Bucket": uri.bucket, "Key": uri.key, "ContentLength": len(data)})

    def list(self, prefix: S3Uri) -> Iterator[ObjectInfo]:
        return iter(())

    def exists(self, uri: S3Uri) -> bool:
        return False

    def delete(self, prefix: S3Uri) -> int:
        return 0

    def download(self, prefix: S3Uri, folder: Path) -> int:
        raise ObjectNotFound(prefix)

    def upload(self, folder: Path, prefix: S3Uri) -> int:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        self._play.call("s3", "PutObject", str(len(files)), {"Bucket": prefix.bucket, "Key": f"{prefix.key}/…"})
        return len(files)

    def encrypting(self, key: str | None) -> Storage:
        return self

    def local_path(self, uri: S3Uri) -> Path | None:
        return None
