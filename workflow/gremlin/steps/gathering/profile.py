"""``profile()``: the metrics of the steps before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from workflow.gremlin.running.step import MISSING, Args, Builder, ExecutionContext, Frame, ReduceStep, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.steps.gathering.group import side_effect_key


class ProfileStep(ReduceStep):
    """The metrics as the one result, or as a side effect beside the results."""

    def __init__(self, key: str | None) -> None:
        super().__init__()
        self.key = key

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        for _ in source:
            pass
        return MISSING if ctx.profiler is None else ctx.profiler.result()

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        if self.key is None:
            yield from super().run(ctx, source, frame)
            return
        passed = ctx.gathered(source)
        if ctx.profiler is not None:
            ctx.side_effects.values[self.key] = ctx.profiler.result()
        yield from passed


def _profile(builder: Builder, name: str, args: Args) -> Step:
    return ProfileStep(side_effect_key(name, args))


STEPS: dict[str, StepBuilder] = {"profile": _profile}
