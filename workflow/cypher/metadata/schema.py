"""``CALL db.…``: which labels, types of relationships and property keys the graph has, and how they hang together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from workflow.cypher.planning.procedures import Argument, LibraryRow, Procedure
from workflow.cypher.running.run import CypherRun
from workflow.cypher.semantics.elements import SEPARATOR, properties_of
from workflow.graphs.elements import Edge, Vertex
from workflow.graphs.store.statistics import used_labels, value_counts
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.views import StoredGraph
from workflow.values.moments import Date, Duration, LocalDateTime, LocalTime, ZonedDateTime, ZonedTime

_TYPES: Final[tuple[tuple[type, str], ...]] = (
    (bool, "Boolean"), (int, "Long"), (float, "Double"), (str, "String"), (Date, "Date"), (ZonedTime, "Time"),
    (LocalTime, "LocalTime"), (ZonedDateTime, "DateTime"), (LocalDateTime, "LocalDateTime"), (Duration, "Duration"),
)  # fmt: skip
"""The first that a value is of says its type in Neo4j's words."""


def schema_rows() -> Iterator[LibraryRow]:
    """The procedures."""
    yield _listing("db.labels", "label", "The labels of nodes.", _labels)
    yield _listing("db.relationshipTypes", "relationshipType", "The types of relationships.", _types)
    yield _listing("db.propertyKeys", "propertyKey", "The keys of properties.", _keys)
    shown = (("nodes", "list"), ("relationships", "list"))
    yield Procedure("db.schema.visualization", (), shown, _visualization, description="A node a label, and what joins.")
    of_node = (("nodeType", "string"), ("nodeLabels", "list"))
    held = (("propertyName", "string"), ("propertyTypes", "list"), ("mandatory", "boolean"))
    said = "The properties of nodes with the same labels."
    yield Procedure("db.schema.nodeTypeProperties", (), (*of_node, *held), _node_properties, description=said)
    said = "The properties of relationships of a type."
    columns = (("relType", "string"), *held)
    yield Procedure("db.schema.relTypeProperties", (), columns, _relationship_properties, description=said)
    seconds = Argument("timeOutSeconds", "integer", 300, optional=True)
    yield Procedure("db.awaitIndexes", (seconds,), (), description="Indexes are made when they are first needed.")


def _listing(name: str, column: str, description: str, found: Any) -> Procedure:
    def call(run: CypherRun) -> Iterator[tuple[Any, ...]]:
        return ((one,) for one in found(run))

    return Procedure(name, (), ((column, "string"),), call, description=description)


def _stored(run: CypherRun) -> StoredGraph:
    assert isinstance(run.graph, StoredGraph)  # openCypher is answered from no other
    return run.graph


def _label_sets(run: CypherRun) -> list[str]:
    """The labels that nodes have together, each set as one text."""
    vertices = _stored(run).state.vertices
    return used_labels(vertices, vertices.row_array(None))


def _labels(run: CypherRun) -> list[str]:
    return sorted({label for labels in _label_sets(run) for label in _single(labels)})


def _single(labels: str) -> list[str]:
    return labels.split(SEPARATOR) if labels else []


def _types(run: CypherRun) -> list[str]:
    edges = _stored(run).state.edges
    return sorted(used_labels(edges, edges.row_array(None)))


def _keys(run: CypherRun) -> list[str]:
    state = _stored(run).state
    return sorted({key for part in (state.vertices, state.edges) for key in value_counts(part, part.row_array(None))})


def _visualization(run: CypherRun) -> Iterator[tuple[Any, ...]]:
    """A node for each label, named after it, and a relationship for each type between two labels."""
    drawn = EmbeddedGraph("schema")
    writer = drawn.begin()
    nodes: dict[str, int] = {}
    for label in _labels(run):
        nodes[label] = writer.add_vertex(None, label)
        writer.set_vertex_property(nodes[label], "name", label, "single")
    joined: set[tuple[str, str, str]] = set()
    graph = run.graph
    for kind in _types(run):
        ends: set[tuple[str, str]] = set()
        for row in graph.edges([kind]):
            run.tick()
            ends.add((graph.vertex_label(graph.edge_source(row)), graph.vertex_label(graph.edge_target(row))))
        joined |= {(kind, one, other) for left, right in ends for one in _single(left) for other in _single(right)}
    edges = []
    for kind, one, other in sorted(joined):
        edges.append(writer.add_edge(None, kind, nodes[one], nodes[other]))
        writer.set_edge_property(edges[-1], "name", kind)
    writer.commit()
    yield [Vertex(drawn, row) for row in nodes.values()], [Edge(drawn, row) for row in edges]


def _node_properties(run: CypherRun) -> Iterator[tuple[Any, ...]]:
    state = _stored(run).state.vertices
    for labels in sorted(_label_sets(run)):
        single = sorted(_single(labels))
        name = "".join(f":`{label}`" for label in single)
        rows = state.row_array([state.label_codes[labels]]).tolist()
        for key, types, mandatory in _held(run, (Vertex(run.graph, row) for row in rows), len(rows)):
            yield name, single, key, types, mandatory


def _relationship_properties(run: CypherRun) -> Iterator[tuple[Any, ...]]:
    for kind in _types(run):
        rows = list(run.graph.edges([kind]))
        for key, types, mandatory in _held(run, (Edge(run.graph, row) for row in rows), len(rows)):
            yield f":`{kind}`", key, types, mandatory


def _held(
    run: CypherRun, elements: Iterable[Vertex | Edge], count: int
) -> Iterator[tuple[str | None, list[str] | None, bool]]:
    """The keys of some elements, the types of their values, and whether all have them; one row of null for no keys."""
    types: dict[str, set[str]] = defaultdict(set)
    times: dict[str, int] = defaultdict(int)
    for element in elements:
        run.tick()
        for key, value in properties_of(element).items():
            types[key].add(_type(value))
            times[key] += 1
    if not types:
        yield None, None, False
    for key in sorted(types):
        yield key, sorted(types[key]), times[key] == count


def _type(value: Any) -> str:
    """The type of a value in Neo4j's words."""
    if isinstance(value, list | tuple):
        return f"{_type(value[0])}Array" if len(value) else "StringArray"
    return next((name for kind, name in _TYPES if isinstance(value, kind)), type(value).__name__)
