"""The texts of ``/gremlin/explain`` and ``/gremlin/profile``, in the layout that Neptune's clients look through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from workflow.gremlin.semantics.values import Metrics, TraversalMetrics

_RULE = "*" * 55


@dataclass(frozen=True, slots=True)
class Serialization:
    """What the results of a profiled query weighed."""

    count: int
    seconds: float
    size_bytes: int
    mime: str
    results: str = ""


def heading(title: str) -> str:
    return f"{_RULE}\n{title:^55}\n{_RULE}"


def section(title: str, body: str) -> str:
    return f"{title}\n{'=' * len(title)}\n{body.rstrip()}\n"


def explain_text(query: str, plan: str, predicates: int) -> str:
    """The plan of a query that was not run."""
    parts = [
        heading("Neptune Gremlin Explain"),
        section("Query String", query.strip()),
        section("Plan", plan),
        section("Predicates", f"# of predicates: {predicates}"),
    ]
    return "\n".join(part + "\n" for part in parts)


def profile_text(
    query: str, plan: str, metrics: TraversalMetrics, predicates: int, sent: Serialization, *, index_ops: bool = False
) -> str:
    """What a query that was run cost, step by step."""
    milliseconds = metrics.duration_ns / 1e6
    parts = [
        heading("Neptune Gremlin Profile"),
        section("Query String", query.strip()),
        section("Plan", plan),
        section("Runtime (ms)", f"Query Execution: {milliseconds:.3f}\nSerialization: {sent.seconds * 1000:.3f}"),
        section("Traversal Metrics", metrics_table(metrics)),
        section("Predicates", f"# of predicates: {predicates}"),
        section("Results", f"Count: {sent.count}\nOutput: {sent.results}" if sent.results else f"Count: {sent.count}"),
        section(
            "Response serializer",
            f"Response serializer: {sent.mime}\nResponse size (bytes): {sent.size_bytes}",
        ),
    ]
    if index_ops:
        parts.append(
            section(
                "Index Operations",
                "Query execution:\n    # of statement index ops: 0\n    # of unique statement index ops: 0\n"
                "    Duplication ratio: 0\n    # of terms materialized: 0",
            )
        )
    return "\n".join(part + "\n" for part in parts)


def metrics_table(metrics: TraversalMetrics) -> str:
    """A line for each step: traversers, results with their multiplicity, the time and its share."""
    lines = [f"{'Step':<60}{'Count':>12}{'Traversers':>12}{'Time (ms)':>12}{'% Dur':>9}"]
    total = max(1, metrics.duration_ns)
    for depth, metric in _walk(metrics.metrics, 0):
        name = ("  " * depth + metric.name)[:58]
        elements = metric.counts.get("elementCount", 0)
        traversers = metric.counts.get("traverserCount", 0)
        share = 100 * metric.duration_ns / total
        lines.append(f"{name:<60}{elements:>12}{traversers:>12}{metric.duration_ns / 1e6:>12.3f}{share:>9.2f}")
    lines.append(f"{'>TOTAL':<60}{'-':>12}{'-':>12}{metrics.duration_ns / 1e6:>12.3f}{'-':>9}")
    return "\n".join(lines)


def _walk(metrics: tuple[Metrics, ...], depth: int) -> Iterator[tuple[int, Metrics]]:
    for metric in metrics:
        yield depth, metric
        yield from _walk(metric.nested, depth + 1)
