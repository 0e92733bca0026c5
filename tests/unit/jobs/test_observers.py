"""MLflow's own store and a collector of OpenLineage say what they were told of jobs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from workflow.drivers import open_observers
from workflow.jobs.model import JobRecord
from workflow.jobs.observers.observing import Observing
from workflow.jobs.store import JobStore
from workflow.settings import BadSetting, Settings
from workflow.storage.local import LocalStorage
from workflow.storage.uri import S3Uri

OUTPUT = "s3://lab/training/job-tr/output"
TRIALS = [
    {
        "name": "tr-1", "state": "Completed", "value": 0.4, "metrics": {"valid.mrr": 0.4},
        "hyperparameters": {"model": "rgcn", "lr": "0.01"},
    },
    {"name": "tr-2", "state": "Failed", "value": None, "metrics": {}, "hyperparameters": {"model": "gat", "lr": "9"}},
]  # fmt: skip


@pytest.fixture
def store() -> Iterator[JobStore]:
    store = JobStore(None)
    yield store
    store.close()


def add(store: JobStore, kind: Any, id: str, state: Any, request: dict[str, Any], output: str) -> None:
    store.add(JobRecord(kind, id, state, 1_000, 1_000, request, {"name": id, "output": output}))


def process_and_train(store: JobStore) -> None:
    add(store, "dataprocessing", "dp", "InProgress", {"inputDataS3Location": "s3://lab/export/1"}, "s3://lab/dp/out")
    store.begin("dataprocessing", "dp")
    store.move("dataprocessing", "dp", "Completed")
    add(store, "modeltraining", "tr", "InProgress", {"dataProcessingJobId": "dp", "maxTrials": 2}, OUTPUT)
    store.begin("modeltraining", "tr")
    store.move("modeltraining", "tr", "Completed", result={"best": "tr-1", "trials": TRIALS})


@pytest.mark.filterwarnings("ignore")  # of MLflow's own
def test_a_training_job_is_a_run_of_mlflow_with_a_run_below_for_each_trial(
    store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a tenth of the time of a database
    tracking = pytest.importorskip("mlflow.tracking")
    storage = LocalStorage(tmp_path / "s3")
    storage.write(S3Uri.parse(OUTPUT) / "report.html", b"<p>good")
    storage.write(S3Uri.parse(OUTPUT) / "arrays/embeddings.npy", b"0")
    uri = (tmp_path / "runs").as_uri()
    observing = Observing(open_observers(Settings(home=tmp_path, mlflow_uri=uri), store, storage))
    store.listener = observing
    process_and_train(store)
    observing.close()
    client = tracking.MlflowClient(tracking_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("despina").experiment_id])
    by_name = {run.info.run_name: run for run in runs}
    assert sorted(by_name) == ["tr", "tr-1", "tr-2"]
    whole = by_name["tr"]
    assert whole.info.status == "FINISHED"
    assert whole.data.params == {"dataProcessingJobId": "dp", "maxTrials": "2", "model": "rgcn", "lr": "0.01"}
    assert whole.data.metrics == {"valid.mrr": 0.4}
    assert [one.path for one in client.list_artifacts(whole.info.run_id)] == ["report.html"]
    assert by_name["tr-1"].data.metrics == {"valid.mrr": 0.4, "objective": 0.4}
    assert by_name["tr-1"].data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert by_name["tr-2"].info.status == "FAILED"


@pytest.fixture
def collector() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Its address, and the events it got."""
    events: list[dict[str, Any]] = []

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(201)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Collect)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", events
    server.shutdown()
    server.server_close()
    thread.join()


def test_jobs_are_events_of_openlineage_with_what_they_read_and_wrote(
    store: JobStore, tmp_path: Path, collector: tuple[str, list[dict[str, Any]]]
) -> None:
    pytest.importorskip("openlineage.client")
    url, events = collector
    observing = Observing(
        open_observers(Settings(home=tmp_path, openlineage_url=url), store, LocalStorage(tmp_path / "s3"))
    )
    store.listener = observing
    add(store, "load", "l", "LOAD_NOT_STARTED", {"source": "s3://lab/csv"}, "")
    store.move("load", "l", "LOAD_IN_PROGRESS")
    store.begin("load", "l")
    store.move("load", "l", "LOAD_FAILED", failure="line 3 is no number")
    process_and_train(store)
    observing.close()
    told = [(event["job"]["name"], event["eventType"]) for event in events]
    assert told == [
        ("load", "START"), ("load", "FAIL"), ("dataprocessing", "START"), ("dataprocessing", "COMPLETE"),
        ("modeltraining", "START"), ("modeltraining", "COMPLETE"),
    ]  # fmt: skip
    failed, processed, trained = events[1], events[3], events[5]
    assert failed["run"]["facets"]["errorMessage"]["message"] == "line 3 is no number"
    assert [one["name"] for one in failed["outputs"]] == ["graph"]
    assert [(one["namespace"], one["name"]) for one in processed["inputs"]] == [("s3://lab", "export/1")]
    # what one job wrote is what the next one read
    assert processed["outputs"][0]["name"] == trained["inputs"][0]["name"] == "dp/out"
    assert events[4]["run"]["runId"] == trained["run"]["runId"] != processed["run"]["runId"]


class Broken:
    def began(self, job: JobRecord) -> None:
        raise OSError("nobody listens")

    ended = began


def test_an_observer_that_fails_is_logged_and_fails_no_job(store: JobStore, caplog: Any) -> None:
    store.listener = observing = Observing([Broken()])
    process_and_train(store)
    observing.close()
    assert store.get("modeltraining", "tr").state == "Completed"
    assert "Broken was not told that modeltraining tr ended: nobody listens" in caplog.text


def test_an_observer_whose_library_is_missing_is_refused_with_what_to_install(
    store: JobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openlineage.client", None)
    with pytest.raises(BadSetting, match=r"DESPINA_OPENLINEAGE is set and .* pip install 'despina\[openlineage\]'"):
        open_observers(Settings(home=tmp_path, openlineage_url="http://x"), store, LocalStorage(tmp_path))
