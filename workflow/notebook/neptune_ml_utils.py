"""The helper functions of the Neptune ML notebooks under their own names, against any address.

The published helper signs with AWS credentials, insists on https and unpickles what it downloads; these functions ask
the service that ``DESPINA_URL`` (or ``connect``) names and read plain arrays and JSON.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any
from urllib.parse import urlsplit

from training_scripts.graph_ml.schemas import Manifest
from training_scripts.graph_ml.schemas.files import MANIFEST
from workflow.client.connection import DEFAULT_URL, Connection
from workflow.client.job import Stage
from workflow.client.predictions.artefacts import ModelArtefacts, ids_in
from workflow.client.workflow import Workflow
from workflow.errors import InvalidParameter, UnsupportedOperation, WorkflowError
from workflow.storage.uri import S3Uri

STAGE_OF: dict[str, Stage] = {
    "dataprocessing": "dataprocessing",
    "modeltraining": "modeltraining",
    "modeltransform": "modeltransform",
}


def connect(url: str | None = None) -> Workflow:
    """The client all functions here use: of ``url``, else of ``DESPINA_URL``."""
    return Workflow(Connection(url or os.environ.get("DESPINA_URL", DEFAULT_URL)))


def get_host() -> str:
    """Name or address of the service."""
    return urlsplit(connect().connection.url).hostname or "localhost"


def get_iam() -> bool:
    """Whether requests are to be signed."""
    return connect().connection.sign


def get_training_job_name(prefix: str) -> str:
    """An id that no job has yet: the prefix and the seconds since 1970."""
    return f"{prefix}-{int(time.time())}"


def get_export_service_host() -> str:
    """What the notebooks put behind ``--export-url``; of a service without TLS the option that says so follows."""
    parts = urlsplit(connect().connection.url)
    return f"{parts.netloc}/v1" + ("" if parts.scheme == "https" else " --export-no-ssl")


def check_ml_enabled() -> bool:
    """Whether the service answers the ML operations."""
    try:
        connect().connection.call("list_ml_model_training_jobs", maxItems=1)
    except WorkflowError:
        return False
    return True


def delete_endpoint(training_job_name: str, neptune_iam_role_arn: str | None = None) -> str:
    """Delete the endpoint of that id; returns the status the service answers."""
    answer = connect().connection.call(
        "delete_ml_endpoint", id=training_job_name, neptuneIamRoleArn=neptune_iam_role_arn
    )
    return str(answer.get("status"))


def get_neptune_ml_job_output_location(job_name: str, job_type: str) -> str:
    """Where a completed job's artefacts lie.

    Args:
        job_name: its id.
        job_type: ``dataprocessing``, ``modeltraining`` or ``modeltransform``.
    """
    if job_type not in STAGE_OF:
        raise InvalidParameter(f"{job_type!r} is no kind of job; take one of: {', '.join(STAGE_OF)}.")
    job = connect().status(STAGE_OF[job_type], job_name)
    if job.status != "Completed" or job.output is None:
        raise InvalidParameter(f"{job_type} job {job_name!r} is {job.status}; wait until it is Completed.")
    return job.output


def get_dataprocessing_job_output_location(dataprocessing_job_name: str) -> str:
    """Where the processed graph of a completed job lies."""
    return get_neptune_ml_job_output_location(dataprocessing_job_name, "dataprocessing")


def get_modeltraining_job_output_location(training_job_name: str) -> str:
    """Where the best model of a completed job lies."""
    return get_neptune_ml_job_output_location(training_job_name, "modeltraining")


def get_node_to_idx_mapping(
    training_job_name: str | None = None,
    dataprocessing_job_name: str | None = None,
    model_artifacts_location: str | None = None,
    vertex_label: str | None = None,
) -> dict[str, Any]:
    """Vertex id to row: of one label, or a mapping a label. Nothing is downloaded, here and below."""
    workflow = connect()
    if training_job_name is not None:
        model = _model(training_job_name)
        location, files = model.place, model.id_files()
    elif dataprocessing_job_name is not None:
        location = _location(dataprocessing_job_name, "dataprocessing")
        manifest = Manifest.model_validate_json(workflow.storage.read(location / MANIFEST))
        files = {entry.name: location / entry.ids for entry in manifest.node_types}
    else:
        raise InvalidParameter("Name a training job or a data-processing job.")
    if vertex_label is not None and vertex_label not in files:
        raise InvalidParameter(f"{vertex_label!r} is no vertex label of {location}; there are: {', '.join(files)}.")
    wanted = files if vertex_label is None else {vertex_label: files[vertex_label]}
    mapping = {
        name: {id: row for row, id in enumerate(ids_in(workflow.storage, file))} for name, file in wanted.items()
    }
    return mapping if vertex_label is None else mapping[vertex_label]


def get_embeddings(training_job_name: str, download_location: str | None = None) -> Any:
    """Embeddings of the vertices, float32 (n, d): all labels one after the other, in the order of the mapping."""
    return _model(training_job_name).array("embeddings")


def get_predictions(training_job_name: str, download_location: str | None = None, class_preds: bool = False) -> Any:
    """What a model of a vertex property says of every vertex of its label, (n, classes) or (n, 1), float32.

    With ``class_preds`` the index of the likeliest class, (n,). The order of rows is that of the mapping.
    """
    scores = _model(training_job_name).array("predictions")
    return scores.argmax(axis=1) if class_preds else scores


def get_performance_metrics(training_job_name: str, download_location: str | None = None) -> dict[str, Any]:
    """Validation metrics of the best model."""
    location = _location(training_job_name, "modeltraining")
    return dict(json.loads(connect().storage.read(location / "eval_metrics_info.json")))


def setup_pretrained_endpoints(*_: Any, **__: Any) -> None:
    """Not offered: the published models are SageMaker archives of another program. Train in minutes instead."""
    raise UnsupportedOperation(
        "Pretrained SageMaker endpoints cannot run here; train a model of your own, see notebook 01."
    )


delete_pretrained_data = delete_pretrained_endpoints = setup_pretrained_endpoints


def prepare_movielens_data(s3_bucket_uri: str) -> str:
    """Not offered: MovieLens may not be handed on, and nothing is fetched from the network."""
    raise UnsupportedOperation(
        "MovieLens is not part of Despina; notebook 02 makes data like it, or put its CSV files into the bucket."
    )


def _location(job_name: str, job_type: str) -> S3Uri:
    return S3Uri.parse(get_neptune_ml_job_output_location(job_name, job_type))


def _model(training_job_name: str) -> ModelArtefacts:
    return ModelArtefacts(connect().storage, _location(training_job_name, "modeltraining"))
