"""What the source of a traversal says: options, the time limit, side effects, the sack, transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workflow.errors import NoSuchMethod
from workflow.gremlin.planning.checks import checked
from workflow.gremlin.running.arguments import is_data
from workflow.gremlin.running.step import ExecutionContext
from workflow.gremlin.semantics.values import GList, GSet, Operator
from workflow.gremlin.steps.shaping.maps import operate
from workflow.gremlin.traversal import Strategy, Traversal

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


def check_source(traversal: Traversal) -> None:
    """Refuse what no source instruction can be. Raises NoSuchMethod, QueryFailed."""
    for instruction in traversal.source:
        name, args = instruction.name, instruction.args
        if name in ("withStrategies", "withoutStrategies"):
            for arg in args:
                checked(arg if isinstance(arg, Strategy) else ())  # an unknown name is refused as a strategy
            continue
        for arg in args:
            checked(arg)
        if name not in SOURCE or not SOURCE[name].takes(*args):
            shown = ", ".join(map(repr, args))
            raise NoSuchMethod(f"Could not locate method: GraphTraversalSource.{name}({shown})")


def apply_source(ctx: ExecutionContext, traversal: Traversal) -> None:
    """Set what the source says for a run; it was checked."""
    for instruction in traversal.source:
        setting = SOURCE.get(instruction.name)
        if setting is not None and setting.apply is not None:
            setting.apply(ctx, *instruction.args)


@dataclass(frozen=True)
class Setting:
    """One instruction of the source: which arguments it takes, and what it sets for a run, if anything."""

    takes: Callable[..., bool]
    apply: Callable[..., None] | None = None


class Reducer:
    """Folds values into a side effect by an operator."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def __call__(self, held: Any, value: Any) -> Any:
        return operate(self.operator, held, value)


def _with_side_effect(ctx: ExecutionContext, key: str, value: Any, operator: Operator | None = None) -> None:
    ctx.side_effects.values[key] = _copied(value)
    ctx.user_side_effects |= {key}
    if operator is not None:
        ctx.side_effects.reducers[key] = Reducer(operator)


def _with_sack(ctx: ExecutionContext, value: Any, *operators: Operator | None) -> None:
    ctx.sack_initial = lambda: _copied(value)
    merging = [operator for operator in operators if operator is not None]
    if merging:
        ctx.sack_merge = Reducer(merging[-1])


def _copied(value: Any) -> Any:
    """A collection of one's own."""
    if isinstance(value, GSet):
        return GSet(value)
    if isinstance(value, list):
        return GList(value)
    return dict(value) if isinstance(value, dict) else value


def _with_bulk(ctx: ExecutionContext, bulked: bool = True) -> None:
    ctx.bulked = bulked


def _takes_option(*args: Any) -> bool:
    return len(args) in (1, 2) and isinstance(args[0], str) and is_data(args[1:])


def _takes_flag(*args: Any) -> bool:
    return len(args) < 2 and all(isinstance(arg, bool) for arg in args)


def _takes_side_effect(*args: Any) -> bool:
    return len(args) in (2, 3) and isinstance(args[0], str) and is_data(args[1]) and _are_operators(args[2:])


def _takes_sack(*args: Any) -> bool:
    return len(args) in (1, 2, 3) and is_data(args[0]) and _are_operators(args[1:])


def _are_operators(args: Iterable[Any]) -> bool:
    return all(arg is None or isinstance(arg, Operator) for arg in args)


def _takes_anything(*args: Any) -> bool:
    return True


SOURCE: dict[str, Setting] = {
    "with": Setting(_takes_option),
    "withBulk": Setting(_takes_flag, _with_bulk),
    "withPath": Setting(_takes_flag),
    "withComputer": Setting(_takes_anything),
    "withRemote": Setting(_takes_anything),
    "withSideEffect": Setting(_takes_side_effect, _with_side_effect),
    "withSack": Setting(_takes_sack, _with_sack),
}
