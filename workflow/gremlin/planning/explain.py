"""Looking at a query: ``explain`` shows the plan, ``profile`` what each step of it did."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from workflow.gremlin.columns.morsel import Morsel
from workflow.gremlin.running.step import Step
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.values import (
    BigInteger,
    Byte,
    Float,
    GremlinEnum,
    GSet,
    Long,
    Metrics,
    Short,
    TraversalMetrics,
)
from workflow.gremlin.traversal import Instruction, P, Strategy, Traversal

Item = TypeVar("Item")


class StepProfiler:
    """Counts and times what passes each step; a step's time leaves out that of the steps before it."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.traversers: list[int] = []
        self.elements: list[int] = []
        self.total_ns: list[int] = []

    def watch(self, step: Step, source: Iterator[Traverser]) -> Iterator[Traverser]:
        """The same traversers; call it for the steps in their order."""
        return self._counted(self._next(str(step)), source, lambda t: (1, t.bulk))

    def watch_morsels(self, name: str, source: Iterator[Morsel]) -> Iterator[Morsel]:
        """The same morsels of traversers."""
        return self._counted(self._next(name), source, lambda morsel: (len(morsel), int(morsel.bulks().sum())))

    def _next(self, name: str) -> int:
        at = len(self.names)
        self.names.append(name)
        for column in (self.traversers, self.elements, self.total_ns):
            column.append(0)
        return at

    def _counted(self, at: int, source: Iterator[Item], sizes: Callable[[Item], tuple[int, int]]) -> Iterator[Item]:
        clock = time.perf_counter_ns
        while True:
            begin = clock()
            try:
                item = next(source)
            except StopIteration:
                return
            finally:
                self.total_ns[at] += clock() - begin
            traversers, elements = sizes(item)
            self.traversers[at] += traversers
            self.elements[at] += elements
            yield item

    def result(self) -> TraversalMetrics:
        """The metrics so far."""
        metrics = []
        before = 0
        for at, name in enumerate(self.names):
            own = max(0, self.total_ns[at] - before)
            before = self.total_ns[at]
            counts = {"traverserCount": self.traversers[at], "elementCount": self.elements[at]}
            metrics.append(Metrics(f"{at}.0.0()", name, own, counts if self.traversers[at] else {}))
        total = self.total_ns[-1] if self.total_ns else 0
        metrics = [
            Metrics(
                m.id, m.name, m.duration_ns, m.counts, {"percentDur": 100.0 * m.duration_ns / total if total else 0.0}
            )
            for m in metrics
        ]
        return TraversalMetrics(total, tuple(metrics))


@dataclass(frozen=True)
class ProfileResult:
    """What a profiled run gave: metrics, the number of results, the time, and the plan."""

    metrics: TraversalMetrics
    results: int
    duration_s: float
    plan: str

    def text(self) -> str:
        """A table for people."""
        lines = [
            "Traversal Metrics",
            f"{'Step':60s} {'Count':>12s} {'Traversers':>12s} {'Time (ms)':>12s} {'% Dur':>8s}",
            "=" * 108,
        ]
        for m in self.metrics.metrics:
            count = m.counts.get("elementCount", "")
            traversers = m.counts.get("traverserCount", "")
            share = m.annotations.get("percentDur", 0.0)
            name = m.name if len(m.name) <= 60 else m.name[:57] + "..."
            lines.append(f"{name:60s} {count!s:>12s} {traversers!s:>12s} {m.duration_ns / 1e6:12.3f} {share:8.2f}")
        lines.append(f"{'>TOTAL':60s} {'-':>12s} {'-':>12s} {self.metrics.duration_ns / 1e6:12.3f} {'-':>8s}")
        return "\n".join(lines)


_SUFFIXES: dict[type, str] = {
    Byte: "b",
    Short: "s",
    Long: "L",
    BigInteger: "n",
    Float: "f",
    float: "d",
    Decimal: "m",
}


def written(value: object) -> str:
    """An argument as Gremlin text."""
    if isinstance(value, Traversal):
        return "__" + "".join(f".{written(i)}" for i in value.steps)
    if isinstance(value, Instruction):
        return f"{value.name}({', '.join(map(written, value.args))})"
    if isinstance(value, P):
        return f"P.{value.name}({', '.join(map(written, value.args))})"
    if isinstance(value, GremlinEnum):
        return f"{type(value).__name__}.{value.value}"
    if isinstance(value, Strategy):
        return f"new {value.name}({', '.join(f'{k}: {written(v)}' for k, v in value.configuration.items())})"
    if isinstance(value, GSet):
        return "{" + ", ".join(map(written, value)) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, Mapping):
        if not value:
            return "[:]"
        return "[" + ", ".join(f"({written(k)}): {written(v)}" for k, v in value.items()) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, datetime.datetime):
        return f'datetime("{value.isoformat()}")'
    return f"{value}{_SUFFIXES.get(type(value), '')}"


def explained(
    original: Traversal,
    rewritten: Traversal,
    compiled: Sequence[Step],
    optimised: Sequence[Step],
    notes: Sequence[str] = (),
) -> str:
    """The stages of a query, one a line, and what is to be noted of it."""

    def source(t: Traversal) -> str:
        return "g" + "".join(f".{written(i)}" for i in (*t.source, *t.steps))

    rows = [
        ("Original Traversal", source(original)),
        ("Strategies", source(rewritten)),
        ("Compiled", "[" + ", ".join(map(str, compiled)) + "]"),
        ("Final Traversal", "[" + ", ".join(map(str, optimised)) + "]"),
        *(("Note", note) for note in notes),
    ]
    width = max(len(name) for name, _ in rows)
    body = "\n".join(f"{name:{width}s}   {text}" for name, text in rows)
    return f"Traversal Explanation\n{'=' * (width + 40)}\n{body}"
