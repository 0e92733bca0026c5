"""Reading the arguments of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.step import Args
from workflow.gremlin.semantics.values import Scope
from workflow.gremlin.traversal import CardinalityValue, Lambda, P, Strategy, Traversal, UnboundVariable


def number_argument(name: str, args: Args, at: int = 0) -> int:
    """A whole number among the arguments; QueryFailed for anything else."""
    value = args[at] if at < len(args) else None
    if isinstance(value, bool) or not isinstance(value, int):
        raise QueryFailed(f"{name}() takes a whole number and not {value!r}")
    return int(value)


def scoped(args: Args) -> tuple[bool, Args]:
    """Whether the first argument says ``Scope.local``, and the arguments behind a scope."""
    if args and isinstance(args[0], Scope):
        return args[0] is Scope.local, args[1:]
    return False, args


def is_data(arg: Any) -> bool:
    """Whether an argument is a value of the language, and no part of a query, all through."""
    if isinstance(arg, (Lambda, UnboundVariable, P, Strategy, CardinalityValue, Traversal)):
        return False
    if isinstance(arg, (list, tuple, set, frozenset)):
        return all(map(is_data, arg))
    if isinstance(arg, Mapping):
        return all(is_data(key) and is_data(value) for key, value in arg.items())
    return True
