"""Commits of brief writers on their way to the disk: one worker thread waits, for as many at once as have come."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from workflow.queries.attempts import Settle

Waiting = tuple[Settle, "asyncio.Future[None]"]


class Settling:
    """Waits until commits are durable. Used on the event loop; only ``_work`` runs in a worker."""

    def __init__(self, workers: ThreadPoolExecutor) -> None:
        self._workers = workers
        self._lock = threading.Lock()  # guards _waiting and _works
        self._waiting: list[Waiting] = []
        self._works = False

    def settled(self, settle: Settle) -> asyncio.Future[None]:
        """Done when the commit is durable; has the error where it could not be made so."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._lock:
            self._waiting.append((settle, done))
            begins, self._works = not self._works, True
        if begins:
            try:
                self._workers.submit(self._work, loop)
            except BaseException:
                with self._lock:
                    self._works = False
                raise
        return done

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


def _tell(waiting: list[Waiting], errors: list[Exception | None]) -> None:
    for (_, done), error in zip(waiting, errors, strict=True):
        if done.cancelled():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
