"""One workflow file on this machine, on an emulated cloud and on AWS: same artefacts, same model, same answers.

For AWS the emulator stands, to which the standard variables lead; what ``--dry-run`` says such a run would call is what
it then calls, and nothing is created by saying it.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import emulated
from tests.e2e.test_run import FILE, run
from workflow.client.service import start_service
from workflow.drivers import open_s3_at
from workflow.emulator.app import Emulator
from workflow.emulator.cloud import CREDENTIALS, OWN_KEY
from workflow.emulator.records import CONFIG, ENDPOINT, MODEL, PROCESSING, TRAINING, Kind
from workflow.storage import S3Uri

# what says when, where and for how long something ran; and what SageMaker's driver needs beside
OF_ITS_TIME = re.compile(
    r"(model\.json|manifest\.json|report\.html|trial\.json|train\.log|tuning_summary\.json|model\.tar\.gz"
    r"|tensorboard-output/EVENTS|train_instance_recommendation\.json|export/TIME/config\.json)$"
)
NAMES = (
    (re.compile(r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d{7}"), "TIME"),
    (re.compile(r"\d{8}_\d{6}"), "TIME"),
    (re.compile(r"events\.out\.tfevents\.[\w.-]+"), "EVENTS"),
    (re.compile(r"\d{6}-\d{4}-(\d{3})-[0-9a-f]{8}"), r"TIME-\1"),
)


def artefacts(folder: Path) -> dict[str, Path]:
    """Every file of a bucket by its name without the times in it."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith("despina-code/"):
            for pattern, text in NAMES:
                name = pattern.sub(text, name)
            found[name] = path
    return found


def members(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]


_OF_ITS_RUN = ("id", "training_job", "created_ms", "graph_snapshot_ms")


def described(model: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(model)
    return {name: value for name, value in document.items() if name not in _OF_ITS_RUN}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any], Path, Path]:
    home = tmp_path_factory.mktemp("targets")
    file = home / "workflow.yaml"
    file.write_text(FILE.replace("TRIALS", "2"))
    service = start_service(home / "local")
    try:
        local = run(file, home / "local", "--url", service.url)
    finally:
        service.stop()
    emulated = run(file, home / "cloud", "--target", "emulated")
    emulated["again"] = run(file, home / "cloud", "--target", "emulated")
    return local, emulated, home / "local" / "s3" / "lab", home / "cloud" / "emulator" / "buckets" / "lab"


def test_both_targets_leave_the_same_artefacts_with_the_same_bytes(both: Any) -> None:
    local, emulated = artefacts(both[2]), artefacts(both[3])
    assert sorted(local) == sorted(emulated)
    timeless = [name for name in local if not OF_ITS_TIME.search(name)]
    assert len(timeless) > 20  # weights, embeddings, ids, features, labels, splits, metrics
    differing = [name for name in timeless if local[name].read_bytes() != emulated[name].read_bytes()]
    assert differing == []


def test_both_targets_process_the_same_graph(both: Any) -> None:
    local, emulated = artefacts(both[2]), artefacts(both[3])
    assert [name for name in local if name.endswith("graph.bin")]  # compared byte for byte with the others
    (name,) = (name for name in local if name.endswith("preloading-output/manifest.json"))
    here, there = json.loads(local[name].read_text()), json.loads(emulated[name].read_text())
    for manifest in (here, there):
        assert manifest["info"].pop("graph_snapshot_ms") > 0  # when the graph was read
    assert here == there


def test_both_targets_make_the_same_model(both: Any) -> None:
    local, emulated = artefacts(both[2]), artefacts(both[3])
    (name,) = (name for name in local if name.endswith("autotrainer-output/model.tar.gz"))
    here, there = members(local[name]), members(emulated[name])
    assert sorted(here) == sorted(there)
    assert described(here.pop("model.json")) == described(there.pop("model.json"))
    reports = [here.pop("report.html"), there.pop("report.html")]
    assert all(reports)
    assert here == there


def test_both_targets_answer_alike(both: Any) -> None:
    local, emulated = both[:2]
    assert len(local["answers"]["henry"]) == 3
    assert local["answers"] == emulated["answers"]
    assert [(stage["stage"], stage["status"]) for stage in local["stages"]] == [
        (stage["stage"], stage["status"]) for stage in emulated["stages"]
    ]


def test_a_second_run_finds_what_the_first_has_left_in_the_emulated_cloud(both: Any) -> None:
    first, again = both[1], both[1]["again"]
    assert [stage["id"] for stage in again["stages"]] == [stage["id"] for stage in first["stages"]]
    # the endpoint may still be on its way back to service when it is asked for
    assert [stage["reused"] for stage in again["stages"] if stage["stage"] != "endpoint"] == [True] * 4
    assert again["answers"] == first["answers"]


CREATED: dict[str, Kind] = {
    "CreateProcessingJob": PROCESSING,
    "CreateTrainingJob": TRAINING,
    "CreateModel": MODEL,
    "CreateEndpointConfig": CONFIG,
    "CreateEndpoint": ENDPOINT,
}
# the moment of a run, the export's own name, and hashes over addresses that hold them
OF_A_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d-\d\d-\d\d-\d{7}|\d{6}-\d{4}|EXPORT|\d{8}_\d{6}(-[0-9a-f]+)?|(?<=-)[0-9a-f]{8}(?=\b)|ID"
)


@dataclass
class Played:
    planned: dict[str, Any]
    calls_before: list[str]
    done: dict[str, Any]
    planned_again: dict[str, Any]
    seconds: dict[str, str]
    emulator: Emulator

    def called(self) -> set[tuple[str, str]]:
        """What the service and the command have called; what jobs and SageMaker itself do is not theirs."""
        others = {OWN_KEY, CREDENTIALS["AWS_ACCESS_KEY_ID"]}
        return {(call.service, call.operation) for call in self.emulator.calls.all() if call.caller not in others}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    home = tmp_path_factory.mktemp("dry")
    file = home / "workflow.yaml"
    file.write_text(FILE.replace("TRIALS", "2"))
    with emulated.emulator(home / "cloud") as emulator, pytest.MonkeyPatch.context() as patch:
        emulated.request(emulator.url, "PUT", "/lab")
        patch.setenv("AWS_ENDPOINT_URL", emulator.url)
        patch.setenv("AWS_ACCESS_KEY_ID", "caller")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("DESPINA_SAGEMAKER_IMAGE", "despina-training")
        patch.setenv("DESPINA_ML_IAM_ROLE", emulated.ROLE)
        emulator.calls.clear()
        planned = run(file, home, "--target", "aws", "--dry-run")
        before = [call.operation for call in emulator.calls.all()]
        done = run(file, home, "--target", "aws")
        again = run(file, home, "--target", "aws", "--dry-run")
        seconds = json.loads((home / "runs" / "social.aws.json").read_text())["seconds"]
        yield Played(planned, before, done, again, seconds, emulator)


def test_a_dry_run_calls_nothing(played: Played) -> None:
    assert played.calls_before == []


def test_every_operation_that_a_run_calls_was_said(played: Played) -> None:
    said = {(call["service"], call["operation"]) for call in played.planned["calls"]}
    assert played.called() - said == set()
    assert said - played.called() == set()


@pytest.mark.parametrize("operation", CREATED)
def test_what_is_created_is_what_was_said(played: Played, operation: str) -> None:
    said = [call for call in played.planned["calls"] if call["operation"] == operation]
    made = played.emulator.control.records.all(CREATED[operation])
    assert [int(call["times"]) for call in said] == [len(made)]
    wanted = said[0]["request"]
    made.sort(key=lambda record: str(record.get("TrainingJobName")))  # two begin at once, either of them first
    found = {name: made[0][name] for name in wanted}
    for request in (wanted, found):
        # which hyperparameters are tried, and what they are judged by, data processing decides
        request.pop("HyperParameters", None)
        request.get("AlgorithmSpecification", {}).pop("MetricDefinitions", None)
    assert OF_A_MOMENT.sub("", json.dumps(found)) == OF_A_MOMENT.sub("", json.dumps(wanted))


def test_the_estimate_is_the_limits_at_the_price_of_each_instance(played: Played) -> None:
    processing, training, endpoint = played.planned["jobs"]
    # one processing job and two trials, a day each on an ml.m5.xlarge at $0.23: 3 · 24 · 0.23
    assert (processing["hours_at_most"], training["hours_at_most"]) == (24.0, 48.0)
    assert played.planned["dollars_at_most"] == pytest.approx(16.56)
    assert played.planned["dollars_expected"] is None  # nothing has run yet
    assert (endpoint["limit_s"], endpoint["hourly"]) == (None, pytest.approx(0.115))


def test_after_a_run_every_stage_tells_what_it_has_cost(played: Played) -> None:
    costs = {cost["stage"]: cost for cost in played.done["costs"]}
    assert list(costs) == ["dataprocessing", "modeltraining", "endpoint"]
    billed = sum(float(job["BillableTimeInSeconds"]) for job in played.emulator.control.records.all(TRAINING))
    assert costs["modeltraining"]["hours"] == pytest.approx(billed / 3600)
    assert costs["modeltraining"]["dollars"] == pytest.approx(billed / 3600 * 0.23)
    assert costs["endpoint"]["hourly"] == pytest.approx(0.115)
    assert costs["dataprocessing"]["hourly"] == 0.0


def test_a_later_dry_run_expects_what_the_last_run_took(played: Played) -> None:
    assert set(played.seconds) == {"dataprocessing", "modeltraining"}
    seconds = float(played.seconds["dataprocessing"]) + 2 * float(played.seconds["modeltraining"])
    assert played.planned_again["dollars_expected"] == pytest.approx(seconds / 3600 * 0.23)


def test_a_run_on_aws_leaves_the_artefacts_and_the_model_of_a_local_one(
    both: Any, played: Played, tmp_path: Path
) -> None:
    open_s3_at(played.emulator.url, emulated.REGION).download(S3Uri("lab"), tmp_path)
    local, cloud = artefacts(both[2]), artefacts(tmp_path)
    assert sorted(local) == sorted(cloud)
    timeless = [name for name in local if not OF_ITS_TIME.search(name)]
    assert [name for name in timeless if local[name].read_bytes() != cloud[name].read_bytes()] == []
    (name,) = (name for name in local if name.endswith("autotrainer-output/model.tar.gz"))
    here, there = members(local[name]), members(cloud[name])
    assert sorted(here) == sorted(there)
    differing = [part for part in here if here[part] != there[part]]
    assert set(differing) <= {"model.json", "report.html"}
    assert played.done["answers"] == both[0]["answers"]
