"""The values of an answer as text for people: vertices with their names, paths as chains, maps and lists as written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflow.graphs.elements import Edge, Path, Property, Vertex, VertexProperty
from workflow.graphs.naming import GUESSED, MAX_NAME, Naming, shortened
from workflow.gremlin.semantics.values import (
    GremlinEnum,
    GSet,
    Metrics,
    ReferenceEdge,
    ReferenceVertex,
    TraversalMetrics,
)


def caption(vertex: Vertex | ReferenceVertex, naming: Naming = GUESSED) -> str:
    """What a vertex is called; of one of a remote database its id."""
    return naming.name(vertex) if isinstance(vertex, Vertex) else shortened(str(vertex.id), MAX_NAME)


def in_words(value: Any, naming: Naming = GUESSED) -> str:
    """One value of an answer as a line."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case GremlinEnum():
            return str(value.value)
        case Vertex():
            name = caption(value, naming)
            return repr(value) if name == str(value.id) else f"{value!r} {name}"
        case ReferenceVertex():
            return f"v[{value.id}]"
        case Edge() | ReferenceEdge():
            ends = f"{caption(value.out_vertex, naming)} → {caption(value.in_vertex, naming)}"
            return f"e[{value.id}] {value.label}, {ends}"
        case VertexProperty() | Property():
            return f"{value.key}: {in_words(value.value, naming)}"
        case Path():
            return " → ".join(
                o.label if isinstance(o, Edge | ReferenceEdge) else in_words(o, naming) for o in value.objects
            )
        case Mapping():
            return (
                "{"
                + ", ".join(f"{in_words(key, naming)}: {in_words(item, naming)}" for key, item in value.items())
                + "}"
            )
        case GSet() | set() | frozenset():
            return "{" + ", ".join(in_words(one, naming) for one in value) + "}"
        case list() | tuple():
            return "[" + ", ".join(in_words(one, naming) for one in value) + "]"
        case _:
            return str(value)


def table(results: list[Any], naming: Naming = GUESSED) -> tuple[list[str], list[list[Any]]]:
    """Maps with the same keys become columns; anything else is one column. Numbers stay numbers, the rest is text.

    A profile is a row a step.
    """
    if len(results) == 1 and isinstance(results[0], TraversalMetrics):
        return ["step", "elements", "traversers", "ms"], list(_steps(results[0].metrics, ""))
    if results and all(isinstance(result, Mapping) for result in results):
        keys = list(dict.fromkeys(key for result in results for key in result))
        return [in_words(key, naming) for key in keys], [
            [_cell(result[key], naming) if key in result else "" for key in keys] for result in results
        ]
    return ["result"], [[_cell(result, naming)] for result in results]


def _steps(metrics: Iterable[Metrics], indent: str) -> Iterator[list[Any]]:
    for step in metrics:
        counts = [step.counts.get(name, "") for name in ("elementCount", "traverserCount")]
        yield [indent + step.name, *counts, round(step.duration_ns / 1e6, 3)]
        yield from _steps(step.nested, indent + "\u2003")


def _cell(value: Any, naming: Naming) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else in_words(value, naming)
