"""Spans of OpenTelemetry from jobs and endpoints, below those of the service that started or asked them.

Off unless ``DESPINA_TRACES`` is ``true``; where spans go, the standard ``OTEL_*`` variables say. What stands above a
span comes as W3C's ``traceparent``: in the environment of a job, in the header of a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class Traces:
    """Writes spans, or nothing at all.

    Args:
        provider: OpenTelemetry's; None writes nothing.
    """

    def __init__(self, provider: Any = None) -> None:
        self._provider = provider
        self._tracer = None if provider is None else provider.get_tracer("despina")

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Traces:
        """Traces as the environment asks for them; none where OpenTelemetry is not installed."""
        if environ.get("DESPINA_TRACES", "").strip().lower() != "true":
            return cls()
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError:
            return cls()
        provider = TracerProvider(resource=Resource.create({"service.name": "despina"}))
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    @contextmanager
    def span(self, name: str, traceparent: str | None, **attributes: Any) -> Iterator[None]:
        """A span around a block, below what a ``traceparent`` names; what the block raises is noted."""
        if self._tracer is None:
            yield
            return
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        above = TraceContextTextMapPropagator().extract({"traceparent": traceparent or ""})
        named = {f"despina.{key}": value for key, value in attributes.items()}
        with self._tracer.start_as_current_span(name, above, attributes=named):
            yield

    def close(self) -> None:
        """Send what is left."""
        if self._provider is not None:
            self._provider.shutdown()
