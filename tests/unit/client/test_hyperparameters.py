"""Hyperparameters that a person sets are what the next training reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workflow.client.hyperparameters import set_hyperparameters
from workflow.client.job import Job
from workflow.errors import BadRequest, InvalidParameter
from workflow.storage.local import LocalStorage
from workflow.storage.uri import S3Uri

OUTPUT = "s3://lab/processed/dp"
DONE = Job("dataprocessing", "dp", "Completed", {"processingJob": {"outputLocation": OUTPUT}})
MODEL = {
    "model": "rgcn",
    "task_type": "link_predict",
    "eval_metric": {"metric": "mrr"},
    "1-tier-param": [{"param": "lr", "type": "float", "range": [0.001, 0.01], "inc_strategy": "log"}],
    "fixed-param": [{"param": "low-mem", "type": "bool", "default": False}],
}


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


@pytest.mark.parametrize("name", ["model-hpo-configuration.json", "model-HPO-configuration.json"])
def test_wishes_are_written_where_training_reads_them(storage: LocalStorage, name: str) -> None:
    storage.write(S3Uri.parse(OUTPUT) / name, json.dumps({"models": [MODEL]}).encode())
    place = set_hyperparameters(storage, DONE, {"lr": [0.01, 0.03], "low-mem": True})
    assert str(place) == f"{OUTPUT}/{name}"
    (written,) = json.loads(storage.read(place))["models"]
    assert written["1-tier-param"] == [{"param": "lr", "type": "float", "options": [0.01, 0.03]}]
    assert written["fixed-param"] == [{"param": "low-mem", "type": "bool", "default": True}]


def test_a_wish_that_means_nothing_changes_nothing(storage: LocalStorage) -> None:
    place = S3Uri.parse(OUTPUT) / "model-hpo-configuration.json"
    storage.write(place, json.dumps({"models": [MODEL]}).encode())
    before = storage.read(place)
    with pytest.raises(InvalidParameter, match="lr=fast cannot be set"):
        set_hyperparameters(storage, DONE, {"low-mem": True, "lr": "fast"})
    assert storage.read(place) == before


@pytest.mark.parametrize("job", [DONE, Job("dataprocessing", "dp", "InProgress")])
def test_before_the_data_is_processed_there_is_nothing_to_set(storage: LocalStorage, job: Job) -> None:
    with pytest.raises(BadRequest, match="when it has completed"):
        set_hyperparameters(storage, job, {"lr": "0.1"})
