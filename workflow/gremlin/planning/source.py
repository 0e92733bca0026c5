"""What the source of a traversal says: options, the time limit, side effects, the sack, transactions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from workflow.errors import NoSuchMethod, QueryFailed
from workflow.gremlin.running.step import ExecutionContext
from workflow.gremlin.semantics.values import GList, GSet, Operator
from workflow.gremlin.steps.shaping.maps import operate
from workflow.gremlin.traversal import Instruction, Strategy, Traversal

TIMEOUT_OPTIONS: Final = ("evaluationTimeout", "scriptEvaluationTimeout", "timeoutMillis")


def transaction_command(traversal: Traversal) -> str | None:
    """``begin``, ``commit`` or ``rollback`` where the traversal is ``g.tx()`` and nothing else."""
    if traversal.steps or len(traversal.source) != 1 or traversal.source[0].name != "tx":
        return None
    args = traversal.source[0].args
    return str(args[0]) if args else "begin"


def source_options(traversal: Traversal) -> dict[str, Any]:
    """What ``with()`` at the source says, whether as text, as instruction or as OptionsStrategy."""
    found: dict[str, Any] = {}
    for instruction in traversal.source:
        if instruction.name == "with" and instruction.args:
            found[str(instruction.args[0])] = instruction.args[1] if len(instruction.args) > 1 else True
        elif instruction.name == "withStrategies":
            for item in instruction.args:
                if isinstance(item, Strategy) and item.name == "OptionsStrategy":
                    found.update(item.configuration)
    return found


def timeout_of(options: Mapping[str, Any], timeout_s: float | None) -> float | None:
    """The time limit in seconds: what the query says in milliseconds, the request's otherwise."""
    for name in TIMEOUT_OPTIONS:
        value = options.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0:
            return float(value) / 1000
    return timeout_s


def apply_source(ctx: ExecutionContext, traversal: Traversal) -> None:
    """Set what the source says for a run. Raises NoSuchMethod, QueryFailed."""
    for instruction in traversal.source:
        setting = _SETTINGS.get(instruction.name)
        if setting is None:
            raise NoSuchMethod(f"Could not locate method: GraphTraversalSource.{instruction.name}()")
        setting(ctx, instruction)


class Reducer:
    """Folds values into a side effect by an operator."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def __call__(self, held: Any, value: Any) -> Any:
        return operate(self.operator, held, value)


def _with_side_effect(ctx: ExecutionContext, instruction: Instruction) -> None:
    key, value, *rest = instruction.args
    ctx.side_effects.values[key] = _copied(value)
    ctx.user_side_effects |= {key}
    if rest:
        if not isinstance(rest[0], Operator):
            raise QueryFailed("withSideEffect() takes an operator as its reducer")
        ctx.side_effects.reducers[key] = Reducer(rest[0])


def _with_sack(ctx: ExecutionContext, instruction: Instruction) -> None:
    value, *rest = instruction.args
    ctx.sack_initial = lambda: _copied(value)
    operators = [r for r in rest if r is not None]
    if any(not isinstance(r, Operator) for r in operators):
        raise QueryFailed("withSack() takes a value and an operator that merges sacks")
    if operators:
        ctx.sack_merge = Reducer(operators[-1])


def _copied(value: Any) -> Any:
    """A collection of one's own."""
    if isinstance(value, GSet):
        return GSet(value)
    if isinstance(value, list):
        return GList(value)
    return dict(value) if isinstance(value, dict) else value


def _with_bulk(ctx: ExecutionContext, instruction: Instruction) -> None:
    ctx.bulked = not instruction.args or bool(instruction.args[0])


def _nothing(ctx: ExecutionContext, instruction: Instruction) -> None:
    """Changes no answer here."""


_SETTINGS: dict[str, Callable[[ExecutionContext, Instruction], None]] = {
    "with": _nothing,
    "withBulk": _with_bulk,
    "withPath": _nothing,
    "withComputer": _nothing,
    "withRemote": _nothing,
    "withSideEffect": _with_side_effect,
    "withSack": _with_sack,
}
