"""The contract of query languages, kept by every language, and by one from outside the tree."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contracts.language_contract import Asked, LanguageContract
from tests.contracts.toys import counting_language
from tests.contracts.toys.counting_language import CountingRunner
from workflow.cypher.engine import CypherEngine
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.neptune import OPERATIONS
from workflow.queries.running import QueryRegistry
from workflow.server.app import create_app
from workflow.server.cypher.execution import CypherRequest, CypherRunner
from workflow.server.gremlin.execution import QueryRequest, QueryRunner
from workflow.server.services import Services
from workflow.settings import Profile, Settings
from workflow.storage.local import LocalStorage


class TestGremlin(LanguageContract):
    count = "g.V().count()"
    add = "g.addV('a').iterate()"
    add_and_fail = "g.addV('a').fail('no further')"
    never = "g.inject(1).repeat(identity()).until(is(2))"

    def opened(self, graph: EmbeddedGraph, profile: Profile, registry: QueryRegistry) -> QueryRunner:
        return QueryRunner({"g": Engine(graph, profile)}, profile, registry, 0)

    def results(self, runner: QueryRunner, asked: Asked) -> Iterator[Any]:
        request = QueryRequest(asked.text, timeout_ms=asked.timeout_ms, read_only=asked.read_only)
        return (found.value for found in runner.results(request, asked.running, asked.session))


class TestOpenCypher(LanguageContract):
    count = "MATCH (n) RETURN count(n) AS count"
    add = "CREATE (n)"
    add_and_fail = "CREATE (n) RETURN 1 / 0"
    never = "UNWIND range(1, 9999) AS a UNWIND range(1, 9999) AS b UNWIND range(1, 9999) AS c RETURN max(c)"

    def opened(self, graph: EmbeddedGraph, profile: Profile, registry: QueryRegistry) -> CypherRunner:
        return CypherRunner({"g": CypherEngine(graph, profile)}, profile, registry, 0, ids="text")

    def results(self, runner: CypherRunner, asked: Asked) -> Iterator[Any]:
        request = CypherRequest(asked.text, timeout_ms=asked.timeout_ms, read_only=asked.read_only)
        answer = runner.result(request, asked.running, asked.session)
        return (row[answer.columns[0]] for row in answer.rows)


class TestALanguageFromOutside(LanguageContract):
    """One file; and one line, which is a row of the table of operations."""

    count, add, add_and_fail, never = "count", "add", "add fail", "forever"

    def opened(self, graph: EmbeddedGraph, profile: Profile, registry: QueryRegistry) -> CountingRunner:
        return CountingRunner({"g": graph}, profile, registry, 0)

    def results(self, runner: CountingRunner, asked: Asked) -> Iterator[Any]:
        how = {"read_only": asked.read_only, "timeout_ms": asked.timeout_ms}
        return runner.results(asked.text, asked.running, asked.session, **how)

    def test_a_service_answers_it(self, graph: EmbeddedGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(OPERATIONS, counting_language.ROW.name, counting_language.ROW)
        app = create_app(Services(Settings(home=tmp_path), LocalStorage(tmp_path), {}, {"g": graph}))

        async def ask(text: str) -> Any:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return (await client.post("/counting", json={"query": text})).json()

        assert asyncio.run(ask("add")) == {"results": [1]}
        assert asyncio.run(ask("count")) == {"results": [1]}
        assert asyncio.run(ask("sing"))["code"] == "MalformedQueryException"
