"""Endpoints come up, come back, give up and go away as their records say, whatever their processes do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.waiting import until
from workflow.endpoints import service as room
from workflow.endpoints.host import Deployment
from workflow.endpoints.service import MAX_CRASHES, Endpoints
from workflow.errors import EndpointStartFailed
from workflow.jobs.model import JobRecord
from workflow.jobs.store import JobStore, UnknownJob
from workflow.runners.base import Resources
from workflow.storage import ObjectNotFound, S3Uri


class Host:
    """An endpoint host whose deployments do what the test says; a model is the text at its address."""

    chosen = False

    def __init__(self) -> None:
        self.started: list[str] = []
        self.asked: list[Resources] = []
        self.running: dict[str, str] = {}
        self.sick: set[str] = set()
        self.always_sick = False
        self.elsewhere: dict[str, Deployment] = {}
        self.looked_up: list[str] = []
        self.hold = threading.Event()
        self.hold.set()

    def deploy(self, name: str, archive: S3Uri, resources: Resources) -> Deployment:
        assert self.hold.wait(20)
        model = archive.key.partition("/")[0]
        if model == "gone":
            raise ObjectNotFound(archive)
        if model == "broken":
            raise EndpointStartFailed(name, "the process ended with exit code 1", "cannot load")
        self.started.append(model)
        self.asked.append(resources)
        handle = str(len(self.started))
        self.running[handle] = name
        return Deployment(name, f"http://127.0.0.1:{handle}", archive, handle, "endpoint.log", {"id": model})

    def withdraw(self, deployment: Deployment) -> None:
        self.running.pop(deployment.handle, None)

    def remove(self, name: str) -> None:
        self.running = {handle: other for handle, other in self.running.items() if other != name}

    def look_up(self, name: str) -> Deployment | None:
        self.looked_up.append(name)
        return self.elsewhere.get(name)

    def is_healthy(self, deployment: Deployment) -> bool:
        return not self.always_sick and deployment.handle not in self.sick

    def close(self) -> None:
        self.running.clear()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_WATCH_S", 0.01)


@pytest.fixture
def store() -> Iterator[JobStore]:
    store = JobStore(None)
    yield store
    store.close()


@pytest.fixture
def host() -> Host:
    return Host()


@pytest.fixture
def endpoints(store: JobStore, host: Host) -> Iterator[Endpoints]:
    endpoints = Endpoints(store, host)
    yield endpoints
    endpoints.close()


def endpoint(model: str, state: Any = "Creating", **result: Any) -> JobRecord:
    names = {"name": "ep-endpoint", "config": "ep-config"}
    return JobRecord("endpoints", "ep", state, 1, 1, request(model), names, result)


def request(model: str) -> dict[str, Any]:
    asked = {"mlModelTrainingJobId": "t", "instanceType": "ml.m5.large", "instanceCount": 2}
    return {**asked, "modelArchive": f"s3://lab/{model}/model.tar.gz"}


def state(store: JobStore) -> str:
    return store.get("endpoints", "ep").state


def test_an_endpoint_is_found_by_id_and_by_name_with_its_model(store: JobStore, endpoints: Endpoints) -> None:
    store.add(endpoint("a"))
    endpoints.recover()
    until(lambda: state(store) == "InService")
    until(lambda: endpoints.find("ep"))
    for name in ("ep", "ep-endpoint"):
        record = endpoints.find(name)
        assert record is not None
        assert record.description["id"] == "a"
    assert endpoints.find("other") is None


def test_an_endpoint_is_deployed_on_what_its_request_names(store: JobStore, endpoints: Endpoints, host: Host) -> None:
    store.add(endpoint("a"))
    endpoints.recover()
    until(lambda: host.asked)
    assert host.asked == [Resources("ml.m5.large", instance_count=2)]


def test_one_that_crashes_is_started_again_and_given_up_in_the_end(
    store: JobStore, endpoints: Endpoints, host: Host
) -> None:
    store.add(endpoint("a"))
    endpoints.recover()
    until(lambda: endpoints.find("ep"))
    host.sick.add("1")
    until(lambda: len(host.started) == 2 and endpoints.is_serving("ep"))
    assert state(store) == "InService"
    host.always_sick = True
    until(lambda: state(store) == "Failed")
    assert f"crashed {MAX_CRASHES} times" in (store.get("endpoints", "ep").failure or "")
    assert endpoints.find("ep") is None
    assert len(host.started) <= MAX_CRASHES + 2


def test_one_that_is_deleted_while_it_starts_leaves_nothing(store: JobStore, endpoints: Endpoints, host: Host) -> None:
    store.add(endpoint("a"))
    host.hold.clear()
    endpoints.submit(store.get("endpoints", "ep"))
    endpoints.delete(store.move("endpoints", "ep", "Deleting"), clean=False)
    host.hold.set()

    def gone() -> bool:
        try:
            store.get("endpoints", "ep")
        except UnknownJob:
            return True
        return False

    until(gone)
    until(lambda: not host.running)
    assert endpoints.find("ep") is None


def test_an_update_withdraws_the_deployment_before_it(store: JobStore, endpoints: Endpoints, host: Host) -> None:
    store.add(endpoint("a"))
    endpoints.recover()
    until(lambda: endpoints.find("ep"))
    endpoints.submit(store.move("endpoints", "ep", "Updating", request=request("b"), result={"before": {}}))
    until(lambda: (found := endpoints.find("ep")) and found.description["id"] == "b")
    until(lambda: list(host.running) == ["2"])


def test_a_broken_update_that_a_restart_interrupted_goes_back_to_the_model_before(
    store: JobStore, endpoints: Endpoints
) -> None:
    store.add(endpoint("broken", "Updating", before={"request": request("a")}))
    endpoints.recover()
    until(lambda: (found := endpoints.find("ep")) and found.description["id"] == "a")
    job = store.get("endpoints", "ep")
    assert job.state == "InService"
    assert "the model before it still serves" in (job.failure or "")
    assert "cannot load" in (job.failure or "")


def test_a_deletion_that_a_restart_interrupted_is_finished(store: JobStore, endpoints: Endpoints) -> None:
    store.add(endpoint("a", "Deleting"))
    endpoints.recover()
    until(lambda: store.find("endpoints", "ep") is None)


def test_a_model_that_is_gone_is_named(store: JobStore, endpoints: Endpoints) -> None:
    store.add(endpoint("gone"))
    endpoints.recover()
    until(lambda: state(store) == "Failed")
    assert "s3://lab/gone/model.tar.gz" in (store.get("endpoints", "ep").failure or "")


def test_an_endpoint_of_somebody_else_is_looked_up_and_known_for_a_while(
    store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host()
    endpoints = Endpoints(store, host)
    place = S3Uri("lab", "other/model.tar.gz")
    host.elsewhere["other"] = Deployment("other", "http://cloud/endpoints/other", place, "c", "log", {"id": "m"})
    first = endpoints.find("other")
    assert first is not None
    assert (first.id, first.url, first.description) == ("other", "http://cloud/endpoints/other", {"id": "m"})
    assert endpoints.find("other") is first
    assert endpoints.find("nobody") is None
    assert endpoints.find("nobody") is None
    assert host.looked_up == ["other", "nobody"]
    monkeypatch.setattr(room, "_KNOWN_S", -1.0)
    assert endpoints.find("other") is first  # looked up again, and the same
    del host.elsewhere["other"]
    assert endpoints.find("other") is None


def test_what_is_known_of_endpoints_of_others_stays_bounded(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_MOST_OTHERS", 3)
    for number in range(10):
        assert endpoints.find(f"other-{number}") is None
        assert len(endpoints._others) <= 3


def test_an_endpoint_that_is_said_to_serve_is_found_by_its_name(endpoints: Endpoints, store: JobStore) -> None:
    found = []

    class Live(dict[str, Any]):
        def __setitem__(self, job_id: str, live: Any) -> None:
            super().__setitem__(job_id, live)
            found.append(endpoints.is_serving(job_id) and endpoints.find("ep-endpoint") is not None)

    endpoints._live = Live()
    job = endpoint("first")
    store.add(job)
    endpoints.submit(job)
    until(lambda: found)
    assert found == [True]
