"""What elements hold: ids, labels, properties and maps of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.graphs.elements import Edge, Property, Vertex, VertexProperty
from workflow.gremlin.running.by import ByChild, token_of
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    By,
    Child,
    ExecutionContext,
    FlatMapStep,
    MapStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.values import Direction, GList, T
from workflow.gremlin.steps.moving.adjacent import refuse_cast

TOKENS_OPTION = "~tinkerpop.valueMap.tokens"
TOKEN_IDS, TOKEN_LABELS, TOKEN_KEYS, TOKEN_VALUES, ALL_TOKENS = 1, 2, 4, 8, 15


class TokenStep(MapStep):
    """``id``, ``label``, ``key`` and ``value``."""

    def __init__(self, token: T) -> None:
        super().__init__()
        self.token = token

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        value = traverser.value
        if self.token in (T.id, T.label) and not isinstance(value, (Vertex, Edge, VertexProperty)):
            refuse_cast(value, "Element")
        if self.token in (T.key, T.value_) and not isinstance(value, (VertexProperty, Property)):
            refuse_cast(value, "Property")
        return token_of(self.token, value)


class ValuesStep(FlatMapStep):
    """``values(keys…)``."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.keys = keys

    def flat_map(self, ctx: ExecutionContext, traverser: Traverser) -> Iterable[Any]:
        return self.values_of(traverser.value)

    def values_of(self, value: Any) -> Iterable[Any]:
        """The values that an element holds under the keys."""
        if isinstance(value, Vertex):
            if len(self.keys) == 1:
                return value.graph.vertex_values(value.row, self.keys[0])
            return [p.value for p in value.graph.vertex_properties(value.row, self.keys)]
        return [p.value for p in properties_of(value, self.keys)]

    def arguments(self) -> str:
        return "[" + ",".join(map(str, self.keys)) + "]"


class PropertiesStep(FlatMapStep):
    """``properties(keys…)``."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.keys = keys

    def flat_map(self, ctx: ExecutionContext, traverser: Traverser) -> Iterable[Any]:
        return properties_of(traverser.value, self.keys)

    def arguments(self) -> str:
        return "[" + ",".join(map(str, self.keys)) + "]"


def properties_of(element: Any, keys: tuple[str, ...] = ()) -> Iterator[Any]:
    """The properties of a vertex, an edge or a vertex property; all without keys."""
    if isinstance(element, Vertex):
        return element.graph.vertex_properties(element.row, keys)
    if isinstance(element, Edge):
        values = element.graph.edge_values(element.row)
        return (Property(k, v, element) for k, v in values.items() if not keys or k in keys)
    if isinstance(element, VertexProperty):
        return (Property(k, v, element) for k, v in (element.meta or {}).items() if not keys or k in keys)
    return refuse_cast(element, "Element")


class ValueMapStep(MapStep):
    """``valueMap`` and ``propertyMap``: lists by key for vertices, single values for edges and vertex properties."""

    def __init__(self, keys: tuple[str, ...], as_values: bool, tokens: int) -> None:
        super().__init__()
        self.keys = keys
        self.as_values = as_values
        self.tokens = tokens
        self.by: By | None = None

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name == "by":
            if self.by is not None:
                raise QueryFailed("valueMap()/propertyMap() step can only have one by modulator")
            self.by = builder.by(args)
        elif name == "with" and args and args[0] == TOKENS_OPTION:
            self._with_tokens(args[1:])
        else:
            self.refuse(name)

    def _with_tokens(self, args: Args) -> None:
        if not args:
            self.tokens = ALL_TOKENS
        elif isinstance(args[0], bool):
            self.tokens = ALL_TOKENS if args[0] else 0
        else:
            for arg in args:
                if not isinstance(arg, int):
                    raise QueryFailed(
                        "WithOptions.tokens requires Integer arguments (possible values are:"
                        " WithOptions.[none|ids|labels|keys|values|all])"
                    )
                self.tokens |= arg

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        element = traverser.value
        out: dict[Any, Any] = {}
        self._add_tokens(element, out)
        for p in properties_of(element, self.keys):
            value = p.value if self.as_values else p
            if isinstance(element, Vertex):
                out.setdefault(p.key, GList()).append(value)
            else:
                out[p.key] = value
        if self.by is None:
            return out
        projected: dict[Any, Any] = {}
        for key, value in out.items():
            found = value if isinstance(key, T) else self.by.of_value(ctx, value)
            if found is not MISSING:
                projected[key] = found
        return projected

    def _add_tokens(self, element: Any, out: dict[Any, Any]) -> None:
        if not self.tokens:
            return
        if not isinstance(element, (Vertex, Edge, VertexProperty)):
            refuse_cast(element, "Element")
        if self.tokens & TOKEN_IDS:
            out[T.id] = element.id
        if isinstance(element, VertexProperty):
            if self.tokens & TOKEN_KEYS:
                out[T.key] = element.key
            if self.tokens & TOKEN_VALUES:
                out[T.value_] = element.value
        elif self.tokens & TOKEN_LABELS:
            out[T.label] = element.label

    def children(self) -> Iterable[Child]:
        return (self.by.child,) if isinstance(self.by, ByChild) else ()

    def arguments(self) -> str:
        return "[" + ",".join(map(str, self.keys)) + "]," + ("value" if self.as_values else "property")


class ElementMapStep(MapStep):
    """``elementMap(keys…)``: tokens and single values."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.keys = keys

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        element = traverser.value
        if not isinstance(element, (Vertex, Edge, VertexProperty)):
            refuse_cast(element, "Element")
        out: dict[Any, Any] = {T.id: element.id}
        if isinstance(element, VertexProperty):
            out[T.key] = element.key
            out[T.value_] = element.value
        else:
            out[T.label] = element.label
        if isinstance(element, Edge):
            for way, end in ((Direction.IN, element.in_vertex), (Direction.OUT, element.out_vertex)):
                out[way] = {T.id: end.id, T.label: end.label}
        for p in properties_of(element, self.keys):
            out[p.key] = p.value
        return out

    def arguments(self) -> str:
        return "[" + ",".join(map(str, self.keys)) + "]"


class ElementStep(MapStep):
    """``element()``: what a property belongs to."""

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        value = traverser.value
        owner = value.vertex if isinstance(value, VertexProperty) else getattr(value, "element", None)
        if not isinstance(value, (VertexProperty, Property)):
            refuse_cast(value, "Property")
        return MISSING if owner is None else owner


def _keys(builder: Builder, name: str, args: Args) -> tuple[str, ...]:
    out: list[str] = []
    for arg in args:
        builder.checked(arg)
        for key in arg if isinstance(arg, (list, tuple)) else (arg,):
            if isinstance(key, str):
                out.append(key)
            elif key is not None:
                raise QueryFailed(f"{name}() takes property keys; {key!r} is none")
    if args and not out:
        return ("\0",)  # only nulls were given: no property has that name
    return tuple(out)


def _token(token: T) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        if args:
            raise NoSuchMethod(f"Could not locate method: {name}({', '.join(map(repr, args))})")
        return TokenStep(token)

    return build


def _values(builder: Builder, name: str, args: Args) -> Step:
    return ValuesStep(_keys(builder, name, args))


def _properties(builder: Builder, name: str, args: Args) -> Step:
    return PropertiesStep(_keys(builder, name, args))


def _value_map(builder: Builder, name: str, args: Args) -> Step:
    tokens = 0
    if args and isinstance(args[0], bool):
        tokens, args = (ALL_TOKENS if args[0] else 0), args[1:]
    return ValueMapStep(_keys(builder, name, args), name == "valueMap", tokens)


def _element_map(builder: Builder, name: str, args: Args) -> Step:
    return ElementMapStep(_keys(builder, name, args))


def _element(builder: Builder, name: str, args: Args) -> Step:
    return ElementStep()


STEPS: dict[str, StepBuilder] = {
    "id": _token(T.id),
    "label": _token(T.label),
    "key": _token(T.key),
    "value": _token(T.value_),
    "values": _values,
    "properties": _properties,
    "valueMap": _value_map,
    "propertyMap": _value_map,
    "elementMap": _element_map,
    "element": _element,
}
