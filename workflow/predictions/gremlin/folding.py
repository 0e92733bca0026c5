"""Neptune ML in Gremlin: folds the inference step of a traversal into one prediction step.

``properties("genre").with("Neptune#ml.classification")`` becomes ``Instruction("predict", (PredictionSpec,))``, and so
does ``out("rated").with("Neptune#ml.prediction").hasLabel("movie")``. Where the inference step stands inside ``by()``,
``map()`` or another child that runs once for every traverser, a ``predictAhead`` step is put in front of the parent: it
asks for whole batches, so that the child finds its answers ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from workflow.gremlin.steps.facts import facts_of, may_write
from workflow.gremlin.traversal import Instruction, P, Traversal, children_of, instructions_of
from workflow.predictions.endpoint import PredictionService
from workflow.predictions.gremlin.spec import (
    SCORE,
    FoundStep,
    PredictionSpec,
    check_count,
    check_endpoint,
    inference_step_at,
    inference_steps,
    label_filters,
    read_spec,
    source_options,
)


def fold_predictions(
    traversal: Traversal, options: Mapping[str, Any], service: PredictionService | None = None
) -> Traversal:
    """The traversal with its inference step folded; the same object where it has none.

    Args:
        traversal: after the user's strategies.
        options: the ``with()`` options of the source and of the request; those in ``traversal.source`` count too.
        service: where given, the endpoint is looked up at once: a wrong one is refused even if nothing is asked of it.

    Raises MissingParameter, InvalidParameter, UnsupportedOperation, BadRequest with Neptune's texts.
    """
    of_source = source_options(traversal)  # a misspelt word is refused in a query that predicts nothing, too
    steps = list(inference_steps(traversal.steps, in_repeat=False))
    if not steps:
        return traversal
    check_count(steps)
    given = {**of_source, **options}
    spec = read_spec(steps[0], given)
    check_endpoint(spec, service)
    folded, _ = _Folder(spec).fold(traversal.steps, top=True)
    if spec.kind == "links":
        folded = _each(folded, lambda one: _asking_scores(one, spec))
    return replace(traversal, steps=folded)


def _asking_scores(one: Instruction, spec: PredictionSpec) -> Instruction:
    """Let ``Neptune#ml.score`` of a predicted vertex be asked for like a property: Neptune itself has no way to."""
    score, args = Instruction("predictScore", (spec,)), one.args
    if one.name in ("values", "properties") and args == (SCORE,):
        return score
    if one.name == "by" and args[:1] == (SCORE,):
        return Instruction("by", (Traversal((score,)), *args[1:]))
    if one.name == "has" and len(args) == 2 and args[0] == SCORE:
        return Instruction("filter", (Traversal((score, Instruction("is", args[1:]))),))
    return one


def _asked(one: Instruction) -> Instruction:
    """The prediction instruction whose answers a ``predictAhead`` has fetched."""
    return Instruction("predict", (*one.args, True)) if one.name == "predict" else one


def _each(chain: tuple[Instruction, ...], change: Callable[[Instruction], Instruction]) -> tuple[Instruction, ...]:
    """The chain with every instruction changed, those of its children first."""
    return tuple(change(replace(one, args=tuple(_in_argument(arg, change) for arg in one.args))) for one in chain)


def _in_argument(arg: Any, change: Callable[[Instruction], Instruction]) -> Any:
    if not any(True for _ in children_of(arg)):
        return arg
    if isinstance(arg, Traversal):
        return replace(arg, steps=_each(arg.steps, change))
    if isinstance(arg, P):
        return replace(arg, args=tuple(_in_argument(one, change) for one in arg.args))
    if isinstance(arg, list | tuple):
        return type(arg)(_in_argument(one, change) for one in arg)
    if isinstance(arg, Mapping):
        return {_in_argument(key, change): _in_argument(one, change) for key, one in arg.items()}
    return arg


class _Folder:
    """Rewrites chains. Each chain gives the instructions that lead from its start to what is predicted for."""

    def __init__(self, spec: PredictionSpec) -> None:
        self._spec = spec

    def fold(
        self, chain: tuple[Instruction, ...], *, top: bool = False
    ) -> tuple[tuple[Instruction, ...], tuple[Instruction, ...] | None]:
        """The rewritten chain, and the way to its inputs; None where it has no inference step, or none to ask ahead."""
        for index in range(len(chain)):
            found = inference_step_at(chain, index)
            if found is not None:
                return self._here(found), chain[:index]
        for index, instruction in enumerate(chain):
            args, inner = self._args(instruction.args)
            if args is instruction.args:
                continue
            parent = index
            while parent > 0 and facts_of(chain[parent].name).modulates:
                parent -= 1
            before, after = chain[:parent], (*chain[parent:index], replace(instruction, args=args), *chain[index + 1 :])
            way = None
            if inner is not None and facts_of(chain[parent].name).same_input:
                way = (*_conditions(instruction, args), *inner)
            if top and way is not None and _repeatable(way) and not may_write(chain):
                ahead = Instruction("predictAhead", (self._spec, Traversal(way)))
                return (*before, ahead, *_each(after, _asked)), None
            return (*before, *after), None if way is None else (*before, *way)
        return chain, None

    def _here(self, found: FoundStep) -> tuple[Instruction, ...]:
        chain, spec = found.chain, self._spec
        predict: list[Instruction] = [Instruction("predict", (spec,))]
        if found.step.name == "values":
            predict.append(Instruction("value"))
        rest: list[Instruction] = []
        filters = {index: left for index, _, left in label_filters(found)} if spec.kind == "links" else {}
        for index in range(found.end, len(chain)):
            kept = filters[index] if index in filters else chain[index]
            if kept is not None:
                rest.append(kept)
        # other with() options of the step mean nothing to a prediction
        return (*chain[: found.start], *predict, *rest)

    def _args(self, args: Any) -> tuple[Any, tuple[Instruction, ...] | None]:
        """The arguments with the inference step folded, the same object where they hold none; and the way to it."""
        if isinstance(args, Traversal):
            steps, way = self.fold(args.steps)
            return (args if steps is args.steps else replace(args, steps=steps)), way
        if isinstance(args, P):
            inner, way = self._args(args.args)
            return (args if inner is args.args else replace(args, args=inner)), way
        if isinstance(args, list | tuple):
            for index, one in enumerate(args):
                changed, way = self._args(one)
                if changed is not one:
                    return type(args)((*args[:index], changed, *args[index + 1 :])), way
            return args, None
        if isinstance(args, Mapping):
            for key, one in args.items():
                changed, way = self._args(one)
                if changed is not one:
                    return {**args, key: changed}, None
        return args, None


def _conditions(parent: Instruction, changed: Sequence[Any]) -> tuple[Instruction, ...]:
    """The conditions under which the predicting argument is run at all; other traversers need no prediction."""
    at = next(
        place for place, (argument, other) in enumerate(zip(parent.args, changed, strict=True)) if argument is not other
    )
    before = parent.args[:at]
    if parent.name == "choose":
        before = before[:1]
    if not all(isinstance(argument, Traversal) and _repeatable(argument.steps) for argument in before):
        return ()
    if parent.name in ("coalesce", "or") or (parent.name == "choose" and at == 2):
        return tuple(Instruction("not", (argument,)) for argument in before)
    if parent.name in ("and", "choose"):
        return tuple(Instruction("filter", (argument,)) for argument in before)
    return ()


def _repeatable(chain: Iterable[Instruction]) -> bool:
    return all(facts_of(instruction.name).repeatable for instruction in instructions_of(chain))
