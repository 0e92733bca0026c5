"""The protocol of steps: how they are built, what they are given, and how they call their children.

A step is built once, when a traversal is compiled, and is not changed by running: whatever it must remember between
traversers lives in the ``Frame`` it is given. That is what makes the two kinds of children simple:

* a *local* child (``by``, ``map``, ``flatMap``, ``where``, ``filter``, ``local``, ``coalesce`` …) is run with a fresh
  frame for every traverser, so a ``count()`` in it counts for one;
* a *global* child (``union``, options of ``choose`` and ``branch``, ``repeat``) keeps one frame as long as its parent
  runs, so a ``dedup()`` or ``limit()`` in it sees the traversers of all starts; a parent whose child ``has_barrier``
  hands over all starts at once.

To add a step: subclass ``MapStep``, ``FlatMapStep``, ``FilterStep``, ``SideEffectStep``, ``ReduceStep`` or ``Step``,
write a ``StepBuilder`` that checks the arguments, and put it in the ``STEPS`` table of the family's module; one line in
``steps.facts`` makes it known. ``by()``, ``option()`` … arrive through ``Step.modulate`` after the step was built. On
morsels a step runs as it is; where that is too slow it gets a form in ``columns.table``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final, NoReturn, Protocol

from workflow.errors import QueryFailed
from workflow.gremlin.running.context import ExecutionContext, Profiler, SideEffects
from workflow.gremlin.running.traverser import NO_LABELS, Traverser
from workflow.gremlin.semantics.predicates import Test
from workflow.gremlin.semantics.values import Long
from workflow.gremlin.traversal import P, Traversal

Frame = dict["Step", Any]
"""What the steps of one chain remember while it runs; keyed by step."""

Args = tuple[Any, ...]


class _Missing:
    """The answer of a child or a by() that has none; not ``None``, which is a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()


class Step:
    """One compiled step of a chain. See the module's docstring.

    ``labels`` are the names ``as()`` gave it. ``requires`` may hold ``path`` (every stop), ``labels`` (labelled stops)
    or ``sack``. ``barrier`` steps take all their traversers before they give one. ``mutates`` steps change the
    graph; ``counts`` marks a plain count.
    """

    name: str = "step"
    requires: frozenset[str] = frozenset()
    barrier: ClassVar[bool] = False
    mutates: ClassVar[bool] = False
    counts: ClassVar[bool] = False

    def __init__(self) -> None:
        self.labels: frozenset[str] = NO_LABELS
        self.tracked: frozenset[str] = NO_LABELS  # the same, or none where nothing in the plan reads labels

    @abstractmethod
    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        """What this step sends on, lazily. It may change a traverser of the source and hand it on."""

    def takes(self, name: str, modulates: bool) -> bool:
        """Whether an instruction right behind the step belongs to it; ``modulates`` where it does behind most steps."""
        return modulates

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        """Take a modulator (by, option, from, to, with, times, until, emit …); ``as`` is handled by the builder."""
        self.refuse(name)

    def refuse(self, modulator: str) -> NoReturn:
        """Raise QueryFailed for a modulator that the step does not take."""
        raise QueryFailed(f"The step {self.name}() can not be modulated by {modulator}()")

    def finish(self, builder: Builder) -> None:
        """Called once after the last modulator: check what is still missing."""

    def children(self) -> Iterable[Child]:
        """The child traversals, so that requirements are found."""
        return ()

    def register(self, side_effects: SideEffects) -> None:
        """Called before a run: register the side-effect keys of this step."""

    def prepare(self, ctx: ExecutionContext) -> None:
        """Called before a run, before anything is read: what this step needs of the context."""

    def arguments(self) -> str:
        """What explain() writes between the brackets."""
        return ",".join(str(c) for c in self.children())

    def __str__(self) -> str:
        kind = type(self).__name__
        text = f"{kind}({self.arguments()})"
        return text if not self.labels else f"{text}@[{', '.join(sorted(self.labels))}]"


class MapStep(Step):
    """One value for one value."""

    @abstractmethod
    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """The new value; ``MISSING`` drops the traverser."""

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        map_ = self.map
        for t in source:
            value = map_(ctx, t)
            if value is not MISSING:
                yield t.split(value)


class FlatMapStep(Step):
    """Any number of values for one value."""

    @abstractmethod
    def flat_map(self, ctx: ExecutionContext, traverser: Traverser) -> Iterable[Any]:
        """The new values, in their order."""

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        flat_map = self.flat_map
        for turn, t in enumerate(source):
            if not turn & 127:
                ctx.check()
            split = t.split
            for value in flat_map(ctx, t):
                yield split(value)


class FilterStep(Step):
    """Lets traversers pass or not."""

    @abstractmethod
    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        """Whether the traverser passes."""

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        accept = self.accept
        for t in source:
            if accept(ctx, t):
                yield t


class AwaitingStep(Step):
    """Asks the outside about what comes to it, and can have all of that asked before it runs."""

    @abstractmethod
    def ready(self, ctx: ExecutionContext, inputs: Sequence[Traverser]) -> None:
        """Get the answers for these inputs, so that running asks nothing. Raises AnswerNeeded where it suspends."""


class SideEffectStep(Step):
    """Does something for each traverser and hands it on."""

    @abstractmethod
    def effect(self, ctx: ExecutionContext, traverser: Traverser) -> None:
        """What the step does; the traverser is handed on behind it."""

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        for t in source:
            self.effect(ctx, t)
            yield t


class ReduceStep(Step):
    """All traversers to one value; runs on empty input too. ``MISSING`` as the result sends nothing on."""

    barrier = True

    @abstractmethod
    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        """Mind ``traverser.bulk``."""

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        if frame.get(self):  # a global child that is run again: reduced once is reduced
            return
        frame[self] = True
        value = self.reduce(ctx, source)
        if value is not MISSING:
            yield ctx.start(value)


class Hop(Step):
    """A step along edges, which knows how far it leads without going."""

    @abstractmethod
    def degree(self, ctx: ExecutionContext, traverser: Traverser) -> int:
        """How many results it has for one traverser."""


class Child:
    """A compiled child traversal. Steps call it through these methods and do not look at its steps.

    Children return traversers: read ``.value`` and ``.bulk``.
    """

    __slots__ = ("degree", "has_barrier", "has_barrier_here", "line", "source", "steps")

    def __init__(self, steps: tuple[Step, ...], source: Traversal) -> None:
        self.steps = steps
        self.source = source
        self.degree = _degree(steps)
        rest = steps if self.degree is None else steps[2:]
        self.line = () if self.degree is not None and not rest else _line(rest)
        if self.line is None:
            self.degree = None
        self.has_barrier_here: bool = any(s.barrier for s in steps)
        self.has_barrier: bool = any(s.barrier or any(c.has_barrier for c in s.children()) for s in steps)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        """All traversers of the source through one instance: the global way. Keep the frame to run on later."""
        return chain(self.steps, ctx, source, frame)

    def each(self, ctx: ExecutionContext, traverser: Traverser) -> Iterator[Traverser]:
        """The results for one traverser: the local way. The traverser is copied, its bulk counts as one."""
        inner = traverser.copy()
        inner.bulk = 1
        return chain(self.steps, ctx, iter((inner,)), {})

    def first(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """The value of the first result, or MISSING."""
        if self.line is not None:
            return self._straight(ctx, traverser, self.line)
        for t in self.each(ctx, traverser):
            return t.value
        return MISSING

    def test(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        """Whether there is any result."""
        if self.line is not None:
            return self._straight(ctx, traverser, self.line) is not MISSING
        for _ in self.each(ctx, traverser):
            return True
        return False

    def _straight(self, ctx: ExecutionContext, t: Traverser, line: tuple[Step, ...]) -> Any:
        """The first result of steps that give one value, or the first of several at the end, without iterators."""
        if self.degree is not None:
            t = t.split(Long(self.degree.degree(ctx, t)))
        for step in line:
            if isinstance(step, FilterStep):
                if not step.accept(ctx, t):
                    return MISSING
            elif isinstance(step, MapStep):
                value = step.map(ctx, t)
                if value is MISSING:
                    return MISSING
                t = t.split(value)
            elif isinstance(step, FlatMapStep):  # only the last
                return next(iter(step.flat_map(ctx, t)), MISSING)
            elif isinstance(step, Hop):  # only the last, and only asked whether it leads anywhere
                return MISSING if step.degree(ctx, t) == 0 else self._far_end(ctx, step, t)
        return t.value

    @staticmethod
    def _far_end(ctx: ExecutionContext, hop: Hop, t: Traverser) -> Any:
        return next(hop.run(ctx, iter((t.copy(),)), {})).value

    def first_of(self, ctx: ExecutionContext, value: Any) -> Any:
        """``first`` for a bare value: a traverser of its own, which begins as one at the begin of a query does."""
        return self.first(ctx, ctx.start(value))

    def __str__(self) -> str:
        return "[" + ", ".join(str(s) for s in self.steps) + "]"


def _degree(steps: tuple[Step, ...]) -> Hop | None:
    """The hop of ``out().count()``: for one traverser the count is a degree."""
    if len(steps) > 1 and isinstance(steps[0], Hop) and steps[1].counts and not steps[0].labels | steps[1].labels:
        return steps[0]
    return None


def _line(steps: tuple[Step, ...]) -> tuple[Step, ...] | None:
    """Steps whose first result can be computed straight on: one value each, no names, nobody who sees traversers."""
    if not steps or any(step.labels or step.requires for step in steps):
        return None
    last = steps[-1]
    if not all(type(step).run in (MapStep.run, FilterStep.run) for step in steps[:-1]):
        return None
    straight = isinstance(last, Hop) or type(last).run in (MapStep.run, FilterStep.run, FlatMapStep.run)
    return steps if straight else None


def chain(
    steps: tuple[Step, ...], ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame
) -> Iterator[Traverser]:
    """Join steps to one iterator."""
    for step in steps:
        source = step.run(ctx, source, frame)
        if step.tracked:
            source = labelled(source, step.tracked)
    return source


def labelled(source: Iterator[Traverser], labels: frozenset[str]) -> Iterator[Traverser]:
    """The same traversers, each remembering its value under the labels."""
    for t in source:
        t.label(labels)
        yield t


class By(Protocol):
    """A compiled ``by()``: a projection of a traverser."""

    def of(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """The projected value, or MISSING where the by() gives nothing (the parent then drops or skips)."""

    def of_value(self, ctx: ExecutionContext, value: Any) -> Any:
        """The same for a bare value."""


class Builder(Protocol):
    """What the compiler offers to the builder of a step: children, projections and checked arguments.

    ``at_start`` tells whether the step is the first of its chain, ``depth`` how deep that chain is, ``in_repeat`` and
    ``repeat_depth`` whether it is inside the body of a repeat, and how deep the innermost such body is.
    """

    depth: int
    at_start: bool
    in_repeat: bool
    repeat_depth: int

    def local(self, arg: Any) -> Child:
        """A child run afresh for every traverser."""

    def global_(self, arg: Any) -> Child:
        """A child all traversers flow through."""

    def repeated(self, arg: Any) -> Child:
        """The body of a repeat: a global child in which ranges count by round."""

    def by(self, args: Args) -> By:
        """The projection of ``by(...)``; a trailing comparator is the caller's business."""

    def predicate(self, arg: P) -> Test:
        """The test of a predicate."""

    def test_of(self, arg: Any) -> Test:
        """The test of a predicate, or of equality with any other value."""

    def checked(self, arg: Any) -> Any:
        """The argument itself, unless it is code or an unbound variable somewhere inside."""

    def refuse_code(self, arg: Any) -> None:
        """Raise for lambdas and unbound variables."""


class StepBuilder(Protocol):
    """Checks the arguments of a step and builds it. Raises QueryFailed (or another error) in TinkerPop's words."""

    def __call__(self, builder: Builder, name: str, args: Args) -> Step: ...


__all__ = [
    "MISSING",
    "Args",
    "AwaitingStep",
    "Builder",
    "By",
    "Child",
    "ExecutionContext",
    "FilterStep",
    "FlatMapStep",
    "Frame",
    "Hop",
    "MapStep",
    "Profiler",
    "ReduceStep",
    "SideEffectStep",
    "SideEffects",
    "Step",
    "StepBuilder",
    "chain",
    "labelled",
]
