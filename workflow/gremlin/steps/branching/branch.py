"""Steps that go several ways: ``union``, ``choose``, ``branch``, ``coalesce``, ``optional``, ``local``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.gremlin.running.by import IDENTITY, ByChild, ByToken
from workflow.gremlin.running.step import MISSING, Args, Builder, By, Child, ExecutionContext, Frame, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.predicates import Test
from workflow.gremlin.semantics.values import Pick, T
from workflow.gremlin.traversal import Instruction, P, Traversal

Option = tuple[Test, Child]


class Branching(Step):
    """Routes traversers to global children: one start at a time, or all at once where a child has a barrier."""

    def __init__(self) -> None:
        super().__init__()
        self.options: list[Option] = []
        self.picks: dict[Pick, list[Child]] = {}

    def route(self, ctx: ExecutionContext, traverser: Traverser) -> list[Child]:
        """The children a traverser goes to."""
        raise NotImplementedError

    def targets(self) -> list[Child]:
        """All global children in the order they are asked for results."""
        return [child for group in self.picks.values() for child in group] + [child for _, child in self.options]

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        targets = self.targets()
        frames: list[Frame] = frame.setdefault(self, [{} for _ in targets])
        if any(child.has_barrier for child in targets):
            batch = ctx.gathered(source)
            if batch:
                yield from self._send(ctx, batch, targets, frames)
            return
        for turn, t in enumerate(source):
            if not turn & 127:
                ctx.check()
            yield from self._send(ctx, [t], targets, frames)

    def _send(
        self, ctx: ExecutionContext, batch: list[Traverser], targets: list[Child], frames: list[Frame]
    ) -> Iterator[Traverser]:
        queues: list[list[Traverser]] = [[] for _ in targets]
        place = {id(child): i for i, child in enumerate(targets)}
        for t in batch:
            for child in self.route(ctx, t):
                queues[place[id(child)]].append(t.copy())
        for child, child_frame, queue in zip(targets, frames, queues, strict=True):
            if queue:
                yield from child.run(ctx, iter(queue), child_frame)

    def children(self) -> Iterable[Child]:
        return self.targets()


class UnionStep(Branching):
    """``union(…)``: every way."""

    def __init__(self, children: list[Child]) -> None:
        super().__init__()
        self.ways = children

    def targets(self) -> list[Child]:
        return self.ways

    def route(self, ctx: ExecutionContext, traverser: Traverser) -> list[Child]:
        return self.ways


class BranchStep(Branching):
    """``branch(by).option(…)``: all options that fit, and the ``any`` options."""

    single = False

    def __init__(self, by: By) -> None:
        super().__init__()
        self.by = by

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "option":
            self.refuse(name)
        if len(args) == 1:
            self.add(builder, Pick.any, args[0])
        elif len(args) == 2:
            self.add(builder, args[0], args[1])
        else:
            raise QueryFailed("option() takes a token and a traversal")

    def add(self, builder: Builder, token: Any, option: Any) -> None:
        """Take one option."""
        child = builder.global_(option)
        if isinstance(token, Pick):
            self.picks.setdefault(token, []).append(child)
        else:
            self.options.append((self.option_test(builder, token), child))

    def option_test(self, builder: Builder, token: Any) -> Test:
        if isinstance(token, Traversal):
            tester = builder.local(token)
            self._testers = [*getattr(self, "_testers", []), tester]
            return lambda pair: tester.first_of(pair[0], pair[1]) is not MISSING
        test = builder.test_of(token)
        return lambda pair: test(pair[1])

    def route(self, ctx: ExecutionContext, traverser: Traverser) -> list[Child]:
        return self.children_for(ctx, self.by.of(ctx, traverser))

    def children_for(self, ctx: ExecutionContext, choice: Any) -> list[Child]:
        """The children for a choice; MISSING is one that came to nothing."""
        if choice is MISSING:
            choice = Pick.unproductive
        if isinstance(choice, Pick):
            children = list(self.picks.get(choice, ()))
        else:
            children = [child for test, child in self.options if test((ctx, choice))]
        if not children:
            children = list(self.picks.get(Pick.none, ()))
        if self.single:
            return children[:1]
        return children if choice is Pick.any else children + self.picks.get(Pick.any, [])

    def children(self) -> Iterable[Child]:
        yield from (self.by.child,) if isinstance(self.by, ByChild) else ()
        yield from getattr(self, "_testers", ())
        yield from self.targets()


class ChooseStep(BranchStep):
    """``choose``: the first option that fits; what fits none goes on as it is."""

    single = True

    def __init__(self, builder: Builder, by: By) -> None:
        super().__init__(by)
        through = builder.global_(Traversal())
        self.defaults = {Pick.unproductive: through, Pick.none: builder.global_(Traversal())}
        self.picks = {pick: [child] for pick, child in self.defaults.items()}

    def add(self, builder: Builder, token: Any, option: Any) -> None:
        if token is Pick.any:
            raise QueryFailed("Choose step can not have an any-option as only one option per traverser is allowed")
        if isinstance(token, Traversal):
            raise QueryFailed("Traversal is not allowed as a Pick token for choose().option()")
        if isinstance(token, Pick):
            if token in self.defaults:
                del self.defaults[token]
                self.picks[token] = [builder.global_(option)]
            return
        super().add(builder, token, option)


class TestBy:
    """True or false: whether a child has a result, or a predicate holds."""

    __test__ = False  # not for pytest

    def __init__(self, child: Child) -> None:
        self.child = child

    def of(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        return self.child.test(ctx, traverser)

    def of_value(self, ctx: ExecutionContext, value: Any) -> Any:
        return self.child.first_of(ctx, value) is not MISSING


class IfStep(ChooseStep):
    """``choose(condition, then, else)``."""

    def __init__(self, builder: Builder, condition: Child, then: Any, otherwise: Any) -> None:
        super().__init__(builder, TestBy(condition))
        self.condition = condition
        self.add(builder, True, then)
        self.add(builder, False, otherwise)

    def children(self) -> Iterable[Child]:
        yield self.condition
        yield from self.targets()


class CoalesceStep(Step):
    """``coalesce(…)``: the results of the first child that has any."""

    def __init__(self, children: list[Child]) -> None:
        super().__init__()
        self.ways = tuple(children)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            for child in self.ways:
                found = False
                for inner in child.each(ctx, t):
                    found = True
                    out = t.split(inner.value)
                    out.bulk = t.bulk * inner.bulk
                    yield out
                if found:
                    break

    def children(self) -> Iterable[Child]:
        return self.ways


class OptionalStep(Step):
    """``optional(child)``: its results, or the traverser itself where it has none."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self.child = child

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            found = False
            for inner in self.child.run(ctx, iter((t.copy(),)), {}):
                found = True
                yield inner
            if not found:
                yield t

    def children(self) -> Iterable[Child]:
        return (self.child,)


class LocalStep(Step):
    """``local(child)``: the child afresh for every single traverser, bulk undone."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self.child = child

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            for turn in range(t.bulk):
                if not turn & 127:
                    ctx.check()
                yield from self.child.each(ctx, t)

    def children(self) -> Iterable[Child]:
        return (self.child,)


def _union(builder: Builder, name: str, args: Args) -> Step:
    return UnionStep([builder.global_(a) for a in args])


def _coalesce(builder: Builder, name: str, args: Args) -> Step:
    return CoalesceStep([builder.local(a) for a in args])


def _optional(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("optional() takes one traversal")
    return OptionalStep(builder.local(args[0]))


def _local(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("local() takes one traversal")
    return LocalStep(builder.local(args[0]))


def _choice(builder: Builder, arg: Any) -> By:
    """What branch() and choose() look at."""
    if isinstance(arg, Traversal):
        return ByChild(builder.local(arg)) if arg.steps else IDENTITY
    if isinstance(arg, T):
        return ByToken(arg)
    builder.refuse_code(arg)
    raise QueryFailed(f"A choice is made by a traversal or a token and not by {arg!r}")


def _branch(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1:
        raise QueryFailed("branch() takes one traversal")
    return BranchStep(_choice(builder, args[0]))


def _choose(builder: Builder, name: str, args: Args) -> Step:
    if len(args) == 1 and not isinstance(args[0], P):
        return ChooseStep(builder, _choice(builder, args[0]))
    if len(args) in (2, 3):
        condition = args[0]
        if isinstance(condition, P):
            condition = Traversal((Instruction("is", (condition,)),))
        otherwise = args[2] if len(args) == 3 else Traversal()
        return IfStep(builder, builder.local(condition), args[1], otherwise)
    raise NoSuchMethod(f"Could not locate method: choose({', '.join(map(repr, args))})")


STEPS: dict[str, StepBuilder] = {
    "union": _union,
    "coalesce": _coalesce,
    "optional": _optional,
    "local": _local,
    "branch": _branch,
    "choose": _choose,
}
