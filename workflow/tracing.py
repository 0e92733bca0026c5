"""Traces of OpenTelemetry: a query and what it asks of endpoints, a job and its trials, into their processes.

Off until ``switch_on``; until then a span is None and costs a comparison. Where spans go, the standard ``OTEL_*``
variables say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from workflow.errors import PreconditionsFailed

_tracer: Any = None
_provider: Any = None


class TracesMissing(PreconditionsFailed):
    """Traces are asked for, and what writes them is not installed."""

    def __init__(self, error: ImportError) -> None:
        super().__init__(f"DESPINA_TRACES is true and {error.name} is not installed: pip install 'despina[traces]'")


def switch_on(exporter: Any = None) -> None:
    """Begin to write spans.

    Args:
        exporter: gets each span when it ends; by default spans are sent over OTLP and HTTP, several at a time.

    Raises TracesMissing.
    """
    global _tracer, _provider
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

        provider = TracerProvider(resource=Resource.create({"service.name": "despina"}))
        if exporter is None:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        else:
            provider.add_span_processor(SimpleSpanProcessor(exporter))
    except ImportError as error:
        raise TracesMissing(error) from error
    _tracer, _provider = provider.get_tracer("despina"), provider


def switch_off() -> None:
    """Send what is left, and write no more."""
    global _tracer, _provider
    provider, _tracer, _provider = _provider, None, None
    if provider is not None:
        provider.shutdown()


def is_on() -> bool:
    """Whether spans are written."""
    return _tracer is not None


def current() -> Any:
    """Where this thread or task is, as the parent of spans elsewhere; None while traces are off."""
    if _tracer is None:
        return None
    from opentelemetry import context

    return context.get_current()


def traceparent() -> dict[str, str]:
    """Where this thread or task is, as the header of W3C's trace context; nothing while traces are off."""
    if _tracer is None:
        return {}
    from opentelemetry import trace

    found = trace.get_current_span().get_span_context()
    return {"traceparent": f"00-{found.trace_id:032x}-{found.span_id:016x}-01"} if found.is_valid else {}


def started(name: str, **attributes: Any) -> Any:
    """A span that begins now below where this thread is, and is ended by ``ended``; None while traces are off."""
    return None if _tracer is None else _tracer.start_span(name, attributes=_named(attributes))


def enter(span: Any) -> None:
    """Let what this thread or task does from now on lie below a span of ``started``."""
    if span is not None:
        from opentelemetry import context, trace

        context.attach(trace.set_span_in_context(span))


def ended(span: Any) -> None:
    """End a span of ``started``; None is fine."""
    if span is not None:
        span.end()


@contextmanager
def span(name: str, parent: Any = None, also: Sequence[Any] = (), **attributes: Any) -> Iterator[Any]:
    """A span around a block, which is where the thread then is; what the block raises is noted.

    Args:
        name: of what is done.
        parent: of ``current``, where that is not where this thread is.
        also: further places that it is done for.
        attributes: underscores become dots.
    """
    if _tracer is None:
        yield None
        return
    from opentelemetry import trace

    links = [trace.Link(trace.get_current_span(one).get_span_context()) for one in also if one is not None]
    with _tracer.start_as_current_span(name, parent, attributes=_named(attributes), links=links) as begun:
        yield begun


def _named(attributes: dict[str, Any]) -> dict[str, Any]:
    return {f"despina.{name.replace('_', '.')}": value for name, value in attributes.items() if value is not None}
