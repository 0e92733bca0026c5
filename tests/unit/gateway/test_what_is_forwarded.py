"""What a gateway sends to its database, and how, by what the steps of a query are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from workflow.errors import UnsupportedOperation
from workflow.gateway.engine import GatewayEngine, forwarded_source
from workflow.gremlin.engine import QueryOptions
from workflow.gremlin.steps.facts import named
from workflow.gremlin.traversal import Blank, Instruction, Strategy, Traversal

WRITING = named(lambda facts: facts.may_write)
READING = named(lambda facts: not facts.may_write)


class Database:
    """Notes what it is asked, and has no results."""

    url, source = "ws://nowhere", "g"

    def __init__(self) -> None:
        self.asked: list[Traversal] = []
        self.repeatable: list[bool] = []

    def submit(self, op: str, processor: str, args: Mapping[str, Any], *, repeatable: bool = True) -> Iterator[Any]:
        self.asked.append(args["gremlin"])
        self.repeatable.append(repeatable)
        return iter(())

    def close(self) -> None: ...


def places(name: str) -> list[Traversal]:
    """Traversals with a step of that name: at the top, in a child, and in a child of a child."""
    step = Instruction(name)
    child = Traversal((Instruction("where", (Traversal((step,)),)),))
    return [
        Traversal((Instruction("V"), step)),
        Traversal((Instruction("V"), Instruction("map", (Traversal((step,)),)))),
        Traversal((Instruction("V"), Instruction("union", (child,)))),
    ]


@pytest.mark.parametrize("name", sorted(WRITING | {"aStepThatOnlyTheDatabaseKnows"}))
def test_what_may_write_is_sent_once_only_and_never_read_only(name: str) -> None:
    database = Database()
    engine = GatewayEngine(database, "neptune")
    for traversal in places(name):
        list(engine.run(traversal))
        with pytest.raises(UnsupportedOperation):
            engine.run(traversal, QueryOptions(read_only=True))
    assert database.repeatable == [False] * 3


@pytest.mark.parametrize("name", sorted(READING))
def test_what_only_reads_may_be_sent_again(name: str) -> None:
    database = Database()
    engine = GatewayEngine(database, "neptune")
    for traversal in places(name):
        list(engine.run(traversal, QueryOptions(read_only=True)))
    assert database.repeatable == [True] * 3


def test_a_traversal_with_blanks_is_sent_with_its_values() -> None:
    def write(id: Any, value: Any) -> Traversal:
        ends = Instruction("to", (Traversal((Instruction("V", (id,)),)),))
        return Traversal((Instruction("addE", ("knows",)), ends, Instruction("property", ("n", value))))

    database = Database()
    engine = GatewayEngine(database, "neptune")
    list(engine.run(write(Blank(0, str), Blank(1, int)), QueryOptions(values=("v1", 7))))
    assert database.asked == [write("v1", 7)]


def test_options_travel_with_the_request_and_those_of_ours_are_not_sent_as_steps() -> None:
    options = Strategy("org.apache.OptionsStrategy", {"batchSize": 10})
    read_only = Strategy("ReadOnlyStrategy", {})
    source = (
        Instruction("with", ("Toy#endpoint", "ep")),
        Instruction("with", ("evaluationTimeout", 500)),
        Instruction("with", ("theirs",)),
        Instruction("withStrategies", (options, read_only)),
        Instruction("withStrategies", (options,)),
        Instruction("withSideEffect", ("x", 1)),
    )
    kept, told = forwarded_source(Traversal((), source), lambda option: option.startswith("Toy#"))
    assert told == {"Toy#endpoint": "ep", "evaluationTimeout": 500, "theirs": True, "batchSize": 10}
    assert kept == (
        Instruction("with", ("theirs",)),
        Instruction("withStrategies", (read_only,)),
        Instruction("withSideEffect", ("x", 1)),
    )
