"""``repeat`` with ``until``, ``emit`` and ``times``.

The body is a global child: it keeps its frame as long as the step runs. What comes out of it goes back into a queue
that feeds it, so the order is that of a queue, and a barrier in the body sees a whole round.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.merging import merge_into
from workflow.gremlin.running.step import Args, Builder, Child, ExecutionContext, FilterStep, Frame, Step, StepBuilder
from workflow.gremlin.running.traverser import RepeatLoop, Traverser
from workflow.gremlin.semantics.values import Scope
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.traversal import Instruction, P, Traversal


class RepeatStep(Step):
    """The body is set by ``repeat``; what stands before it acts before the first round."""

    def __init__(self) -> None:
        super().__init__()
        self.body: Child | None = None
        self.loop_name: str | None = None
        self.until: Child | None = None
        self.emit: Child | None = None
        self.until_first = False
        self.emit_first = False
        self.times: int | None = None

    def takes(self, name: str, modulates: bool) -> bool:
        return (
            (name == "repeat" and self.body is None)
            or (name in ("until", "times") and self.until is None)
            or (name == "emit" and self.emit is None)
        )

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name == "repeat":
            self._set_body(builder, args)
        elif name == "emit":
            self.emit = _condition(builder, name, args) if args else builder.local(Traversal())
            self.emit_first = self.body is None
        else:
            if name == "times":
                self.times = _turns(args)
                self.until = Child((TimesStep(self.times),), Traversal())
            else:
                self.until = _condition(builder, name, args)
            self.until_first = self.body is None

    def _set_body(self, builder: Builder, args: Args) -> None:
        if len(args) == 2 and isinstance(args[0], str):
            self.loop_name, args = args[0], args[1:]
        if len(args) != 1:
            raise QueryFailed("repeat() takes a traversal, and a loop name before it")
        self.body = builder.repeated(args[0])

    def finish(self, builder: Builder) -> None:
        if self.body is None:
            raise QueryFailed(f"The repeat()-traversal was not defined: {self}")
        for instruction in self.body.source.steps:
            reduces = facts_of(instruction.name).reduces
            alone = reduces == "unkeyed" and not instruction.args
            if alone or (reduces == "always" and Scope.local not in instruction.args):
                raise QueryFailed(
                    f"The parent of a reducing/supplying barrier can not be repeat()-step: {instruction.name}()"
                )

    def children(self) -> Iterable[Child]:
        return [c for c in (self.body, self.until, self.emit) if c is not None]

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        if self.body is None:
            raise QueryFailed(f"The repeat()-traversal was not defined: {self}")
        body_frame: Frame = frame.setdefault(self, {})
        queue = MergingQueue(ctx) if ctx.traverser is Traverser else PlainQueue()
        if self.body.has_barrier:
            entered = [out for t in source for out in self._enter(ctx, t, queue)]
            yield from entered
            yield from self._rounds(ctx, queue, body_frame)
            return
        for t in source:
            yield from self._enter(ctx, t, queue)
            yield from self._rounds(ctx, queue, body_frame)

    def _enter(self, ctx: ExecutionContext, t: Traverser, queue: Queue) -> Iterator[Traverser]:
        """A traverser that arrives, or comes back where until or emit stand first."""
        t.loops = RepeatLoop(self.loop_name, 0, t.loops)
        if self.until_first and self.until is not None and self.until.test(ctx, t):
            yield self._leave(t)
            return
        yield from self._queued(ctx, t, queue)

    def _queued(self, ctx: ExecutionContext, t: Traverser, queue: Queue) -> Iterator[Traverser]:
        out = self.emit_first and self.emit is not None and self.emit.test(ctx, t)
        queue.append(t)
        if out:
            yield self._leave(t.copy())

    def _rounds(self, ctx: ExecutionContext, queue: Queue, body_frame: Frame) -> Iterator[Traverser]:
        body = self.body
        if body is None:
            return
        until, emit = self.until, self.emit
        again = self.until_first or self.emit_first
        while queue:
            back: deque[Traverser] = deque()
            before = len(queue)
            turn = -1
            for turn, t in enumerate(body.run(ctx, queue.drain(), body_frame)):
                if not turn & 127:
                    ctx.hold(len(queue))
                loop = t.loops
                turns, outer = (1, None) if loop is None else (loop.turns + 1, loop.outer)
                t.loops = RepeatLoop(self.loop_name, turns, outer)
                if not self.until_first and until is not None and until.test(ctx, t):
                    yield self._leave(t)
                    continue
                emitted = None
                if not self.emit_first and emit is not None and emit.test(ctx, t):
                    emitted = self._leave(t.copy())
                if again:
                    back.append(t)
                else:
                    queue.append(t)
                if emitted is not None:
                    yield emitted
            ctx.check()
            if turn < 0 and len(queue) == before:
                return  # the body takes nothing more, a limit of time for instance
            for t in back:
                yield from self._again(ctx, t, queue)

    def _again(self, ctx: ExecutionContext, t: Traverser, queue: Queue) -> Iterator[Traverser]:
        if self.until_first and self.until is not None and self.until.test(ctx, t):
            yield self._leave(t)
            return
        yield from self._queued(ctx, t, queue)

    @staticmethod
    def _leave(t: Traverser) -> Traverser:
        t.loops = None if t.loops is None else t.loops.outer
        return t

    def arguments(self) -> str:
        until = f"until({self.until or 'false'})"
        emit = f"emit({self.emit or 'false'})"
        before = [x for x, first in ((until, self.until_first), (emit, self.emit_first)) if first]
        after = [x for x, first in ((until, self.until_first), (emit, self.emit_first)) if not first]
        return ",".join([*before, str(self.body), *after])


class PlainQueue:
    """Traversers that wait for the next round, first come first served."""

    def __init__(self) -> None:
        self._waiting: deque[Traverser] = deque()

    def append(self, t: Traverser) -> None:
        self._waiting.append(t)

    def __len__(self) -> int:
        return len(self._waiting)

    def drain(self) -> Iterator[Traverser]:
        """Until it is empty, also of what is added meanwhile."""
        while self._waiting:
            yield self._waiting.popleft()


class MergingQueue:
    """The same, with equal traversers merged while they wait: rounds over a graph with circles stay small."""

    def __init__(self, ctx: ExecutionContext) -> None:
        self._ctx = ctx
        self._waiting: dict[Any, Traverser] = {}

    def append(self, t: Traverser) -> None:
        merge_into(self._waiting, t, self._ctx)

    def __len__(self) -> int:
        return len(self._waiting)

    def drain(self) -> Iterator[Traverser]:
        """Until it is empty, also of what is added meanwhile."""
        waiting = self._waiting
        while waiting:
            yield waiting.pop(next(iter(waiting)))


Queue = PlainQueue | MergingQueue


class TimesStep(FilterStep):
    """Passes after so many rounds."""

    def __init__(self, turns: int) -> None:
        super().__init__()
        self.turns = turns

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        return traverser.loops is not None and traverser.loops.turns >= self.turns

    def __str__(self) -> str:
        return f"loops({self.turns})"


def _turns(args: Args) -> int:
    if len(args) != 1 or isinstance(args[0], bool) or not isinstance(args[0], int):
        raise QueryFailed("times() takes a whole number")
    return int(args[0])


def _condition(builder: Builder, name: str, args: Args) -> Child:
    if len(args) != 1:
        raise QueryFailed(f"{name}() takes one traversal")
    arg: Any = args[0]
    if isinstance(arg, P):
        arg = Traversal((Instruction("is", (arg,)),))
    return builder.local(arg)


def _build(builder: Builder, name: str, args: Args) -> Step:
    step = RepeatStep()
    step.modulate(builder, name, args)
    step.name = "repeat"
    return step


STEPS: dict[str, StepBuilder] = dict.fromkeys(("repeat", "until", "emit", "times"), _build)
