"""Walking and changing traversals: what every rewriting strategy needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from workflow.gremlin.traversal import Instruction, P, Traversal

Chain = list[Instruction]
ChainRewrite = Callable[[Chain], Chain]

VERTEX_STEPS = frozenset({"out", "in", "both", "to"})
EDGE_STEPS = frozenset({"outE", "inE", "bothE", "toE"})
EDGE_ENDS = frozenset({"inV", "outV", "bothV", "otherV", "toV"})
MUTATING_STEPS = frozenset({"addV", "addE", "property", "drop", "mergeV", "mergeE"})
MUTATION_MODULATORS = frozenset({"property", "from", "to", "with", "option"})
HAS_STEPS = frozenset({"has", "hasLabel", "hasId", "hasNot", "hasKey", "hasValue"})


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
        for arg in step.args:
            for child in children_of(arg):
                yield from chains(child)


def children_of(arg: Any) -> Iterator[Traversal]:
    """The traversals in an argument, however deep in lists, maps and predicates."""
    if isinstance(arg, Traversal):
        yield arg
    elif isinstance(arg, P):
        for one in arg.args:
            yield from children_of(one)
    elif isinstance(arg, Mapping):
        for one in arg.values():
            yield from children_of(one)
    elif isinstance(arg, (list, tuple, set, frozenset)):
        for one in arg:
            yield from children_of(one)


def steps(*instructions: tuple[Any, ...]) -> Traversal:
    """An anonymous traversal out of ``(name, argument, …)`` tuples."""
    return Traversal(tuple(Instruction(name, tuple(args)) for name, *args in instructions))


def is_adjacent(step: Instruction, chain: Chain) -> bool:
    """Whether ``out``, ``in``, ``both`` or ``to`` walks the graph; ``to`` also modulates addE() and path()."""
    return step.name in VERTEX_STEPS and (step.name != "to" or _walks(step))


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
    """The position behind a step and its ``with()`` options, which stay there: they may make it a prediction."""
    end = position + 1
    while end < len(chain) and chain[end].name == "with":
        end += 1
    return end


def _modulates(step: Instruction) -> bool:
    return step.name in MUTATION_MODULATORS and not (step.name == "to" and _walks(step))
