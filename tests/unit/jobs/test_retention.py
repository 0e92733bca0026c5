"""What is removed is old, ended, and built on by nothing that lives."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

from workflow.jobs.model import JobKind, JobRecord
from workflow.jobs.retention import DAY_MS, Retention, builds_on, removable, uploads
from workflow.jobs.store import JobStore
from workflow.runners.base import Control
from workflow.storage import S3Uri
from workflow.storage.local import LocalStorage


def job(kind: JobKind, id: str, state: str = "Completed", ended_ms: int | None = 1, **request: Any) -> JobRecord:
    names = {"name": f"{id}-name", "output": f"s3://lab/{id}-name/out"} if kind != "endpoints" else {"name": id}
    return JobRecord(kind, id, state, 0, 0, request, names, ended_ms=ended_ms)  # type: ignore[arg-type]


def ids(jobs: list[JobRecord]) -> set[str]:
    return {job.id for job in jobs}


def chain() -> list[JobRecord]:
    return [
        job("export", "ex", "succeeded"),
        job("dataprocessing", "dp", inputDataS3Location="s3://lab/ex-name/out/sub"),
        job("modeltraining", "tr", dataProcessingJobId="dp"),
        job("endpoints", "ep", "InService", None, mlModelTrainingJobId="tr"),
    ]


def test_what_an_endpoint_was_made_of_stays() -> None:
    assert removable(chain(), 100) == []


def test_without_the_endpoint_all_of_it_goes() -> None:
    assert ids(removable(chain()[:-1], 100)) == {"ex", "dp", "tr"}


def test_what_is_young_or_unfinished_keeps_what_it_builds_on() -> None:
    ex, dp, tr, _ = chain()
    young = job("modeltraining", "young", ended_ms=500, dataProcessingJobId="dp")
    assert ids(removable([ex, dp, tr, young], 100)) == {"tr"}
    running = job("dataprocessing", "next", "InProgress", None, previousDataProcessingJobId="dp")
    assert ids(removable([ex, dp, tr, running], 100)) == {"tr"}


def test_a_transform_of_one_trial_needs_the_training_that_made_it() -> None:
    training = JobRecord("modeltraining", "tr", "Completed", 0, 0, {}, {"output": "s3://b/t/o"},
                         {"trials": [{"name": "trial-3"}]}, ended_ms=1)  # fmt: skip
    transform = job("modeltransform", "tf", "InProgress", None, trainingJobName="trial-3")
    assert builds_on(transform, [training, transform]) == {("modeltraining", "tr")}
    assert removable([training, transform], 100) == []


@pytest.mark.parametrize("seed", range(200))
def test_nothing_that_a_live_job_or_endpoint_reaches_is_ever_removed(seed: int) -> None:
    chance = random.Random(seed)
    jobs: list[JobRecord] = []
    for n in range(chance.randint(1, 25)):
        done = [one for one in jobs if one.kind != "endpoints"]
        kinds: list[JobKind] = ["export", "dataprocessing", "modeltraining", "modeltransform", "endpoints"]
        kind = chance.choice(kinds)
        request: dict[str, Any] = {}
        for other in chance.sample(done, min(len(done), chance.randint(0, 2))):
            request |= {
                "export": {"inputDataS3Location": other.names["output"]},
                "dataprocessing": {"dataProcessingJobId": other.id},
                "modeltraining": {"mlModelTrainingJobId": other.id},
                "modeltransform": {"mlModelTransformJobId": other.id},
            }[other.kind]
        states = {"endpoints": ["InService", "Creating"], "export": ["succeeded", "running"]}
        state = chance.choice(states.get(kind, ["Completed", "Failed", "InProgress"]))
        ended = chance.choice([1, 500]) if state in ("Completed", "Failed", "succeeded") else None
        jobs.append(job(kind, f"j{n}", state, ended, **request))
    gone = {(one.kind, one.id) for one in removable(jobs, 100)}
    # by hand: walk from everything that lives
    reached = {(one.kind, one.id) for one in jobs if one.ended_ms is None or one.ended_ms >= 100}
    while more := {key for one in jobs if (one.kind, one.id) in reached for key in builds_on(one, jobs)} - reached:
        reached |= more
    assert gone.isdisjoint(reached)
    assert gone == {(one.kind, one.id) for one in jobs} - reached


def load(id: str, source: str, state: str = "LOAD_COMPLETED", ended_ms: int | None = 1) -> JobRecord:
    return JobRecord("load", id, state, 0, 0, {}, {"graph": "g", "source": source}, ended_ms=ended_ms)  # type: ignore[arg-type]


TOKEN = "s3://lab/load/0123456789abcdef0123456789abcdef"


def test_what_a_client_uploaded_for_a_load_goes_and_what_was_there_before_stays() -> None:
    own = load("own", "s3://lab/load/my-graph")
    assert uploads([load("up", TOKEN), own, load("deeper", f"{TOKEN}/more")], 100) == [load("up", TOKEN)]


@pytest.mark.parametrize("other", [load("b", TOKEN, ended_ms=500), load("b", TOKEN, "LOAD_IN_PROGRESS", None)])
def test_an_upload_that_a_young_or_running_load_reads_stays(other: JobRecord) -> None:
    assert uploads([load("a", TOKEN), other], 100) == []


def test_the_files_of_an_old_upload_are_removed_once(tmp_path: Path) -> None:
    storage, store = LocalStorage(tmp_path / "s3"), JobStore(None)
    for place in (TOKEN, "s3://lab/load/my-graph"):
        storage.write(S3Uri.parse(place) / "nodes.csv", b"12345")
        store.add(load(place, place, ended_ms=0))
    retention = Retention(store, {}, storage, tmp_path)
    (planned,) = retention.plan(30, now_ms=40 * DAY_MS)
    assert (planned.what, planned.name, planned.size_bytes) == ("upload", TOKEN, 5)
    assert retention.remove([planned]) == 5
    assert [str(info.uri) for info in storage.list(S3Uri("lab", ""))] == ["s3://lab/load/my-graph/nodes.csv"]
    assert retention.plan(30, now_ms=40 * DAY_MS) == []


class Cleaner:
    def __init__(self, storage: LocalStorage) -> None:
        self.storage = storage

    def run(self, job: JobRecord, control: Control) -> Any: ...

    def is_ready(self, job: JobRecord) -> bool:
        return True

    def clear(self, job: JobRecord) -> None: ...

    def clean(self, job: JobRecord) -> None:
        self.storage.delete(S3Uri("lab", f"{job.id}-name"))


def test_files_logs_and_demos_go_and_the_record_says_so(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "s3")
    store = JobStore(None)
    for id in ("old", "new"):
        storage.write(S3Uri("lab", f"{id}-name/out/data"), b"12345")
    store.add(job("dataprocessing", "old", ended_ms=0))
    store.add(job("dataprocessing", "new", ended_ms=40 * DAY_MS))
    (tmp_path / "logs").mkdir()
    for name in ("old-name.log", "new-name.log"):
        (tmp_path / "logs" / name).write_text("abc")
    (tmp_path / "demo/social-1").mkdir(parents=True)
    (tmp_path / "demo/social-1/x").write_text("1234567")
    for path in (tmp_path / "logs/old-name.log", tmp_path / "logs/new-name.log", tmp_path / "demo/social-1"):
        os.utime(path, (0, 0))
    retention = Retention(store, {"dataprocessing": Cleaner(storage)}, storage, tmp_path)
    planned = retention.plan(30, now_ms=50 * DAY_MS)
    assert [(one.what, one.name, one.size_bytes) for one in planned] == [
        ("dataprocessing", "old", 5),
        ("log", "old-name.log", 3),
        ("demo", "social-1", 7),
    ]
    assert storage.exists(S3Uri("lab", "old-name/out/data"))  # a plan changes nothing
    assert retention.remove(planned) == 15
    assert not storage.exists(S3Uri("lab", "old-name/out/data"))
    assert storage.exists(S3Uri("lab", "new-name/out/data"))
    assert store.get("dataprocessing", "old").cleaned
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["new-name.log"]
    assert not (tmp_path / "demo/social-1").exists()
    assert retention.plan(30, now_ms=50 * DAY_MS) == []
    store.close()


def test_what_came_into_use_after_the_plan_is_passed_over(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path / "s3")
    storage.write(S3Uri("lab", "old-name/out/data"), b"12345")
    store = JobStore(None)
    store.add(job("dataprocessing", "old", ended_ms=0))
    retention = Retention(store, {"dataprocessing": Cleaner(storage)}, storage, tmp_path)
    planned = retention.plan(30, now_ms=50 * DAY_MS)
    store.add(job("modeltraining", "tr", "InProgress", None, dataProcessingJobId="old"))
    assert retention.remove(planned) == 0
    assert storage.exists(S3Uri("lab", "old-name/out/data"))
    store.close()
