"""``despina pipeline``: a workflow file becomes a pipeline that exports, processes, trains, judges and serves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests import emulated
from tests.integration.conftest import FAKE_SCRIPTS
from tests.integration.test_cloud_policies import S3_ACTIONS, actions, statements
from tests.integration.test_cloud_service import CloudService
from workflow.cli.main import app
from workflow.client.connection import Connection
from workflow.client.workflow import Workflow
from workflow.datasets import DATASETS
from workflow.drivers import open_s3_at
from workflow.emulator.cloud import CREDENTIALS, PIPELINE_KEY
from workflow.emulator.pipelines.definition import read_definition
from workflow.runners.base import JobFailed
from workflow.settings import Settings

PERSON = "person"
FILE = """
name: social
bucket: s3://lab
export:
  targets: [{edge: [User, FRIEND, User], type: link_prediction}]
training: {trials: TRIALS, parallel: 2, modelName: rgcn, trainingInstanceType: ml.m5.2xlarge, HYPERPARAMETERS}
endpoint: {instanceType: ml.m5.xlarge}
"""
# as the real training does, the small one leaves the code that serves in the model
SERVES = """
import shutil
(model / "code").mkdir()
shutil.copy(Path(__file__).parent / "inference.py", model / "code" / "inference.py")
"""


class Lab:
    """The command line over a service and an emulator, with training scripts that take no time."""

    def __init__(self, service: CloudService, folder: Path) -> None:
        self.service, self.folder = service, folder
        self.export_service = f"{service.url}/neptune-export"
        self.sagemaker = service.clients.get("sagemaker")
        self.variables = {
            "AWS_ENDPOINT_URL": service.emulator.url,
            "AWS_ACCESS_KEY_ID": PERSON,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "DESPINA_SAGEMAKER_IMAGE": "despina-training",
            "DESPINA_ML_IAM_ROLE": emulated.ROLE,
        }

    def file(self, hyperparameters: str) -> Path:
        path = self.folder / "workflow.yaml"
        trials = "2" if ".." in hyperparameters else "1"
        text = FILE.replace("HYPERPARAMETERS", f"hyperparameters: {{{hyperparameters}}}").replace("TRIALS", trials)
        path.write_text(text)
        return path

    def command(self, *words: str) -> Any:
        done = CliRunner().invoke(app, ["pipeline", *words], env=self.variables, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if "--json" in words or words[0] == "show" else done.stdout

    def called(self, by: str) -> set[str]:
        """The actions of what somebody has called, by their access key."""
        calls = [call for call in self.service.emulator.calls.all() if call.caller == by]
        return {S3_ACTIONS.get(call.operation, f"{call.service}:{call.operation}") for call in calls}

    def put(self, hyperparameters: str, *more: str) -> dict[str, Any]:
        file = str(self.file(hyperparameters))
        answer: dict[str, Any] = self.command("put", file, "--export-service", self.export_service, "--json", *more)
        return answer


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("pipeline")
    scripts = home / "scripts"
    shutil.copytree(FAKE_SCRIPTS, scripts)
    train = scripts / "train.py"
    # the toolkit hands lists and truth values on as Python writes them
    train.write_text(train.read_text().replace("own == given", "own.keys() == given.keys()") + SERVES)
    read = Settings.from_environment

    def settings() -> Settings:
        return replace(read(), scripts=scripts, cloud_poll_s=0.2)

    with emulated.emulator(home / "cloud") as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Settings, "from_environment", settings)
        service = CloudService(home / "home", emulator)
        service.start()
        try:
            storage = open_s3_at(emulator.url, emulated.REGION)
            client = Workflow(Connection(service.url), bucket="s3://lab", storage=storage)
            files = sorted(DATASETS["social"].folder.glob("*.csv*"))
            client.wait(client.load(client.upload(files, "social")))
            yield Lab(service, home)
        finally:
            service.stop()
            service.clients.close()


def test_a_file_becomes_a_pipeline_that_tunes_judges_and_serves(lab: Lab) -> None:
    put = lab.put("lr: 0.02..0.05", "--at-least", "0.01")
    done = lab.command("start", put["pipeline"], "--set", "Trials=3", "--wait", "--json")
    steps = {step["name"]: step for step in done["steps"]}
    assert list(steps) == ["Export", "Process", "Train", "IsGoodEnough", "Model", "EndpointConfig", "Endpoint"]
    assert {step["status"] for step in steps.values()} == {"Succeeded"}
    name = steps["Train"]["resource"].partition("/")[2]
    job = lab.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert job["TrainingJobStatusCounters"]["Completed"] == 3
    best = job["BestTrainingJob"]
    # the small training's score is its learning rate: the served model is the one with the best
    reply = lab.service.clients.get("sagemaker-runtime").invoke_endpoint(
        EndpointName="social", Body=b"{}", ContentType="application/json"
    )
    model = json.loads(reply["Body"].read())["model"]
    assert model["id"] == best["TrainingJobName"]
    assert model["score"] == pytest.approx(float(best["TunedHyperParameters"]["lr"]))


def test_a_model_that_is_not_good_enough_is_not_served_and_the_reason_is_told(lab: Lab) -> None:
    put = lab.put("lr: 0.02", "--at-least", "0.5")
    with pytest.raises(JobFailed, match=r"NotGoodEnough: not served: validation mrr is 0\.02 and must reach 0\.5"):
        lab.command("start", put["pipeline"], "--wait", "--json")
    told = lab.command("status", put["pipeline"], "--json")
    assert told["status"] == "Failed"
    steps = {step["name"]: step for step in told["steps"]}
    assert steps["Train"]["resource"].startswith("training-job/")  # a single trial is no search
    assert "Model" not in steps


def test_an_export_that_fails_ends_the_pipeline_with_what_the_service_said(lab: Lab) -> None:
    put = lab.put("lr: 0.02")
    nowhere = "ExportService=http://127.0.0.1:9/neptune-export"
    with pytest.raises(JobFailed, match=r"Export: .*nothing answers at http://127\.0\.0\.1:9"):
        lab.command("start", put["pipeline"], "--set", nowhere, "--wait", "--json")


def test_what_is_shown_is_what_is_put_and_names_the_resources_of_the_file(lab: Lab) -> None:
    put = lab.put("lr: 0.02..0.05", "--role", "arn:aws:iam::000000000000:role/pipelines")
    assert lab.sagemaker.describe_pipeline(PipelineName=put["pipeline"])["RoleArn"].endswith("role/pipelines")
    shown = lab.command("show", str(lab.file("lr: 0.02..0.05")), "--export-service", lab.export_service)
    text = lab.sagemaker.describe_pipeline(PipelineName=put["pipeline"])["PipelineDefinition"]
    assert shown == json.loads(text)
    defaults = {parameter["Name"]: parameter["DefaultValue"] for parameter in shown["Parameters"]}
    assert defaults == {
        "ExportService": lab.export_service,
        "ProcessingInstanceType": "ml.m5.xlarge",
        "TrainingInstanceType": "ml.m5.2xlarge",
        "Trials": 2,
        "HostingInstanceType": "ml.m5.xlarge",
        "EndpointName": "social",
    }
    after = {step.name: set(step.after) for step in read_definition(text).steps}
    assert after["Process"] == {"Export"}
    assert after["Train"] == {"Process"}
    assert after["Endpoint"] == {"EndpointConfig"}


def test_roles_and_people_may_do_what_a_pipeline_calls_and_no_more(lab: Lab) -> None:
    secrets = lab.service.clients.get("secretsmanager")
    secret = secrets.create_secret(Name="export", SecretString='{"user": "ann", "password": "secret"}')["ARN"]
    put = lab.put("lr: 0.02..0.05", "--secret", secret)
    for _ in range(2):  # the first makes the endpoint where no test before has, the second updates it
        done = lab.command("start", put["pipeline"], "--wait", "--json")
        assert {step["status"] for step in done["steps"]} == {"Succeeded"}
    lab.command("status", put["pipeline"])

    allowed = actions(statements("storage-and-roles.yaml", "PipelineRole"))
    stops = {f"sagemaker:Stop{kind}Job" for kind in ("Processing", "Training", "HyperParameterTuning")}
    single = {"sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob"}  # where a file asks for one trial
    # neither role nor tags have a call of their own, and jobs are stopped with their execution
    unseen = {"iam:PassRole", "sagemaker:AddTags", *stops, *single}
    assert lab.called(PIPELINE_KEY) | unseen == allowed
    assert lab.called(PIPELINE_KEY) & (unseen - single) == set()

    person = actions(statements("storage-and-roles.yaml", "WorkflowPolicy"))
    assert lab.called(PERSON) - person == set()
    assert {one for one in person if one.startswith("sagemaker:")} - lab.called(PERSON) == {"sagemaker:AddTags"}

    assert lab.called(CREDENTIALS["AWS_ACCESS_KEY_ID"]) == actions(statements("storage-and-roles.yaml", "ExportSecret"))
