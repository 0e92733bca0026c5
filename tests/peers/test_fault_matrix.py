"""Every kind of fault of the cloud in every stage: the stage recovers or ends with the reason, and nothing runs on.

No server of another maker is needed; it stands here because it takes minutes.
``tests/integration/test_cloud_faults.py`` has one fault of each sort.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, SCRIPTS, processing, put, tuning
from tests.integration.test_cloud_faults import Cloud
from workflow.emulator.faults import Fault
from workflow.emulator.records import ENDPOINT, PROCESSING, TRAINING, TRANSFORM, TUNING
from workflow.errors import WorkflowError
from workflow.runners.base import Control, Resources
from workflow.runners.sagemaker.batch import BatchTransforms
from workflow.runners.sagemaker.runner import SageMakerRunner
from workflow.runners.sagemaker.serving import BatchTransform
from workflow.storage import S3Uri

pytestmark = pytest.mark.peers

RECOVERS = ""
CREATES = {
    "processing": "CreateProcessingJob",
    "training": "CreateTrainingJob",
    "tuning": "CreateHyperParameterTuningJob",
    "transform": "CreateTransformJob",
    "endpoint": "CreateEndpoint ",
}


@dataclass(frozen=True)
class Expected:
    """How a stage ends: by the words of its reason, or well; None where a stage has no such fault.

    ``times`` is how often it happens. A search of SageMaker's tuner has two trials, of which one meets the fault.
    """

    processing: str | None
    training: str | None
    endpoint: str | None
    tuning: str | None
    transform: str | None
    of_call: bool = False
    of_s3: str = ""
    times: int = 1


# what a stage does not have is None
TABLE: dict[Fault, Expected] = {
    "throttling": Expected(*[RECOVERS] * 5, of_call=True, times=3),
    "server_error": Expected(*[RECOVERS] * 5, of_call=True, times=3),
    "unavailable": Expected(*[RECOVERS] * 5, of_call=True, times=3),
    "bad_gateway": Expected(*[RECOVERS] * 5, of_call=True, times=2),
    "no_answer": Expected(*[RECOVERS] * 5, of_call=True, times=2),
    "lost_answer": Expected(*[RECOVERS] * 5, of_call=True),
    "slow_answer": Expected(*[RECOVERS] * 5, of_call=True),
    "quota": Expected(*["service limit was exceeded"] * 5, of_call=True),
    "access_denied": Expected(*["not allowed to call.*check the credentials"] * 5, of_call=True),
    "expired_token": Expected(*["token included in the request is expired"] * 5, of_call=True),
    "refused": Expected(*["the request is refused"] * 5, of_call=True),
    "capacity": Expected(*["CapacityError"] * 3, RECOVERS, "CapacityError"),
    "image_pull": Expected(*["Cannot pull the container image"] * 3, RECOVERS, "Cannot pull the container image"),
    "internal_error": Expected(*["InternalServerError"] * 3, RECOVERS, "InternalServerError"),
    "input_denied": Expected(*["AccessDenied"] * 3, RECOVERS, "AccessDenied"),
    "slow_start": Expected(*[RECOVERS] * 5),
    "slow_download": Expected(RECOVERS, RECOVERS, None, RECOVERS, RECOVERS),
    "interruption": Expected(None, RECOVERS, None, RECOVERS, None),
    "kill": Expected("SIGKILL", "SIGKILL", None, RECOVERS, None),
    "disk_full": Expected(*["No space left on device"] * 2, None, RECOVERS, "No space left on device"),
    "output_denied": Expected(
        *["not allowed to write the output"] * 2, None, RECOVERS, "not allowed to write the output"
    ),
    "time_limit": Expected(
        "past its limit.*processingTimeOut", "past its limit.*trainingTimeOut", None, RECOVERS, None
    ),
    "max_wait": Expected(None, "waited past its limit for spot", None, RECOVERS, None),
    "stopped": Expected(*["stopped from outside"] * 2, None, RECOVERS, "stopped from outside"),
    "lost_logs": Expected(RECOVERS, RECOVERS, None, RECOVERS, RECOVERS),
    "unhealthy": Expected(None, None, "ping health check", None, "did not answer its ping"),
    "lost_endpoint": Expected(None, None, RECOVERS, None, None),
    "invocation_error": Expected(None, None, None, None, "The model answered"),  # queries have tests of their own
    "slow_s3": Expected(*[RECOVERS] * 5, of_s3="GetObject"),
    "s3_slow_down": Expected(*[RECOVERS] * 5, of_s3="GetObject", times=2),
    "s3_broken_off": Expected(*[RECOVERS] * 5, of_s3="GetObject", times=2),
    "s3_damaged": Expected(*[RECOVERS] * 5, of_s3="GetObject", times=2),
}
STAGES = ("processing", "training", "tuning", "transform", "endpoint")
KINDS = (PROCESSING, TRAINING, TUNING, TRANSFORM, ENDPOINT)
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
        cloud.storage.write(LAB / "questions/some.jsonl", b'{"n": 1}\n{"n": 2}\n')
        yield cloud
        cloud.clients.close()


@pytest.mark.parametrize(("stage", "fault"), CASES)
def test_a_fault_is_borne_or_told_and_nothing_runs_on(cloud: Cloud, stage: str, fault: Fault) -> None:
    expected, name = TABLE[fault], f"{stage[:2]}-{fault.replace('_', '-')}"
    match = CREATES[stage] if expected.of_call else expected.of_s3 or name
    emulated.request(cloud.emulator.url, "DELETE", "/_emulator/faults")
    before = {kind.name: len(cloud.jobs(kind)) for kind in KINDS}
    cloud.fault(fault, match, times=expected.times, seconds=0.2)
    outcome, jobs = _STAGE[stage](cloud, name, fault)
    wanted = getattr(expected, stage)
    if wanted == RECOVERS:
        assert outcome == ""
    else:
        assert re.search(wanted, outcome), outcome
    assert cloud.running() == []
    # one job whatever was tried again, and none where the call itself was refused
    added = {kind.name: len(cloud.jobs(kind)) - before[kind.name] for kind in KINDS}
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


def _tuning(cloud: Cloud, name: str, fault: Fault) -> tuple[str, dict[str, int]]:
    clients = emulated.clients(cloud.emulator.url, tuner="sagemaker")
    home = cloud.home / name
    runner = SageMakerRunner(clients, SCRIPTS, home / "work", home / "logs", cloud.storage)
    channel = LAB / "slow" if fault in ("interruption", "kill") else LAB / "processed"
    search = tuning(
        name=name,
        work=f"{name}-search",
        trials=2,
        parallel=2,
        channel=channel,
        trials_output=LAB / name / "trials",
        output=LAB / name / "best",
        resources=Resources(spot=fault in ("interruption", "max_wait")),
    )
    told = _told(lambda: runner.tune(search, Control()))
    clients.close()
    return told, {TUNING.name: 1, TRAINING.name: 2}


def _transform(cloud: Cloud, name: str, fault: Fault) -> tuple[str, dict[str, int]]:
    archive = S3Uri.parse(f"{LAB}/model/model.tar.gz")
    batch = BatchTransform(name, archive, LAB / "questions", LAB / name, Resources())
    told = _told(lambda: BatchTransforms(cloud.clients, cloud.home / "logs").run(batch, Control()))
    client = cloud.clients.get("sagemaker")
    emulated.request(cloud.emulator.url, "DELETE", "/_emulator/faults")
    assert client.list_models()["Models"] == []
    return told, {TRANSFORM.name: 1}


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
    "tuning": _tuning,
    "transform": _transform,
    "endpoint": _endpoint,
}
