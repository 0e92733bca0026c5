"""Steps on morsels answer as the same steps on traversers do: the same results in the same order."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.peers import random_traversals
from workflow.errors import QueryFailed
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.columns import forms, gathering
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.planning import optimise
from workflow.gremlin.planning.batched import BatchedStep
from workflow.gremlin.semantics.keys import hash_key
from workflow.queries.run import Run


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Two hundred people and places, six hundred edges, some loops; texts, numbers, and lists in a few."""
    rng = random.Random(8)
    graph = EmbeddedGraph(profile="tinkerpop")
    transaction = graph.begin()
    rows = [transaction.add_vertex(number, rng.choice(["person", "place"])) for number in range(200)]
    for row in rows:
        transaction.set_vertex_property(row, "name", f"n{rng.randrange(40)}", "single")
        if rng.random() < 0.8:
            transaction.set_vertex_property(row, "age", rng.randrange(9), "single")
        for tag in rng.choices("xyz", k=rng.choice((0, 0, 1, 2))):
            transaction.set_vertex_property(row, "tag", tag, "list")
    for _ in range(600):
        edge = transaction.add_edge(None, rng.choice(["knows", "likes"]), rng.choice(rows), rng.choice(rows))
        if rng.random() < 0.9:
            transaction.set_edge_property(edge, "weight", rng.randrange(1, 6))
    transaction.commit()
    return Engine(graph, "tinkerpop")


def answer(engine: Engine, text: str) -> tuple[Any, bool]:
    """The keys of all results, or the error's text; and whether any step ran on morsels."""
    prepared = engine.prepare(parse(text)[0].traversal, QueryOptions())
    try:
        found: Any = []
        for t in engine._execute(prepared, QueryOptions(timeout_s=20), None, None):
            found.extend([hash_key(t.value)] * t.bulk)
    except QueryFailed as error:
        found = (found, str(error))
    return found, any(isinstance(step, BatchedStep) for step in prepared.plan.steps)


def both(engine: Engine, monkeypatch: pytest.MonkeyPatch, text: str) -> tuple[Any, Any, bool]:
    fast, morsels = answer(engine, text)
    with monkeypatch.context() as patch:
        patch.setattr(optimise, "batched", list)
        plain, _ = answer(engine, text)
    return fast, plain, morsels


TEXTS = [
    "g.V().out().out().path().by('name').limit(12)",
    "g.V().outE().has('weight',gt(3)).inV().path().by('name').by('weight')",
    "g.V().out().cyclicPath().path()",
    "g.V().out().in().simplePath().by('name').path().by('age')",
    "g.V().as('s').out().as('t').where('s',lt('t')).by('age').select('s','t').by('name')",
    "g.V().hasId(between(3,150)).out().hasId(lte(90)).order().by(id).values('name')",
    "g.V().order().by('name',desc).by('age').by(id,desc).id()",
    "g.V().order().by('age').dedup().by(values('name').substring(0,2)).values('name')",
    "g.V().values('name').substring(1).groupCount().order(local).by(keys)",
    "g.V().values('age').asString().dedup().order()",
    "g.V().values('name').split('1').count(local).sum()",
    "g.V().values('tag').toUpper().concat('!').order()",
    "g.V().out().values('name').substring(0,1).dedup().order()",
    "g.V().out().values('age').length().count()",
    "g.V().as('x').out().as('y').in().simplePath().from('x').count()",
    "g.V().as('x').out().as('y').in().cyclicPath().from('y').path().from('y').by('name')",
    "g.V().as('x').out().as('y').in().as('z').path().from('x').to('y').by('name').by('age')",
    "g.V().as('x').out().as('y').path().from('y').to('x')",
    "g.V().out().path().from('nobody')",
    "g.V().filter(hasLabel('person').union(count())).id()",
    "g.V().local(hasLabel('person').union(out().count(),values('age').sum(),fold().count(local)))",
    "g.V().map(out('likes').has('age',gt(5)).union(count(),dedup().count())).fold()",
    "g.withSack(1.0d,sum).V().out().barrier().out().barrier().sack().order().by(desc)",
    "g.withSack(1,sum).V().out().values('age').barrier().sack().order()",
    "g.withSack(1,mult).V().sack(sum).by(id).out('knows').barrier().local(out().barrier()).project('i','s').by(id).by(sack())",
    "g.withSack(1,sum).V().as('a').out().barrier().select('a').barrier().sack()",
    "g.withSack(1,sum).V().repeat(out().barrier()).times(2).sack().fold()",
    "g.V().as('a').out().discard().fold()",
    "g.V().where(out().discard()).count()",
    "g.V().as('s').out().where(neq('s')).out().where(eq('s')).values('name')",
    "g.V().as('a').out().as('a').select(all,'a')",
    "g.V().as('a').out().as('b').out().as('a').select(first,'a').dedup().values('name')",
    "g.V().as('x').out().as('y').groupCount().by(select('x','y').by('age'))",
    "g.V().as('a').out().as('b').dedup('a','b').by('age').count()",
    "g.V(1).values('name').as('r').V().hasLabel('person').as('b').values('name').where(eq('r')).select('b')",
    "g.V().hasLabel('person').local(both('knows').count()).mean()",
    "g.V().local(out().limit(1)).values('name')",
    "g.V().local(outE().order().by('weight',desc).by(id).limit(2)).values('weight')",
    "g.V().not(inE()).values('name')",
    "g.V().where(out('knows').count().is(gt(2))).order().by(inE().count(),desc).by(id).values('name')",
    "g.V().where(__.as('a').out().in().as('a')).count()",
    "g.V().or(has('age',lt(2)),has('name',TextP.endingWith('7'))).values('name')",
    "g.V().and(has('age'),__.not(out('likes')),out('knows')).id()",
    "g.V().has('name',TextP.regex('^n1')).has('age',within(1,2,3)).out().values('name','age')",
    "g.V().has('tag','x').out().values('tag')",
    "g.V().has('age',neq(3)).out().has('name',without('n1','n2')).dedup().by('name').values('name')",
    "g.V().has('age',3).out().aggregate('d').out().where(without('d')).dedup().values('name')",
    "g.V().has('age',1).repeat(out().simplePath()).emit(has('age',2)).times(3).path().by('name')",
    "g.V().has('age',2).repeat(out()).until(has('age',5)).limit(20).path()",
    "g.V().has('age',2).until(has('age',4)).repeat(out()).limit(9).values('name')",
    "g.V().has('age',2).emit().repeat(out().dedup()).times(3).values('name')",
    "g.V().has('age',4).repeat(out('knows')).emit().times(2).values('name')",
    "g.V().has('age',4).repeat(out().where(has('age',gt(1)))).until(loops().is(3)).count()",
    "g.withSack(0).V().has('age',1).repeat(outE().sack(sum).by('weight').inV()).until(sack().is(gt(6))).limit(9).sack()",
    "g.withSack(1).V().outE().sack(mult).by('weight').inV().project('n','s').by('name').by(sack()).limit(40)",
    "g.V().sack(assign).by('age').out().sack(sum).by('age').sack()",
    "g.V().hasId(between(10,50)).out().hasId(lte(40)).path()",
    "g.V().union(count(),out().count(),values('age').max()).fold()",
    "g.V().has('age',1).union(out(),in(),__.values('name')).dedup()",
    "g.V().group().by('age').by(outE().count())",
    "g.V().group().by(out().count()).by('name')",
    "g.V().out().group().by('name').by(values('age').fold())",
    "g.V().group().by(label).by(values('age').max())",
    "g.E().order().by('weight',desc).by(id).limit(4).project('f','t').by(outV().values('name')).by(inV().values('name'))",
    "g.V().order().by('age').by('name',desc).values('name')",
    "g.V().choose(has('age',gt(3)),out(),values('name'))",
    "g.V().choose(values('age')).option(1,constant('one')).option(2,out()).option(none,values('name'))",
    "g.V().coalesce(has('age',3).values('name'),out('likes'),constant('x'))",
    "g.V().optional(out('likes').has('age',1)).path()",
    "g.V().bothE().otherV().path().limit(30)",
    "g.V().flatMap(out().dedup().by('age')).values('name')",
    "g.V().map(out().values('name')).groupCount()",
    "g.V().out().out().out().dedup().by('name').count()",
    "g.V().out().range(30,60).values('name')",
    "g.V().values('name','age').is(TextP.startingWith('n1'))",
    "g.V().values('age').math('_ + 1').limit(3)",
    "g.V().values('name','age').math('_ + 1').limit(1)",
    "g.V().out().values('name').order().tail(3)",
    "g.V().has('age',lt(3)).where(__.union(out('knows'),identity()).repeat(out().simplePath()).times(2).dedup().count().is(gt(1)))",
    "g.V().has('age',gt(5)).local(repeat(out()).emit().times(2).values('name'))",
    "g.V().union(out('knows'),out().in()).repeat(out('likes').simplePath()).emit().times(2).path().by('name')",
    "g.V().properties().hasValue('n7')",
    "g.V().properties('name','age').key().groupCount()",
    "g.V().hasLabel('person').properties('age','name').group().by(key).by(value().fold())",
    "g.E().properties('weight').value().max()",
    "g.V().properties('age').hasKey('age').value()",
    "g.V().as('a').out().as('b').select('a','b').select('b').values('name')",
    "g.V().project('a','b').by('name').by(out().count()).select('b').sum()",
    "g.V().match(__.as('a').out('knows').as('b'), __.not(__.as('b').out('knows').as('a'))).select('b').by('name')",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_query_on_morsels_answers_as_on_traversers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    fast, plain, morsels = both(engine, monkeypatch, text)
    assert fast == plain
    assert plain
    assert morsels


OF_CHILDREN = [
    "g.V().local(out().out().values('age').sum())",
    "g.V().local(both().fold())",
    "g.V().project('a').by(out().in().values('age').max().fold())",
    "g.V().group().by('name').by(out().out().values('age').min())",
    "g.V().union(out().values('age').mean(),in().out().count())",
]


@pytest.mark.parametrize("text", OF_CHILDREN)
def test_a_child_run_for_few_starts_at_a_time_answers_as_for_all(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(forms, "MOST_AT_ONCE", 20)
    monkeypatch.setattr(gathering, "AT_ONCE", 3)
    fast, plain, morsels = both(engine, monkeypatch, text)
    assert fast == plain
    assert plain
    assert morsels


def test_a_reduction_for_many_starts_looks_at_the_clock_meanwhile(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(Run, "check", lambda run: looks.append(1))

    def counted(most: int) -> int:
        monkeypatch.setattr(gathering, "AT_ONCE", most)
        looks.clear()
        answer(engine, "g.V().local(both().values('age').sum())")
        return len(looks)

    # 200 vertices have 1,200 neighbours less the few without an age: some hundred parts of ten, and one of all
    assert counted(10) > counted(100_000) + 80


@pytest.mark.parametrize("block", range(8))
def test_random_queries_answer_as_on_traversers(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    ran = 0
    for seed in range(block * 150, block * 150 + 150):
        graph = EmbeddedGraph(profile="tinkerpop")
        engine = Engine(graph, "tinkerpop")
        list(engine.run(parse(random_traversals.graph(seed))[0].traversal))
        for number in range(3):
            text = random_traversals.question(4 * seed + number).text
            if "sample" in text or "coin" in text or "shuffle" in text:
                continue
            try:
                fast, plain, morsels = both(engine, monkeypatch, text)
            except QueryFailed:
                continue  # refused before it runs
            ran += morsels
            assert sorted(map(repr, _results(fast))) == sorted(map(repr, _results(plain))), text
    assert ran > 100


def _results(found: Any) -> list[Any]:
    """The results, or the error alone: how much comes before it depends on how many run together."""
    return [found[1]] if isinstance(found, tuple) else list(found)


MATCHES = [
    "g.V().match(__.as('a').out('knows').as('b'), __.not(__.as('b').out('knows').as('a'))).select('a','b').by('name')",
    "g.V().match(__.as('a').out().as('b'), __.as('b').out().as('c'), __.as('c').has('age',3), where('a',neq('c')))",
    "g.V().match(__.as('a').out().as('b'), __.as('b').in().as('a')).count()",
    "g.V().match(__.as('a').has('age',2), __.as('a').out('likes').count().as('n'), __.as('n').is(gt(1))).select('n')",
    "g.V().as('a').out().match(__.as('a').values('name').as('n'), __.as('b').values('name').as('n')).count()",
    "g.V().match(__.as('a').out().as('b'), or(__.as('b').has('age',1), __.as('b').has('age',2))).count()",
]


@pytest.mark.parametrize("text", MATCHES)
def test_a_match_finds_the_same_in_whatever_order(engine: Engine, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    fast, plain, morsels = both(engine, monkeypatch, text)
    assert sorted(map(repr, fast)) == sorted(map(repr, plain))
    assert plain
    assert morsels


def test_a_limit_reads_no_more_than_the_first_morsels_need(engine: Engine) -> None:
    # six hops from everyone are some 200 * 3^6 = 146,000 paths; ten of them come out of the first small morsels
    profile = engine.profile(parse("g.V()" + ".out()" * 6 + ".path().limit(10)")[0].traversal)
    assert profile.results == 10
    assert all(metric.counts.get("traverserCount", 0) <= 1000 for metric in profile.metrics.metrics)


def test_an_error_comes_after_the_results_before_it(engine: Engine) -> None:
    # numbers of those under 20 who have an age; the name of the next is none
    found, morsels = answer(
        engine, "g.V().coalesce(hasId(lt(20)).values('age'),hasId(gte(20)).values('name')).math('_ + 1')"
    )
    assert isinstance(found, tuple)
    assert found[0]
    assert morsels


def test_texts_are_ordered_by_code_units_on_every_way() -> None:
    # in UTF-16 the face is D83D DE00 and stands before FF5E; by code point it stands behind
    graph = EmbeddedGraph(profile="tinkerpop")
    transaction = graph.begin()
    for number, name in enumerate(("\uff5e", "z", "\U0001f600", "é")):
        transaction.set_vertex_property(transaction.add_vertex(number, "x"), "name", name, "single")
    transaction.commit()
    engine = Engine(graph, "tinkerpop")
    wanted = ["z", "é", "\U0001f600", "\uff5e"]
    for text, way in (("order().by('name')", 1), ("order().by('name',desc)", -1)):
        for begin in ("g.V()", "g.V().local(identity())", "g.V(0,1,2,3)"):
            found = [t.value for t in engine.run(parse(f"{begin}.{text}.values('name')")[0].traversal)]
            assert found == wanted[::way], (begin, text)


@pytest.mark.parametrize("test", ["between(20,60)", "lte(49)", "neq(7)", "gt(2.5)", "within(1,2,3)", "eq('7')"])
def test_ids_are_tested_as_arrays_as_one_by_one(engine: Engine, test: str) -> None:
    holds = {
        "between(20,60)": lambda id: 20 <= id < 60, "lte(49)": lambda id: id <= 49, "neq(7)": lambda id: id != 7,
        "gt(2.5)": lambda id: id > 2.5, "within(1,2,3)": lambda id: id in (1, 2, 3), "eq('7')": lambda id: id == 7,
    }[test]  # fmt: skip
    wanted = [id for id in range(200) if holds(id)]
    for text in (f"g.V().hasId({test}).id()", f"g.V().has(T.id,{test}).id()"):
        assert [t.value for t in engine.run(parse(text)[0].traversal)] == wanted
    (total,) = [t.value for t in engine.run(parse(f"g.V().both().hasId({test}).count()")[0].traversal)]
    ends = [t.value for t in engine.run(parse("g.V().both().id()")[0].traversal) for _ in range(t.bulk)]
    assert total == sum(map(holds, ends))


@pytest.mark.parametrize("strategies", ["", "withoutStrategies(BatchStrategy)."])
def test_a_pattern_of_a_match_counts_for_one_traverser_of_those_merged(strategies: str) -> None:
    # 1 and 2 lead to 3, and 3 to 4 and 5: two traversers stand at 3, and each counts its two neighbours
    graph = EmbeddedGraph(profile="tinkerpop")
    transaction = graph.begin()
    rows = [transaction.add_vertex(number, "x") for number in range(1, 6)]
    for source, target in ((1, 3), (2, 3), (3, 4), (3, 5)):
        transaction.add_edge(None, "to", rows[source - 1], rows[target - 1])
    transaction.commit()
    engine = Engine(graph, "tinkerpop")

    def asked(steps: str) -> list[Any]:
        text = f"g.{strategies}V(1,2).out().barrier().match({steps})"
        return [t.value for t in engine.run(parse(text)[0].traversal) for _ in range(t.bulk)]

    assert asked("__.as('p').out().count().as('n')).select('n'") == [2, 2]
    assert asked("__.as('p').out().order().by(id).as('q')).select('q').by(id") in ([4, 5, 4, 5], [4, 4, 5, 5])
    assert asked("__.as('p').out().order().by(id).limit(1).as('q')).select('q').by(id") == [4, 4]
    assert asked("__.as('p').id().as('i'), __.as('p').in().count().is(2)).select('i'") == [3, 3]
