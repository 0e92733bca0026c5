"""What ``call()`` can call: a registry of named services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Property, Vertex, VertexProperty
from workflow.gremlin.running.step import ExecutionContext
from workflow.gremlin.semantics.values import Direction, Long
from workflow.settings import Profile

LIST = "--list"


class Service(Protocol):
    """Something a query can call by name.

    ``starts`` says that it can begin a query, ``streams`` that it can be called for each traverser.
    """

    name: str
    starts: bool
    streams: bool
    parameters: Mapping[str, str]

    def call(self, ctx: ExecutionContext, value: Any, parameters: Mapping[str, Any]) -> Iterable[Any]:
        """The results; ``value`` is the current one, or None at the start of a query."""


class ServiceRegistry:
    """Services by name; ``--list`` is always there and lists the others."""

    def __init__(self, services: Iterable[Service] = ()) -> None:
        self._services: dict[str, Service] = {}
        for service in services:
            self.add(service)

    def add(self, service: Service) -> None:
        self._services[service.name] = service

    def get(self, name: str, *, start: bool) -> Service:
        """Raises QueryFailed for an unknown name, or where it cannot be called."""
        if name == LIST:
            return Directory(self)
        service = self._services.get(name)
        if service is None:
            raise QueryFailed(f"Unrecognized service: {name}")
        if not (service.starts if start else service.streams):
            how = "Start" if start else "Streaming"
            raise QueryFailed(f"Service type not supported: {name}, {how}")
        return service

    def all(self) -> list[Service]:
        return list(self._services.values())

    @classmethod
    def for_profile(cls, profile: Profile) -> ServiceRegistry:
        """The services a fresh engine has: those of TinkerGraph's example registry in its profile."""
        return cls([TextSearch(), DegreeCentrality()] if profile == "tinkerpop" else ())


class Directory:
    """``call()`` and ``call("--list")``: the names, or with ``verbose`` descriptions."""

    name = LIST
    starts = streams = True
    parameters: Mapping[str, str] = {"service": "one service only", "verbose": "descriptions instead of names"}

    def __init__(self, registry: ServiceRegistry) -> None:
        self.registry = registry

    def call(self, ctx: ExecutionContext, value: Any, parameters: Mapping[str, Any]) -> Iterable[Any]:
        wanted = parameters.get("service")
        found = [s for s in self.registry.all() if wanted is None or s.name == wanted]
        if not parameters.get("verbose"):
            return [s.name for s in found]
        return [
            {
                "name": s.name,
                "type:[requirements]:": {"Start": []} if s.starts else {"Streaming": []},
                "params": dict(s.parameters),
            }
            for s in found
        ]


class TextSearch:
    """Properties whose text contains something."""

    name = "tinker.search"
    starts, streams = True, False
    parameters: Mapping[str, str] = {
        "search": "the text to look for",
        "type": "Vertex, Edge or VertexProperty: whose properties are looked at (optional)",
    }

    def call(self, ctx: ExecutionContext, value: Any, parameters: Mapping[str, Any]) -> Iterable[Any]:
        wanted = parameters.get("search")
        if not isinstance(wanted, str):
            raise QueryFailed("The parameter search is missing")
        kind = parameters.get("type")
        graph = ctx.graph
        if kind in (None, "Vertex", "VertexProperty"):
            for row in graph.vertices():
                for p in graph.vertex_properties(row):
                    if kind != "VertexProperty" and isinstance(p.value, str) and wanted in p.value:
                        yield p
                    if kind != "Vertex":
                        yield from _matching(p, p.meta or {}, wanted)
        if kind in (None, "Edge"):
            for row in graph.edges():
                yield from _matching(Edge(graph, row), graph.edge_values(row), wanted)


def _matching(owner: Edge | VertexProperty, values: Mapping[str, Any], wanted: str) -> Iterable[Property]:
    return [Property(k, v, owner) for k, v in values.items() if isinstance(v, str) and wanted in v]


class DegreeCentrality:
    """The number of edges of a vertex."""

    name = "tinker.degree.centrality"
    starts, streams = False, True
    parameters: Mapping[str, str] = {"direction": "IN (default), OUT or BOTH"}

    def call(self, ctx: ExecutionContext, value: Any, parameters: Mapping[str, Any]) -> Iterable[Any]:
        if not isinstance(value, Vertex):
            raise QueryFailed(f"The service {self.name} is called for vertices and not for {value}")
        way = parameters.get("direction", Direction.IN)
        name = way.value if isinstance(way, Direction) else str(way)
        degree = value.graph.degree(value.row, {"OUT": "out", "BOTH": "both"}.get(name, "in"))  # type: ignore[arg-type]
        return [Long(degree)]
