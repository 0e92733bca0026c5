"""Brief commits wait for the disk together, in one worker, whose errors reach those they belong to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from workflow.server.gremlin.settling import Settling


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def test_what_comes_while_one_is_written_is_settled_next_the_last_of_it_first(workers: ThreadPoolExecutor) -> None:
    order: list[str] = []
    begun, goes_on = threading.Event(), threading.Event()

    def first() -> None:
        begun.set()
        assert goes_on.wait(30)
        order.append("first")

    async def go() -> None:
        settling = Settling(workers)
        waiting = [settling.settled(first)]
        await asyncio.get_running_loop().run_in_executor(None, begun.wait, 30)
        waiting += [settling.settled(lambda name=name: order.append(name)) for name in ("second", "third")]  # type: ignore[misc]
        goes_on.set()
        await asyncio.gather(*waiting)
        # and a worker is asked again once all was done
        await settling.settled(lambda: order.append("later"))

    asyncio.run(go())
    assert order == ["first", "third", "second", "later"]


def test_an_error_is_told_to_the_writer_it_belongs_to_and_to_no_other(workers: ThreadPoolExecutor) -> None:
    def full() -> None:
        raise OSError("no space left")

    async def go() -> list[object]:
        settling = Settling(workers)
        gone = settling.settled(lambda: None)
        gone.cancel()
        return await asyncio.gather(
            settling.settled(lambda: None), settling.settled(full), settling.settled(lambda: None),
            return_exceptions=True,
        )  # fmt: skip

    well, failed, also_well = asyncio.run(go())
    assert (well, also_well) == (None, None)
    assert isinstance(failed, OSError)
