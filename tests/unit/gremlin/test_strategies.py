"""User strategies: what they make of a traversal, and what they refuse."""

from __future__ import annotations

import pytest

from workflow.errors import QueryFailed
from workflow.gremlin.lang import parse
from workflow.gremlin.planning.strategies import apply_strategies
from workflow.gremlin.traversal import Traversal


def traversal(text: str) -> Traversal:
    return parse(text)[0].traversal


def applied(source: str, steps: str) -> Traversal:
    return apply_strategies(traversal(f"g.withStrategies({source}).{steps}"))[0]


@pytest.mark.parametrize(
    ("source", "steps", "expected"),
    [
        ("vertices: has('a')", "V().out('x').as('b')", "V().has('a').out('x').has('a').as('b')"),
        ("vertices: out().has('a')", "V()", "V().filter(out().has('a'))"),
        ("edges: has('w')", "V().out('x')", "V().outE('x').has('w').inV()"),
        ("edges: has('w')", "V().both()", "V().bothE().has('w').otherV()"),
        (
            "edges: has('w'), vertices: has('a')",
            "V().inE()",
            "V().has('a').inE().has('w').filter(outV().filter(has('a')))",
        ),
        (
            "edges: has('w'), vertices: has('a'), checkAdjacentVertices: false",
            "V().inE()",
            "V().has('a').inE().has('w')",
        ),
        ("vertices: has('a')", "V().where(out())", "V().has('a').where(out().has('a'))"),
        (
            "vertices: has('a')",
            "addV('x').property('k', 1).as('b').out()",
            "addV('x').property('k', 1).has('a').as('b').out().has('a')",
        ),
        (
            "vertexProperties: has('s')",
            "V().values('l')",
            "V().properties('l').filter(or(not(is(typeOf(GType.VPROPERTY))), has('s'))).value()",
        ),
    ],
)
def test_a_subgraph_filters_behind_every_step_that_reaches_an_element(source: str, steps: str, expected: str) -> None:
    assert applied(f"new SubgraphStrategy({source})", steps) == traversal("g." + expected)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("V().has('n', 1).out()", "V().has('n', 1).has('p', within(['b', 'c'])).out().has('p', within(['b', 'c']))"),
        ("addV('x').property('k', 1)", "addV('x').property('p', 'a').property('k', 1)"),
        ("V().where(outE())", "V().has('p', within(['b', 'c'])).where(outE().has('p', within(['b', 'c'])))"),
    ],
)
def test_partitions_mark_what_is_written_and_filter_what_is_read(steps: str, expected: str) -> None:
    source = "new PartitionStrategy(partitionKey: 'p', writePartition: 'a', readPartitions: ['b', 'c'])"
    assert applied(source, steps) == traversal("g." + expected)


def test_element_ids_are_read_from_a_property() -> None:
    found = applied("new ElementIdStrategy(idPropertyKey: 'k')", "V('1', '2').hasId('3').id()")
    assert found == traversal("g.V().has('k', within(['1', '2'])).has('k', within(['3'])).values('k')")


def test_an_added_element_gets_the_id_as_its_property() -> None:
    found = applied("new ElementIdStrategy(idPropertyKey: 'k')", "addV('x').property(T.id, '7')")
    assert found == traversal("g.addV('x').property('k', '7')")
    assert len(applied("ElementIdStrategy", "addV()").steps) == 2


def test_reductions_are_productive_already() -> None:
    assert applied("ProductiveByStrategy", "V().group().by(out().count())") == traversal(
        "g.V().group().by(out().count())"
    )


@pytest.mark.parametrize("steps", ["addV()", "V().drop()", "V().sideEffect(property('a', 1))", "mergeE([:])"])
def test_a_read_only_source_refuses_changes_however_deep(steps: str) -> None:
    with pytest.raises(QueryFailed, match="has a mutating step and thus is not read only"):
        applied("ReadOnlyStrategy", steps)


def test_reserved_keys_are_refused_when_asked_for() -> None:
    with pytest.raises(QueryFailed, match="reserved word: id"):
        applied("new ReservedKeysVerificationStrategy(throwException: true)", "addV().property('id', 1)")
    assert applied("ReservedKeysVerificationStrategy", "addV().property('id', 1)").steps


def test_steps_without_edge_labels_are_refused_when_asked_for() -> None:
    with pytest.raises(QueryFailed, match="vertex step without any specified edge label"):
        applied("new EdgeLabelVerificationStrategy(throwException: true)", "V().out()")
    assert applied("new EdgeLabelVerificationStrategy(throwException: true)", "V().out('x')").steps


def test_a_strategy_taken_out_again_does_nothing() -> None:
    found, strategies = apply_strategies(
        traversal("g.withStrategies(ReadOnlyStrategy).withoutStrategies(ReadOnlyStrategy).addV()")
    )
    assert found == traversal("g.addV()")
    assert not strategies.read_only


def test_seed_and_options_are_handed_to_the_engine() -> None:
    _, strategies = apply_strategies(
        traversal("g.withStrategies(new SeedStrategy(seed: 7), new OptionsStrategy(a: 'b')).V()")
    )
    assert (strategies.seed, strategies.options) == (7, {"a": "b"})


def test_an_unknown_strategy_is_named() -> None:
    with pytest.raises(QueryFailed, match="Unknown strategy: NoSuchStrategy"):
        applied("NoSuchStrategy", "V()")


def test_a_subgraph_hides_properties_from_maps_too() -> None:
    found = applied("new SubgraphStrategy(vertexProperties: has('s'))", "V().valueMap('l')")
    visible = "properties('l').filter(or(not(is(typeOf(GType.VPROPERTY))), has('s')))"
    assert found == traversal(f"g.V().local({visible}.group().by(key()).by(value().fold()))")
    with pytest.raises(QueryFailed, match="use properties"):
        applied("new SubgraphStrategy(vertexProperties: has('s'))", "V().elementMap()")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("ElementIdStrategy", "idPropertyKey: 5"),
        ("SubgraphStrategy", "vertices: 5"),
        ("SubgraphStrategy", "edges: 5"),
        ("SubgraphStrategy", "vertexProperties: 5"),
        ("SubgraphStrategy", "vertices: has('a'), checkAdjacentVertices: 5"),
        ("PartitionStrategy", "partitionKey: 5"),
        ("PartitionStrategy", "partitionKey: 'p', writePartition: 5"),
        ("PartitionStrategy", "partitionKey: 'p', readPartitions: 5"),
        ("PartitionStrategy", "partitionKey: 'p', includeMetaProperties: 5"),
        ("ProductiveByStrategy", "productiveKeys: 5"),
        ("ReservedKeysVerificationStrategy", "keys: 5"),
        ("ReservedKeysVerificationStrategy", "logWarning: 5"),
        ("EdgeLabelVerificationStrategy", "throwException: 5"),
        ("SeedStrategy", "seed: true"),
    ],
)
def test_a_setting_of_a_strategy_that_cannot_be_meant_is_refused(name: str, settings: str) -> None:
    with pytest.raises(QueryFailed, match=rf"{name} can not have (5|True) as its {settings.split()[-2][:-1]}"):
        applied(f"new {name}({settings})", "V()")
