"""The examples for the `sagemaker` SDK, as they are documented, run by the unmodified SDK against the emulator."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, SCRIPTS
from tests.integration.test_batch_transform import ECHO
from tests.integration.test_cloud_faults import Cloud
from tests.peers.peer import python_with
from workflow.emulator.records import ENDPOINT, PROCESSING, TRAINING, TUNING
from workflow.runners.bundle import pack

pytestmark = pytest.mark.peers
PACKAGE = "sagemaker>=3"
README = Path(__file__).parents[2] / "workflow" / "runners" / "sagemaker" / "README.md"
TRUST = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = tmp_path_factory.mktemp("sdk")
    with emulated.emulator(home / "cloud") as emulator:
        cloud = Cloud(emulator, home)
        cloud.storage.write(LAB / "export/training-data-configuration.json", b"{}")
        (home / "echo" / "code").mkdir(parents=True)
        (home / "echo" / "code" / "inference.py").write_text(ECHO.replace('os.environ["SAGEMAKER_BATCH"]', "None"))
        pack(home / "echo", home / "packed" / "model.tar.gz")
        cloud.storage.upload(home / "packed", LAB / "model")
        yield cloud
        cloud.clients.close()


def test_the_documented_examples_run(cloud: Cloud) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
    role = cloud.clients.get("iam").create_role(RoleName="sdk", AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(examples) == 4
    names = {"BUCKET": LAB.bucket, "ROLE": role, "IMAGE": "despina-training", "SCRIPTS": str(SCRIPTS)}
    head = [f"{name} = {value!r}" for name, value in names.items()]
    program = "\n".join([*head, *examples, "print('ANSWER', answer.decode())"])
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_DEFAULT_REGION": emulated.REGION}
    done = subprocess.run(
        [python_with("sagemaker-sdk", PACKAGE, timeout_s=1800), "-W", "ignore", "-c", program],
        env={"PATH": os.environ["PATH"], "HOME": str(cloud.home), "AWS_ENDPOINT_URL": cloud.emulator.url, **keys},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.rpartition("ANSWER ")[2])["answer"] == 42
    assert [job["ProcessingJobStatus"] for job in cloud.jobs(PROCESSING)] == ["Completed"]
    assert [job["TrainingJobStatus"] for job in cloud.jobs(TRAINING)] == ["Completed"] * 3
    assert [job["HyperParameterTuningJobStatus"] for job in cloud.jobs(TUNING)] == ["Completed"]
    assert [end["EndpointStatus"] for end in cloud.jobs(ENDPOINT)] in ([], ["Deleting"])
    assert cloud.storage.exists(LAB / "processed/manifest.json")
