"""The operations on pipelines and their executions."""

from __future__ import annotations

import secrets
import string
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from workflow.emulator.cloud import Cloud, Threads
from workflow.emulator.errors import ApiError, invalid
from workflow.emulator.pipelines.definition import read_definition
from workflow.emulator.pipelines.executions import Call, Read, RunningPipeline
from workflow.emulator.pipelines.expressions import as_text
from workflow.emulator.records import EXECUTION, PIPELINE, Document, Kind, page
from workflow.storage import S3Uri

MOST_STEPS_AT_ONCE = 50
_LOOK_S = 0.1
_LOWER = string.ascii_lowercase + string.digits
# members of requests that nothing here acts on, and whose absence a pipeline would notice
_REFUSED = ("SelectiveExecutionConfig", "PipelineVersionAliases", "PipelineVersionAlias", "MlflowExperimentName")


class Pipelines:
    """Creates pipelines, and runs their executions in a thread each.

    Args:
        call, read: an operation of SageMaker, and the object at an address, in the name of a pipeline's role.
    """

    def __init__(self, cloud: Cloud, threads: Threads, call: Call, read: Read) -> None:
        self._cloud, self._threads, self._call, self._read, self._records = cloud, threads, call, read, cloud.records
        self._starting = threading.Lock()  # guards the look for an execution of the same token before a start
        self.operations: dict[str, Callable[[Mapping[str, Any]], Document]] = {
            "CreatePipeline": self.create,
            "UpdatePipeline": self.update,
            "DescribePipeline": self.describe,
            "DeletePipeline": self.delete,
            "ListPipelines": self.list_pipelines,
            "ListPipelineVersions": self.list_versions,
            "StartPipelineExecution": self.start,
            "StopPipelineExecution": self.stop,
            "RetryPipelineExecution": self.retry,
            "UpdatePipelineExecution": self.update_execution,
            "DescribePipelineExecution": lambda request: self._execution(request),
            "DescribePipelineDefinitionForExecution": lambda request: self._execution(request),
            "ListPipelineExecutions": self.list_executions,
            "ListPipelineExecutionSteps": self.list_steps,
            "ListPipelineParametersForExecution": self.list_parameters,
        }

    # -- pipelines

    def create(self, request: Mapping[str, Any]) -> Document:
        """Keep a pipeline. Raises ApiError for a definition that cannot be read, and for a name that is taken."""
        _check(request)
        name, text = str(request["PipelineName"]), self._definition(request)
        if any(pipeline["PipelineName"] == name for pipeline in self._records.all(PIPELINE)):
            raise invalid(
                "Pipeline names must be unique within an AWS account and region. "
                f"Pipeline with name ({name}) already exists."
            )
        kept = {"PipelineDisplayName": name, **request, "PipelineDefinition": text}
        return self._records.add(PIPELINE, kept, PipelineStatus="Active", Versions=[_version(1, text)])

    def update(self, request: Mapping[str, Any]) -> Document:
        """Give a pipeline a new definition, which is a version of its own, or another role."""
        _check(request)
        pipeline = self._pipeline(request)
        changed = {
            name: request[name]
            for name in ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
            if name in request
        }
        versions = list(pipeline["Versions"])
        if "PipelineDefinition" in request or "PipelineDefinitionS3Location" in request:
            text = self._definition(request)
            versions.append(_version(len(versions) + 1, text))
            changed |= {"PipelineDefinition": text, "Versions": versions}
        updated = self._records.update(PIPELINE, str(pipeline["PipelineName"]), **changed)
        return {**updated, "PipelineVersionId": len(versions)}

    def describe(self, request: Mapping[str, Any]) -> Document:
        """A pipeline, with the definition of the newest version or of the one that is asked for."""
        _check(request)
        pipeline = self._pipeline(request)
        text = _of_version(pipeline, request.get("PipelineVersionId"))["PipelineDefinition"]
        runs = [float(run["CreationTime"]) for run in self._runs(pipeline)]
        return {**pipeline, "PipelineDefinition": text, "LastRunTime": max(runs, default=None)}

    def delete(self, request: Mapping[str, Any]) -> Document:
        """Forget a pipeline and its executions. Raises ApiError while one runs."""
        pipeline = self._pipeline(request)
        runs = self._runs(pipeline)
        if any(run["PipelineExecutionStatus"] in ("Executing", "Stopping") for run in runs):
            raise ApiError("ConflictException", f"{pipeline['PipelineArn']} has an execution that runs; stop it first")
        for run in runs:
            self._records.remove(EXECUTION, str(run["PipelineExecutionName"]))
        self._records.remove(PIPELINE, str(pipeline["PipelineName"]))
        return pipeline

    def list_pipelines(self, request: Mapping[str, Any]) -> Document:
        """Pipelines by the beginning of their names."""
        prefix = str(request.get("PipelineNamePrefix", ""))
        kept = [one for one in self._records.all(PIPELINE) if str(one["PipelineName"]).startswith(prefix)]
        for pipeline in kept:
            runs = [float(run["CreationTime"]) for run in self._runs(pipeline)]
            pipeline["LastExecutionTime"] = max(runs, default=None)
        documents, token = page(kept, PIPELINE, _as_others(request))
        return {"PipelineSummaries": documents, "NextToken": token}

    def list_versions(self, request: Mapping[str, Any]) -> Document:
        """The versions of a pipeline, the newest first."""
        pipeline = self._pipeline(request)
        arn, runs = pipeline["PipelineArn"], self._runs(pipeline)
        last = {run["PipelineVersionId"]: run["PipelineExecutionArn"] for run in runs}
        kept = [
            {
                **version,
                "PipelineArn": arn,
                "LastExecutionPipelineExecutionArn": last.get(version["PipelineVersionId"]),
            }
            for version in pipeline["Versions"]
        ]
        documents, token = page(kept, PIPELINE, _as_others(request))
        return {"PipelineVersionSummaries": documents, "NextToken": token}

    # -- executions

    def start(self, request: Mapping[str, Any]) -> Document:
        """Begin an execution; the same request sent twice begins one. Raises ApiError for wrong parameters."""
        _check(request)
        pipeline = self._pipeline(request)
        version = _of_version(pipeline, request.get("PipelineVersionId"))
        given = {str(entry["Name"]): str(entry["Value"]) for entry in request.get("PipelineParameters") or ()}
        values = read_definition(version["PipelineDefinition"]).values(given)
        with self._starting:
            for run in self._runs(pipeline):
                if run["ClientRequestToken"] == request["ClientRequestToken"]:
                    return run
            id = "".join(secrets.choice(_LOWER) for _ in range(12))
            parallel = request.get("ParallelismConfiguration") or pipeline.get("ParallelismConfiguration")
            document = self._records.add(
                EXECUTION,
                {**request, "PipelineExecutionName": id},
                PipelineExecutionArn=f"{pipeline['PipelineArn']}/execution/{id}",
                PipelineName=pipeline["PipelineName"],
                PipelineArn=pipeline["PipelineArn"],
                PipelineExecutionDisplayName=request.get("PipelineExecutionDisplayName", f"execution-{id}"),
                PipelineExecutionStatus="Executing",
                PipelineDefinition=version["PipelineDefinition"],
                PipelineVersionId=version["PipelineVersionId"],
                ParameterValues=values,
                RoleArn=request.get("RoleArn", pipeline["RoleArn"]),
                Steps=[],
                **({} if parallel is None else {"ParallelismConfiguration": parallel}),
            )
        self._run(id)
        return document

    def stop(self, request: Mapping[str, Any]) -> Document:
        """Ask an execution to stop, and the jobs of its running steps."""

        def stopping(run: Document) -> Document:
            status = run["PipelineExecutionStatus"]
            if status != "Executing":
                raise ApiError("ConflictException", f"the execution is {status}, and cannot be stopped")
            return {"PipelineExecutionStatus": "Stopping"}

        id = str(self._execution(request)["PipelineExecutionName"])
        return self._records.change(EXECUTION, id, stopping)

    def retry(self, request: Mapping[str, Any]) -> Document:
        """Begin again with the steps that have not succeeded."""
        run = self._execution(request)
        if run["PipelineExecutionStatus"] not in ("Failed", "Stopped"):
            status = run["PipelineExecutionStatus"]
            raise ApiError("ConflictException", f"the execution is {status}; only a failed or stopped one is retried")
        kept = [state for state in run["Steps"] if state["StepStatus"] == "Succeeded"]
        more = {name: request[name] for name in ("ParallelismConfiguration",) if name in request}
        updated = self._update(run, PipelineExecutionStatus="Executing", Steps=kept, FailureReason=None, **more)
        self._run(str(run["PipelineExecutionName"]))
        return updated

    def update_execution(self, request: Mapping[str, Any]) -> Document:
        """Change how an execution is called, and how much of it runs at once."""
        run = self._execution(request)
        names = ("PipelineExecutionDisplayName", "PipelineExecutionDescription", "ParallelismConfiguration")
        return self._update(run, **{name: request[name] for name in names if name in request})

    def list_executions(self, request: Mapping[str, Any]) -> Document:
        """The executions of a pipeline."""
        _check(request)
        runs = self._runs(self._pipeline(request))
        for run in runs:
            run |= {"StartTime": run["CreationTime"], "PipelineExecutionFailureReason": run.get("FailureReason")}
        documents, token = page(runs, EXECUTION, _as_others(request))
        return {"PipelineExecutionSummaries": documents, "NextToken": token}

    def list_steps(self, request: Mapping[str, Any]) -> Document:
        """The steps of an execution that have begun, the last first."""
        steps = self._execution(request)["Steps"]
        if request.get("SortOrder", "Descending") == "Descending":
            steps.reverse()
        kept, token = _cut(steps, request)
        return {"PipelineExecutionSteps": kept, "NextToken": token}

    def list_parameters(self, request: Mapping[str, Any]) -> Document:
        """The parameters of an execution with their values, those that were not given too."""
        values = self._execution(request)["ParameterValues"]
        kept, token = _cut([{"Name": name, "Value": as_text(value)} for name, value in values.items()], request)
        return {"PipelineParameters": kept, "NextToken": token}

    def recover(self) -> None:
        """Go on with what ran when the emulator ended."""
        for run in self._records.all(EXECUTION):
            if run["PipelineExecutionStatus"] in ("Executing", "Stopping"):
                self._run(str(run["PipelineExecutionName"]))

    def _run(self, id: str) -> None:
        self._threads.start(EXECUTION, id, lambda stop: self._work(id, stop))

    def _work(self, id: str, stop: threading.Event) -> None:
        """Look at an execution until it has ended, or the emulator ends."""
        told_to_stop = False
        while not stop.is_set():
            record = self._records.get(EXECUTION, id)
            definition = read_definition(record["PipelineDefinition"])
            run = RunningPipeline(record, definition, self._call, self._read, partial(self._others, record))
            stopping = record["PipelineExecutionStatus"] == "Stopping"
            if stopping and not told_to_stop:
                run.stop()
                told_to_stop = True
            run.look()
            if not stopping and not run.has_failed():
                most = record.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps", MOST_STEPS_AT_ONCE)
                run.begin(int(most))
            self._records.update(EXECUTION, id, Steps=run.steps)
            if not run.running() and (stopping or run.has_failed() or not run.waits()):
                self._end(record, run, stopped=stopping)
                return
            stop.wait(_LOOK_S)

    def _end(self, record: Document, run: RunningPipeline, *, stopped: bool) -> None:
        id, reason = str(record["PipelineExecutionName"]), {}
        status = "Stopped" if stopped else "Failed" if run.has_failed() else "Succeeded"
        if status == "Failed":
            reason = {"FailureReason": "Step failure: One or multiple steps failed."}
        self._records.update(EXECUTION, id, PipelineExecutionStatus=status, **reason)

    # -- what they share

    def _definition(self, request: Mapping[str, Any]) -> str:
        place = request.get("PipelineDefinitionS3Location")
        if (place is None) == ("PipelineDefinition" not in request):
            raise invalid("give exactly one of PipelineDefinition and PipelineDefinitionS3Location")
        text = str(request.get("PipelineDefinition", ""))
        if place is not None:
            text = self._cloud.storage.read(S3Uri(place["Bucket"], place["ObjectKey"])).decode()
        read_definition(text)
        return text

    def _pipeline(self, request: Mapping[str, Any]) -> Document:
        """By name or ARN. Raises ApiError."""
        return self._known(PIPELINE, str(request["PipelineName"]))

    def _execution(self, request: Mapping[str, Any]) -> Document:
        return self._known(EXECUTION, str(request.get("PipelineExecutionArn", "")))

    def _known(self, kind: Kind, name_or_arn: str) -> Document:
        try:
            return self._records.get(kind, name_or_arn.rpartition("/")[2])
        except ApiError as error:
            raise ApiError("ResourceNotFound", f"{kind.name} '{name_or_arn}' does not exist.") from error

    def _runs(self, pipeline: Mapping[str, Any]) -> list[Document]:
        """The executions of a pipeline, the oldest first."""
        name = pipeline["PipelineName"]
        return [run for run in self._records.all(EXECUTION) if run["PipelineName"] == name]

    def _others(self, run: Document) -> list[Document]:
        """The other executions of the pipeline of one."""
        return [other for other in self._runs(run) if other["PipelineExecutionName"] != run["PipelineExecutionName"]]

    def _update(self, run: Document, **members: Any) -> Document:
        return self._records.update(EXECUTION, str(run["PipelineExecutionName"]), **members)


def _check(request: Mapping[str, Any]) -> None:
    for name in _REFUSED:
        if name in request:
            raise ApiError("NotEmulatedException", f"{name} is not emulated; leave it out", 501)


def _version(number: int, text: str) -> Document:
    return {"PipelineVersionId": number, "PipelineDefinition": text, "CreationTime": time.time()}


def _of_version(pipeline: Mapping[str, Any], number: int | None) -> Document:
    versions: list[Document] = pipeline["Versions"]
    if number is None:
        return versions[-1]
    if not 1 <= number <= len(versions):
        raise ApiError("ResourceNotFound", f"{pipeline['PipelineArn']} has no version {number}.")
    return versions[number - 1]


def _as_others(request: Mapping[str, Any]) -> dict[str, Any]:
    """A list request with the names that other lists have for the same."""
    names = {"CreatedAfter": "CreationTimeAfter", "CreatedBefore": "CreationTimeBefore"}
    return {names.get(name, name): value for name, value in request.items()}


def _cut(entries: list[Document], request: Mapping[str, Any]) -> tuple[list[Document], str | None]:
    start, most = int(request.get("NextToken") or 0), int(request.get("MaxResults", 10))
    return entries[start : start + most], str(start + most) if start + most < len(entries) else None
