"""What is known of a value before the query runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Type:
    """The kind of a value: ``any`` where nothing is known; a list may know the kind of its members."""

    name: str
    item: Type | None = None

    @property
    def known(self) -> bool:
        """Whether it says anything: null fits everywhere."""
        return self.name not in ("any", "null")


ANY: Final = Type("any")
NULL: Final = Type("null")
BOOLEAN: Final = Type("boolean")
INTEGER: Final = Type("integer")
FLOAT: Final = Type("float")
STRING: Final = Type("string")
LIST: Final = Type("list")
MAP: Final = Type("map")
NODE: Final = Type("node")
RELATIONSHIP: Final = Type("relationship")
PATH: Final = Type("path")
RELATIONSHIPS: Final = Type("list", RELATIONSHIP)

NUMERIC: Final = frozenset({"integer", "float", "number"})


def of_constant(value: object) -> Type:
    """The type of a literal."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INTEGER
    return FLOAT if isinstance(value, float) else STRING


def common(types: list[Type]) -> Type:
    """What is known of a value that is one of several."""
    known = {one for one in types if one.name != "null"}
    if len(known) == 1:
        return known.pop()
    return NULL if types and not known else ANY
