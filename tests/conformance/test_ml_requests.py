"""Requests made from botocore's model, valid and broken ones: no defect shows, and what is kept stays consistent."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conformance.made_requests import ERRORS, OPERATIONS, Maker
from workflow.app import Application, build
from workflow.jobs.loads import UNFINISHED
from workflow.jobs.model import TRANSITIONS
from workflow.neptune import KINDS
from workflow.settings import Settings

CASES = 6_000
FAKE_SCRIPTS = Path(__file__).parents[1] / "fake_scripts"


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    application = build(Settings(home=tmp_path / "home", scripts=FAKE_SCRIPTS))
    jobs = application.services.jobs
    for service in (jobs, application.services.loads):
        monkeypatch.setattr(service._supervisor, "submit", lambda job: None)
    monkeypatch.setattr(jobs._endpoints, "submit", lambda job: None)
    monkeypatch.setattr(jobs._endpoints, "delete", lambda job, clean: jobs._store.remove(job.kind, job.id))
    yield application
    application.close()


def test_thousands_of_requests_meet_no_defect_and_leave_a_consistent_store(application: Application) -> None:
    lab = application.services.settings.s3_root / "lab"
    (lab / "export").mkdir(parents=True)
    (lab / "export" / "training-data-configuration.json").write_text("{}")
    (lab / "load").mkdir()
    (lab / "load" / "n.csv").write_text("~id,~label\nv,a\n")
    accepted: set[tuple[str, str]] = set()
    loads: set[str] = set()
    seen: Counter[str] = Counter()
    answered: set[str] = set()
    maker = Maker(seed=20260105)

    async def drive() -> None:
        transport = httpx.ASGITransport(application.asgi(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client:
            for number in range(CASES):
                if number % 7 == 0:
                    finish_something(application, maker.random)
                made = maker.request()
                answer = await client.request(made.method, made.path, content=made.body, headers=made.headers)
                case = (number, made, answer.content[:500])
                if answer.status_code == 200:
                    seen["200 " + made.method] += 1
                    answered.add(made.operation.name)
                    if made.operation.name.startswith(("ExecuteGremlin", "ExecuteOpenCypherExplain")):
                        continue
                    document = answer.json()
                    if "creationTimeInMillis" in document:
                        accepted.add((made.path.split("?")[0].split("/")[2], document["id"]))
                        maker.keep(made.path.split("?")[0].split("/")[2], document["id"])
                    if made.operation.name == "StartLoaderJob":
                        loads.add(document["payload"]["loadId"])
                        maker.keep("loader", document["payload"]["loadId"])
                    continue
                document = answer.json()
                assert ERRORS.get(document.get("code")) == answer.status_code < 500, case
                assert document["detailedMessage"], case
                assert document["message"] == document["detailedMessage"], case
                assert document["requestId"], case
                seen[document["code"]] += 1

    asyncio.run(drive())
    # every kind of answer must have been met, or the generator has gone blind
    assert {"200 POST", "200 GET", "200 DELETE", "InvalidParameterException", "MissingParameterException"} <= set(seen)
    assert {"BadRequestException", "MLResourceNotFoundException", "BulkLoadIdNotFoundException"} <= set(seen)
    assert {"MalformedQueryException", "UnsupportedOperationException", "S3Exception"} <= set(seen)
    assert {"StatisticsNotAvailableException", "StreamRecordsNotFoundException"} <= set(seen)
    refused = {name for name in (one.name for one in OPERATIONS) if any(part in name for part in REFUSED)}
    no_query_runs = {
        "GetGremlinQueryStatus",
        "CancelGremlinQuery",
        "GetOpenCypherQueryStatus",
        "CancelOpenCypherQuery",
        "GetIndexRebuildStatus",
        "CancelIndexRebuild",
    }
    no_query_runs.add("GetPropertygraphStream")  # a rebuild drops the log that was
    assert answered - no_query_runs == {one.name for one in OPERATIONS} - refused - no_query_runs
    store = application.services.jobs._store
    for kind in KINDS:
        for job_id in store.newest_ids(kind, 10_000):
            job = store.get(kind, job_id)
            assert job.state in TRANSITIONS[kind]
            assert job.request["id"] == job_id
            assert (kind, job_id) in accepted
    assert set(store.newest_ids("load", 10_000)) == loads
    assert {store.get("load", load_id).state for load_id in loads} <= {*UNFINISHED, "LOAD_CANCELLED_BY_USER"}


REFUSED = ("Sparql", "RDF")  # parts of names of what is not offered


def finish_something(application: Application, chance: random.Random) -> None:
    """Let a job in progress end, so that later stages are reached as well."""
    store = application.services.jobs._store
    for job in store.in_states("InProgress", "Stopping", "Creating", "Updating"):
        if chance.random() < 0.5:
            continue
        if job.kind == "endpoints":
            store.move(job.kind, job.id, "InService")
            continue
        if job.state == "Stopping":
            store.move(job.kind, job.id, "Stopped")
            continue
        output = application.services.settings.s3_root / job.names["output"].removeprefix("s3://")
        output.mkdir(parents=True, exist_ok=True)
        (output / "model.tar.gz").write_bytes(b"")
        space = {"model": "rgcn", "task_type": "link_prediction", "eval_metric": {"metric": "mrr"}}
        (output / "model-hpo-configuration.json").write_text(json.dumps({"models": [space]}))
        store.move(job.kind, job.id, chance.choice(["Completed", "Completed", "Failed"]), result={"best": "m"})
