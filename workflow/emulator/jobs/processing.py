"""Processing jobs: inputs at their local paths, one command on every host, outputs to their prefixes."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from workflow.emulator.cloud import Cloud, JobStopped, Threads, pause
from workflow.emulator.containers.hosts import (
    MOST_HOSTS,
    Command,
    Host,
    failure_reason,
    hosts_of,
    resource_config,
    run_all,
    write_json,
)
from workflow.emulator.containers.images import processing_command
from workflow.emulator.containers.isolation import located
from workflow.emulator.containers.transfer import bring, send_files
from workflow.emulator.errors import ApiError, invalid
from workflow.emulator.jobs.life import CUT_SHORT, ask_to_stop, cut_short
from workflow.emulator.jobs.training import DAY_S, LATE, REFUSALS, Failed, failed_for
from workflow.emulator.records import PROCESSING, Document
from workflow.storage import S3Uri

LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
MESSAGE_LENGTH = 1024
ROOT = "/opt/ml/processing/"


class ProcessingJobs:
    """Creates, runs, describes and stops processing jobs."""

    def __init__(self, cloud: Cloud, threads: Threads) -> None:
        self._cloud, self._threads = cloud, threads

    def create(self, request: Mapping[str, Any]) -> Document:
        """Start a job. Raises ApiError for what SageMaker refuses at once."""
        check(request)
        name = str(request["ProcessingJobName"])
        document = self._cloud.records.add(PROCESSING, request, ProcessingJobStatus="InProgress")
        self._threads.start(PROCESSING, name, lambda stop: self._run(name, stop))
        return document

    def stop(self, name: str) -> None:
        """Ask a job to stop; one that has ended is refused."""
        ask_to_stop(self._cloud, self._threads, PROCESSING, name)

    def recover(self) -> None:
        """Say of jobs that ran when the emulator ended that they have failed."""
        for name in cut_short(self._cloud, PROCESSING):
            self._end(name, "Failed", FailureReason=CUT_SHORT)

    def _end(self, name: str, status: str, **members: Any) -> None:
        self._cloud.records.update(
            PROCESSING, name, ProcessingJobStatus=status, ProcessingEndTime=time.time(), **members
        )

    def _run(self, name: str, stop: threading.Event) -> None:
        job = self._cloud.records.get(PROCESSING, name)
        cluster = job["ProcessingResources"]["ClusterConfig"]
        folder = self._cloud.folder / "processing" / name
        hosts = hosts_of(folder, int(cluster["InstanceCount"]))
        try:
            self._attempt(name, job, hosts, stop)
        except JobStopped:
            self._end(name, "Stopped", **_message(hosts))
        except Exception as error:  # noqa: BLE001 - the edge of a job: whatever happened is its reason
            self._end(name, "Failed", FailureReason=failed_for(error), **_message(hosts))
        else:
            self._end(name, "Completed", **_message(hosts))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _attempt(self, name: str, job: Document, hosts: Sequence[Host], stop: threading.Event) -> None:
        faults = self._cloud.faults
        pause(stop, self._cloud.pace.starting_s + (faults.happens("slow_start", name) or 0.0))
        for fault, reason in REFUSALS.items():
            if faults.happens(fault, name) is not None:
                raise Failed(reason)
        pause(stop, faults.happens("slow_download", name) or 0.0)
        self._prepare(job, hosts)
        pause(stop, 0)
        began = time.time()
        self._cloud.records.update(PROCESSING, name, ProcessingStartTime=began)
        image = self._cloud.images.of(job["AppSpecification"]["ImageUri"])
        specification = job["AppSpecification"]
        command = Command(
            processing_command(
                image, specification.get("ContainerEntrypoint", []), specification.get("ContainerArguments", [])
            ),
            lambda _: self._cloud.environment(image, job.get("Environment", {})),
            "/opt/ml",
            float(job.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DAY_S)),
            self._cloud.pace.grace_s,
        )
        killed = faults.happens("kill", name)
        endings = run_all(hosts, command, self._cloud.isolation, stop)
        lost = faults.happens("lost_logs", name) is not None
        for host in hosts if not lost else ():
            self._cloud.logs.send(LOG_GROUP, f"{name}/{host.name}-{int(began)}", host.log)
        if stop.is_set():
            raise JobStopped
        if killed is not None:
            raise Failed("AlgorithmError: the container was ended by signal 9 (SIGKILL), exit code: 137")
        if faults.happens("time_limit", name) is not None or any(ending.outcome == "timeout" for ending in endings):
            raise Failed(f"ClientError: the job ran past MaxRuntimeInSeconds ({command.timeout_s:g} s) and was stopped")
        if not all(ending.succeeded for ending in endings):
            raise Failed(failure_reason(hosts, endings))
        for fault, reason in LATE.items():
            if faults.happens(fault, name) is not None:
                raise Failed(reason)
        if faults.happens("stopped", name) is not None:
            raise JobStopped
        told = job.get("ProcessingOutputConfig", {})
        storage = self._cloud.storage.encrypting(told.get("KmsKeyId"))
        for output in told.get("Outputs", []):
            place, uri = output["S3Output"]["LocalPath"], S3Uri.parse(output["S3Output"]["S3Uri"])
            send_files(storage, [Path(located(place, host.base)) for host in hosts], uri)

    def _prepare(self, job: Document, hosts: Sequence[Host]) -> None:
        told = {
            name: job[name]
            for name in (
                *("ProcessingJobArn", "ProcessingJobName", "AppSpecification", "Environment", "ProcessingInputs"),
                *("ProcessingOutputConfig", "ProcessingResources", "RoleArn", "StoppingCondition"),
            )
            if name in job
        }
        instance_type = str(job["ProcessingResources"]["ClusterConfig"]["InstanceType"])
        for index, host in enumerate(hosts):
            shutil.rmtree(host.base, ignore_errors=True)
            (host.base / "output").mkdir(parents=True)
            write_json(host.base / "config/processingjobconfig.json", told)
            write_json(host.base / "config/resourceconfig.json", resource_config(host, hosts, instance_type))
            for given in job.get("ProcessingInputs", []):
                source = given["S3Input"]
                place = Path(located(str(source["LocalPath"]), host.base))
                compressed = source.get("S3CompressionType") == "Gzip"
                bring(self._cloud.storage, source, place, index, len(hosts), compressed=compressed)
            for output in job.get("ProcessingOutputConfig", {}).get("Outputs", []):
                Path(located(output["S3Output"]["LocalPath"], host.base)).mkdir(parents=True, exist_ok=True)


def check(request: Mapping[str, Any]) -> None:
    """What the shapes do not say. Raises ApiError."""
    places = []
    for given in request.get("ProcessingInputs", []):
        if "S3Input" not in given:
            raise invalid(f"input {given['InputName']!r}: a DatasetDefinition is not emulated; give an S3Input")
        if given["S3Input"].get("S3InputMode", "File") == "Pipe":
            raise invalid(f"input {given['InputName']!r}: S3InputMode Pipe is not emulated; use File")
        places.append(given["S3Input"].get("LocalPath", ""))
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    places += [output.get("S3Output", {}).get("LocalPath", "") for output in outputs]
    for place in places:
        if not place.startswith(ROOT):
            raise invalid(f"LocalPath {place!r} must be an absolute path that begins with {ROOT}")
    if int(request["ProcessingResources"]["ClusterConfig"]["InstanceCount"]) > MOST_HOSTS:
        raise ApiError("ResourceLimitExceeded", f"the emulator runs at most {MOST_HOSTS} hosts of a job")


def _message(hosts: Sequence[Host]) -> dict[str, str]:
    """``ExitMessage``: what the first host has left in ``output/message``."""
    path = hosts[0].base / "output" / "message"
    return {"ExitMessage": path.read_text(errors="replace")[:MESSAGE_LENGTH]} if path.is_file() else {}
