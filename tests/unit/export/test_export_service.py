"""Export jobs: durable, whole or absent."""

from __future__ import annotations

import errno
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from workflow.errors import ExportJobNotFound, InvalidParameter, StorageError
from workflow.export import write_export
from workflow.storage import S3Uri
from workflow.storage.local import LocalStorage

BODY = {"command": "export-pg", "outputS3Path": "s3://lab/exports", "additionalParams": {"neptune_ml": {}}}


class Gate:
    """A graph that waits in the middle of being read."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self.entered, self.open = threading.Event(), threading.Event()

    @contextmanager
    def snapshot(self) -> Iterator[Any]:
        self.entered.set()
        self.open.wait(30)
        with self._graph.snapshot() as snapshot:
            yield snapshot


def test_an_export_appears_under_the_local_time(bench: Any) -> None:
    started = bench.service.start(BODY)
    assert started["jobName"].startswith(f"neptune-export-{started['jobId'][:8]}-")
    status = bench.wait(started["jobId"])
    assert status["status"] == "succeeded"
    assert status["outputS3Uri"] == "s3://lab/exports/20260105_100000"
    assert status["stats"]["nodes"] == 1
    assert (bench.home / "s3/lab/exports/20260105_100000/nodes/A.consolidated.csv").exists()
    assert not list((bench.home / "work").iterdir())


def test_a_full_disk_is_said_to_be_full(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_space(*arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("workflow.jobs.exports.write_export", no_space)
    status = bench.wait(bench.service.start(BODY)["jobId"])
    assert status["failureReason"] == "the disk is full; free some space and start the job again"


def test_storage_on_another_disk_gets_the_export_whole(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.parent != target.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    output = bench.wait(bench.service.start(BODY)["jobId"])["outputS3Uri"]
    folder = bench.home / "s3" / output.removeprefix("s3://")
    assert (folder / "nodes/A.consolidated.csv").exists()
    assert [one.name for one in folder.parent.iterdir()] == [folder.name]


@pytest.mark.parametrize("another_disk", [False, True])
def test_an_export_is_on_the_disk_before_it_has_succeeded(
    bench: Any, monkeypatch: pytest.MonkeyPatch, another_disk: bool
) -> None:
    synced: set[int] = set()
    fsync, rename = os.fsync, Path.rename

    def noted(handle: int) -> None:
        fsync(handle)
        synced.add(os.fstat(handle).st_ino)

    def refuse(self: Path, target: Path) -> Path:
        if another_disk and self.parent != target.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "rename", refuse)
    assert bench.wait(bench.service.start(BODY)["jobId"])["status"] == "succeeded"
    below = [bench.home / "s3", *(bench.home / "s3").rglob("*")]
    assert len(below) > 5
    assert [str(path) for path in below if path.stat().st_ino not in synced] == []


class FarStorage(LocalStorage):
    """Storage that is no folder of this machine, and may break off in the middle."""

    broken = False

    def encrypting(self, key: str | None) -> Any:
        return self

    def local_path(self, uri: S3Uri) -> Path | None:
        return None

    def upload(self, folder: Path, prefix: S3Uri) -> int:
        if not self.broken:
            return super().upload(folder, prefix)
        self.write(prefix / "nodes/half.csv", b"")
        raise StorageError("the connection broke off")


def test_an_export_to_remote_storage_is_uploaded_or_leaves_nothing(bench: Any) -> None:
    far = FarStorage(bench.home / "s3")
    bench.close()
    bench.storage = far
    bench.open()
    output = S3Uri.parse(bench.wait(bench.service.start(BODY)["jobId"])["outputS3Uri"])
    names = [one.uri.relative_to(output) for one in far.list(output)]
    assert names == ["config.json", "nodes/A.consolidated.csv", "stats.json", "training-data-configuration.json"]
    far.broken = True
    status = bench.wait(bench.service.start({**BODY, "outputS3Path": "s3://lab/second"})["jobId"])
    assert status["failureReason"] == "the connection broke off"
    assert list(far.list(S3Uri.parse("s3://lab/second"))) == []


def test_two_exports_in_one_second_get_folders_of_their_own(bench: Any) -> None:
    jobs = [bench.service.start(BODY)["jobId"] for _ in range(2)]
    assert [bench.wait(job)["outputS3Uri"][-6:] for job in jobs] == ["100000", "100001"]
    assert bench.service.list() == jobs[::-1]


def test_a_failure_says_why_and_leaves_nothing(bench: Any) -> None:
    target = {"targets": [{"node": "B", "property": "x", "type": "classification"}]}
    job = bench.service.start({**BODY, "additionalParams": {"neptune_ml": target}})["jobId"]
    status = bench.wait(job)
    assert status["status"] == "failed"
    assert "these exist: A" in status["failureReason"]
    assert not (bench.home / "s3/lab").exists()


def test_a_job_that_a_stop_broke_off_is_finished_after_the_restart(bench: Any, graph: Any) -> None:
    gate = Gate(graph)
    bench.graph = gate
    job = bench.service.start(BODY)["jobId"]
    assert gate.entered.wait(30)
    assert bench.service.status(job)["status"] == "running"
    threading.Timer(0.1, gate.open.set).start()  # while the service waits for what it has broken off
    bench.close()
    bench.open()
    assert bench.service.status(job)["status"] == "running"
    assert not (bench.home / "s3/lab").exists()
    bench.graph = graph
    bench.service.start_work()
    assert bench.wait(job)["status"] == "succeeded"


def test_a_job_killed_after_publishing_succeeds_again(bench: Any) -> None:
    job = bench.service.start(BODY)["jobId"]
    first = bench.wait(job)
    bench.store._connection.execute("UPDATE jobs SET state = 'running', result = '{}'")
    bench.service.start_work()
    again = bench.wait(job)
    assert {**again, "details": 0} == {**first, "details": 0}
    assert again["details"]["size_bytes"] == first["details"]["size_bytes"] > 0
    assert again["details"]["ended_ms"] > first["details"]["ended_ms"]


def test_a_cancelled_job_ends_and_publishes_nothing(bench: Any, graph: Any) -> None:
    gate = Gate(graph)
    bench.graph = gate
    job = bench.service.start(BODY)["jobId"]
    assert gate.entered.wait(30)
    assert bench.service.cancel(job)["status"] == "failed"
    gate.open.set()
    bench.close()
    assert not (bench.home / "s3/lab").exists()
    bench.open()
    assert "cancelled" in bench.service.status(job)["failureReason"]


@pytest.mark.parametrize("output", ["s3://lab/exports", "s3://whole-bucket"])
def test_an_existing_folder_is_only_overwritten_on_request(bench: Any, output: str) -> None:
    body = {**BODY, "createExportSubdirectory": False, "outputS3Path": output}
    assert bench.wait(bench.service.start(body)["jobId"])["outputS3Uri"] == output
    with pytest.raises(InvalidParameter, match="S3 destination contains existing objects"):
        bench.service.start(body)
    again = bench.service.start({**body, "overwriteExisting": "TRUE"})["jobId"]
    assert bench.wait(again)["status"] == "succeeded"


def test_an_export_of_a_chosen_id_takes_the_place_of_its_own_files_and_of_no_others(bench: Any) -> None:
    theirs = bench.home / "s3/lab/exports/models/model.tar.gz"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"a month of training")
    # neptune_ml exports name their folders by the time
    plain = {"command": "export-pg", "outputS3Path": "s3://lab/exports", "params": {"exportId": "models"}}
    for overwrite in (False, True):  # which is for exports without a folder of their own
        with pytest.raises(InvalidParameter, match=r"S3 destination contains existing objects.*another 'exportId'"):
            bench.service.start({**plain, "overwriteExisting": overwrite})
    assert theirs.read_bytes() == b"a month of training"
    own = {**plain, "params": {"exportId": "mine"}}
    for _ in range(2):
        assert bench.wait(bench.service.start(own)["jobId"])["outputS3Uri"] == "s3://lab/exports/mine"


def test_a_completion_file_is_written_when_asked_for(bench: Any) -> None:
    body = {**BODY, "completionFileS3Path": "s3://lab/done.json", "completionFilePayload": {"mine": 1}}
    job = bench.service.start(body)["jobId"]
    output = bench.wait(job)["outputS3Uri"]
    text = (bench.home / "s3/lab/done.json").read_text()
    assert output in text
    assert '"mine": 1' in text


@pytest.mark.parametrize("address", ["s3://lab", "/tmp/done.json", "s3://lab/folder/"])
def test_a_completion_file_that_cannot_be_written_is_refused_before_the_export(bench: Any, address: str) -> None:
    with pytest.raises(InvalidParameter, match="'completionFileS3Path' must be the address of a file below s3://"):
        bench.service.start({**BODY, "completionFileS3Path": address})


FILTER_FILE = S3Uri.parse("s3://lab/f.json")
NAMED = {"params": {"filterConfigFile": "s3://lab/f.json"}}


@pytest.mark.parametrize("named", [NAMED, {"command": "export-pg-from-config", "configFileS3Path": "s3://lab/f.json"}])
def test_a_filter_file_is_read_when_the_export_is_asked_for(bench: Any, named: dict[str, Any]) -> None:
    bench.storage.write(FILTER_FILE, b'{"nodes": [{"label": "A", "properties": []}]}')
    gate = Gate(bench.graph)
    bench.graph = gate
    job = bench.service.start({**BODY, **named})["jobId"]
    # what is in the file later changes nothing
    bench.storage.write(FILTER_FILE, b'{"nodes": []}')
    gate.open.set()
    output = S3Uri.parse(bench.wait(job)["outputS3Uri"])
    assert bench.storage.read(output / "nodes/A.consolidated.csv") == b'~id,~label\n"1","A"\n'


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "the filter file cannot be read: there is nothing at s3://lab/f.json"),
        (b"{", "the filter file s3://lab/f.json is not JSON"),
        (b"[]", "'filter' must be an object"),
        (b'{"nodes": [{"labels": "A"}]}', "'filter.nodes' must be an array of objects with a 'label'"),
    ],
)
def test_a_wrong_filter_file_is_refused_at_once(bench: Any, content: bytes | None, text: str) -> None:
    if content is not None:
        bench.storage.write(FILTER_FILE, content)
    with pytest.raises(InvalidParameter, match=text):
        bench.service.start({**BODY, **NAMED})


def test_a_tag_stands_before_the_name_of_the_folder(bench: Any) -> None:
    plain = {"outputS3Path": "s3://lab/exports", "params": {"exportId": "mine", "tag": "daily"}}
    assert bench.wait(bench.service.start(plain)["jobId"])["outputS3Uri"] == "s3://lab/exports/daily-mine"
    timed = bench.service.start({**BODY, "params": {"tag": "daily"}})["jobId"]
    assert bench.wait(timed)["outputS3Uri"] == "s3://lab/exports/daily-20260105_100000"


def test_the_last_event_is_written_where_a_change_log_is_kept(
    bench: Any, graph: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**BODY, "params": {"includeLastEventId": True}}
    assert "of this graph no change log is kept" in bench.wait(bench.service.start(body)["jobId"])["warnings"][0]
    monkeypatch.setattr(graph, "last_event", lambda: (7, 2))
    output = S3Uri.parse(bench.wait(bench.service.start(body)["jobId"])["outputS3Uri"])
    assert json.loads(bench.storage.read(output / "lastEventId.json")) == {"commitNum": 7, "opNum": 2}


def test_progress_has_the_members_that_the_other_jobs_tell_it_in(
    bench: Any, export: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []

    def listened(source: Any, request: Any, folder: Path, report: Any) -> Any:
        def tell(progress: Any) -> None:
            report(progress)
            (running,) = bench.service.list()
            told.append(bench.service.status(running)["progress"])

        return write_export(source, request, folder, tell)

    monkeypatch.setattr("workflow.jobs.exports.write_export", listened)
    bench.graph = export.Graph([export.node(str(number), "A", x=number) for number in range(1500)], [])
    assert "progress" not in bench.wait(bench.service.start(BODY)["jobId"])
    # a report every 1000 elements, one at the end of a pass, one a file that is checked
    assert [(one["phase"], one["step"], one["total"]) for one in told] == [
        ("counting", 0, 0),
        ("writing", 1000, 1500),
        ("writing", 1500, 1500),
        ("writing", 1500, 1500),
        ("checking", 0, 1),
    ]
    assert [one["eta_s"] is not None for one in told] == [False, True, False, False, False]
    assert told[1]["eta_s"] >= 0
    assert told[0].keys() == {"phase", "step", "total", "metric", "eta_s"}


def test_an_export_that_the_storage_kept_in_part_names_what_is_missing(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = FarStorage(bench.home / "s3")
    bench.close()
    bench.storage = far
    bench.open()

    def forgetful(folder: Path, prefix: S3Uri) -> int:
        count = LocalStorage.upload(far, folder, prefix)
        far.delete(prefix / "nodes/A.consolidated.csv")
        far.write(prefix / "stats.json", b"{")
        return count

    monkeypatch.setattr(far, "upload", forgetful)
    reason = bench.wait(bench.service.start(BODY)["jobId"])["failureReason"]
    assert list(far.list(S3Uri.parse("s3://lab/exports"))) == []
    assert reason == (
        "the export at s3://lab/exports/20260105_100000 is not complete: nodes/A.consolidated.csv, stats.json missing "
        "or cut short; export again"
    )


@pytest.mark.parametrize(
    ("params", "host", "found"),
    [
        ({}, None, True),
        ({"endpoint": "localhost"}, None, True),
        ({"endpoint": "http://127.0.0.1:8182/"}, None, True),
        ({"endpoint": "my.cluster"}, "my.cluster", True),
        ({"graph": "other"}, None, True),
        ({"endpoint": "elsewhere"}, "my.cluster", False),
        ({"graph": "nothing"}, None, False),
    ],
)
def test_only_graphs_the_operator_opened_are_read(
    bench: Any, params: dict[str, str], host: str | None, found: bool
) -> None:
    body = {**BODY, "params": params}
    if found:
        assert bench.wait(bench.service.start(body, host)["jobId"])["status"] == "succeeded"
    else:
        with pytest.raises(InvalidParameter, match=r"known hosts: localhost|these exist: g, gother"):
            bench.service.start(body, host)


def test_an_unknown_job_is_named(bench: Any) -> None:
    with pytest.raises(ExportJobNotFound, match="no export job 'x'"):
        bench.service.status("x")
