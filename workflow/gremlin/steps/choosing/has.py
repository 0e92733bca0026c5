"""``has`` in its many forms: tests of an element's id, label and properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.graphs.elements import Edge, Property, Vertex, VertexProperty
from workflow.gremlin.running.step import Args, Builder, ExecutionContext, FilterStep, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.predicates import Test, compile_predicate, members
from workflow.gremlin.semantics.values import ReferenceEdge, ReferenceVertex, T
from workflow.gremlin.steps.choosing.filters import TraversalFilterStep
from workflow.gremlin.steps.moving.adjacent import refuse_cast
from workflow.gremlin.steps.moving.sources import flat_ids
from workflow.gremlin.traversal import Instruction, P, Traversal


class HasContainer:
    """One test: a key (a property's name or a token) and a predicate."""

    def __init__(self, key: str | T, predicate: P) -> None:
        self.key = key
        self.predicate = predicate
        self.value_test: Test = compile_predicate(predicate)
        self.test: Callable[[Any], bool] = _element_test(key, predicate)

    def __str__(self) -> str:
        name = self.key if isinstance(self.key, str) else "~" + str(self.key.value)
        return f"{name}.{self.predicate.name}({', '.join(map(str, self.predicate.args))})"


class HasStep(FilterStep):
    """All its containers hold."""

    def __init__(self, containers: list[HasContainer]) -> None:
        super().__init__()
        self.containers = containers
        self.tests = [c.test for c in containers]

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        value = traverser.value
        return all(test(value) for test in self.tests)

    def arguments(self) -> str:
        return "[" + ", ".join(map(str, self.containers)) + "]"


class HasKeyStep(FilterStep):
    """``has("key")`` and, turned round, ``hasNot("key")``."""

    def __init__(self, key: str, present: bool) -> None:
        super().__init__()
        self.key = key
        self.present = present

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        return has_property(traverser.value, self.key) == self.present

    def arguments(self) -> str:
        return self.key


def has_property(value: Any, key: str) -> bool:
    """Whether an element has a property of that name."""
    if isinstance(value, Vertex):
        return len(value.graph.vertex_values(value.row, key)) > 0
    if isinstance(value, Edge):
        return key in value.graph.edge_values(value.row)
    if isinstance(value, VertexProperty):
        return key in (value.meta or {})
    return _no(value)


def _no(value: Any) -> bool:
    """False for an element or property that has no such thing; other values cannot be asked."""
    return not isinstance(value, (Vertex, Edge, VertexProperty, Property)) and refuse_cast(value, "Element")


def _element_test(key: str | T, predicate: P) -> Callable[[Any], bool]:
    if isinstance(key, str):
        return _property_test(key, compile_predicate(predicate))
    if key is T.id:
        return _id_test(predicate)
    if key is T.label:
        return _label_test(compile_predicate(predicate))
    test = compile_predicate(predicate)
    of_key = key is T.key

    def holds(value: Any) -> bool:
        if not isinstance(value, (VertexProperty, Property)):
            return _no(value)
        return test(value.key if of_key else value.value)

    return holds


def _property_test(key: str, test: Test) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if isinstance(value, Vertex):
            return any(test(v) for v in value.graph.vertex_values(value.row, key))
        if isinstance(value, Edge):
            values = value.graph.edge_values(value.row)
            return key in values and test(values[key])
        if isinstance(value, VertexProperty):
            return value.meta is not None and key in value.meta and test(value.meta[key])
        return _no(value)

    return holds


def _id_test(predicate: P) -> Callable[[Any], bool]:
    """Ids are compared as text where the predicate holds texts, so that ``hasId("1")`` finds 1."""
    wanted = members(predicate) if predicate.name in ("within", "without") else list(predicate.args)
    wanted = [w for w in wanted if w is not None]
    test = compile_predicate(predicate)
    as_text = bool(wanted) and all(isinstance(w, str) for w in wanted)

    def holds(value: Any) -> bool:
        if not isinstance(value, (Vertex, Edge, VertexProperty)):
            return _no(value)
        return test(str(value.id) if as_text else value.id)

    return holds


def _label_test(test: Test) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        if not isinstance(value, (Vertex, Edge, VertexProperty)):
            return _no(value)
        label = value.label
        if test(label):
            return True
        return "::" in label and isinstance(value, Vertex) and any(test(part) for part in label.split("::"))

    return holds


def value_predicate(builder: Builder, value: Any) -> P:
    """A predicate as it is, equality with any other value."""
    builder.checked(value)
    if isinstance(value, P):
        return value
    return P("eq", (value,))


def _has(builder: Builder, name: str, args: Args) -> Step:
    if len(args) in (1, 2) and args[0] is None:
        return HasKeyStep("\0", present=True)  # no property has that name
    if len(args) == 1 and isinstance(args[0], str):
        return HasKeyStep(args[0], present=True)
    if len(args) == 2:
        return _has_two(builder, args[0], args[1])
    if len(args) == 3 and isinstance(args[1], str):
        label, key, value = args
        if isinstance(value, Traversal):
            raise QueryFailed("has() with a label does not take a traversal")
        return HasStep(
            [HasContainer(T.label, value_predicate(builder, label)), HasContainer(key, value_predicate(builder, value))]
        )
    raise NoSuchMethod(f"Could not locate method: has({', '.join(map(repr, args))})")


def _has_two(builder: Builder, key: Any, value: Any) -> Step:
    if isinstance(value, Traversal):
        # the form of 3.7 and before: the property's value must get through the child
        start = Instruction("values", (key,)) if isinstance(key, str) else Instruction(_token_step(key))
        return TraversalFilterStep(builder.local(Traversal((start, *value.steps))))
    if isinstance(key, T):
        if key is T.id and not isinstance(value, P):
            return HasStep([_id_container([value])])
        return HasStep([HasContainer(key, value_predicate(builder, value))])
    if not isinstance(key, str):
        raise NoSuchMethod(f"Could not locate method: has({key!r}, {value!r})")
    return HasStep([HasContainer(key, value_predicate(builder, value))])


def _token_step(token: Any) -> str:
    if not isinstance(token, T):
        raise QueryFailed(f"has() takes a property key or a token and not {token!r}")
    return {T.id: "id", T.label: "label", T.key: "key", T.value_: "value"}[token]


def _has_not(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not isinstance(args[0], str):
        raise QueryFailed("hasNot() takes one property key")
    return HasKeyStep(args[0], present=False)


def _of_values(token: T) -> StepBuilder:
    """hasLabel, hasKey, hasValue: any of the values, or one predicate."""

    def build(builder: Builder, name: str, args: Args) -> Step:
        for arg in args:
            builder.checked(arg)
        if len(args) == 1 and isinstance(args[0], P):
            return HasStep([HasContainer(token, args[0])])
        if not args:
            raise QueryFailed(f"{name}() takes at least one value")
        if len(args) == 1 and not isinstance(args[0], (list, tuple)):
            return HasStep([HasContainer(token, P("eq", args))])
        return HasStep([HasContainer(token, P("within", (list(args),)))])

    return build


def _id_container(args: list[Any]) -> HasContainer:
    ids = list(flat_ids(args))
    return HasContainer(T.id, P("eq", (ids[0],)) if len(ids) == 1 else P("within", (ids,)))


def _has_id(builder: Builder, name: str, args: Args) -> Step:
    for arg in args:
        builder.checked(arg)
    if len(args) == 1 and isinstance(args[0], P):
        p = args[0]
        plain = tuple(
            list(flat_ids(a)) if isinstance(a, (list, tuple)) else a.id if _is_element(a) else a for a in p.args
        )
        return HasStep([HasContainer(T.id, P(p.name, plain))])
    return HasStep([_id_container(list(args))])


def _is_element(value: Any) -> bool:
    return isinstance(value, (Vertex, Edge, ReferenceVertex, ReferenceEdge))


STEPS: dict[str, StepBuilder] = {
    "has": _has,
    "hasNot": _has_not,
    "hasLabel": _of_values(T.label),
    "hasKey": _of_values(T.key),
    "hasValue": _of_values(T.value_),
    "hasId": _has_id,
}
