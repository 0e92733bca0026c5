"""Custom models: whose scripts may be run, and what a job over them is given.

Source: user guide, machine-learning-custom-models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from training_scripts.graph_ml.schemas import files
from workflow.errors import BadRequest, MissingParameter, UnsupportedOperation
from workflow.neptune.requests import CustomTraining, CustomTransform, StartModelTraining
from workflow.storage import S3Uri

SCRIPT = "custom.py"  # of the training scripts: it runs those of the model
CONFIGURATION = files.HPO_CONFIGURATION
CODE_FOLDER = "processing/code"


def source_of(custom: CustomTraining | CustomTransform, allowed: Sequence[S3Uri]) -> S3Uri:
    """The folder of a custom model's scripts.

    Args:
        allowed: below which addresses the operator lets clients' scripts be run.

    Raises UnsupportedOperation for any other place.
    """
    source = S3Uri.parse(custom.source)
    if any(source.is_below(prefix) for prefix in allowed):
        return source
    below = f", below {', '.join(map(str, allowed))}" if allowed else ""
    raise UnsupportedOperation(
        "Custom models run the code that a client names. This service does so only where its operator says so with "
        f"DESPINA_CUSTOM_CODE{below}, and {source} is not there. Leave customModelTrainingParameters and "
        "customModelTransformParameters out to use one of the service's own models."
    )


def check_request(request: StartModelTraining) -> None:
    """Raises MissingParameter where ``modelName`` says custom and nothing says whose scripts."""
    if request.custom is None and request.model_name == "custom":
        raise MissingParameter(
            "modelName custom needs customModelTrainingParameters with the sourceS3DirectoryPath of its scripts."
        )


def check_folder(source: S3Uri, names: Sequence[str], exists: Callable[[S3Uri], bool]) -> None:
    """Raises BadRequest where the folder lacks one of these files."""
    missing = [name for name in names if not exists(source / name)]
    if missing:
        raise BadRequest(
            "Invalid S3 URL or incorrect S3 permissions. Please check your S3 configuration. The custom model at "
            f"{source} has no {', '.join(missing)}; upload it, or name another with trainingEntryPointScript or "
            "transformEntryPointScript"
        )


def training_files(custom: CustomTraining) -> tuple[str, ...]:
    """What the folder of a custom model must hold to be trained."""
    return (CONFIGURATION, custom.training_script, custom.transform_script)


def training_arguments(custom: CustomTraining) -> Mapping[str, str]:
    """The arguments of ``custom.py`` for a trial, without the hyperparameters."""
    return {"_training-script": custom.training_script, "_transform-script": custom.transform_script}


def transform_arguments(custom: CustomTransform) -> Mapping[str, str]:
    """The arguments of ``custom.py`` for a transform."""
    return {"_transform-script": custom.transform_script}
