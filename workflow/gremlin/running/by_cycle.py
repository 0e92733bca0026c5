"""Several ``by()`` projections taken in turn."""

from __future__ import annotations

from collections.abc import Iterable

from workflow.errors import QueryFailed
from workflow.gremlin.running.by import IDENTITY, ByChild
from workflow.gremlin.running.step import Args, Builder, By, Child


class ByCycle:
    """Projections in the order they were written; past the last comes the first again."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: list[By] = []

    def add(self, by: By) -> None:
        """Take one more projection."""
        self.items.append(by)

    def at(self, index: int) -> By:
        """The projection of the value at a place; the value itself where there are none."""
        return self.items[index % len(self.items)] if self.items else IDENTITY

    def children(self) -> Iterable[Child]:
        """The children of projections that are traversals."""
        return [by.child for by in self.items if isinstance(by, ByChild)]

    def __bool__(self) -> bool:
        return bool(self.items)

    def __str__(self) -> str:
        return "[" + ", ".join(map(str, self.items)) + "]"


class ByCycleModulated:
    """What steps with any number of by() modulators share; mixed in before ``Step``."""

    name: str

    def __init__(self) -> None:
        super().__init__()
        self.bys = ByCycle()

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name != "by":
            raise QueryFailed(f"The step {self.name}() can not be modulated by {name}()")
        self.bys.add(builder.by(args))

    def children(self) -> Iterable[Child]:
        return self.bys.children()
