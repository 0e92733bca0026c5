"""Commits of brief writers on their way to the disk: one worker thread waits, for as many at once as have come."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from workflow.queries.attempts import Settle

Told = Callable[[Exception | None], None]
"""Is called on the event loop when a commit is durable, or with the error where it could not be made so."""


class Settling:
    """Waits until commits are durable. Used on the event loop; only ``_work`` runs in a worker."""

    def __init__(self, workers: ThreadPoolExecutor) -> None:
        self._workers = workers
        self._lock = threading.Lock()  # guards _waiting and _works
        self._waiting: list[tuple[Settle, Told]] = []
        self._works = False
        """Whether a worker looks after what waits, or is about to be asked to."""

    def settled(self, settle: Settle) -> asyncio.Future[None]:
        """Done when the commit is durable; has the error where it could not be made so."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told(error: Exception | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self.settle(settle, told)
        return done

    def settle(self, settle: Settle, told: Told) -> None:
        """The same, for whoever is called back."""
        with self._lock:
            self._waiting.append((settle, told))
            begins, self._works = not self._works, True
        if begins:
            # a turn later: by then the commits of other connections that were ready are made, and go along
            loop = asyncio.get_running_loop()
            loop.call_soon(self._begin, loop)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._workers.submit(self._work, loop)
        except RuntimeError as error:
            # the workers have ended with the service
            with self._lock:
                waiting, self._waiting, self._works = self._waiting, [], False
            _tell(waiting, [error for _ in waiting])

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Settle what waits and what comes meanwhile, until nothing does."""
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                self._works = bool(waiting)
            if not waiting:
                return
            errors: list[Exception | None] = []
            # the last first: what makes it durable makes all before it so
            for settle, _ in reversed(waiting):
                try:
                    settle()
                except Exception as error:  # noqa: BLE001 - told to whoever waits
                    errors.append(error)
                else:
                    errors.append(None)
            loop.call_soon_threadsafe(_tell, waiting, errors[::-1])


def _tell(waiting: list[tuple[Settle, Told]], errors: list[Exception | None]) -> None:
    for (_, told), error in zip(waiting, errors, strict=True):
        told(error)
