"""The optimiser gives better plans, and the same answers: with labels anywhere, and with each strategy switched off."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin import engine as engine_module
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.planning.batched import BatchedStep
from workflow.gremlin.planning.compile import Plan
from workflow.gremlin.planning.vectorised import MaskedGraphStep, VectorisedStep
from workflow.gremlin.running.step import Step
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.steps.branching.repeat import RepeatStep
from workflow.gremlin.steps.gathering.group import GroupCountStep
from workflow.gremlin.steps.gathering.order import OrderStep
from workflow.gremlin.steps.gathering.side_effects import BarrierStep
from workflow.gremlin.traversal import Instruction, Traversal


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Thirty people of two kinds, ninety edges."""
    rng = random.Random(5)
    graph = EmbeddedGraph(profile="tinkerpop")
    transaction = graph.begin()
    rows = [transaction.add_vertex(number, rng.choice(["person", "robot"])) for number in range(30)]
    for row in rows:
        transaction.set_vertex_property(row, "age", rng.randrange(9), "single")
    for _ in range(90):
        transaction.add_edge(None, rng.choice(["knows", "likes"]), rng.choice(rows), rng.choice(rows))
    transaction.commit()
    return Engine(graph, "tinkerpop")


def steps_of(engine: Engine, text: str) -> tuple[Step, ...]:
    steps = engine.prepare(parse(text)[0].traversal, QueryOptions()).plan.steps
    return tuple(one for step in steps for one in (step.steps if isinstance(step, BatchedStep) else (step,)))


Shows = Callable[[tuple[Step, ...]], bool]


def has(kind: type[Step]) -> Shows:
    return lambda steps: any(isinstance(step, kind) for step in steps)


def lacks(kind: type[Step]) -> Shows:
    return lambda steps: not has(kind)(steps)


# every rewriting of the optimiser, a text that it is for, and how its plan shows it
REWRITINGS: dict[str, tuple[str, Shows]] = {
    "count on arrays": ("g.V().count()", has(VectorisedStep)),
    "hops on arrays": ("g.V().hasLabel('person').out().in('knows').count()", has(VectorisedStep)),
    "groups on arrays": ("g.V().out().groupCount().by('age')", has(VectorisedStep)),
    "sums on arrays": ("g.V().values('age').sum()", has(VectorisedStep)),
    "labels on arrays": ("g.V().out().label().dedup()", has(VectorisedStep)),
    "order on arrays": ("g.V().order().by('age').limit(4)", has(VectorisedStep)),
    "repeat unrolled": ("g.V(1,2).repeat(out('knows')).times(3).values('age')", lacks(RepeatStep)),
    "merging barriers": ("g.V(1,2).out().in().out().values('age')", has(BarrierStep)),
    "masked source": ("g.V().has('age',lt(4)).valueMap('age')", has(MaskedGraphStep)),
    "counting groups": ("g.V().values('age').group().by(math('_+1')).by(count())", has(GroupCountStep)),
    "first of an order": (
        "g.V(1,2,3).out().order().by('age').limit(2).values('age')",
        lambda steps: any(isinstance(step, OrderStep) and step.limit == 2 for step in steps),
    ),
}


@pytest.mark.parametrize("name", REWRITINGS)
def test_a_rewriting_shows_in_the_plan(engine: Engine, name: str) -> None:
    text, shows = REWRITINGS[name]
    assert shows(steps_of(engine, text))


def answers(engine: Engine, traversal: Traversal) -> list[Any]:
    return [hash_key(t.value) for t in engine.run(traversal) for _ in range(t.bulk)]


def labelled(traversal: Traversal, at: int) -> Traversal:
    """The traversal with a label behind one of its steps, and that label's values as its results."""
    steps, end = traversal.steps, at + 1
    while end < len(steps) and steps[end].name in ("by", "times"):
        end += 1
    label, select = Instruction("as", ("here",)), Instruction("select", ("here",))
    return Traversal((*steps[:end], label, *steps[end:], select))


@pytest.mark.parametrize("name", REWRITINGS)
def test_a_label_behind_any_step_is_kept(engine: Engine, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    traversal = parse(REWRITINGS[name][0])[0].traversal
    places = [at for at, step in enumerate(traversal.steps) if step.name not in ("by", "times")]
    better = [answers(engine, labelled(traversal, at)) for at in places]
    monkeypatch.setattr(engine_module, "optimised", unchanged)
    plain = [answers(engine, labelled(traversal, at)) for at in places]
    assert list(map(Counter, better)) == list(map(Counter, plain))
    assert plain[-1]  # the last step's own results
    assert better[-1] == plain[-1]


def unchanged(plan: Plan, without: Any = frozenset()) -> tuple[Step, ...]:
    return plan.steps


def test_the_label_of_a_count_is_its_value(engine: Engine) -> None:
    traversal = parse("g.V().count().as('a').select('a')")[0].traversal
    assert [t.value for t in engine.run(traversal)] == [30]


@pytest.mark.parametrize(
    ("strategy", "name", "shows"),
    [
        ("RepeatUnrollStrategy", "repeat unrolled", has(RepeatStep)),
        ("LazyBarrierStrategy", "merging barriers", lacks(BarrierStep)),
    ],
)
def test_a_strategy_switched_off_changes_no_answer(engine: Engine, strategy: str, name: str, shows: Shows) -> None:
    text = REWRITINGS[name][0]
    without = text.replace("g.", f"g.withoutStrategies({strategy}).", 1)
    assert shows(steps_of(engine, without))
    both = [Counter(answers(engine, parse(one)[0].traversal)) for one in (text, without)]
    assert both[0] == both[1]


def test_merging_keeps_hops_over_a_small_graph_small(engine: Engine) -> None:
    # five hops lead along some 200,000 paths over thirty vertices; merged, no step sees more than a few thousand
    hops = "g.V()" + ".both()" * 5 + ".values('age')"
    profile = engine.profile(parse(hops)[0].traversal)
    assert profile.results > 100_000
    assert max(metric.counts.get("traverserCount", 0) for metric in profile.metrics.metrics) < 30_000
