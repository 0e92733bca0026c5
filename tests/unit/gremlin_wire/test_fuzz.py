"""Whatever bytes or text arrive, nothing but our own errors comes of it.

``DESPINA_FUZZ_EXAMPLES`` asks for a longer run; ``benchmarks/fuzz.py`` runs for as long as one likes.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.gremlin.semantics.values import ENUMS, BigInteger, Byte, Float, GSet, Long, ReferenceVertex, Short
from workflow.gremlin.traversal import Instruction, P, Strategy, TextP, Traversal
from workflow.gremlin.wire import BINARY_V1, GRAPHSON_V3, UnreadableRequest
from workflow.gremlin.wire.graphbinary import reader as graphbinary_reader
from workflow.gremlin.wire.graphbinary import version4 as graphbinary4
from workflow.gremlin.wire.graphbinary.primitives import bare_string
from workflow.gremlin.wire.graphbinary.writer import GraphBinaryWriter
from workflow.gremlin.wire.graphson import reader as graphson_reader
from workflow.gremlin.wire.graphson import version4 as graphson4
from workflow.gremlin.wire.graphson.writer import GraphSONWriter
from workflow.queries.running import QueryRegistry
from workflow.server.gremlin.execution import QueryRunner
from workflow.server.gremlin.protocol import AnswerStream, Conversation

EXAMPLES = int(os.environ.get("DESPINA_FUZZ_EXAMPLES", "60"))
fuzz = settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)

text = st.text(st.characters(codec="utf-8"), max_size=8)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(-(2**63), 2**63 - 1).map(Long),
    st.integers(-(2**200), 2**200).map(BigInteger),
    st.integers(-128, 127).map(Byte),
    st.integers(-(2**15), 2**15 - 1).map(Short),
    st.floats(allow_nan=False),
    st.floats(allow_nan=False, width=32).map(Float),
    st.decimals(allow_nan=False, allow_infinity=False, places=3),
    text,
    st.uuids(),
    st.binary(max_size=8),
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda d: d.replace(tzinfo=UTC)),
    st.timedeltas(timedelta(days=-1000), timedelta(days=1000)),
    st.sampled_from([member for kind in ENUMS.values() for member in kind]),
    st.builds(ReferenceVertex, text, text),
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    instruction = st.builds(Instruction, text, st.lists(inner, max_size=2).map(tuple))
    return st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(GSet),
        st.dictionaries(text, inner, max_size=3),
        st.builds(P, st.sampled_from(["eq", "neq", "lt"]), inner.map(lambda value: (value,))),
        st.builds(P, st.just("within"), st.lists(inner, max_size=2).map(lambda values: (values,))),
        st.builds(TextP, st.just("regex"), text.map(lambda value: (value,))),
        st.builds(Strategy, st.just("SubgraphStrategy"), st.dictionaries(text, inner, max_size=2)),
        st.builds(
            Traversal, st.lists(instruction, max_size=3).map(tuple), st.lists(instruction, max_size=1).map(tuple)
        ),
    )


values = st.recursive(scalars, nested, max_leaves=12)

BINARY = GraphBinaryWriter()
GRAPHSON = GraphSONWriter(3)


def is_plain(value: Any) -> bool:
    """Whether a P of one argument stays itself: GraphBinary spreads a list over the arguments."""
    if isinstance(value, P) and value.name != "within":
        return not isinstance(value.args[0], list) and is_plain(value.args[0])
    if isinstance(value, P):
        return all(map(is_plain, value.args[0]))
    if isinstance(value, Traversal):
        return all(is_plain(arg) for call in (*value.steps, *value.source) for arg in call.args)
    if isinstance(value, Strategy):
        return all(map(is_plain, value.configuration.values())) and set(value.configuration) != {"fqcn", "conf"}
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    return all(map(is_plain, value)) if isinstance(value, list) else True


@fuzz
@given(values.filter(is_plain))
def test_any_value_survives_both_formats(value: Any) -> None:
    assert graphbinary_reader.read_value(BINARY.encode(value)) == value
    assert graphson_reader.read_value(GRAPHSON.encode(value)) == value


def request(writer: Any, value: Any) -> bytes:
    """A bytecode request of either format with a value as its argument."""
    steps = Traversal((Instruction("inject", (value,)),))
    if writer is BINARY:
        head = bytes([len(BINARY_V1)]) + BINARY_V1.encode() + b"\x81" + uuid.UUID(int=5).bytes
        args = BINARY.encode({"gremlin": steps, "aliases": {"g": "g"}})[2:]
        return head + bare_string("bytecode") + bare_string("traversal") + args
    body = f'{{"requestId":"{uuid.UUID(int=5)}","op":"bytecode","processor":"traversal","args":{{"gremlin":'
    tail = b',"aliases":{"g":"g"}}}'
    return bytes([len(GRAPHSON_V3)]) + GRAPHSON_V3.encode() + body.encode() + GRAPHSON.encode(steps) + tail


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request with a few of its bytes changed, dropped or doubled."""
    data = bytearray(request(draw(st.sampled_from([BINARY, GRAPHSON])), draw(values)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                data[at] = draw(st.integers(0, 255))
            case 1:
                del data[at : at + draw(st.integers(1, 8))]
            case 2:
                data[at:at] = data[at : at + draw(st.integers(1, 16))]
            case _:
                data[at:at] = draw(st.binary(max_size=4))
        if not data:
            break
    return bytes(data)


READERS: list[Callable[[bytes], object]] = [
    graphbinary_reader.read_value,
    lambda data: graphbinary_reader.read_request(data, 0),
    graphson_reader.read_value,
    graphson_reader.read_request,
    graphbinary4.read_value,
    graphbinary4.read_request,
    graphson4.read_request,
]


@pytest.mark.parametrize("read", READERS)
def test_any_bytes_are_read_or_refused(read: Callable[[bytes], object]) -> None:
    @fuzz
    @given(st.one_of(st.binary(max_size=64), mutated().map(lambda data: data[34:])))
    def check(data: bytes) -> None:
        with suppress(UnreadableRequest):
            read(data)

    check()


@pytest.fixture(scope="module")
def runner() -> QueryRunner:
    engine = Engine(EmbeddedGraph("g", "tinkerpop"), "tinkerpop")
    return QueryRunner({"g": engine}, "tinkerpop", QueryRegistry(), 1000)


def test_a_connection_answers_whatever_it_is_sent(runner: QueryRunner) -> None:
    @fuzz
    @given(st.one_of(mutated(), st.binary(max_size=64), st.text(max_size=64)))
    def check(frame: bytes | str) -> None:
        decision = Conversation(runner).receive(frame)
        assert list(decision.frames() if isinstance(decision, AnswerStream) else decision)
        assert not runner.registry.all()

    check()


tokens = st.sampled_from(
    [
        "g",
        ".",
        "V",
        "(",
        ")",
        ",",
        "[",
        "]",
        "{",
        "}",
        ":",
        ";",
        "'",
        '"',
        "\\",
        "__",
        "P",
        "out",
        "in",
        "has",
        "'name'",
        "1",
        "2L",
        "0.5d",
        "-1",
        "1..",
        "NaN",
        "null",
        "true",
        "new",
        "Vertex",
        "datetime(",
        "within(",
        "or(",
        "TextP.regex(",
        "T.id",
        "Order.desc",
        "#",
        "//",
        "/*",
        "*/",
        "\n",
        "limit(1)",
        "as('a')",
        "g.V()",
        ".next()",
        "withStrategies(",
        "x",
        "y",
    ]
)


def test_any_text_is_parsed_or_refused() -> None:
    @fuzz
    @given(st.one_of(st.lists(tokens, max_size=25).map("".join), st.text(max_size=40), st.lists(tokens).map(" ".join)))
    def check(query: str) -> None:
        with suppress(WorkflowError):
            parse(query, {"x": 1})

    check()
