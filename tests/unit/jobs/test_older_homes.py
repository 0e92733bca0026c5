"""A home of the first format, with three files of records, is one of now once it is opened."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.unit.graphs.test_persistence import old_folder
from tests.waiting import until
from workflow.app import build
from workflow.errors import BadRequest
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.store.store import EmbeddedGraph
from workflow.jobs.export_sources import ExportSources
from workflow.jobs.exports import ExportService
from workflow.jobs.load_folders import LoadFolders
from workflow.jobs.loads import LoadService
from workflow.jobs.older_homes import ASIDE, OLD_FILES
from workflow.jobs.store import JobStore
from workflow.neptune import OPERATIONS, decode
from workflow.settings import Settings
from workflow.storage.local import LocalStorage
from workflow.storage.uri import S3Uri

# as version 0.1 wrote them
JOBS = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL,
    created_ms INTEGER NOT NULL, updated_ms INTEGER NOT NULL, request TEXT NOT NULL, names TEXT NOT NULL,
    result TEXT NOT NULL, failure TEXT, attempts INTEGER NOT NULL, inputs_hash TEXT, reused_from TEXT,
    cleaned INTEGER NOT NULL, UNIQUE (kind, id)
) STRICT;
PRAGMA user_version = 1;
INSERT INTO jobs VALUES (1, 'dataprocessing', 'dp', 'Completed', 10, 20, '{"id": "dp"}', '{"output": "s3://lab/dp"}',
    '{"wall_s": 2}', NULL, 1, 'hash', NULL, 0);
"""
EXPORTS = """
CREATE TABLE exports (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, body TEXT NOT NULL, host TEXT, output TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL, reason TEXT, stats TEXT, warnings TEXT, created_ms INTEGER NOT NULL, ended_ms INTEGER
);
INSERT INTO exports VALUES ('e1', 'neptune-export-e1-11', '{"command": "export-pg"}', 'h', 's3://lab/x', 'succeeded',
    NULL,
    '{"stats": {"nodes": 3}}', '["no vertex has age"]', 11, 12);
INSERT INTO exports VALUES ('e2', 'neptune-export-e2-13', '{}', NULL, 's3://lab/y', 'failed', 'no such graph',
    NULL, NULL, 13, 14);
"""
LOADS = """
CREATE TABLE loads (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, graph TEXT NOT NULL, source TEXT NOT NULL,
    request TEXT NOT NULL, status TEXT NOT NULL, run INTEGER NOT NULL, retries INTEGER NOT NULL,
    started_ms INTEGER, ended_ms INTEGER, forgotten INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE feeds (
    load_id TEXT NOT NULL, place INTEGER NOT NULL, uri TEXT NOT NULL, version TEXT NOT NULL, status TEXT NOT NULL,
    records INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0, parsing INTEGER NOT NULL DEFAULT 0,
    datatype INTEGER NOT NULL DEFAULT 0, inserting INTEGER NOT NULL DEFAULT 0, started_ms INTEGER, ended_ms INTEGER,
    PRIMARY KEY (load_id, place)
) STRICT;
CREATE TABLE load_errors (
    load_id TEXT NOT NULL, number INTEGER NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, uri TEXT NOT NULL,
    line INTEGER NOT NULL, PRIMARY KEY (load_id, number)
) STRICT;
INSERT INTO loads VALUES (1, 'l1', 'g', 's3://lab/in', '{"source": "s3://lab/in", "format": "csv", "mode": "NEW"}',
    'LOAD_FAILED', 1, 2, 5000, 9000, 0);
INSERT INTO feeds VALUES ('l1', 0, 's3://lab/in/1.csv', 'v', 'LOAD_COMPLETED', 4, 0, 0, 0, 0, 5000, 6000);
INSERT INTO feeds VALUES ('l1', 1, 's3://lab/in/2.csv', 'w', 'LOAD_FAILED', 1, 0, 0, 2, 0, 6000, 9000);
INSERT INTO load_errors VALUES ('l1', 1, 'DATATYPE_MISMATCH_ERROR', 'oops is no Int', 's3://lab/in/2.csv', 3);
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name, script in (("jobs", JOBS), ("exports", EXPORTS), ("loads", LOADS)):
        connection = sqlite3.connect(tmp_path / f"{name}.sqlite")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(script)
        connection.close()
    return tmp_path


def services(home: Path, store: JobStore) -> tuple[ExportService, LoadService]:
    storage = LocalStorage(home / "s3")
    exports = ExportService(store, storage, ExportSources({}), home / "work")
    return exports, LoadService(store, LoadFolders(storage, ()), {"g": CsvLoad(EmbeddedGraph())})


def test_what_was_kept_in_three_files_is_told_as_before(home: Path) -> None:
    for _ in range(2):  # opening it again changes nothing
        store = JobStore(home / "jobs.sqlite")
        exports, loads = services(home, store)
        job = store.get("dataprocessing", "dp")
        assert (job.state, job.result, job.started_ms, job.ended_ms) == ("Completed", {"wall_s": 2}, None, None)
        assert exports.list() == ["e2", "e1"]
        assert store.get("export", "e1").request == {"body": {"command": "export-pg"}, "host": "h"}
        assert store.get("load", "l1").request == {"source": "s3://lab/in", "format": "csv", "mode": "NEW"}
        assert exports.status("e1") == {
            "jobId": "e1",
            "jobName": "neptune-export-e1-11",
            "status": "succeeded",
            "outputS3Uri": "s3://lab/x",
            "stats": {"nodes": 3},
            "warnings": ["no vertex has age"],
            "details": {"created_ms": 11, "ended_ms": 12},
        }
        assert exports.status("e2")["failureReason"] == "no such graph"
        payload: Any = loads.status("l1", details=True, errors=True)["payload"]
        overall = payload["overallStatus"]
        assert (overall["status"], overall["runNumber"], overall["retryNumber"]) == ("LOAD_FAILED", 1, 2)
        assert (overall["totalRecords"], overall["datatypeMismatchErrors"], overall["totalTimeSpent"]) == (5, 2, 4)
        assert [feed["fullUri"] for feed in payload["feeds"]] == ["s3://lab/in/1.csv", "s3://lab/in/2.csv"]
        (error,) = payload["errors"]["errorLogs"]
        assert (error["errorMessage"], error["recordNum"]) == ("oops is no Int", 3)
        store.close()
    assert sorted(path.name for path in home.glob("*.sqlite")) == ["jobs.sqlite"]
    assert all((home / (name + ASIDE)).is_file() for name in OLD_FILES)


def test_a_takeover_that_was_broken_off_before_the_files_were_put_aside_is_repeated(home: Path) -> None:
    JobStore(home / "jobs.sqlite").close()
    for name in OLD_FILES:
        (home / (name + ASIDE)).rename(home / name)
    store = JobStore(home / "jobs.sqlite")
    assert store.newest_ids("export", 10) == ["e2", "e1"]
    assert len(store.lines("load", "l1", "files")) == 2
    store.close()


def test_a_load_of_before_is_resumed_as_one_of_now(home: Path) -> None:
    storage = LocalStorage(home / "s3")
    folder = home / "s3/lab/in"
    folder.mkdir(parents=True)
    (folder / "1.csv").write_text("~id,~label\na,T\n")
    connection = sqlite3.connect(home / "loads.sqlite")
    folders = LoadFolders(storage, ())
    (listed,) = folders.files("s3://lab/in")
    connection.execute("UPDATE feeds SET version = ? WHERE place = 0", (listed.version,))
    connection.commit()
    connection.close()
    store = JobStore(home / "jobs.sqlite")
    graph = EmbeddedGraph()
    loads = LoadService(store, folders, {"g": CsvLoad(graph)})
    body = {"source": "s3://lab/in", "format": "csv", "mode": "RESUME"}
    request: Any = decode(OPERATIONS["StartLoaderJob"], body)
    load_id = str(loads.start(request)["payload"]["loadId"])
    until(lambda: store.get("load", load_id).is_final, "the end of the load")
    told: Any = loads.status(load_id)["payload"]
    assert json.dumps(told["feedCount"]) == '[{"LOAD_COMPLETED": 1}]'
    assert told["overallStatus"]["runNumber"] == 2
    assert graph.vertex_count() == 0  # what was in already was not read again
    with pytest.raises(BadRequest, match="no previous load"):
        loads.start(request.model_copy(update={"source": "s3://lab/in/1.csv"}))
    loads.close()
    store.close()


def test_a_whole_home_of_the_first_format_is_a_service_of_now_with_its_graph_jobs_and_files(home: Path) -> None:
    (home / "graphs").mkdir()
    old_folder(home / "graphs" / "g", [[["+v", "a", "v"]], [["+v", "b", "v"], ["+e", "ab", "x", "a", "b"]]])
    (home / "s3/lab/dp").mkdir(parents=True)
    (home / "s3/lab/dp/manifest.json").write_text("{}")
    for _ in range(2):  # and again, as a home of now
        application = build(Settings(home=home))
        try:
            graph = application.services.graphs["g"]
            assert (graph.vertex_count(), graph.edge_count()) == (2, 1)
            assert application.services.jobs is not None
            assert application.services.jobs.counts()["dataprocessing", "Completed"] == 1
            assert application.services.storage.read(S3Uri("lab", "dp/manifest.json")) == b"{}"
        finally:
            application.close()
