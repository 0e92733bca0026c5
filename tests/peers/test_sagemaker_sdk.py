"""The examples for the `sagemaker` SDK, as they are documented, run by the unmodified SDK against the emulator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, SCRIPTS
from tests.integration.test_batch_transform import ECHO
from tests.integration.test_cloud_faults import Cloud
from tests.integration.test_pipeline_of_a_file import SERVES
from tests.peers.peer import python_with
from workflow.emulator.records import ENDPOINT, PROCESSING, TRAINING, TUNING
from workflow.runners.bundle import pack

pytestmark = pytest.mark.peers
# the newest, and the oldest that the extra takes with its parts as they were: before it no step made an endpoint
PARTS = {"core": "2.23.0", "mlops": "1.23.0", "serve": "1.23.0", "train": "1.23.0"}
VERSIONS = {
    "sagemaker-sdk": ("sagemaker>=3.23",),
    "sagemaker-sdk-3.23.0": ("sagemaker==3.23.0", *(f"sagemaker-{part}=={version}" for part, version in PARTS.items())),
}
README = Path(__file__).parents[2] / "workflow" / "runners" / "sagemaker" / "README.md"
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    home = tmp_path
    with emulated.emulator(home / "cloud") as emulator:
        cloud = Cloud(emulator, home)
        cloud.storage.write(LAB / "export/training-data-configuration.json", b"{}")
        (home / "echo" / "code").mkdir(parents=True)
        (home / "echo" / "code" / "inference.py").write_text(ECHO.replace('os.environ["SAGEMAKER_BATCH"]', "None"))
        pack(home / "echo", home / "packed" / "model.tar.gz")
        cloud.storage.upload(home / "packed", LAB / "model")
        yield cloud
        cloud.clients.close()


def scripts_that_serve(home: Path) -> Path:
    """The small scripts, whose training leaves the code that serves in the model, as the real one does."""
    scripts = home / "scripts"
    shutil.copytree(SCRIPTS, scripts)
    with (scripts / "train.py").open("a") as train:
        train.write(SERVES)
    return scripts


@pytest.mark.parametrize("version", VERSIONS)
def test_the_documented_examples_run(cloud: Cloud, version: str) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = cloud.clients.get("iam").create_role(RoleName="sdk", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(examples) == 5
    names = {
        "BUCKET": LAB.bucket,
        "ROLE": role,
        "IMAGE": "despina-training",
        "SCRIPTS": str(scripts_that_serve(cloud.home)),
    }
    head = [f"{name} = {value!r}" for name, value in names.items()]
    program = "\n".join(["import json", *head, *examples, "print('ANSWER', json.dumps([json.loads(answer), states]))"])
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": emulated.REGION}
    done = subprocess.run(
        [python_with(version, *VERSIONS[version], timeout_s=1800), "-W", "ignore", "-c", program],
        env={"PATH": os.environ["PATH"], "HOME": str(cloud.home), "AWS_ENDPOINT_URL": cloud.emulator.url, **keys},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer, states = json.loads(done.stdout.rpartition("ANSWER ")[2])
    assert answer["answer"] == 42
    names = ("Process", "Train", "IsGoodEnough", "Model", "Config", "Serve")
    assert states == dict.fromkeys(names, "Succeeded")
    # one of each example, one of each step of the pipeline, and two trials
    assert [job["ProcessingJobStatus"] for job in cloud.jobs(PROCESSING)] == ["Completed"] * 2
    assert [job["TrainingJobStatus"] for job in cloud.jobs(TRAINING)] == ["Completed"] * 4
    assert [job["HyperParameterTuningJobStatus"] for job in cloud.jobs(TUNING)] == ["Completed"]
    served = {end["EndpointName"]: end["EndpointStatus"] for end in cloud.jobs(ENDPOINT)}
    assert served.pop("sdk-endpoint", "Deleting") == "Deleting"
    assert served == {"sdk-pipeline": "InService"}
    assert cloud.storage.exists(LAB / "processed/manifest.json")
