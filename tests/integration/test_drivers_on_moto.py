"""The drivers speak to moto's SageMaker, which others have written: it takes every request, and is read rightly.

moto runs nothing and completes a job when it is created, so what a job leaves is put there beforehand. It lacks
stopping training, tuning and transform jobs, the trials of a tuning job, updates of endpoints, the instances of a
processing job, and the steps of an execution.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from tests.contracts.runner_contract import LAB, SCRIPTS, processing, put, tuning
from tests.unit.client.test_pipeline_plans import planned
from tests.unit.runners.test_sagemaker_plans import CODE, FULL
from workflow.endpoints.sagemaker import SageMakerEndpointHost
from workflow.runners.base import Control, Resources
from workflow.runners.bundle import pack
from workflow.runners.sagemaker.account import Account, Clients
from workflow.runners.sagemaker.batch import BatchTransforms
from workflow.runners.sagemaker.costs import costs, costs_of
from workflow.runners.sagemaker.pipelines import CloudPipelines
from workflow.runners.sagemaker.runner import SageMakerRunner
from workflow.runners.sagemaker.serving import BatchTransform
from workflow.runners.sagemaker.tuner import tuning_request
from workflow.runners.search import trial_name
from workflow.storage import S3Uri
from workflow.storage.s3 import S3Storage

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/ml"


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clients]:
    """boto3 as a user has it, with moto in place of the network."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        clients = Clients(Account(REGION, "despina-training", ROLE, poll_s=0.01, patience_s=1.0))
        clients.get("s3").create_bucket(Bucket=LAB.bucket)
        yield clients
        clients.close()


@pytest.fixture
def storage(clients: Clients) -> S3Storage:
    return S3Storage(REGION, clients.get("s3"))


def archive(storage: S3Storage, folder: Path, place: S3Uri, **files: Any) -> S3Uri:
    """A model at ``place``, of JSON files by their names."""
    source = folder / place.key.replace("/", "-")
    source.mkdir(parents=True)
    for name, document in files.items():
        (source / f"{name}.json").write_text(json.dumps(document))
    pack(source, folder / f"{source.name}-packed" / "model.tar.gz")
    storage.upload(folder / f"{source.name}-packed", place)
    return place / "model.tar.gz"


def test_a_stage_and_a_search_end_with_a_published_model(clients: Clients, storage: S3Storage, tmp_path: Path) -> None:
    runner = SageMakerRunner(clients, SCRIPTS, tmp_path / "work", tmp_path / "logs", storage)
    storage.write(LAB / "processed/manifest.json", b"{}")
    task = processing(put(storage, "export"), resources=FULL)
    runner.run(task, Control())
    runner.run(task, Control())  # the service was restarted: the job is taken over
    search = tuning(trials=2, resources=FULL)
    for number, value in ((1, 0.25), (2, 0.5)):
        place = search.trials_output / trial_name(search, number) / "output"
        archive(storage, tmp_path, place, metrics={"value": value}, model={"id": number})
    tuned = runner.tune(search, Control())
    assert (tuned.best.number, tuned.best.value) == (2, 0.5)
    assert storage.exists(search.output / "model.tar.gz")
    found = [cost.name for cost in costs_of(clients, "training", search.name)]
    assert found == sorted(trial.name for trial in tuned.trials)


def test_an_endpoint_is_made_found_priced_and_removed(clients: Clients, storage: S3Storage, tmp_path: Path) -> None:
    host = SageMakerEndpointHost(clients, storage, tmp_path / "logs")
    model = archive(storage, tmp_path, LAB / "a", model={"id": "a"})
    resources = Resources("ml.m5.xlarge", 2, volume_key="key", subnets=("s",), security_groups=("g",))
    serving = host.deploy("ep", model, resources)
    assert serving.description == {"id": "a"}
    assert host.look_up("ep") == serving
    assert host.is_healthy(serving)
    (cost,) = costs(clients, running=True)
    assert (cost.instances, cost.runs) == (2, True)
    host.remove("ep")
    assert host.look_up("ep") is None
    sagemaker = clients.get("sagemaker")
    assert sagemaker.list_models()["Models"] == sagemaker.list_endpoint_configs()["EndpointConfigs"] == []


def test_questions_are_answered_by_a_transform_that_leaves_no_model(
    clients: Clients, storage: S3Storage, tmp_path: Path
) -> None:
    model = archive(storage, tmp_path, LAB / "a", model={"id": "a"})
    batch = BatchTransform("b", model, LAB / "questions", LAB / "answers", Resources("ml.m5.large", 2))
    BatchTransforms(clients, tmp_path / "logs").run(batch, Control())
    assert clients.get("sagemaker").list_models()["Models"] == []
    (cost,) = costs(clients)
    assert (cost.kind, cost.instances) == ("transform", 2)


def test_a_tuning_job_is_taken_as_it_is_asked_for(clients: Clients) -> None:
    sagemaker = clients.get("sagemaker")
    request = tuning_request(tuning(resources=FULL), clients.account, CODE, "search")
    sagemaker.create_hyper_parameter_tuning_job(**request)
    found = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName="search")
    assert found["HyperParameterTuningJobConfig"] == request["HyperParameterTuningJobConfig"]
    assert found["TrainingJobDefinitions"] == request["TrainingJobDefinitions"]


def test_a_pipeline_is_put_there_again_and_started(clients: Clients, tmp_path: Path) -> None:
    pipelines, pipeline = CloudPipelines(clients), planned(tmp_path)
    arn = pipelines.put(pipeline)
    assert pipelines.put(pipeline) == arn
    execution = pipelines.start("social", {"Trials": "3"})
    assert pipelines.newest("social") == execution
    sagemaker = clients.get("sagemaker")
    told = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution)
    assert json.loads(told["PipelineDefinition"]) == pipeline.definition
