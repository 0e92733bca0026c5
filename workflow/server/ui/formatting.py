"""The values of an answer as text for people: vertices with their names, paths as chains, maps and lists as written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from workflow.graphs.elements import Edge, Path, Property, Vertex, VertexProperty
from workflow.gremlin.semantics.values import (
    GremlinEnum,
    GSet,
    Metrics,
    ReferenceEdge,
    ReferenceVertex,
    TraversalMetrics,
)

CAPTIONS = ("name", "title", "code")
NAMING = ("name", "title", "label")  # ends of further properties by which people call things
MOST_LOOKED_AT = 24  # properties of a vertex, for one of those
MAX_CAPTION = 60


def caption(vertex: Vertex | ReferenceVertex) -> str:
    """What a vertex is called: its name, title or code, or what ends so (``fullName``, ``job_title``), else its id.

    Cut where it is long.
    """
    if isinstance(vertex, Vertex):
        for key in CAPTIONS:
            if values := vertex.graph.vertex_values(vertex.row, key):
                return shortened(str(values[0]), MAX_CAPTION)
        for found in islice(vertex.graph.vertex_properties(vertex.row), MOST_LOOKED_AT):
            if found.key.lower().endswith(NAMING) and isinstance(found.value, str) and found.value:
                return shortened(found.value, MAX_CAPTION)
    return shortened(str(vertex.id), MAX_CAPTION)


def shortened(text: str, length: int) -> str:
    """Cut a text to at most ``length`` characters, with an ellipsis for what is left out."""
    return text if len(text) <= length else text[: length - 1] + "…"


def in_words(value: Any) -> str:
    """One value of an answer as a line."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case GremlinEnum():
            return str(value.value)
        case Vertex():
            name = caption(value)
            return repr(value) if name == str(value.id) else f"{value!r} {name}"
        case ReferenceVertex():
            return f"v[{value.id}]"
        case Edge() | ReferenceEdge():
            ends = f"{caption(value.out_vertex)} → {caption(value.in_vertex)}"
            return f"e[{value.id}] {value.label}, {ends}"
        case VertexProperty() | Property():
            return f"{value.key}: {in_words(value.value)}"
        case Path():
            return " → ".join(o.label if isinstance(o, Edge | ReferenceEdge) else in_words(o) for o in value.objects)
        case Mapping():
            return "{" + ", ".join(f"{in_words(key)}: {in_words(item)}" for key, item in value.items()) + "}"
        case GSet() | set() | frozenset():
            return "{" + ", ".join(map(in_words, value)) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(in_words, value)) + "]"
        case _:
            return str(value)


def table(results: list[Any]) -> tuple[list[str], list[list[Any]]]:
    """Maps with the same keys become columns; anything else is one column. Numbers stay numbers, the rest is text.

    A profile is a row a step.
    """
    if len(results) == 1 and isinstance(results[0], TraversalMetrics):
        return ["step", "elements", "traversers", "ms"], list(_steps(results[0].metrics, ""))
    if results and all(isinstance(result, Mapping) for result in results):
        keys = list(dict.fromkeys(key for result in results for key in result))
        return [in_words(key) for key in keys], [
            [_cell(result[key]) if key in result else "" for key in keys] for result in results
        ]
    return ["result"], [[_cell(result)] for result in results]


def _steps(metrics: Iterable[Metrics], indent: str) -> Iterator[list[Any]]:
    for step in metrics:
        counts = [step.counts.get(name, "") for name in ("elementCount", "traverserCount")]
        yield [indent + step.name, *counts, round(step.duration_ns / 1e6, 3)]
        yield from _steps(step.nested, indent + "\u2003")


def _cell(value: Any) -> Any:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else in_words(value)
