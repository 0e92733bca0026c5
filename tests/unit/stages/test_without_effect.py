"""What a request names of machines, networks and keys has an effect, or is named among the warnings."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from workflow.neptune.requests import CreateEndpoint, StartDataProcessing, StartModelTraining, StartModelTransform
from workflow.runners.base import Resources
from workflow.stages.resources import resources_of, without_effect

EVERYTHING: dict[str, Any] = {
    "sagemakerIamRoleArn": "arn:aws:iam::000000000000:role/r",
    "neptuneIamRoleArn": "arn:aws:iam::000000000000:role/n",
    "subnets": ["subnet-1"],
    "securityGroupIds": ["sg-1"],
    "volumeEncryptionKMSKey": "volume",
    "s3OutputEncryptionKMSKey": "output",
    "enableInterContainerTrafficEncryption": True,
}
REQUESTS: list[tuple[type[Any], dict[str, Any]]] = [
    (
        StartDataProcessing,
        {
            "inputDataS3Location": "s3://lab/in",
            "processedDataS3Location": "s3://lab/out",
            "processingInstanceType": "ml.r5.large",
            "processingInstanceVolumeSizeInGB": 50,
        },
    ),
    (
        StartModelTraining,
        {
            "dataProcessingJobId": "dp",
            "trainModelS3Location": "s3://lab/out",
            "trainingInstanceType": "ml.g5.xlarge",
            "trainingInstanceVolumeSizeInGB": 50,
            "baseProcessingInstanceType": "ml.r5.large",
            "enableManagedSpotTraining": True,
            "maxWaitTime": 90000,
        },
    ),
    (
        StartModelTransform,
        {
            "dataProcessingJobId": "dp",
            "mlModelTrainingJobId": "tr",
            "modelTransformOutputS3Location": "s3://lab/out",
            "baseProcessingInstanceType": "ml.r5.large",
            "baseProcessingInstanceVolumeSizeInGB": 50,
        },
    ),
]


@pytest.mark.parametrize(("kind", "body"), REQUESTS)
def test_every_resource_of_a_request_has_an_effect_or_is_named(kind: type[Any], body: dict[str, Any]) -> None:
    request = kind.model_validate({**body, **EVERYTHING})
    mine = {name for name in body if "Instance" in name or name in ("enableManagedSpotTraining", "maxWaitTime")}
    local, cloud = (" ".join(without_effect(request, chosen=chosen)) for chosen in (False, True))
    for name in (*mine, *EVERYTHING):
        assert name in local, name
    # where requests choose their machines, what is not told of has become one of the resources of the job
    asked = dataclasses.asdict(resources_of(request)).values()
    for name, value in {**{name: body[name] for name in mine}, **EVERYTHING}.items():
        given = tuple(value) if isinstance(value, list) else value
        assert (name in cloud) != (given in asked), name


def test_a_request_that_names_nothing_is_told_nothing() -> None:
    plain = StartModelTraining.model_validate({"dataProcessingJobId": "dp", "trainModelS3Location": "s3://lab/out"})
    assert without_effect(plain, chosen=False) == []
    assert resources_of(plain) == Resources()


def test_every_resource_of_an_endpoint_has_an_effect_or_is_named() -> None:
    named: dict[str, Any] = {
        "instanceType": "ml.m5.large",
        "instanceCount": 3,
        "volumeEncryptionKMSKey": "volume",
        "neptuneIamRoleArn": "arn:aws:iam::000000000000:role/n",
    }
    request = CreateEndpoint.model_validate({"mlModelTrainingJobId": "t", **named})
    (local,) = without_effect(request, chosen=False)
    assert local.startswith(", ".join(named))
    assert without_effect(request, chosen=True) == []
    assert set(named.values()) <= set(dataclasses.asdict(resources_of(request)).values())
    plain = CreateEndpoint.model_validate({"mlModelTrainingJobId": "t", "instanceCount": 1, "device": "cpu"})
    assert without_effect(plain, chosen=False) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [*REQUESTS, (CreateEndpoint, {"mlModelTrainingJobId": "t"})],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_member_that_nobody_knows_is_named_and_kept_with_the_request(kind: type[Any], body: dict[str, Any]) -> None:
    request = kind.model_validate({**body, "targets": ["x"], "foo": {"bar": 1}})
    kept = kind.model_validate(request.to_json())
    assert without_effect(kept, chosen=True)[0] == "targets, foo had no effect: no such member is known"


def test_a_member_that_nobody_knows_is_named_inside_another() -> None:
    custom = {**CUSTOM, "entryPoint": "train.py"}
    request = StartModelTraining.model_validate({**TRAINING, "customModelParameters": custom})
    (said,) = without_effect(request, chosen=True)
    assert said == "customModelTrainingParameters.entryPoint had no effect: no such member is known"


TRAINING = {"dataProcessingJobId": "dp", "trainModelS3Location": "s3://lab/out"}
CUSTOM = {"sourceS3DirectoryPath": "s3://lab/code"}


@pytest.mark.parametrize(
    ("kind", "body", "sentence"),
    [
        (StartModelTraining, {**TRAINING, "maxWaitTime": 9}, "maxWaitTime had no effect without"),
        (
            StartModelTraining,
            {**TRAINING, "modelName": "rgcn", "customModelTrainingParameters": CUSTOM},
            "modelName 'rgcn' had no effect: customModelTrainingParameters",
        ),
        (
            StartModelTraining,
            {**TRAINING, "device": "cpu", "customModelTrainingParameters": CUSTOM},
            "device had no effect: the scripts of a custom model",
        ),
        (
            StartModelTraining,
            {**TRAINING, "maxHPONumberOfTrainingJobs": 3, "maxHPOParallelTrainingJobs": 4},
            "maxHPOParallelTrainingJobs 4 counts as 3",
        ),
        (
            StartModelTransform,
            {
                "dataProcessingJobId": "dp",
                "mlModelTrainingJobId": "t",
                "modelTransformOutputS3Location": "s3://lab/out",
                "device": "cpu",
                "customModelTransformParameters": CUSTOM,
            },
            "device had no effect: the scripts of a custom model",
        ),
        (CreateEndpoint, {"mlModelTrainingJobId": "t", "modelName": "rgcn"}, "modelName had no effect: an endpoint"),
    ],
)
def test_what_another_member_leaves_without_effect_is_named(
    kind: type[Any], body: dict[str, Any], sentence: str
) -> None:
    (said,) = without_effect(kind.model_validate(body), chosen=True)
    assert sentence in said


# what a member is without being a machine, a network or a key: where it is read
READ_ELSEWHERE: dict[type[Any], set[str]] = {
    StartDataProcessing: {
        "id", "inputDataS3Location", "processedDataS3Location", "previousDataProcessingJobId",
        "processingTimeOutInSeconds", "modelType", "configFileName",
    },
    StartModelTraining: {
        "id", "dataProcessingJobId", "trainModelS3Location", "previousModelTrainingJobId", "modelName",
        "trainingInstanceCount", "trainingTimeOutInSeconds", "maxHPONumberOfTrainingJobs", "maxHPOParallelTrainingJobs",
        "maxHPOTimeInSeconds", "device", "custom",
    },
    StartModelTransform: {
        "id", "dataProcessingJobId", "mlModelTrainingJobId", "trainingJobName", "modelTransformOutputS3Location",
        "customModelTransformParameters", "device",
    },
    CreateEndpoint: {"id", "mlModelTrainingJobId", "mlModelTransformJobId", "update", "device"},
}  # fmt: skip


@pytest.mark.parametrize("kind", READ_ELSEWHERE)
def test_no_member_of_a_request_is_forgotten_here(kind: type[Any]) -> None:
    known = {str(field.alias or name) for name, field in kind.model_fields.items()}
    named = {name for other, body in REQUESTS if other is kind for name in body} | {*EVERYTHING}
    if kind is CreateEndpoint:
        named = {"instanceType", "instanceCount", "volumeEncryptionKMSKey", "neptuneIamRoleArn", "modelName"}
    assert known == (READ_ELSEWHERE[kind] | named)
