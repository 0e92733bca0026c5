"""Endpoints asked from the event loop: few calls, and an answer or a clear reason for everybody."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from tests.fake_endpoint import FakeEndpoint, Refusal, links
from workflow.errors import ConstraintViolation, WorkflowError
from workflow.predictions.calls import EndpointCalls
from workflow.predictions.connections import EndpointUnreachable
from workflow.predictions.endpoint import EndpointRecord
from workflow.predictions.question import LinkQuery, Predictions
from workflow.predictions.replay import PredictionNeeded

LOOP: ContextVar[Callable[[], asyncio.AbstractEventLoop]] = ContextVar("LOOP")
FRIENDS = {f"u{n}": [(f"u{n + 1}", 0.9), (f"u{n + 2}", 0.5)] for n in range(40)}


@pytest.fixture(autouse=True, params=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both loops that the service may run on."""
    made = asyncio.new_event_loop if request.param == "asyncio" else pytest.importorskip("uvloop").new_event_loop
    token = LOOP.set(made)
    yield
    LOOP.reset(token)


@pytest.fixture
def start() -> Iterator[Callable[..., FakeEndpoint]]:
    opened: list[FakeEndpoint] = []

    def start(answer: Any) -> FakeEndpoint:
        opened.append(FakeEndpoint(answer))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


def asking(url: str, work: Callable[[Callable[..., Any]], Coroutine[Any, Any, Any]], patience_s: float = 10.0) -> Any:
    """Run ``work`` with a function that asks about one vertex, and close everything behind it."""

    async def run() -> Any:
        calls = EndpointCalls(patience_s)

        def ask(id: str, **how: Any) -> asyncio.Future[Any]:
            query = LinkQuery("FRIEND", "out", how.pop("to", "User"), (id,), 2, **how)
            return calls.ask(PredictionNeeded(EndpointRecord("ep", "ep-endpoint", url), query))

        try:
            return await work(ask)
        finally:
            calls.close()
            await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=LOOP.get()) as runner:
        return runner.run(run())


def found(answer: Any) -> list[str | float]:
    assert isinstance(answer, Predictions), answer
    return [one.value for one in answer.results[0]]


def test_a_crowd_is_answered_with_few_calls_over_one_connection(start: Any) -> None:
    endpoint = start(links(FRIENDS))

    async def work(ask: Any) -> Any:
        return await asyncio.gather(*(ask(f"u{n}") for n in range(30)))

    assert [found(one) for one in asking(endpoint.url, work)] == [[f"u{n + 1}", f"u{n + 2}"] for n in range(30)]
    assert len(endpoint.calls) <= 2
    assert endpoint.connections == 1


def test_who_asks_the_moment_an_answer_is_there_is_answered_too(start: Any) -> None:
    async def work(ask: Any) -> Any:
        return [await asyncio.wait_for(ask(f"u{n}"), 10) for n in range(20)]

    assert [found(one) for one in asking(start(links(FRIENDS)).url, work)] == [
        [f"u{n + 1}", f"u{n + 2}"] for n in range(20)
    ]


def test_only_whoever_asks_for_the_impossible_is_refused(start: Any) -> None:
    known = links(FRIENDS)

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        if any(one["headNodeId"] == "u13" for one in body["data"]["edges"]):
            raise Refusal(400, {"error": "not that one", "kind": "incompatible"})
        return known(body)

    async def work(ask: Any) -> Any:
        return await asyncio.gather(*(ask(f"u{n}") for n in range(20)))

    answers = asking(start(answer).url, work)
    assert isinstance(answers.pop(13), ConstraintViolation)
    assert all(isinstance(one, Predictions) for one in answers)


def test_questions_of_other_kinds_do_not_mix(start: Any) -> None:
    endpoint = start(links(FRIENDS))

    async def work(ask: Any) -> Any:
        return await asyncio.gather(*(ask(f"u{n}", to=to) for n in range(3) for to in ("User", "Book")))

    asking(endpoint.url, work)
    asked = [(call["data"]["globalParameters"]["tailNodeType"], len(call["data"]["edges"])) for call in endpoint.calls]
    assert sum(count for _, count in asked) == 6
    assert {kind for kind, _ in asked} == {"User", "Book"}


def test_two_clients_that_exclude_something_else_for_one_vertex_each_get_theirs(start: Any) -> None:
    async def work(ask: Any) -> Any:
        excluded = [(), ("u2",), ("u3",), ("u2", "u3")]
        return await asyncio.gather(*(ask("u1", exclude={"u1": out} if out else {}) for out in excluded))

    assert [found(one) for one in asking(start(links(FRIENDS)).url, work)] == [["u2", "u3"], ["u3"], ["u2"], []]


def test_an_endpoint_that_was_started_anew_is_asked_over_a_fresh_connection(start: Any) -> None:
    first = start(links(FRIENDS))
    port = int(first.url.rpartition(":")[2])

    async def work(ask: Any) -> Any:
        before = await ask("u1")
        await asyncio.get_running_loop().run_in_executor(None, first.close)
        listener = FakeEndpoint(links(FRIENDS), port)
        try:
            return before, await ask("u2")
        finally:
            await asyncio.get_running_loop().run_in_executor(None, listener.close)

    assert [found(one) for one in asking(first.url, work)] == [["u2", "u3"], ["u3", "u4"]]


def test_nobody_listening_is_said_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"

    async def work(ask: Any) -> Any:
        return await ask("u1")

    answer = asking(url, work)
    assert isinstance(answer, EndpointUnreachable)
    assert "ConnectionRefusedError" in str(answer)


def test_a_hung_endpoint_costs_the_time_of_the_question_and_no_more(start: Any) -> None:
    over = threading.Event()

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        over.wait(20)
        return links(FRIENDS)(body)

    async def work(ask: Any) -> Any:
        return await asyncio.gather(ask("u1", timeout_s=0.05), ask("u2", timeout_s=0.1))

    try:
        answers = asking(start(answer).url, work)
    finally:
        over.set()
    assert all(isinstance(one, EndpointUnreachable) and "no answer within" in str(one) for one in answers)


def test_who_has_less_time_does_not_wait_as_long_as_the_others(start: Any) -> None:
    over = threading.Event()
    known = links(FRIENDS)

    def answer(body: dict[str, Any]) -> dict[str, Any]:
        over.wait(20)
        return known(body)

    async def work(ask: Any) -> Any:
        patient = ask("u1")
        hasty = await ask("u2", timeout_s=0.05)
        over.set()
        return hasty, await patient

    hasty, patient = asking(start(answer).url, work)
    assert isinstance(hasty, EndpointUnreachable)
    assert found(patient) == ["u2", "u3"]


def test_an_answer_that_is_no_answer_is_refused(start: Any) -> None:
    async def work(ask: Any) -> Any:
        return await ask("u1")

    answer = asking(start(lambda body: {"output": "?"}).url, work)
    assert isinstance(answer, WorkflowError)
    assert "cannot be read" in str(answer)
