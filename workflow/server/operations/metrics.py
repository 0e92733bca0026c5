"""``/metrics``: requests, queries, jobs, endpoints, graphs and memory, as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from workflow.server.operations.requests import BUCKETS_S, RequestCounts
from workflow.server.services import Services


class ServiceMetrics:
    """A collector of prometheus_client: it looks when it is asked, and keeps nothing."""

    def __init__(self, services: Services, counts: RequestCounts) -> None:
        self._services, self._counts = services, counts

    def collect(self) -> Iterator[Any]:
        """Every family of metrics, as it stands now."""
        yield from self._requests()
        yield from self._queries()
        yield from self._jobs()
        yield from self._graphs()

    def _requests(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

        labels = ["method", "group", "status"]
        answered = CounterMetricFamily("despina_http_requests", "Requests that were answered.", labels=labels)
        for key, count in sorted(self._counts.answered.items()):
            answered.add_metric(list(key), count)
        yield answered
        took = HistogramMetricFamily("despina_http_request_seconds", "How long answers took.", labels=["group"])
        bounds = [*map(str, BUCKETS_S), "+Inf"]
        for group, counts in sorted(self._counts.buckets.items()):
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            took.add_metric([group], buckets, self._counts.seconds[group])
        yield took

    def _queries(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        registry = self._services.queries
        accepted = registry.all()
        running = sum(query.started_at is not None for query in accepted)
        yield CounterMetricFamily("despina_queries_accepted", "Queries that were accepted.", registry.accepted_total)
        now = GaugeMetricFamily(
            "despina_queries", "Queries between acceptance and their last result.", labels=["state"]
        )
        now.add_metric(["running"], running)
        now.add_metric(["waiting"], len(accepted) - running)
        yield now

    def _jobs(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        if self._services.jobs is None:
            return
        jobs = GaugeMetricFamily("despina_jobs", "What the store of jobs keeps.", labels=["kind", "state"])
        for (kind, state), count in sorted(self._services.jobs.counts().items()):
            jobs.add_metric([kind, state], count)
        yield jobs
        serving = self._services.jobs.endpoints.serving()
        yield GaugeMetricFamily("despina_endpoints_serving", "Endpoints whose process answers.", serving)

    def _graphs(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        elements = GaugeMetricFamily("despina_graph_elements", "Vertices and edges.", labels=["source", "element"])
        for source, graph in self._services.graphs.items():
            elements.add_metric([source, "vertex"], graph.vertex_count())
            elements.add_metric([source, "edge"], graph.edge_count())
        yield elements


def exposition(services: Services, counts: RequestCounts) -> tuple[bytes, str]:
    """The whole text and its content type, with the process's own memory, processor time and open files."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

    registry = CollectorRegistry()
    registry.register(ServiceMetrics(services, counts))
    ProcessCollector(registry=registry)
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4
