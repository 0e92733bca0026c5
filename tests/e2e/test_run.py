"""``despina run``: a whole workflow from one file, twice, changed, and interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from workflow.client.connection import Connection
from workflow.client.service import start_service
from workflow.errors import WorkflowError

FILE = """
name: social
bucket: s3://lab
load: social
export:
  targets: [{edge: [User, FRIEND, User], type: link_prediction, split_rate: [0.8, 0.2, 0.0]}]
  features: [{node: User, property: interests, type: category, separator: ";"}]
training: {trials: TRIALS, parallel: 2}
queries:
  henry: >-
    g.with("Neptune#ml.endpoint", "{endpoint}").with("Neptune#ml.limit", 3)
    .V("u19").out("FRIEND").with("Neptune#ml.prediction").hasLabel("User").id()
  named: g.V().hasLabel("User").limit(2).project("id", "name").by(id()).by("name")
  counted: g.V().hasLabel("User").groupCount().by(label())
"""


def run(file: Path, home: Path, *more: str, timeout_s: float = 400) -> dict[str, Any]:
    command = [sys.executable, "-m", "workflow.cli", "run", str(file), "--home", str(home), "--json", *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.fixture
def described(tmp_path: Path) -> Path:
    file = tmp_path / "workflow.yaml"
    file.write_text(FILE.replace("TRIALS", "1"))
    return file


def test_an_equal_run_starts_nothing_and_a_changed_one_only_what_changed(described: Path, home: Path) -> None:
    with_service = start_service(home)
    try:
        first = run(described, home, "--url", with_service.url)
        again = run(described, home, "--url", with_service.url)
        described.write_text(FILE.replace("TRIALS", "2"))
        changed = run(described, home, "--url", with_service.url)
    finally:
        with_service.stop()
    stages = ["load", "export", "dataprocessing", "modeltraining", "endpoint"]
    assert [stage["stage"] for stage in first["stages"]] == stages
    assert not any(stage["reused"] for stage in first["stages"])
    assert len(first["answers"]["henry"]) == 3
    assert [sorted(row) for row in first["answers"]["named"]] == [["id", "name"]] * 2
    assert first["answers"]["counted"] == [{"User": 20}]
    assert all(stage["reused"] for stage in again["stages"])
    assert again["answers"] == first["answers"]
    assert [stage["reused"] for stage in changed["stages"]] == [True, True, True, False, False]


def test_a_run_goes_on_after_its_service_was_killed_in_the_middle_of_training(described: Path, home: Path) -> None:
    described.write_text(FILE.replace("TRIALS", "2"))
    service = start_service(home)
    command = [sys.executable, "-m", "workflow.cli", "run", str(described), "--home", str(home), "--url", service.url]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    connection = Connection(service.url)
    until(lambda: connection.call("list_ml_model_training_jobs")["ids"], "the training job")
    os.kill(service.pid, signal.SIGKILL)
    running.wait(60)
    service.stop()
    assert running.returncode != 0

    service = start_service(home)
    try:
        result = run(described, home, "--url", service.url)
    finally:
        service.stop()
    assert {stage["status"] for stage in result["stages"]} <= {"LOAD_COMPLETED", "succeeded", "Completed", "InService"}
    assert result["stages"][2]["reused"]  # data processing had finished before
    assert len(result["answers"]["henry"]) == 3


def test_a_run_without_a_service_starts_one_and_stops_it(described: Path, home: Path) -> None:
    probe = Connection("http://127.0.0.1:8182")
    try:
        probe.http("GET", "http://127.0.0.1:8182/status", timeout_s=2)
    except WorkflowError:
        pass
    else:
        pytest.skip("something listens on port 8182, so this run would use it")
    assert len(run(described, home)["answers"]["henry"]) == 3


def test_a_mistake_in_the_file_is_named(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "workflow.yaml"
    file.write_text("name: social\nexports: {}\n")
    command = [sys.executable, "-m", "workflow.cli", "run", str(file), "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    said = done.stderr.replace("\n", " ")
    assert "export is missing" in said
    assert "exports is no member of the file; did you mean 'export'?" in said
