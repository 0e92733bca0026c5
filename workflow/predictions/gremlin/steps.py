"""The prediction step: gathers elements, asks the endpoint once a batch, goes on with what was predicted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.gremlin.running.step import (
    Args,
    AwaitingStep,
    Builder,
    Child,
    ExecutionContext,
    FlatMapStep,
    Frame,
    SideEffects,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.predictions.gremlin.answers import Answers
from workflow.predictions.gremlin.spec import PROVENANCE, PredictionSpec
from workflow.predictions.question import MAX_INPUTS_PER_CALL


class PredictStep(AwaitingStep):
    """``predict``: what ``folding`` makes of an inference step. Inputs keep their order."""

    barrier = True

    def __init__(self, spec: PredictionSpec) -> None:
        super().__init__()
        self.spec = spec

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        answers = Answers.of(ctx, self.spec)
        while batch := list(islice(source, MAX_INPUTS_PER_CALL)):
            ctx.check()
            answers.ask(t.value for t in batch)
            if self.spec.kind == "links" and self.spec.with_score:
                yield from _scored(batch, answers)
                continue
            for t in batch:
                for value in answers.values(t.value):
                    yield t.split(value)

    def ready(self, ctx: ExecutionContext, inputs: Sequence[Traverser]) -> None:
        Answers.of(ctx, self.spec).ask(t.value for t in inputs)

    def register(self, side_effects: SideEffects) -> None:
        if self.spec.provenance:
            side_effects.register(PROVENANCE, dict)

    def arguments(self) -> str:
        return str(self.spec)


class AskedStep(PredictStep):
    """A prediction step behind a ``predictAhead``, which already holds its answers.

    Like any step that reads a property it answers input by input: the parent need not gather them first.
    """

    barrier = False


class PredictAheadStep(Step):
    """``predictAhead``: in front of a step whose child predicts one by one; asks for a whole batch at once.

    The child of this step leads from a traverser to the elements that will be asked about. Traversers pass unchanged.
    """

    def __init__(self, spec: PredictionSpec, way: Child) -> None:
        super().__init__()
        self.spec = spec
        self.way = way

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        answers = Answers.of(ctx, self.spec)
        while batch := list(islice(source, MAX_INPUTS_PER_CALL)):
            ctx.check()
            answers.ask(value for value in self._reached(ctx, batch) if answers.fits(value))
            yield from batch

    def _reached(self, ctx: ExecutionContext, batch: Iterable[Traverser]) -> Iterator[Any]:
        """What will be asked about. Where a traverser leads to nothing fit, only the step itself can say so."""
        for t in batch:
            try:
                reached = [inner.value for inner in self.way.each(ctx, t)]
            except QueryFailed:
                continue
            yield from reached

    def children(self) -> Iterable[Child]:
        return (self.way,)

    def arguments(self) -> str:
        return f"{self.spec},{self.way}"


def _scored(batch: Iterable[Traverser], answers: Answers) -> Iterator[Traverser]:
    """Predicted vertices whose traversers carry the score as their sack."""
    for t in batch:
        for vertex, score in answers.links(t.value):
            predicted = t.split(vertex)
            predicted.sack = score
            yield predicted


class PredictScoreStep(FlatMapStep):
    """``predictScore``: the score of a vertex that a link prediction gave; nothing for any other value."""

    def __init__(self, spec: PredictionSpec) -> None:
        super().__init__()
        self.spec = spec

    def flat_map(self, ctx: ExecutionContext, traverser: Traverser) -> Iterable[Any]:
        score = Answers.of(ctx, self.spec).score(traverser.value)
        return () if score is None else (score,)

    def prepare(self, ctx: ExecutionContext) -> None:
        ctx.apart = True  # one vertex predicted for two inputs has two scores


def _predict(builder: Builder, name: str, args: Args) -> Step:
    if not args or not isinstance(args[0], PredictionSpec):
        raise NoSuchMethod(f"Could not locate method: {name}()")
    return AskedStep(args[0]) if args[1:] == (True,) else PredictStep(args[0])


def _predict_ahead(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 2 or not isinstance(args[0], PredictionSpec):
        raise NoSuchMethod(f"Could not locate method: {name}()")
    return PredictAheadStep(args[0], builder.local(args[1]))


def _predict_score(builder: Builder, name: str, args: Args) -> Step:
    if len(args) != 1 or not isinstance(args[0], PredictionSpec):
        raise NoSuchMethod(f"Could not locate method: {name}()")
    return PredictScoreStep(args[0])


STEPS: dict[str, StepBuilder] = {"predict": _predict, "predictAhead": _predict_ahead, "predictScore": _predict_score}
