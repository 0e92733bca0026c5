"""The sub-protocol, frame by frame and without a socket, over the real engine on a small graph."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from workflow.errors import CancelledByUser, MalformedQuery, QueryFailed, TimeLimitExceeded, WorkflowError
from workflow.graphs.elements import BulkedValue
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.wire import GRAPHSON_V3, Dialect
from workflow.gremlin.wire.codecs import CODECS
from workflow.queries.running import QueryRegistry, RunningQuery
from workflow.server.gremlin.error_statuses import StatusCode, status_of
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.protocol import (
    FRAME_BYTES,
    STRANGERS_FRAME,
    AnswerStream,
    Conversation,
    LookJob,
    batches,
    knows_no_offsets,
    plain_credentials,
)
from workflow.server.query_failures import known
from workflow.settings import Profile

REQUEST_ID = "41d2e28a-20a4-4ab0-b379-d810dede3786"


def runner_of(profile: Profile) -> QueryRunner:
    graph = EmbeddedGraph("g", profile)
    engine = Engine(graph, profile)
    return QueryRunner({"g": engine, "gmodern": engine}, profile, QueryRegistry(), 120_000)


@pytest.fixture
def runner() -> QueryRunner:
    return runner_of("tinkerpop")


@pytest.fixture
def conversation(runner: QueryRunner) -> Conversation:
    return Conversation(runner)


def frame(op: str = "eval", processor: str = "", request_id: str = REQUEST_ID, **args: Any) -> bytes:
    """A request as a GraphSON 3 driver frames it."""
    message = {
        "requestId": {"@type": "g:UUID", "@value": request_id},
        "op": op,
        "processor": processor,
        "args": args,
    }
    mime = GRAPHSON_V3.encode()
    return bytes([len(mime)]) + mime + json.dumps(message).encode()


def bytecode(*steps: list[Any], source: list[Any] | None = None) -> dict[str, Any]:
    return {"@type": "g:Bytecode", "@value": {"step": list(steps), "source": source or []}}


def answers(conversation: Conversation, data: bytes | str) -> list[dict[str, Any]]:
    """Every frame a request is answered, parsed."""
    decision = conversation.receive(data)
    frames = decision.frames() if isinstance(decision, AnswerStream) else decision
    return [json.loads(item) for item in frames]


def asked(conversation: Conversation, text: str, **args: Any) -> list[dict[str, Any]]:
    return answers(conversation, frame(gremlin=text, **args))


def codes(found: list[dict[str, Any]]) -> list[int]:
    return [answer["status"]["code"] for answer in found]


def data_of(answer: dict[str, Any]) -> Any:
    return answer["result"]["data"]["@value"]


def test_an_answer_carries_the_request_id_as_plain_text_and_a_list(conversation: Conversation) -> None:
    (answer,) = asked(conversation, "g.inject('a')")
    assert answer["requestId"] == REQUEST_ID
    assert answer["status"] == {"code": 200, "message": "", "attributes": {"@type": "g:Map", "@value": []}}
    assert answer["result"] == {
        "data": {"@type": "g:List", "@value": ["a"]},
        "meta": {"@type": "g:Map", "@value": []},
    }


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5000,
        '{"@type":"g:Int64","@value":"' + "9" * 5000 + '"}',
        '{"@type":"gx:BigInteger","@value":' + "9" * 5000 + "}",
    ],
)
def test_an_integer_of_thousands_of_digits_is_refused_in_our_own_words(conversation: Conversation, value: str) -> None:
    message = frame(gremlin="g.inject(x)", bindings={"x": "here"}).replace(b'"here"', value.encode())
    (answer,) = answers(conversation, message)
    assert answer["status"]["code"] == 497
    assert answer["status"]["message"].endswith("an integer has more than 4300 digits")


def test_a_frame_that_is_not_utf_8_is_refused_with_its_place(conversation: Conversation) -> None:
    good = frame(gremlin="g.inject(1)")
    (answer,) = answers(conversation, good.replace(b"inject", b"inj\xffct"))
    assert answer["status"]["code"] == 497
    place = good[34:].index(b"inject") + 3  # behind the format's name and its length
    assert answer["status"]["message"] == f"this is no JSON: it is not UTF-8: byte {place} is 0xff"


@pytest.mark.parametrize("timeout", [float("nan"), "500", True, [1]])
def test_a_time_limit_that_is_no_number_is_refused(conversation: Conversation, timeout: Any) -> None:
    (answer,) = asked(conversation, "g.inject(1)", evaluationTimeout=timeout)
    assert answer["status"]["code"] == 499
    assert answer["status"]["message"] == "The [evaluationTimeout] argument must be a number of milliseconds"


def test_a_time_limit_of_four_hundred_digits_is_a_long_one(conversation: Conversation) -> None:
    (answer,) = asked(conversation, "g.inject(1)", evaluationTimeout=10**400)
    assert answer["status"]["code"] == 200


def test_nothing_is_204_without_data(conversation: Conversation) -> None:
    (answer,) = asked(conversation, "g.V()")
    assert answer["status"]["code"] == 204
    assert answer["result"]["data"] is None


@pytest.mark.parametrize(
    ("count", "args", "expected"),
    [
        (64, {}, [200]),
        (65, {}, [206, 200]),
        (200, {}, [206, 206, 206, 200]),
        (10, {"batchSize": 4}, [206, 206, 200]),
        (3, {"batchSize": 0}, [200]),
    ],
)
def test_results_come_in_batches(
    conversation: Conversation, count: int, args: dict[str, Any], expected: list[int]
) -> None:
    items = ",".join("'x'" for _ in range(count))
    found = asked(conversation, f"g.inject({items})", **args)
    assert codes(found) == expected
    assert sum(len(data_of(answer)) for answer in found) == count


def test_bytecode_is_answered_with_traversers_and_text_without(conversation: Conversation) -> None:
    (answer,) = answers(
        conversation,
        frame("bytecode", "traversal", gremlin=bytecode(["inject", "a", "a"], ["barrier"]), aliases={"g": "g"}),
    )
    assert data_of(answer) == [
        {"@type": "g:Traverser", "@value": {"bulk": {"@type": "g:Int64", "@value": 2}, "value": "a"}}
    ]
    (answer,) = asked(conversation, "g.inject('a','a').barrier()")
    assert data_of(answer) == ["a", "a"]


RUNNING = RunningQuery("a", "g.V()", 0.0)


def frames_of(results: Iterator[BulkedValue], batch: int = 64) -> list[tuple[int, int, int]]:
    """Status, count and bytes of each frame."""
    found = batches(results, CODECS[GRAPHSON_V3].items(Dialect()), batch, RUNNING, traversers=False)
    return [(code, count, len(data or b"")) for code, data, count in found]


def test_frames_stay_below_what_drivers_accept() -> None:
    frames = frames_of(iter([BulkedValue("x" * 1_000_000, bulk=30), BulkedValue("y" * 1_000_000)]))
    assert sum(count for _, count, _ in frames) == 31
    assert all(size < 10 * 1024 * 1024 for _, _, size in frames)
    assert [code for code, _, _ in frames] == [206] * (len(frames) - 1) + [200]


def test_a_result_larger_than_a_frame_is_sent_alone() -> None:
    frames = frames_of(iter([BulkedValue("x" * (FRAME_BYTES + 1), bulk=2), BulkedValue("y")]))
    assert [count for _, count, _ in frames] == [1, 1, 1]


@pytest.mark.parametrize("batch", [1, 2, 3, 64])
def test_a_bulk_is_spread_over_frames(batch: int) -> None:
    frames = frames_of(iter([BulkedValue("a"), BulkedValue("b", bulk=200), BulkedValue("c", bulk=2)]), batch)
    assert sum(count for _, count, _ in frames) == 203
    assert all(count == batch for code, count, _ in frames if code == 206)
    assert frames[-1][0] == 200


def test_the_final_frame_waits_for_the_commit() -> None:
    order: list[str] = []

    def results() -> Iterator[BulkedValue]:
        yield BulkedValue("a")
        order.append("committed")

    for code, _, _ in batches(results(), CODECS[GRAPHSON_V3].items(Dialect()), 64, RUNNING, traversers=False):
        order.append(str(int(code)))
    assert order == ["committed", "200"]


def test_a_cancelled_query_does_not_go_on_repeating_its_last_result() -> None:
    running = RunningQuery("a", "g.V()", 0.0)
    frames = batches(
        iter([BulkedValue("a", bulk=1 << 40)]), CODECS[GRAPHSON_V3].items(Dialect()), 64, running, traversers=False
    )
    assert next(frames)[0] == 206
    running.cancelled.set()
    with pytest.raises(CancelledByUser):
        list(frames)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("g.inject(1,2,3).next()", [1]),
        ("g.inject(1,2,3).next(2)", [1, 2]),
        ("g.inject(1,2,1).toList()", [1, 2, 1]),
        ("g.inject(1,2,1).toSet()", [1, 2]),
        ("g.inject(1).iterate()", None),
        ("g.inject(1).hasNext()", [True]),
        ("g.V().hasNext()", [False]),
        ("g.V().tryNext()", None),
        ("g.inject([1,2]).next()", [1, 2]),
        ("g.addV('a').iterate();g.addV('b').iterate()\ng.V().count()", [2]),
    ],
)
def test_terminal_steps_of_a_text_are_applied(conversation: Conversation, text: str, expected: Any) -> None:
    (answer,) = asked(conversation, text)
    if expected is None:
        assert answer["status"]["code"] == 204
    else:
        values = [item["@value"] if isinstance(item, dict) else item for item in data_of(answer)]
        assert values == expected


def test_next_without_a_result_is_an_error(conversation: Conversation) -> None:
    assert codes(asked(conversation, "g.V().next()")) == [597]


def test_explain_gives_text(conversation: Conversation) -> None:
    (answer,) = asked(conversation, "g.V().out().explain()")
    assert "Traversal Explanation" in data_of(answer)[0]


def test_bindings_and_aliases_reach_the_query(conversation: Conversation) -> None:
    (answer,) = asked(conversation, "g.inject(x)", bindings={"x": "bound"}, aliases={"g": "gmodern"})
    assert data_of(answer) == ["bound"]


def test_a_source_that_does_not_exist_is_named_as_drivers_expect(conversation: Conversation) -> None:
    (answer,) = asked(conversation, "g.V()", aliases={"g": "nope"})
    assert answer["status"]["code"] == 499
    assert answer["status"]["message"] == "The traversal source [nope] for alias [g] is not configured on the server."


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame("nope"), 498),
        (frame("eval", "nope", gremlin="g.V()"), 498),
        (frame("eval"), 499),
        (frame("eval", gremlin=5), 499),
        (frame("eval", gremlin="g.V()", bindings=5), 499),
        (frame("eval", gremlin="g.V()", evaluationTimeout="soon"), 499),
        (frame("eval", gremlin=""), 597),
        (frame("bytecode", "traversal", gremlin="g.V()", aliases={"g": "g"}), 499),
        (frame("bytecode", "traversal", gremlin=bytecode(["V"])), 499),
        (frame("eval", "session", gremlin="g.V()"), 499),
        (b"", 497),
        (b"\x05abcde{}", 497),
        (b"\x21application/vnd.gremlin-v3.0+json{", 497),
        (b"{}", 497),
        ("nonsense", 497),
    ],
)
def test_bad_messages_are_answered_by_code(conversation: Conversation, data: bytes | str, code: int) -> None:
    assert codes(answers(conversation, data)) == [code]


def test_a_bare_text_frame_is_graphson(conversation: Conversation) -> None:
    message = {"requestId": REQUEST_ID, "op": "eval", "processor": "", "args": {"gremlin": "g.inject('a')"}}
    (answer,) = answers(conversation, json.dumps(message))
    assert data_of(answer) == ["a"]


def test_code_of_clients_is_refused(conversation: Conversation) -> None:
    code = {"@type": "g:Lambda", "@value": {"script": "System.exit(1)", "language": "gremlin-groovy"}}
    (answer,) = answers(
        conversation, frame("bytecode", "traversal", gremlin=bytecode(["V"], ["map", code]), aliases={"g": "g"})
    )
    assert answer["status"]["code"] == 500
    assert "Lambdas are not supported" in answer["status"]["message"]


def test_text_that_fails_is_597_and_bytecode_500(conversation: Conversation) -> None:
    assert codes(asked(conversation, "g.V(")) == [597]
    assert codes(asked(conversation, "g.inject(1).nope()")) == [597]
    failing = frame("bytecode", "traversal", gremlin=bytecode(["inject", "a"], ["nope"]), aliases={"g": "g"})
    assert codes(answers(conversation, failing)) == [500]


def test_a_slow_query_is_598(conversation: Conversation) -> None:
    text = "g.inject(1).repeat(identity()).until(constant(false).is(true))"
    assert codes(asked(conversation, text, evaluationTimeout=50)) == [598]
    assert codes(asked(conversation, "g.with('evaluationTimeout', 50)" + text[1:])) == [598]


def test_a_cancelled_query_ends(conversation: Conversation) -> None:
    decision = conversation.receive(frame(gremlin="g.inject(1).repeat(identity()).until(constant(false).is(true))"))
    assert isinstance(decision, AnswerStream)
    registry = conversation.runner.registry
    assert [query.id for query in registry.all()] == [REQUEST_ID]
    threading.Timer(0.05, registry.cancel, (REQUEST_ID,)).start()
    (answer,) = [json.loads(item) for item in decision.frames()]
    assert answer["status"]["code"] in (500, 597, 598)
    assert registry.all() == []


def test_more_queries_than_fit_are_turned_away() -> None:
    runner = runner_of("tinkerpop")
    runner.registry = QueryRegistry(max_accepted=1)
    conversation = Conversation(runner)
    held = conversation.receive(frame(gremlin="g.inject(1)"))
    assert codes(asked(conversation, "g.inject(2)")) == [429]
    assert isinstance(held, AnswerStream)
    assert [json.loads(item)["status"]["code"] for item in held.frames()] == [200]
    assert codes(asked(conversation, "g.inject(2)")) == [200]


def test_a_query_leaves_the_registry_when_its_frames_are_closed(conversation: Conversation) -> None:
    decision = conversation.receive(frame(gremlin="g.inject(1,2,3)", batchSize=1))
    assert isinstance(decision, AnswerStream)
    frames = decision.frames()
    next(frames)
    frames.close()
    assert conversation.runner.registry.all() == []


def test_an_abandoned_write_is_undone(conversation: Conversation) -> None:
    decision = conversation.receive(frame(gremlin="g.inject(1,2,3).addV('x')", batchSize=1))
    assert isinstance(decision, AnswerStream)
    frames = decision.frames()
    next(frames)
    frames.close()
    assert data_of(asked(conversation, "g.V().count()")[0])[0]["@value"] == 0


# -- sessions


def session(op: str = "eval", name: str = "s1", **args: Any) -> bytes:
    return frame(op, "session", request_id=str(uuid.uuid4()), session=name, **args)


def count(runner: QueryRunner) -> int:
    (answer,) = asked(Conversation(runner), "g.V().count()")
    return int(data_of(answer)[0]["@value"])


def command(name: str) -> dict[str, Any]:
    return {"@type": "g:Bytecode", "@value": {"source": [["tx", name]]}}


def test_a_session_sees_its_writes_and_others_do_not_until_commit(runner: QueryRunner) -> None:
    conversation = Conversation(runner)
    answers(conversation, session(gremlin="g.addV('x')"))
    assert data_of(answers(conversation, session(gremlin="g.V().count()"))[0])[0]["@value"] == 1
    assert count(runner) == 0
    assert codes(answers(conversation, session("bytecode", gremlin=command("commit"), aliases={"g": "g"}))) == [204]
    assert count(runner) == 1


def test_rollback_by_bytecode_and_by_text(runner: QueryRunner) -> None:
    conversation = Conversation(runner)
    for undo in (
        session("bytecode", gremlin=command("rollback"), aliases={"g": "g"}),
        session(gremlin="g.tx().rollback()"),
    ):
        answers(conversation, session("bytecode", gremlin=bytecode(["addV", "x"]), aliases={"g": "g"}))
        assert codes(answers(conversation, undo)) == [204]
        assert count(runner) == 0


def test_closing_a_session_of_texts_commits_in_neptune_alone() -> None:
    for profile, expected in (("neptune", 1), ("tinkerpop", 0)):
        runner = runner_of(profile)  # type: ignore[arg-type]
        conversation = Conversation(runner)
        answers(conversation, session(gremlin="g.addV('x')"))
        assert codes(answers(conversation, session("close"))) == [204]
        assert count(runner) == expected


def test_a_lost_connection_rolls_back_even_in_neptune() -> None:
    runner = runner_of("neptune")
    conversation = Conversation(runner)
    answers(conversation, session(gremlin="g.addV('x')"))
    conversation.close()
    assert count(runner) == 0


def test_a_failure_inside_a_session_undoes_all_of_it_in_neptune() -> None:
    runner = runner_of("neptune")
    conversation = Conversation(runner)
    answers(conversation, session(gremlin="g.addV('x')"))
    assert codes(answers(conversation, session(gremlin="g.inject(1).nope()"))) != [200]
    answers(conversation, session("close"))
    assert count(runner) == 0


def test_closing_what_was_never_open_is_204(conversation: Conversation) -> None:
    assert codes(answers(conversation, session("close"))) == [204]


def test_several_statements_stand_or_fall_together(runner: QueryRunner) -> None:
    conversation = Conversation(runner)
    assert codes(asked(conversation, "g.addV('x').iterate();g.inject(1).nope()")) == [597]
    assert count(runner) == 0


# -- authentication


def sasl(user: str, password: str) -> str:
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def test_a_request_waits_for_the_right_password(runner: QueryRunner) -> None:
    conversation = Conversation(runner, credentials=lambda user, password: (user, password) == ("ann", "secret"))
    (challenge,) = asked(conversation, "g.inject('a')")
    assert challenge["status"]["code"] == 407
    (answer,) = answers(conversation, frame("authentication", "traversal", sasl=sasl("ann", "secret")))
    assert answer["requestId"] == REQUEST_ID
    assert data_of(answer) == ["a"]
    assert data_of(asked(conversation, "g.inject('b')")[0]) == ["b"]


@pytest.mark.parametrize("token", [sasl("ann", "wrong"), "###", None, ""])
def test_a_wrong_password_is_401_and_changes_nothing(runner: QueryRunner, token: str | None) -> None:
    conversation = Conversation(runner, credentials=lambda user, password: (user, password) == ("ann", "secret"))
    asked(conversation, "g.inject('a')")
    assert codes(answers(conversation, frame("authentication", "traversal", sasl=token))) == [401]
    assert codes(asked(conversation, "g.inject('a')")) == [407]


def test_nothing_large_is_read_from_a_stranger(runner: QueryRunner) -> None:
    conversation = Conversation(runner, credentials=lambda user, password: (user, password) == ("ann", "secret"))
    large = f"g.inject('{'x' * STRANGERS_FRAME}')"
    assert codes(asked(conversation, large)) == [499]
    asked(conversation, "g.inject('a')")
    assert codes(answers(conversation, frame("authentication", "traversal", sasl=sasl("ann", "secret")))) == [200]
    assert 200 in codes(asked(conversation, large))


def test_credentials_may_come_as_bytes() -> None:
    assert plain_credentials(b"\0ann\0s") == ("ann", "s")


# -- profiles


def test_neptune_puts_its_error_object_into_the_message() -> None:
    conversation = Conversation(runner_of("neptune"))
    (answer,) = asked(conversation, "g.V(")
    assert answer["status"]["code"] == 498
    body = json.loads(answer["status"]["message"])
    assert body["code"] == "MalformedQueryException"
    assert body["requestId"] == REQUEST_ID
    assert "line 1" in body["detailedMessage"]
    assert list(body) == ["code", "detailedMessage", "message", "requestId"]  # as over HTTP


@pytest.mark.parametrize(
    ("error", "neptune", "tinkerpop"),
    [
        (MalformedQuery("x"), 498, 597),
        (QueryFailed("x"), 597, 597),
        (TimeLimitExceeded("x"), 598, 598),
        (CancelledByUser("x"), 500, 597),
        (known(ZeroDivisionError("x")), 500, 597),
    ],
    ids=repr,
)
def test_errors_have_a_code_in_each_profile(error: WorkflowError, neptune: int, tinkerpop: int) -> None:
    assert status_of(error, "neptune", None, bytecode=False).code == neptune
    assert status_of(error, "tinkerpop", None, bytecode=False).code == tinkerpop


def test_a_defect_does_not_tell_its_inside(caplog: pytest.LogCaptureFixture) -> None:
    error = known(ZeroDivisionError("/secret/path"))
    assert "secret" not in error.message
    assert "secret" in caplog.text


def test_elements_are_references_in_neptune_and_whole_in_tinkerpop() -> None:
    for profile, whole in (("neptune", False), ("tinkerpop", True)):
        conversation = Conversation(runner_of(profile))  # type: ignore[arg-type]
        (answer,) = asked(conversation, "g.addV('x').property('k','v')")
        assert ("properties" in data_of(answer)[0]["@value"]) is whole
        (answer,) = asked(conversation, "g.V()", materializeProperties="tokens" if whole else "all")
        assert ("properties" in data_of(answer)[0]["@value"]) is not whole


def test_options_inside_the_query_count_more_than_those_around_it(conversation: Conversation) -> None:
    asked(conversation, "g.addV('x').property('k','v')")
    text = "g.with('materializeProperties', 'tokens').with('batchSize', 2).inject(1,2,3).V()"
    found = asked(conversation, text, materializeProperties="all", batchSize=64)
    assert codes(found) == [206, 200]
    assert "properties" not in data_of(found[-1])[0]["@value"]


@pytest.mark.parametrize(
    ("agent", "old"),
    [
        ("NotAvailable Gremlin-Python.3.7.2 3.11.7 Linux.6 x86_64", True),
        ("app Gremlin-Javascript.3.8.0 20 Linux x64", False),
        ("NotAvailable Gremlin-Python.4.0.0", False),
        ("curl/8", False),
        ("Gremlin-", False),
    ],
)
def test_dates_follow_the_version_of_the_driver(agent: str, old: bool) -> None:
    assert knows_no_offsets(agent) is old


def test_binary_and_text_formats_travel_as_their_own_frames(conversation: Conversation) -> None:
    assert isinstance(conversation.receive(frame("nope"))[0], str)  # type: ignore[index]
    mime = b"application/vnd.graphbinary-v1.0"
    broken = conversation.receive(bytes([len(mime)]) + mime + b"\x81")
    assert isinstance(broken, list)
    assert isinstance(broken[0], bytes)
    assert broken[0][:2] == b"\x81\x01"


def test_every_code_is_three_digits() -> None:
    assert all(100 <= code <= 999 for code in StatusCode)


def test_a_session_that_is_open_for_too_long_is_rolled_back_and_says_so() -> None:
    runner = runner_of("neptune")
    conversation = Conversation(runner)
    assert conversation.expire(time.monotonic()) is None
    answers(conversation, session(gremlin="g.addV('x')"))
    begun = conversation.sessions["s1"].begun_at
    assert conversation.expire(begun + 599) == begun + 600
    assert conversation.expire(begun + 600) is None
    (answer,) = answers(conversation, session(gremlin="g.addV('x')"))
    assert answer["status"]["code"] == 499
    assert "600 s" in answer["status"]["message"]
    assert count(runner) == 0


# -- looks at named elements


def job_of(conversation: Conversation, text: str) -> AnswerStream:
    decision = conversation.receive(frame(gremlin=text))
    assert isinstance(decision, AnswerStream)
    return decision


@pytest.mark.parametrize(
    ("text", "look"),
    [
        ("g.V('a')", True),
        ("g.V('a').valueMap('name')", True),
        ("g.V(1L, 2L).elementMap()", True),
        ("g.V('a').out()", True),
        ("g.V('a').out().out().dedup().count()", True),
        ("g.V('a').where(__.out().count().is(gt(3))).project('n', 'd').by('name').by(__.both().count())", True),
        ("g.V('a').as('x').outE('f').inV().where(neq('x')).path().by('name')", True),
        ("g.with('evaluationTimeout', 5).V('a').out()", True),
        ("g.V('a').repeat(__.out()).times(3)", False),
        ("g.V('a').V()", False),
        ("g.V('a').out().where(__.V().count().is(3))", False),
        ("g.V('a').union(__.out(), __.in())", False),
        ("g.V('a').out().sideEffect(__.addV('b'))", False),
        ("g.V('a').where(__.out('f').with('Neptune#ml.prediction'))", False),
        ("g.V('a')" + ".map(__.identity())" * 8, False),
        ("g.V().limit(1)", False),
        ("g.V('a').drop()", False),
        ("g.V('a').property('k', 'v')", True),
        ("g.V().property('k', 'v')", False),
        ("g.V('a').properties('genre').with('Neptune#ml.classification')", True),
        ("g.with('Neptune#ml.endpoint', 'e').V('a')", True),
        ("g.V('a').out('f').with('Neptune#ml.prediction').hasLabel('u').values('name')", True),
        ("g.V('a').out('f').with('Neptune#ml.prediction').hasLabel('u').next()", False),
        ("g.V('a').out('f').with('Neptune#ml.prediction').with('Neptune#ml.inductiveInference')", False),
        ("g.V('a').out('f').with('Neptune#ml.prediction').hasLabel('u').out('f')", False),
        ("g.with('Neptune#ml.endpoint', 'e').withSideEffect('x', 1).V('a')", False),
        ("g.with('evaluationTimeout', 5).V('a')", True),
        ("g.V(V('a'))", False),
        ("g.V('a').has('x', __.out())", True),
        ("g.V('a'); g.V('b')", False),
        ("g.V('a').explain()", False),
        ("g.V('", False),
    ],
)
def test_only_what_looks_at_or_writes_a_few_elements_is_answered_at_once(text: str, look: bool) -> None:
    job = job_of(Conversation(runner_of("neptune")), text)
    assert isinstance(job, LookJob) is look


def test_a_point_read_waits_for_no_writer() -> None:
    runner = runner_of("neptune")
    conversation = Conversation(runner)
    asked(conversation, "g.addV('x').property(id, 'a')")
    job = job_of(conversation, "g.V('a').count()")
    assert isinstance(job, LookJob)
    started, go_on = threading.Event(), threading.Event()

    def write() -> None:
        transaction = runner.engines["g"].graph.begin()
        transaction.add_vertex("b", "x")
        started.set()
        assert go_on.wait(60)
        transaction.rollback()

    writer = threading.Thread(target=write)
    writer.start()
    assert started.wait(60)
    try:
        (answer,) = [json.loads(item) for item in job.at_once() or ()]
    finally:
        go_on.set()
        writer.join()
    assert data_of(answer)[0]["@value"] == 1
