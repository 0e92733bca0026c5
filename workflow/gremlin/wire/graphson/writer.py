"""Values to GraphSON 1 to 3, typed and untyped: tables of functions by type that give JSON text.

Text is put together directly: for results, which are many small values, that is a few times as fast as building
dictionaries for ``json.dumps``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from workflow.graphs.elements import BulkedValue, Edge, Path, Property, Tree, Vertex, VertexProperty
from workflow.gremlin.semantics.keys import GMap
from workflow.gremlin.semantics.values import (
    ENUMS,
    BigInteger,
    BulkSet,
    Byte,
    Char,
    Float,
    GList,
    GremlinEnum,
    GSet,
    Long,
    MapEntry,
    Metrics,
    ReferenceEdge,
    ReferenceProperty,
    ReferenceVertex,
    Short,
    TraversalMetrics,
)
from workflow.gremlin.traversal import CardinalityValue, Instruction, Lambda, P, Strategy, TextP, Traversal
from workflow.gremlin.wire.elements import by_key, edge_values, graph_elements, is_graph, vertex_properties
from workflow.gremlin.wire.graphson.text import (
    bytes_text,
    decimal_text,
    double_text,
    int_digits,
    iso_duration,
    iso_text,
    key_text,
    milliseconds,
    quoted,
    single_text,
)
from workflow.gremlin.wire.messages import UnwritableResult
from workflow.gremlin.wire.tables import INT_RANGE, LISTS, LONG_RANGE
from workflow.values.limits import check_members, read_error

Write = Callable[["GraphSONWriter", Any], str]


class GraphSONWriter:
    """Writes results of one version of GraphSON.

    Args:
        version: 1, 2 or 3 (4 has its own subclass).
        typed: whether numbers and structures are tagged with ``@type``; version 1 has no tags.
        materialize: whether elements carry their properties, or id and label alone.
        legacy_dates: write date-times as milliseconds (``g:Date``), the only form clients before 3.8 and Neptune know.
    """

    def __init__(
        self, version: int = 3, *, typed: bool = True, materialize: bool = False, legacy_dates: bool = False
    ) -> None:
        self.version = version
        self.typed = typed
        self.materialize = materialize
        self.legacy_dates = legacy_dates
        self.table: dict[type, Write] = dict(self._functions())

    def _functions(self) -> Mapping[type, Write]:
        if not self.typed or self.version == 1:
            return UNTYPED
        return TYPED_V2 if self.version == 2 else TYPED

    def write(self, value: Any) -> str:
        """One value as JSON text; raises UnwritableResult."""
        function = self.table.get(type(value))
        if function is None:
            function = self._resolve(value)
        return function(self, value)

    def text(self, value: Any) -> str:
        """One whole result as JSON, ASCII only; whatever goes wrong is UnwritableResult."""
        try:
            return self.write(value)
        except (OverflowError, RecursionError, KeyError, ValueError) as error:
            raise UnwritableResult(
                f"a {type(value).__name__} cannot be written as GraphSON: {read_error(error)}"
            ) from error

    def encode(self, value: Any) -> bytes:
        """One value as JSON bytes; raises UnwritableResult."""
        return self.text(value).encode("ascii")

    def array(self, values: Iterable[Any]) -> str:
        """A bare JSON array of written values."""
        write = self.write
        return "[" + ",".join([write(item) for item in values]) + "]"

    def object(self, values: Mapping[Any, Any]) -> str:
        """A bare JSON object; keys become text."""
        write = self.write
        return "{" + ",".join([quoted(key_text(key)) + ":" + write(item) for key, item in values.items()]) + "}"

    def structure(self, values: Mapping[str, Any]) -> str:
        """Named fields of a metric: a map in version 3, a JSON object elsewhere."""
        return self.write(dict(values)) if self.typed and self.version >= 3 else self.object(values)

    def label(self, text: str) -> str:
        """A label as it stands inside an element: text here, an array in version 4."""
        return quoted(text)

    def _resolve(self, value: Any) -> Write:
        """Find the function for a type not seen before by what it inherits, and keep it."""
        kind = type(value)
        for base in kind.__mro__[1:]:
            if base in self.table and base is not object:
                self.table[kind] = self.table[base]
                return self.table[kind]
        if isinstance(value, Mapping):
            self.table[kind] = self.table[dict]
            return self.table[dict]
        if is_graph(value):
            self.table[kind] = _graph
            return _graph
        raise UnwritableResult(f"a {kind.__name__} has no form in GraphSON")


def tagged(name: str, text: str) -> str:
    return f'{{"@type":"{name}","@value":{text}}}'


def tag(name: str, text: Callable[[Any], str]) -> Write:
    """A function that tags the text of a value with a type."""
    head = f'{{"@type":"{name}","@value":'
    return lambda w, value: head + text(value) + "}"


def plain(text: Callable[[Any], str]) -> Write:
    """A function that gives the bare text of a value."""
    return lambda w, value: text(value)


def _boolean(w: GraphSONWriter, value: bool) -> str:
    return "true" if value else "false"


def _int(w: GraphSONWriter, value: int) -> str:
    if INT_RANGE[0] <= value <= INT_RANGE[1]:
        return '{"@type":"g:Int32","@value":' + int.__repr__(value) + "}"
    return w.table[Long](w, value)


def _long(w: GraphSONWriter, value: int) -> str:
    if LONG_RANGE[0] <= value <= LONG_RANGE[1]:
        return '{"@type":"g:Int64","@value":' + int.__repr__(value) + "}"
    return w.table[BigInteger](w, value)


def _date(w: GraphSONWriter, value: datetime) -> str:
    if w.legacy_dates or value.tzinfo is None:
        return tagged("g:Date", milliseconds(value))
    return tagged("gx:OffsetDateTime", quoted(iso_text(value)))


def _plain_date(w: GraphSONWriter, value: datetime) -> str:
    return milliseconds(value) if w.legacy_dates or value.tzinfo is None else quoted(iso_text(value))


def _list(w: GraphSONWriter, value: Iterable[Any]) -> str:
    return '{"@type":"g:List","@value":' + w.array(value) + "}"


def _set(w: GraphSONWriter, value: Iterable[Any]) -> str:
    return '{"@type":"g:Set","@value":' + w.array(value) + "}"


def _map(w: GraphSONWriter, value: Mapping[Any, Any]) -> str:
    write = w.write
    parts = [(quoted(key) if type(key) is str else write(key)) + "," + write(item) for key, item in value.items()]
    return '{"@type":"g:Map","@value":[' + ",".join(parts) + "]}"


def _entry(w: GraphSONWriter, value: MapEntry) -> str:
    return w.write(GMap([(value.key, value.value)]))


def _bulk_set(w: GraphSONWriter, value: BulkSet) -> str:
    parts = [w.write(item) + ',{"@type":"g:Int64","@value":' + str(bulk) + "}" for item, bulk in value.items]
    return '{"@type":"g:BulkSet","@value":[' + ",".join(parts) + "]}"


def expanded(w: GraphSONWriter, value: BulkSet) -> str:
    """A bulk set as a list with repetitions. Raises MemoryLimitExceeded: a client may send any counts."""
    check_members(sum(bulk for _, bulk in value.items))
    return w.write([item for item, bulk in value.items for _ in range(bulk)])


def _vertex(w: GraphSONWriter, value: Vertex | ReferenceVertex) -> str:
    text = '{"@type":"g:Vertex","@value":{"id":' + w.write(value.id) + ',"label":' + w.label(value.label)
    if w.materialize:
        text += properties_of_vertex(w, value)
    return text + "}}"


def properties_of_vertex(w: GraphSONWriter, value: Vertex | ReferenceVertex) -> str:
    """The member ``properties``, by key, or nothing where there is none."""
    grouped = by_key(vertex_properties(value))
    return f',"properties":{w.object(grouped_arrays(grouped))}' if grouped else ""


class RawList(list[Any]):
    """A list that is written as a bare JSON array in every version."""


def grouped_arrays(grouped: Mapping[str, list[Any]]) -> dict[str, RawList]:
    return {key: RawList(items) for key, items in grouped.items()}


def _raw(w: GraphSONWriter, value: RawList) -> str:
    return w.array(value)


def _edge(w: GraphSONWriter, value: Edge | ReferenceEdge) -> str:
    text = '{"@type":"g:Edge","@value":{' + edge_ends(w, value)
    if w.materialize and (values := edge_values(value)):
        items = (quoted(key) + ":" + w.write(Property(key, item, None)) for key, item in values.items())
        text += ',"properties":{' + ",".join(items) + "}"
    return text + "}}"


def edge_ends(w: GraphSONWriter, value: Edge | ReferenceEdge, type_member: str = "") -> str:
    """Id, label and both ends of an edge, as members."""
    target, source = value.in_vertex, value.out_vertex
    return (
        f'"id":{w.write(value.id)},"label":{w.label(value.label)},{type_member}'
        f'"inVLabel":{w.label(target.label)},"outVLabel":{w.label(source.label)},'
        f'"inV":{w.write(target.id)},"outV":{w.write(source.id)}'
    )


def vertex_property_members(w: GraphSONWriter, value: VertexProperty, label: bool = True) -> str:
    text = f'"id":{w.write(value.id)},"value":{w.write(value.value)}'
    if label:
        text += f',"label":{w.label(value.label)}'
    if w.materialize and value.meta:
        text += f',"properties":{w.object(value.meta)}'
    return text


def _vertex_property(w: GraphSONWriter, value: VertexProperty) -> str:
    return '{"@type":"g:VertexProperty","@value":{' + vertex_property_members(w, value) + "}}"


def property_members(w: GraphSONWriter, value: Property) -> str:
    return f'{{"key":{quoted(value.key)},"value":{w.write(value.value)}}}'


def _property(w: GraphSONWriter, value: Property) -> str:
    return tagged("g:Property", property_members(w, value))


def _reference_property(w: GraphSONWriter, value: ReferenceProperty) -> str:
    if value.id is None:
        return w.write(Property(value.key, value.value, None))
    return w.write(VertexProperty(value.id, value.key, value.value, None))


def path_members(w: GraphSONWriter, value: Path) -> str:
    labels = [GSet(sorted(names)) for names in value.labels]
    return f'{{"labels":{w.write(labels)},"objects":{w.write(list(value.objects))}}}'


def _path(w: GraphSONWriter, value: Path) -> str:
    return tagged("g:Path", path_members(w, value))


def tree_array(w: GraphSONWriter, value: Mapping[Any, Any]) -> str:
    return "[" + ",".join(f'{{"key":{w.write(k)},"value":{w.write(child)}}}' for k, child in value.items()) + "]"


def _tree(w: GraphSONWriter, value: Tree) -> str:
    return tagged("g:Tree", tree_array(w, value))


def _graph(w: GraphSONWriter, value: Any) -> str:
    before, w.materialize = w.materialize, True
    try:
        vertices, edges = graph_elements(value)
        members = f'{{"vertices":{w.array(vertices)},"edges":{w.array(edges)}}}'
    finally:
        w.materialize = before
    return tagged("tinker:graph", members) if w.typed and w.version > 1 else members


def _traverser(w: GraphSONWriter, value: BulkedValue) -> str:
    return tagged("g:Traverser", f'{{"bulk":{w.write(Long(value.bulk))},"value":{w.write(value.value)}}}')


def _metrics(w: GraphSONWriter, value: Metrics) -> str:
    return tagged("g:Metrics", metrics_members(w, value))


def metrics_members(w: GraphSONWriter, value: Metrics) -> str:
    """Durations are milliseconds here, and nanoseconds in GraphBinary."""
    fields: dict[str, Any] = {
        "dur": value.duration_ns / 1e6,
        "counts": {key: Long(count) for key, count in value.counts.items()},
        "name": value.name,
        "annotations": dict(value.annotations),
        "id": value.id,
    }
    if value.nested:
        fields["metrics"] = list(value.nested)
    return w.structure(fields)


def _traversal_metrics(w: GraphSONWriter, value: TraversalMetrics) -> str:
    return tagged("g:TraversalMetrics", traversal_metrics_members(w, value))


def traversal_metrics_members(w: GraphSONWriter, value: TraversalMetrics) -> str:
    return w.structure({"dur": value.duration_ns / 1e6, "metrics": list(value.metrics)})


def _enum(w: GraphSONWriter, value: GremlinEnum) -> str:
    return f'{{"@type":"g:{type(value).__name__}","@value":"{value.value}"}}'


def _predicate(w: GraphSONWriter, value: P) -> str:
    single = len(value.args) == 1
    argument = w.write(value.args[0]) if single else w.array(value.args)
    if single and value.name in ("and", "or"):
        argument = f"[{argument}]"
    if value.name in LISTS and w.version == 2 and single and isinstance(value.args[0], list):
        argument = w.array(value.args[0])
    name = "g:TextP" if isinstance(value, TextP) else "g:P"
    return tagged(name, f'{{"predicate":{quoted(value.name)},"value":{argument}}}')


def _lambda(w: GraphSONWriter, value: Lambda) -> str:
    members = f'{{"script":{quoted(value.script)},"language":{quoted(value.language)},"arguments":-1}}'
    return tagged("g:Lambda", members)


def _strategy(w: GraphSONWriter, value: Strategy) -> str:
    return tagged("g:" + value.name, f'{{"fqcn":{quoted(value.name)},"conf":{w.object(value.configuration)}}}')


def _traversal(w: GraphSONWriter, value: Traversal) -> str:
    members = []
    if value.source:
        members.append(f'"source":{_instructions(w, value.source)}')
    if value.steps:
        members.append(f'"step":{_instructions(w, value.steps)}')
    return tagged("g:Bytecode", "{" + ",".join(members) + "}")


def _instructions(w: GraphSONWriter, instructions: tuple[Instruction, ...]) -> str:
    return "[" + ",".join("[" + ",".join([quoted(i.name), *map(w.write, i.args)]) + "]" for i in instructions) + "]"


def _cardinality_value(w: GraphSONWriter, value: CardinalityValue) -> str:
    return _traversal(
        w, Traversal(source=(Instruction("CardinalityValueTraversal", (value.cardinality, value.value)),))
    )


def _plain_vertex(w: GraphSONWriter, value: Vertex | ReferenceVertex) -> str:
    kind = "" if w.version == 2 else ',"type":"vertex"'
    text = f'{{"id":{w.write(value.id)},"label":{w.label(value.label)}{kind}'
    if w.materialize and (grouped := by_key(vertex_properties(value))):
        parts = []
        for key, items in grouped.items():
            array = ",".join("{" + vertex_property_members(w, item, label=False) + "}" for item in items)
            parts.append(f"{quoted(key)}:[{array}]")
        text += ',"properties":{' + ",".join(parts) + "}"
    return text + "}"


def _plain_edge(w: GraphSONWriter, value: Edge | ReferenceEdge) -> str:
    text = "{" + edge_ends(w, value, "" if w.version == 2 else '"type":"edge",')
    if w.materialize and (values := edge_values(value)):
        text += f',"properties":{w.object(values)}'
    return text + "}"


def _plain_vertex_property(w: GraphSONWriter, value: VertexProperty) -> str:
    return "{" + vertex_property_members(w, value) + "}"


_ANY_VERSION: Final[dict[type, Write]] = {
    type(None): plain(lambda value: "null"),
    bool: _boolean,
    str: plain(quoted),
    RawList: _raw,
    MapEntry: _entry,
    ReferenceProperty: _reference_property,
    Lambda: _lambda,
    Strategy: _strategy,
    P: _predicate,
    TextP: _predicate,
    Traversal: _traversal,
    CardinalityValue: _cardinality_value,
    BulkedValue: _traverser,
}

TYPED: Final[dict[type, Write]] = {
    **_ANY_VERSION,
    int: _int,
    Long: _long,
    Byte: tag("gx:Byte", int_digits),
    Short: tag("gx:Int16", int_digits),
    BigInteger: tag("gx:BigInteger", int_digits),
    float: tag("g:Double", double_text),
    Float: tag("g:Float", single_text),
    Decimal: tag("gx:BigDecimal", decimal_text),
    Char: tag("gx:Char", quoted),
    UUID: tag("g:UUID", lambda value: f'"{value}"'),
    bytes: tag("gx:ByteBuffer", bytes_text),
    bytearray: tag("gx:ByteBuffer", bytes_text),
    datetime: _date,
    timedelta: tag("gx:Duration", lambda value: f'"{iso_duration(value)}"'),
    list: _list,
    tuple: _list,
    GList: _list,
    set: _set,
    frozenset: _set,
    GSet: _set,
    dict: _map,
    GMap: _map,
    BulkSet: _bulk_set,
    Vertex: _vertex,
    ReferenceVertex: _vertex,
    Edge: _edge,
    ReferenceEdge: _edge,
    VertexProperty: _vertex_property,
    Property: _property,
    Path: _path,
    Tree: _tree,
    Metrics: _metrics,
    TraversalMetrics: _traversal_metrics,
    **dict.fromkeys(ENUMS.values(), _enum),
}

_COLLECTIONS_AS_JSON: Final[dict[type, Write]] = {
    **dict.fromkeys((list, tuple, GList, set, frozenset, GSet), GraphSONWriter.array),
    dict: GraphSONWriter.object,
    GMap: GraphSONWriter.object,
    BulkSet: expanded,
}

TYPED_V2: Final[dict[type, Write]] = {**TYPED, **_COLLECTIONS_AS_JSON}

UNTYPED: Final[dict[type, Write]] = {
    **_ANY_VERSION,
    **_COLLECTIONS_AS_JSON,
    **dict.fromkeys((int, Long, Byte, Short, BigInteger), plain(int_digits)),
    float: plain(double_text),
    Float: plain(single_text),
    Decimal: plain(decimal_text),
    Char: plain(quoted),
    UUID: plain(lambda value: f'"{value}"'),
    bytes: plain(bytes_text),
    bytearray: plain(bytes_text),
    datetime: _plain_date,
    timedelta: plain(lambda value: f'"{iso_duration(value)}"'),
    Vertex: _plain_vertex,
    ReferenceVertex: _plain_vertex,
    Edge: _plain_edge,
    ReferenceEdge: _plain_edge,
    VertexProperty: _plain_vertex_property,
    Property: property_members,
    Path: path_members,
    Tree: tree_array,
    Metrics: metrics_members,
    TraversalMetrics: traversal_metrics_members,
    **dict.fromkeys(ENUMS.values(), plain(lambda value: f'"{value.value}"')),
}
