"""Which graph an export reads: one of this service, or a database its operator has configured."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace

from workflow.errors import InvalidParameter
from workflow.export import ExportRequest
from workflow.graphs.source import ElementFilter, GraphPart, GraphSource, OpenSource

OWN_HOSTS = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - as a name that clients use, not to bind to


class ExportSources:
    """Which graph an export request means.

    Args:
        graphs: by name, such as ``g`` or ``gmodern``; the first is the default.
        remote: by host name, databases the operator has configured.
        own_hosts: names under which clients reach this service.
    """

    def __init__(
        self,
        graphs: Mapping[str, OpenSource],
        remote: Mapping[str, OpenSource] | None = None,
        own_hosts: tuple[str, ...] = OWN_HOSTS,
    ) -> None:
        self._graphs, self._remote, self._own_hosts = dict(graphs), dict(remote or {}), own_hosts

    def open(self, request: ExportRequest, host: str | None, broken_off: threading.Event | None = None) -> GraphSource:
        """The graph of ``params.graph`` or ``params.endpoint``. Nothing else is ever connected to.

        Args:
            host: the host name under which the request arrived; clients name it as the endpoint.
            broken_off: ends a Gremlin filter that runs while it is set.

        Raises InvalidParameter, naming what is known, and for Gremlin filters that are none.
        """
        chosen = request.selection
        nodes, edges = (
            ElementFilter("gremlin", steps) if steps else None for steps in (chosen.node_steps, chosen.edge_steps)
        )
        part = GraphPart(nodes, edges, broken_off=broken_off)
        if request.concurrency is not None:
            part = replace(part, concurrency=request.concurrency)
        return self._opener(request, host)(part)

    def unread(self, request: ExportRequest, host: str | None) -> tuple[str, ...]:
        """Sentences about what a request says without effect on the graph that it names."""
        if request.concurrency is None or self._opener(request, host) in self._remote.values():
            return ()
        return ("params: 'concurrency' had no effect: the graph of this service is not read in pages",)

    def _opener(self, request: ExportRequest, host: str | None) -> OpenSource:
        if request.graph is not None:
            for name in (request.graph, f"g{request.graph}"):
                if name in self._graphs:
                    return self._graphs[name]
            raise InvalidParameter(f"there is no graph {request.graph!r}; these exist: {', '.join(self._graphs)}")
        endpoint = (request.endpoint or "").removeprefix("https://").removeprefix("http://").rstrip("/")
        if endpoint.count(":") == 1:
            endpoint = endpoint.partition(":")[0]
        if endpoint in self._remote:
            return self._remote[endpoint]
        if not endpoint or endpoint == host or endpoint in self._own_hosts:
            for opener in (*self._graphs.values(), *self._remote.values()):
                return opener
        known = ", ".join(dict.fromkeys((*self._remote, *self._own_hosts)))
        raise InvalidParameter(
            f"endpoint {endpoint!r} is not a database this service may read; known hosts: {known}. "
            "Leave 'endpoint' out to export the graph of this service"
        )
