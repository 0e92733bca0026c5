"""What is asked of SageMaker, as pure functions: a task or a trial and an account become a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workflow.runners.base import Resources, Task, Tuning
from workflow.runners.sagemaker.account import Account
from workflow.storage import S3Uri
from workflow.tuning.results import Trial

Request = dict[str, Any]

ROOT = "/opt/ml"
SCRIPTS = f"{ROOT}/processing/scripts"
MODEL = "processing/output"
# unpacks the archive that is its first argument beside itself, then becomes the program that follows
UNPACK = (
    "import os,sys,tarfile as t;a=sys.argv[1:];t.open(a[0]).extractall(os.path.dirname(a[0]),filter='data');"
    "os.remove(a[0]);os.execvp(a[1],a[1:])"
)
INSTALL = 'python3 -m pip install --quiet -r "$0" && exec "$@"'
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "PYTHONHASHSEED": "0", "DGLBACKEND": "pytorch"}
MOST_RUNTIME_S = 777_600


@dataclass(frozen=True)
class Code:
    """The training scripts as they lie in S3: a folder, and the same as ``sourcedir.tar.gz``."""

    folder: S3Uri
    archive: S3Uri


def processing_request(task: Task, account: Account, code: Code, model: S3Uri | None) -> Request:
    """``CreateProcessingJob`` of a task.

    Args:
        model: where the content of ``processing/output`` goes until it is published; None where it is no model.
    """
    resources = task.resources
    command = ["python3", f"{SCRIPTS}/{task.script}"]
    for place, uri in task.archives.items():
        command = ["python3", "-c", UNPACK, f"{ROOT}/{place}/{uri.name}", *command]
    if account.requirements is not None:  # the training toolkit installs them for training jobs alone
        command = ["/bin/sh", "-c", INSTALL, f"{SCRIPTS}/requirements.txt", *command]
    inputs = [("scripts", SCRIPTS, code.folder)]
    inputs += [(place, f"{ROOT}/{place}", uri) for place, uri in (*task.inputs.items(), *task.archives.items())]
    outputs = [(place, uri) for place, uri in task.outputs.items()]
    if model is not None:
        outputs.append((MODEL, model))
    cluster: Request = {
        "InstanceCount": resources.instance_count,
        "InstanceType": resources.instance_type or account.processing_type,
        "VolumeSizeInGB": resources.volume_gb or account.volume_gb,
        **_if("VolumeKmsKeyId", resources.volume_key),
    }
    network: Request = {
        **_if("EnableInterContainerTrafficEncryption", resources.encrypt_traffic),
        **vpc(resources, account),
    }
    return {
        "ProcessingJobName": task.name,
        "RoleArn": account.role_arn(resources),
        "AppSpecification": {
            "ImageUri": account.image_uri(),
            "ContainerEntrypoint": command,
            **_if("ContainerArguments", flags(task.arguments)),
        },
        "Environment": ENVIRONMENT,
        "ProcessingInputs": [
            {
                "InputName": _label(name),
                "S3Input": {
                    "S3Uri": str(uri),
                    "LocalPath": place,
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                    "S3DataDistributionType": "FullyReplicated",
                },
            }
            for name, place, uri in inputs
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": _label(place),
                    "S3Output": {"S3Uri": str(uri), "LocalPath": f"{ROOT}/{place}", "S3UploadMode": "EndOfJob"},
                }
                for place, uri in outputs
            ],
            **_if("KmsKeyId", resources.output_key),
        },
        "ProcessingResources": {"ClusterConfig": cluster},
        "StoppingCondition": {"MaxRuntimeInSeconds": min(task.timeout_s, MOST_RUNTIME_S)},
        **_if("NetworkConfig", network),
        "Tags": account.tag_list(),
    }


def training_request(trial: Trial, tuning: Tuning, account: Account, code: Code) -> Request:
    """``CreateTrainingJob`` of one trial."""
    resources = tuning.resources
    channels = {"train": tuning.channel, **({"code": tuning.code} if tuning.code is not None else {})}
    return {
        "TrainingJobName": trial.name,
        "HyperParameters": {**trial.hyperparameters, **script_mode(tuning.script, code)},
        "AlgorithmSpecification": {
            "TrainingImage": account.image_uri(),
            "TrainingInputMode": "File",
            "MetricDefinitions": [metric_definition(tuning.metric)],
        },
        "RoleArn": account.role_arn(resources),
        "InputDataConfig": [_channel(name, uri) for name, uri in channels.items()],
        "OutputDataConfig": {
            "S3OutputPath": str(tuning.trials_output),
            **_if("KmsKeyId", resources.output_key),
        },
        "ResourceConfig": {
            "InstanceType": resources.instance_type or account.training_type,
            "InstanceCount": resources.instance_count,
            "VolumeSizeInGB": resources.volume_gb or account.volume_gb,
            **_if("VolumeKmsKeyId", resources.volume_key),
        },
        "TensorBoardOutputConfig": {"S3OutputPath": str(tuning.trials_output)},
        "StoppingCondition": stopping(resources, tuning.timeout_s),
        "EnableInterContainerTrafficEncryption": resources.encrypt_traffic,
        "EnableManagedSpotTraining": resources.spot,
        **(_checkpoints(tuning, trial.name) if resources.spot else {}),
        **vpc(resources, account),
        "Environment": ENVIRONMENT,
        "Tags": account.tag_list(),
    }


def script_mode(script: str, code: Code) -> dict[str, str]:
    """The hyperparameters that tell the training toolkit what to run."""
    return {"sagemaker_program": script, "sagemaker_submit_directory": str(code.archive)}


def metric_definition(metric: str) -> dict[str, str]:
    """How the objective is found in the log: ``validation mrr=0.5``."""
    return {"Name": f"validation:{metric}", "Regex": rf"validation[ _]{re.escape(metric)}=([0-9.eE+-]+)"}


def stopping(resources: Resources, timeout_s: int) -> dict[str, int]:
    """How long a training job may run, and with its interruptions wait."""
    told = {"MaxRuntimeInSeconds": timeout_s}
    if resources.spot:
        told["MaxWaitTimeInSeconds"] = max(timeout_s, resources.max_wait_s or timeout_s)
    return told


def vpc(resources: Resources, account: Account) -> Request:
    """The network of a job or a model; nothing where neither its request nor the account names one."""
    subnets, groups = account.network(resources)
    return {"VpcConfig": {"SecurityGroupIds": list(groups), "Subnets": list(subnets)}} if subnets else {}


def flags(arguments: Mapping[str, str]) -> list[str]:
    """``--name value`` for each, in order."""
    return [part for name, value in arguments.items() for part in (f"--{name}", value)]


def _channel(name: str, uri: S3Uri) -> Request:
    source = {"S3DataType": "S3Prefix", "S3Uri": str(uri), "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}


def _checkpoints(tuning: Tuning, name: str) -> Request:
    return {"CheckpointConfig": {"S3Uri": str(tuning.trials_output / name / "checkpoints")}}


def _label(place: str) -> str:
    return place.rpartition("/")[2]


def _if(name: str, value: Any) -> Request:
    """A member that is left out where it says nothing."""
    return {name: value} if value else {}
