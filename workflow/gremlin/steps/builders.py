"""What builds a step, by its name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache

from workflow.gremlin.running.step import StepBuilder
from workflow.gremlin.steps.facts import facts_of


def builder_of(name: str) -> StepBuilder | None:
    """The builder of a step, out of its family's table; None where no family builds a step of that name."""
    family = facts_of(name).family
    return _family(family)[name] if family else None


@cache
def _family(name: str) -> Mapping[str, StepBuilder]:
    table: Mapping[str, StepBuilder] = importlib.import_module(name, __package__).STEPS
    return table
