"""One immutable form of a traversal: what the parser, both wire codecs and the strategies speak.

Arguments are literals of ``values``, ``P``, nested ``Traversal`` (anonymous), ``Strategy``, ``CardinalityValue``,
lists, tuples, sets and dicts of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from workflow.gremlin.semantics.values import Cardinality


@dataclass(frozen=True, slots=True)
class Instruction:
    """A step or source call by its Java name, such as ``hasLabel``, with its arguments."""

    name: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Traversal:
    """Source instructions (``withSack``, ``withStrategies`` …) and steps; an anonymous traversal has no source."""

    steps: tuple[Instruction, ...] = ()
    source: tuple[Instruction, ...] = ()
    terminal: str | None = None  # next, toList, toSet, iterate, hasNext, explain … where the text ended in one
    terminal_args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class P:
    """A predicate.

    ``within``/``without`` carry one list; ``between``, ``inside``, ``outside`` two values; ``and``, ``or`` P's.
    """

    name: str
    args: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class TextP(P):
    """A text predicate: startingWith, endingWith, containing, regex and their negations."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A traversal strategy by its simple class name, with its configuration."""

    name: str
    configuration: dict[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class CardinalityValue:
    """``Cardinality.set("x")`` as a value of a property map."""

    cardinality: Cardinality
    value: Any


@dataclass(frozen=True, slots=True)
class Lambda:
    """Code a client sent. It is never run: the type exists so that the refusal can name it."""

    script: str
    language: str = "gremlin-groovy"


@dataclass(frozen=True, slots=True)
class UnboundVariable:
    """A name in the text that no binding supplied."""

    name: str


@dataclass(frozen=True, slots=True)
class Blank:
    """A place in a traversal whose value comes with every run, such as what ``property()`` writes.

    Attributes:
        index: the place of its value among those of a run.
        kind: the type of every value that it may have.
    """

    index: int
    kind: type


def filled(traversal: Traversal, values: Sequence[Any]) -> Traversal:
    """The traversal with these values in its blanks, those of its children included."""
    if not values:
        return traversal

    def of(arg: Any) -> Any:
        if isinstance(arg, Blank):
            return values[arg.index]
        return filled(arg, values) if isinstance(arg, Traversal) else arg

    steps = tuple(Instruction(step.name, tuple(map(of, step.args))) for step in traversal.steps)
    return replace(traversal, steps=steps)


def blanks_of(traversal: Traversal) -> Iterator[Blank]:
    """The blanks that ``filled`` fills, in their order."""
    for arg in (arg for step in traversal.steps for arg in step.args):
        if isinstance(arg, Blank):
            yield arg
        elif isinstance(arg, Traversal):
            yield from blanks_of(arg)


def children_of(arg: object) -> Iterator[Traversal]:
    """The traversals in an argument, however deep in lists, maps and predicates; not those inside them."""
    if isinstance(arg, Traversal):
        yield arg
    elif isinstance(arg, P):
        yield from children_of(arg.args)
    elif isinstance(arg, list | tuple | set | frozenset):
        for item in arg:
            if not isinstance(item, str | int | float):
                yield from children_of(item)
    elif isinstance(arg, Mapping):
        for item in (*arg.keys(), *arg.values()):
            yield from children_of(item)


def instructions_of(steps: Iterable[Instruction]) -> Iterator[Instruction]:
    """The steps of a chain and of every child in it, parents first."""
    for step in steps:
        yield step
        for child in children_of(step.args):
            yield from instructions_of(child.steps)
