"""A gateway knows every query that may change the database behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from workflow.errors import UnsupportedOperation
from workflow.gateway.engine import GatewayEngine
from workflow.gremlin.engine import QueryOptions
from workflow.gremlin.steps.facts import FACTS, facts_of
from workflow.gremlin.traversal import Instruction, Traversal


class Database:
    """Remembers what it was sent, and whether it may be sent again where a connection broke."""

    url, source = "ws://somewhere/gremlin", "g"

    def __init__(self) -> None:
        self.sent: list[tuple[tuple[str, ...], bool]] = []

    def submit(self, op: str, processor: str, args: Mapping[str, Any], *, repeatable: bool = True) -> Iterator[Any]:
        self.sent.append((tuple(step.name for step in args["gremlin"].steps), repeatable))
        return iter(())

    def close(self) -> None: ...


STEPS = sorted(name for name in FACTS if facts_of(name).family)
SHAPES = {
    "in line": lambda step: Traversal((Instruction("V"), step)),
    "in a child": lambda step: Traversal((Instruction("V"), Instruction("map", (Traversal((step,)),)))),
    "deep in a list": lambda step: Traversal(
        (Instruction("V"), Instruction("union", ([Traversal((Instruction("map", (Traversal((step,)),)),))],)))
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", STEPS)
def test_what_may_write_is_sent_once_and_never_by_who_only_reads(name: str, shape: str) -> None:
    database = Database()
    engine = GatewayEngine(database, "tinkerpop")
    traversal = SHAPES[shape](Instruction(name))
    writes = facts_of(name).may_write
    if writes:
        with pytest.raises(UnsupportedOperation):
            engine.run(traversal, QueryOptions(read_only=True))
    list(engine.run(traversal))
    assert [repeatable for _, repeatable in database.sent] == [not writes]


@pytest.mark.parametrize("name", ["mergeE", "mergeV", "addE", "addV", "property", "drop", "call"])
def test_what_was_written_through_a_gateway_cannot_be_rolled_back(name: str) -> None:
    session = GatewayEngine(Database(), "tinkerpop").session()
    list(session.run(Traversal((Instruction("V"), Instruction("out")))))
    session.rollback()  # nothing was written
    list(session.run(Traversal((Instruction("V"), Instruction(name)))))
    with pytest.raises(UnsupportedOperation, match="stays written"):
        session.rollback()
    session.rollback()  # said once
