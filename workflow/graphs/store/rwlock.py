"""Who may look at a graph, and who may change it: many readers, or one writer that nobody watches."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from workflow.errors import ConcurrentModification

PATIENCE_S = 0.25
"""How long a new reader lets a waiting writer go first; bounded, so that a reader who needs a second lease gets it."""


class GraphMoved(BaseException):
    """A writer was let in while a lease was paused: what was read before may hold no more.

    Not an ``Exception``, so that no step of a query takes it for a failure of its own.
    """


class Lease:
    """A shared lease of one thread."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile
        self._holder: int | None = turnstile.enter()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let writers in while something slow is waited for. Raises GraphMoved at the end where one came."""
        written = self._turnstile.writers
        self.leave()
        try:
            yield
        except GeneratorExit:  # nobody will read on
            raise
        except BaseException:
            self._holder = self._turnstile.enter()
            raise
        self._holder = self._turnstile.enter()
        if self._turnstile.writers != written:
            raise GraphMoved

    def leave(self) -> None:
        """Leaving twice is fine."""
        holder, self._holder = self._holder, None
        if holder is not None:
            self._turnstile.leave(holder)


class Turnstile:
    """A readers-writer lock whose leases are not bound to the thread that took them.

    Two rules keep single-threaded use alive: a writer does not wait for leases of its own thread (a half-read result),
    and a reader passes while its own thread is the one that writes.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._leases: dict[int, int] = {}
        self._parked: set[int] = set()
        self._waiting = 0
        self._writer: int | None = None
        self.writers = 0
        """How many writers have been let in so far."""

    @contextmanager
    def reading(self) -> Iterator[Lease]:
        """Hold a shared lease."""
        lease = Lease(self)
        try:
            yield lease
        finally:
            lease.leave()

    def enter(self) -> int:
        """Take a shared lease; hand the result to ``leave``, from any thread."""
        me = threading.get_ident()
        with self._condition:
            if me != self._writer and me not in self._leases:
                polite_until = time.monotonic() + PATIENCE_S
                while self._writer is not None or (self._waiting and time.monotonic() < polite_until):
                    self._condition.wait(PATIENCE_S if self._writer is None else None)
            self._leases[me] = self._leases.get(me, 0) + 1
        return me

    def try_enter(self) -> int | None:
        """Take a shared lease if that needs no waiting; for callers that may not block."""
        me = threading.get_ident()
        if not self._condition.acquire(blocking=False):
            return None
        try:
            if (self._writer is not None and self._writer != me) or self._waiting:
                return None
            self._leases[me] = self._leases.get(me, 0) + 1
        finally:
            self._condition.release()
        return me

    def leave(self, lease: int) -> None:
        with self._condition:
            left = self._leases.get(lease, 0) - 1
            if left > 0:
                self._leases[lease] = left
            else:
                self._leases.pop(lease, None)
            if self._waiting:
                self._condition.notify_all()

    @contextmanager
    def parked(self) -> Iterator[None]:
        """Leases of this thread count for nothing while it queues for the writer's seat, or two would wait for ever."""
        me = threading.get_ident()
        with self._condition:
            self._parked.add(me)
            self._condition.notify_all()
        try:
            yield
        finally:
            with self._condition:
                self._parked.discard(me)

    def enter_alone(self, timeout_s: float) -> None:
        """Wait until nobody else looks; ConcurrentModification when that takes longer than ``timeout_s``."""
        me = threading.get_ident()
        deadline = time.monotonic() + timeout_s
        with self._condition:
            self._waiting += 1
            try:
                while self._writer is not None or not self._leases.keys() <= {me, *self._parked}:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise ConcurrentModification(
                            f"the graph was read for longer than {timeout_s:g} s without a pause; try the write again"
                        )
                    self._condition.wait(left)
                self._writer = me
                self.writers += 1
            finally:
                self._waiting -= 1
                self._condition.notify_all()

    def leave_alone(self) -> None:
        with self._condition:
            self._writer = None
            self._condition.notify_all()


class Writer:
    """The seat of the one writer; may be left by another thread than the one that took it."""

    def __init__(self) -> None:
        self._seat = threading.Lock()

    def try_take(self, timeout_s: float) -> bool:
        """Whether the seat could be had in that time."""
        return self._seat.acquire(timeout=timeout_s)

    def take(self, timeout_s: float) -> None:
        """Raises ConcurrentModification when the time is over."""
        if not self.try_take(timeout_s):
            raise ConcurrentModification(f"another transaction has been open for {timeout_s:g} s; try again later")

    def leave(self) -> None:
        self._seat.release()
