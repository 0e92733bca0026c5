"""What ``CALL`` can call."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a procedure, in its place."""

    name: str
    kind: str  # a kind of value, or any
    default: Any = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure by its name, which is case-sensitive.

    Attributes:
        arguments: in order; those that are ``optional`` come last.
        columns: names and kinds of what a row of its answer holds; none for one that only does something.
        call: the rows, each a tuple in the order of ``columns``; it gets the run and the arguments.
        writes: whether it changes the graph.
    """

    name: str
    arguments: tuple[Argument, ...]
    columns: tuple[tuple[str, str], ...]
    call: Callable[..., Iterable[tuple[Any, ...]]]
    writes: bool = False


Procedures = Mapping[str, Procedure]
