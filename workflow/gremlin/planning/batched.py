"""The begin of a plan in morsels: as far as nobody sees that its steps run ahead of their turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from workflow.graphs.protocols import is_columnar
from workflow.gremlin.columns.forms import streamed
from workflow.gremlin.columns.morsel import morsels_of
from workflow.gremlin.columns.table import forms_of, has_form, is_silent
from workflow.gremlin.planning.explain import StepProfiler
from workflow.gremlin.running.step import Child, ExecutionContext, Frame, Step, chain
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.steps.branching.repeat import RepeatStep
from workflow.gremlin.steps.gathering.side_effects import BarrierStep
from workflow.gremlin.steps.moving.sources import GraphStep
from workflow.gremlin.traversal import Traversal


class BatchedStep(Step):
    """Steps that run on morsels, in place of these steps; on traversers where the graph has no arrays."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.name = "batched"
        self.steps = tuple(steps)
        self.forms = forms_of(steps)
        self.merges_sacks = not any(map(_keeps_apart, steps))

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        # a brief run uses no array of the whole graph, which might have to be made first
        in_turn = not is_columnar(ctx.graph) or not ctx.bulked or ctx.apart or ctx.effort is not None
        if in_turn or (ctx.sack_merge is not None and not self.merges_sacks):
            for step in self.steps:
                source = chain((step,), ctx, source, frame)
                if isinstance(ctx.profiler, StepProfiler):
                    source = ctx.profiler.watch(step, source)
            yield from source
            return
        watch = ctx.profiler.watch_morsels if isinstance(ctx.profiler, StepProfiler) else None
        for morsel in streamed(self.forms, ctx, morsels_of(ctx, source), frame, watch):
            yield from morsel.traversers(ctx)

    def children(self) -> Iterable[Child]:
        return (Child(self.steps, Traversal()),)

    def arguments(self) -> str:
        return ", ".join(map(str, self.steps))


def _keeps_apart(step: Step) -> bool:
    """Whether it depends on how traversers are held together which sacks are merged: by paths, names, parts, rounds."""
    if step.requires & {"path", "labels"} or step.tracked or isinstance(step, RepeatStep):
        return True
    if isinstance(step, BarrierStep) and step.size is not None:
        return True
    return any(map(_keeps_apart, (inner for child in step.children() for inner in child.steps)))


def batched(steps: Sequence[Step]) -> list[Step]:
    """The steps with as many of the first as may run on morsels, where that is worth it."""
    if not steps or not isinstance(steps[0], GraphStep):
        return list(steps)
    end = next((at for at, step in enumerate(steps) if not is_silent(step)), len(steps))
    source = steps[0]
    scans = source.ids is None and not source.lookups
    worth = [step for step in steps[1:end] if has_form(step)]
    if not worth or (not scans and len(worth) < 2):
        return list(steps)
    return [BatchedStep(steps[:end]), *steps[end:]]
