"""What everything that answers predictions promises, asked of each of them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests import fake_endpoint as fake
from workflow.errors import BadRequest, ConstraintViolation, InvalidParameter, MissingParameter, WorkflowError
from workflow.predictions.calls import EndpointCalls
from workflow.predictions.connections import EndpointUnreachable
from workflow.predictions.endpoint import EndpointRecord, ModelCard, PredictionService
from workflow.predictions.question import (
    MAX_INPUTS_PER_CALL,
    LinkQuery,
    NodeInput,
    Prediction,
    Predictions,
    PropertyQuery,
    Question,
    RelationQuery,
)
from workflow.predictions.replay import PredictionNeeded, Replay
from workflow.predictions.service import EndpointService

FRIENDS = {f"u{n}": [(f"u{n + 1}", 0.9), (f"u{n + 2}", 0.5)] for n in range(MAX_INPUTS_PER_CALL + 10)}
DESCRIPTION = {"id": "m", "task": "link_prediction", "created_ms": 5}


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """Links of known vertices, ages of 7; ``bad`` is refused, ``worse`` breaks the endpoint."""
    data = body["data"]
    ids = {value for one in data.get("nodes") or data["edges"] for value in one.values()}
    if "bad" in ids:
        raise fake.Refusal(400, {"error": "no such thing", "kind": "incompatible"})
    if "worse" in ids:
        raise fake.Refusal(500, {"error": "it broke"})
    if "nodes" in data:
        return fake.classes({one["nodeId"]: [(7.0, None)] for one in data["nodes"]}, "node_regression")(body)
    return fake.links(FRIENDS)(body)


class Directory:
    def __init__(self, url: str) -> None:
        self.records = [EndpointRecord("ep", "ep-name", url, DESCRIPTION), EndpointRecord("dumb", "dumb-name", url)]

    def find(self, id_or_name: str) -> EndpointRecord | None:
        return next((one for one in self.records if id_or_name in (one.id, one.name)), None)


Make = Callable[[str | None], PredictionService]


class PredictionServiceContract:
    @pytest.fixture
    def make(self, endpoint: fake.FakeEndpoint) -> Iterator[Make]:
        """Makes the service, with a default endpoint or none, over the endpoints ``ep`` and ``dumb``."""
        raise NotImplementedError

    @pytest.fixture
    def endpoint(self) -> Iterator[fake.FakeEndpoint]:
        started = fake.FakeEndpoint(answer)
        yield started
        started.close()

    @pytest.fixture
    def service(self, make: Make) -> PredictionService:
        return make(None)

    @pytest.mark.parametrize("name", ["ep", "ep-name", "https://h.example/endpoints/ep-name/invocations"])
    def test_an_endpoint_goes_by_id_name_and_address(self, service: PredictionService, name: str) -> None:
        assert service.resolve(name).id == "ep"

    def test_a_default_endpoint_is_meant_where_none_is_named(self, make: Make) -> None:
        assert make("ep").resolve(None).id == "ep"
        with pytest.raises(MissingParameter, match="No endpoint provided"):
            make(None).resolve(None)

    def test_what_is_no_name_and_what_is_nobodys_are_told_apart(self, service: PredictionService) -> None:
        with pytest.raises(InvalidParameter, match="Invalid endpoint"):
            service.resolve("not a name")
        with pytest.raises(BadRequest, match="Endpoint gone not found"):
            service.resolve("gone")

    def test_a_role_needs_its_form_and_is_never_needed(self, service: PredictionService) -> None:
        service.check_role(None)
        service.check_role("arn:aws:iam::123456789012:role/ml")
        with pytest.raises(InvalidParameter, match="Invalid IAM role"):
            service.check_role("ml")

    def test_a_model_is_described_as_far_as_its_endpoint_does(self, service: PredictionService) -> None:
        assert service.describe(service.resolve("ep")) == ModelCard("m", "link_prediction", created_ms=5)
        assert service.describe(service.resolve("dumb")) is None

    def test_results_come_in_the_order_of_the_inputs_and_best_first(self, service: PredictionService) -> None:
        found = service.predict(service.resolve("ep"), links("u4", "u1", "u4"))
        best = {n: (Prediction(f"u{n + 1}", 0.9), Prediction(f"u{n + 2}", 0.5)) for n in (1, 4)}
        assert found.results == (best[4], best[1], best[4])
        assert (found.model_id, found.created_ms) == ("m-link_prediction", 17)

    def test_what_the_model_does_not_know_has_no_results(self, service: PredictionService) -> None:
        assert service.predict(service.resolve("ep"), links("u1", "stranger")).results[1] == ()

    def test_more_inputs_than_one_call_takes_are_all_answered(
        self, service: PredictionService, endpoint: fake.FakeEndpoint
    ) -> None:
        ids = [f"u{n}" for n in range(MAX_INPUTS_PER_CALL + 3)]
        found = service.predict(service.resolve("ep"), links(*ids))
        assert [results[0].value for results in found.results] == [f"u{n + 1}" for n in range(len(ids))]
        assert max(len(call["data"]["edges"]) for call in endpoint.calls) <= MAX_INPUTS_PER_CALL

    def test_excluded_candidates_do_not_come_back(self, service: PredictionService) -> None:
        question = LinkQuery("FRIEND", "out", "User", ("u1", "u2"), 2, {"u1": ["u2"]})
        found = service.predict(service.resolve("ep"), question)
        assert [[one.value for one in results] for results in found.results] == [["u3"], ["u3", "u4"]]

    def test_values_without_a_score_have_none(self, service: PredictionService) -> None:
        question = PropertyQuery("node_regression", "age", (NodeInput("a", "User"), NodeInput("b", "User")), 1)
        assert service.predict(service.resolve("ep"), question).results == ((Prediction(7.0, None),),) * 2

    def test_pairs_are_asked_for_their_relation(self, service: PredictionService) -> None:
        found = service.predict(service.resolve("ep"), RelationQuery((("u1", "u2"),), 2))
        assert [one.value for one in found.results[0]] == ["read", "lent"]

    def test_an_unfit_question_and_a_broken_endpoint_are_told_apart(self, service: PredictionService) -> None:
        record = service.resolve("ep")
        with pytest.raises(ConstraintViolation, match="no such thing"):
            service.predict(record, links("bad"))
        with pytest.raises(BadRequest, match="status 500"):
            service.predict(record, links("worse"))
        assert service.predict(record, links("u1")).results[0]  # and nothing else is the worse for it

    def test_an_endpoint_that_is_gone_is_said_to_be(
        self, service: PredictionService, endpoint: fake.FakeEndpoint
    ) -> None:
        record = service.resolve("ep")
        endpoint.close()
        with pytest.raises(EndpointUnreachable, match="does not answer"):
            service.predict(record, links("u1"))


def links(*ids: str) -> LinkQuery:
    return LinkQuery("FRIEND", "out", "User", ids, 2)


class SharedBetweenThreads:
    """For services that many queries share."""

    def test_many_threads_ask_at_once_and_each_gets_its_own(self, service: PredictionService) -> None:
        record = service.resolve("ep")

        def ask(n: int) -> list[Any]:
            out = [f"u{n + 1}"] if n % 2 else []
            question = LinkQuery("FRIEND", "out", "User", (f"u{n // 4}",), 2, {f"u{n // 4}": out} if out else {})
            return [one.value for one in service.predict(record, question).results[0]]

        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, range(64)))
        expected = []
        for n in range(64):
            both = [f"u{n // 4 + 1}", f"u{n // 4 + 2}"]
            expected.append([one for one in both if not (n % 2 and one == f"u{n + 1}")])
        assert answers == expected


class TestEndpointService(PredictionServiceContract, SharedBetweenThreads):
    @pytest.fixture
    def make(self, endpoint: fake.FakeEndpoint) -> Iterator[Make]:
        made: list[EndpointService] = []

        def make(default: str | None) -> PredictionService:
            made.append(EndpointService(Directory(endpoint.url), default_endpoint=default))
            return made[-1]

        yield make
        for one in made:
            one.close()


class TestReplay(PredictionServiceContract):
    """The service of one query, which remembers."""

    @pytest.fixture
    def make(self, endpoint: fake.FakeEndpoint) -> Iterator[Make]:
        made: list[EndpointService] = []

        def make(default: str | None) -> PredictionService:
            made.append(EndpointService(Directory(endpoint.url), default_endpoint=default))
            return Replay(made[-1])

        yield make
        for one in made:
            one.close()


class Coalescing:
    """The coalescing client as a service: every call is asked on the event loop, where those of a moment share one."""

    def __init__(self, inner: EndpointService) -> None:
        self._inner = inner
        self._loop = asyncio.new_event_loop()
        self._calls = EndpointCalls()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.check_role, self.resolve, self.describe = inner.check_role, inner.resolve, inner.describe

    def predict(self, endpoint: EndpointRecord, question: Question) -> Predictions:
        async def ask() -> Predictions | WorkflowError:
            return await self._calls.ask(PredictionNeeded(endpoint, question))

        answer = asyncio.run_coroutine_threadsafe(ask(), self._loop).result(30)
        if isinstance(answer, WorkflowError):
            raise answer
        return answer

    def close(self) -> None:
        async def end() -> None:
            self._calls.close()
            await asyncio.sleep(0.01)  # what was closed ends in the loop's next turns

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._inner.close()


class TestCoalescingClient(PredictionServiceContract, SharedBetweenThreads):
    @pytest.fixture
    def make(self, endpoint: fake.FakeEndpoint) -> Iterator[Make]:
        made: list[Coalescing] = []

        def make(default: str | None) -> PredictionService:
            made.append(Coalescing(EndpointService(Directory(endpoint.url), default_endpoint=default)))
            return made[-1]

        yield make
        for one in made:
            one.close()
