"""The request of each operation. Field names are ours, aliases are Neptune's.

Members marked *guide only* are in the user guide but not in botocore's model; we take them over HTTP all the same.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Literal

from pydantic import AliasChoices, Field, field_validator, model_validator

from training_scripts.graph_ml.schemas import FAMILIES, files
from workflow.errors import InvalidParameter, MissingParameter
from workflow.neptune.fields import Asking, Count, Flag, Id, InstanceType, Lenient, PageSize, Positive, Text, TextList

DAY_S = 86_400
DEFAULT_CONFIG_FILE = files.CONFIGURATION

# the families of the training code; "auto" lets the tuner compare those that fit the task
MODEL_NAMES = (*FAMILIES, "custom", "auto")


def _model_name(value: str | None) -> str | None:
    if value is not None and value not in (*MODEL_NAMES, "kge"):
        close = get_close_matches(value, MODEL_NAMES, 1)
        meant = f"did you mean {close[0]!r}? It" if close else "it"
        raise InvalidParameter(f"modelName {value!r} is unknown; {meant} is one of {', '.join(MODEL_NAMES)}.")
    return value


def _script_name(value: str) -> str:
    # never a file that the service itself writes for a client, such as the CSV of an export
    if not re.fullmatch(r"\w[\w.-]*\.py", value):
        raise InvalidParameter(
            f"The script {value!r} must be the name of a Python file (.py) in sourceS3DirectoryPath, no path."
        )
    return value


class _Secured(Asking):
    sagemaker_role: Text | None = Field(None, alias="sagemakerIamRoleArn")
    neptune_role: Text | None = Field(None, alias="neptuneIamRoleArn")
    subnets: TextList | None = None
    security_groups: TextList | None = Field(None, alias="securityGroupIds")
    volume_key: Text | None = Field(None, alias="volumeEncryptionKMSKey")
    output_key: Text | None = Field(None, alias="s3OutputEncryptionKMSKey")
    encrypt_traffic: Flag | None = Field(None, alias="enableInterContainerTrafficEncryption")  # guide only


class StartDataProcessing(_Secured):
    """``POST /ml/dataprocessing``; user guide: machine-learning-api-dataprocessing."""

    id: Id | None = None
    input_location: Text = Field(alias="inputDataS3Location")
    output_location: Text = Field(alias="processedDataS3Location")
    previous_id: Id | None = Field(None, alias="previousDataProcessingJobId")
    instance_type: InstanceType | None = Field(None, alias="processingInstanceType")
    volume_gb: Count | None = Field(None, alias="processingInstanceVolumeSizeInGB")
    timeout_s: Positive = Field(DAY_S, alias="processingTimeOutInSeconds")
    model_type: Literal["heterogeneous", "kge"] | None = Field(None, alias="modelType")
    config_file: Text = Field(DEFAULT_CONFIG_FILE, alias="configFileName")

    @field_validator("config_file")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if "/" in value or "\\" in value or value in (".", ".."):
            raise InvalidParameter(
                f"configFileName {value!r} must be the name of a file in inputDataS3Location, no path."
            )
        return value


class CustomTraining(Asking):
    """Where a custom model's scripts lie; user guide: machine-learning-custom-models."""

    source: Text = Field(alias="sourceS3DirectoryPath")
    training_script: Text = Field("training.py", alias="trainingEntryPointScript")
    transform_script: Text = Field("transform.py", alias="transformEntryPointScript")

    _check_names = field_validator("training_script", "transform_script")(_script_name)


class CustomTransform(Asking):
    """Where a custom model's transform script lies."""

    source: Text = Field(alias="sourceS3DirectoryPath")
    transform_script: Text = Field("transform.py", alias="transformEntryPointScript")

    _check_names = field_validator("transform_script")(_script_name)


DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def _device(value: str | None) -> str | None:
    if value is not None and DEVICE.fullmatch(value) is None:
        raise InvalidParameter(f"device {value!r} is unknown; it is auto, cpu, cuda, cuda:0, cuda:1 … or mps.")
    return value


class StartModelTraining(_Secured):
    """``POST /ml/modeltraining``; user guide: machine-learning-api-modeltraining."""

    id: Id | None = None
    processing_id: Id = Field(alias="dataProcessingJobId")
    output_location: Text = Field(alias="trainModelS3Location")
    previous_id: Id | None = Field(None, alias="previousModelTrainingJobId")
    model_name: Text | None = Field(None, alias="modelName")  # guide only
    base_instance_type: InstanceType | None = Field(None, alias="baseProcessingInstanceType")
    instance_type: InstanceType | None = Field(None, alias="trainingInstanceType")
    instance_count: Positive = Field(1, alias="trainingInstanceCount", le=100)  # ours: machines of each trial
    volume_gb: Count | None = Field(None, alias="trainingInstanceVolumeSizeInGB")
    timeout_s: Positive = Field(DAY_S, alias="trainingTimeOutInSeconds")
    max_trials: Positive = Field(2, alias="maxHPONumberOfTrainingJobs", le=500)
    max_parallel: Positive = Field(2, alias="maxHPOParallelTrainingJobs", le=100)
    budget_s: Positive | None = Field(None, alias="maxHPOTimeInSeconds")  # ours: of all trials together
    spot: Flag | None = Field(None, alias="enableManagedSpotTraining")
    max_wait_s: Positive | None = Field(None, alias="maxWaitTime")  # guide only
    device: Text | None = None  # ours: what to compute on, for runners that have one kind of machine
    custom: CustomTraining | None = Field(
        None,
        validation_alias=AliasChoices(
            "customModelTrainingParameters", "customModelParameters"
        ),  # the latter: 2021 books
        serialization_alias="customModelTrainingParameters",
    )

    _check_model = field_validator("model_name")(_model_name)
    _check_device = field_validator("device")(_device)


class StartModelTransform(_Secured):
    """``POST /ml/modeltransform``; user guide: machine-learning-api-modeltransform."""

    id: Id | None = None
    processing_id: Id | None = Field(None, alias="dataProcessingJobId")
    training_id: Id | None = Field(None, alias="mlModelTrainingJobId")
    training_job_name: Text | None = Field(None, alias="trainingJobName")
    output_location: Text = Field(alias="modelTransformOutputS3Location")
    custom: CustomTransform | None = Field(None, alias="customModelTransformParameters")
    instance_type: InstanceType | None = Field(None, alias="baseProcessingInstanceType")
    volume_gb: Count | None = Field(None, alias="baseProcessingInstanceVolumeSizeInGB")
    device: Text | None = None  # ours

    _check_device = field_validator("device")(_device)

    @model_validator(mode="after")
    def _one_way(self) -> StartModelTransform:
        # a data processing job may stand beside trainingJobName: another trial, applied to a newer graph
        if self.training_job_name and self.training_id:
            raise InvalidParameter("Give either mlModelTrainingJobId or trainingJobName, not both.")
        if not self.training_job_name and not (self.training_id and self.processing_id):
            raise MissingParameter("Give dataProcessingJobId and mlModelTrainingJobId, or trainingJobName.")
        return self


class CreateEndpoint(Asking):
    """``POST /ml/endpoints``; user guide: machine-learning-api-endpoints."""

    id: Id | None = None
    training_id: Id | None = Field(None, alias="mlModelTrainingJobId")
    transform_id: Id | None = Field(None, alias="mlModelTransformJobId")
    update: Flag = False
    neptune_role: Text | None = Field(None, alias="neptuneIamRoleArn")
    model_name: Text | None = Field(None, alias="modelName")
    instance_type: InstanceType | None = Field(None, alias="instanceType")
    instance_count: Positive = Field(1, alias="instanceCount")
    volume_key: Text | None = Field(None, alias="volumeEncryptionKMSKey")
    device: Text | None = None  # ours

    _check_model = field_validator("model_name")(_model_name)
    _check_device = field_validator("device")(_device)

    @model_validator(mode="after")
    def _one_source(self) -> CreateEndpoint:
        if self.training_id and self.transform_id:
            raise InvalidParameter("Give either mlModelTrainingJobId or mlModelTransformJobId, not both.")
        if not self.training_id and not self.transform_id:
            raise MissingParameter("Give mlModelTrainingJobId or mlModelTransformJobId: the model to deploy.")
        if self.update and not self.id:
            raise MissingParameter("Give id: the endpoint that is to be updated.")
        return self


class GetResource(Lenient):
    """``GET /ml/<kind>/{id}``."""

    id: Id
    neptune_role: Text | None = Field(None, alias="neptuneIamRoleArn")


class StopResource(GetResource):
    """``DELETE /ml/<kind>/{id}``: stop a job or delete an endpoint, and with ``clean`` its artefacts."""

    clean: Flag = False


class ListResources(Lenient):
    """``GET /ml/<kind>``."""

    max_items: PageSize = Field(10, alias="maxItems")
    neptune_role: Text | None = Field(None, alias="neptuneIamRoleArn")
