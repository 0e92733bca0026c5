"""TinkerPop's toy graphs, written into traversal sources that are empty."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from gremlin_python.process.graph_traversal import GraphTraversalSource, __
from gremlin_python.process.traversal import Cardinality, T

VertexRow = tuple[int, str, list[tuple[str, Any, dict[str, Any]]]]
EdgeRow = tuple[int, str, int, int, dict[str, Any]]
ToyGraph = tuple[list[VertexRow], list[EdgeRow]]

BATCH = 60


def _vertex(id: int, label: str, **properties: Any) -> VertexRow:
    return id, label, [(key, value, {}) for key, value in properties.items()]


def modern(person: str = "person", software: str = "software") -> ToyGraph:
    vertices = [
        _vertex(1, person, name="marko", age=29),
        _vertex(2, person, name="vadas", age=27),
        _vertex(3, software, name="lop", lang="java"),
        _vertex(4, person, name="josh", age=32),
        _vertex(5, software, name="ripple", lang="java"),
        _vertex(6, person, name="peter", age=35),
    ]
    edges: list[EdgeRow] = [
        (7, "knows", 1, 2, {"weight": 0.5}),
        (8, "knows", 1, 4, {"weight": 1.0}),
        (9, "created", 1, 3, {"weight": 0.4}),
        (10, "created", 4, 5, {"weight": 1.0}),
        (11, "created", 4, 3, {"weight": 0.4}),
        (12, "created", 6, 3, {"weight": 0.2}),
    ]
    return vertices, edges


def classic() -> ToyGraph:
    return modern("vertex", "vertex")


def sink() -> ToyGraph:
    vertices = [
        _vertex(1000, "loops", name="loop"),
        _vertex(2000, "message", name="a"),
        _vertex(2001, "message", name="b"),
    ]
    return vertices, [(1001, "self", 1000, 1000, {}), (2002, "link", 2000, 2001, {}), (2003, "link", 2000, 2000, {})]


LIVED: dict[int, list[tuple[str, int, int | None]]] = {
    1: [("san diego", 1997, 2001), ("santa cruz", 2001, 2004), ("brussels", 2004, 2005), ("santa fe", 2005, None)],
    7: [("centreville", 1990, 2000), ("dulles", 2000, 2006), ("purcellville", 2006, None)],
    8: [("bremen", 2004, 2007), ("baltimore", 2007, 2011), ("oakland", 2011, 2014), ("seattle", 2014, None)],
    9: [("spremberg", 1982, 2005), ("kaiserslautern", 2005, 2009), ("aachen", 2009, None)],
}
WORKED: list[tuple[int, str, int, int, int]] = [
    (13, "develops", 1, 10, 2009),
    (14, "develops", 1, 11, 2010),
    (15, "uses", 1, 10, 4),
    (16, "uses", 1, 11, 5),
    (17, "develops", 7, 10, 2010),
    (18, "develops", 7, 11, 2011),
    (19, "uses", 7, 10, 5),
    (20, "uses", 7, 11, 4),
    (21, "develops", 8, 10, 2012),
    (22, "uses", 8, 10, 3),
    (23, "uses", 8, 11, 3),
    (24, "uses", 9, 10, 5),
    (25, "uses", 9, 11, 3),
]


def crew() -> ToyGraph:
    vertices = [
        _vertex(1, "person", name="marko"),
        _vertex(7, "person", name="stephen"),
        _vertex(8, "person", name="matthias"),
        _vertex(9, "person", name="daniel"),
        _vertex(10, "software", name="gremlin"),
        _vertex(11, "software", name="tinkergraph"),
    ]
    for id, _, properties in vertices:
        for place, start, end in LIVED.get(id, []):
            meta = {"startTime": start} if end is None else {"startTime": start, "endTime": end}
            properties.append(("location", place, meta))
    edges: list[EdgeRow] = [
        (id, label, out, into, {"since" if label == "develops" else "skill": value})
        for id, label, out, into, value in WORKED
    ]
    return vertices, [*edges, (26, "traverses", 10, 11, {})]


def from_graphson(text: str) -> ToyGraph:
    """GraphSON 3 adjacency lines."""
    vertices: list[VertexRow] = []
    edges: list[EdgeRow] = []
    for line in text.splitlines():
        row = json.loads(line)
        id = _plain(row["id"])
        properties = [
            (key, _plain(p["value"]), {}) for key, several in row.get("properties", {}).items() for p in several
        ]
        vertices.append((id, row["label"], properties))
        for label, several in row.get("outE", {}).items():
            for edge in several:
                held = {key: _plain(value) for key, value in edge.get("properties", {}).items()}
                edges.append((_plain(edge["id"]), label, id, _plain(edge["inV"]), held))
    return vertices, sorted(edges, key=lambda edge: edge[0])


def _plain(value: Any) -> Any:
    return value["@value"] if isinstance(value, dict) else value


def fill(g: GraphTraversalSource, graph: ToyGraph) -> None:
    """Write a graph, unless something is there already."""
    if g.V().limit(1).to_list():
        return
    vertices, edges = graph
    for some in _batches(vertices):
        traversal: Any = g
        for id, label, properties in some:
            traversal = traversal.add_v(label).property(T.id, id)
            several = {key for key, _, meta in properties if meta}
            for key, value, meta in properties:
                flat = [x for pair in meta.items() for x in pair]
                kind = [Cardinality.list_] if key in several else []
                traversal = traversal.property(*kind, key, value, *flat)
        traversal.count().to_list()
    for some in _batches(edges):
        traversal = g
        for id, label, out, into, held in some:
            traversal = traversal.V(out).add_e(label).to(__.V(into)).property(T.id, id)
            for key, value in held.items():
                traversal = traversal.property(key, value)
        traversal.count().to_list()


def _batches(rows: list[Any]) -> Iterator[list[Any]]:
    for i in range(0, len(rows), BATCH):
        yield rows[i : i + BATCH]
