"""Arguments that can be refused before anything runs: code, variables nobody bound, predicates of another shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.semantics.predicates import check_shape
from workflow.gremlin.traversal import CardinalityValue, Lambda, P, Strategy, UnboundVariable, children_of


def refuse_code(arg: Any) -> None:
    """Raise QueryFailed for lambdas and unbound variables, and for a predicate that no overload makes."""
    if isinstance(arg, Lambda):
        raise QueryFailed("Lambdas are not supported: code sent by a client is never run")
    if isinstance(arg, UnboundVariable):
        raise QueryFailed(f"No such variable: {arg.name}")
    if isinstance(arg, P):
        check_shape(arg)
    elif isinstance(arg, (list, tuple, set, frozenset, Mapping)) and any(True for _ in children_of(arg)):
        raise QueryFailed("A traversal can be an argument, and no member of a list, a set or a map")


def checked(arg: Any) -> Any:
    """The argument itself. Raises QueryFailed where something is refused anywhere inside; traversals are not opened."""
    refuse_code(arg)
    if isinstance(arg, P):
        for value in arg.args:
            checked(value)
    elif isinstance(arg, CardinalityValue):
        checked(arg.value)
    elif isinstance(arg, Strategy):
        for value in arg.configuration.values():
            checked(value)
    elif isinstance(arg, (list, tuple, set, frozenset)):
        for value in arg:
            checked(value)
    elif isinstance(arg, Mapping):
        for key, value in arg.items():
            checked(key)
            checked(value)
    return arg
