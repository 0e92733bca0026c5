"""Bolt over graphs in memory, in a thread of the tests' own process."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import neo4j

from workflow.cypher.engine import CypherEngine
from workflow.cypher.metadata.listings import Listings
from workflow.cypher.metadata.schema import schema_rows
from workflow.cypher.planning.procedures import library
from workflow.graphs.store.store import EmbeddedGraph
from workflow.queries.running import QueryRegistry
from workflow.server.bolt.connections import BoltConnection
from workflow.server.bolt.service import BoltService
from workflow.server.services import Services
from workflow.settings import Settings


@dataclass
class BoltServer:
    """One of them."""

    services: Services
    service: BoltService
    port: int

    def driver(self, scheme: str = "bolt", **options: Any) -> neo4j.Driver:
        return neo4j.GraphDatabase.driver(f"{scheme}://127.0.0.1:{self.port}", **options)


class BoltServers:
    """Begins them in one thread, which ends with the block."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._servers: list[asyncio.Server] = []
        self._connections: set[Any] = set()

    def __enter__(self) -> BoltServers:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def begin(self, **settings: Any) -> BoltServer:
        """A server with the graphs ``g`` and ``gother``."""
        graphs = {"g": EmbeddedGraph("g", "neptune"), "gother": EmbeddedGraph("other", "neptune")}
        running = QueryRegistry()
        listings = Listings([*graphs], running, "db.example:7687", lambda: table)
        table = library(*schema_rows(), *listings.rows())
        cypher = {name: CypherEngine(graph, "neptune", table) for name, graph in graphs.items()}
        services = Services(
            Settings(home=self._home, **settings),
            None,
            {},
            graphs,
            cypher=cypher,
            cypher_queries=running,  # type: ignore[arg-type]
        )
        service = BoltService(services)
        server = asyncio.run_coroutine_threadsafe(self._listen(service), self._loop).result()
        self._servers.append(server)
        return BoltServer(services, service, server.sockets[0].getsockname()[1])

    async def _listen(self, service: BoltService) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: BoltConnection(service, self._connections), "127.0.0.1", 0)

    async def _end(self) -> None:
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.shutdown()
        await asyncio.sleep(0.05)
