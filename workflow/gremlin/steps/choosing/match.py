"""``match``: patterns of named things solved together.

A pattern starts at a name and may end at one. Which pattern is next is chosen for every traverser: one whose names are
all known (a test) first, then the one that has shown the fewest results a try.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.step import Args, Builder, Child, ExecutionContext, Frame, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.steps.choosing.where import infix
from workflow.gremlin.traversal import Instruction, P, Traversal


@dataclass(eq=False)
class MatchPattern:
    """One pattern. ``needs`` are the names that must be known before it can run."""

    needs: frozenset[str]
    start: str | None = None
    end: str | None = None
    child: Child | None = None
    parts: list[MatchPattern] = field(default_factory=list)
    every: bool = True
    is_test: bool = False

    def names(self) -> list[str]:
        """The names it binds, in order."""
        out = [n for n in (self.start, self.end) if n is not None]
        for part in self.parts:
            out.extend(part.names())
        return out

    def all_children(self) -> Iterator[Child]:
        if self.child is not None:
            yield self.child
        for part in self.parts:
            yield from part.all_children()


class MatchStep(Step):
    """``match(as("a").out().as("b"), …)``: a map of the names."""

    requires = frozenset({"labels"})

    def __init__(self, patterns: list[MatchPattern]) -> None:
        super().__init__()
        self.patterns = patterns
        self.names = list(dict.fromkeys(name for p in patterns for name in p.names()))
        ends = {p.end for p in _leaves(patterns)}
        starts = [p.start for p in _leaves(patterns) if p.start is not None]
        free = [s for s in starts if s not in ends]
        self.start: str | None = next(iter(free or starts), None)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        tried: dict[MatchPattern, list[int]] = frame.setdefault(self, {})
        for turn, t in enumerate(source):
            if not turn & 127:
                ctx.check()
            if self.start is not None and (t.path is None or not t.path.find(self.start)):
                t.label(frozenset({self.start}))
            for solved in self._solve(ctx, t, tuple(self.patterns), tried):
                out = solved.split(self._bindings(solved))
                yield out

    def _bindings(self, t: Traverser) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for node in t.path.nodes() if t.path is not None else ():
            for name in node.labels:
                if name in self.names:
                    found[name] = node.value
        return {name: found[name] for name in self.names if name in found}

    def _solve(
        self,
        ctx: ExecutionContext,
        t: Traverser,
        patterns: tuple[MatchPattern, ...],
        tried: dict[MatchPattern, list[int]],
    ) -> Iterator[Traverser]:
        if not patterns:
            yield t
            return
        chosen = self._next(t, patterns, tried)
        rest = tuple(p for p in patterns if p is not chosen)
        score = tried.setdefault(chosen, [0, 0])
        score[0] += 1
        for found in self._apply(ctx, t, chosen, tried):
            score[1] += 1
            yield from self._solve(ctx, found, rest, tried)

    def _next(
        self, t: Traverser, patterns: tuple[MatchPattern, ...], tried: dict[MatchPattern, list[int]]
    ) -> MatchPattern:
        known = _known(t)
        ready = [p for p in patterns if p.needs <= known]
        if not ready:
            ready = [p for p in patterns if p.parts and any(q.needs <= known for q in _leaves(p.parts))]
        if not ready:
            raise QueryFailed(f"The provided match pattern is unsolvable: {self}")
        if len(ready) == 1:
            return ready[0]

        def cost(p: MatchPattern) -> tuple[int, float]:
            if p.is_test:
                return (0, 0.0)
            tries, results = tried.get(p, (0, 0))
            rank = 3 if p.parts else 1 if p.end in known else 2
            return (rank, results / tries if tries else 0.0)

        return min(ready, key=cost)

    def _apply(
        self, ctx: ExecutionContext, t: Traverser, pattern: MatchPattern, tried: dict[MatchPattern, list[int]]
    ) -> Iterator[Traverser]:
        if pattern.parts:
            if pattern.every:
                yield from self._solve(ctx, t.copy(), tuple(pattern.parts), tried)
            else:
                for part in pattern.parts:
                    yield from self._apply(ctx, t.copy(), part, tried)
            return
        if pattern.child is None:
            return
        if pattern.start is None or t.path is None:
            yield from pattern.child.run(ctx, iter((t.copy(),)), {})
            return
        begin = t.split(t.path.find(pattern.start)[-1])
        single = begin.copy()
        single.bulk = 1  # for one of those that it stands for: they are alike
        results: Iterable[Traverser] = pattern.child.run(ctx, iter((single,)), {})
        here = None
        if pattern.child.has_barrier_here:  # what is reduced has no path: go on from where the pattern began
            here, results = _known(begin), list(results)
        for result in results:
            reached = result
            if here is None or _known(result) >= here:
                reached.bulk *= begin.bulk
            else:
                reached = _moved(begin, result)
            if pattern.end is None:
                yield reached
                continue
            held = reached.path.find(pattern.end) if reached.path is not None else []
            if not held:
                reached.label(frozenset({pattern.end}))
                yield reached
            elif hash_key(held[-1]) == hash_key(reached.value):
                yield reached

    def children(self) -> Iterable[Child]:
        return [child for p in self.patterns for child in p.all_children()]


def _moved(begin: Traverser, result: Traverser) -> Traverser:
    out = begin.split(result.value)
    out.bulk = begin.bulk * result.bulk
    return out


def _leaves(patterns: list[MatchPattern]) -> list[MatchPattern]:
    out: list[MatchPattern] = []
    for p in patterns:
        out.extend(_leaves(p.parts) if p.parts else [p])
    return out


def _known(t: Traverser) -> set[str]:
    known: set[str] = set()
    node = t.path
    while node is not None:
        known |= node.labels
        node = node.parent
    return known


def _pattern(builder: Builder, traversal: Any) -> MatchPattern:
    builder.refuse_code(traversal)
    if not isinstance(traversal, Traversal):
        raise QueryFailed(f"match() takes traversals and not {traversal!r}")
    steps = list(infix(traversal).steps)
    if not steps:
        raise QueryFailed(f"All match()-traversals must have a single start label (i.e. variable): {traversal}")
    first = steps[0]
    if first.name in ("and", "or") and len(steps) == 1:
        parts = [_pattern(builder, a) for a in first.args]
        return MatchPattern(frozenset({"\0 never"}), parts=parts, every=first.name == "and")
    end: str | None = None
    if len(steps) > 1 and steps[-1].name == "as":
        if len(steps[-1].args) != 1:
            raise QueryFailed(f"The end step of a match()-traversal can have at most one label: {steps[-1]}")
        end = str(steps.pop().args[0])
    if first.name == "as" and not first.args:
        raise QueryFailed(f"All match()-traversals must have a single start label (i.e. variable): {traversal}")
    if first.name == "as":
        start = str(first.args[0])
        child = builder.local(Traversal(tuple(steps[1:])))
        return MatchPattern(frozenset({start}), start, end, child)
    if first.name == "not":
        steps[0] = Instruction("where", (Traversal((first,)),))
    if steps[0].name == "where":
        needs = frozenset(_mentioned(steps[0].args))
        return MatchPattern(needs, None, end, builder.local(Traversal(tuple(steps))), is_test=True)
    raise QueryFailed(f"All match()-traversals must have a single start label (i.e. variable): {traversal}")


def _mentioned(args: Args) -> Iterator[str]:
    """The names a where() compares."""
    for arg in args:
        if isinstance(arg, str):
            yield arg
        elif isinstance(arg, P):
            yield from _mentioned(tuple(arg.args))
        elif isinstance(arg, (list, tuple)):
            yield from _mentioned(tuple(arg))
        elif isinstance(arg, Traversal):
            steps = infix(arg).steps
            if steps and steps[0].name in ("and", "or", "not"):
                yield from _mentioned(steps[0].args)
            for at in {0, len(steps) - 1}:
                if steps and steps[at].name == "as":
                    yield from _mentioned(steps[at].args)


def _match(builder: Builder, name: str, args: Args) -> Step:
    if not args:
        raise QueryFailed("match() takes at least one traversal")
    return MatchStep([_pattern(builder, a) for a in args])


STEPS: dict[str, StepBuilder] = {"match": _match}
