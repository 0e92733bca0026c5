"""One blocking iterator in one worker thread, its pieces handed to the event loop in chunks.

The thread that begins a query ends it, since its transaction belongs to one thread at a time. A client slower than the
query stops the worker once a few chunks wait.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, Final, Generic, TypeVar

from workflow.server.access.budget import Holding, OverBudget

Piece = TypeVar("Piece")

CHUNK_BYTES: Final = 4 * 1024 * 1024
CHUNK_S: Final = 0.2  # pieces of a slow query do not wait longer than this to be sent
CHUNKS_AHEAD: Final = 4


class WorkerStream(Generic[Piece]):
    """Runs ``pieces`` in a worker thread; ``account`` is of what was made and waits to be sent.

    A short answer costs one hop: ``finished`` then resolves to all of it and ``chunks`` stays empty. Otherwise chunks
    arrive first, each to be acknowledged by ``sent``, and ``finished`` resolves to the rest.
    """

    def __init__(self, pieces: Iterator[Piece], workers: ThreadPoolExecutor, account: Holding | None = None) -> None:
        self._pieces = pieces
        self._account = account
        self._unsent = 0
        self._refusal: OverBudget | None = None
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(CHUNKS_AHEAD)  # counts chunks that may still be handed over; guards nothing
        self._abandoned = False
        self._arrival: asyncio.Future[None] = self._loop.create_future()
        self.chunks: deque[list[Piece]] = deque()
        self.finished: asyncio.Future[list[Piece]] = self._loop.run_in_executor(workers, self._work)

    def sent(self) -> None:
        """The first chunk has gone out."""
        self._keep(-sum(map(sized, self.chunks.popleft())))
        self._room.release()

    async def rest(self) -> list[Piece]:
        """What ``finished`` resolves to. Raises OverBudget where there is no room for it to wait."""
        rest = await self.finished
        self._keep(sum(map(sized, rest)))
        self._check()
        return rest

    def close(self) -> None:
        """All of it has gone out, or nobody wants it."""
        if self._account is not None:
            self._account.close()
            self._account = None

    async def progress(self, timeout_s: float | None = None, also: asyncio.Future[Any] | None = None) -> None:
        """Wait for a chunk, the end, or ``also``. Raises OverBudget where there was no room for a chunk."""
        self._check()
        if self._arrival.done():
            self._arrival = self._loop.create_future()
            if self.chunks:
                return
        waiting: list[asyncio.Future[Any]] = [self.finished, self._arrival]
        if also is not None:
            waiting.append(also)
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        self._check()

    async def abandon(self) -> None:
        """Nobody wants the rest: end the worker and wait for it."""
        self._abandoned = True
        self._room.release()
        await asyncio.wait((self.finished,))
        if not self.finished.cancelled():
            self.finished.exception()  # nobody is left to be told

    def _keep(self, change: int) -> None:
        self._unsent += change
        if self._account is not None and not self._account.holds(self._unsent):
            self._refusal = self._account.refusal()

    def _check(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    def _work(self) -> list[Piece]:
        chunk: list[Piece] = []
        size = 0
        until = monotonic() + CHUNK_S
        try:
            for piece in self._pieces:
                if self._abandoned:
                    break
                chunk.append(piece)
                size += sized(piece)
                if size >= CHUNK_BYTES or monotonic() > until:
                    self._loop.call_soon_threadsafe(self._hand_over, chunk)
                    self._room.acquire()
                    chunk, size = [], 0
                    until = monotonic() + CHUNK_S
        finally:
            close_pieces(self._pieces)
        return chunk

    def _hand_over(self, chunk: list[Piece]) -> None:
        self.chunks.append(chunk)
        self._keep(sum(map(sized, chunk)))
        if not self._arrival.done():
            self._arrival.set_result(None)


def sized(piece: Any) -> int:
    """What a piece weighs; things without a length weigh nothing."""
    return len(piece) if isinstance(piece, (bytes, str)) else 0


def close_pieces(pieces: Iterator[Any]) -> None:
    closing = getattr(pieces, "close", None)
    if closing is not None:
        closing()
