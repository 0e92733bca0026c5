"""The helper functions of the Neptune ML notebooks under their own names, against any address.

The published helper signs with AWS credentials, insists on https and unpickles what it downloads; these functions ask
the service that ``DESPINA_URL`` (or ``connect``) names and read plain arrays and JSON.
"""

from __future__ import annotations

import io
import json
import os
from typing import Any

import numpy as np

from workflow.client.connection import DEFAULT_URL, Connection
from workflow.client.workflow import Stage, Workflow
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


def get_node_to_idx_mapping(
    training_job_name: str | None = None, dataprocessing_job_name: str | None = None, vertex_label: str | None = None
) -> dict[str, Any]:
    """Vertex id to row of the embeddings: of one label, or a mapping a label."""
    location = _location(training_job_name, dataprocessing_job_name)
    mapping: dict[str, dict[str, int]] = {
        name: {id: row for row, id in enumerate(ids)} for name, ids in _node_ids(location).items()
    }
    return mapping if vertex_label is None else mapping[vertex_label]


def get_embeddings(training_job_name: str, download_location: str | None = None) -> Any:
    """Embeddings of the vertices, float32 (n, d); all node types one after the other, in the order of the mapping."""
    return _array(_location(training_job_name, None) / "embeddings" / "entity.npy")


def get_predictions(training_job_name: str, download_location: str | None = None, class_preds: bool = False) -> Any:
    """Scores for every vertex, (n, classes) or (n,); with ``class_preds`` the class indices."""
    data = connect().storage.read(_location(training_job_name, None) / "predictions" / "result.npz")
    scores = np.load(io.BytesIO(data), allow_pickle=False)["infer_scores"]
    return scores.argmax(axis=1) if class_preds else scores


def get_performance_metrics(training_job_name: str, download_location: str | None = None) -> dict[str, Any]:
    """Validation metrics of the best model."""
    return dict(json.loads(connect().storage.read(_location(training_job_name, None) / "eval_metrics_info.json")))


def setup_pretrained_endpoints(*_: Any, **__: Any) -> None:
    """Not offered: the published models are SageMaker archives of another program. Train in minutes instead."""
    raise UnsupportedOperation(
        "Pretrained SageMaker endpoints cannot run here; train a model of your own, see notebook 01."
    )


def _location(training: str | None, processing: str | None) -> S3Uri:
    if training is not None:
        return S3Uri.parse(get_neptune_ml_job_output_location(training, "modeltraining"))
    if processing is not None:
        return S3Uri.parse(get_neptune_ml_job_output_location(processing, "dataprocessing"))
    raise InvalidParameter("Name a training job or a data-processing job.")


def _array(uri: S3Uri) -> Any:
    return np.load(io.BytesIO(connect().storage.read(uri)), allow_pickle=False)


def _node_ids(location: S3Uri) -> dict[str, list[str]]:
    """Ids of every node type in row order, from the Parquet files of the artefacts."""
    import pandas as pd

    storage = connect().storage
    found: dict[str, list[str]] = {}
    for item in storage.list(location / "ids"):
        name = str(item.uri).rsplit("/", 1)[-1]
        if name.endswith(".parquet"):
            frame = pd.read_parquet(io.BytesIO(storage.read(item.uri)))
            found[name.removesuffix(".parquet")] = frame.iloc[:, 0].astype(str).tolist()
    return found
