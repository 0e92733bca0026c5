"""``group`` and ``groupCount``, as a result or as a side effect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.by import IDENTITY, ByChild
from workflow.gremlin.running.merging import merge_into
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    By,
    Child,
    ExecutionContext,
    Frame,
    ReduceStep,
    SideEffects,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import java_class
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.keys import GMap, hash_key
from workflow.gremlin.semantics.values import GList, GremlinEnum, Long
from workflow.gremlin.traversal import Traversal
from workflow.queries.run import Run


class Groups:
    """What a group collects: by key the traversers, until the values are asked for."""

    def __init__(self, value: GroupValue, ctx: ExecutionContext) -> None:
        self.value = value
        self.merging = value.reduces and ctx.traverser is Traverser
        self.ctx = ctx
        self.members: dict[Any, tuple[Any, dict[Any, Traverser]]] = {}

    def add(self, key: Any, traverser: Traverser) -> None:
        hashed = hash_key(key)
        found = self.members.get(hashed)
        if found is None:
            found = self.members[hashed] = (key, {})
        if self.merging:
            merge_into(found[1], traverser, self.ctx)
        else:
            found[1][len(found[1])] = traverser

    def result(self, ctx: ExecutionContext, base: Mapping[Any, Any] | None = None) -> Mapping[Any, Any]:
        """The map of keys to values; keys whose value is missing are left out."""
        items: list[tuple[Any, Any]] = list(base.items()) if base else []
        for key, traversers in self.members.values():
            value = self.value.of(ctx, list(traversers.values()))
            if value is not MISSING:
                items.append((key, value))
        return made_map(items, ctx)


def made_map(items: list[tuple[Any, Any]], run: Run) -> Mapping[Any, Any]:
    """A dict where that keeps the keys apart, a GMap otherwise."""
    if all(type(k) is str or isinstance(k, GremlinEnum) for k, _ in run.each(items)):
        return dict(items)
    return GMap(run.each(items))


class GroupValue:
    """The second by() of a group: without a barrier the last member's value, with one a reduction of all."""

    def __init__(self, by: By = IDENTITY, folded: bool = True) -> None:
        self.by = by
        self.folded = folded

    @property
    def reduces(self) -> bool:
        """Whether a barrier in the child takes all members together."""
        return not self.folded and isinstance(self.by, ByChild) and self.by.child.has_barrier_here

    def of(self, ctx: ExecutionContext, traversers: list[Traverser]) -> Any:
        if self.folded:
            out: GList = GList()
            for t in traversers:
                value = self.by.of(ctx, t)
                if value is not MISSING:
                    if t.bulk > 1:
                        ctx.hold(len(out) + t.bulk)
                    out.extend([value] * t.bulk)
            return out
        child = self.by.child  # type: ignore[attr-defined]  # only children are not folded
        if child.degree is not None and not child.line:
            return Long(sum(t.bulk * child.degree.degree(ctx, t) for t in traversers))
        if self.reduces:
            for t in child.run(ctx, iter([t.copy() for t in traversers]), {}):
                return t.value
            return MISSING
        last: Any = MISSING
        for t in traversers:
            value = child.first(ctx, t)
            if value is not MISSING:
                last = value
        return last

    def children(self) -> Iterable[Child]:
        return (self.by.child,) if isinstance(self.by, ByChild) else ()


class _Grouping:
    """What both forms of group share: the two by() modulators."""

    name: str

    def __init__(self) -> None:
        super().__init__()
        self.key_by: By = IDENTITY
        self.value = GroupValue()
        self.seen = 0

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            raise QueryFailed(f"The step {self.name}() can not be modulated by {name}()")
        if self.seen == 0:
            self.key_by = builder.by(args)
        elif self.seen == 1:
            by = builder.by(args)
            whole = bool(args) and isinstance(args[0], Traversal) and isinstance(by, ByChild)
            self.value = GroupValue(by, folded=not whole)
        else:
            raise QueryFailed(f"The key and value traversals for group()-step have already been set: {self}")
        self.seen += 1

    def children(self) -> Iterable[Child]:
        yield from (self.key_by.child,) if isinstance(self.key_by, ByChild) else ()
        yield from self.value.children()

    def arguments(self) -> str:
        return f"{self.key_by},{self.value.by}"


class GroupStep(_Grouping, ReduceStep):
    """``group().by(key).by(value)``."""

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        groups = Groups(self.value, ctx)
        for t in source:
            key = self.key_by.of(ctx, t)
            if key is not MISSING:
                groups.add(key, t)
        return groups.result(ctx)


class GroupSideEffectStep(_Grouping, Step):
    """``group("m")``."""

    barrier = True

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def register(self, side_effects: SideEffects) -> None:
        side_effects.register(self.key, dict)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        passed = ctx.gathered(source)
        state = ctx.groups.get(self.key)
        if state is None:
            base = ctx.side_effects.values.get(self.key)
            if base is not None and not isinstance(base, Mapping):
                raise QueryFailed(f"The side effect {self.key} is no map: {java_class(base)}")
            state = ctx.groups[self.key] = (Groups(self.value, ctx), base)
        groups, base = state
        for t in passed:
            key = self.key_by.of(ctx, t)
            if key is not MISSING:
                groups.add(key, t.copy())
        if passed:
            ctx.side_effects.values[self.key] = groups.result(ctx, base)
        yield from passed

    def arguments(self) -> str:
        return f"{self.key},{super().arguments()}"


class GroupCountStep(ReduceStep):
    """``groupCount().by(key)``."""

    def __init__(self) -> None:
        super().__init__()
        self.by: By | None = None

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            self.refuse(name)
        if self.by is not None:
            raise QueryFailed("GroupCount step can only have one by modulator")
        self.by = builder.by(args)

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        return counted(ctx, self.by or IDENTITY, source, {})

    def children(self) -> Iterable[Child]:
        return (self.by.child,) if isinstance(self.by, ByChild) else ()

    def arguments(self) -> str:
        return "" if self.by is None else str(self.by)


def counted(
    ctx: ExecutionContext,
    by: By,
    source: Iterable[Traverser],
    counts: dict[Any, list[Any]],
    required: bool = False,
) -> Mapping[Any, Any]:
    """Counts by key; ``counts`` maps hashed keys to [key, count] and is added to.

    A traverser without a key is left out, or, where one is ``required`` (upstream does so for the side effect only),
    a QueryFailed.
    """
    for t in source:
        key = by.of(ctx, t)
        if key is MISSING:
            if required:
                raise QueryFailed(f"The provided traverser does not map to a value: {as_text(t.value)}->{by}")
            continue
        hashed = hash_key(key)
        found = counts.get(hashed)
        if found is None:
            counts[hashed] = [key, t.bulk]
        else:
            found[1] += t.bulk
    return made_map([(key, Long(number)) for key, number in counts.values()], ctx)


class GroupCountSideEffectStep(GroupCountStep):
    """``groupCount("m")``."""

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def register(self, side_effects: SideEffects) -> None:
        side_effects.register(self.key, dict)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        passed = ctx.gathered(source)
        before = ctx.side_effects.values.get(self.key) or {}
        if not isinstance(before, Mapping):
            raise QueryFailed(f"The side effect {self.key} is no map: {java_class(before)}")
        counts: dict[Any, list[Any]] = {hash_key(k): [k, v] for k, v in before.items()}
        ctx.side_effects.values[self.key] = counted(ctx, self.by or IDENTITY, passed, counts, required=True)
        yield from passed

    def arguments(self) -> str:
        return ",".join(filter(None, [self.key, super().arguments()]))


def side_effect_key(name: str, args: Args) -> str | None:
    """The one optional argument of group, groupCount, tree."""
    if not args:
        return None
    if len(args) != 1 or not isinstance(args[0], str):
        raise QueryFailed(f"{name}() takes the key of a side effect")
    return args[0]


def _grouper(result: Callable[[], Step], effect: Callable[[str], Step]) -> StepBuilder:
    def build(builder: Builder, name: str, args: Args) -> Step:
        key = side_effect_key(name, args)
        return result() if key is None else effect(key)

    return build


STEPS: dict[str, StepBuilder] = {
    "group": _grouper(GroupStep, GroupSideEffectStep),
    "groupCount": _grouper(GroupCountStep, GroupCountSideEffectStep),
}
