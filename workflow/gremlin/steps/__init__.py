"""The steps of Gremlin, in families; ``STEPS`` maps every step name to its builder."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from workflow.gremlin.steps.base import StepBuilder

if TYPE_CHECKING:
    STEPS: dict[str, StepBuilder]

FAMILIES = (
    "sources",
    "has",
    "filters",
    "ranges",
    "where",
    "adjacent",
    "elements",
    "maps",
    "order",
    "group",
    "branch",
    "repeat",
    "path",
    "side_effects",
    "match",
    "reduce",
    "call",
    "profile",
    "strings",
    "lists",
    "numbers",
    "dates",
    "math",
    "format",
    "mutation",
    "merge",
    "io",
    "olap",
    "prediction",
)


def _assemble() -> dict[str, StepBuilder]:
    table: dict[str, StepBuilder] = {}
    for family in FAMILIES:
        if importlib.util.find_spec(f"{__name__}.{family}") is None:
            continue
        for name, builder in importlib.import_module(f"{__name__}.{family}").STEPS.items():
            if name in table:
                raise RuntimeError(f"two families build the step {name}()")
            table[name] = builder
    return table


def __getattr__(name: str) -> dict[str, StepBuilder]:
    """``STEPS`` is put together when first asked for: the families import the compiler, which imports this package."""
    if name != "STEPS":
        raise AttributeError(name)
    table = globals()["STEPS"] = _assemble()
    return table
