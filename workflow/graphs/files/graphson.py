"""GraphSON 3 in graph form: one vertex a line, with its properties and the edges that leave and reach it.

Read are lines, and one object ``{"vertices": […]}``; typed and plain values. Written are lines with typed values.
Source: the TinkerPop IO documentation, "GraphSON 3.0".
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import IO, Any, Final

import numpy as np

from workflow.errors import IllegalArgument
from workflow.graphs.files.draft import Draft, Value
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.views import StoredGraph
from workflow.values.numbers import BigInteger, Byte, Char, Float, Long, Short

MOST_DEPTH: Final = 64


def read_graphson(graph: EmbeddedGraph, stream: IO[bytes]) -> tuple[int, int]:
    """Add the graph of a file; returns how many vertices and edges. IllegalArgument, with the line, when it is none."""
    draft = Draft(graph)
    for line, vertex in _vertices(stream):
        try:
            _take(draft, vertex)
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            raise IllegalArgument(f"line {line} is no vertex in GraphSON 3: {error!r}") from error
    return draft.load()


def write_graphson(graph: EmbeddedGraph, stream: IO[bytes]) -> None:
    """Write every vertex with its edges, as the graph stands at one moment."""
    with graph.reading() as version:
        for row in version.vertices():
            stream.write(json.dumps(_vertex(version, row), ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n")


# -- reading
def _vertices(stream: IO[bytes]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise IllegalArgument(f"line {number} is no JSON: {error}") from error
        if not isinstance(found, dict):
            raise IllegalArgument(f"line {number} is no vertex in GraphSON 3: not an object")
        wrapped = found.get("vertices")
        if isinstance(wrapped, list) and "id" not in found:
            yield from ((number, vertex) for vertex in wrapped)
        else:
            yield number, found


def _take(draft: Draft, vertex: dict[str, Any]) -> None:
    id, label = decode(vertex["id"]), str(vertex.get("label", "vertex"))
    properties: dict[str, list[Value]] = {}
    for key, values in vertex.get("properties", {}).items():
        properties[key] = [(decode(one["value"]), _meta(one.get("properties"))) for one in values]
    draft.add_vertex(id, label, properties)
    # every edge stands at both its ends; the leaving one counts
    for name, edges in vertex.get("outE", {}).items():
        for edge in edges:
            held = {key: decode(value) for key, value in edge.get("properties", {}).items()}
            draft.add_edge(decode(edge["id"]), name, id, decode(edge["inV"]), held)


def _meta(meta: Any) -> dict[str, Any] | None:
    return {key: decode(value) for key, value in meta.items()} if meta else None


def decode(value: Any, depth: int = 0) -> Any:
    """A value out of its typed or plain JSON. ValueError for a type that is none."""
    if depth > MOST_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, list):
        return [decode(member, depth + 1) for member in value]
    if not isinstance(value, dict):
        return value
    if "@type" not in value:
        return {key: decode(member, depth + 1) for key, member in value.items()}
    kind, inner = value["@type"], value["@value"]
    if kind in ("g:List", "g:Set"):
        items = [decode(member, depth + 1) for member in inner]
        return items if kind == "g:List" else set(items)
    if kind == "g:Map":
        items = [decode(member, depth + 1) for member in inner]
        return dict(zip(items[::2], items[1::2], strict=True))
    if kind not in _READERS:
        raise ValueError(f"unknown type {kind!r}")
    return _READERS[kind](inner)


_SPECIAL: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def _double(inner: Any) -> float:
    return _SPECIAL[inner] if isinstance(inner, str) else float(inner)


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "g:Int32": int,
    "g:Int64": Long,
    "g:Double": _double,
    "g:Float": lambda inner: Float(np.float32(_double(inner))),
    "g:UUID": uuid.UUID,
    "g:Date": lambda inner: datetime.fromtimestamp(inner / 1000, UTC),
    "g:Timestamp": lambda inner: datetime.fromtimestamp(inner / 1000, UTC),
    "gx:Byte": Byte,
    "gx:Int16": Short,
    "gx:Char": Char,
    "gx:BigInteger": BigInteger,
    "gx:BigDecimal": lambda inner: Decimal(str(inner)),
    "gx:ByteBuffer": base64.b64decode,
    "gx:OffsetDateTime": datetime.fromisoformat,
    "gx:Duration": lambda inner: _duration(inner),
}


def _duration(text: str) -> timedelta:
    # PT…S is all that is written here; hours and minutes are read too
    rest, seconds = text.removeprefix("PT"), 0.0
    for letter, size in (("H", 3600), ("M", 60), ("S", 1)):
        if letter in rest:
            part, _, rest = rest.partition(letter)
            seconds += float(part) * size
    if rest:
        raise ValueError(f"{text!r} is no duration")
    return timedelta(seconds=seconds)


# -- writing
def _vertex(graph: StoredGraph, row: int) -> dict[str, Any]:
    found: dict[str, Any] = {"id": encode(graph.vertex_id(row)), "label": graph.vertex_label(row)}
    for name, way, end in (("inE", "in", "outV"), ("outE", "out", "inV")):
        edges: dict[str, list[Any]] = {}
        for edge in graph.incident(row, "in" if way == "in" else "out"):
            other = graph.edge_source(edge) if way == "in" else graph.edge_target(edge)
            line: dict[str, Any] = {"id": encode(graph.edge_id(edge)), end: encode(graph.vertex_id(other))}
            held = graph.edge_values(edge)
            if held:
                line["properties"] = {key: encode(value) for key, value in held.items()}
            edges.setdefault(graph.edge_label(edge), []).append(line)
        if edges:
            found[name] = edges
    properties: dict[str, list[Any]] = {}
    for one in graph.vertex_properties(row):
        line = {"id": encode(one.id), "value": encode(one.value)}
        if one.meta:
            line["properties"] = {key: encode(value) for key, value in one.meta.items()}
        properties.setdefault(one.key, []).append(line)
    if properties:
        found["properties"] = properties
    return found


def encode(value: Any) -> Any:
    """A value as typed JSON. IllegalArgument for a class GraphSON has no name for."""
    writer = _WRITERS.get(type(value))
    if writer is not None:
        return writer(value)
    if isinstance(value, Mapping):
        return {"@type": "g:Map", "@value": [encode(part) for pair in value.items() for part in pair]}
    if isinstance(value, list | tuple):
        return _items("g:List", value)
    if isinstance(value, set | frozenset):
        return _items("g:Set", value)
    raise IllegalArgument(f"a value of type {type(value).__name__} cannot be written as GraphSON")


def _items(kind: str, values: Iterable[Any]) -> dict[str, Any]:
    return {"@type": kind, "@value": [encode(one) for one in values]}


def _as(kind: str, dump: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: {"@type": kind, "@value": dump(value)}


def _number(value: float) -> Any:
    if value != value:
        return "NaN"
    return float(value) if abs(value) != float("inf") else ("Infinity" if value > 0 else "-Infinity")


_WRITERS: Final[dict[type, Callable[[Any], Any]]] = {
    str: str,
    bool: bool,
    type(None): lambda value: value,
    int: _as("g:Int32", int),
    Long: _as("g:Int64", int),
    float: _as("g:Double", _number),
    Float: _as("g:Float", _number),
    Byte: _as("gx:Byte", int),
    Short: _as("gx:Int16", int),
    Char: _as("gx:Char", str),
    BigInteger: _as("gx:BigInteger", int),
    Decimal: _as("gx:BigDecimal", str),
    uuid.UUID: _as("g:UUID", str),
    bytes: _as("gx:ByteBuffer", lambda value: base64.b64encode(value).decode("ascii")),
    datetime: _as("gx:OffsetDateTime", datetime.isoformat),
    timedelta: _as("gx:Duration", lambda value: f"PT{value.total_seconds():f}S"),
}
