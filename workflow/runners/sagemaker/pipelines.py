"""Pipelines of an account: put a definition there, start it, and follow its steps."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from workflow.runners.base import JobFailed
from workflow.runners.sagemaker.account import Clients, Refused, call, pauses
from workflow.runners.sagemaker.plans import Request
from workflow.storage import S3Uri

LIVE = ("Executing", "Stopping")
_PAGE = 100


@dataclass(frozen=True)
class PlannedPipeline:
    """A pipeline that is not there yet.

    Attributes:
        definition: as SageMaker's ``PipelineDefinition`` has it.
        files: what its steps read, to be written before it is put there.
    """

    name: str
    role: str
    definition: Request
    files: Mapping[S3Uri, bytes]


@dataclass(frozen=True)
class StepState:
    """How a step of an execution stands; ``reason`` says why it failed."""

    name: str
    status: str
    reason: str | None
    resource: str | None


class CloudPipelines:
    """The pipelines of the account that the clients are of."""

    def __init__(self, clients: Clients) -> None:
        self._clients, self._account = clients, clients.account

    def put(self, planned: PlannedPipeline) -> str:
        """Create a pipeline, or give the one of that name this definition; its ARN."""
        given = {
            "PipelineName": planned.name,
            "PipelineDefinition": json.dumps(planned.definition),
            "RoleArn": planned.role,
        }
        try:
            token = uuid.uuid4().hex
            answer = self._call("create_pipeline", **given, ClientRequestToken=token, Tags=self._account.tag_list())
        except Refused as error:
            if "names must be unique" not in error.text and not error.exists_already:
                raise
            answer = self._call("update_pipeline", **given)
        return str(answer["PipelineArn"])

    def start(self, name: str, parameters: Mapping[str, str]) -> str:
        """Begin an execution; its ARN. A call that is tried again begins no second one."""
        given = [{"Name": key, "Value": value} for key, value in parameters.items()]
        token = uuid.uuid4().hex
        answer = self._call(
            "start_pipeline_execution", PipelineName=name, PipelineParameters=given, ClientRequestToken=token
        )
        return str(answer["PipelineExecutionArn"])

    def newest(self, name: str) -> str | None:
        """The ARN of a pipeline's newest execution; None where there was none."""
        found = self._call("list_pipeline_executions", PipelineName=name, MaxResults=1)["PipelineExecutionSummaries"]
        return str(found[0]["PipelineExecutionArn"]) if found else None

    def state(self, arn: str) -> tuple[str, list[StepState]]:
        """The status of an execution, and its steps in the order in which they began."""
        status = str(self._call("describe_pipeline_execution", PipelineExecutionArn=arn)["PipelineExecutionStatus"])
        steps: list[StepState] = []
        more: dict[str, Any] = {}
        while True:
            answer = self._call(
                "list_pipeline_execution_steps",
                PipelineExecutionArn=arn,
                SortOrder="Ascending",
                MaxResults=_PAGE,
                **more,
            )
            steps += [_step(told) for told in answer["PipelineExecutionSteps"]]
            if not answer.get("NextToken"):
                return status, steps
            more = {"NextToken": answer["NextToken"]}

    def wait(self, arn: str, told: Callable[[list[StepState]], None]) -> list[StepState]:
        """The steps of an execution once it has succeeded. Raises JobFailed with the reason of the step that failed."""
        for pause_s in pauses(self._account.poll_s):
            status, steps = self.state(arn)
            told(steps)
            if status == "Succeeded":
                return steps
            if status not in LIVE:
                failed = [f"{step.name}: {step.reason}" for step in steps if step.reason is not None]
                raise JobFailed(f"{arn} is {status}. {' // '.join(failed) or 'No step says why.'}")
            threading.Event().wait(pause_s)
        raise AssertionError("pauses never end")

    def _call(self, operation: str, **request: Any) -> Any:
        return call(self._clients.get("sagemaker"), operation, self._account.patience_s, **request)


def _step(told: Mapping[str, Any]) -> StepState:
    metadata: Mapping[str, Any] = next(iter(told.get("Metadata", {}).values()), {})
    arn = metadata.get("Arn")
    resource = str(arn).rpartition(":")[2] if arn else metadata.get("Outcome")
    return StepState(told["StepName"], told["StepStatus"], told.get("FailureReason"), resource)
