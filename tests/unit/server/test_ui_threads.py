"""The page's own queries share the threads of the service with everything else it answers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from tests.waiting import until_on_loop
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.server.app import create_app
from workflow.server.services import Services
from workflow.settings import Settings

ENDLESS = "g.inject(1).repeat(identity()).until(constant(false).is(true))"


def test_queries_that_never_end_leave_threads_for_everybody_else(tmp_path: Path) -> None:
    graph = EmbeddedGraph("g", "neptune")
    services = Services(Settings(home=tmp_path), None, {"g": Engine(graph, "neptune")}, {"g": graph})  # type: ignore[arg-type]

    async def go() -> None:
        transport = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8182") as client:
            # more than the 40 threads that all other routes have together
            asking = [asyncio.ensure_future(client.post("/ui/query", data={"gremlin": ENDLESS})) for _ in range(42)]
            await until_on_loop(services.queries.all, "a query to run")
            for path in ("/ui/jobs", "/propertygraph/statistics"):
                assert (await client.get(path)).status_code == 200

            def ended() -> bool:
                services.queries.cancel_all()
                return all(one.done() for one in asking)

            await until_on_loop(ended, "all queries to end")
            assert {one.result().status_code for one in asking} == {200}

    asyncio.run(go())
