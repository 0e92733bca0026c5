"""What the emulator says of jobs and endpoints is true when it is said, whatever happens in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from workflow.emulator.app import Door
from workflow.emulator.cloud import OWN_KEY, Cloud, Pace, Threads
from workflow.emulator.containers.hosts import AnyOf
from workflow.emulator.containers.images import Images
from workflow.emulator.control import ControlPlane
from workflow.emulator.errors import ApiError
from workflow.emulator.faults import Faults
from workflow.emulator.hosting.endpoints import Container
from workflow.emulator.moto_server import Environ, StartResponse
from workflow.emulator.records import (
    ENDPOINT,
    EXECUTION,
    PROCESSING,
    TRAINING,
    TRANSFORM,
    TUNING,
    Document,
    Kind,
    Records,
)
from workflow.storage.local import LocalStorage

PATIENCE_S = 60.0
ARN = "arn:aws:sagemaker:us-east-1:000000000000"
STOPS = {
    TRAINING: "StopTrainingJob",
    PROCESSING: "StopProcessingJob",
    TRANSFORM: "StopTransformJob",
    TUNING: "StopHyperParameterTuningJob",
}


class LateRecords(Records):
    """Whoever only reads a record is told what was true a moment ago: the job ran, the endpoint served."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ARN)
        self.before: dict[str, str] = {}
        self._changing = threading.local()

    def change(self, kind: Kind, name: str, decide: Callable[[Document], Mapping[str, Any]]) -> Document:
        self._changing.now = True
        try:
            return super().change(kind, name, decide)
        finally:
            self._changing.now = False

    def get(self, kind: Kind, name: str) -> Document:
        document = super().get(kind, name)
        if not getattr(self._changing, "now", False) and kind.name in self.before:
            document[kind.status_field] = self.before[kind.name]
        return document


class Sent:
    """The log groups, and what is done when a stream is sent."""

    def __init__(self) -> None:
        self.streams: list[str] = []
        self.then: Callable[[], None] = lambda: None

    def send(self, group: str, stream: str, path: Path) -> None:
        self.streams.append(f"{group}/{stream}")
        self.then()


class Bench:
    """A control plane over records of the test."""

    def __init__(self, home: Path) -> None:
        self.records, self.logs, self.threads = LateRecords(home / "records"), Sent(), Threads()
        storage = LocalStorage(home / "s3")
        images, pace = Images.read(home / "images.json", {}), Pace(health_s=1.0)
        self.cloud = Cloud(
            self.records, storage, images, Faults(), home / "work", "us-east-1", "prefix", {}, self.logs, pace
        )
        self.control = ControlPlane(self.cloud, self.threads)

    def add(self, kind: Kind, status: str, **members: Any) -> None:
        members = {kind.status_field: status, **members}
        if kind is TRAINING:
            members["SecondaryStatus"] = status
            members["SecondaryStatusTransitions"] = [{"Status": status, "StartTime": 1.0}]
        self.records.add(kind, {kind.name_field: "one"}, **members)

    def status(self, kind: Kind) -> str:
        return str(Records.get(self.records, kind, "one")[kind.status_field])


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("kind", STOPS, ids=lambda kind: kind.name)
def test_a_job_that_ends_while_it_is_asked_to_stop_stays_ended(bench: Bench, kind: Kind) -> None:
    bench.add(kind, "Completed")
    bench.records.before[kind.name] = "InProgress"
    with pytest.raises(ApiError, match="is in status Completed"):
        bench.control.operations[STOPS[kind]]({kind.name_field: "one"})
    assert bench.status(kind) == "Completed"


@pytest.mark.parametrize("kind", STOPS, ids=lambda kind: kind.name)
def test_a_job_that_runs_is_stopping_once_it_is_asked_to_stop(bench: Bench, kind: Kind) -> None:
    bench.add(kind, "InProgress")
    bench.control.operations[STOPS[kind]]({kind.name_field: "one"})
    assert bench.status(kind) == "Stopping"


def test_an_execution_that_ends_while_it_is_asked_to_stop_stays_ended(bench: Bench) -> None:
    bench.add(EXECUTION, "Succeeded")
    bench.records.before[EXECUTION.name] = "Executing"
    with pytest.raises(ApiError, match="the execution is Succeeded"):
        bench.control.operations["StopPipelineExecution"]({"PipelineExecutionArn": f"{ARN}:pipeline/p/execution/one"})
    assert bench.status(EXECUTION) == "Succeeded"


def test_a_training_job_that_is_stopping_is_not_said_to_be_in_progress_again(bench: Bench) -> None:
    bench.add(TRAINING, "InProgress")
    bench.control.training.stop("one")
    bench.control.training.move("one", "InProgress", "Downloading")  # its thread has not heard it yet
    assert bench.status(TRAINING) == "Stopping"
    bench.control.training.move("one", "Stopped", "Stopped")
    assert bench.status(TRAINING) == "Stopped"


@pytest.mark.parametrize("to", ["Updating", "Deleting"])
def test_an_endpoint_is_changed_by_one_request_at_a_time(bench: Bench, to: str) -> None:
    bench.add(ENDPOINT, to, EndpointConfigName="c", ProductionVariants=[])
    bench.records.before[ENDPOINT.name] = "InService"
    with pytest.raises(ApiError, match=f"in-progress endpoint 'one': it is {to}"):
        bench.control.hosting.scale({"EndpointName": "one", "DesiredWeightsAndCapacities": []})
    assert bench.status(ENDPOINT) == to


def test_an_endpoint_that_is_deleted_while_it_starts_never_serves(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.add(ENDPOINT, "Creating", EndpointConfigName="c")
    hosting, starting, go = bench.control.hosting, threading.Event(), threading.Event()
    seen = []

    def up(*_: Any) -> None:
        starting.set()
        assert go.wait(PATIENCE_S)

    monkeypatch.setattr(hosting, "_start_all", up)
    monkeypatch.setattr(hosting, "_variants", lambda *_: [])
    monkeypatch.setattr(hosting, "_remove", lambda name: seen.append(bench.status(ENDPOINT)))
    bench.threads.start(ENDPOINT, "one", lambda stop: hosting._bring_up("one", stop))
    assert starting.wait(PATIENCE_S)
    deleting = threading.Thread(target=hosting.delete, args=("one",))
    stop = bench.threads._stops[ENDPOINT.name, "one"]
    deleting.start()
    assert stop.wait(PATIENCE_S)
    go.set()  # its containers answer, after it was asked to stop
    deleting.join(PATIENCE_S)
    bench.threads.wait(ENDPOINT, "one", PATIENCE_S)
    assert seen == ["Deleting"]


def test_a_transform_job_has_ended_only_when_its_logs_are_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.add(TRANSFORM, "InProgress")
    container = Container("one", "AllTraffic", bench.cloud.folder, 0)
    monkeypatch.setattr(bench.control.transform, "_attempt", lambda name, job, held, stop: held.append(container))
    seen = []
    bench.logs.then = lambda: seen.append(bench.status(TRANSFORM))
    bench.control.transform._run("one", threading.Event())
    assert (seen, bench.status(TRANSFORM)) == (["InProgress"], "Completed")


def test_a_change_is_decided_by_what_nobody_changes_meanwhile(bench: Bench) -> None:
    bench.add(PROCESSING, "InProgress")
    other = threading.Thread(
        target=bench.records.update, args=(PROCESSING, "one"), kwargs={"ProcessingJobStatus": "Completed"}
    )

    def decide(job: Document) -> Document:
        other.start()
        other.join(0.05)  # it waits for its turn
        assert Records.get(bench.records, PROCESSING, "one") == job
        return {"ProcessingJobStatus": "Stopping"}

    bench.records.change(PROCESSING, "one", decide)
    other.join(PATIENCE_S)
    assert bench.status(PROCESSING) == "Completed"


def test_what_is_started_after_the_end_has_begun_is_asked_to_stop_at_once() -> None:
    threads, told = Threads(), []
    threads.close()
    threads.start(TRAINING, "one", lambda stop: told.append(stop.is_set()))
    threads.wait(TRAINING, "one", PATIENCE_S)
    assert told == [True]


def test_a_thread_that_does_not_end_is_named_and_where_it_is(caplog: pytest.LogCaptureFixture) -> None:
    threads, go = Threads(), threading.Event()
    threads.start(TRAINING, "deaf", lambda _: assert_set(go))
    threads.close(0.0)
    go.set()
    assert "job-TrainingJob-deaf did not end" in caplog.text
    assert "in wait" in caplog.text  # and where it is


def assert_set(event: threading.Event) -> None:
    assert event.wait(PATIENCE_S)


@pytest.mark.parametrize("which", [0, 1])
def test_any_of_two_events_is_heard(which: int) -> None:
    events = threading.Event(), threading.Event()
    either = AnyOf(*events)
    assert not either.is_set()
    assert not either.wait(0.0)
    events[which].set()
    assert either.is_set()
    assert either.wait(0.0)


class Answers:
    """A WSGI application that says who it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [self.name.encode()]


def asked(door: Door, key: str) -> tuple[str, bytes]:
    said = []
    signed = f"AWS4-HMAC-SHA256 Credential={key}/20300101/us-east-1/sagemaker/aws4_request, SignedHeaders=host"
    body = door({"HTTP_AUTHORIZATION": signed}, lambda status, head: said.append(status))
    return said[0], b"".join(body)


def test_until_the_emulator_stands_others_wait_and_it_asks_itself() -> None:
    door, answers = Door(Answers("moto"), PATIENCE_S), list[tuple[str, bytes]]()
    other = threading.Thread(target=lambda: answers.append(asked(door, "somebody")))
    other.start()
    assert asked(door, OWN_KEY) == ("200 OK", b"moto")
    assert answers == []
    door.open(Answers("front"))
    other.join(PATIENCE_S)
    assert answers == [("200 OK", b"front")]
    assert asked(door, OWN_KEY) == ("200 OK", b"front")


def test_an_emulator_that_does_not_come_to_stand_is_not_available() -> None:
    assert asked(Door(Answers("moto"), 0.0), "somebody") == ("503 Service Unavailable", b"")
