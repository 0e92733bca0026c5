"""The instructions of a traversal source are checked as steps are: before anything runs, and by their types."""

from __future__ import annotations

import pytest

from tests.unit.gremlin.test_engine import filled
from workflow.errors import WorkflowError
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.traversal import Instruction, Lambda, Traversal


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(filled(EmbeddedGraph(profile="tinkerpop")), "tinkerpop")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("withSideEffect('x', unbound)", "No such variable: unbound"),
        ("withSideEffect('x', [1, unbound])", "No such variable: unbound"),
        ("withSideEffect('x', [a: unbound])", "No such variable: unbound"),
        ("withSack(unbound)", "No such variable: unbound"),
        ("with('x', unbound)", "No such variable: unbound"),
        ("withStrategies(new SeedStrategy(seed: unbound))", "No such variable: unbound"),
        ("withStrategies(new SubgraphStrategy(vertices: unbound))", "No such variable: unbound"),
        ("withSideEffect('x', __.out())", "Could not locate method: GraphTraversalSource.withSideEffect"),
        ("withSideEffect('x', gt(1))", "Could not locate method: GraphTraversalSource.withSideEffect"),
        ("withSideEffect('x')", "Could not locate method: GraphTraversalSource.withSideEffect"),
        ("withSideEffect(1, 2)", "Could not locate method: GraphTraversalSource.withSideEffect"),
        ("withSideEffect('x', 1, desc)", "Could not locate method: GraphTraversalSource.withSideEffect"),
        ("withSack()", "Could not locate method: GraphTraversalSource.withSack"),
        ("withSack(__.out())", "Could not locate method: GraphTraversalSource.withSack"),
        ("withSack(1, 'sum')", "Could not locate method: GraphTraversalSource.withSack"),
        ("with()", "Could not locate method: GraphTraversalSource.with"),
        ("with(1)", "Could not locate method: GraphTraversalSource.with"),
        ("withBulk(1)", "Could not locate method: GraphTraversalSource.withBulk"),
        ("withStrategies(new SeedStrategy(seed: 'x'))", "SeedStrategy can not have 'x' as its seed"),
        (
            "withStrategies(new PartitionStrategy(partitionKey: 'p', readPartitions: 5))",
            "can not have 5 as its read",
        ),
        ("withStrategies(new SubgraphStrategy(vertices: 5))", "SubgraphStrategy can not have 5 as its vertices"),
        ("withStrategies(new ProductiveByStrategy(productiveKeys: 3))", "can not have 3 as its productiveKeys"),
    ],
)
def test_a_source_instruction_that_none_takes_is_refused_before_anything_runs(
    engine: Engine, source: str, text: str
) -> None:
    traversal = parse(f"g.{source}.V()")[0].traversal
    with pytest.raises(WorkflowError) as caught:
        engine.prepare(traversal, QueryOptions())
    assert text in caught.value.message


def test_code_in_the_source_is_refused(engine: Engine) -> None:
    for name in ("withSideEffect", "withSack"):
        traversal = Traversal((Instruction("V"),), (Instruction(name, ("x", Lambda("1"))),))
        with pytest.raises(WorkflowError, match="Lambdas are not supported"):
            engine.prepare(traversal, QueryOptions())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("g.withSideEffect('x', [1,2]).inject(0).select('x')", [[1, 2]]),
        ("g.withSideEffect('x', 1, sum).inject(2,3).aggregate('x').cap('x')", [6]),
        ("g.withSack(1.5d, sum).inject(0).sack()", [1.5]),
        ("g.withSack(1, assign, sum).inject(0).sack()", [1]),
        ("g.with('x').with('y', [1]).withBulk(false).withPath().inject(0)", [0]),
        ("g.withStrategies(SeedStrategy(seed: 5), ReadOnlyStrategy).inject(0)", [0]),
    ],
)
def test_what_a_source_takes_is_taken(engine: Engine, text: str, expected: list[object]) -> None:
    assert [t.value for t in engine.run(parse(text)[0].traversal)] == expected


@pytest.mark.parametrize("value", ["__.out()", "[1, __.out()]", "[a: __.out()]", "gt(1)", "[gt(1)]"])
def test_a_part_of_a_query_is_no_value(engine: Engine, value: str) -> None:
    for step in ("inject", "V().constant"):
        with pytest.raises(WorkflowError):
            engine.prepare(parse(f"g.{step}({value})")[0].traversal, QueryOptions())
