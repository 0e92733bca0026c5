"""What a run tells beside its rows: what it changed, and what each step of its plan cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(slots=True)
class Counters:
    """How many changes of each kind a run made."""

    nodes_created: int = 0
    nodes_deleted: int = 0
    relationships_created: int = 0
    relationships_deleted: int = 0
    properties_set: int = 0
    labels_added: int = 0
    labels_removed: int = 0

    def as_dict(self) -> dict[str, int]:
        """Those that are not 0, by name."""
        return {one.name: count for one in fields(self) if (count := getattr(self, one.name))}


@dataclass(slots=True)
class StepCost:
    """Of one step: the rows it gave, and the seconds it took without the steps that gave it rows."""

    rows: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class RunOutcome:
    """Complete when the last row was taken; begun anew where the query runs again.

    Attributes:
        silences: why procedures had no answer for a row, each sentence with how many rows it is true of.
        costs: by the number of the step; None where nothing is measured.
    """

    counters: Counters = field(default_factory=Counters)
    silences: Counter[str] = field(default_factory=Counter)
    costs: dict[int, StepCost] | None = None
    _inside: list[float] = field(default_factory=list)  # for each step that is being asked, the seconds others took

    def begin(self) -> None:
        """Forget what an earlier attempt told."""
        self.counters = Counters()
        self.silences.clear()
        if self.costs is not None:
            self.costs = {}
            self._inside.clear()

    @property
    def told(self) -> list[str]:
        """The silences as sentences."""
        return [f"{count} x {reason}" if count > 1 else reason for reason, count in self.silences.items()]

    def measured(self, step: int, rows: Iterator[Result]) -> Iterator[Result]:
        """The rows of a step, counted and timed."""
        assert self.costs is not None
        cost = self.costs.setdefault(step, StepCost())
        while True:
            self._inside.append(0.0)
            began = time.perf_counter()
            try:
                row = next(rows)
            except StopIteration:
                return
            finally:
                took = time.perf_counter() - began
                cost.seconds += took - self._inside.pop()
                if self._inside:
                    self._inside[-1] += took
            cost.rows += 1
            yield row
