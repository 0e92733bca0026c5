"""Data processing: an export becomes a graph, features, labels and splits."""

from __future__ import annotations

from collections.abc import Mapping

from workflow.neptune.requests import StartDataProcessing
from workflow.runners.base import Task
from workflow.stages.base import Finished
from workflow.stages.resources import resources_of
from workflow.storage import S3Uri

# what is processed when the request leaves it open; see ``modelType`` on machine-learning-api-dataprocessing
DEFAULT_MODEL_TYPE = "heterogeneous"


def plan(request: StartDataProcessing, names: Mapping[str, str], previous: Finished | None, seed: int) -> Task:
    """The one program to run.

    Args:
        names: of ``layout.job_names``.
        previous: the job whose encodings and id maps are kept, which the request names.
    """
    inputs = {"processing/input": S3Uri.parse(request.input_location)}
    model_type = request.model_type or DEFAULT_MODEL_TYPE
    if previous is not None:
        inputs["processing/previous"] = previous.output
        model_type = request.model_type or str(previous.request.get("modelType") or DEFAULT_MODEL_TYPE)
    return Task(
        name=names["name"],
        script="process.py",
        inputs=inputs,
        outputs={"processing/output": S3Uri.parse(names["output"])},
        arguments={
            "config-file-name": request.config_file,
            "model-type": model_type,
            "seed": str(seed),
        },
        timeout_s=request.timeout_s,
        resources=resources_of(request),
    )
