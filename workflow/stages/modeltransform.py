"""Model transform: an existing model over newer data, its weights as they are, its embeddings and ids fresh."""

from __future__ import annotations

from collections.abc import Mapping

from workflow.neptune.requests import DAY_S, CustomTransform, StartModelTransform
from workflow.runners.base import Task
from workflow.stages import custom
from workflow.stages.base import Finished
from workflow.stages.resources import device_argument, resources_of
from workflow.storage import S3Uri


def plan(
    request: StartModelTransform,
    names: Mapping[str, str],
    processing: Finished,
    archive: S3Uri,
    own: CustomTransform | None = None,
) -> Task:
    """The one program to run.

    Args:
        names: of ``layout.job_names``.
        processing: the data to apply the model to.
        archive: ``model.tar.gz`` of the training job, or of the trial the request names.
        own: where the scripts of a custom model lie.
    """
    resources = resources_of(request)
    code = {} if own is None else {custom.CODE_FOLDER: S3Uri.parse(own.source)}
    return Task(
        name=names["name"],
        script="transform.py" if own is None else custom.SCRIPT,
        inputs={"processing/input": processing.output, **code},
        archives={"processing/model": archive},
        outputs={},
        arguments=device_argument(resources) if own is None else custom.transform_arguments(own),
        timeout_s=DAY_S,
        model_output=S3Uri.parse(names["output"]),
        resources=resources,
    )
