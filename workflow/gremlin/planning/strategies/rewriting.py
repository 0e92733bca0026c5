"""Walking and changing traversals: what every rewriting strategy needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.traversal import Instruction, P, Traversal, children_of

Chain = list[Instruction]
ChainRewrite = Callable[[Chain], Chain]


def transform(traversal: Traversal, rewrite: ChainRewrite) -> Traversal:
    """A traversal with every chain rewritten, children before parents; what a rewrite adds is not rewritten again."""
    steps = [replace(step, args=tuple(_transformed(arg, rewrite) for arg in step.args)) for step in traversal.steps]
    return replace(traversal, steps=tuple(rewrite(steps)))


def _transformed(arg: Any, rewrite: ChainRewrite) -> Any:
    if isinstance(arg, Traversal):
        return transform(arg, rewrite)
    if isinstance(arg, P):
        return replace(arg, args=tuple(_transformed(one, rewrite) for one in arg.args))
    if type(arg) in (list, tuple):
        return type(arg)(_transformed(one, rewrite) for one in arg)
    return arg


def chains(traversal: Traversal) -> Iterator[tuple[Instruction, ...]]:
    """The steps of a traversal and of every child in it."""
    yield traversal.steps
    for step in traversal.steps:
        for child in children_of(step.args):
            yield from chains(child)


def steps(*instructions: tuple[Any, ...]) -> Traversal:
    """An anonymous traversal out of ``(name, argument, …)`` tuples."""
    return Traversal(tuple(Instruction(name, tuple(args)) for name, *args in instructions))


def is_adjacent(step: Instruction, chain: Chain) -> bool:
    """Whether ``out``, ``in``, ``both`` or ``to`` walks the graph; ``to`` also modulates addE() and path()."""
    return facts_of(step.name).walks == "adjacent" and (step.name != "to" or _walks(step))


def _walks(step: Instruction) -> bool:
    return bool(step.args) and type(step.args[0]).__name__ == "Direction"


def modulated_end(chain: Chain, position: int) -> int:
    """The position behind a mutating step and the modulators and labels that belong to it."""
    end = position + 1
    while end < len(chain) and (chain[end].name == "as" or _modulates(chain[end])):
        end += 1
    while chain[end - 1].name == "as" and end - 1 > position:
        end -= 1
    return end


def options_end(chain: Chain, position: int) -> int:
    """The position behind a step and its ``with()`` options, which stay there: they may give it another meaning."""
    end = position + 1
    while end < len(chain) and chain[end].name == "with":
        end += 1
    return end


def _modulates(step: Instruction) -> bool:
    return facts_of(step.name).details and not (step.name == "to" and _walks(step))
