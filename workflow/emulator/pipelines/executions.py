"""One execution of a pipeline, from its first step to its last: what is ready is begun, what runs is looked at.

All that is known of it stands in its record, so an emulator that starts again goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from workflow.emulator.errors import ApiError, invalid
from workflow.emulator.pipelines.caching import earlier_result, signature
from workflow.emulator.pipelines.definition import PipelineDefinition, PlannedStep
from workflow.emulator.pipelines.expressions import as_text, found, holds, resolved
from workflow.emulator.pipelines.steps import (
    RESOURCES,
    create_operation,
    ended,
    pause_before_retry,
    resource_name,
)
from workflow.emulator.records import ENDPOINT, TUNING, Document
from workflow.errors import WorkflowError

Call = Callable[[str, Mapping[str, Any]], Document]
Read = Callable[[str], bytes]
Earlier = Callable[[], Iterable[Document]]
LIVE = ("Starting", "Executing", "Stopping")
MOST_REASON = 1024
_TOP = 50  # trials of a tuning step that can be asked for


class RunningPipeline:
    """The steps of one execution.

    Args:
        record: of the execution; its ``Steps`` are changed.
        call: an operation of SageMaker.
        read: the object at an address.
        earlier: other executions of the pipeline, the oldest first.
    """

    def __init__(
        self, record: Document, definition: PipelineDefinition, call: Call, read: Read, earlier: Earlier = tuple
    ) -> None:
        self._record, self._definition, self._call, self.read = record, definition, call, read
        self._earlier = earlier
        self.steps: list[Document] = record["Steps"]

    # -- Names, for expressions

    def parameter(self, name: str) -> Any:
        """The value of a parameter, in its type."""
        return self._record["ParameterValues"][name]

    def variable(self, name: str) -> Any:
        """The value of a variable of executions."""
        match name:
            case "PipelineExecutionId":
                return self._record["PipelineExecutionName"]
            case "StartDateTime":
                return _moment(float(self._record["CreationTime"]))
            case "CurrentDateTime":
                return _moment(time.time())
        return self._record[name]

    def properties(self, step: str) -> Any:
        """What Describe tells of the resource of a step that has ended; of a condition its outcome."""
        state = self._state(step)
        if state is None:
            raise invalid(f"step {step!r} has not run")
        planned = self._planned(step)
        if planned.type == "Condition":
            return {"Outcome": state["Metadata"]["Condition"]["Outcome"]}
        document = self._described(planned, state)
        if planned.type == "Tuning":
            asked = {TUNING.name_field: document[TUNING.name_field], "MaxResults": _TOP}
            objective = {"SortBy": "FinalObjectiveMetricValue", "SortOrder": _order(document)}
            trials = self._call("ListTrainingJobsForHyperParameterTuningJob", {**asked, **objective})
            document = {**document, **trials}
        return document

    def property_file(self, step: str, name: str) -> bytes:
        """The content of a property file of a processing step."""
        files = self._planned(step).document.get("PropertyFiles") or ()
        told = next(entry for entry in files if entry["PropertyFileName"] == name)
        path = f"ProcessingOutputConfig.Outputs['{told['OutputName']}'].S3Output.S3Uri"
        return self.read(f"{found(self.properties(step), path, f'step {step!r}')}/{told['FilePath']}")

    # -- its life

    def look(self) -> None:
        """Bring the state of every step that runs up to date."""
        for state in self.steps:
            if state["StepStatus"] not in LIVE or not state["Metadata"]:
                continue
            planned = self._planned(str(state["StepName"]))
            try:
                document = self._described(planned, state)
            except ApiError as error:  # somebody has deleted it
                self._end(state, "Failed", f"ClientError: {error.message}")
                continue
            outcome = ended(RESOURCES[planned.type], document)
            if outcome == "Succeeded":
                self._end(state, outcome)
            elif outcome is not None:
                self._failed(planned, state, outcome, str(document.get("FailureReason") or f"the job is {outcome}"))

    def begin(self, most: int) -> None:
        """Begin what is ready, as far as no more than ``most`` run at once."""
        for planned in self._definition.steps:
            state = self._state(planned.name)
            if state is not None and not self._is_due(state):
                continue
            if state is None and (not self._is_ready(planned) or self.running() >= most):
                continue
            if state is None:
                state = {"StepName": planned.name, "StepStatus": "Starting", "StartTime": time.time(), "Metadata": {}}
                state |= {"AttemptCount": 0}
                for name in ("DisplayName", "Description"):
                    if planned.document.get(name):
                        state[f"Step{name}"] = planned.document[name]
                self.steps.append(state)
            self._begin(planned, state)

    def stop(self) -> None:
        """Ask every running job to stop; an endpoint goes on until it is there."""
        for state in self.steps:
            planned = self._planned(str(state["StepName"]))
            if state["StepStatus"] not in ("Starting", "Executing"):
                continue
            if not state["Metadata"]:
                self._end(state, "Stopped")
                continue
            state["StepStatus"] = "Stopping"
            kind = RESOURCES[planned.type].kind
            if kind.is_job:
                try:
                    self._call(f"Stop{kind.name}", {kind.name_field: _name_of(state)})
                except ApiError:
                    continue  # it has ended just now, which the next look tells

    def running(self) -> int:
        """How many steps run."""
        return sum(state["StepStatus"] in LIVE for state in self.steps)

    def has_failed(self) -> bool:
        """Whether any step has ended badly."""
        return any(state["StepStatus"] in ("Failed", "Stopped") for state in self.steps)

    def waits(self) -> bool:
        """Whether anything is still to be begun."""
        return any(self._state(step.name) is None and self._is_ready(step) for step in self._definition.steps)

    def _begin(self, planned: PlannedStep, state: Document) -> None:
        state["AttemptCount"] += 1
        state.pop("RetryTime", None)
        try:
            match planned.type:
                case "Condition":
                    outcome = all(holds(one, self) for one in planned.arguments.get("Conditions") or ())
                    state["Metadata"] = {"Condition": {"Outcome": str(outcome)}}
                    self._end(state, "Succeeded")
                case "Fail":
                    message = as_text(resolved(planned.arguments.get("ErrorMessage", ""), self))
                    state["Metadata"] = {"Fail": {"ErrorMessage": message}}
                    self._end(state, "Failed", message)
                case _:
                    self._create(planned, state)
        except ApiError as error:
            operation = "" if planned.type in ("Condition", "Fail") else create_operation(RESOURCES[planned.type].kind)
            told = f"Failed to invoke sagemaker:{operation}. Error Details: " if operation else ""
            self._failed(planned, state, "Failed", f"ClientError: {told}{error.code}: {error.message}")
        except WorkflowError as error:  # a property file that is not there
            self._failed(planned, state, "Failed", f"ClientError: {error.message}")

    def _create(self, planned: PlannedStep, state: Document) -> None:
        resource = RESOURCES[planned.type]
        request: Document = resolved(planned.arguments, self)
        state["Signature"] = signature(request, resource.kind.name_field)
        known = earlier_result(planned, state["Signature"], self._earlier())
        if known is not None:
            run, lent = known
            state["Metadata"] = lent["Metadata"]
            state["CacheHitResult"] = {"SourcePipelineExecutionArn": run["PipelineExecutionArn"]}
            self._end(state, "Succeeded")
            return
        name = resource_name(planned, request.get(resource.kind.name_field), str(self._record["PipelineExecutionName"]))
        request[resource.kind.name_field] = name
        operation = create_operation(resource.kind)
        if resource.kind is ENDPOINT and self._exists(name):
            operation = "UpdateEndpoint"
            request.pop("Tags", None)
        answer = self._call(operation, request)
        state["Metadata"] = {resource.metadata: {"Arn": answer[resource.kind.arn_field]}}
        state["StepStatus"] = "Executing"

    def _exists(self, endpoint: str) -> bool:
        try:
            self._call("DescribeEndpoint", {"EndpointName": endpoint})
        except ApiError:
            return False
        return True

    def _failed(self, planned: PlannedStep, state: Document, outcome: str, reason: str) -> None:
        wait_s = pause_before_retry(planned, reason, int(state["AttemptCount"]))
        if wait_s is None or self._record["PipelineExecutionStatus"] != "Executing":
            self._end(state, outcome, reason)
        else:
            state |= {"StepStatus": "Starting", "Metadata": {}, "RetryTime": time.time() + wait_s}

    def _end(self, state: Document, status: str, reason: str | None = None) -> None:
        state |= {"StepStatus": status, "EndTime": time.time()}
        if reason is not None:
            state["FailureReason"] = reason[:MOST_REASON]

    def _is_due(self, state: Document) -> bool:
        return state["StepStatus"] == "Starting" and not state["Metadata"] and time.time() >= state.get("RetryTime", 0)

    def _is_ready(self, planned: PlannedStep) -> bool:
        states = [self._state(name) for name in planned.after]
        if any(state is None or state["StepStatus"] != "Succeeded" for state in states):
            return False
        if planned.branch is None:
            return True
        condition = self._state(planned.branch[0])
        return condition is not None and condition["Metadata"]["Condition"]["Outcome"] == str(planned.branch[1])

    def _described(self, planned: PlannedStep, state: Document) -> Document:
        kind = RESOURCES[planned.type].kind
        return self._call(f"Describe{kind.name}", {kind.name_field: _name_of(state)})

    def _planned(self, name: str) -> PlannedStep:
        return next(step for step in self._definition.steps if step.name == name)

    def _state(self, name: str) -> Document | None:
        return next((state for state in self.steps if state["StepName"] == name), None)


def _name_of(state: Document) -> str:
    """The name of a step's resource, by its ARN."""
    (told,) = state["Metadata"].values()
    return str(told["Arn"]).rpartition("/")[2]


def _order(tuning: Document) -> str:
    """The best trial of a tuning job comes first."""
    config = tuning.get("HyperParameterTuningJobConfig", {})
    objective = config.get("HyperParameterTuningJobObjective") or {}
    if not objective:
        objective = (tuning.get("TrainingJobDefinitions") or [{}])[0].get("TuningObjective", {})
    return "Ascending" if objective.get("Type") == "Minimize" else "Descending"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
