"""``sagemaker``: every operation of the control plane that is emulated, as one table.

An operation that is not in the table is answered with 501: a fake success would hide what a workflow needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.model import Shape

from workflow.emulator.calls import Calls, RecordedCall
from workflow.emulator.cloud import PIPELINE_KEY, Cloud, Threads
from workflow.emulator.errors import ApiError, invalid, not_found
from workflow.emulator.hosting.endpoints import Hosting
from workflow.emulator.jobs.processing import ProcessingJobs
from workflow.emulator.jobs.training import TrainingJobs
from workflow.emulator.jobs.transform import TransformJobs
from workflow.emulator.jobs.tuning import TuningJobs
from workflow.emulator.pipelines.pipelines import Pipelines
from workflow.emulator.records import (
    CONFIG,
    KINDS,
    MODEL,
    Document,
    Kind,
)
from workflow.emulator.shapes import ServiceModel, shaped
from workflow.storage import S3Uri

Operation = Callable[[Mapping[str, Any]], Document | None]


class ControlPlane:
    """Answers the operations of ``sagemaker``. ``calls`` are those so far, of pipelines too."""

    def __init__(self, cloud: Cloud, threads: Threads) -> None:
        self._cloud, self.records = cloud, cloud.records
        self._model, self.calls = ServiceModel("sagemaker"), Calls()
        self.training = TrainingJobs(cloud, threads)
        self.processing = ProcessingJobs(cloud, threads)
        self.tuning = TuningJobs(cloud, threads, self.training)
        self.hosting = Hosting(cloud, threads)
        self.transform = TransformJobs(cloud, threads, self.hosting.containers)
        self.pipelines = Pipelines(cloud, threads, self._of_a_step, self._read_for_a_step)
        self.operations: dict[str, Operation] = {
            "CreateTrainingJob": self.training.create,
            "StopTrainingJob": lambda request: self.training.stop(request["TrainingJobName"]),
            "CreateProcessingJob": self.processing.create,
            "StopProcessingJob": lambda request: self.processing.stop(request["ProcessingJobName"]),
            "CreateHyperParameterTuningJob": self.tuning.create,
            "StopHyperParameterTuningJob": lambda request: self.tuning.stop(request["HyperParameterTuningJobName"]),
            "ListTrainingJobsForHyperParameterTuningJob": self.tuning.list_trials,
            "CreateTransformJob": self.transform.create,
            "StopTransformJob": lambda request: self.transform.stop(request["TransformJobName"]),
            "CreateModel": self.hosting.create_model,
            "DeleteModel": lambda request: cloud.records.remove(MODEL, request["ModelName"]),
            "CreateEndpointConfig": self.hosting.create_config,
            "DeleteEndpointConfig": lambda request: cloud.records.remove(CONFIG, request["EndpointConfigName"]),
            "CreateEndpoint": self.hosting.create,
            "UpdateEndpoint": self.hosting.update,
            "UpdateEndpointWeightsAndCapacities": self.hosting.scale,
            "DeleteEndpoint": lambda request: self.hosting.delete(request["EndpointName"]),
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
        }
        for kind in KINDS.values():
            self.operations[f"Describe{kind.name}"] = partial(self._describe, kind)
            self.operations[f"List{kind.plural}"] = partial(self._list, kind)
        self.operations |= self.pipelines.operations

    def answer(self, operation: str, request: Mapping[str, Any]) -> Document:
        """Check a request, do what it asks, and cut the answer to its shape. Raises ApiError."""
        self._model.operation(operation)
        work = self.operations.get(operation)
        if work is None:
            known = ", ".join(sorted(self.operations))
            raise ApiError(
                "NotEmulatedException", f"{operation} is not emulated here. These operations are: {known}", 501
            )
        self._cloud.faults.check_call(operation, name_in(request))
        self._model.check(operation, request)
        return self._model.answer(operation, work(request) or {})

    def recover(self) -> None:
        """Take up what an earlier run left: endpoints serve again, jobs have failed."""
        self.training.recover()
        self.processing.recover()
        self.tuning.recover()
        self.transform.recover()
        self.hosting.recover()
        self.pipelines.recover()

    def _of_a_step(self, operation: str, request: Mapping[str, Any]) -> Document:
        """What a step of a pipeline asks for, in the name of the pipeline's role."""
        self.calls.add(RecordedCall("sagemaker", operation, PIPELINE_KEY, name_in(request)))
        return self.answer(operation, request)

    def _read_for_a_step(self, uri: str) -> bytes:
        """A property file, read in the name of the pipeline's role."""
        self.calls.add(RecordedCall("s3", "GetObject", PIPELINE_KEY, uri))
        return self._cloud.storage.read(S3Uri.parse(uri))

    # -- what all kinds share

    def _describe(self, kind: Kind, request: Mapping[str, Any]) -> Document:
        return self._cloud.records.get(kind, str(request[kind.name_field]))

    def _list(self, kind: Kind, request: Mapping[str, Any]) -> Document:
        member, summary = self._model.summary_shape(f"List{kind.plural}")
        documents, token = self._cloud.records.page(kind, request)
        return {member: [_summary(summary, kind, document) for document in documents], "NextToken": token}

    def _owner(self, arn: str) -> tuple[Kind, Document]:
        part, _, name = arn.rpartition(":")[2].partition("/")
        for kind in KINDS.values():
            if kind.arn_part == part:
                return kind, self._cloud.records.get(kind, name)
        raise not_found("resource", arn)

    def _add_tags(self, request: Mapping[str, Any]) -> Document:
        kind, document = self._owner(request["ResourceArn"])
        tags = {tag["Key"]: tag["Value"] for tag in (*document.get("Tags", []), *request["Tags"])}
        if len(tags) > 50:
            raise invalid("a resource can have at most 50 tags")
        kept = [{"Key": key, "Value": value} for key, value in tags.items()]
        self._cloud.records.update(kind, str(document[kind.name_field]), Tags=kept)
        return {"Tags": kept}

    def _list_tags(self, request: Mapping[str, Any]) -> Document:
        return {"Tags": self._owner(request["ResourceArn"])[1].get("Tags", [])}


def _summary(shape: Shape, kind: Kind, document: Document) -> Document:
    """One entry of a list; whatever the summary's shape has of the document."""
    config = document.get("HyperParameterTuningJobConfig", {})  # a tuning job's summary has two members of it
    cut: Document = shaped(shape, {**config, **document})
    return cut


def name_in(request: Mapping[str, Any]) -> str:
    return next((str(request[kind.name_field]) for kind in KINDS.values() if kind.name_field in request), "")
