"""Few queries compute at once, in the order in which they asked, and none waits once it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.waiting import until
from workflow.errors import CancelledByUser
from workflow.queries import run, shares
from workflow.queries.run import Run
from workflow.queries.shares import Shares


def never() -> bool:
    return False


def test_a_share_begins_when_one_of_those_before_has_ended() -> None:
    found = Shares(places=2)
    first, second = found.wait(never), found.wait(never)
    third = found.wait(never)
    assert time.monotonic() >= min(first, second)
    assert third > max(first, second)


def test_who_came_first_is_served_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "PATIENCE_S", 60.0)
    found = Shares(places=1)
    found._ends = [time.monotonic() + 3600]
    served: list[int] = []

    def ask(number: int) -> None:
        found.wait(never)
        served.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    for count, thread in enumerate(threads, 1):
        thread.start()
        until(lambda count=count: len(found._waiting) >= count, "the thread to wait")
    found._ends = [0.0]
    for thread in threads:
        thread.join(30)
    assert served == [0, 1, 2, 3, 4]


def test_nobody_waits_once_its_query_is_over_or_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Shares(places=1)
    found._ends = [time.monotonic() + 3600]
    found.wait(lambda: True)
    found._ends = [time.monotonic() + 3600]
    monkeypatch.setattr(shares, "PATIENCE_S", 0.0)
    found.wait(never)
    assert not found._waiting


def test_a_brief_run_waits_for_no_share(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Shares):
        def wait(self, over: Callable[[], bool]) -> float:
            raise AssertionError("the event loop would stand still")

    monkeypatch.setattr(run, "OF_THIS_PROCESS", Refusing())
    brief = Run(effort=10)
    brief._share_end = 0.0
    brief.check()


def test_a_query_that_waits_for_its_share_is_ended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Shares(places=1)
    taken._ends = [time.monotonic() + 3600]
    monkeypatch.setattr(shares, "PATIENCE_S", 3600.0)
    monkeypatch.setattr(run, "OF_THIS_PROCESS", taken)
    cancelled = threading.Event()
    query = Run(cancelled=cancelled)
    query._share_end = 0.0
    told: list[BaseException] = []

    def work() -> None:
        try:
            query.check()
        except CancelledByUser as error:
            told.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    cancelled.set()
    thread.join(30)
    assert len(told) == 1
