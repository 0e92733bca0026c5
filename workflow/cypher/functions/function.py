"""What a function is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class FunctionRun(Protocol):
    """What functions may know of the run they are called in."""

    def id_of(self, element: Any) -> Any:
        """``id()`` of a node or relationship, in the dialect of the client."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function by name.

    Attributes:
        call: takes the arguments; those of ``contextual`` functions begin with the run.
        least, most: how many arguments it takes; ``most`` None for any number.
        accepts: for each argument the kinds of values it may be known to have before the query runs; empty for any.
        returns: the kind of its value, or ``any``.
        null: whether it is called with null arguments; otherwise its value is null then.
    """

    call: Callable[..., Any]
    least: int
    most: int | None
    accepts: tuple[frozenset[str], ...] = ()
    returns: str = "any"
    null: bool = False
    contextual: bool = False


Table = Mapping[str, Function]


def kinds(*names: str) -> frozenset[str]:
    """Kinds of values, for ``Function.accepts``."""
    return frozenset(names)
