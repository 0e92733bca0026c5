"""The functions of the published notebooks' helper, as far as they need no service."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest

from workflow.errors import UnsupportedOperation
from workflow.notebook import neptune_ml_utils

# what the published notebooks for property graphs call, with the names of its arguments
PUBLISHED = {
    "check_ml_enabled": [],
    "delete_endpoint": ["training_job_name", "neptune_iam_role_arn"],
    "get_dataprocessing_job_output_location": ["dataprocessing_job_name"],
    "get_embeddings": ["training_job_name", "download_location"],
    "get_export_service_host": [],
    "get_host": [],
    "get_iam": [],
    "get_modeltraining_job_output_location": ["training_job_name"],
    "get_neptune_ml_job_output_location": ["job_name", "job_type"],
    "get_node_to_idx_mapping": [
        *("training_job_name", "dataprocessing_job_name", "model_artifacts_location", "vertex_label"),
    ],
    "get_performance_metrics": ["training_job_name", "download_location"],
    "get_predictions": ["training_job_name", "download_location", "class_preds"],
    "get_training_job_name": ["prefix"],
    "prepare_movielens_data": ["s3_bucket_uri"],
}


def test_the_published_functions_are_there_with_their_arguments() -> None:
    ours = {name: list(inspect.signature(getattr(neptune_ml_utils, name)).parameters) for name in PUBLISHED}
    assert ours == PUBLISHED


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:8182", "127.0.0.1:8182/v1 --export-no-ssl"),
        ("https://graph.example:8182", "graph.example:8182/v1"),
    ],
)
def test_the_export_host_says_whether_it_has_tls(monkeypatch: pytest.MonkeyPatch, url: str, told: str) -> None:
    monkeypatch.setenv("DESPINA_URL", url)
    assert neptune_ml_utils.get_export_service_host() == told
    assert neptune_ml_utils.get_host() == told.partition(":")[0]
    assert neptune_ml_utils.get_iam() is False


def test_a_job_name_is_its_prefix_and_the_time() -> None:
    assert re.fullmatch(r"link-prediction-\d{10}", neptune_ml_utils.get_training_job_name("link-prediction"))


@pytest.mark.parametrize(
    "name", ["setup_pretrained_endpoints", "delete_pretrained_endpoints", "delete_pretrained_data"]
)
def test_pretrained_models_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedOperation, match="train a model of your own"):
        getattr(neptune_ml_utils, name)("s3://lab", True)
    with pytest.raises(UnsupportedOperation, match="notebook 02"):
        neptune_ml_utils.prepare_movielens_data("s3://lab")


def test_predictions_are_scores_or_the_likeliest_class(monkeypatch: pytest.MonkeyPatch) -> None:
    class Model:
        def array(self, name: str) -> np.ndarray:
            return {"predictions": np.array([[0.2, 0.8], [0.7, 0.3]], dtype=np.float32)}[name]

    monkeypatch.setattr(neptune_ml_utils, "_model", lambda name: Model())
    assert neptune_ml_utils.get_predictions("job").shape == (2, 2)
    assert neptune_ml_utils.get_predictions("job", class_preds=True).tolist() == [1, 0]
