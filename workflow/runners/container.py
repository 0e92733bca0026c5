"""The folders and variables a job finds, as SageMaker lays them out below ``/opt/ml``, here below any base folder.

Source: SageMaker developer guide, "How Amazon SageMaker provides training information" and its processing counterpart.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HOST = "algo-1"


def prepare_training(
    base: Path, name: str, channel: Path | None, hyperparameters: Mapping[str, str], region: str
) -> dict[str, str]:
    """Lay out a training container.

    Args:
        base: stands for ``/opt/ml``; ``checkpoints`` in it is kept, the rest begins empty.
        channel: what the channel ``train`` shows, linked, not copied; None where the caller fills it.
        hyperparameters: every value a text.

    Returns the variables the container's toolkit would set.
    """
    _begin(base, "input/config", "input/data", "model", "output/data", "checkpoints")
    train = base / "input" / "data" / "train"
    if channel is not None:
        train.symlink_to(channel, target_is_directory=True)
    _write(base / "input/config/hyperparameters.json", dict(hyperparameters))
    _write(
        base / "input/config/inputdataconfig.json",
        {"train": {"TrainingInputMode": "File", "S3DistributionType": "FullyReplicated", "RecordWrapperType": "None"}},
    )
    _write(base / "input/config/resourceconfig.json", _resources())
    return {
        **_common(base, region),
        "TRAINING_JOB_NAME": name,
        "SM_CHANNELS": '["train"]',
        "SM_CHANNEL_TRAIN": str(train),
        "SM_MODEL_DIR": str(base / "model"),
        "SM_OUTPUT_DIR": str(base / "output"),
        "SM_OUTPUT_DATA_DIR": str(base / "output" / "data"),
        "SM_INPUT_DIR": str(base / "input"),
        "SM_HPS": json.dumps(dict(hyperparameters), sort_keys=True),
        "SM_HOSTS": json.dumps([HOST]),
        "SM_CURRENT_HOST": HOST,
        "SM_NUM_CPUS": str(os.cpu_count() or 1),
    }


def prepare_processing(
    base: Path, name: str, inputs: Mapping[str, Path], outputs: Mapping[str, str], arguments: list[str], region: str
) -> dict[str, str]:
    """Lay out a processing container.

    Args:
        inputs: folder below the base to what it shows, linked, not copied.
        outputs: folder below the base to the address it will be uploaded to; each exists before the start.
        arguments: of the program, for the record.
    """
    _begin(base, "config", "output", *outputs)
    for place, source in inputs.items():
        target = base / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source, target_is_directory=True)
    job = {
        "ProcessingJobName": name,
        "AppSpecification": {"ContainerArguments": arguments},
        "ProcessingInputs": [{"InputName": place.rpartition("/")[2]} for place in inputs],
        "ProcessingOutputConfig": {
            "Outputs": [
                {"OutputName": place.rpartition("/")[2], "S3Output": {"S3Uri": uri, "S3UploadMode": "EndOfJob"}}
                for place, uri in outputs.items()
            ]
        },
    }
    _write(base / "config/processingjobconfig.json", job)
    _write(base / "config/resourceconfig.json", _resources())
    return _common(base, region)


def _begin(base: Path, *folders: str) -> None:
    for child in base.iterdir() if base.exists() else ():
        if child.name == "checkpoints":
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()
    for folder in folders:
        (base / folder).mkdir(parents=True, exist_ok=True)


def _resources() -> dict[str, Any]:
    return {
        "current_host": HOST,
        "hosts": [HOST],
        "network_interface_name": "lo",
        "current_instance_type": "local",
        "current_group_name": "homogeneousCluster",
        "instance_groups": [{"instance_group_name": "homogeneousCluster", "instance_type": "local", "hosts": [HOST]}],
    }


def _common(base: Path, region: str) -> dict[str, str]:
    return {
        "SAGEMAKER_BASE_DIR": str(base),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "PYTHONUNBUFFERED": "1",
        "PYTHONHASHSEED": "0",
        "DGLBACKEND": "pytorch",
    }


def _write(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")
