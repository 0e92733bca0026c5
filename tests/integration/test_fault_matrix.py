"""Every kind of fault of the cloud in every stage: the stage recovers or ends with the reason, and nothing runs on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, processing, put, tuning
from tests.integration.test_cloud_faults import Cloud
from workflow.emulator.faults import Fault
from workflow.emulator.records import ENDPOINT, PROCESSING, TRAINING
from workflow.errors import WorkflowError
from workflow.runners.base import Control, Resources
from workflow.storage import S3Uri

RECOVERS = ""
CREATES = {"processing": "CreateProcessingJob", "training": "CreateTrainingJob", "endpoint": "CreateEndpoint "}
READS = {"processing": "export", "training": "processed", "endpoint": "model"}


@dataclass(frozen=True)
class Expected:
    """How a stage ends: by the words of its reason, or well. ``matches`` is what the fault is asked to match.

    ``times`` is how often it happens.
    """

    processing: str | None
    training: str | None
    endpoint: str | None
    of_call: bool = False
    of_s3: str = ""
    times: int = 1


# what a stage does not have is None
TABLE: dict[Fault, Expected] = {
    "throttling": Expected(RECOVERS, RECOVERS, RECOVERS, of_call=True, times=3),
    "server_error": Expected(RECOVERS, RECOVERS, RECOVERS, of_call=True, times=3),
    "unavailable": Expected(RECOVERS, RECOVERS, RECOVERS, of_call=True, times=3),
    "bad_gateway": Expected(RECOVERS, RECOVERS, RECOVERS, of_call=True, times=2),
    "no_answer": Expected(RECOVERS, RECOVERS, RECOVERS, of_call=True, times=2),
    "lost_answer": Expected(RECOVERS, RECOVERS, RECOVERS, of_call=True),
    "slow_answer": Expected(RECOVERS, RECOVERS, RECOVERS, of_call=True),
    "quota": Expected(*["service limit was exceeded"] * 3, of_call=True),
    "access_denied": Expected(*["not allowed to call.*check the credentials"] * 3, of_call=True),
    "expired_token": Expected(*["token included in the request is expired"] * 3, of_call=True),
    "refused": Expected(*["the request is refused"] * 3, of_call=True),
    "capacity": Expected(*["CapacityError"] * 3),
    "image_pull": Expected(*["Cannot pull the container image"] * 3),
    "internal_error": Expected(*["InternalServerError"] * 3),
    "input_denied": Expected(*["AccessDenied"] * 3),
    "slow_start": Expected(RECOVERS, RECOVERS, RECOVERS),
    "slow_download": Expected(RECOVERS, RECOVERS, None),
    "interruption": Expected(None, RECOVERS, None),
    "kill": Expected("SIGKILL", "SIGKILL", None),
    "disk_full": Expected("No space left on device", "No space left on device", None),
    "output_denied": Expected("not allowed to write the output", "not allowed to write the output", None),
    "time_limit": Expected("past its limit.*processingTimeOut", "past its limit.*trainingTimeOut", None),
    "max_wait": Expected(None, "waited past its limit for spot", None),
    "stopped": Expected("stopped from outside", "stopped from outside", None),
    "lost_logs": Expected(RECOVERS, RECOVERS, None),
    "unhealthy": Expected(None, None, "ping health check"),
    "lost_endpoint": Expected(None, None, RECOVERS),
    "invocation_error": Expected(None, None, None),  # of queries, which have tests of their own
    "slow_s3": Expected(RECOVERS, RECOVERS, RECOVERS, of_s3="GetObject"),
    "s3_slow_down": Expected(RECOVERS, RECOVERS, RECOVERS, of_s3="GetObject", times=2),
    "s3_broken_off": Expected(RECOVERS, RECOVERS, RECOVERS, of_s3="GetObject", times=2),
    "s3_damaged": Expected(RECOVERS, RECOVERS, RECOVERS, of_s3="GetObject", times=2),
}
STAGES = ("processing", "training", "endpoint")
CASES = [
    (stage, fault) for stage in STAGES for fault, expected in TABLE.items() if getattr(expected, stage) is not None
]


def test_the_table_has_every_fault_that_can_be_asked_for() -> None:
    assert set(TABLE) == set(get_args(Fault))
    assert len(TABLE) >= 30


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    home = tmp_path_factory.mktemp("matrix")
    with emulated.emulator(home / "cloud") as emulator:
        cloud = Cloud(emulator, home)
        cloud.runner().run(processing(put(cloud.storage, "export")), Control())
        cloud.archive("model")
        put(cloud.storage, "slow", {"train": {"sleep_s": 0.6}})
        yield cloud
        cloud.clients.close()


@pytest.mark.parametrize(("stage", "fault"), CASES)
def test_a_fault_is_borne_or_told_and_nothing_runs_on(cloud: Cloud, stage: str, fault: Fault) -> None:
    expected, name = TABLE[fault], f"{stage[:2]}-{fault.replace('_', '-')}"
    match = CREATES[stage] if expected.of_call else expected.of_s3 or name
    emulated.request(cloud.emulator.url, "DELETE", "/_emulator/faults")
    before = {kind.name: len(cloud.jobs(kind)) for kind in (PROCESSING, TRAINING, ENDPOINT)}
    cloud.fault(fault, match, times=expected.times, seconds=0.2)
    outcome, jobs = _STAGE[stage](cloud, name, fault)
    wanted = getattr(expected, stage)
    if wanted == RECOVERS:
        assert outcome == ""
    else:
        assert re.search(wanted, outcome), outcome
    assert cloud.running() == []
    # one job whatever was tried again, and none where the call itself was refused
    added = {kind.name: len(cloud.jobs(kind)) - before[kind.name] for kind in (PROCESSING, TRAINING, ENDPOINT)}
    assert all(count <= jobs.get(kind, 0) for kind, count in added.items()), added
    for job in cloud.jobs(TRAINING):
        # what was billed is no more than what has run; a spot job pays a share
        assert job.get("BillableTimeInSeconds", 0) <= job.get("TrainingTimeInSeconds", 0)


def _processing(cloud: Cloud, name: str, fault: Fault) -> tuple[str, dict[str, int]]:
    task = processing(LAB / "export", name=name, outputs={"processing/output": LAB / name})
    return _told(lambda: cloud.runner(name).run(task, Control())), {PROCESSING.name: 1}


def _training(cloud: Cloud, name: str, fault: Fault) -> tuple[str, dict[str, int]]:
    spot = fault in ("interruption", "max_wait")
    channel = LAB / "slow" if fault in ("interruption", "kill") else LAB / "processed"
    search = tuning(
        name=name,
        trials=1,
        parallel=1,
        channel=channel,
        trials_output=LAB / name / "trials",
        output=LAB / name / "best",
        resources=Resources(spot=spot),
    )
    return _told(lambda: cloud.runner(name).tune(search, Control())), {TRAINING.name: 1}


def _endpoint(cloud: Cloud, name: str, fault: Fault) -> tuple[str, dict[str, int]]:
    host = cloud.host()

    def work() -> Any:
        serving = host.deploy(name, S3Uri.parse(f"{LAB}/model/model.tar.gz"), Resources())
        assert host.is_healthy(serving)

    told = _told(work)
    emulated.request(cloud.emulator.url, "DELETE", "/_emulator/faults")
    host.remove(name)
    client = cloud.clients.get("sagemaker")
    assert client.list_endpoint_configs()["EndpointConfigs"] == client.list_models()["Models"] == []
    return told, {}


def _told(work: Callable[[], Any]) -> str:
    """The reason of what failed, empty where it went well."""
    try:
        work()
    except WorkflowError as error:
        return error.message
    return ""


_STAGE: dict[str, Callable[[Cloud, str, Fault], tuple[str, dict[str, int]]]] = {
    "processing": _processing,
    "training": _training,
    "endpoint": _endpoint,
}
