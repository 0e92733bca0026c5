"""What ``--dry-run`` says a run would call is what the same run then calls, and nothing is created by saying it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests import emulated
from tests.e2e.test_run import FILE, run
from workflow.emulator.app import Emulator
from workflow.emulator.cloud import CREDENTIALS, OWN_KEY
from workflow.emulator.records import CONFIG, ENDPOINT, MODEL, PROCESSING, TRAINING, Kind

CREATED: dict[str, Kind] = {
    "CreateProcessingJob": PROCESSING,
    "CreateTrainingJob": TRAINING,
    "CreateModel": MODEL,
    "CreateEndpointConfig": CONFIG,
    "CreateEndpoint": ENDPOINT,
}
# the moment of a run, the export's own name, and hashes over addresses that hold them
OF_ITS_TIME = re.compile(
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
    assert OF_ITS_TIME.sub("", json.dumps(found)) == OF_ITS_TIME.sub("", json.dumps(wanted))


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
