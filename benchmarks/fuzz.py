"""Throw broken bytes and text at the codecs, the connection and the parser for as long as you like.

    python benchmarks/fuzz.py [--seconds 600] [--seed 1] [--target codec|connection|parser|all]

Anything that is raised and is not one of our errors is printed with what caused it, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.gremlin.semantics.values import (
    ENUMS,
    BigInteger,
    BulkSet,
    Byte,
    Char,
    Float,
    GSet,
    Long,
    Metrics,
    ReferenceEdge,
    ReferenceVertex,
    Short,
)
from workflow.gremlin.traversal import Instruction, Lambda, P, Strategy, TextP, Traversal
from workflow.gremlin.wire import BINARY_V1, GRAPHSON_V2, GRAPHSON_V3, UnreadableRequest
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

Attack = Callable[[random.Random], None]

STEP_NAMES = """
    V E inject addV addE property values valueMap out in both outE inV has hasLabel hasId where filter not and or
    order by group groupCount dedup limit range tail fold unfold count sum project select as match repeat times until
    emit union choose option coalesce local map flatMap math format concat split asNumber asString path tree mergeV
    mergeE
"""
TOKEN_TEXTS = r"""
    g . ( ) , [ ] { } : ; ' " \ __ P T Order in is not as and or 1 2L 0.5d -1 1.. 1e9 NaN null true new Vertex
    datetime( within( TextP.regex( T.id Order.desc // /* */ ${x} 'a\u00e9' "b" withStrategies( ReadOnlyStrategy .next()
    .toList() .explain() .iterate() x 99999999999999999999 1i 2b 3s 4n 5m 6f --1 +
"""
STEPS = tuple(STEP_NAMES.split())
TOKENS = (*TOKEN_TEXTS.split(), " ", "\n")

BINARY, TEXT_3, TEXT_2 = GraphBinaryWriter(), GraphSONWriter(3), GraphSONWriter(2)


def value(rng: random.Random, depth: int = 0) -> Any:
    """A random value of any type, nested a few levels."""
    leaves: list[Callable[[], Any]] = [
        lambda: None,
        lambda: rng.random() < 0.5,
        lambda: rng.randint(-(2**31), 2**31 - 1),
        lambda: Long(rng.randint(-(2**63), 2**63 - 1)),
        lambda: BigInteger(rng.randint(-(2**120), 2**120)),
        lambda: Byte(rng.randint(-128, 127)),
        lambda: Short(rng.randint(-(2**15), 2**15 - 1)),
        lambda: rng.choice([0.0, -1.5, 1e300, float("inf"), float("nan")]),
        lambda: Float(0.5),
        lambda: Decimal(rng.randint(-(10**9), 10**9)) / 1000,
        lambda: "".join(rng.choice("aé🚲\0'\"\\ $") for _ in range(rng.randint(0, 6))),
        lambda: Char(rng.choice("aé🚲")),
        lambda: uuid.UUID(int=rng.getrandbits(128)),
        lambda: rng.randbytes(rng.randint(0, 6)),
        lambda: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randint(-(10**10), 10**10)),
        lambda: timedelta(microseconds=rng.randint(-(10**15), 10**15)),
        lambda: rng.choice([member for kind in ENUMS.values() for member in kind]),
        lambda: ReferenceVertex(rng.randint(0, 9), "person"),
        lambda: ReferenceEdge(1, "e", ReferenceVertex(1, "a"), ReferenceVertex(2, "b")),
        lambda: Lambda("it.get()"),
        lambda: Metrics("1", "a", 5, {"n": 1}),
    ]
    if depth > 3 or rng.random() < 0.5:
        return rng.choice(leaves)()

    def some() -> list[Any]:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]

    nests: list[Callable[[], Any]] = [
        some,
        lambda: GSet(some()),
        lambda: {str(n): item for n, item in enumerate(some())},
        lambda: P(rng.choice(["eq", "gt", "within", "between", "and", "not", "typeOf"]), tuple(some())),
        lambda: TextP("regex", ("[",)),
        lambda: Strategy("SubgraphStrategy", {"vertices": value(rng, depth + 1)}),
        lambda: BulkSet(tuple((item, rng.randint(0, 5)) for item in some())),
        lambda: Traversal(tuple(Instruction(rng.choice(STEPS), tuple(some())) for _ in range(rng.randint(0, 4)))),
    ]
    return rng.choice(nests)()


def request(rng: random.Random) -> bytes:
    """A bytecode or eval request in one of three formats, before anything is broken."""
    steps = [Instruction(rng.choice(["V", "inject"]), ())]
    steps += [
        Instruction(rng.choice(STEPS), (value(rng),) if rng.random() < 0.6 else ()) for _ in range(rng.randint(0, 4))
    ]
    gremlin: Any = Traversal(tuple(steps)) if rng.random() < 0.7 else script(rng)
    op, processor = ("bytecode", "traversal") if isinstance(gremlin, Traversal) else ("eval", "")
    args = {"gremlin": gremlin, "aliases": {"g": "g"}, "evaluationTimeout": 200}
    if rng.random() < 0.1:
        args["bindings"] = value(rng)
    if rng.random() < 0.5:
        mime = BINARY_V1
        body = b"\x81" + uuid.UUID(int=rng.getrandbits(128)).bytes + bare_string(op) + bare_string(processor)
        body += BINARY.encode(args)[2:]
    else:
        mime, writer = rng.choice([(GRAPHSON_V3, TEXT_3), (GRAPHSON_V2, TEXT_2)])
        members = ",".join(f'"{name}":{writer.text(item)}' for name, item in args.items())
        head = f'{{"requestId":"{uuid.UUID(int=rng.getrandbits(128))}","op":"{op}","processor":"{processor}"'
        body = f'{head},"args":{{{members}}}}}'.encode()
    return bytes([len(mime)]) + mime.encode() + body


def broken(rng: random.Random, data: bytes) -> bytes:
    """The bytes with a few of them changed, dropped or doubled."""
    out = bytearray(data)
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(5):
            case 0 if at < len(out):
                out[at] = rng.randrange(256)
            case 1:
                del out[at : at + rng.randint(1, 8)]
            case 2:
                out[at:at] = out[at : at + rng.randint(1, 24)]
            case 3:
                out[at:at] = rng.randbytes(rng.randint(1, 4))
            case _:
                out[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"])
    return bytes(out)


def script(rng: random.Random) -> str:
    """Gremlin-like text."""
    if rng.random() < 0.5:
        return "".join(rng.choice(TOKENS) for _ in range(rng.randint(0, 30)))
    calls = [
        f"{rng.choice(STEPS)}({rng.choice(TOKENS) if rng.random() < 0.6 else ''})" for _ in range(rng.randint(1, 6))
    ]
    text = "g." + ".".join(calls)
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(TOKENS) + text[at + rng.randint(0, 3) :] if rng.random() < 0.7 else text


READERS: tuple[Callable[[bytes], object], ...] = (
    graphbinary_reader.read_value,
    lambda data: graphbinary_reader.read_request(data, 0),
    graphson_reader.read_value,
    graphson_reader.read_request,
    graphbinary4.read_value,
    graphbinary4.read_request,
    graphson4.read_request,
)


def attack_codec(rng: random.Random) -> None:
    """Broken bytes into a reader."""
    read = rng.choice(READERS)
    source = request(rng)[34:] if rng.random() < 0.5 else BINARY.encode(value(rng))
    with suppress(UnreadableRequest):
        read(broken(rng, source) if rng.random() < 0.9 else rng.randbytes(rng.randint(0, 64)))


def connection_attack() -> Attack:
    """Broken requests into a connection over a small graph, executed where they make sense."""
    engine = Engine(EmbeddedGraph("g", "tinkerpop"), "tinkerpop")
    runner = QueryRunner({"g": engine}, "tinkerpop", QueryRegistry(), 200)
    seen = Unexpected()
    logging.getLogger("workflow").addHandler(seen)

    def attack(rng: random.Random) -> None:
        decision = Conversation(runner).receive(broken(rng, request(rng)))
        if isinstance(decision, AnswerStream):
            frames = decision.frames()
            for n, _ in enumerate(frames):
                if n > 20:
                    break
            frames.close()
        if seen.errors:
            raise seen.errors.pop()

    return attack


class Unexpected(logging.Handler):
    """Collects the errors that the service logs because nobody foresaw them."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.errors.append(record.exc_info[1])


def attack_parser(rng: random.Random) -> None:
    """Gremlin-like text into the parser."""
    with suppress(WorkflowError):
        parse(script(rng), {"x": 1})


def rounds(seconds: float, seed: int) -> Iterator[int]:
    """Seeds, one after the other, until the time is over."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield seed
        seed += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=["codec", "connection", "parser", "all"], default="all")
    options = parser.parse_args()
    attacks: dict[str, Attack] = {"codec": attack_codec, "connection": connection_attack(), "parser": attack_parser}
    chosen = list(attacks) if options.target == "all" else [options.target]
    counts: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for seed in rounds(options.seconds, options.seed):
        name = chosen[seed % len(chosen)]
        counts[name] += 1
        try:
            attacks[name](random.Random(seed))
        except Exception as error:  # noqa: BLE001 - finding these is what this program is for
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{name}: {type(error).__name__} in {where.filename.rpartition('/')[2]}:{where.lineno}"
            if not failures[kind]:
                print(f"seed {seed}: {kind}: {error}")
            failures[kind] += 1
    print(
        ", ".join(f"{count} {name}" for name, count in counts.items()), "attacks;", sum(failures.values()), "failures"
    )
    for kind, count in failures.most_common():
        print(f"  {count} times {kind}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
