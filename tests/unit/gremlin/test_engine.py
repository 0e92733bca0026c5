"""The engine answers core steps as Gremlin means them. Expected values are worked out on the small graph below.

marko -knows(0.5)-> vadas,  marko -knows(1.0)-> josh,  marko -created(0.4)-> lop,
josh -created(1.0)-> ripple,  josh -created(0.4)-> lop,  peter -created(0.2)-> lop
"""

from __future__ import annotations

import threading
from typing import Any

import pytest

from workflow.errors import (
    CancelledByUser,
    FailStep,
    MemoryLimitExceeded,
    QueryFailed,
    ReadOnlyViolation,
    TimeLimitExceeded,
)
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.views import StoredGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.gremlin.running.random_numbers import SeededRandomNumbers
from workflow.gremlin.semantics.values import Long, TraversalMetrics

PEOPLE = [("marko", 29), ("vadas", 27), ("josh", 32), ("peter", 35)]
EDGES = [
    ("marko", "knows", "vadas", 0.5),
    ("marko", "knows", "josh", 1.0),
    ("marko", "created", "lop", 0.4),
    ("josh", "created", "ripple", 1.0),
    ("josh", "created", "lop", 0.4),
    ("peter", "created", "lop", 0.2),
]


def filled(graph: EmbeddedGraph) -> EmbeddedGraph:
    transaction = graph.begin()
    rows = {}
    for name, age in PEOPLE:
        rows[name] = transaction.add_vertex(name, "person")
        transaction.set_vertex_property(rows[name], "name", name, "single")
        transaction.set_vertex_property(rows[name], "age", age, "single")
    for name in ("lop", "ripple"):
        rows[name] = transaction.add_vertex(name, "software")
        transaction.set_vertex_property(rows[name], "name", name, "single")
    for number, (source, label, target, weight) in enumerate(EDGES):
        edge = transaction.add_edge(f"e{number}", label, rows[source], rows[target])
        transaction.set_edge_property(edge, "weight", weight)
    transaction.commit()
    return graph


@pytest.fixture
def engine() -> Engine:
    return Engine(filled(EmbeddedGraph(profile="tinkerpop")), "tinkerpop")


def ask(engine: Engine, text: str, options: QueryOptions | None = None) -> list[Any]:
    out: list[Any] = []
    for script in parse(text):
        out = [t.value for t in engine.run(script.traversal, options) for _ in range(t.bulk)]
    return out


def names(engine: Engine, text: str) -> list[Any]:
    return sorted(ask(engine, text + ".values('name')"))


class TestChildren:
    def test_a_count_in_a_local_child_counts_for_one_traverser(self, engine: Engine) -> None:
        assert sorted(ask(engine, "g.V().local(out().count())")) == [0, 0, 0, 1, 2, 3]

    def test_a_count_in_a_global_child_counts_for_all(self, engine: Engine) -> None:
        assert ask(engine, "g.V().union(out().count(), in('knows').count())") == [6, 2]

    def test_a_limit_in_a_union_sees_all_starts(self, engine: Engine) -> None:
        assert len(ask(engine, "g.V().union(out().limit(1), identity().limit(2))")) == 3

    def test_a_dedup_in_flat_map_begins_anew_for_each(self, engine: Engine) -> None:
        assert len(ask(engine, "g.V().hasLabel('person').flatMap(out('created').dedup())")) == 4

    def test_choose_takes_one_option_and_lets_the_rest_pass(self, engine: Engine) -> None:
        people = "g.V().hasLabel('person')"
        found = ask(
            engine, f"{people}.choose(values('age')).option(27, constant('young')).option(gt(30), constant('old'))"
        )
        assert found.count("young") == 1
        assert found.count("old") == 2
        assert len(found) == 4

    def test_branch_takes_every_option_that_fits(self, engine: Engine) -> None:
        options = "option(29, constant('a')).option(gt(20), constant('b')).option(any, constant('c'))"
        assert sorted(ask(engine, f"g.V('marko').branch(values('age')).{options}")) == ["a", "b", "c"]

    def test_coalesce_takes_the_first_child_with_results(self, engine: Engine) -> None:
        assert ask(engine, "g.V('lop').coalesce(values('age'), values('name'), constant('x'))") == ["lop"]

    def test_optional_keeps_what_leads_nowhere(self, engine: Engine) -> None:
        assert names(engine, "g.V('marko', 'vadas').optional(out('knows'))") == ["josh", "vadas", "vadas"]


class TestRepeat:
    def test_times_behind_goes_so_many_rounds(self, engine: Engine) -> None:
        assert names(engine, "g.V('marko').repeat(out()).times(2)") == ["lop", "ripple"]

    def test_times_in_front_may_be_none(self, engine: Engine) -> None:
        assert names(engine, "g.V('marko').times(0).repeat(out())") == ["marko"]

    def test_emit_in_front_gives_the_start_too(self, engine: Engine) -> None:
        assert names(engine, "g.V('marko').emit().repeat(out()).times(1)") == ["josh", "lop", "marko", "vadas"]

    def test_until_stops_at_what_it_meets(self, engine: Engine) -> None:
        found = ask(engine, "g.V('marko').repeat(out()).until(hasLabel('software')).path().by('name')")
        assert sorted(p.objects for p in found) == [
            ("marko", "josh", "lop"),
            ("marko", "josh", "ripple"),
            ("marko", "lop"),
        ]

    def test_a_limit_counts_in_every_round(self, engine: Engine) -> None:
        assert len(ask(engine, "g.V('lop').repeat(both().limit(1)).times(2)")) == 1

    def test_inner_loops_are_told_from_outer_ones(self, engine: Engine) -> None:
        assert ask(
            engine, "g.inject(1).repeat('a', repeat('b', identity()).until(loops('b').is(3))).until(loops('a').is(2))"
        ) == [1]

    def test_circles_merge_and_do_not_explode(self, engine: Engine) -> None:
        assert ask(engine, "g.V('marko').repeat(both()).times(60).count()")[0] > 2**60

    def test_an_endless_loop_meets_the_deadline(self, engine: Engine) -> None:
        with pytest.raises(TimeLimitExceeded, match="limit of 30 ms"):
            ask(engine, "g.V().repeat(identity())", QueryOptions(timeout_s=0.03))


class TestNames:
    def test_select_reads_labels_maps_and_side_effects(self, engine: Engine) -> None:
        assert ask(engine, "g.V('marko').as('a').out('created').as('b').select('a', 'b').by('name')") == [
            {"a": "marko", "b": "lop"}
        ]
        assert ask(engine, "g.inject(['k': 7]).select('k')") == [7]
        assert ask(engine, "g.withSideEffect('s', 5).inject(1).select('s')") == [5]
        assert ask(engine, "g.V('marko').select('nobody')") == []

    def test_pop_says_which_of_several(self, engine: Engine) -> None:
        text = (
            "g.V('marko').as('a').out('knows').as('a').out().as('a').select({}, 'a').by(unfold().values('name').fold())"
        )
        assert sorted(ask(engine, text.format("all"))) == [["marko", "josh", "lop"], ["marko", "josh", "ripple"]]
        assert ask(engine, "g.V('marko').as('a').out('knows').as('a').select(first, 'a').by('name')") == ["marko"] * 2

    def test_where_compares_names_with_by(self, engine: Engine) -> None:
        pairs = "g.V().as('a').out('created').in('created').as('b')"
        older = ask(engine, f"{pairs}.where('a', gt('b')).by('age').select('a', 'b').by('name')")
        found = sorted((m["a"], m["b"]) for m in older)
        assert found == [("josh", "marko"), ("peter", "josh"), ("peter", "marko")]

    def test_where_follows_a_pattern_between_names(self, engine: Engine) -> None:
        text = "g.V().as('a').out('created').in('created').as('b').where(as('a').out('knows').as('b')).values('name')"
        assert ask(engine, text) == ["josh"]

    def test_match_solves_patterns_together(self, engine: Engine) -> None:
        patterns = "as('a').out('created').as('b'), as('b').in('created').as('c'), where('a', neq('c'))"
        assert len(ask(engine, f"g.V().match({patterns}).select('a', 'c').by('name')")) == 6

    def test_a_pattern_that_nothing_starts_is_refused(self, engine: Engine) -> None:
        with pytest.raises(QueryFailed, match="unsolvable"):
            ask(engine, "g.V().match(as('a').out().as('b'), as('x').out().as('y'))")

    def test_or_between_steps_is_infix(self, engine: Engine) -> None:
        assert names(engine, "g.V().where(has('age', 27).or().has('name', 'lop').and().in('created'))") == [
            "lop",
            "vadas",
        ]


class TestGrouping:
    def test_group_folds_plain_values_and_reduces_with_a_barrier(self, engine: Engine) -> None:
        assert ask(engine, "g.V().group().by(label).by('name')") == [
            {"person": ["marko", "vadas", "josh", "peter"], "software": ["lop", "ripple"]}
        ]
        assert ask(engine, "g.V().group().by(label).by(outE().count())") == [{"person": 6, "software": 0}]

    def test_a_side_effect_group_is_capped(self, engine: Engine) -> None:
        assert ask(engine, "g.V().groupCount('m').by(label).out().groupCount('m').by(label).cap('m')") == [
            {"person": 6, "software": 6}
        ]

    def test_a_by_that_finds_nothing_drops_its_traverser(self, engine: Engine) -> None:
        assert ask(engine, "g.V().groupCount().by('age')") == [{29: 1, 27: 1, 32: 1, 35: 1}]
        assert ask(engine, "g.V().order().by('age').values('name')") == ["vadas", "marko", "josh", "peter"]
        assert ask(engine, "g.V('lop').project('a', 'b').by('age').by('name')") == [{"b": "lop"}]

    def test_a_third_by_is_too_many(self, engine: Engine) -> None:
        with pytest.raises(QueryFailed, match="already been set"):
            ask(engine, "g.V().group().by().by().by()")


class TestReductions:
    def test_counts_are_long_and_sums_of_nothing_are_nothing(self, engine: Engine) -> None:
        assert [type(v) for v in ask(engine, "g.V().count()")] == [Long]
        assert ask(engine, "g.V().values('nobody').sum()") == []
        assert ask(engine, "g.V().values('nobody').count()") == [0]

    def test_local_scope_works_inside_values(self, engine: Engine) -> None:
        assert ask(engine, "g.inject([3, 1, 2]).order(local)") == [[1, 2, 3]]
        assert ask(engine, "g.inject([3, 1, 2]).limit(local, 2)") == [[3, 1]]
        assert ask(engine, "g.inject([3, 1, 2]).sum(local)") == [6]

    def test_tail_undoes_bulk(self, engine: Engine) -> None:
        assert len(ask(engine, "g.V().out().barrier().tail(2)")) == 2

    def test_an_illegal_range_is_refused(self, engine: Engine) -> None:
        with pytest.raises(QueryFailed, match=r"Not a legal range: \[3, 1\]"):
            ask(engine, "g.V().range(3, 1)")


class TestPathsAndSacks:
    def test_simple_paths_do_not_return(self, engine: Engine) -> None:
        assert names(engine, "g.V('marko').out('created').in('created').simplePath()") == ["josh", "peter"]

    def test_other_v_is_where_the_path_did_not_come_from(self, engine: Engine) -> None:
        assert names(engine, "g.V('lop').bothE().otherV()") == ["josh", "marko", "peter"]

    def test_a_tree_merges_paths(self, engine: Engine) -> None:
        assert ask(engine, "g.V('marko').out('knows').out().tree().by('name')") == [
            {"marko": {"josh": {"ripple": {}, "lop": {}}}}
        ]

    def test_sacks_travel_and_merge(self, engine: Engine) -> None:
        assert ask(engine, "g.withSack(1).V('marko').out('knows').sack(sum).by('age').sack()") == [28, 33]
        assert ask(engine, "g.withSack(1, sum).V('marko').out().out().in().barrier().sack()")


class TestLimits:
    def test_lambdas_and_unbound_names_are_refused(self, engine: Engine) -> None:
        with pytest.raises(QueryFailed, match="No such variable: x"):
            ask(engine, "g.V(x)")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("g.out()", "Could not locate method: GraphTraversalSource.out"),
            ("g.V().nowhere()", "Could not locate method: nowhere"),
            ("g.V().by('x')", "can not be modulated by by"),
            ("g.V().until(out())", "repeat\\(\\)-traversal was not defined"),
            ("g.inject(1).out()", "java.lang.Integer cannot be cast"),
        ],
    )
    def test_what_makes_no_sense_is_refused_in_words(self, engine: Engine, text: str, message: str) -> None:
        with pytest.raises(QueryFailed, match=message):
            ask(engine, text)

    def test_too_many_results_are_an_error(self, engine: Engine) -> None:
        assert len(ask(engine, "g.V()", QueryOptions(max_results=6))) == 6
        with pytest.raises(MemoryLimitExceeded, match="more than 5 results"):
            ask(engine, "g.V()", QueryOptions(max_results=5))

    def test_a_cancelled_query_stops(self, engine: Engine) -> None:
        cancelled = threading.Event()
        cancelled.set()
        with pytest.raises(CancelledByUser):
            ask(engine, "g.V().repeat(both()).times(5)", QueryOptions(cancelled=cancelled))

    def test_the_query_may_set_its_own_time_limit(self, engine: Engine) -> None:
        with pytest.raises(TimeLimitExceeded, match="limit of 20 ms"):
            ask(engine, "g.with('evaluationTimeout', 20).V().repeat(identity())")

    def test_a_chain_of_thousands_of_steps_runs(self, engine: Engine) -> None:
        assert len(ask(engine, "g" + ".addV('x')" * 2000)) == 1

    def test_fail_raises_with_its_message(self, engine: Engine) -> None:
        with pytest.raises(FailStep, match="not so"):
            ask(engine, "g.V().fail('not so')")


class TestWriting:
    def test_an_error_undoes_the_whole_traversal(self, engine: Engine) -> None:
        with pytest.raises(FailStep):
            ask(engine, "g.addV('x').addV('y').fail()")
        assert ask(engine, "g.V().hasLabel('x', 'y').count()") == [0]

    def test_read_only_requests_change_nothing(self, engine: Engine) -> None:
        with pytest.raises(ReadOnlyViolation):
            ask(engine, "g.addV('x')", QueryOptions(read_only=True))

    def test_a_session_is_seen_by_others_after_commit_only(self, engine: Engine) -> None:
        session = engine.session()
        list(session.run(parse("g.addV('x')")[0].traversal))
        assert [t.value for t in session.run(parse("g.V().hasLabel('x').count()")[0].traversal)] == [1]
        assert ask(engine, "g.V().hasLabel('x').count()") == [0]
        session.commit()
        assert ask(engine, "g.V().hasLabel('x').count()") == [1]

    def test_a_rolled_back_session_leaves_nothing(self, engine: Engine) -> None:
        session = engine.session()
        list(session.run(parse("g.V().drop()")[0].traversal))
        list(session.run(parse("g.tx().rollback()")[0].traversal))
        assert ask(engine, "g.V().count()") == [6]

    def test_a_query_sees_what_it_wrote(self, engine: Engine) -> None:
        assert ask(engine, "g.addV('x').property('name', 'new').V().has('name', 'new').count()") == [1]


class TestLooking:
    def test_explain_shows_every_stage(self, engine: Engine) -> None:
        text = engine.explain(parse("g.V().hasLabel('person').out().count()")[0].traversal)
        assert "Original Traversal" in text
        assert "AdjacentStep(OUT)" in text
        assert "VectorisedStep" in text.splitlines()[-1]

    def test_profile_counts_what_each_step_let_through(self, engine: Engine) -> None:
        result = engine.profile(parse("g.V().hasLabel('person').values('age').is(gt(28))")[0].traversal)
        assert result.results == 3
        assert [m.counts["elementCount"] for m in result.metrics.metrics] == [4, 4, 3]
        assert ">TOTAL" in result.text()

    def test_the_profile_step_gives_metrics(self, engine: Engine) -> None:
        (found,) = ask(engine, "g.V().out().profile()")
        assert isinstance(found, TraversalMetrics)
        assert [m.counts["elementCount"] for m in found.metrics] == [6, 6]

    def test_services_are_listed_and_called(self, engine: Engine) -> None:
        assert ask(engine, "g.call()") == ["tinker.search", "tinker.degree.centrality"]
        assert ask(engine, "g.V('lop').call('tinker.degree.centrality')") == [3]
        with pytest.raises(QueryFailed, match="Unrecognized service: nobody"):
            ask(engine, "g.call('nobody')")

    def test_who_has_a_value_is_found_without_a_look_at_the_others(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def scanned(*_: Any) -> Any:
            raise AssertionError("all vertices were looked at")

        for name in ("vertices", "vertex_rows"):
            monkeypatch.setattr(StoredGraph, name, scanned)
        assert ask(engine, "g.V().has('name', 'marko').id()") == ["marko"]
        assert ask(engine, "g.V().has('name', within('lop', 'vadas')).id()") == ["vadas", "lop"]
        assert ask(engine, "g.V().hasLabel('software').has('name', 'marko').id()") == []
        with pytest.raises(AssertionError, match="all vertices"):
            ask(engine, "g.V().has('name', gt('m')).id()")

    def test_texts_are_searched_in_properties_of_the_kind_that_is_asked_for(self, engine: Engine) -> None:
        ask(engine, "g.V('marko').outE('knows').property('note', 'first a mark')")
        search = "g.call('tinker.search').with('search', 'mar')"
        assert sorted(ask(engine, f"{search}.value()")) == ["first a mark", "first a mark", "marko"]
        assert ask(engine, f"{search}.with('type', 'Edge').key()") == ["note", "note"]  # a weight is no text
        assert ask(engine, f"{search}.with('type', 'Vertex').value()") == ["marko"]
        assert ask(engine, f"{search}.with('type', 'VertexProperty').value()") == []


class TestManyAtOnce:
    def test_readers_beside_a_writer_see_whole_transactions_only(self, engine: Engine) -> None:
        done = threading.Event()
        seen: list[int] = []
        failed: list[Exception] = []

        def read() -> None:
            try:
                while not done.is_set():
                    seen.extend(ask(engine, "g.V().hasLabel('pair').count()"))
                    seen.append(len(ask(engine, "g.V().hasLabel('pair')")))
            except Exception as error:
                failed.append(error)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for _ in range(20):
            ask(engine, "g.addV('pair').addV('pair').as('b').addE('twin').from('b').to(__.V('marko'))")
        done.set()
        for reader in readers:
            reader.join()
        assert failed == []
        assert {count % 2 for count in seen} == {0}
        assert ask(engine, "g.V('marko').in('twin').count()") == [20]

    def test_a_long_loop_keeps_its_path(self, engine: Engine) -> None:
        found = ask(engine, "g.inject(1).repeat(map(constant(2))).times(20000).path().count(local)")
        assert found == [20001]


class TestAgainstTheServer:
    """Differences that comparing with a real Gremlin Server brought to light."""

    def test_has_of_what_is_no_element_is_refused(self, engine: Engine) -> None:
        with pytest.raises(QueryFailed, match=r"java\.lang\.Integer cannot be cast"):
            ask(engine, "g.V().values('age').has('name', 'x')")

    def test_elements_have_no_key_and_properties_no_names(self, engine: Engine) -> None:
        assert ask(engine, "g.V().hasKey('age')") == []
        assert ask(engine, "g.E().properties().has('name', 'x')") == []
        assert len(ask(engine, "g.V().properties().hasKey('age').hasValue(gt(30))")) == 2

    def test_a_child_that_begins_with_inject_has_its_traverser_first(self, engine: Engine) -> None:
        assert ask(engine, "g.inject('a').map(inject('b'))") == ["a"]
        assert ask(engine, "g.V('marko').inject('b').limit(1)") == ["b"]

    def test_inject_can_not_begin_a_repeat(self, engine: Engine) -> None:
        with pytest.raises(QueryFailed, match="parent of inject"):
            ask(engine, "g.V().repeat(inject('y')).times(2)")

    def test_tokens_stand_in_the_order_of_their_names(self, engine: Engine) -> None:
        found = ask(engine, "g.V('marko').elementMap('age').order(local).by(keys)")
        assert [str(getattr(key, "value", key)) for key in found[0]] == ["age", "id", "label"]

    def test_a_seed_draws_what_java_draws(self) -> None:
        # new java.util.Random(42): three doubles, five of nextInt(10)
        chance = SeededRandomNumbers(42)
        assert [chance.random() for _ in range(3)] == [0.7275636800328681, 0.6832234717598454, 0.30871945533265976]
        chance = SeededRandomNumbers(42)
        assert [chance.below(10) for _ in range(5)] == [0, 3, 8, 4, 0]


class TestMemory:
    def test_a_step_holds_so_many_traversers_and_no_more(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("workflow.queries.run.MOST_HELD", 2000)
        for text in (
            "g.V().repeat(both().identity()).times(30).path().count()",
            "g.V().both().both().both().aggregate('x').path()",
        ):
            longer = text.replace("g.V()", "g.V().both().both().both().both().both().both()")
            with pytest.raises(MemoryLimitExceeded, match="more than 2000 traversers"):
                ask(engine, longer)
