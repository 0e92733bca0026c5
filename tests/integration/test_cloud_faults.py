"""Whatever goes wrong in the cloud, a job ends in the right state with its reason, or recovers; nothing runs on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, SCRIPTS, processing, put, tuning
from tests.waiting import until
from workflow.drivers import open_s3_at
from workflow.emulator.app import Emulator
from workflow.emulator.records import ENDPOINT, PROCESSING, TRAINING, TRANSFORM, TUNING
from workflow.endpoints.sagemaker import SageMakerEndpointHost
from workflow.errors import EndpointStartFailed
from workflow.runners.base import Control, JobCancelled, JobFailed, Resources
from workflow.runners.bundle import pack
from workflow.runners.sagemaker.account import Refused
from workflow.runners.sagemaker.runner import SageMakerRunner
from workflow.storage import S3Uri, Storage


class Cloud:
    """An emulator, and the drivers of a service over it."""

    def __init__(self, emulator: Emulator, home: Path) -> None:
        self.emulator, self.home = emulator, home
        self.clients = emulated.clients(emulator.url)
        emulated.request(emulator.url, "PUT", f"/{LAB.bucket}")
        self.storage: Storage = open_s3_at(emulator.url, emulated.REGION)

    def runner(self, service: str = "first") -> SageMakerRunner:
        """The runner of a service; another name is the service after it was started anew."""
        home = self.home / service
        return SageMakerRunner(self.clients, SCRIPTS, home / "work", home / "logs", self.storage)

    def host(self) -> SageMakerEndpointHost:
        return SageMakerEndpointHost(self.clients, self.storage, self.home / "logs")

    def fault(self, fault: str, match: str = "", times: int = 1, seconds: float = 0.5) -> None:
        document = {"fault": fault, "match": match, "times": times, "seconds": seconds}
        emulated.request(self.emulator.url, "PUT", "/_emulator/faults", json.dumps(document).encode())

    def jobs(self, kind: Any) -> list[dict[str, Any]]:
        return self.emulator.control.records.all(kind)

    def running(self) -> list[str]:
        """Jobs that have not ended."""
        return [
            str(job[kind.name_field])
            for kind in (TRAINING, PROCESSING, TUNING, TRANSFORM)
            for job in self.jobs(kind)
            if job[kind.status_field] in ("InProgress", "Stopping")
        ]

    def archive(self, name: str, **model: Any) -> S3Uri:
        folder = self.home / f"model-{name}"
        (folder / "code").mkdir(parents=True)
        (folder / "code" / "inference.py").write_text((SCRIPTS / "inference.py").read_text())
        (folder / "model.json").write_text(json.dumps({"id": name, **model}))
        pack(folder, self.home / name / "model.tar.gz")
        self.storage.upload(self.home / name, LAB / name)
        return LAB / name / "model.tar.gz"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with emulated.emulator(tmp_path / "cloud") as emulator:
        cloud = Cloud(emulator, tmp_path)
        yield cloud
        assert cloud.running() == []
        cloud.clients.close()


PASSING = ["throttling", "server_error"]


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("operation", ["CreateProcessingJob", "DescribeProcessingJob"])
def test_processing_bears_calls_that_are_refused_for_the_moment(cloud: Cloud, fault: str, operation: str) -> None:
    source = put(cloud.storage, "export")
    cloud.fault(fault, operation, times=3)
    cloud.runner().run(processing(source), Control())
    assert cloud.storage.exists(LAB / "processed" / "manifest.json")
    assert len(cloud.jobs(PROCESSING)) == 1


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize("operation", ["CreateTrainingJob", "DescribeTrainingJob"])
def test_training_bears_calls_that_are_refused_for_the_moment(cloud: Cloud, fault: str, operation: str) -> None:
    runner = cloud.runner()
    runner.run(processing(put(cloud.storage, "export")), Control())
    cloud.fault(fault, operation, times=3)
    tuned = runner.tune(tuning(trials=2), Control())
    assert [trial.state for trial in tuned.trials] == ["Completed", "Completed"]
    assert len(cloud.jobs(TRAINING)) == 2


@pytest.mark.parametrize("fault", PASSING)
@pytest.mark.parametrize(
    "operation", ["CreateModel", "CreateEndpointConfig", "CreateEndpoint", "DescribeEndpoint", "DeleteEndpoint"]
)
def test_endpoints_bear_calls_that_are_refused_for_the_moment(cloud: Cloud, fault: str, operation: str) -> None:
    host = cloud.host()
    cloud.fault(fault, f"^{operation} ", times=3)
    serving = host.deploy("ep", cloud.archive("a"), Resources())
    assert host.is_healthy(serving)
    host.remove("ep")
    assert cloud.jobs(ENDPOINT) == []


def test_a_quota_that_is_used_up_fails_each_stage_with_the_words_of_the_service(cloud: Cloud) -> None:
    runner, source = cloud.runner(), put(cloud.storage, "export")
    cloud.fault("quota", "CreateProcessingJob")
    with pytest.raises(Refused, match=r"create_processing_job \(ResourceLimitExceeded\).*service limit"):
        runner.run(processing(source), Control())
    runner.run(processing(source), Control())
    cloud.fault("quota", "CreateTrainingJob")
    tuned = runner.tune(tuning(trials=2), Control())
    assert sorted(trial.state for trial in tuned.trials) == ["Completed", "Failed"]
    cloud.fault("quota", "CreateEndpoint ")
    with pytest.raises(Refused, match="ResourceLimitExceeded"):
        cloud.host().deploy("ep", cloud.archive("a"), Resources())


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("capacity", "CapacityError.*processingInstanceType"),
        ("image_pull", "Cannot pull the container image"),
        ("kill", "SIGKILL"),
    ],
)
def test_a_processing_job_that_cannot_be_run_has_failed_with_the_reason(cloud: Cloud, fault: str, text: str) -> None:
    source = put(cloud.storage, "export", {"process": {"sleep_s": 5}} if fault == "kill" else None)
    cloud.fault(fault, "a-preloading-1", seconds=0.1)
    with pytest.raises(JobFailed, match=text):
        cloud.runner().run(processing(source), Control())
    assert list(cloud.storage.list(LAB / "processed")) == []


@pytest.mark.parametrize("fault", ["capacity", "image_pull", "kill"])
def test_a_trial_that_cannot_be_run_fails_alone(cloud: Cloud, fault: str) -> None:
    runner = cloud.runner()
    behaviour = {"train": {"sleep_s": 2}} if fault == "kill" else None
    runner.run(processing(put(cloud.storage, "export", behaviour)), Control())
    cloud.fault(fault, "-001-", seconds=0.1)
    tuned = runner.tune(tuning(trials=2, parallel=2), Control())
    assert [trial.state for trial in tuned.trials] == ["Failed", "Completed"]
    assert tuned.trials[0].reason


@pytest.mark.parametrize("fault", ["slow_start", "slow_download"])
def test_a_slow_job_is_waited_for_and_can_be_cancelled_meanwhile(cloud: Cloud, fault: str) -> None:
    source = put(cloud.storage, "export")
    cloud.fault(fault, "a-preloading-1", seconds=1.5)
    cloud.runner().run(processing(source), Control())
    cloud.fault(fault, "a-preloading-2", seconds=60)
    control = Control()
    threading.Timer(0.5, control.cancelled.set).start()
    with pytest.raises(JobCancelled):
        cloud.runner().run(processing(source, name="a-preloading-2"), control)


def test_an_interrupted_spot_trial_ends_well_and_is_one_job(cloud: Cloud) -> None:
    runner = cloud.runner()
    runner.run(processing(put(cloud.storage, "export", {"train": {"sleep_s": 1}})), Control())
    cloud.fault("interruption", "-001-", seconds=0.3)
    tuned = runner.tune(tuning(trials=1, resources=Resources(spot=True, max_wait_s=120)), Control())
    assert tuned.best.state == "Completed"
    (job,) = cloud.jobs(TRAINING)
    assert "Interrupted" in [step["Status"] for step in job["SecondaryStatusTransitions"]]


def test_a_job_that_somebody_stops_in_the_console_says_so(cloud: Cloud) -> None:
    source = put(cloud.storage, "export", {"process": {"sleep_s": 600}})
    client = cloud.clients.get("sagemaker")

    def stop() -> None:
        until(lambda: cloud.jobs(PROCESSING) and "ProcessingStartTime" in cloud.jobs(PROCESSING)[0])
        client.stop_processing_job(ProcessingJobName="a-preloading-1")

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(JobFailed, match="stopped from outside"):
        cloud.runner().run(processing(source), Control())
    thread.join()


def test_a_job_goes_on_without_its_service_and_is_taken_over(cloud: Cloud) -> None:
    source = put(cloud.storage, "export", {"process": {"sleep_s": 2}})
    control = Control()

    def leave() -> None:
        until(lambda: cloud.jobs(PROCESSING))
        control.leaving.set()
        control.cancelled.set()

    thread = threading.Thread(target=leave)
    thread.start()
    with pytest.raises(JobCancelled):
        cloud.runner().run(processing(source), control)
    thread.join()
    assert cloud.running() == ["a-preloading-1"]
    cloud.runner("second").run(processing(source), Control())
    assert len(cloud.jobs(PROCESSING)) == 1
    assert cloud.storage.exists(LAB / "processed" / "manifest.json")


def test_a_search_whose_service_lost_its_folder_takes_its_trials_over(cloud: Cloud) -> None:
    runner = cloud.runner()
    runner.run(processing(put(cloud.storage, "export")), Control())
    first = runner.tune(tuning(trials=2), Control())
    again = cloud.runner("second").tune(tuning(trials=2), Control())
    assert [trial.value for trial in again.trials] == [trial.value for trial in first.trials]
    assert len(cloud.jobs(TRAINING)) == 2  # nothing was run, or billed, twice


@pytest.mark.parametrize("fault", ["unhealthy", "capacity"])
def test_an_endpoint_that_does_not_come_up_says_why_and_leaves_nothing(cloud: Cloud, fault: str) -> None:
    host = cloud.host()
    cloud.fault(fault, "^ep$")
    with pytest.raises(EndpointStartFailed, match=r"ping health check|CapacityError"):
        host.deploy("ep", cloud.archive("a"), Resources())
    assert host.is_healthy(host.deploy("ep", LAB / "a" / "model.tar.gz", Resources()))
    host.remove("ep")
    client = cloud.clients.get("sagemaker")
    assert client.list_endpoint_configs()["EndpointConfigs"] == client.list_models()["Models"] == []


def test_an_endpoint_that_outlived_its_service_is_taken_over_and_not_made_anew(cloud: Cloud) -> None:
    archive = cloud.archive("a")
    first = cloud.host().deploy("ep", archive, Resources())
    (before,) = cloud.jobs(ENDPOINT)
    second = cloud.host().deploy("ep", archive, Resources())
    (after,) = cloud.jobs(ENDPOINT)
    assert first == second
    assert (before["CreationTime"], before["LastModifiedTime"]) == (after["CreationTime"], after["LastModifiedTime"])
