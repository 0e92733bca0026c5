"""Status answers: a job's record and its progress in the members of Neptune's model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.endpoints.service import Endpoints
from workflow.jobs.execution import working_folder
from workflow.jobs.model import JobRecord
from workflow.jobs.supervisor import Supervisor
from workflow.neptune.requests import CreateEndpoint, StartDataProcessing, StartModelTraining, StartModelTransform
from workflow.neptune.responses import (
    DataProcessingStatus,
    EndpointStatus,
    MlConfig,
    MlResource,
    ModelTrainingStatus,
    ModelTransformStatus,
)
from workflow.runners.base import Runner
from workflow.stages.layout import Resource, arn
from workflow.stages.resources import without_effect

Status = DataProcessingStatus | ModelTrainingStatus | ModelTransformStatus | EndpointStatus

_REQUESTS: Mapping[str, type[StartDataProcessing | StartModelTraining | StartModelTransform]] = {
    "dataprocessing": StartDataProcessing,
    "modeltraining": StartModelTraining,
    "modeltransform": StartModelTransform,
}
_TOLD = (
    "wall_s",
    "size_bytes",
    "peak_memory_bytes",
    "estimate",
    "message",
    "metric",
    "metrics",
    "verdict",
    "warnings",
    "models_compared",
    "best",
)
_TOLD_OF_TRIALS = ("number", "name", "state", "value", "reason", "wall_s", "peak_memory_bytes", "hyperparameters")


class StatusAnswers:
    """Makes status answers.

    Args:
        runner: knows the progress and log of what runs.
        supervisor: knows what waits.
        endpoints: knows what serves.
        region, account: for ARNs.
    """

    def __init__(self, runner: Runner, supervisor: Supervisor, endpoints: Endpoints, region: str, account: str) -> None:
        self._runner, self._supervisor, self._endpoints = runner, supervisor, endpoints
        self._region, self._account = region, account

    def status(self, job: JobRecord) -> Status:
        """The answer for a job or endpoint of any kind."""
        common: dict[str, Any] = {"status": job.state, "id": job.id}
        if job.kind == "endpoints":
            return self._endpoint(job, common)
        common["reused_from"] = job.reused_from
        common["details"] = _details(job, chosen=self._runner.capacity().chosen)
        if job.state in ("InProgress", "Stopping"):
            common["progress"] = self._progress(job)
        main = self._resource(job, "processing-job", job.names["name"], job.names["output"], job.state)
        match job.kind:
            case "dataprocessing":
                return DataProcessingStatus(**common, processing_job=main)
            case "modeltransform":
                models = [self._model(name) for name in job.result.get("models", ())]
                return ModelTransformStatus(**common, processing_job=main, models=models or None)
            case _:
                hpo = self._resource(job, "hyper-parameter-tuning-job", job.names["hpo"], None, job.state)
                best = job.result.get("best")
                return ModelTrainingStatus(
                    **common, processing_job=main, hpo_job=hpo, models=[self._model(best)] if best else None
                )

    def _progress(self, job: JobRecord) -> dict[str, Any]:
        progress = self._runner.progress(working_folder(job))
        if progress is not None:
            return dict(progress)
        phase = "waiting" if self._supervisor.is_waiting(job.kind, job.id) else "starting"
        return {"phase": phase, "step": 0, "total": 0, "metric": None, "eta_s": None, "updated_ms": job.updated_ms}

    def _endpoint(self, job: JobRecord, common: dict[str, Any]) -> EndpointStatus:
        state = job.state
        if state == "InService" and not self._endpoints.is_serving(job.id):
            state = "Updating"  # after a crash or a restart: on its way back
        name, config = job.names["name"], job.names["config"]
        told = {key: job.result[key] for key in ("model",) if key in job.result}
        model = dict(told.get("model") or {})
        described = {name: model[name] for name in ("id", "model", "task", "targets", "created_ms") if name in model}
        details: dict[str, Any] = {"model": described} if described else {}
        asked = {member: value for member, value in job.request.items() if member != "modelArchive"}  # that is ours
        ignored = without_effect(CreateEndpoint.model_validate(asked), chosen=self._endpoints.chosen)
        if ignored:
            details["warnings"] = ignored
        return EndpointStatus(
            status=state,
            id=common["id"],
            endpoint=self._resource(job, "endpoint", name, None, state),
            endpoint_config=MlConfig(name=config, arn=self._arn("endpoint-config", config)),
            details=details or None,
        )

    def _resource(self, job: JobRecord, resource: Resource, name: str, output: str | None, state: str) -> MlResource:
        return MlResource(
            name=name,
            arn=self._arn(resource, name),
            status=state,
            output_location=output,
            failure_reason=job.failure,
            log_url=self._runner.log_url(name) or self._runner.log_url(job.names.get("work", name)),
        )

    def _model(self, name: str) -> MlConfig:
        return MlConfig(name=name, arn=self._arn("model", name))

    def _arn(self, resource: Resource, name: str) -> str:
        return arn(self._region, self._account, resource, name)


def _details(job: JobRecord, *, chosen: bool) -> dict[str, Any]:
    result = job.result
    told: dict[str, Any] = {name: result[name] for name in _TOLD if result.get(name) is not None}
    if "trials" in result:
        told["trials"] = [{name: trial.get(name) for name in _TOLD_OF_TRIALS} for trial in result["trials"]]
    told |= job.moments
    ignored = without_effect(_REQUESTS[job.kind].model_validate(job.request), chosen=chosen)
    if ignored:
        told["warnings"] = [*told.get("warnings", ()), *ignored]
    if job.cleaned:
        told["cleaned"] = True
    return told
