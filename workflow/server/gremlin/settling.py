"""Commits of brief writers on their way to the disk: one worker thread waits, for as many at once as have come."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from workflow.queries.attempts import Settle

Waiting = tuple[Settle, "asyncio.Future[None]"]


class Settling:
    """Waits until commits are durable. Used on the event loop; only ``_work`` runs in a worker."""

    def __init__(self, workers: ThreadPoolExecutor) -> None:
        self._workers = workers
        self._waiting: list[Waiting] = []
        self._works = False

    def settled(self, settle: Settle) -> asyncio.Future[None]:
        """Done when the commit is durable; has the error where it could not be made so."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((settle, done))
        if not self._works:
            self._works = True
            self._begin(loop)
        return done

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        self._workers.submit(self._work, loop, waiting)

    def _work(self, loop: asyncio.AbstractEventLoop, waiting: list[Waiting]) -> None:
        errors: list[Exception | None] = []
        # the last first: what makes it durable makes all before it so
        for settle, _ in reversed(waiting):
            try:
                settle()
            except Exception as error:  # noqa: BLE001 - told to whoever waits
                errors.append(error)
            else:
                errors.append(None)
        loop.call_soon_threadsafe(self._done, loop, waiting, errors[::-1])

    def _done(self, loop: asyncio.AbstractEventLoop, waiting: list[Waiting], errors: list[Exception | None]) -> None:
        for (_, done), error in zip(waiting, errors, strict=True):
            if done.cancelled():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
        self._works = bool(self._waiting)
        if self._works:
            self._begin(loop)
