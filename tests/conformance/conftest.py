"""A library of books and readers with five endpoints, and the ways in which a client's queries reach it.

The endpoints are fakes that know their answers by heart, so that what is judged is the query side: what is asked, what
comes back as which type, what is refused in which words.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from gremlin_python.driver import serializer
from gremlin_python.driver.client import Client
from gremlin_python.driver.driver_remote_connection import DriverRemoteConnection
from gremlin_python.driver.protocol import GremlinServerError
from gremlin_python.process import traversal as theirs
from gremlin_python.process.anonymous_traversal import traversal
from gremlin_python.structure import graph as gremlin

from tests import fake_endpoint
from workflow.errors import WorkflowError
from workflow.gateway.engine import GatewayEngine
from workflow.graphs.elements import Path as GraphPath
from workflow.graphs.elements import Property, Vertex, VertexProperty
from workflow.graphs.sources.gremlin import GremlinDatabase
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.gremlin.traversal import P, Traversal
from workflow.gremlin.wire.client import GraphSONMessages
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.gremlin import PredictionExtension
from workflow.predictions.service import EndpointService
from workflow.queries.running import QueryRegistry
from workflow.server.app import create_app
from workflow.server.services import Services
from workflow.settings import Settings
from workflow.storage.local import LocalStorage

Ask = Callable[[str], list[Any]]

BOOKS, READERS = 90, 60
SHELVES = ("Drama", "Essay", "Poetry")


def shelves(n: int) -> list[tuple[str, float]]:
    """Three classes, the best of book_n is number n mod 3; with 0.6 above the middle threshold for even n only."""
    best = 0.6 if n % 2 == 0 else 0.4
    return [(SHELVES[n % 3], best), (SHELVES[(n + 1) % 3], 0.3), (SHELVES[(n + 2) % 3], 0.1)]


def read_by(n: int) -> list[str]:
    """The three books that reader_n has read."""
    return [f"book_{(n + 7 * m) % BOOKS + 1}" for m in range(3)]


def offered_to(n: int) -> list[str]:
    """The books that the model offers to reader_n, best first; their scores fall from 0.9 by hundredths."""
    return [f"book_{(n + 7 * m) % BOOKS + 1}" for m in range(BOOKS // 2)]


def _library() -> EmbeddedGraph:
    graph = EmbeddedGraph("g", "neptune")
    tx = graph.begin()
    rows = {}
    for n in range(1, BOOKS + 1):
        row = rows[f"book_{n}"] = tx.add_vertex(f"book_{n}", "book")
        tx.set_vertex_property(row, "name", f"Book {n}", "single")
        if n % 10 != 0:
            tx.set_vertex_property(row, "shelf", "Stored", "single")
    for n in range(1, READERS + 1):
        rows[f"reader_{n}"] = tx.add_vertex(f"reader_{n}", "reader")
    rows["book_new"] = tx.add_vertex("book_new", "book")
    tx.set_vertex_property(rows["book_new"], "name", "New", "single")
    rows["reader_new"] = tx.add_vertex("reader_new", "reader")
    author = tx.add_vertex("author_1", "author")
    for n in range(1, BOOKS + 1):
        tx.add_edge(f"by_{n}", "by", rows[f"book_{n}"], author)
    number = 0
    for n in range(1, READERS + 1):
        for book in read_by(n):
            number += 1
            edge = tx.add_edge(f"read_{number}", "read", rows[f"reader_{n}"], rows[book])
            tx.set_edge_property(edge, "mood", "Stored")
    tx.add_edge("read_new", "read", rows["reader_new"], rows["book_new"])
    tx.commit()
    return graph


def _description(task: str, **target: Any) -> dict[str, Any]:
    return {
        "id": f"m-{task}",
        "task": task,
        "targets": [target],
        "created_ms": 17,
        "graph_snapshot_ms": 16,
        "details": {"inductive": True, "hops": 2, "fanouts": [5, 5]},
    }


READ = {"source": "reader", "relation": "read", "target": "book"}


class Library:
    """The graph, its engine and its five endpoints."""

    def __init__(self) -> None:
        fake = fake_endpoint
        books = {f"book_{n}": n for n in range(1, BOOKS + 1)}
        reads = [f"read_{n}" for n in range(1, 3 * READERS + 1)]
        tails = {
            f"reader_{n}": [(book, 0.9 - m / 100) for m, book in enumerate(offered_to(n))]
            for n in range(1, READERS + 1)
        }
        heads = {
            book: [(f"reader_{(n + m) % READERS + 1}", 0.9 - m / 100) for m in range(40)] for book, n in books.items()
        }
        answers = {
            "ep-nc": (
                fake.classes({book: shelves(n) for book, n in books.items()}, "node_class", ("Drama", 0.7)),
                _description("node_class", node_type="book", property="shelf"),
            ),
            "ep-nr": (
                fake.classes({book: [(n / 2, None)] for book, n in books.items()}, "node_regression"),
                _description("node_regression", node_type="book", property="price"),
            ),
            "ep-ec": (
                fake.classes({e: [("Calm" if n % 2 else "Tense", 0.8)] for n, e in enumerate(reads)}, "edge_class"),
                _description("edge_class", edge_type=READ, property="mood"),
            ),
            "ep-er": (
                fake.classes({e: [(n % 6 * 1.0, None)] for n, e in enumerate(reads)}, "edge_regression"),
                _description("edge_regression", edge_type=READ, property="stars"),
            ),
            "ep-lp": (
                fake.links(tails, heads, [("book_3", 0.9), ("book_4", 0.8)]),
                _description("link_prediction", edge_type=READ),
            ),
        }
        self.endpoints = {name: fake.FakeEndpoint(answer) for name, (answer, _) in answers.items()}
        self._records = {
            name: EndpointRecord(name, f"{name}-2026-endpoint", self.endpoints[name].url, description)
            for name, (_, description) in answers.items()
        }
        self.service = EndpointService(self)
        self.graph = _library()
        self.engine = Engine(self.graph, "neptune", extension=PredictionExtension(self.service))

    def find(self, id_or_name: str) -> EndpointRecord | None:
        return self._records.get(id_or_name.removesuffix("-2026-endpoint"))

    def __call__(self, text: str) -> list[Any]:
        traversal = parse(text)[0].traversal
        return [t.value for t in self.engine.run(traversal) for _ in range(t.bulk)]

    def close(self) -> None:
        self.service.close()
        for endpoint in self.endpoints.values():
            endpoint.close()


@contextmanager
def served(library: Library, home: Path) -> Iterator[str]:
    """A service in front of a library, on a free port; gives host and port."""
    services = Services(
        Settings(home), LocalStorage(home), {"g": library.engine}, {"g": library.graph}, queries=QueryRegistry()
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(services), log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


class Front:
    """A gremlinpython client's view of a library; the elements it gets are turned into our classes.

    As bytecode, the source options go through gremlinpython's own ``with_()``, and the steps as it encodes them.
    """

    def __init__(self, library: Library, address: str, form: Any, *, bytecode: bool) -> None:
        self._graph = library.graph
        url = f"ws://{address}/gremlin"
        self._client = None if bytecode else Client(url, "g", pool_size=1, message_serializer=form)
        self._remote = DriverRemoteConnection(url, "g", pool_size=1, message_serializer=form) if bytecode else None

    def __call__(self, text: str) -> list[Any]:
        try:
            if self._client is not None:
                found = self._client.submit(text).all().result()
            else:
                found = self._bytecode(parse(text)[0].traversal)
            return [self._ours(value) for value in found]
        except GremlinServerError as error:
            if error.status_code != 499:  # the service's code for a user's mistake
                raise
            detail = json.loads(error.status_message)
            refused = WorkflowError(detail["detailedMessage"])
            refused.code = detail["code"]  # type: ignore[misc]
            raise refused from error

    def _bytecode(self, asked: Traversal) -> list[Any]:
        source = traversal().with_remote(self._remote)
        for option in asked.source:
            source = source.with_(*option.args)
        made = source.get_graph_traversal()
        for step in asked.steps:
            made.bytecode.add_step(step.name, *map(_theirs, step.args))
        found: list[Any] = made.to_list()
        return found

    def _ours(self, value: Any) -> Any:
        if isinstance(value, gremlin.Vertex):
            row = self._graph.vertex_row(value.id)
            assert row is not None
            return Vertex(self._graph, row)
        if isinstance(value, gremlin.VertexProperty):
            return VertexProperty(value.id, value.label, value.value, None)
        if isinstance(value, gremlin.Property):
            return Property(value.key, value.value, None)
        if isinstance(value, gremlin.Path):
            return GraphPath(tuple(map(self._ours, value.objects)), ())
        if isinstance(value, dict):
            return {key: self._ours(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self._ours(one) for one in value]
        return value

    def close(self) -> None:
        for opened in (self._client, self._remote):
            if opened is not None:
                opened.close()


def _theirs(value: Any) -> Any:
    """An argument of one of our steps as gremlinpython's."""
    if isinstance(value, Traversal):
        child = theirs.Bytecode()
        for step in value.steps:
            child.add_step(step.name, *map(_theirs, step.args))
        return child
    if isinstance(value, P):
        return theirs.P(value.name, *map(_theirs, value.args))
    if isinstance(value, Enum):
        members = getattr(theirs, type(value).__name__).__members__
        return members[value.value if value.value in members else f"{value.value}_"]
    if isinstance(value, list):
        return [_theirs(one) for one in value]
    return value


WAYS: dict[str, tuple[Any, bool]] = {
    "text": (serializer.GraphBinarySerializersV1, False),
    "bytecode": (serializer.GraphBinarySerializersV1, True),
    "GraphSON": (serializer.GraphSONSerializersV3d0, True),
}


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    library = Library()
    yield library
    library.close()


@pytest.fixture(scope="module", params=["engine", *WAYS])
def ask(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The queries' way in: straight into the engine, or as a client's text or bytecode."""
    library = Library()
    if request.param == "engine":
        yield library
    else:
        form, bytecode = WAYS[request.param]
        with served(library, tmp_path_factory.mktemp("home")) as address:
            front = Front(library, address, form(), bytecode=bytecode)
            yield front
            front.close()
    library.close()


@pytest.fixture(scope="module")
def gateway(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ask]:
    """The queries' way through a gateway: what stands before the inference step runs in a database behind it."""
    with served(library, tmp_path_factory.mktemp("home")) as address:
        database = GremlinDatabase(f"ws://{address}/gremlin", message_format=GraphSONMessages())
        engine = GatewayEngine(database, "neptune", extension=PredictionExtension(library.service))

        def ask(text: str) -> list[Any]:
            return [t.value for t in engine.run(parse(text)[0].traversal) for _ in range(t.bulk)]

        yield ask
        database.close()


@pytest.fixture(scope="module")
def library_address(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Host and port of a service in front of the library."""
    with served(library, tmp_path_factory.mktemp("home")) as address:
        yield address
