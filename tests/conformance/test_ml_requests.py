"""Requests made from botocore's model, valid and broken ones: no defect shows, and the job store stays consistent."""

from __future__ import annotations

import asyncio
import json
import random
import string
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import botocore.session
import httpx
import pytest
from botocore.model import Shape

from workflow.api import KINDS
from workflow.app import Application, build
from workflow.jobs.model import TRANSITIONS
from workflow.settings import Settings

CASES = 5_000
FAKE_SCRIPTS = Path(__file__).parents[1] / "fake_scripts"
MODEL = botocore.session.get_session().get_service_model("neptunedata")
ERRORS = {
    shape.name: MODEL.shape_for(shape.name).metadata["error"]["httpStatusCode"]
    for shape in MODEL.operation_model("CreateMLEndpoint").error_shapes
}
OPERATIONS = [MODEL.operation_model(name) for name in MODEL.operation_names if "ML" in name]


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    application = build(Settings(home=tmp_path / "home", scripts=FAKE_SCRIPTS))
    jobs = application.services.jobs
    monkeypatch.setattr(jobs._supervisor, "submit", lambda job: None)
    monkeypatch.setattr(jobs._endpoints, "submit", lambda job: None)
    monkeypatch.setattr(jobs._endpoints, "delete", lambda job, clean: jobs._store.remove(job.kind, job.id))
    yield application
    application.close()


class Maker:
    """Makes requests from shapes, a good part of them wrong on purpose."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.ids = [f"job-{n}" for n in range(8)]

    def request(self) -> tuple[str, str, bytes | None]:
        operation = self.random.choice(OPERATIONS)
        shape = operation.input_shape
        query, body, path = {}, {}, operation.http["requestUri"]
        for name, member in shape.members.items():
            place = member.serialization.get("location")
            required = name in shape.required_members
            if place == "uri":
                path = path.replace("{id}", self._quoted(self._id()))
            elif self.random.random() < (0.97 if required else 0.15):
                target = query if place == "querystring" else body
                target[member.serialization.get("name", name)] = self.value(name, member)
        if self.random.random() < 0.1:
            body[self.random.choice(["wait_interval", "modelName", "x", ""])] = self._junk()
        if query:
            path += "?" + "&".join(f"{key}={self._quoted(self._plain(value))}" for key, value in query.items())
        return operation.http["method"], path, self._body(body) if operation.http["method"] == "POST" else None

    def value(self, name: str, shape: Shape) -> Any:
        if self.random.random() < 0.04:
            return self._junk()
        if name == "id" or name.endswith("JobId"):
            return self._id()
        if name.endswith("S3Location"):
            wrong = ["s3://lab/out", "s3://lab", "lab", "s3://lab/../x", ""]
            return "s3://lab/export" if self.random.random() < 0.8 else self.random.choice(wrong)
        if name.endswith("InstanceType") or name == "instanceType":
            return self.random.choice(["ml.m5.large", "ml.g5.2xlarge", "", "t2.micro"])
        match shape.type_name:
            case "integer" | "long":
                return self.random.choice([0, 1, 2, 10, 86400, "7", "", -1, 10**12, 2.0, 2.5])
            case "boolean":
                return self.random.choice([True, False, "TRUE", "False", "", "perhaps"])
            case "list":
                return [self.value("item", shape.member) for _ in range(self.random.randrange(3))]  # type: ignore[attr-defined]
            case "structure":
                return {key: self.value(key, inner) for key, inner in shape.members.items()}  # type: ignore[attr-defined]
            case _:
                return self.random.choice(["", "text", "rgcn", "heterogeneous", "arn:aws:iam::1:role/r", "ü\u2028\n"])

    def _id(self) -> str:
        if self.random.random() < 0.9:
            return self.random.choice(self.ids)
        return self.random.choice(["", "a" * 49, "with space", "a/b", "ü", "None"])

    def _junk(self) -> Any:
        text = "".join(self.random.choices(string.printable, k=self.random.randrange(40)))
        return self.random.choice(
            [None, [], {}, [[]], {"a": {"b": []}}, text, 1e308, -0.0, True, 2**70, "\x00", ["", None]]
        )

    def _body(self, body: Mapping[str, Any]) -> bytes:
        if self.random.random() < 0.05:
            whole = json.dumps(body).encode()
            return self.random.choice(
                [b"", b"null", b"[]", b'"x"', b"\xff", b"{", whole[:-1], whole + b"}", b"NaN", b"1e999"]
            )
        return json.dumps(body, ensure_ascii=self.random.random() < 0.5).encode()

    @staticmethod
    def _plain(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    @staticmethod
    def _quoted(text: str) -> str:
        from urllib.parse import quote

        return quote(text, safe="")


def test_thousands_of_requests_meet_no_defect_and_leave_a_consistent_store(application: Application) -> None:
    lab = application.services.settings.s3_root / "lab" / "export"
    lab.mkdir(parents=True)
    (lab / "training-data-configuration.json").write_text("{}")
    accepted: set[tuple[str, str]] = set()
    seen: Counter[str] = Counter()
    maker = Maker(seed=20260105)

    async def drive() -> None:
        transport = httpx.ASGITransport(application.asgi(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            for number in range(CASES):
                method, path, body = maker.request()
                answer = await client.request(method, path, content=body)
                document = answer.json()
                case = (number, method, path, body, document)
                if answer.status_code == 200:
                    if "creationTimeInMillis" in document:
                        accepted.add((path.split("?")[0].split("/")[2], document["id"]))
                    seen["200 " + method] += 1
                    continue
                assert ERRORS.get(document.get("code")) == answer.status_code, case
                assert document["detailedMessage"], case
                assert document["message"] == document["detailedMessage"], case
                assert document["requestId"], case
                seen[document["code"]] += 1
                if number % 7 == 0:
                    finish_something(application, maker.random)

    asyncio.run(drive())
    # every kind of answer must have been met, or the generator has gone blind
    assert {"200 POST", "200 GET", "200 DELETE", "InvalidParameterException", "MissingParameterException"} <= set(seen)
    assert {"BadRequestException", "MLResourceNotFoundException"} <= set(seen)
    store = application.services.jobs._store
    for kind in KINDS:
        for job_id in store.newest_ids(kind, 10_000):
            job = store.get(kind, job_id)
            assert job.state in TRANSITIONS[kind]
            assert job.request["id"] == job_id
            assert (kind, job_id) in accepted


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
