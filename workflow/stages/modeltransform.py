"""Model transform: an existing model over newer data, its weights as they are, its embeddings and ids fresh."""

from __future__ import annotations

from collections.abc import Mapping

from workflow.api.requests import DAY_S, StartModelTransform
from workflow.errors import UnsupportedOperation
from workflow.runners.base import Task
from workflow.stages.base import Finished
from workflow.storage import S3Uri


def check_supported(request: StartModelTransform) -> None:
    """Raises UnsupportedOperation for what only runs on SageMaker."""
    if request.custom is not None:
        raise UnsupportedOperation(
            "Custom models are not supported: the service runs its own scripts only, never code a client names. "
            "Leave customModelTransformParameters out."
        )


def plan(request: StartModelTransform, names: Mapping[str, str], processing: Finished, archive: S3Uri) -> Task:
    """The one program to run.

    Args:
        names: of ``layout.job_names``.
        processing: the data to apply the model to.
        archive: ``model.tar.gz`` of the training job, or of the trial the request names.
    """
    return Task(
        name=names["name"],
        script="transform.py",
        inputs={"processing/input": processing.output},
        archives={"processing/model": archive},
        outputs={},
        arguments={},
        timeout_s=DAY_S,
        model_output=S3Uri.parse(names["output"]),
    )
