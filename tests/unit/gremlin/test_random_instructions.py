"""Whatever instructions come, the answer is data that every writer of the wire knows, or one of our errors."""

from __future__ import annotations

import datetime
import random
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from tests.unit.gremlin.test_engine import filled
from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.planning.source import SOURCE
from workflow.gremlin.planning.strategies.apply import ACCEPTED, REWRITES, VERIFICATIONS
from workflow.gremlin.semantics.keys import GMap
from workflow.gremlin.semantics.values import ENUMS, Char, Float, GSet, Long, ReferenceEdge, ReferenceVertex
from workflow.gremlin.steps.facts import FACTS
from workflow.gremlin.traversal import (
    CardinalityValue,
    Instruction,
    Lambda,
    P,
    Strategy,
    TextP,
    Traversal,
    UnboundVariable,
)
from workflow.gremlin.wire import BINARY_V1, GRAPHSON_V3, Dialect
from workflow.gremlin.wire.codecs import CODECS

SEEDS = range(8)
EACH = 250
ENDS = [ReferenceVertex("marko"), ReferenceVertex("lop")]
KEYS = [
    *("name", "age", "a", "x", "seed", "vertices", "edges", "readPartitions", "partitionKey", "writePartition", "keys"),
    *("productiveKeys", "idPropertyKey", "throwException", "evaluationTimeout", "vertexProperties"),
]
PLAIN = [
    *(None, True, False, 0, 1, -1, 2, Long(3), Long(2**40), 0.5, Float(1.5), float("nan"), Decimal("1.5"), b"ab"),
    *("", "name", "age", "a", "b", "x", "marko", "knows", "_ + 1", "%{name}", "[", uuid.UUID(int=1)),
    *(datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC), datetime.timedelta(1), Char("c"), ENDS[0]),
    ReferenceEdge("e0", "knows", *ENDS),
    *(Lambda("it"), UnboundVariable("unbound"), Strategy("SeedStrategy")),
    *(member for members in ENUMS.values() for member in members),
]  # fmt: skip
STEPS = sorted(FACTS.keys() - {"io", "timeLimit", "shortestPath"})
STRATEGIES = [*REWRITES, *VERIFICATIONS, *sorted(ACCEPTED), "SeedStrategy", "OptionsStrategy", "NoStrategy"]
SOURCES = [*SOURCE, "withStrategies", "withoutStrategies", "withNothing"]
BEGINS = [Instruction("V"), Instruction("E"), Instruction("inject", (1, "a", [1, 2])), Instruction("V", ("marko",))]
LOOKS = [(), (Instruction("sack"),), (Instruction("cap", ("x",)),), (Instruction("select", ("x",)),)]


class Maker:
    """Draws arguments and instructions."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def some(self, most: int, depth: int) -> list[Any]:
        return [self.value(depth) for _ in range(self.random.randint(0, most))]

    def value(self, depth: int = 2) -> Any:
        if depth == 0 or self.random.random() < 0.55:
            return self.random.choice(PLAIN)
        some = self.some(3, depth - 1)
        match self.random.randrange(9):
            case 0:
                return some
            case 1:
                return GSet(some[:1])
            case 2:
                return GMap([(self.value(depth - 1), item) for item in some])
            case 3:
                return P(self.random.choice(["eq", "gt", "within", "between", "and", "not", "typeOf"]), tuple(some))
            case 4:
                return TextP(self.random.choice(["startingWith", "regex"]), tuple(some))
            case 5:
                return CardinalityValue(self.random.choice(list(ENUMS["Cardinality"])), self.value(0))
            case 6:
                configuration = {self.random.choice(KEYS): item for item in some}
                return Strategy(self.random.choice(STRATEGIES), configuration)
            case _:
                return Traversal(self.chain(STEPS, 3, depth - 1))

    def sources(self) -> tuple[Instruction, ...]:
        """Mostly side effects and sacks, which a query can show."""
        shown = [("withSideEffect", ("x", self.value())), ("withSack", (self.value(),)), ("with", ("x", self.value()))]
        drawn = [Instruction(*self.random.choice(shown)) for _ in range(self.random.randint(0, 1))]
        return (*drawn, *self.chain(SOURCES, 1))

    def chain(self, names: Sequence[str], most: int, depth: int = 2) -> tuple[Instruction, ...]:
        count = self.random.randint(0, most)
        return tuple(Instruction(self.random.choice(names), tuple(self.some(3, depth))) for _ in range(count))


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(filled(EmbeddedGraph(profile="tinkerpop")), "tinkerpop")


def answer(engine: Engine, traversal: Traversal) -> None:
    """Run a traversal, write what it gives in every format, undo what it wrote. Raises what is no error of ours."""
    session = engine.session()
    try:
        try:
            results = [result.value for result in session.run(traversal, QueryOptions(timeout_s=2, wanted=20))]
        except WorkflowError:
            return
        for result in results:
            for mime in (BINARY_V1, GRAPHSON_V3):
                CODECS[mime].items(Dialect(True)).add(result)
    finally:
        session.rollback()


@pytest.mark.parametrize("seed", SEEDS)
def test_random_sources_are_answered_or_refused(engine: Engine, seed: int) -> None:
    maker = Maker(seed)
    for _ in range(EACH):
        begin, end = maker.random.choice(BEGINS), maker.random.choice(LOOKS)
        traversal = Traversal((begin, *maker.chain(STEPS, 1), *end), maker.sources())
        try:
            answer(engine, traversal)
        except Exception as error:
            raise AssertionError(f"{error!r} of {traversal}") from error


@pytest.mark.parametrize("seed", SEEDS)
def test_random_steps_are_answered_or_refused(engine: Engine, seed: int) -> None:
    maker = Maker(seed)
    for _ in range(EACH):
        traversal = Traversal((maker.random.choice(BEGINS), *maker.chain(STEPS, 4)))
        try:
            answer(engine, traversal)
        except Exception as error:
            raise AssertionError(f"{error!r} of {traversal}") from error
