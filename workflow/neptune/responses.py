"""The answer of each operation: the members of botocore's model, and ours for those who ask for them by a header."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

DETAILS_HEADER: Final = "Despina-Details"
"""Sent as ``true``, it asks for the members beyond Neptune's; without it an answer has exactly those of the model."""
_BEYOND_MODEL: Final = frozenset({"progress", "reused_from", "details"})


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True, validate_by_name=True, validate_by_alias=True, defer_build=True)

    def to_json(self, *, details: bool = True) -> dict[str, Any]:
        """The body to send: wire names, absent members left out, and without ``details`` those that are ours."""
        return self.model_dump(by_alias=True, exclude_none=True, exclude=None if details else set(_BEYOND_MODEL))


class MlResource(Answer):
    """MlResourceDefinition: one SageMaker resource behind a job."""

    name: str | None = None
    arn: str | None = None
    status: str | None = None
    output_location: str | None = Field(None, alias="outputLocation")
    failure_reason: str | None = Field(None, alias="failureReason")
    log_url: str | None = Field(None, alias="cloudwatchLogUrl")


class MlConfig(Answer):
    """MlConfigDefinition: a name and its ARN."""

    name: str | None = None
    arn: str | None = None


class Started(Answer):
    """What every start answers."""

    id: str
    arn: str
    created_ms: int = Field(alias="creationTimeInMillis")


class Stopped(Answer):
    """What every stop and delete answers."""

    status: str


class Listed(Answer):
    """Ids, newest first."""

    ids: list[str]


class _Status(Answer):
    status: str
    id: str


class _JobStatus(_Status):
    progress: dict[str, Any] | None = None  # the job's progress file
    reused_from: str | None = Field(None, alias="reusedFrom")  # the finished equal job whose result this is
    details: dict[str, Any] | None = None  # trials, models compared, estimates and measured peaks


class DataProcessingStatus(_JobStatus):
    """``GET /ml/dataprocessing/{id}``."""

    processing_job: MlResource = Field(alias="processingJob")


class ModelTrainingStatus(_JobStatus):
    """``GET /ml/modeltraining/{id}``."""

    processing_job: MlResource = Field(alias="processingJob")
    hpo_job: MlResource | None = Field(None, alias="hpoJob")
    transform_job: MlResource | None = Field(None, alias="modelTransformJob")
    models: list[MlConfig] | None = Field(None, alias="mlModels")


class ModelTransformStatus(_JobStatus):
    """``GET /ml/modeltransform/{id}``."""

    processing_job: MlResource = Field(alias="baseProcessingJob")
    remote_job: MlResource | None = Field(None, alias="remoteModelTransformJob")
    models: list[MlConfig] | None = None


class EndpointStatus(_Status):
    """``GET /ml/endpoints/{id}``."""

    endpoint: MlResource
    endpoint_config: MlConfig = Field(alias="endpointConfig")
    details: dict[str, Any] | None = None
