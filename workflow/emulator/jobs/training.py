"""Training jobs: channels in, the container run on every host, the model out, the states as SageMaker passes them."""

from __future__ import annotations

import logging
import math
import re
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow.emulator.cloud import Cloud, JobStopped, Threads, pause
from workflow.emulator.containers.hosts import (
    MOST_HOSTS,
    AnyOf,
    Command,
    Host,
    failure_reason,
    hosts_of,
    meeting_point,
    resource_config,
    run_all,
    write_json,
)
from workflow.emulator.containers.isolation import BASE, located
from workflow.emulator.containers.training_toolkit import parsed
from workflow.emulator.containers.transfer import (
    bring,
    bring_archive,
    bring_checkpoints,
    mirror_checkpoints,
    send_archive,
    send_files,
)
from workflow.emulator.errors import ApiError, invalid
from workflow.emulator.faults import Fault
from workflow.emulator.jobs.life import CUT_SHORT, check_running, cut_short
from workflow.emulator.records import TRAINING, Document
from workflow.errors import WorkflowError
from workflow.runners.process import Ending
from workflow.storage import S3Uri, Storage

_log = logging.getLogger(__name__)

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
DAY_S = 86_400
_TICK_S = 0.1
SPOT_SHARE = 0.3  # of the price on demand, about what a spot instance costs
CHECKPOINTS = "/opt/ml/checkpoints"
TENSORBOARD = "/opt/ml/output/tensorboard"
#: below the address of the request and the name of the job
EVENTS = "tensorboard-output"
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading the training image and the input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Interrupted": "The spot instance was reclaimed",
    "Stopping": "Stopping the training job",
    "Completed": "Training job completed",
}

REFUSALS: dict[Fault, str] = {
    "capacity": "CapacityError: Unable to provision requested ML compute capacity. "
    "Please retry using a different ML instance type.",
    "image_pull": "ClientError: Cannot pull the container image; check that the role may read the repository.",
    "internal_error": "InternalServerError: We encountered an internal error. Please try again.",
    "input_denied": "ClientError: Data download failed: the role is not allowed to read the input (AccessDenied).",
}
# what ends a job that has run
LATE: dict[Fault, str] = {
    "output_denied": "ClientError: Artifact upload failed: the role is not allowed to write the output (AccessDenied).",
    "disk_full": "AlgorithmError: OSError: [Errno 28] No space left on device; choose a larger VolumeSizeInGB",
}


class Interrupted(Exception):
    """The spot instances of a job were taken away."""


class TrainingJobs:
    """Creates, runs, describes and stops training jobs."""

    def __init__(self, cloud: Cloud, threads: Threads) -> None:
        self._cloud, self._threads = cloud, threads

    def create(self, request: Mapping[str, Any], **members: Any) -> Document:
        """Start a job. Raises ApiError for what SageMaker refuses at once."""
        check(request)
        name = str(request["TrainingJobName"])
        output = str(request["OutputDataConfig"]["S3OutputPath"]).rstrip("/")
        packed = request["OutputDataConfig"].get("CompressionType", "GZIP") != "NONE"
        now = time.time()
        document = self._cloud.records.add(
            TRAINING,
            request,
            TrainingJobStatus="InProgress",
            SecondaryStatus="Starting",
            SecondaryStatusTransitions=[
                {"Status": "Starting", "StartTime": now, "StatusMessage": _MESSAGES["Starting"]}
            ],
            ModelArtifacts={"S3ModelArtifacts": f"{output}/{name}/output/model{'.tar.gz' if packed else '/'}"},
            **members,
        )
        self._threads.start(TRAINING, name, lambda stop: self._run(name, stop))
        return document

    def stop(self, name: str) -> None:
        """Ask a job to stop; one that has ended is refused."""
        self.move(name, "Stopping", "Stopping")
        self._threads.stop(TRAINING, name)

    def metric_values(self, name: str, metric: str) -> list[float]:
        """Every value of a metric that a running job has printed so far."""
        job = self._cloud.records.get(TRAINING, name)
        hosts = hosts_of(self._cloud.folder / "training" / name, int(job["ResourceConfig"].get("InstanceCount", 1)))
        return metric_values(job, metric, [host.log for host in hosts])

    def recover(self) -> None:
        """Say of jobs that ran when the emulator ended that they have failed."""
        for name in cut_short(self._cloud, TRAINING):
            self.move(name, "Failed", "Failed", FailureReason=CUT_SHORT)

    def move(self, name: str, status: str, secondary: str, **members: Any) -> None:
        """The next state of a job, and its entry among the transitions. Raises ApiError for one that has ended."""
        now = time.time()

        def moved(job: Document) -> Document:
            check_running(TRAINING, job)
            transitions = list(job["SecondaryStatusTransitions"])
            if transitions[-1]["Status"] != secondary:
                transitions[-1] = {**transitions[-1], "EndTime": now}
                text = members.get("FailureReason") or _MESSAGES.get(secondary, "")
                transitions.append({"Status": secondary, "StartTime": now, "StatusMessage": text})
            stopping = status == "InProgress" and job["TrainingJobStatus"] == "Stopping"
            return {
                "TrainingJobStatus": "Stopping" if stopping else status,
                "SecondaryStatus": secondary,
                "SecondaryStatusTransitions": transitions,
                **members,
            }

        self._cloud.records.change(TRAINING, name, moved)

    # -- the life of one job

    def _run(self, name: str, stop: threading.Event) -> None:
        job = self._cloud.records.get(TRAINING, name)
        count = int(job["ResourceConfig"].get("InstanceCount", 1))
        folder = self._cloud.folder / "training" / name
        hosts = hosts_of(folder, count)
        run = _Run(self._cloud, job, hosts)
        try:
            while True:
                try:
                    self._attempt(run, stop)
                except Interrupted:
                    self.move(name, "InProgress", "Interrupted")
                    self.move(name, "InProgress", "Starting")
                else:
                    return
        except JobStopped:
            self.move(name, "Stopped", "Stopped", **run.measures())
        except Exception as error:  # noqa: BLE001 - the edge of a job: whatever happened is its reason
            self.move(name, "Failed", "Failed", FailureReason=failed_for(error), **run.measures())
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _attempt(self, run: _Run, stop: threading.Event) -> None:
        name, faults = run.name, self._cloud.faults
        pause(stop, self._cloud.pace.starting_s + (faults.happens("slow_start", name) or 0.0))
        for fault, reason in REFUSALS.items():
            if faults.happens(fault, name) is not None:
                raise Failed(reason)
        self.move(name, "InProgress", "Downloading")
        pause(stop, faults.happens("slow_download", name) or 0.0)
        run.prepare()
        pause(stop, 0)
        self._cloud.records.update(TRAINING, name, TrainingStartTime=run.started())
        self.move(name, "InProgress", "Training")
        endings = run.execute(stop)
        run.keep_logs()
        if run.interrupted:
            run.interrupted = False
            raise Interrupted
        if run.killed:
            raise Failed("AlgorithmError: the container was ended by signal 9 (SIGKILL), exit code: 137")
        metrics = final_metrics(run.job, [host.log for host in run.hosts])
        self._cloud.records.update(TRAINING, name, FinalMetricDataList=metrics)
        timed_out = any(ending.outcome == "timeout" for ending in endings)
        if any(ending.outcome == "exited" and not ending.succeeded for ending in endings):
            run.send_output()
            raise Failed(failure_reason(run.hosts, endings))
        for fault, reason in LATE.items():
            if faults.happens(fault, name) is not None:
                raise Failed(reason)
        for fault, secondary in (("time_limit", "MaxRuntimeExceeded"), ("max_wait", "MaxWaitTimeExceeded")):
            if faults.happens(fault, name) is not None:
                self.move(name, "Stopped", secondary, **run.measures())
                return
        if faults.happens("stopped", name) is not None:
            raise JobStopped
        # whatever lies in model/ is uploaded, also of a job that was stopped
        self.move(name, "Stopping" if stop.is_set() else "InProgress", "Uploading")
        run.send()
        if stop.is_set():
            raise JobStopped
        if timed_out:
            self.move(name, "Stopped", "MaxRuntimeExceeded", **run.measures())
        else:
            self.move(name, "Completed", "Completed", **run.measures())


class Failed(Exception):
    """A job has failed; the text is its reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def failed_for(error: Exception) -> str:
    """The FailureReason of whatever ended a job."""
    if isinstance(error, Failed):
        return error.reason
    if isinstance(error, WorkflowError | ApiError | OSError):
        return f"ClientError: {getattr(error, 'message', error)}"
    _log.error("a job failed", exc_info=error)
    return f"InternalServerError: {type(error).__name__}: {error}"


class _Run:
    """One training job's folders and processes, over all its starts."""

    def __init__(self, cloud: Cloud, job: Document, hosts: Sequence[Host]) -> None:
        self.job, self.hosts = job, hosts
        self.interrupted = self.killed = False
        self.name = str(job["TrainingJobName"])
        self._cloud = cloud
        self._first = 0.0
        self._busy_s = 0.0
        self._saved: list[tuple[str, int]] = []

    def started(self) -> float:
        """When the first start began to train."""
        self._first = self._first or time.time()
        return self._first

    def measures(self) -> dict[str, float]:
        """When the job ended, its seconds from first to last, and those that are paid for."""
        if not self._first:
            return {"TrainingEndTime": time.time()}
        whole = time.time() - self._first
        spot = self.job.get("EnableManagedSpotTraining", False)
        return {
            "TrainingEndTime": time.time(),
            "TrainingTimeInSeconds": max(1, round(whole)),
            "BillableTimeInSeconds": max(1, round(self._busy_s * (SPOT_SHARE if spot else 1.0))),
        }

    def prepare(self) -> None:
        """Lay out every host's ``/opt/ml`` and bring its input."""
        channels = self.job.get("InputDataConfig", [])
        mode = self.job["AlgorithmSpecification"]["TrainingInputMode"]
        told = {
            channel["ChannelName"]: {
                "TrainingInputMode": channel.get("InputMode", mode),
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
                **({"ContentType": channel["ContentType"]} if "ContentType" in channel else {}),
            }
            for channel in channels
        }
        given = dict(self.job.get("HyperParameters", {}))
        for index, host in enumerate(self.hosts):
            shutil.rmtree(host.base, ignore_errors=True)
            for part in ("input/config", "input/data", "model", "output/data", "code"):
                (host.base / part).mkdir(parents=True, exist_ok=True)
            write_json(host.base / "input/config/hyperparameters.json", given)
            write_json(host.base / "input/config/inputdataconfig.json", told)
            resources = resource_config(host, self.hosts, str(self.job["ResourceConfig"].get("InstanceType", "local")))
            write_json(host.base / "input/config/resourceconfig.json", resources)
            for channel in channels:
                compressed = channel.get("CompressionType") == "Gzip"
                place = host.base / "input" / "data" / channel["ChannelName"]
                source = channel["DataSource"]["S3DataSource"]
                bring(self._cloud.storage, source, place, index, len(self.hosts), compressed=compressed)
            submitted = parsed(str(given.get("sagemaker_submit_directory", "")))
            if str(submitted).startswith("s3://"):
                bring_archive(self._cloud.storage, S3Uri.parse(str(submitted)), host.base / "code")
            if (checkpoints := self._checkpoints(host)) is not None:
                bring_checkpoints(self._cloud.storage, checkpoints[0], checkpoints[1])

    def execute(self, stop: threading.Event) -> list[Ending]:
        """Run the container on every host."""
        specification = self.job["AlgorithmSpecification"]
        image = self._cloud.images.of(specification.get("TrainingImage", ""))
        entry = [*specification.get("ContainerEntrypoint", []), *specification.get("ContainerArguments", [])]

        meeting = meeting_point(self.hosts)

        def environment(host: Host) -> Mapping[str, str]:
            told = {"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": str(self.job["TrainingJobArn"])}
            told |= meeting(host)
            return self._cloud.environment(image, {**told, **self.job.get("Environment", {})})

        command = Command(
            entry or [*image.train, "train"],
            environment,
            f"{BASE}/code",
            float(self.job["StoppingCondition"].get("MaxRuntimeInSeconds", DAY_S)),
            self._cloud.pace.grace_s,
        )
        taken, ended = threading.Event(), threading.Event()
        began = time.monotonic()
        watch = threading.Thread(target=self._take_away, args=(taken, ended), name="spot", daemon=True)
        watch.start()
        try:
            return run_all(self.hosts, command, self._cloud.isolation, AnyOf(taken, stop))
        finally:
            ended.set()
            watch.join()
            self._busy_s += (time.monotonic() - began) * len(self.hosts)
            self._save_checkpoints()

    def _take_away(self, taken: threading.Event, ended: threading.Event) -> None:
        """Let the faults happen that are asked for, a spot interruption or a kill, and keep checkpoints meanwhile."""
        spot = self.job.get("EnableManagedSpotTraining", False)
        interruption = self._cloud.faults.happens("interruption", self.name) if spot else None
        kill = self._cloud.faults.happens("kill", self.name)
        began = time.monotonic()
        while not ended.wait(_TICK_S):
            passed = time.monotonic() - began
            self.interrupted = interruption is not None and passed >= interruption
            self.killed = kill is not None and passed >= kill
            if self.interrupted or self.killed:
                taken.set()
            try:
                self._save_checkpoints()
            except (OSError, WorkflowError) as error:  # the job replaces its files while they are looked at
                _log.debug("the checkpoints of %s are kept at the next look: %s", self.name, error)

    def send(self) -> None:
        """Put model and output of all hosts where the request says."""
        artifacts = S3Uri.parse(str(self.job["ModelArtifacts"]["S3ModelArtifacts"]))
        models = [host.base / "model" for host in self.hosts]
        if str(self.job["ModelArtifacts"]["S3ModelArtifacts"]).endswith("/"):
            send_files(self._output(), models, artifacts)
        else:
            send_archive(self._output(), models, artifacts, self.hosts[0].folder)
        self.send_output()

    def _output(self) -> Storage:
        """Writes what the job leaves, under the key that its request names."""
        return self._cloud.storage.encrypting(self.job["OutputDataConfig"].get("KmsKeyId"))

    def send_output(self) -> None:
        """Put ``output/data`` of all hosts where the request says."""
        place = S3Uri.parse(str(self.job["OutputDataConfig"]["S3OutputPath"])) / self.name / "output/output.tar.gz"
        folders = [host.base / "output" / "data" for host in self.hosts]
        send_archive(self._output(), folders, place, self.hosts[0].folder)
        if (asked := self.job.get("TensorBoardOutputConfig")) is not None:
            local = str(asked.get("LocalPath", TENSORBOARD))
            events = [Path(located(local, host.base)) for host in self.hosts]
            send_files(self._cloud.storage, events, S3Uri.parse(str(asked["S3OutputPath"])) / self.name / EVENTS)

    def keep_logs(self) -> None:
        """Put what the hosts have printed into the log group of training jobs."""
        if self._cloud.faults.happens("lost_logs", self.name) is not None:
            return
        for host in self.hosts:
            self._cloud.logs.send(LOG_GROUP, f"{self.name}/{host.name}-{int(self.started())}", host.log)

    def _checkpoints(self, host: Host) -> tuple[S3Uri, Path] | None:
        asked = self.job.get("CheckpointConfig")
        if asked is None:
            return None
        place = located(str(asked.get("LocalPath", CHECKPOINTS)), host.base)
        return S3Uri.parse(str(asked["S3Uri"])), Path(place)

    def _save_checkpoints(self) -> None:
        if (checkpoints := self._checkpoints(self.hosts[0])) is None:
            return
        uri, folder = checkpoints
        state = sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file())
        if state != self._saved:
            mirror_checkpoints(self._cloud.storage, folder, uri)
            self._saved = state


def check(request: Mapping[str, Any]) -> None:
    """What the shapes do not say. Raises ApiError."""
    stopping = request.get("StoppingCondition", {})
    if request.get("EnableManagedSpotTraining"):
        wait, run = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds", DAY_S)
        if wait is None or wait < run:
            raise invalid("MaxWaitTimeInSeconds must be given for spot training, and be at least MaxRuntimeInSeconds.")
    elif "MaxWaitTimeInSeconds" in stopping:
        raise invalid("MaxWaitTimeInSeconds is only allowed with EnableManagedSpotTraining.")
    specification = request["AlgorithmSpecification"]
    if specification["TrainingInputMode"] == "Pipe":
        raise invalid("TrainingInputMode Pipe is not emulated; use File or FastFile.")
    if int(request.get("ResourceConfig", {}).get("InstanceCount", 1)) > MOST_HOSTS:
        raise ApiError("ResourceLimitExceeded", f"the emulator runs at most {MOST_HOSTS} hosts of a job")
    for definition in specification.get("MetricDefinitions", []):
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            raise invalid(f"the regular expression of metric {definition['Name']!r} cannot be read: {error}") from error


def final_metrics(job: Mapping[str, Any], logs: Sequence[Path]) -> list[Document]:
    """The last value of each metric whose expression matches a line of the logs."""
    found = {}
    for name in [str(one["Name"]) for one in job["AlgorithmSpecification"].get("MetricDefinitions", [])]:
        values = metric_values(job, name, logs)
        if values:
            found[name] = {"MetricName": name, "Value": values[-1], "Timestamp": time.time()}
    return list(found.values())


def metric_values(job: Mapping[str, Any], name: str, logs: Sequence[Path]) -> list[float]:
    """Every value of a metric in the logs so far, in the order in which it was printed."""
    definitions = job["AlgorithmSpecification"].get("MetricDefinitions", [])
    pattern = next(re.compile(one["Regex"]) for one in definitions if one["Name"] == name)
    values = []
    for log in logs:
        if not log.is_file():
            continue
        for match in pattern.finditer(log.read_text(errors="replace")):
            try:
                values.append(float(match[1]))
            except (ValueError, IndexError):
                continue
    return [value for value in values if math.isfinite(value)]
