"""A step from outside the tree: ``probe()`` hands on what it gets, and notes it."""

from __future__ import annotations

from typing import Any

from workflow.gremlin.running.step import ExecutionContext, SideEffectStep, StepBuilder
from workflow.gremlin.running.traverser import Traverser

SEEN: list[Any] = []


class ProbeStep(SideEffectStep):
    """Notes the value of every traverser in ``SEEN``."""

    def effect(self, ctx: ExecutionContext, traverser: Traverser) -> None:
        SEEN.append(traverser.value)


STEPS: dict[str, StepBuilder] = {"probe": lambda builder, name, args: ProbeStep()}
