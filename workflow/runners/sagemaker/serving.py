"""What is asked of SageMaker to serve a model: an archive and an account become requests."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from workflow.runners.base import Resources
from workflow.runners.sagemaker.account import Account
from workflow.runners.sagemaker.plans import Request, vpc
from workflow.storage import S3Uri

VARIANT = "AllTraffic"


def deployment_name(name: str, archive: S3Uri, resources: Resources) -> str:
    """The name of the model and the configuration of a deployment: equal deployments share it."""
    content = (
        f"{archive} {resources.instance_type} {resources.instance_count} {resources.volume_key}{resources.device or ''}"
    )
    return f"{name[:54].rstrip('-')}-{sha256(content.encode()).hexdigest()[:8]}"


def model_request(handle: str, archive: S3Uri, resources: Resources, account: Account) -> Request:
    """``CreateModel``."""
    return {
        "ModelName": handle,
        "PrimaryContainer": {
            "Image": account.serving_image_uri(),
            "ModelDataUrl": str(archive),
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
                **({} if resources.device is None else {"DESPINA_DEVICE": resources.device}),
            },
        },
        "ExecutionRoleArn": account.role_arn(resources),
        **vpc(resources, account),
        "Tags": account.tag_list(),
    }


def config_request(handle: str, resources: Resources, account: Account) -> Request:
    """``CreateEndpointConfig``."""
    return {
        "EndpointConfigName": handle,
        "ProductionVariants": [
            {
                "VariantName": VARIANT,
                "ModelName": handle,
                "InitialInstanceCount": resources.instance_count,
                "InstanceType": resources.instance_type or account.hosting_type,
                "InitialVariantWeight": 1.0,
            }
        ],
        **({"KmsKeyId": resources.volume_key} if resources.volume_key else {}),
        "Tags": account.tag_list(),
    }


def endpoint_request(name: str, handle: str, account: Account) -> Request:
    """``CreateEndpoint``."""
    return {"EndpointName": name, "EndpointConfigName": handle, "Tags": account.tag_list()}


@dataclass(frozen=True)
class BatchTransform:
    """Questions in S3 that a model answers, each line of each object a question, without an endpoint.

    Attributes:
        name: of the transform job and of the model that is made for it.
        archive: ``model.tar.gz``.
        source: the prefix of the questions.
        output: answers go there, each beside the name of its question with ``.out``.
        timeout_s: of a single question.
    """

    name: str
    archive: S3Uri
    source: S3Uri
    output: S3Uri
    resources: Resources
    content_type: str = "application/json"
    timeout_s: int = 600


def transform_request(batch: BatchTransform, account: Account) -> Request:
    """``CreateTransformJob``."""
    resources = batch.resources
    source = {"S3DataType": "S3Prefix", "S3Uri": str(batch.source)}
    key = {"KmsKeyId": resources.output_key} if resources.output_key else {}
    volume = {"VolumeKmsKeyId": resources.volume_key} if resources.volume_key else {}
    return {
        "TransformJobName": batch.name,
        "ModelName": batch.name,
        "BatchStrategy": "SingleRecord",
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": batch.timeout_s, "InvocationsMaxRetries": 1},
        "TransformInput": {
            "DataSource": {"S3DataSource": source},
            "ContentType": batch.content_type,
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": str(batch.output),
            "Accept": "application/json",
            "AssembleWith": "Line",
            **key,
        },
        "TransformResources": {
            "InstanceType": resources.instance_type or account.hosting_type,
            "InstanceCount": resources.instance_count,
            **volume,
        },
        "Tags": account.tag_list(),
    }
