"""Clauses that change the graph: what is created, set, removed and deleted."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workflow.cypher.errors import ConstraintFailed, CypherSemanticError, CypherTypeError
from workflow.cypher.lang import tree as t
from workflow.cypher.running.expressions import Evaluator, Expressions
from workflow.cypher.running.patterns import PathElement, assembled
from workflow.cypher.running.run import CypherRun, Row
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.cypher.semantics.elements import joined_labels, labels_of, properties_of
from workflow.cypher.semantics.paths import CypherPath
from workflow.graphs.elements import Edge, Vertex
from workflow.graphs.protocols import WritesMany
from workflow.graphs.store.versions.cells import MISSING
from workflow.values.numbers import Long

Change = Callable[[CypherRun, Row], None]
"""What one row does to the graph; it may bind names of the row."""


Cells = dict[str, list[Any]]
"""Properties of many new elements by key, one value each, MISSING where it has none."""

CellsOf = Callable[[CypherRun, list[Row]], Cells]

Together = Callable[[CypherRun, list[Row]], bool]
"""Changes the same for many rows; false where that has to be done row by row, and nothing was done."""

AT_ONCE: Final = 8192  # nodes that are created between two looks at the clock

_LOOKS: Final = (t.Subquery, t.PatternExpression, t.PatternComprehension)
"""What looks at the graph."""


def stored(value: Any) -> Any:
    """A value as a property keeps it. Raises CypherTypeError for maps, elements, and lists of such."""
    if isinstance(value, bool) or value is None or isinstance(value, str | float):
        return value
    if isinstance(value, int):
        return value if isinstance(value, Long) else Long(value)
    if isinstance(value, list | tuple):
        if any(one is None or isinstance(one, list | tuple | Mapping | Vertex | Edge | CypherPath) for one in value):
            raise CypherTypeError("A list that is a property holds single values, and no null", "InvalidPropertyType")
        if any(isinstance(one, float) for one in value) and all(_number(one) for one in value):
            return [float(one) for one in value]
        return [stored(one) for one in value]
    if isinstance(value, Mapping | Vertex | Edge | CypherPath):
        raise CypherTypeError(f"A property cannot be {kind_of(value)}", "InvalidPropertyType")
    return value


def _cell(value: Any) -> Any:
    """A value of a new element."""
    return MISSING if value is None else stored(value)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def set_property(run: CypherRun, element: Any, key: str, value: Any) -> None:
    """``element.key = value``; null takes the property away. Nothing happens to null."""
    writer = run.writer()
    if element is None:
        return
    if isinstance(element, Edge):
        if value is None:
            if key in run.graph.edge_values(element.row):
                writer.remove_edge_property(element.row, key)
                run.outcome.counters.properties_set += 1
        else:
            writer.set_edge_property(element.row, key, stored(value))
            run.outcome.counters.properties_set += 1
    elif isinstance(element, Vertex):
        if value is None:
            properties = list(run.graph.vertex_properties(element.row, (key,)))
            for old in properties:
                writer.remove_vertex_property(element.row, old.id)
            run.outcome.counters.properties_set += bool(properties)
        else:
            writer.set_vertex_property(element.row, key, stored(value), "single")
            run.outcome.counters.properties_set += 1
    else:
        raise CypherTypeError(
            f"Properties are set on nodes and relationships, not {kind_of(element)}", "InvalidArgumentType"
        )


def set_labels(run: CypherRun, element: Any, labels: list[str]) -> None:
    """Give a node exactly these labels."""
    if element is not None:
        if not isinstance(element, Vertex):
            raise CypherTypeError(f"Labels are set on nodes, not {kind_of(element)}", "InvalidArgumentType")
        if not labels and run.default_label is not None:
            raise ConstraintFailed("The last label of a node cannot be removed", "LabelRequired")
        before, after = set(labels_of(element)), set(labels)
        run.writer().set_label(element.row, joined_labels(labels))
        run.outcome.counters.labels_added += len(after - before)
        run.outcome.counters.labels_removed += len(before - after)


class Writing:
    """Makes the changes of clauses.

    Args:
        expressions: makes evaluators.
        fresh: names for elements without one.
    """

    def __init__(self, expressions: Expressions, fresh: Callable[[], str]) -> None:
        self._expressions = expressions
        self._fresh = fresh

    # -- CREATE

    def created(self, paths: tuple[t.PathPattern, ...], *, merging: bool = False) -> Change:
        """Create what a pattern names and a row does not bind: nodes first, then relationships."""
        nodes: list[tuple[str, list[str], Evaluator | None]] = []
        edges: list[tuple[str, str, str, str, Evaluator | None]] = []
        named: list[PathElement] = []
        for path in paths:
            names = []
            for node in path.nodes:
                name = self._fresh() if node.variable is None else node.variable.name
                names.append(name)
                nodes.append((name, _plain_labels(node.labels), self._map(node.properties)))
            relationships = []
            for at, relationship in enumerate(path.relationships):
                assert isinstance(relationship.types, t.Label)
                assert relationship.types.name is not None
                ends = (names[at + 1], names[at]) if relationship.way == "in" else (names[at], names[at + 1])
                name = self._fresh() if relationship.variable is None else relationship.variable.name
                relationships.append(name)
                edges.append((name, relationship.types.name, *ends, self._map(relationship.properties)))
            if path.variable is not None:
                named.append(PathElement(path.variable.name, tuple(names), tuple(relationships)))

        def create(run: CypherRun, row: Row) -> None:
            for name, labels, properties in nodes:
                if name not in row:
                    row[name] = _create_node(run, labels, {} if properties is None else properties(run, row), merging)
                elif row[name] is None:
                    raise CypherSemanticError(
                        f"The node {name} is null, and nothing can hang on it", "MergeReadOwnWrites"
                    )
            for name, label, source, target, properties in edges:
                row[name] = _create_edge(
                    run, label, row[source], row[target], {} if properties is None else properties(run, row), merging
                )
            for path in named:
                row[path.name] = assembled(path, row)

        return create

    def created_together(self, paths: tuple[t.PathPattern, ...], bound: Container[str]) -> Together | None:
        """The same for many rows at once; None where that is not the same.

        What is created is not looked at by it: neither new elements of the pattern nor queries stand in its properties.
        """
        nodes: dict[str, tuple[list[str], CellsOf]] = {}
        edges: list[tuple[str, str, str, str, CellsOf]] = []
        for path in paths:
            if path.variable is not None:
                return None
            names = [self._fresh() if node.variable is None else node.variable.name for node in path.nodes]
            for name, node in zip(names, path.nodes, strict=True):
                if name not in bound and name not in nodes:
                    nodes[name] = _plain_labels(node.labels), self._cells(node.properties)
            for at, one in enumerate(path.relationships):
                (kind,) = _plain_labels(one.types)
                source, target = (names[at + 1], names[at]) if one.way == "in" else (names[at], names[at + 1])
                name = self._fresh() if one.variable is None else one.variable.name
                edges.append((name, kind, source, target, self._cells(one.properties)))
        own = {*nodes, *(name for name, *_ in edges)}
        for path in paths:
            held = [*(node.properties for node in path.nodes), *(one.properties for one in path.relationships)]
            for properties in held:
                for inner in () if properties is None else t.walk(properties):
                    if isinstance(inner, _LOOKS) or (isinstance(inner, t.Variable) and inner.name in own):
                        return None
        ends_before = dict.fromkeys(end for _, _, *ends, _ in edges for end in ends if end not in nodes)

        def create(run: CypherRun, rows: list[Row]) -> bool:
            writer = run.writer()
            if not isinstance(writer, WritesMany):
                return False
            found: dict[str, list[int]] = {}
            for name in ends_before:
                found[name] = [row[name].row for row in rows if isinstance(row[name], Vertex)]
                if len(found[name]) < len(rows):
                    return False  # the first that is no node is an error
            columns = [cells_of(run, rows) for _, cells_of in nodes.values()]
            columns += [cells_of(run, rows) for *_, cells_of in edges]
            if any("~id" in cells for cells in columns):
                return False
            run.outcome.counters.properties_set += sum(
                len(held) - held.count(MISSING) for cells in columns for held in cells.values()
            )
            for (name, (labels, _)), cells in zip(nodes.items(), columns, strict=False):
                found[name] = _create_nodes(run, writer, name, labels, rows, cells)
            for (name, kind, source, target, _), cells in zip(edges, columns[len(nodes) :], strict=True):
                _create_edges(run, writer, name, kind, rows, found[source], found[target], cells)
            return True

        return create

    def _cells(self, properties: t.MapLiteral | t.Parameter | None) -> CellsOf:
        """The properties of many rows by key."""
        if isinstance(properties, t.MapLiteral):
            entries = [(key, self._expressions.of(value)) for key, value in properties.entries]

            def by_key(run: CypherRun, rows: list[Row]) -> Cells:
                columns: Cells = {}
                for key, value in entries:
                    columns[key] = held = []
                    for row in rows:
                        run.tick()
                        held.append(_cell(value(run, row)))
                return columns

            return by_key
        value = None if properties is None else self._expressions.of(properties)

        def by_row(run: CypherRun, rows: list[Row]) -> Cells:
            columns: Cells = {}
            for at, row in enumerate(rows if value is not None else ()):
                run.tick()
                for key, cell in _checked(value(run, row), merging=False).items():  # type: ignore[misc]
                    if key not in columns:
                        columns[key] = [MISSING] * len(rows)
                    columns[key][at] = _cell(cell)
            return columns

        return by_row

    def _map(self, properties: t.MapLiteral | t.Parameter | None) -> Evaluator | None:
        return None if properties is None else self._expressions.of(properties)

    # -- SET and REMOVE

    def set_items(self, items: tuple[t.SetItem, ...]) -> Change:
        """The items one after the other: each sees what those before it did."""
        changes = [self._set_item(item) for item in items]

        def change(run: CypherRun, row: Row) -> None:
            for one in changes:
                one(run, row)

        return change

    def set_together(self, items: tuple[t.SetItem, ...]) -> Together | None:
        """The same for many rows at once; None where that is not the same.

        It is where all items set properties of one name, each row has another element there, and no value is read from
        the graph.
        """
        settings: list[_Setting] = []
        for item in items:
            if isinstance(item, t.SetLabels):
                return None
            if isinstance(item, t.SetProperty):
                if not isinstance(item.target, t.PropertyAccess) or not isinstance(item.target.subject, t.Variable):
                    return None
                name, key, adding = item.target.subject.name, item.target.key, True
            else:
                name, key, adding = item.variable.name, None, item.adding
            if any(isinstance(inner, _LOOKS) for inner in t.walk(item.value)):
                return None
            reads = frozenset(inner.name for inner in t.walk(item.value) if isinstance(inner, t.Variable))
            settings.append(_Setting(name, key, self._expressions.of(item.value), reads, adding))
        if len({one.name for one in settings}) != 1:
            return None
        name, reads = settings[0].name, frozenset[str]().union(*(one.reads for one in settings))

        def change(run: CypherRun, rows: list[Row]) -> bool:
            writer = run.writer()
            elements = [row[name] for row in rows]
            kind = type(elements[0])
            if not isinstance(writer, WritesMany) or kind not in (Vertex, Edge):
                return False
            if any(type(one) is not kind for one in elements) or len({one.row for one in elements}) < len(rows):
                return False
            if not all(_plain(row.get(read)) for row in rows for read in reads):
                return False
            for one in settings:
                _set_many(run, writer, elements, one, [one.value(run, row) for row in run.each(rows)])
            return True

        return change

    def _set_item(self, item: t.SetItem) -> Change:
        if isinstance(item, t.SetProperty):
            subject, value = self._expressions.of(item.target.subject), self._expressions.of(item.value)
            key = self._key(item.target)
            return lambda run, row: set_property(run, subject(run, row), key(run, row), value(run, row))
        if isinstance(item, t.SetLabels):
            name, labels = item.variable.name, list(item.labels)
            return lambda run, row: _add_labels(run, row[name], labels)
        name, value, adding = item.variable.name, self._expressions.of(item.value), item.adding
        return lambda run, row: _set_all(run, row[name], value(run, row), adding=adding)

    def removed(self, items: tuple[t.PropertyAccess | t.Index | t.SetLabels, ...]) -> Change:
        """``REMOVE``."""
        changes: list[Change] = []
        for item in items:
            if isinstance(item, t.SetLabels):
                changes.append(_label_removal(item.variable.name, set(item.labels)))
            else:
                changes.append(self._removal(item))

        def change(run: CypherRun, row: Row) -> None:
            for one in changes:
                one(run, row)

        return change

    def _removal(self, item: t.PropertyAccess | t.Index) -> Change:
        subject, key = self._expressions.of(item.subject), self._key(item)
        return lambda run, row: set_property(run, subject(run, row), key(run, row), None)

    def _key(self, target: t.PropertyAccess | t.Index) -> Evaluator:
        if isinstance(target, t.PropertyAccess):
            name = target.key
            return lambda run, row: name
        return self._expressions.of(target.index)

    # -- DELETE

    def deleted(self, clause: t.Delete) -> Change:
        """``DELETE``; a node that still has relationships waits for the end of the query."""
        values = [self._expressions.of(value) for value in clause.values]

        def change(run: CypherRun, row: Row) -> None:
            for value in values:
                delete(run, value(run, row), detach=clause.detach)

        return change


def _label_removal(name: str, gone: set[str]) -> Change:
    def change(run: CypherRun, row: Row) -> None:
        if row[name] is not None:
            set_labels(run, row[name], [one for one in labels_of(row[name]) if one not in gone])

    return change


def _add_labels(run: CypherRun, element: Any, labels: list[str]) -> None:
    if element is not None:
        if not isinstance(element, Vertex):
            raise CypherTypeError(f"Labels are set on nodes, not {kind_of(element)}", "InvalidArgumentType")
        set_labels(run, element, [*labels_of(element), *labels])


def _set_all(run: CypherRun, element: Any, value: Any, *, adding: bool) -> None:
    if element is None:
        return
    if isinstance(value, Vertex | Edge):
        value = properties_of(value)
    _clear(run, element, value, adding=adding)
    for key, one in value.items():
        set_property(run, element, key, one)


@dataclass(frozen=True)
class _Setting:
    """A property that is set, or with no key all those of a map, beside the others where ``adding``."""

    name: str
    key: str | None
    value: Evaluator
    reads: frozenset[str]
    adding: bool


def _plain(value: Any) -> bool:
    """Whether a value has nothing of the graph in it."""
    if isinstance(value, Mapping):
        return all(map(_plain, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return not isinstance(value, Vertex | Edge | CypherPath)


def _set_many(run: CypherRun, writer: WritesMany, elements: list[Any], setting: _Setting, values: list[Any]) -> None:
    """Set properties of different elements of one kind, a value or a map each."""
    columns: dict[str, tuple[list[int], list[Any]]] = {}

    def note(element: Any, key: str, value: Any) -> None:
        if value is None:
            set_property(run, element, key, None)
            return
        rows, cells = columns.setdefault(key, ([], []))
        rows.append(element.row)
        cells.append(stored(value))

    for element, value in zip(elements, values, strict=True):
        if setting.key is not None:
            note(element, setting.key, value)
            continue
        _clear(run, element, value, adding=setting.adding)
        for key, one in value.items():
            note(element, key, one)
    for key, (rows, cells) in columns.items():
        run.check()
        writer.put_values("vertex" if isinstance(elements[0], Vertex) else "edge", key, rows, cells)
        run.outcome.counters.properties_set += len(rows)


def _clear(run: CypherRun, element: Any, value: Any, *, adding: bool) -> None:
    """Take away what a map that is set does not have, unless it only adds. Raises CypherTypeError for no map."""
    if not isinstance(value, Mapping):
        raise CypherTypeError(f"Properties are set from a map, not {kind_of(value)}", "InvalidArgumentType")
    if not adding:
        for key in properties_of(element):
            if value.get(key) is None:
                set_property(run, element, key, None)


def _plain_labels(labels: t.LabelExpression | None) -> list[str]:
    if labels is None:
        return []
    return [one.name for one in t.walk(labels) if isinstance(one, t.Label) and one.name is not None]


def _checked(values: Any, merging: bool) -> dict[str, Any]:
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise CypherTypeError(f"The properties of an element are a map, not {kind_of(values)}", "InvalidArgumentType")
    if merging and any(value is None for value in values.values()):
        raise CypherSemanticError("MERGE cannot look for a property that is null", "MergeReadOwnWrites")
    return dict(values)


def _create_node(run: CypherRun, labels: list[str], values: Any, merging: bool) -> Vertex:
    properties = _checked(values, merging)
    labels = labels or ([] if run.default_label is None else [run.default_label])
    row = run.writer().add_vertex(properties.pop("~id", None), joined_labels(labels))
    run.outcome.counters.nodes_created += 1
    run.outcome.counters.labels_added += len(set(labels))
    vertex = Vertex(run.graph, row)
    for key, value in properties.items():
        if value is not None:
            set_property(run, vertex, key, value)
    return vertex


def _create_nodes(
    run: CypherRun, writer: WritesMany, name: str, labels: list[str], rows: list[Row], cells: Cells
) -> list[int]:
    """A new node a row, bound to a name; returns their rows in the graph."""
    labels = labels or ([] if run.default_label is None else [run.default_label])
    label = joined_labels(labels)
    found: list[int] = []
    for begin in range(0, len(rows), AT_ONCE):
        run.check()
        part = rows[begin : begin + AT_ONCE]
        first = writer.add_vertices(label, len(part), _part(cells, begin))
        for at, row in enumerate(part, first):
            row[name] = Vertex(run.graph, at)
        found += range(first, first + len(part))
    run.outcome.counters.nodes_created += len(rows)
    run.outcome.counters.labels_added += len(rows) * len(set(labels))
    return found


def _create_edges(
    run: CypherRun,
    writer: WritesMany,
    name: str,
    kind: str,
    rows: list[Row],
    sources: list[int],
    targets: list[int],
    cells: Cells,
) -> None:
    """A new relationship a row, bound to a name."""
    for begin in range(0, len(rows), AT_ONCE):
        run.check()
        part = slice(begin, begin + AT_ONCE)
        first = writer.add_edges(kind, sources[part], targets[part], _part(cells, begin))
        for at, row in enumerate(rows[part], first):
            row[name] = Edge(run.graph, at)
    run.outcome.counters.relationships_created += len(rows)


def _part(cells: Cells, begin: int) -> Cells:
    return {key: values[begin : begin + AT_ONCE] for key, values in cells.items()}


def _create_edge(run: CypherRun, kind: str, source: Any, target: Any, values: Any, merging: bool) -> Edge:
    properties = _checked(values, merging)
    edge = Edge(run.graph, run.writer().add_edge(properties.pop("~id", None), kind, source.row, target.row))
    run.outcome.counters.relationships_created += 1
    for key, value in properties.items():
        if value is not None:
            set_property(run, edge, key, value)
    return edge


def delete(run: CypherRun, value: Any, *, detach: bool) -> None:
    """Delete a node, a relationship, a path, or a list of these; what is gone already is left."""
    graph, writer = run.graph, run.writer()
    if isinstance(value, Edge):
        if graph.has_edge(value.row):
            writer.remove_edge(value.row)
            run.outcome.counters.relationships_deleted += 1
    elif isinstance(value, Vertex):
        if not graph.has_vertex(value.row):
            return
        if detach or not graph.degree(value.row, "both"):
            run.outcome.counters.relationships_deleted += len(set(graph.incident(value.row, "both", None)))
            run.outcome.counters.nodes_deleted += 1
            writer.remove_vertex(value.row)
        else:
            run.condemned[value] = None
    elif isinstance(value, CypherPath):
        for one in (*value.relationships, *value.nodes):
            delete(run, one, detach=detach)
    elif isinstance(value, list | tuple):
        for one in value:
            delete(run, one, detach=detach)
    elif value is not None:
        raise CypherTypeError(
            f"DELETE takes nodes, relationships and paths, not {kind_of(value)}", "InvalidArgumentType"
        )


def delete_condemned(run: CypherRun) -> None:
    """Delete the nodes whose relationships are gone meanwhile."""
    for vertex in list(run.condemned):
        if not run.graph.has_vertex(vertex.row) or not run.graph.degree(vertex.row, "both"):
            del run.condemned[vertex]
            delete(run, vertex, detach=True)


def check_condemned(run: CypherRun) -> None:
    """At the end of a query: nothing that was deleted may have relationships left."""
    delete_condemned(run)
    if run.condemned:
        raise ConstraintFailed(
            f"{len(run.condemned)} nodes still have relationships; delete those too, or use DETACH DELETE",
            "DeleteConnectedNode",
        )
