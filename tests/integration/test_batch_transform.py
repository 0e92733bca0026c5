"""A batch transform asks a model every line of every object, and leaves nothing that serves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB
from tests.integration.test_cloud_faults import Cloud
from tests.waiting import until
from workflow.emulator.records import MODEL, TRANSFORM
from workflow.runners.base import Control, JobCancelled, JobFailed, Resources
from workflow.runners.sagemaker.batch import BatchTransforms
from workflow.runners.sagemaker.costs import costs
from workflow.runners.sagemaker.serving import BatchTransform
from workflow.storage import S3Uri

ECHO = """
import json, os, time

def model_fn(folder):
    return "m"

def predict_fn(data, model):
    if data.get("fail"):
        raise ValueError("no such vertex")
    time.sleep(data.get("sleep_s", 0))
    return {"answer": data["n"] * 2, "batch": os.environ["SAGEMAKER_BATCH"]}
"""


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with emulated.emulator(tmp_path / "cloud") as emulator:
        cloud = Cloud(emulator, tmp_path)
        yield cloud
        cloud.clients.close()


@pytest.fixture
def archive(cloud: Cloud, tmp_path: Path) -> S3Uri:
    from workflow.runners.bundle import pack

    (tmp_path / "echo" / "code").mkdir(parents=True)
    (tmp_path / "echo" / "code" / "inference.py").write_text(ECHO)
    pack(tmp_path / "echo", tmp_path / "packed" / "model.tar.gz")
    cloud.storage.upload(tmp_path / "packed", LAB / "echo")
    return LAB / "echo/model.tar.gz"


def batch(archive: S3Uri, instances: int = 1) -> BatchTransform:
    resources = Resources("ml.m5.large", instances)
    return BatchTransform("b", archive, LAB / "questions", LAB / "answers", resources)


def test_every_line_of_every_object_is_answered_in_its_place(cloud: Cloud, archive: S3Uri) -> None:
    cloud.storage.write(LAB / "questions/a.jsonl", b'{"n": 1}\n{"n": 2}\n\n{"n": 3}')
    cloud.storage.write(LAB / "questions/deeper/b.jsonl", b'{"n": 4}\n')
    ended = BatchTransforms(cloud.clients, cloud.home / "logs").run(batch(archive, 2), Control())
    assert ended.wall_s >= 0
    found = [json.loads(line) for line in cloud.storage.read(LAB / "answers/a.jsonl.out").splitlines()]
    assert found == [{"answer": 2 * n, "batch": "true"} for n in (1, 2, 3)]
    assert json.loads(cloud.storage.read(LAB / "answers/deeper/b.jsonl.out"))["answer"] == 8
    assert cloud.jobs(MODEL) == []  # made for this job alone
    (cost,) = costs(cloud.clients)
    assert (cost.kind, cost.name, cost.instances, cost.runs) == ("transform", "b", 2, False)
    assert list(costs(cloud.clients, running=True)) == []


def test_a_model_that_answers_badly_fails_the_job_with_its_words(cloud: Cloud, archive: S3Uri) -> None:
    cloud.storage.write(LAB / "questions/a.jsonl", b'{"n": 1}\n{"fail": 1}\n')
    with pytest.raises(JobFailed, match="no such vertex"):
        BatchTransforms(cloud.clients, cloud.home / "logs").run(batch(archive), Control())
    assert cloud.jobs(MODEL) == []


def test_no_question_is_named_as_the_reason(cloud: Cloud, archive: S3Uri) -> None:
    with pytest.raises(JobFailed, match="s3://lab-bucket/questions"):
        BatchTransforms(cloud.clients, cloud.home / "logs").run(batch(archive), Control())


def test_a_cancelled_transform_is_stopped_and_its_model_removed(cloud: Cloud, archive: S3Uri) -> None:
    lines = b'{"n": 1, "sleep_s": 0.2}\n'
    for number in range(60):
        cloud.storage.write(LAB / f"questions/{number}", lines)
    control = Control()
    threading.Timer(1.0, control.cancelled.set).start()
    with pytest.raises(JobCancelled):
        BatchTransforms(cloud.clients, cloud.home / "logs").run(batch(archive), control)
    until(lambda: cloud.jobs(TRANSFORM)[0]["TransformJobStatus"] == "Stopped")
    assert cloud.jobs(MODEL) == []


def test_the_command_says_where_the_answers_lie(cloud: Cloud, archive: S3Uri) -> None:
    cloud.storage.write(LAB / "questions/a.jsonl", b'{"n": 21}\n')
    places = ["--model", str(archive), "--input", str(LAB / "questions"), "--output", str(LAB / "answers")]
    account = {"DESPINA_SAGEMAKER_IMAGE": "any", "DESPINA_ML_IAM_ROLE": emulated.ROLE}
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y", "AWS_ENDPOINT_URL": cloud.emulator.url}
    done = subprocess.run(
        [sys.executable, "-m", "workflow.cli", "batch", *places, "--json"],
        env={**os.environ, **account, **keys, "DESPINA_HOME": str(cloud.home)},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    assert told["output"] == str(LAB / "answers")
    assert json.loads(cloud.storage.read(LAB / "answers/a.jsonl.out"))["answer"] == 42
