"""Model families by name, from the table in ``schemas/families``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TypeVar

from ..schemas import FAMILIES, TaskType
from .family import Decoder, Family, KnowledgeFamily

F = TypeVar("F", bound=Family)


class UnknownFamily(ValueError):
    """A name that no family has, or one of another kind than was asked for."""


def family(name: str) -> Family:
    """The family of a name.

    Raises:
        UnknownFamily: there is none; the text lists those there are.
    """
    if name not in FAMILIES:
        raise UnknownFamily(f"unknown model {name!r}; known are {', '.join(FAMILIES)}")
    return _declared(FAMILIES[name])


def family_of(kind: type[F], name: str) -> F:
    """The family of a name, which must be of some kind.

    Raises:
        UnknownFamily: there is none, or it is of another kind.
    """
    found = family(name)
    if not isinstance(found, kind):
        fitting = ", ".join(one.name for one in families() if isinstance(one, kind))
        raise UnknownFamily(f"model {name!r} is not of the kind that is wanted here; these are: {fitting}")
    return found


def families(task: TaskType | None = None) -> list[Family]:
    """All families, or those of a task, in the order of the table."""
    every = [family(name) for name in FAMILIES]
    return [one for one in every if task is None or task in one.tasks]


def decoder(name: str) -> Decoder:
    """The decoder of a name: ``dot``, or that of a knowledge-graph family.

    Raises:
        UnknownFamily: there is none.
    """
    if name == DOT.name:
        return DOT
    return family_of(KnowledgeFamily, name).decoder


def title(name: str) -> str:
    """A model's name as reports write it; that of a custom model as it stands."""
    return family(name).title if name in FAMILIES else name


@cache
def _declared(module: str) -> Family:
    found = import_module(module, __package__).FAMILY
    if not isinstance(found, Family):
        raise TypeError(f"{module} declares FAMILY = {found!r}; it must be a Family")
    return found


#: h · t, whatever the relation
DOT = Decoder("dot", lambda xp, vectors, relation, predict_heads: vectors, "dot", lambda size: (size, size))
