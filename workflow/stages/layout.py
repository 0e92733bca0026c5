"""What the resources of a job are called and where its output lies, in the forms Neptune ML uses.

Source: names seen in real outputs, such as ``link-pre-preloading-2022-07-14-18-52-6520000`` for the id
``link-prediction-1657824725``: eight characters of the id, a UTC time, milliseconds padded to seven digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from workflow.neptune import Kind
from workflow.storage import S3Uri

Resource = Literal[
    "processing-job", "hyper-parameter-tuning-job", "training-job", "model", "endpoint", "endpoint-config"
]

PREFIX_LENGTH = 8
PROCESSING_OUTPUT = "preloading-output"
TRAINING_OUTPUT = "autotrainer-output"
TRIALS_OUTPUT = "hpo-output"
TRANSFORM_OUTPUT = "transform-output"


def timestamp(created_ms: int) -> str:
    """``2022-07-14-18-52-6520000``: the day, hour and minute, then the milliseconds of the second."""
    moment = datetime.fromtimestamp(created_ms / 1000, UTC)
    return f"{moment:%Y-%m-%d-%H-%M}-{moment.microsecond // 1000:03d}0000"


def short(job_id: str) -> str:
    """The part of an id that goes into names; names must not end a word with a hyphen."""
    return job_id[:PREFIX_LENGTH].rstrip("-") or "job"


def job_names(kind: Kind, job_id: str, created_ms: int, output: str | None = None) -> dict[str, str]:
    """The names of a job's resources and the addresses of its output.

    Args:
        output: the base address of the request; none for endpoints.

    Returns ``name``, ``output`` (but for endpoints), for training also ``hpo``, ``work`` and ``trials``, for endpoints
    ``config``.
    """
    stamp, first = timestamp(created_ms), short(job_id)
    base = S3Uri.parse(output) if output is not None else None
    match kind:
        case "dataprocessing":
            name = f"{first}-preloading-{stamp}"
            return {"name": name, **_place("output", base, name, PROCESSING_OUTPUT)}
        case "modeltraining":
            name = f"{first}-autotrainer-{stamp}"
            moment = datetime.fromtimestamp(created_ms / 1000, UTC)
            return {
                "name": name,
                "hpo": f"{first}-neptune-ml-{moment:%y%m%d-%H%M}",
                # the working folder: unlike the tuning job's name, never the same for two jobs of one minute
                "work": f"{name}-hpo",
                **_place("output", base, name, TRAINING_OUTPUT),
                **_place("trials", base, name, TRIALS_OUTPUT),
            }
        case "modeltransform":
            name = f"{first}-transform-{stamp}"
            return {"name": name, **_place("output", base, name, TRANSFORM_OUTPUT)}
        case "endpoints":
            return {"name": f"{first}-{stamp}-endpoint", "config": f"{first}-{stamp}-endpointconfig"}


def _place(key: str, base: S3Uri | None, *parts: str) -> Mapping[str, str]:
    return {key: str(base / "/".join(parts))} if base is not None else {}


def arn(region: str, account: str, resource: Resource, name: str) -> str:
    """A SageMaker ARN."""
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"arn:{partition}:sagemaker:{region}:{account}:{resource}/{name}"


def resource_arn(region: str, account: str, kind: Kind, job_id: str) -> str:
    """The ARN of a Neptune ML resource; its form is not published, this one is ours."""
    return f"arn:aws:neptune-db:{region}:{account}:ml/{kind}/{job_id}"


def default_id(kind: Kind, created_ms: int, random: str) -> str:
    """The id of a request that brought none: a time-based name for an endpoint, a UUID for anything else."""
    if kind == "endpoints":
        return f"{timestamp(created_ms)}-{sha256(random.encode()).hexdigest()[:6]}"
    return random
