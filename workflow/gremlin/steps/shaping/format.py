"""The format() step: ``%{name}`` stands for a property, a map entry, a side effect or a label, ``%{_}`` for a by()."""

from __future__ import annotations

import re
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.by import property_of
from workflow.gremlin.running.by_cycle import ByCycleModulated
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    ExecutionContext,
    MapStep,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.steps.shaping.value_step import named_value, wrong_call
from workflow.values.limits import check_characters

FROM_BY = "_"
# a name ends within 200 characters: searched for to the end of the text, it would take the square of its length
_PLACEHOLDER = re.compile(r"(?<!%)%\{(.{0,200}?)\}")


class FormatStep(ByCycleModulated, MapStep):
    """Fills the placeholders; a traverser for which one has no value, or null, is dropped.

    ``by()``: one for each ``%{_}``, used in turn.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
        # plain text and names in turn: "a %{x} b" gives ["a ", "x", " b"]
        self.pieces = _PLACEHOLDER.split(text)
        if any(name != FROM_BY for name in self.pieces[1::2]):
            self.requires = frozenset({"labels"})

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """The filled text, or MISSING."""
        out = [self.pieces[0]]
        used = 0
        for name, text in zip(self.pieces[1::2], self.pieces[2::2], strict=True):
            if name == FROM_BY:
                value = self.bys.at(used).of(ctx, traverser)
                used += 1
            else:
                value = property_of(traverser.value, name)
                if value is MISSING:
                    value = named_value(ctx, traverser, name)
            if value is MISSING or value is None:
                return MISSING
            out += (as_text(value), text)
        check_characters(sum(map(len, out)))
        return "".join(out)

    def arguments(self) -> str:
        """The text with its placeholders."""
        return self.text


def _build_format(builder: Builder, name: str, args: Args) -> Step:
    if len(args) == 1 and args[0] is None:
        raise QueryFailed("Format string for Format step can't be null.")
    if len(args) != 1 or not isinstance(args[0], str):
        raise wrong_call(name, args)
    return FormatStep(args[0])


STEPS: dict[str, StepBuilder] = {"format": _build_format}
