"""Whatever a request names of machines, networks and keys reaches the runner."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.neptune.requests import CreateEndpoint, StartDataProcessing, StartModelTraining, StartModelTransform
from workflow.runners.base import Resources
from workflow.stages.resources import device_argument, resources_of

SECURED: dict[str, Any] = {
    "sagemakerIamRoleArn": "arn:aws:iam::123456789012:role/ml",
    "subnets": ["subnet-1", "subnet-2"],
    "securityGroupIds": ["sg-1"],
    "volumeEncryptionKMSKey": "volume-key",
    "s3OutputEncryptionKMSKey": "output-key",
    "enableInterContainerTrafficEncryption": True,
}
SECURED_RESOURCES: dict[str, Any] = {
    "role": "arn:aws:iam::123456789012:role/ml",
    "subnets": ("subnet-1", "subnet-2"),
    "security_groups": ("sg-1",),
    "volume_key": "volume-key",
    "output_key": "output-key",
    "encrypt_traffic": True,
}


def test_processing_runs_on_what_its_request_names() -> None:
    request = StartDataProcessing.model_validate(
        {
            "inputDataS3Location": "s3://lab/in",
            "processedDataS3Location": "s3://lab/out",
            "processingInstanceType": "ml.r5.xlarge",
            "processingInstanceVolumeSizeInGB": 50,
            **SECURED,
        }
    )
    assert resources_of(request) == Resources("ml.r5.xlarge", volume_gb=50, **SECURED_RESOURCES)


def test_trials_run_on_what_the_training_request_names() -> None:
    request = StartModelTraining.model_validate(
        {
            "dataProcessingJobId": "d",
            "trainModelS3Location": "s3://lab/out",
            "baseProcessingInstanceType": "ml.m5.large",
            "trainingInstanceType": "ml.p3.2xlarge",
            "trainingInstanceCount": 4,
            "trainingInstanceVolumeSizeInGB": 70,
            "enableManagedSpotTraining": True,
            "maxWaitTime": 7200,
            **SECURED,
        }
    )
    assert resources_of(request) == Resources(
        "ml.p3.2xlarge", 4, volume_gb=70, spot=True, max_wait_s=7200, **SECURED_RESOURCES
    )


def test_a_transform_runs_on_what_its_request_names() -> None:
    request = StartModelTransform.model_validate(
        {
            "dataProcessingJobId": "d",
            "mlModelTrainingJobId": "t",
            "modelTransformOutputS3Location": "s3://lab/out",
            "baseProcessingInstanceType": "ml.m5.4xlarge",
            "baseProcessingInstanceVolumeSizeInGB": 30,
            **SECURED,
        }
    )
    assert resources_of(request) == Resources("ml.m5.4xlarge", volume_gb=30, **SECURED_RESOURCES)


def test_an_endpoint_runs_on_what_its_request_names() -> None:
    request = CreateEndpoint.model_validate(
        {
            "mlModelTrainingJobId": "t",
            "instanceType": "ml.m5.large",
            "instanceCount": 3,
            "volumeEncryptionKMSKey": "volume-key",
            "neptuneIamRoleArn": "arn:aws:iam::123456789012:role/neptune",
        }
    )
    assert resources_of(request) == Resources(
        "ml.m5.large", instance_count=3, volume_key="volume-key", role="arn:aws:iam::123456789012:role/neptune"
    )


# members that say what is to be done, not on what; each other member must change the resources
_NOT_RESOURCES = {
    *("id", "input_location", "output_location", "previous_id", "processing_id", "training_id", "transform_id"),
    *("model_type", "config_file", "model_name", "max_trials", "max_parallel", "custom", "update"),
    *("training_job_name", "timeout_s", "budget_s"),
    "base_instance_type",  # of a training request: see without_effect
    "neptune_role",  # of jobs: the role of the database; SageMaker's is another member
}


@pytest.mark.parametrize("model", [StartDataProcessing, StartModelTraining, StartModelTransform])
def test_every_member_of_a_request_is_a_resource_or_known_to_be_none(model: Any) -> None:
    resources = set(Resources.__dataclass_fields__) | {"sagemaker_role"}
    assert {name for name in model.model_fields if name not in _NOT_RESOURCES} <= resources


def test_a_job_is_told_its_device_where_the_request_names_one() -> None:
    assert device_argument(Resources(device="cuda:1")) == {"device": "cuda:1"}
    assert device_argument(Resources()) == {}
