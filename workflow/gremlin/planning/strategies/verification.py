"""Strategies that refuse a traversal: read only, reserved keys, edges without labels, no graph computer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.planning.strategies.rewriting import chains, is_adjacent
from workflow.gremlin.semantics.values import Cardinality
from workflow.gremlin.steps.facts import FACTS, facts_of
from workflow.gremlin.traversal import Instruction, Strategy, Traversal, instructions_of

_CLASSES = {"addV": "AddVertexStep", "addE": "AddEdgeStep", "property": "AddPropertyStep"}


def verify_read_only(strategy: Strategy, traversal: Traversal) -> None:
    """Raise QueryFailed where a step would change the graph."""
    for step in instructions_of(traversal.steps):
        if step.name in FACTS and facts_of(step.name).writes:  # what is unknown is refused as such
            raise QueryFailed(f"The provided traversal has a mutating step and thus is not read only: {_shown(step)}")


def verify_reserved_keys(strategy: Strategy, traversal: Traversal) -> None:
    """Raise QueryFailed where a property gets a reserved key, if the strategy says ``throwException``."""
    if not strategy.configuration.get("throwException", False):
        return
    reserved = list(strategy.configuration.get("keys") or ("id", "label"))
    for chain in chains(traversal):
        holder = "AddPropertyStep"
        for step in chain:
            holder = _CLASSES.get(step.name, holder) if step.name in ("addV", "addE") else holder
            for key in _written_keys(step):
                if key in reserved:
                    raise QueryFailed(
                        f"The provided traversal contains a {holder} that is setting a property key to a reserved"
                        f" word: {key}"
                    )


def _written_keys(step: Instruction) -> list[Any]:
    if step.name in ("mergeV", "mergeE", "option"):
        return [key for arg in step.args if isinstance(arg, Mapping) for key in arg if isinstance(key, str)]
    if step.name != "property":
        return []
    args = step.args[1:] if step.args and (step.args[0] is None or isinstance(step.args[0], Cardinality)) else step.args
    if args and isinstance(args[0], Mapping):
        return list(args[0])
    return [key for key in args[:1] + args[2::2] if isinstance(key, str)]


def verify_edge_labels(strategy: Strategy, traversal: Traversal) -> None:
    """Raise QueryFailed where a step walks edges of every label, if the strategy says ``throwException``."""
    if not strategy.configuration.get("throwException", False):
        return
    for chain in chains(traversal):
        for step in chain:
            walks = facts_of(step.name).walks == "incident" or is_adjacent(step, list(chain))
            if walks and not any(isinstance(arg, str) for arg in step.args):
                raise QueryFailed(
                    "The provided traversal contains a vertex step without any specified edge label:"
                    f" {_shown(step)}\nAlways specify edge labels which restrict traversal paths ensuring optimal"
                    " performance."
                )


def _shown(step: Instruction) -> str:
    return f"{step.name}({', '.join(map(str, step.args))})"
