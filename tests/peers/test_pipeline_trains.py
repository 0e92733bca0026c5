"""The real training scripts as a pipeline, from the graph to an endpoint whose predictions are of that model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests import emulated
from workflow.cli.main import app
from workflow.client.cloud.local import LocalCloud, start_cloud
from workflow.datasets import DATASETS

pytestmark = pytest.mark.peers
FILE = """
name: social
bucket: s3://lab
export:
  targets: [{edge: [User, FRIEND, User], type: link_prediction, split_rate: [0.8, 0.2, 0.0]}]
  features: [{node: User, property: interests, type: category, separator: ";"}]
training: {trials: 2, parallel: 2, modelName: rgcn, hyperparameters: {num-epochs: 2, num-hidden: 16, lr: 0.005..0.05}}
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LocalCloud]:
    cloud = start_cloud(tmp_path)
    yield cloud
    cloud.stop()


def test_a_pipeline_of_the_real_scripts_ends_in_an_endpoint(cloud: LocalCloud, tmp_path: Path) -> None:
    cloud.client("s3").create_bucket(Bucket="lab")
    workflow = cloud.workflow("s3://lab")
    files = sorted(DATASETS["social"].folder.glob("*.csv*"))
    workflow.wait(workflow.load(workflow.upload(files, "social")))
    file = tmp_path / "workflow.yaml"
    file.write_text(FILE)
    service = workflow.connection.export_url
    variables = {
        "AWS_ENDPOINT_URL": cloud.url,
        "DESPINA_SAGEMAKER_IMAGE": "despina-training",
        "DESPINA_ML_IAM_ROLE": emulated.ROLE,
    }

    def command(*words: str) -> Any:
        done = CliRunner().invoke(app, ["pipeline", *words, "--json"], env=variables, catch_exceptions=False)
        return json.loads(done.stdout)

    command("put", str(file), "--export-service", service, "--at-least", "0.01", "--items", "100")
    steps = {step["name"]: step for step in command("start", "social", "--wait")["steps"]}
    assert {step["status"] for step in steps.values()} == {"Succeeded"}
    sagemaker = cloud.client("sagemaker")
    assert sagemaker.describe_endpoint(EndpointName="social")["EndpointStatus"] == "InService"
    name = steps["Train"]["resource"].partition("/")[2]
    tuned = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    model = sagemaker.describe_model(ModelName=steps["Model"]["resource"].partition("/")[2])
    archive = model["PrimaryContainer"]["ModelDataUrl"]
    assert archive.endswith(f"/{tuned['BestTrainingJob']['TrainingJobName']}/output/model.tar.gz")
