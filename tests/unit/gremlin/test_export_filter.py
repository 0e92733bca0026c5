"""Gremlin filters of an export: what is a filter, and what it keeps of an embedded graph."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from workflow.errors import CancelledByUser, InvalidParameter
from workflow.graphs.source import ElementFilter, GraphPart
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.export_filter import _refuse_effects, checked_filter, checked_for_remote, opener
from workflow.gremlin.lang import parse
from workflow.gremlin.steps.facts import named
from workflow.gremlin.traversal import Instruction, Traversal


@pytest.fixture
def graph() -> EmbeddedGraph:
    """Ann (34) and Bo (55, also Admin) know each other, since 2001 and 2010; a film."""
    graph = EmbeddedGraph()
    engine = Engine(graph, "neptune")
    for text in (
        "g.addV('Person').property(id,'ann').property('age',34).property('born',datetime('1990-05-01'))",
        "g.addV('Person::Admin').property(id,'bo').property('age',55).property('born',datetime('1969-05-01'))",
        "g.addV('Film').property(id,'film')",
        "g.V('ann').addE('KNOWS').to(__.V('bo')).property(id,'k1').property('since',2001)",
        "g.V('bo').addE('KNOWS').to(__.V('ann')).property(id,'k2').property('since',2010)",
    ):
        list(engine.run(parse(text)[0].traversal))
    return graph


def part(nodes: str = "", edges: str = "") -> GraphPart:
    return GraphPart(*(ElementFilter("gremlin", text) if text else None for text in (nodes, edges)))


def kept(graph: EmbeddedGraph, nodes: str = "", edges: str = "") -> tuple[list[str], list[str]]:
    source = opener(Engine(graph, "neptune"), graph)(part(nodes, edges))
    with source.snapshot() as snapshot:
        assert sum(snapshot.node_counts().values()) == len(list(snapshot.nodes()))
        assert sum(snapshot.edge_counts().values()) == len(list(snapshot.edges()))
        return [one.id for one in snapshot.nodes()], [one.id for one in snapshot.edges()]


@pytest.mark.parametrize(
    ("nodes", "edges", "found"),
    [
        ("", "", (["ann", "bo", "film"], ["k1", "k2"])),
        ('has("age", gt(40))', "", (["bo"], ["k1", "k2"])),
        ("", "has('since', 2001)", (["ann", "bo", "film"], ["k1"])),
        ("hasLabel('Admin')", "where(__.outV().has('age', lt(40)))", (["bo"], ["k1"])),
        ('has("born", gt(datetime("1980-01-01")))', "", (["ann"], ["k1", "k2"])),
        (" __.where(__.or(hasLabel('Film'), has('age', 34))) ", "", (["ann", "film"], ["k1", "k2"])),
        ("order().by('age', desc).limit(1)", "has('since').limit(0)", (["bo"], [])),
        ("not(has('age'))", "", (["film"], ["k1", "k2"])),
    ],
)
def test_a_filter_keeps_what_its_steps_give(
    graph: EmbeddedGraph, nodes: str, edges: str, found: tuple[list[str], list[str]]
) -> None:
    assert kept(graph, nodes, edges) == found


def test_a_filtered_snapshot_is_of_one_moment(graph: EmbeddedGraph) -> None:
    engine = Engine(graph, "neptune")
    with opener(engine, graph)(part("has('age')")).snapshot() as snapshot:
        list(engine.run(parse("g.V('bo').drop()")[0].traversal))
        assert [one.id for one in snapshot.nodes()] == ["ann", "bo"]
        assert [one.id for one in snapshot.edges(only=[(("Admin", "Person"), "KNOWS", ("Person",))])] == ["k2"]


def test_a_snapshot_knows_the_last_change_that_is_in_it(graph: EmbeddedGraph) -> None:
    engine = Engine(graph, "neptune")
    with opener(engine, graph)(part("has('age')")).snapshot() as snapshot:
        list(engine.run(parse("g.addV('Film').property(id,'later')")[0].traversal))
        # the fifth commit added an edge, its label and a property: its last record is the second or third
        commit, operation = snapshot.last_event() or (0, 0)
    assert commit == 5
    assert operation == len(list(graph.journal.records(next(graph.journal.commits(5)))))


def test_a_filter_that_runs_long_can_be_broken_off(graph: EmbeddedGraph) -> None:
    stop = threading.Event()
    endless = "where(__.repeat(__.both('KNOWS')).times(1000000))"
    source = opener(Engine(graph, "neptune"), graph)(replace(part(endless), broken_off=stop))
    threading.Timer(0.2, stop.set).start()
    with pytest.raises(CancelledByUser), source.snapshot():
        pass


MUTATING = "Invalid operator: '{}'. Gremlin filter cannot contain side effect or mutating step."


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ("has('a').drop()", MUTATING.format("drop")),
        ("where(__.out('x').property('a', 1))", MUTATING.format("property")),
        ("filter(__.sideEffect(__.addV('x')))", MUTATING.format("sideEffect")),
        ("has('a'); g.V().drop()", "It must be one chain of steps"),
        ("has('a')\ng.addV('x')", "It must be one chain of steps"),
        ("has('a') // all", "It must be one chain of steps"),
        ("has('a').next()", "It must be one chain of steps"),
        ("out('x')", "out() does not only keep or drop; a filter is made of has, "),
        ("values('a')", "values() does not only keep or drop"),
        ("bogus(1)", "bogus() does not only keep or drop"),
        ("has('a'", "Query parsing failed"),
        ("has('a', gt(limit))", "No such variable: limit"),
        ("filter{it.get()}", "Lambdas are not supported"),
        ("where(__.bogus())", "bogus"),
    ],
)
def test_what_is_no_filter_is_refused_before_anything_runs(graph: EmbeddedGraph, steps: str, text: str) -> None:
    for wanted in (part(steps), part("", steps)):
        with pytest.raises(InvalidParameter) as caught:
            opener(Engine(graph, "neptune"), graph)(wanted)
        assert caught.value.message.startswith(f"Invalid Gremlin filter: {steps}. ")
        assert text in caught.value.message
    assert graph.vertex_count() == 3


@pytest.mark.parametrize("name", sorted(named(lambda facts: facts.may_write)))
def test_no_step_that_writes_is_allowed_anywhere_in_a_filter(name: str) -> None:
    # unparsed, so that every step is asked about whatever its arguments must be
    inner = Traversal((Instruction(name, ()),))
    for steps in ((Instruction(name, ()),), (Instruction("where", (inner,)),)):
        with pytest.raises(InvalidParameter, match=f"'{name}'. Gremlin filter cannot contain side effect or mutating"):
            _refuse_effects(Traversal(steps))


def test_a_remote_database_is_sent_no_text_that_it_would_run(graph: EmbeddedGraph) -> None:
    assert checked_for_remote("", "V") == ""
    assert checked_for_remote(" __.has('price', '$5') ", "V") == "has('price', '$5')"
    for steps in ('has("a", "${System.exit(0)}")', r"has('a', '\u0027 + System.exit(0) + \u0027')"):
        with pytest.raises(InvalidParameter, match="a '\\$' in single quotes, and characters as themselves"):
            checked_for_remote(steps, "V")
    with pytest.raises(InvalidParameter, match=r"coin\(\) gives .* every page another answer; use limit"):
        checked_for_remote("coin(0.5)", "E")
    assert checked_filter("coin(0.5)", "E").steps[0].name == "E"
