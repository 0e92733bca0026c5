"""A vectorised plan gives what the ordinary steps give, on random graphs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from workflow.errors import ConcurrentModification
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.planning import optimise
from workflow.gremlin.planning.compile import Plan
from workflow.gremlin.planning.vectorised import MaskedGraphStep, VectorisedStep
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.steps.moving.sources import GraphStep


def random_graph(seed: int, vertices: int, edges: int) -> EmbeddedGraph:
    """Some vertices lack properties, some have several values, some labels are rare; loops and parallel edges occur."""
    rng = random.Random(seed)
    graph = EmbeddedGraph(profile="tinkerpop")
    transaction = graph.begin()
    rows = []
    for number in range(vertices):
        row = transaction.add_vertex(number, rng.choice(["person", "person", "robot"]))
        rows.append(row)
        if rng.random() < 0.9:
            transaction.set_vertex_property(row, "age", rng.randrange(10), "single")
        transaction.set_vertex_property(row, "name", f"n{rng.randrange(vertices // 2)}", "single")
        for _ in range(rng.randrange(3)):
            transaction.set_vertex_property(row, "tag", rng.choice("abc"), "list")
    for _ in range(edges):
        edge = transaction.add_edge(None, rng.choice(["knows", "likes"]), rng.choice(rows), rng.choice(rows))
        if rng.random() < 0.8:
            transaction.set_edge_property(edge, "weight", rng.random())
    transaction.commit()
    # a second transaction leaves dead rows behind
    transaction = graph.begin()
    for row in rng.sample(rows, vertices // 20):
        transaction.remove_vertex(row)
    transaction.commit()
    return graph


QUERIES = [
    "g.V().count()",
    "g.E().count()",
    "g.V().hasLabel('person').count()",
    "g.V().hasLabel('person').has('age', 3).out().out().count()",
    "g.V().out().out().out().count()",
    "g.V().both().both().count()",
    "g.V().out('knows').in('likes').both('knows').count()",
    "g.V().has('age', gt(4)).out().has('age', lt(7)).count()",
    "g.V().has('age', within(1, 2, 3)).out().dedup().count()",
    "g.V().has('name', 'n7').out().count()",
    "g.V().has('tag', 'a').out().has('tag', neq('b')).count()",
    "g.V().hasLabel('robot').both().hasLabel('person').count()",
    "g.V().groupCount().by('age')",
    "g.V().out().groupCount().by('age')",
    "g.V().out().out().groupCount().by('name')",
    "g.V().out().groupCount().by(label)",
    "g.V().groupCount().by(label)",
    "g.V().out().groupCount()",
    "g.V().group().by('age').by(count())",
    "g.V().out().values('age').groupCount()",
    "g.V().label().groupCount()",
    "g.V().out().label().groupCount()",
    "g.E().label().dedup()",
    "g.E().hasLabel('knows').has('weight', gt(0.5)).count()",
    "g.E().has('weight', lte(0.5)).inV().out().count()",
    "g.V().outE('likes').has('weight', gt(0.3)).inV().dedup().count()",
    "g.V().bothE().count()",
    "g.E().bothV().groupCount().by('age')",
    "g.V().values('age').sum()",
    "g.V().out().values('age').sum()",
    "g.V().out().values('age').mean()",
    "g.V().values('age').max()",
    "g.V().out().values('age').min()",
    "g.V().order().by('age').limit(7)",
    "g.V().order().by('age', desc).limit(7)",
    "g.V().hasLabel('person').order().by('age', desc).values('name')",
    "g.V().repeat(out('knows')).times(4).count()",
    "g.V(1, 2, 3).out().out().count()",
    "g.V().hasId(4, 5).both().groupCount().by('age')",
    "g.V().has('age', 'x').count()",
    "g.V().has('nobody', 1).out().count()",
    "g.V().hasLabel('nobody').out().count()",
]


@pytest.fixture(scope="module", params=[(1, 60, 150), (2, 400, 3000)], ids=["sparse", "dense"])
def engine(request: pytest.FixtureRequest) -> Engine:
    seed, vertices, edges = request.param
    return Engine(random_graph(seed, vertices, edges), "tinkerpop")


def results(engine: Engine, text: str, *, fast: bool) -> tuple[list[Any], bool]:
    """Values (with bulk undone), and whether the plan was vectorised."""
    prepared = engine.prepare(parse(text)[0].traversal, QueryOptions())
    plan: Plan = prepared.plan
    vectorised_steps = [s for s in plan.steps if isinstance(s, VectorisedStep)]
    if not fast:
        steps = [x for s in plan.steps for x in (s.slow if isinstance(s, VectorisedStep) else (s,))]
        prepared = replace(prepared, plan=replace(plan, steps=tuple(steps)))
    found: Iterator[Any] = engine._execute(prepared, QueryOptions(), None, None)
    return [t.value for t in found for _ in range(t.bulk)], bool(vectorised_steps)


@pytest.mark.parametrize("text", QUERIES)
def test_a_vectorised_plan_gives_the_same(engine: Engine, text: str) -> None:
    fast, vectorised = results(engine, text, fast=True)
    slow, _ = results(engine, text, fast=False)
    assert vectorised
    assert [hash_key(v) for v in fast] == [hash_key(v) for v in slow]


@pytest.mark.parametrize(
    "text",
    [
        "g.V().has('age', gt(4)).values('name')",
        "g.V().hasLabel('person').has('name', containing('1')).out().values('age')",
        "g.E().has('weight', between(0.2, 0.4)).path()",
        "g.V().has('tag', 'a').has('age', within(1, 2)).as('x').out().select('x')",
    ],
)
def test_a_masked_source_gives_what_its_tests_let_pass(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(optimise, "batched", list)  # of what writes the source is all that sees arrays
    prepared = engine.prepare(parse(text)[0].traversal, QueryOptions())
    masked = prepared.plan.steps[0]
    assert isinstance(masked, (MaskedGraphStep, GraphStep))
    fast = [hash_key(t.value) for t in engine._execute(prepared, QueryOptions(), None, None)]
    plain = GraphStep(masked.kind, masked.ids)
    plain.tests, plain.labels_wanted = masked.tests, masked.labels_wanted
    plain.labels, plain.tracked = masked.labels, masked.tracked
    slow_plan = replace(prepared, plan=replace(prepared.plan, steps=(plain, *prepared.plan.steps[1:])))
    slow = [hash_key(t.value) for t in engine._execute(slow_plan, QueryOptions(), None, None)]
    assert fast == slow
    assert fast


@pytest.mark.parametrize(
    "text",
    [
        "g.V().out().path()",
        "g.V().as('a').out().select('a')",
        "g.V().out().limit(3)",
        "g.V().where(out()).count()",
        "g.withSack(1).V().out().sack().sum()",
    ],
)
def test_what_needs_traversers_is_not_vectorised(engine: Engine, text: str) -> None:
    _, vectorised = results(engine, text, fast=True)
    assert not vectorised


def test_sums_beyond_64_bits_are_exact(engine: Engine) -> None:
    # every hop multiplies the number of paths; after 40 it needs more than 64 bits
    found, _ = results(engine, "g.V().repeat(both()).times(40).count()", fast=True)
    slow, _ = results(engine, "g.V().repeat(both()).times(40).count()", fast=False)
    assert found == slow


def test_arrays_follow_a_write(engine: Engine) -> None:
    before, _ = results(engine, "g.V().out().count()", fast=True)
    list(engine.run(parse("g.addV('person').as('a').addE('knows').from('a').to('a')")[0].traversal))
    after, _ = results(engine, "g.V().out().count()", fast=True)
    assert after == [before[0] + 1]


@pytest.mark.parametrize(("text", "expected"), [("g.V().count()", 57), ("g.E().count()", None)])
def test_all_elements_are_counted_without_a_look_at_any(
    text: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = random_graph(4, 60, 100)  # of sixty vertices a twentieth is removed again
    for name in ("vertex_rows", "edge_rows", "vertices", "edges"):
        monkeypatch.setattr(type(graph._newest), name, None)
    (found,) = Engine(graph, "tinkerpop").run(parse(text)[0].traversal)
    assert found.value == (graph.edge_count() if expected is None else expected)


def test_a_count_of_all_is_met_by_whoever_adds_one_meanwhile() -> None:
    graph = random_graph(4, 60, 100)
    session = Engine(graph, "tinkerpop").session()
    list(session.run(parse("g.V().count()")[0].traversal))
    list(session.run(parse("g.addV('counted')")[0].traversal))
    other = graph.begin()
    other.add_vertex(None, "person")
    other.commit()
    with pytest.raises(ConcurrentModification):
        session.commit()
