"""Names in a traversal: what ``select("a")`` and ``where(eq("a"))`` refer to, in maps, side effects and paths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.step import MISSING, ExecutionContext, Step
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.values import GList, Pop


def scope_value(ctx: ExecutionContext, pop: Pop, key: Any, traverser: Traverser) -> Any:
    """The value of a name: an entry of the current map, a side effect, a labelled stop; MISSING where it is none."""
    value = traverser.value
    if isinstance(value, Mapping) and key in value:
        return value[key]
    if isinstance(key, str):
        if key in ctx.side_effects:
            return ctx.side_effects.get(key)
        if traverser.path is not None:
            found = traverser.path.find(key)
            if found:
                return popped(pop, found)
    return MISSING


def popped(pop: Pop, found: list[Any]) -> Any:
    """One or all of the values under a label, as ``Pop`` asks."""
    if pop is Pop.first:
        return found[0]
    if pop is Pop.last:
        return found[-1]
    if pop is Pop.mixed:
        return found[0] if len(found) == 1 else GList(found)
    return GList(found)


def required_scope_value(ctx: ExecutionContext, key: str, traverser: Traverser, step: Step) -> Any:
    """The last value of a name; QueryFailed where there is none."""
    value = scope_value(ctx, Pop.last, key, traverser)
    if value is MISSING:
        raise QueryFailed(f"Neither the map, sideEffects, nor path has a {key}-key: {step}")
    return value
