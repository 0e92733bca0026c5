"""What one run of a query must obey: its time, its cancellation, and how much it may hold at once."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final, Protocol, TypeVar

from workflow.errors import CancelledByUser, MemoryLimitExceeded, TimeLimitExceeded
from workflow.queries.attempts import Attempt
from workflow.queries.shares import OF_THIS_PROCESS, SHARE_S

Item = TypeVar("Item")
MOST_HELD: Final = 5_000_000
"""Rows or traversers that one step may keep waiting: some 2 GB."""


class Flag(Protocol):
    """What others set to end a run."""

    def is_set(self) -> bool: ...


class NotBrief(Exception):
    """A run that was to be brief comes to more elements than a brief one may."""


class Run:
    """One run of a query. Used by one thread.

    Attributes:
        effort: how many elements it may still come to along edges; None for any number.

    Args:
        timeout_s: the most seconds it may take; None without a limit.
        began_at: when those began, in ``time.monotonic()``; now where it is None.
        cancelled: set by others to end the run; ``Cancellation`` says with which error.
        attempt: what it has of its graph.
        effort: of a brief run, how many elements it may come to along edges.
    """

    def __init__(
        self,
        *,
        timeout_s: float | None = None,
        began_at: float | None = None,
        cancelled: Flag | None = None,
        attempt: Attempt | None = None,
        effort: int | None = None,
    ) -> None:
        self.timeout_s = timeout_s
        self.effort = effort
        self.deadline = None if timeout_s is None else (began_at or time.monotonic()) + timeout_s
        self._share_end = time.monotonic() + SHARE_S
        self.cancelled = cancelled
        self.attempt = attempt or Attempt()

    def check(self) -> None:
        """Raise when time is up or the query was cancelled; whatever loops calls it every few hundred turns.

        A query that takes long waits here for its share of the time; a brief run, which the event loop may make, never.
        """
        if self.effort is None and time.monotonic() > self._share_end:
            self._share_end = OF_THIS_PROCESS.wait(self._over)
        if self.cancelled is not None and self.cancelled.is_set():
            raise getattr(self.cancelled, "error", None) or CancelledByUser("The query was cancelled")
        if self.deadline is not None and time.monotonic() > self.deadline:
            limit = int(1000 * (self.timeout_s or 0))
            raise TimeLimitExceeded(f"A timeout occurred: the query ran longer than its limit of {limit} ms")

    def spend(self, count: int) -> None:
        """Note that the run goes to so many more elements. Raises NotBrief where a brief one may not."""
        if self.effort is not None:
            self.effort -= count
            if self.effort < 0:
                raise NotBrief

    def _over(self) -> bool:
        """Whether time is up, or somebody has ended the run."""
        if self.cancelled is not None and self.cancelled.is_set():
            return True
        return self.deadline is not None and time.monotonic() > self.deadline

    def each(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, with a look at the clock every thousand."""
        for turn, item in enumerate(items):
            if not turn & 1023:
                self.check()
            yield item

    def hold(self, count: int) -> None:
        """Raise when a step holds too much at once; also checks the clock."""
        self.check()
        if count > MOST_HELD:
            raise MemoryLimitExceeded(
                f"A step of the query would hold more than {MOST_HELD} traversers at once; narrow what comes before it"
            )

    def left_s(self) -> float | None:
        """The seconds that are left, at least 0; None without a limit."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
