"""mergeV and mergeE: what is found, what is made, and what contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import QueryFailed
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse


class Db:
    """A graph of two people who know each other, and its engine."""

    def __init__(self) -> None:
        self.engine = Engine(EmbeddedGraph(name="g", profile="tinkerpop"), "tinkerpop")
        self(
            "g.addV('person').property(T.id, 1).property('name', 'a').addV('person').property(T.id, 2)"
            ".property('name', 'b').addE('knows').from(__.V(1)).to(__.V(2)).property('w', 1)"
        )

    def __call__(self, text: str) -> list[Any]:
        found: list[Any] = []
        for traverser in self.engine.run(parse(text)[0].traversal):
            found += [traverser.value] * traverser.bulk
        return found


@pytest.fixture
def db() -> Db:
    return Db()


def test_what_is_found_is_not_made_again(db: Db) -> None:
    assert db("g.mergeV([T.label: 'person', 'name': 'a']).id()") == [1]
    assert db("g.mergeV([T.id: 2]).values('name')") == ["b"]
    assert db("g.V().count()") == [2]


def test_what_is_not_found_is_made_of_the_map_and_on_create(db: Db) -> None:
    db("g.mergeV([T.id: 3, 'name': 'c']).option(onCreate, [T.label: 'person', 'age': 5])")
    assert db("g.V(3).elementMap('name', 'age').select(values)") == [[3, "person", "c", 5]]


def test_on_match_writes_to_every_match_with_its_cardinality(db: Db) -> None:
    assert db("g.mergeV([T.label: 'person']).option(onMatch, ['x': 1, 'name': Cardinality.list('z')]).count()") == [2]
    assert db("g.V(1).values('name')") == ["a", "z"]
    assert db("g.V().values('x')") == [1, 1]


def test_options_see_the_matched_element_and_the_map_may_be_computed(db: Db) -> None:
    db("g.inject(['name': 'a']).mergeV().option(onMatch, project('copy').by(__.values('name')))")
    assert db("g.V(1).values('copy')") == ["a"]


def test_null_and_the_empty_map_match_every_vertex(db: Db) -> None:
    assert db("g.mergeV([:]).count()") == [2]
    assert db("g.mergeV(null).count()") == [2]


def test_an_edge_is_found_by_its_ends_label_and_properties(db: Db) -> None:
    db("g.mergeE([T.label: 'knows', Direction.from: 1, Direction.to: 2, 'w': 1]).option(onMatch, ['w': 2])")
    assert db("g.E().values('w')") == [2]
    db("g.mergeE([T.label: 'knows', Direction.from: 1, Direction.to: 2, 'w': 1])")
    assert db("g.E().count()") == [2]


def test_ends_may_be_explained_by_options(db: Db) -> None:
    db(
        "g.mergeE([T.label: 'likes', (from): Merge.outV, (to): Merge.inV])"
        ".option(Merge.outV, [T.id: 2]).option(Merge.inV, __.V(1))"
    )
    assert db("g.V(2).out('likes').id()") == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g.mergeV([T.label: 'a']).option(onCreate, [T.label: 'b'])", "cannot override values from merge"),
        ("g.mergeV([T.id: null])", "does not allow null Map values - check: id"),
        ("g.mergeV([T.label: 5])", "expect T.label value to be of String - found: Integer"),
        ("g.mergeV([(Direction.OUT): 1])", r"either String or \[id, label\] - check: OUT"),
        ("g.mergeV(['~x': 1])", "Property key can not be a hidden key: ~x"),
        ("g.mergeV([T.id: 9]).option(onMatch, ['~x': 1])", "Property key can not be a hidden key: ~x"),
        (
            "g.mergeV([T.id: 1]).option(onMatch, [T.label: 'x'])",
            r"option\(onMatch\) expects keys in Map to be of String",
        ),
        ("g.mergeE([T.label: 'x'])", "Out Vertex not specified in onCreate"),
        ("g.mergeE([T.label: 'x', Direction.OUT: 1])", "In Vertex not specified in onCreate"),
        ("g.mergeE([Direction.OUT: 1, Direction.IN: 9])", "Vertex id could not be resolved from mergeE: 9"),
        ("g.mergeE([Direction.OUT: Merge.inV])", "Only Merge.outV token may be used for Direction.OUT, found: inV"),
        ("g.mergeE([Direction.OUT: Merge.outV])", r"option\(outV\) must be specified if it is used for OUT"),
        ("g.mergeE([:]).option(onCreate, ['a': Cardinality.set(1)])", r"can only be used following mergeV\(\)"),
    ],
)
def test_maps_that_contradict_themselves_are_refused_in_gremlins_words(db: Db, text: str, message: str) -> None:
    with pytest.raises(QueryFailed, match=message):
        db(text)
    assert db("g.V().count()") == [2]


def test_a_partition_reaches_what_is_merged(db: Db) -> None:
    source = "g.withStrategies(new PartitionStrategy(partitionKey: 'p', writePartition: 'x', readPartitions: ['x']))"
    db(f"{source}.mergeV(['name': 'a'])")  # the vertex of this name lies in no partition, so another is made
    assert db("g.V().has('name', 'a').count()") == [2]
    assert db(f"{source}.V().values('name')") == ["a"]
