"""List steps: merge, combine, difference, disjunct, intersect, product, conjoin, index, and the filters any, all, none.

Members are the same where Java's ``equals`` says so: Int 1 and Long 1 are two members.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.step import Args, Builder, Child, ExecutionContext, FilterStep, MapStep, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.keys import GMap, distinct, hash_key
from workflow.gremlin.semantics.values import GList, GSet
from workflow.gremlin.steps.choosing.filters import DiscardStep
from workflow.gremlin.steps.shaping.value_step import (
    ValueStep,
    applied,
    class_of,
    is_child,
    is_iterable,
    iterated,
    members_of,
    wrong_call,
)
from workflow.gremlin.traversal import P
from workflow.values.limits import check_characters, check_members

Members = list[Any]


def combine(a: Members, b: Members) -> GList:
    """The members of both, one behind the other."""
    check_members(len(a) + len(b))
    return GList([*a, *b])


def merge(a: Members, b: Members) -> GSet:
    """The members of either, once each."""
    return distinct([*a, *b])


def difference(a: Members, b: Members) -> GSet:
    """The members of the first that the second lacks."""
    seen = set(map(hash_key, b))
    return distinct(value for value in a if hash_key(value) not in seen)


def disjunct(a: Members, b: Members) -> GSet:
    """The members that only one of the two has."""
    return distinct([*difference(a, b), *difference(b, a)])


def intersect(a: Members, b: Members) -> GSet:
    """The members that both have."""
    seen = set(map(hash_key, a))
    return distinct(value for value in b if hash_key(value) in seen)


def product(a: Members, b: Members) -> GList:
    """Every pair of a member of the first and one of the second."""
    check_members(len(a) * len(b))
    return GList(GList([x, y]) for x in a for y in b)


_OPERATIONS: dict[str, Callable[[Members, Members], Any]] = {
    "combine": combine,
    "merge": merge,
    "difference": difference,
    "disjunct": disjunct,
    "intersect": intersect,
    "product": product,
}


def incoming_members(name: str, value: Any) -> Members:
    """The members of an incoming list, set or path. Raises QueryFailed for anything else."""
    if value is None:
        raise QueryFailed(f"Incoming traverser for {name} step can't be null.")
    if not is_iterable(value):
        raise QueryFailed(
            f"{name} step can only take an array or an Iterable type for incoming traversers, encountered"
            f" {class_of(value)}"
        )
    return list(members_of(value))


def argument_members(name: str, value: Any) -> Members:
    """The members of a literal argument. Raises QueryFailed for anything but a list, set or path."""
    if value is None:
        raise QueryFailed(f"Argument provided for {name} step can't be null.")
    if not is_iterable(value):
        raise QueryFailed(
            f"{name} step can only take an array or an Iterable as an argument, encountered {class_of(value)}"
        )
    return list(members_of(value))


def result_members(name: str, value: Any) -> Members:
    """The members of what an argument traversal gave. Raises QueryFailed for anything but a list, set or path."""
    if value is None or not is_iterable(value):
        what = "not null" if value is None else f"encountered {class_of(value)}"
        raise QueryFailed(f"Provided traversal argument for {name} step must yield an iterable type, {what}")
    return list(members_of(value))


class ListStep(MapStep):
    """An operation between the incoming members and those of an argument, which may be a traversal."""

    def __init__(self, name: str, argument: Any) -> None:
        super().__init__()
        self.name = name
        self.argument = argument
        self.operation = _OPERATIONS[name]

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """The result of the operation; ``merge`` takes two maps as well."""
        value = traverser.value
        if self.name == "merge" and isinstance(value, Mapping):
            return self._merged(value, self._other(ctx, traverser))
        first = incoming_members(self.name, value)
        if isinstance(self.argument, Child):
            return self.operation(first, result_members(self.name, self._other(ctx, traverser)))
        if self.name == "merge" and isinstance(self.argument, Mapping):
            raise QueryFailed("merge step type mismatch: expected argument to be Iterable but got Map")
        return self.operation(first, argument_members(self.name, self.argument))

    def _other(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        if isinstance(self.argument, Child):
            return applied(ctx, self.argument, traverser, type(self).__name__)
        return self.argument

    def _merged(self, first: Mapping[Any, Any], second: Any) -> Mapping[Any, Any]:
        if not isinstance(second, Mapping):
            raise QueryFailed(
                f"merge step expected provided argument to evaluate to a Map, encountered {class_of(second)}"
            )
        merged = GMap(first)
        merged.update(second)
        return merged

    def children(self) -> Iterable[Child]:
        """The argument where it is a traversal."""
        return (self.argument,) if isinstance(self.argument, Child) else ()

    def arguments(self) -> str:
        """The argument."""
        return str(self.argument) if isinstance(self.argument, Child) else as_text(self.argument)


def _build_list(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise wrong_call(name, args)
    return ListStep(name, builder.local(args[0]) if is_child(args[0]) else args[0])


def conjoin(value: Any, delimiter: str) -> str | None:
    """The texts of the members with the delimiter between; null where all are null, empty where there are none."""
    members = incoming_members("conjoin", value)
    texts = [as_text(member) for member in members if member is not None]
    if members and not "".join(texts) and not delimiter * len(texts):
        return None
    check_characters(sum(map(len, texts)) + len(delimiter) * len(texts))
    return delimiter.join(texts)


def _build_conjoin(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not (args[0] is None or isinstance(args[0], str)):
        raise wrong_call(name, args)
    delimiter = args[0]
    if delimiter is None:
        raise QueryFailed("Input delimiter to conjoin step can't be null.")
    return ValueStep(lambda value: conjoin(value, delimiter), delimiter)


class IndexStep(MapStep):
    """Members with their positions: pairs, or with the map indexer a map from position to member."""

    as_map = False

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """The numbered members of a list, set or path, entries of a map, or of the value alone."""
        members = iterated(traverser.value)
        if self.as_map:
            return GMap(enumerate(members))
        return GList(GList([member, position]) for position, member in enumerate(members))

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """``with(WithOptions.indexer, list or map)``."""
        if name != "with":
            self.refuse(name)
        if args[0] != "~tinkerpop.index.indexer":
            return
        if len(args) != 2 or args[1] not in (0, 1):
            raise QueryFailed(
                "WithOptions.indexer requires a single Integer argument (possible values are: WithOptions.[list|map])"
            )
        self.as_map = args[1] == 1


def _build_index(builder: Builder, name: str, args: Args) -> Step:
    if args:
        raise wrong_call(name, args)
    return IndexStep()


class MembersFilter(FilterStep):
    """any, all and none: whether members of a list satisfy a predicate; what is no list does not pass."""

    def __init__(self, name: str, predicate: P, test: Callable[[Any], bool]) -> None:
        super().__init__()
        self.name = name
        self.predicate = predicate
        self.test = test

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        """Whether the traverser passes."""
        value = traverser.value
        if not is_iterable(value):
            return False
        if self.name == "all":
            return all(map(self.test, members_of(value)))
        return any(map(self.test, members_of(value))) is (self.name == "any")

    def arguments(self) -> str:
        """The predicate."""
        return str(self.predicate)


def _build_none(builder: Builder, name: str, args: Args) -> Step:
    return _build_filter(builder, name, args) if args else DiscardStep()  # as clients before 3.7 end an iterate()


def _build_filter(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not (args[0] is None or isinstance(args[0], P)):
        raise wrong_call(name, args)
    if args[0] is None:
        raise QueryFailed(f"Input predicate to {name} step can't be null.")
    return MembersFilter(name, args[0], builder.predicate(args[0]))


STEPS: dict[str, StepBuilder] = {
    **dict.fromkeys(_OPERATIONS, _build_list),
    "conjoin": _build_conjoin,
    "index": _build_index,
    "any": _build_filter,
    "all": _build_filter,
    "none": _build_none,
}
