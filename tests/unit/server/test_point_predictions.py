"""Point predictions are answered on the event loop exactly as in a worker thread: with the same frames."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.fake_endpoint import FakeEndpoint, Refusal, classes, links
from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.replay import PredictionNeeded
from workflow.predictions.service import EndpointService
from workflow.queries.running import QueryRegistry
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.protocol import Conversation, LookJob

RANKING = [("u1", 0.95), ("u2", 0.9), ("gone", 0.8), ("b1", 0.7), ("u3", 0.4)]
GENRES: dict[str, Any] = {"b1": [("Drama", 0.7), ("Comedy", 0.2)], "b2": [("Poetry", 0.9)]}
ENDPOINTS = {
    "friends": links({f"u{n}": RANKING for n in range(4)}, {"b1": RANKING}),
    "genre": classes(GENRES, "node_class"),
    "hung-up": lambda body: {"output": None},
}
FRIENDS = product(
    ["V('u1')", "V('u1','u2','u1')", "V('u9')", "V('b1')"],
    ["out('knows')", "in('knows')"],
    ["", ".with('Neptune#ml.limit',3)", ".with('Neptune#ml.threshold',0.5)", ".with('Despina#ml.score')"],
    [".hasLabel('user')", ".hasLabel('user').values('name')", ".hasLabel('user').valueMap()", ".hasLabel('user').id()",
     ".hasLabel('user').limit(1).toList()", ".hasLabel('user').next()", ".hasLabel('user').count()",
     ".hasLabel('user').fold()", ".hasLabel('user').has('Neptune#ml.score', gt(0.92))", ".hasLabel('nobody')", ""],
)  # fmt: skip
GENRE = product(
    ["V('b1')", "V('b1','b2','u1')", "V('b9')"],
    ["properties('genre')", "values('genre')", "properties('genre','Neptune#ml.score')", "properties('other')"],
    ["classification", "regression", "prediction", "nothing"],
    ["", ".value()", ".key()", ".limit(1)"],
)
QUERIES = [
    *(f"g.with('Neptune#ml.endpoint','friends').{v}.{hop}.with('Neptune#ml.prediction'){more}{rest}"
      for v, hop, more, rest in FRIENDS),
    *(f"g.with('Neptune#ml.endpoint','genre').{v}.{step}.with('Neptune#ml.{task}'){rest}"
      for v, step, task, rest in GENRE),
    *(f"g.with('Neptune#ml.endpoint','{name}').V('u1').out('knows').with('Neptune#ml.prediction').hasLabel('user')"
      for name in ("hung-up", "unknown", "no such thing", "genre")),
    "g.with('Neptune#ml.endpoint','friends').with('Despina#ml.provenance').V('u1').out('knows')"
    ".with('Neptune#ml.prediction').hasLabel('user').id()",
]  # fmt: skip


class Bench:
    """A service without sockets in front of fake endpoints."""

    def __init__(self) -> None:
        self._endpoints = {name: FakeEndpoint(answer) for name, answer in ENDPOINTS.items()}
        self._records = {name: EndpointRecord(name, name, one.url) for name, one in self._endpoints.items()}
        self.service = EndpointService(self)
        graph = EmbeddedGraph("g", "neptune")
        tx = graph.begin()
        for id in ("u1", "u2", "u3", "b1", "b2"):
            row = tx.add_vertex(id, "user" if id[0] == "u" else "book")
            tx.set_vertex_property(row, "name", id.upper(), "set")
        tx.commit()
        self.runner = QueryRunner(
            {"g": Engine(graph, "neptune", extension=PredictionExtension(self.service))},
            "neptune",
            QueryRegistry(),
            60_000,
        )
        self.asked = 0

    def find(self, name: str) -> EndpointRecord | None:
        return self._records.get(name)

    def job(self, text: str) -> Any:
        message = {"requestId": str(uuid.UUID(int=7)), "op": "eval", "processor": "", "args": {"gremlin": text}}
        return Conversation(self.runner).receive(json.dumps(message))

    def in_a_worker(self, text: str) -> list[Any]:
        return [json.loads(frame) for frame in self.job(text).frames()]

    def at_once(self, job: LookJob) -> list[Any]:
        while isinstance(outcome := job.at_once(), PredictionNeeded):
            self.asked += 1
            try:
                job.note(outcome, self.service.predict(outcome.endpoint, outcome.question))
            except WorkflowError as error:
                job.note(outcome, error)
        assert outcome is not None
        return [json.loads(frame) for frame in outcome]

    def close(self) -> None:
        self.service.close()
        for endpoint in self._endpoints.values():
            endpoint.close()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def test_every_answer_is_that_of_a_worker(bench: Bench) -> None:
    point = 0
    for text in QUERIES:
        job = bench.job(text)
        if isinstance(job, LookJob):
            point += 1
            for _ in range(2):  # as new, and as kept
                assert bench.at_once(bench.job(text)) == bench.in_a_worker(text), text
        job.finish()
    assert point > len(QUERIES) / 2
    assert bench.asked > 200
    assert bench.runner.registry.all() == []


def test_what_an_endpoint_refuses_is_told_as_a_worker_tells_it(bench: Bench) -> None:
    def refuse(body: dict[str, Any]) -> dict[str, Any]:
        raise Refusal(400, {"error": "not this", "kind": "incompatible"})

    endpoint = FakeEndpoint(refuse)
    bench._records["refusing"] = EndpointRecord("refusing", "refusing", endpoint.url)
    text = (
        "g.with('Neptune#ml.endpoint','refusing').V('u1').out('knows').with('Neptune#ml.prediction').hasLabel('user')"
    )
    answer = bench.at_once(bench.job(text))
    endpoint.close()
    assert "ConstraintViolationException" in answer[0]["status"]["message"]
    assert "not this" in answer[0]["status"]["message"]
