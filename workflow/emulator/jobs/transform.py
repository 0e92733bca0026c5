"""Batch transform jobs: a model's containers are started, every input object is asked of them, answers go to S3."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from workflow.emulator.cloud import Cloud, JobStopped, Threads, pause
from workflow.emulator.errors import invalid
from workflow.emulator.hosting.endpoints import Container, Containers
from workflow.emulator.hosting.runtime import forward
from workflow.emulator.jobs.life import CUT_SHORT, ask_to_stop, cut_short
from workflow.emulator.jobs.training import LATE, REFUSALS, Failed, failed_for
from workflow.emulator.records import MODEL, TRANSFORM, Document
from workflow.runners.failures import last_lines
from workflow.storage import ObjectNotFound, S3Uri

LOG_GROUP = "/aws/sagemaker/TransformJobs"
DEFAULT_PAYLOAD_MB = 6


class TransformJobs:
    """Creates, runs, describes and stops transform jobs."""

    def __init__(self, cloud: Cloud, threads: Threads, containers: Containers) -> None:
        self._cloud, self._threads, self._containers = cloud, threads, containers

    def create(self, request: Mapping[str, Any]) -> Document:
        """Start a job. Raises ApiError for what SageMaker refuses at once."""
        _check(request)
        self._cloud.records.get(MODEL, str(request["ModelName"]))
        name = str(request["TransformJobName"])
        document = self._cloud.records.add(TRANSFORM, request, TransformJobStatus="InProgress")
        self._threads.start(TRANSFORM, name, lambda stop: self._run(name, stop))
        return document

    def stop(self, name: str) -> None:
        """Ask a job to stop; one that has ended is refused."""
        ask_to_stop(self._cloud, self._threads, TRANSFORM, name)

    def recover(self) -> None:
        """Say of jobs that ran when the emulator ended that they have failed."""
        for name in cut_short(self._cloud, TRANSFORM):
            self._end(name, "Failed", FailureReason=CUT_SHORT)

    def _end(self, name: str, status: str, **members: Any) -> None:
        self._cloud.records.update(TRANSFORM, name, TransformJobStatus=status, TransformEndTime=time.time(), **members)

    def _run(self, name: str, stop: threading.Event) -> None:
        job = self._cloud.records.get(TRANSFORM, name)
        containers: list[Container] = []
        status, members = "Completed", dict[str, str]()
        try:
            self._attempt(name, job, containers, stop)
        except JobStopped:
            status = "Stopped"
        except Exception as error:  # noqa: BLE001 - the edge of a job: whatever happened is its reason
            status, members = "Failed", {"FailureReason": failed_for(error)}
        try:  # who hears that a job has ended looks for its logs
            self._close(name, containers)
        finally:
            self._end(name, status, **members)

    def _close(self, name: str, containers: list[Container]) -> None:
        """Keep what the containers have printed, and end them."""
        began = self._cloud.records.get(TRANSFORM, name).get("TransformStartTime", time.time())
        lost = self._cloud.faults.happens("lost_logs", name) is not None
        for number, container in enumerate(containers if not lost else [], 1):
            self._cloud.logs.send(LOG_GROUP, f"{name}/algo-{number}-{int(began)}", container.log)
        self._containers.end(containers)
        shutil.rmtree(self._cloud.folder / "transform" / name, ignore_errors=True)

    def _attempt(self, name: str, job: Document, containers: list[Container], stop: threading.Event) -> None:
        faults = self._cloud.faults
        pause(stop, self._cloud.pace.starting_s + (faults.happens("slow_start", name) or 0.0))
        for fault, reason in REFUSALS.items():
            if faults.happens(fault, name) is not None:
                raise Failed(reason)
        pause(stop, faults.happens("slow_download", name) or 0.0)
        source = job["TransformInput"]["DataSource"]["S3DataSource"]
        prefix = S3Uri.parse(str(source["S3Uri"]))
        inputs = [info.uri for info in self._cloud.storage.list(prefix)]
        if not inputs:
            raise ObjectNotFound(prefix)
        model = self._cloud.records.get(MODEL, str(job["ModelName"]))
        told = {**job.get("Environment", {}), **_variables(job)}
        for number in range(1, int(job["TransformResources"]["InstanceCount"]) + 1):
            folder = self._cloud.folder / "transform" / name / f"algo-{number}"
            containers.append(self._containers.start(name, "AllTraffic", model, folder, told))
        self._cloud.records.update(TRANSFORM, name, TransformStartTime=time.time())
        for container in containers:
            if not self._containers.healthy(container, self._cloud.pace.health_s, stop):
                raise Failed(f"AlgorithmError: the container did not answer its ping. {last_lines(container.log)}")
        output = S3Uri.parse(str(job["TransformOutput"]["S3OutputPath"]))
        key = job["TransformOutput"].get("KmsKeyId")
        for place, uri in enumerate(inputs):
            pause(stop, 0)
            relative = uri.relative_to(prefix) or uri.name
            answer = self._answer(job, containers[place % len(containers)], self._cloud.storage.read(uri))
            for fault, reason in LATE.items():
                if faults.happens(fault, name) is not None:
                    raise Failed(reason)
            if faults.happens("stopped", name) is not None:
                raise JobStopped
            self._cloud.storage.encrypting(key).write(output / f"{relative}.out", answer)

    def _answer(self, job: Document, container: Container, data: bytes) -> bytes:
        headers = {"content-type": str(job["TransformInput"].get("ContentType", "application/json"))}
        if "Accept" in job["TransformOutput"]:
            headers["accept"] = str(job["TransformOutput"]["Accept"])
        timeout_s = float(job.get("ModelClientConfig", {}).get("InvocationsTimeoutInSeconds", 600))
        invocation_error = self._cloud.faults.happens("invocation_error", str(job["TransformJobName"])) is not None

        def ask(part: bytes) -> bytes:
            reply = forward(container, headers, part, timeout_s)
            if invocation_error or not 200 <= reply.status < 300:
                text = reply.body.decode(errors="replace")[:300]
                raise Failed(
                    f"AlgorithmError: See job logs for more information. The model answered {reply.status}: {text}"
                )
            return reply.body

        with ThreadPoolExecutor(
            max(1, int(job.get("MaxConcurrentTransforms", 1) or 1)), thread_name_prefix="transform"
        ) as pool:
            answers = list(pool.map(ask, _parts(job, data)))
        if job["TransformOutput"].get("AssembleWith") == "Line":
            return b"".join(answer.rstrip(b"\n") + b"\n" for answer in answers)
        return b"".join(answers)


def _parts(job: Mapping[str, Any], data: bytes) -> Iterator[bytes]:
    """What is asked at once: the whole object, a line, or as many lines as a payload holds."""
    if job["TransformInput"].get("SplitType", "None") == "None":
        yield data
        return
    lines = [line for line in data.splitlines(keepends=True) if line.strip()]
    if job.get("BatchStrategy", "MultiRecord") == "SingleRecord":
        yield from lines
        return
    most, part, size = int(job.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)) << 20, list[bytes](), 0
    for line in lines:
        if part and size + len(line) > most:
            yield b"".join(part)
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield b"".join(part)


def _variables(job: Mapping[str, Any]) -> dict[str, str]:
    told = {"SAGEMAKER_BATCH": "true"}
    if "MaxPayloadInMB" in job:
        told["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(job["MaxPayloadInMB"])
    if "MaxConcurrentTransforms" in job:
        told["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(job["MaxConcurrentTransforms"])
    if "BatchStrategy" in job:
        told["SAGEMAKER_BATCH_STRATEGY"] = {"MultiRecord": "MULTI_RECORD"}.get(job["BatchStrategy"], "SINGLE_RECORD")
    return told


def _check(request: Mapping[str, Any]) -> None:
    split = request["TransformInput"].get("SplitType", "None")
    if split not in ("None", "Line"):
        raise invalid(f"SplitType {split} is not emulated; use Line, or none")
    if request["TransformInput"].get("CompressionType", "None") != "None":
        raise invalid("compressed input of a transform job is not emulated")
    kind = request["TransformInput"]["DataSource"]["S3DataSource"]["S3DataType"]
    if kind != "S3Prefix":
        raise invalid(f"S3DataType {kind} of a transform job is not emulated; use S3Prefix")
    if request.get("DataProcessing", {}).get("JoinSource", "None") != "None" or "InputFilter" in request.get(
        "DataProcessing", {}
    ):
        raise invalid("DataProcessing is not emulated; filter and join afterwards")
