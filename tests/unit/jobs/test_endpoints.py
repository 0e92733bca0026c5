"""Endpoints come up, come back, give up and go away as their records say, whatever their processes do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workflow.errors import EndpointStartFailed
from workflow.jobs import endpoints as room
from workflow.jobs.endpoints import MAX_CRASHES, Endpoints
from workflow.jobs.model import Job
from workflow.jobs.store import JobStore, UnknownJob
from workflow.predictions.base import EndpointProcess
from workflow.runners.bundle import pack
from workflow.storage.local import LocalStorage


class Host:
    """An endpoint host whose processes do what the test says."""

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.running: set[int] = set()
        self.sick: set[int] = set()
        self.always_sick = False
        self.hold = threading.Event()
        self.hold.set()

    def start(self, model_dir: Path, name: str) -> EndpointProcess:
        model = json.loads((model_dir / "model.json").read_text())
        assert self.hold.wait(20)
        if model.get("broken"):
            raise EndpointStartFailed(name, "the process ended with exit code 1", "cannot load")
        self.started.append(model)
        pid = len(self.started)
        self.running.add(pid)
        return EndpointProcess(name, f"http://127.0.0.1:{pid}", pid, Path("endpoint.log"))

    def stop(self, process: EndpointProcess) -> None:
        self.running.discard(process.pid)

    def is_healthy(self, process: EndpointProcess) -> bool:
        return not self.always_sick and process.pid not in self.sick

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
def endpoints(store: JobStore, host: Host, tmp_path: Path) -> Iterator[Endpoints]:
    endpoints = Endpoints(store, LocalStorage(tmp_path / "s3"), host, tmp_path / "endpoints")
    yield endpoints
    endpoints.close()


def archive(tmp_path: Path, name: str, **model: Any) -> str:
    folder = tmp_path / f"model-{name}"
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps({"id": name, **model}))
    pack(folder, tmp_path / "s3" / "lab" / name / "model.tar.gz")
    return f"s3://lab/{name}/model.tar.gz"


def endpoint(model: str, state: Any = "Creating", **result: Any) -> Job:
    names = {"name": "ep-endpoint", "config": "ep-config"}
    return Job("endpoints", "ep", state, 1, 1, {"modelArchive": model}, names, result)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def state(store: JobStore) -> str:
    return store.get("endpoints", "ep").state


def test_an_endpoint_is_found_by_id_and_by_name_with_its_model(
    store: JobStore, endpoints: Endpoints, tmp_path: Path
) -> None:
    store.add(endpoint(archive(tmp_path, "a")))
    endpoints.recover()
    wait_for(lambda: state(store) == "InService")
    wait_for(lambda: endpoints.find("ep"))
    for name in ("ep", "ep-endpoint"):
        record = endpoints.find(name)
        assert record is not None
        assert record.description["id"] == "a"
    assert endpoints.find("other") is None


def test_one_that_crashes_is_started_again_and_given_up_in_the_end(
    store: JobStore, endpoints: Endpoints, host: Host, tmp_path: Path
) -> None:
    store.add(endpoint(archive(tmp_path, "a")))
    endpoints.recover()
    wait_for(lambda: endpoints.find("ep"))
    host.sick.add(1)
    wait_for(lambda: len(host.started) == 2 and endpoints.is_serving("ep"))
    assert state(store) == "InService"
    host.always_sick = True
    wait_for(lambda: state(store) == "Failed")
    assert f"crashed {MAX_CRASHES} times" in (store.get("endpoints", "ep").failure or "")
    assert endpoints.find("ep") is None
    assert len(host.started) <= MAX_CRASHES + 2


def test_one_that_is_deleted_while_it_starts_leaves_nothing(
    store: JobStore, endpoints: Endpoints, host: Host, tmp_path: Path
) -> None:
    store.add(endpoint(archive(tmp_path, "a")))
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

    wait_for(gone)
    wait_for(lambda: not host.running)
    assert endpoints.find("ep") is None
    assert not (tmp_path / "endpoints" / "ep-endpoint").exists()


def test_an_update_replaces_the_process_and_its_folder(
    store: JobStore, endpoints: Endpoints, host: Host, tmp_path: Path
) -> None:
    store.add(endpoint(archive(tmp_path, "a")))
    endpoints.recover()
    wait_for(lambda: endpoints.find("ep"))
    updated = {"modelArchive": archive(tmp_path, "b")}
    endpoints.submit(store.move("endpoints", "ep", "Updating", request=updated, result={"generation": 1, "before": {}}))
    wait_for(lambda: (found := endpoints.find("ep")) and found.description["id"] == "b")
    wait_for(lambda: host.running == {2})
    wait_for(lambda: [path.name for path in (tmp_path / "endpoints" / "ep-endpoint").iterdir()] == ["1"])


def test_a_broken_update_that_a_restart_interrupted_goes_back_to_the_model_before(
    store: JobStore, endpoints: Endpoints, tmp_path: Path
) -> None:
    before = {"request": {"modelArchive": archive(tmp_path, "a")}, "generation": 0}
    broken = archive(tmp_path, "b", broken=True)
    store.add(endpoint(broken, "Updating", generation=1, before=before))
    endpoints.recover()
    wait_for(lambda: (found := endpoints.find("ep")) and found.description["id"] == "a")
    job = store.get("endpoints", "ep")
    assert job.state == "InService"
    assert "the model before it still serves" in (job.failure or "")
    assert "cannot load" in (job.failure or "")


def test_a_deletion_that_a_restart_interrupted_is_finished(
    store: JobStore, endpoints: Endpoints, tmp_path: Path
) -> None:
    store.add(endpoint(archive(tmp_path, "a"), "Deleting"))
    endpoints.recover()
    wait_for(lambda: store.find("endpoints", "ep") is None)


def test_a_model_that_is_gone_is_named(store: JobStore, endpoints: Endpoints) -> None:
    store.add(endpoint("s3://lab/gone/model.tar.gz"))
    endpoints.recover()
    wait_for(lambda: state(store) == "Failed")
    assert "s3://lab/gone/model.tar.gz" in (store.get("endpoints", "ep").failure or "")
