"""addV, addE, property and drop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from workflow.errors import QueryFailed, UnsupportedOperation
from workflow.graphs.elements import Edge, Property, Vertex, VertexProperty
from workflow.gremlin.running.step import (
    Args,
    Builder,
    Child,
    ExecutionContext,
    FilterStep,
    Frame,
    SideEffectStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.values import Cardinality, T
from workflow.gremlin.steps.shaping.value_step import applied, is_child, wrong_call
from workflow.gremlin.steps.writing.rules import (
    DEFAULT_EDGE_LABEL,
    DEFAULT_VERTEX_LABEL,
    create_edge,
    create_vertex,
    set_property,
    vertex_of,
)
from workflow.gremlin.traversal import Blank, CardinalityValue, Instruction, Traversal

Operand = Any
"""A literal, a Blank for one, or a Child whose first result is the value."""


def operand(builder: Builder, arg: Any) -> Operand:
    """An argument that may be a traversal, ready to be resolved."""
    return builder.local(arg) if is_child(arg) else builder.checked(arg)


def resolved(ctx: ExecutionContext, found: Operand, traverser: Traverser, parent: str) -> Any:
    """The value of an operand. Raises QueryFailed where a traversal gives nothing."""
    if isinstance(found, Child):
        return applied(ctx, found, traverser, parent)
    return ctx.values[found.index] if isinstance(found, Blank) else found


class AddStep(Step):
    """What addV and addE share: label, id and the properties that are written with the element."""

    mutates = True
    kind = "Element"

    def __init__(self, label: Operand, default_label: str) -> None:
        super().__init__()
        self.label = default_label if label is None else label
        self.label_is_default = label is None or label == default_label
        self.id: Operand = None
        self.has_id = False
        self.properties: list[tuple[Operand, Operand]] = []
        self.later: list[PropertyStep] = []

    def takes(self, name: str, modulates: bool) -> bool:
        """A property() right behind belongs to the element being made: its traversals start where this step does."""
        return name == "property" or modulates

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``property()``, and ``with()``, which has no effect."""
        if name == "with":
            return
        if name != "property":
            self.refuse(name)
        for write in property_writes(builder, args):
            self.add_property(write)

    def add_property(self, write: PropertyStep) -> None:
        """Take a property over. One with an explicit cardinality or meta-properties is written after the element."""
        key, value = write.key, write.value
        if key is T.label:
            if not self.label_is_default:
                raise QueryFailed(
                    f"Element T.label has already been set to [{_shown(self.label)}] and cannot be overridden with"
                    f" [{_shown(value)}]"
                )
            self.label, self.label_is_default = value, False
        elif key is T.id:
            if self.has_id:
                raise QueryFailed(
                    f"Element T.id has already been set to [{_shown(self.id)}] and cannot be overridden with"
                    f" [{_shown(value)}]"
                )
            self.id, self.has_id = value, True
        elif self.folds(write):
            self.properties.append((key, value))
        else:
            self.later.append(write)

    def folds(self, write: PropertyStep) -> bool:
        """Whether a property is written together with the element."""
        return write.cardinality is None and not write.meta

    def made(self, ctx: ExecutionContext, traverser: Traverser) -> Vertex | Edge:
        """The new element."""
        raise NotImplementedError

    def values(self, ctx: ExecutionContext, traverser: Traverser) -> tuple[Any, Any, list[tuple[Any, Any]]]:
        """Id, label and properties for one traverser."""
        name = type(self).__name__
        label = resolved(ctx, self.label, traverser, name)
        id = resolved(ctx, self.id, traverser, name)
        properties = [
            (resolved(ctx, key, traverser, name), resolved(ctx, value, traverser, name))
            for key, value in self.properties
        ]
        return id, label, properties

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        """One new element for each traverser; one that stands for several makes several."""
        for traverser in source:
            copies = traverser.bulk
            traverser.bulk = 1
            for turn in range(copies):
                if not turn & 127:
                    ctx.check()
                made = traverser.split(self.made(ctx, traverser))
                for write in self.later:
                    write.effect(ctx, made)
                yield made

    def children(self) -> Iterable[Child]:
        """Every traversal among label, id and properties."""
        parts = [self.label, self.id, *(part for pair in self.properties for part in pair)]
        found = [part for part in parts if isinstance(part, Child)]
        return found + [child for write in self.later for child in write.children()]

    def arguments(self) -> str:
        """The label and the properties."""
        return ",".join([_shown(self.label), *(f"{_shown(k)}={_shown(v)}" for k, v in self.properties)])


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Child) else as_text(value)


class AddVertexStep(AddStep):
    """A new vertex for every traverser."""

    def made(self, ctx: ExecutionContext, traverser: Traverser) -> Vertex:
        """The new vertex."""
        return create_vertex(ctx, *self.values(ctx, traverser))


class AddEdgeStep(AddStep):
    """A new edge for every traverser, between the vertices of from() and to(); a missing one is the current vertex."""

    def __init__(self, label: Operand) -> None:
        super().__init__(label, DEFAULT_EDGE_LABEL)
        self.ends: dict[str, Operand] = {}

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``from()`` and ``to()``: a step label, a vertex, an id, or a traversal; ``property()``."""
        if name not in ("from", "to"):
            super().modulate(builder, name, args)
            return
        if len(args) != 1:
            raise wrong_call(name, args)
        arg = args[0]
        if isinstance(arg, str):
            arg = Traversal((Instruction("select", (arg,)),))
        self.ends[name] = operand(builder, arg)

    def add_property(self, write: PropertyStep) -> None:
        """Edges have one value a key."""
        if write.cardinality not in (None, Cardinality.single):
            raise QueryFailed(
                f"Multi-property cardinality of [{write.cardinality.value}] can only be set for a Vertex but is being"
                f" used for addE() with key: {_shown(write.key)}"
            )
        super().add_property(write)

    def folds(self, write: PropertyStep) -> bool:
        """Always: an edge has neither cardinalities nor meta-properties."""
        return True

    def made(self, ctx: ExecutionContext, traverser: Traverser) -> Edge:
        """The new edge. Raises QueryFailed where an end is no vertex of the graph."""
        id, label, properties = self.values(ctx, traverser)
        target = self._end(ctx, "to", label, traverser)
        source = self._end(ctx, "from", label, traverser)
        return create_edge(ctx, id, label, source, target, properties)

    def _end(self, ctx: ExecutionContext, name: str, label: Any, traverser: Traverser) -> Vertex:
        place = f"addE({_shown(label)}).{name}()"
        try:
            value = resolved(ctx, self.ends[name], traverser, "AddEdgeStep") if name in self.ends else traverser.value
        except QueryFailed as error:
            if "does not map to a value" not in error.message:
                raise
            raise QueryFailed(
                f"addE({_shown(label)}) failed because the {name}() traversal (which should give a Vertex) failed"
                f" with: {error.message}"
            ) from error
        wanted = f"The value given to {place} must resolve to a Vertex or the ID of a Vertex present in the graph"
        if value is None:
            raise QueryFailed(f"{wanted}, but null was specified instead")
        vertex = vertex_of(ctx, value)
        if vertex is None:
            raise QueryFailed(f"{wanted}. The provided value does not match any vertices in the graph")
        return vertex

    def children(self) -> Iterable[Child]:
        """Every traversal among the ends, label, id and properties."""
        return [*super().children(), *(end for end in self.ends.values() if isinstance(end, Child))]


class PropertyStep(SideEffectStep):
    """Writes one property of the current element."""

    mutates = True

    def __init__(
        self, cardinality: Cardinality | None, key: Operand, value: Operand, meta: list[tuple[Any, Operand]]
    ) -> None:
        super().__init__()
        self.name = "property"
        self.cardinality = cardinality
        self.key = key
        self.value = value
        self.meta = meta

    def effect(self, ctx: ExecutionContext, traverser: Traverser) -> None:
        """Write it. Raises QueryFailed for T.id and T.label, which stay as they were made."""
        key = resolved(ctx, self.key, traverser, "AddPropertyStep")
        if isinstance(key, T):
            raise QueryFailed(f"T.{key.value} is immutable on existing elements")
        value = resolved(ctx, self.value, traverser, "AddPropertyStep")
        meta = {name: resolved(ctx, item, traverser, "AddPropertyStep") for name, item in self.meta}
        _refuse_foreign(ctx, traverser.value)
        set_property(ctx, traverser.value, key, value, self.cardinality, meta)

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``with()``, which has no effect."""
        if name != "with":
            self.refuse(name)

    def children(self) -> Iterable[Child]:
        """The traversals among key, value and meta-properties."""
        return [part for part in (self.key, self.value, *(item for _, item in self.meta)) if isinstance(part, Child)]

    def arguments(self) -> str:
        """The key and the value."""
        return f"{_shown(self.key)}={_shown(self.value)}"


class WritePropertiesStep(SideEffectStep):
    """``property()`` of a map: several properties in turn."""

    mutates = True

    def __init__(self, writes: list[PropertyStep]) -> None:
        super().__init__()
        self.writes = writes

    def effect(self, ctx: ExecutionContext, traverser: Traverser) -> None:
        """Write them all."""
        for write in self.writes:
            write.effect(ctx, traverser)

    def children(self) -> Iterable[Child]:
        """The traversals of all of them."""
        return [child for write in self.writes for child in write.children()]


def property_writes(builder: Builder, args: Args) -> list[PropertyStep]:
    """The writes of ``property([cardinality,] key, value, meta…)`` or ``property([cardinality,] map)``.

    Raises:
        QueryFailed: the arguments fit neither form.
    """
    cardinality: Cardinality | None = None
    rest = args
    if rest and (isinstance(rest[0], Cardinality) or (rest[0] is None and len(rest) > 1 and len(rest) % 2 == 1)):
        cardinality, rest = rest[0], rest[1:]
    if len(rest) == 1 and (rest[0] is None or isinstance(rest[0], Mapping)):
        return _writes_of_map(builder, cardinality, rest[0] or {})
    if len(rest) < 2:
        raise wrong_call("property", args)
    key, value, *meta = rest
    if isinstance(key, T) and value is None:
        raise QueryFailed("Value of T cannot be null")
    if len(meta) % 2:
        raise QueryFailed("keyValues must contain key/value pairs, found key without matching value")
    if not (key is None or isinstance(key, (str, T)) or is_child(key)):
        raise QueryFailed("The provided key/value array must have a String, T, or Traversal on even array indices")
    if isinstance(value, CardinalityValue):
        cardinality, value = value.cardinality, value.value
    pairs = [(meta[i], operand(builder, meta[i + 1])) for i in range(0, len(meta), 2)]
    return [PropertyStep(cardinality, operand(builder, key), operand(builder, value), pairs)]


def _writes_of_map(builder: Builder, cardinality: Cardinality | None, entries: Mapping[Any, Any]) -> list[PropertyStep]:
    writes: list[PropertyStep] = []
    for key, value in entries.items():
        own = isinstance(value, CardinalityValue)
        args = (value.cardinality, key, value.value) if own else (cardinality, key, value)
        writes += property_writes(builder, args if args[0] is not None else args[1:])
    return writes


class DropStep(FilterStep):
    """Removes elements and properties; nothing comes out."""

    mutates = True

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        """Never. Raises QueryFailed for what can not be removed."""
        remove(ctx, traverser.value)
        return False


def remove(ctx: ExecutionContext, value: Any) -> None:
    """Remove a vertex with its edges, an edge, or a property; what is gone already is left."""
    writer = ctx.writer()
    _refuse_foreign(ctx, value)
    if isinstance(value, Vertex):
        if ctx.graph.has_vertex(value.row):
            writer.remove_vertex(value.row)
    elif isinstance(value, Edge):
        if ctx.graph.has_edge(value.row):
            writer.remove_edge(value.row)
    elif isinstance(value, VertexProperty):
        _remove_vertex_property(ctx, value)
    elif isinstance(value, Property):
        _remove_property(ctx, value)
    else:
        raise QueryFailed(f"The incoming object is not removable: {as_text(value)}")


def _refuse_foreign(ctx: ExecutionContext, value: Any) -> None:
    """Raise UnsupportedOperation for what a step made up: a property of that name in the graph is not meant."""
    if id(value) in ctx.foreign:
        _, what = ctx.foreign[id(value)]
        raise UnsupportedOperation(
            f"{value} is {what}, which no element of the graph has: it cannot be changed or dropped"
        )


def _remove_vertex_property(ctx: ExecutionContext, found: VertexProperty) -> None:
    if found.vertex is None or not ctx.graph.has_vertex(found.vertex.row):
        return
    alive = any(other.id == found.id for other in ctx.graph.vertex_properties(found.vertex.row, (found.key,)))
    if alive:
        ctx.writer().remove_vertex_property(found.vertex.row, found.id)


def _remove_property(ctx: ExecutionContext, found: Property) -> None:
    element = found.element
    if isinstance(element, Edge):
        if ctx.graph.has_edge(element.row) and found.key in ctx.graph.edge_values(element.row):
            ctx.writer().remove_edge_property(element.row, found.key)
    elif isinstance(element, VertexProperty) and element.vertex is not None and found.key in (element.meta or {}):
        ctx.writer().remove_meta_property(element.vertex.row, element.id, found.key)
        element.meta = {key: value for key, value in (element.meta or {}).items() if key != found.key}


def _build_add_vertex(builder: Builder, name: str, args: Args) -> Step:
    if len(args) > 1 or not all(arg is None or isinstance(arg, str) or is_child(arg) for arg in args):
        raise wrong_call(name, args)
    return AddVertexStep(operand(builder, args[0]) if args else None, DEFAULT_VERTEX_LABEL)


def _build_add_edge(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not (args[0] is None or isinstance(args[0], str) or is_child(args[0])):
        raise wrong_call(name, args)
    return AddEdgeStep(operand(builder, args[0]))


def _build_property(builder: Builder, name: str, args: Args) -> Step:
    writes = property_writes(builder, args)
    return writes[0] if len(writes) == 1 else WritePropertiesStep(writes)


def _build_drop(builder: Builder, name: str, args: Args) -> Step:
    if args:
        raise wrong_call(name, args)
    return DropStep()


STEPS: dict[str, StepBuilder] = {
    "addV": _build_add_vertex,
    "addE": _build_add_edge,
    "property": _build_property,
    "drop": _build_drop,
}
