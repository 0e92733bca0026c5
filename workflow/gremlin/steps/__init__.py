"""The steps of Gremlin, in families; ``STEPS`` maps every step name to its builder."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING

from workflow.gremlin.running.step import StepBuilder

if TYPE_CHECKING:
    STEPS: dict[str, StepBuilder]

FAMILIES = (
    "moving.sources",
    "choosing.has",
    "choosing.filters",
    "choosing.ranges",
    "choosing.where",
    "moving.adjacent",
    "shaping.elements",
    "shaping.maps",
    "gathering.order",
    "gathering.group",
    "branching.branch",
    "branching.repeat",
    "moving.path",
    "gathering.side_effects",
    "choosing.match",
    "gathering.reduce",
    "whole_graph.call",
    "gathering.profile",
    "shaping.strings",
    "shaping.lists",
    "shaping.numbers",
    "shaping.dates",
    "shaping.math",
    "shaping.format",
    "writing.mutation",
    "writing.merge",
    "whole_graph.io",
    "whole_graph.olap",
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
