"""mergeV and mergeE: find elements by a map, or make one.

The map names what is searched for. Where something is found, ``option(onMatch)`` writes properties to each of it; where
nothing is, an element is made of the map and ``option(onCreate)``, which may add to the map and not contradict it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Vertex
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    Child,
    ExecutionContext,
    FlatMapStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import equals, java_name, simple_class
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.semantics.values import Cardinality, Direction, GremlinEnum, Merge, ReferenceVertex, T
from workflow.gremlin.steps.shaping.value_step import applied, is_child, wrong_call
from workflow.gremlin.steps.writing.rules import (
    DEFAULT_EDGE_LABEL,
    DEFAULT_VERTEX_LABEL,
    check_key,
    check_label,
    create_edge,
    create_vertex,
    default_cardinality,
    set_edge_property,
    set_vertex_property,
    vertex_of,
)
from workflow.gremlin.traversal import CardinalityValue, Traversal

Entries = dict[Any, Any]
EXTRA = "~despina.merge.extra"
"""A ``with()`` key: entries to add to every map of the step; how PartitionStrategy reaches it."""


class MergeStep(FlatMapStep):
    """What mergeV and mergeE share: the map, the options, and the order of things."""

    mutates = True
    step_name = "mergeV"
    tokens: tuple[GremlinEnum, ...] = (T.id, T.label)

    def __init__(self, merge: Child | Entries | None) -> None:
        super().__init__()
        self.merge = merge
        self.on_create: Child | Entries | None = None
        self.on_match: Child | Entries | None = None
        self.extra: Entries = {}
        if isinstance(merge, dict):
            self.check(merge)

    # -- building

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``option(Merge, map or traversal)``; ``with()``, which has no effect but for ``EXTRA``."""
        if name == "with":
            if args[0] == EXTRA:
                self.extra = dict(args[1])
            return
        if name != "option":
            self.refuse(name)
        if len(args) not in (2, 3) or not isinstance(args[0], Merge):
            raise wrong_call(name, args)
        token, given, *rest = args
        self.take_option(token, self._option(builder, given, rest[0] if rest else None))

    def _option(self, builder: Builder, given: Any, cardinality: Cardinality | None) -> Child | Entries:
        if is_child(given):
            return builder.local(given)
        if given is not None and not isinstance(given, Mapping):
            raise wrong_call("option", (given,))
        entries = dict(builder.checked(given) or {})
        explicit = cardinality is not None or any(isinstance(value, CardinalityValue) for value in entries.values())
        if explicit and self.step_name != "mergeV":
            raise QueryFailed("option() with the Cardinality argument can only be used following mergeV()")
        if cardinality is None:
            return entries
        return {
            key: value
            if isinstance(value, CardinalityValue) or isinstance(key, T)
            else CardinalityValue(cardinality, value)
            for key, value in entries.items()
        }

    def take_option(self, token: Merge, option: Child | Entries) -> None:
        """Keep an option. Raises QueryFailed where it contradicts the map."""
        if token is Merge.on_create:
            if isinstance(self.merge, dict) and isinstance(option, dict):
                check_no_overrides(self.merge, option)
            self.on_create = option
        elif token is Merge.on_match:
            self.on_match = option
        else:
            raise QueryFailed(f"Option {token.value} for Merge is not supported")

    def children(self) -> Iterable[Child]:
        """The map and the options where they are traversals."""
        return [part for part in (self.merge, self.on_create, self.on_match) if isinstance(part, Child)]

    # -- rules for maps

    def check(self, entries: Mapping[Any, Any]) -> None:
        """Raise QueryFailed for keys and values that name no element."""
        for key, value in entries.items():
            if isinstance(key, GremlinEnum) and value is None:
                raise QueryFailed(f"{self.step_name}() does not allow null Map values - check: {as_text(key)}")
            if isinstance(key, str):
                check_key(key)
            elif key not in self.tokens:
                raise QueryFailed(
                    f"{self.step_name}() and option(onCreate) args expect keys in Map to be either String or"
                    f" {as_text(list(self.tokens))} - check: {as_text(key)}"
                )
            elif key is T.label:
                self._check_label(value)
            elif isinstance(key, Direction):
                _check_end(key, value)

    def _check_label(self, value: Any) -> None:
        if not isinstance(value, str):
            raise QueryFailed(
                f"{self.step_name}() and option(onCreate) args expect T.label value to be of String - found:"
                f" {simple_class(value)}"
            )
        check_label(value)

    def entries_of(self, ctx: ExecutionContext, traverser: Traverser, part: Child | Entries | None) -> Entries:
        """The map of the step or of an option for one traverser; null is an empty one."""
        found = applied(ctx, part, traverser, type(self).__name__) if isinstance(part, Child) else part
        if found is not None and not isinstance(found, Mapping):
            raise QueryFailed(f"class {java_name(found)} cannot be cast to class java.util.Map")
        return {**(found or {}), **self.extra}

    def check_literal_match(self) -> None:
        """Raise QueryFailed for an illegal onMatch that is written out, whether or not anything matches."""
        if isinstance(self.on_match, dict):
            _check_matched(self.on_match)

    def matched_entries(self, ctx: ExecutionContext, traverser: Traverser) -> Entries:
        """What onMatch writes to the element that the traverser is at now."""
        found = self.entries_of(ctx, traverser, self.on_match)
        _check_matched(found)
        return found

    def created_entries(
        self, ctx: ExecutionContext, traverser: Traverser, written: Entries, merge: Entries
    ) -> Entries | None:
        """onCreate and the map together, or None where there is no onCreate. ``written`` is the map unresolved."""
        if self.on_create is None:
            return None
        found = self.entries_of(ctx, traverser, self.on_create)
        if not found:
            return None
        self.check(found)
        check_no_overrides(written, found)
        return {**found, **merge}


def _check_matched(entries: Mapping[Any, Any]) -> None:
    for key in entries:
        if not isinstance(key, str):
            raise QueryFailed(f"option(onMatch) expects keys in Map to be of String - check: {as_text(key)}")
        check_key(key)


def _check_end(key: Direction, value: Any) -> None:
    own = {Direction.OUT: Merge.out_v, Direction.IN: Merge.in_v}.get(key)
    if isinstance(value, Merge) and value is not own and own is not None:
        raise QueryFailed(
            f"Only Merge.{own.value} token may be used for Direction.{key.value}, found: {as_text(value)}"
        )


def check_no_overrides(merge: Mapping[Any, Any], created: Mapping[Any, Any]) -> None:
    """Raise QueryFailed where onCreate gives another value to a key of the map."""
    for key, value in created.items():
        if key in merge and hash_key(merge[key]) != hash_key(value):
            raise QueryFailed(
                f"option(onCreate) cannot override values from merge() argument: ({as_text(key)}, {as_text(value)})"
            )


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, CardinalityValue) else value


def _holds(values: Iterable[Any], wanted: Any) -> bool:
    return wanted is not None and any(equals(value, wanted) for value in values)


def find_vertices(ctx: ExecutionContext, wanted: Mapping[Any, Any]) -> Iterator[Vertex]:
    """The vertices with the id, the label and all properties of a map; all vertices for an empty one."""
    graph = ctx.graph
    keys = {key: _plain(value) for key, value in wanted.items() if isinstance(key, str)}
    label = wanted.get(T.label)
    for row in _candidates(ctx, wanted.get(T.id), label, keys):
        if not graph.has_vertex(row) or not (label is None or _labelled(graph.vertex_label(row), label)):
            continue
        if all(_holds(graph.vertex_values(row, key), value) for key, value in keys.items()):
            yield Vertex(graph, row)


def _labelled(found: str, wanted: str) -> bool:
    return found == wanted or wanted in found.split("::")


def _candidates(ctx: ExecutionContext, id: Any, label: Any, keys: Mapping[str, Any]) -> Iterable[int]:
    if id is not None:
        vertex = vertex_of(ctx, id)
        return () if vertex is None else (vertex.row,)
    for key, value in keys.items():
        found = None if value is None else ctx.graph.find_vertices(label, key, value)
        if found is not None:
            return list(found)
    return list(ctx.graph.vertices(None if label is None else (label,)))


class MergeVertexStep(MergeStep):
    """``mergeV()``."""

    def flat_map(self, ctx: ExecutionContext, traverser: Traverser) -> Iterable[Any]:
        """The vertices found, or the one made."""
        merge = self.entries_of(ctx, traverser, self.merge)
        self.check(merge)
        self.check_literal_match()
        found = list(find_vertices(ctx, merge))
        if not found:
            created = self.created_entries(ctx, traverser, merge, merge)
            return (self._create(ctx, merge if created is None else created),)
        if self.on_match is not None:
            for vertex in found:
                self._match(ctx, traverser, vertex)
        return found

    def _match(self, ctx: ExecutionContext, traverser: Traverser, vertex: Vertex) -> None:
        at_vertex = traverser.copy()
        at_vertex.value = vertex
        for key, value in self.matched_entries(ctx, at_vertex).items():
            if isinstance(value, CardinalityValue):
                set_vertex_property(ctx, vertex, key, value.value, value.cardinality, {})
            else:
                set_vertex_property(ctx, vertex, key, value, default_cardinality(ctx), {})

    def _create(self, ctx: ExecutionContext, entries: Entries) -> Vertex:
        plain = [
            (key, value)
            for key, value in entries.items()
            if isinstance(key, str) and not isinstance(value, CardinalityValue)
        ]
        vertex = create_vertex(ctx, entries.get(T.id), entries.get(T.label, DEFAULT_VERTEX_LABEL), plain)
        for key, value in entries.items():
            if isinstance(value, CardinalityValue):
                set_vertex_property(ctx, vertex, check_key(key), value.value, value.cardinality, {})
        return vertex


_ENDS = ((Merge.out_v, Direction.OUT), (Merge.in_v, Direction.IN))


class MergeEdgeStep(MergeStep):
    """``mergeE()``; the ends are vertices, ids, or ``Merge.outV`` and ``Merge.inV``, which the options explain."""

    step_name = "mergeE"
    tokens = (T.id, T.label, Direction.IN, Direction.OUT)

    def __init__(self, merge: Child | Entries | None) -> None:
        super().__init__(merge)
        self.ends: dict[Merge, Child | Entries] = {}

    def take_option(self, token: Merge, option: Child | Entries) -> None:
        """Keep an option, also ``outV`` and ``inV``."""
        if token in (Merge.out_v, Merge.in_v):
            self.ends[token] = option
        else:
            super().take_option(token, option)

    def children(self) -> Iterable[Child]:
        """The map and the options where they are traversals."""
        return [*super().children(), *(end for end in self.ends.values() if isinstance(end, Child))]

    def flat_map(self, ctx: ExecutionContext, traverser: Traverser) -> Iterable[Any]:
        """The edges found, or the one made."""
        written = self.entries_of(ctx, traverser, self.merge)
        self.check(written)
        self.check_literal_match()
        merge = self._with_ends(ctx, traverser, written)
        found = list(find_edges(ctx, merge))
        if not found:
            created = self.created_entries(ctx, traverser, written, merge)
            return (self._create(ctx, merge if created is None else self._with_ends(ctx, traverser, created)),)
        if self.on_match is not None:
            for edge in found:
                at_edge = traverser.copy()
                at_edge.value = edge
                for key, value in self.matched_entries(ctx, at_edge).items():
                    set_edge_property(ctx, edge, key, value)
        return found

    def _with_ends(self, ctx: ExecutionContext, traverser: Traverser, entries: Entries) -> Entries:
        resolved = dict(entries)
        for token, direction in _ENDS:
            value = entries.get(direction)
            if value is token:
                resolved[direction] = self._end(ctx, traverser, token, direction).id
            elif isinstance(value, (Vertex, ReferenceVertex)):
                resolved[direction] = value.id
        return resolved

    def _end(self, ctx: ExecutionContext, traverser: Traverser, token: Merge, direction: Direction) -> Any:
        option = self.ends.get(token)
        if option is None:
            raise QueryFailed(f"option({token.value}) must be specified if it is used for {direction.value}")
        found = applied(ctx, option, traverser, "MergeEdgeStep") if isinstance(option, Child) else option
        if isinstance(found, (Vertex, ReferenceVertex)):
            return found
        if not isinstance(found, Mapping):
            raise QueryFailed(f"Vertex could not be resolved from mergeE: {as_text(found)}")
        vertex = next(find_vertices(ctx, found), None)
        if vertex is None:
            raise QueryFailed("No value present")
        return vertex

    def _create(self, ctx: ExecutionContext, entries: Entries) -> Edge:
        ends: list[Vertex] = []
        for word, direction in (("Out", Direction.OUT), ("In", Direction.IN)):
            if direction not in entries:
                raise QueryFailed(f"{word} Vertex not specified in onCreate - edge cannot be created")
        for _, direction in _ENDS:
            vertex = vertex_of(ctx, entries[direction])
            if vertex is None:
                raise QueryFailed(f"Vertex id could not be resolved from mergeE: {as_text(entries[direction])}")
            ends.append(vertex)
        properties = [(key, value) for key, value in entries.items() if isinstance(key, str)]
        label = entries.get(T.label, DEFAULT_EDGE_LABEL)
        return create_edge(ctx, entries.get(T.id), label, ends[0], ends[1], properties)


def find_edges(ctx: ExecutionContext, wanted: Mapping[Any, Any]) -> Iterator[Edge]:
    """The edges with the id, the label, the ends and all properties of a map; all edges for an empty one."""
    graph = ctx.graph
    label = wanted.get(T.label)
    ends: dict[Direction, int] = {}
    for direction in (Direction.OUT, Direction.IN):
        if wanted.get(direction) is not None:
            vertex = vertex_of(ctx, wanted[direction])
            if vertex is None:
                return
            ends[direction] = vertex.row
    keys = {key: value for key, value in wanted.items() if isinstance(key, str)}
    for row in _edge_candidates(ctx, wanted.get(T.id), label, ends):
        if (label is not None and graph.edge_label(row) != label) or not graph.has_edge(row):
            continue
        if ends.get(Direction.OUT, graph.edge_source(row)) != graph.edge_source(row):
            continue
        if ends.get(Direction.IN, graph.edge_target(row)) != graph.edge_target(row):
            continue
        values = graph.edge_values(row)
        if all(_holds((values.get(key, MISSING),), value) for key, value in keys.items()):
            yield Edge(graph, row)


def _edge_candidates(ctx: ExecutionContext, id: Any, label: str | None, ends: Mapping[Direction, int]) -> Iterable[int]:
    labels = None if label is None else (label,)
    if id is not None:
        row = ctx.graph.edge_row(id)
        return () if row is None or not ctx.graph.has_edge(row) else (row,)
    if Direction.OUT in ends:
        return list(ctx.graph.incident(ends[Direction.OUT], "out", labels))
    if Direction.IN in ends:
        return list(ctx.graph.incident(ends[Direction.IN], "in", labels))
    return list(ctx.graph.edges(labels))


def _build_merge(builder: Builder, name: str, args: Args) -> Step:
    kind = MergeVertexStep if name == "mergeV" else MergeEdgeStep
    if len(args) > 1 or not all(arg is None or isinstance(arg, Mapping) or is_child(arg) for arg in args):
        raise wrong_call(name, args)
    if not args:
        return kind(builder.local(Traversal()))
    if is_child(args[0]):
        return kind(builder.local(args[0]))
    entries = builder.checked(args[0]) or {}
    for key in entries:
        if not isinstance(key, (str, GremlinEnum)):
            raise QueryFailed(f"{name}() expects keys in Map to be either String or tokens - check: {as_text(key)}")
    return kind(dict(entries))


STEPS: dict[str, StepBuilder] = {"mergeV": _build_merge, "mergeE": _build_merge}
