"""addV, addE, property and drop on a graph in memory."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.errors import IllegalArgument, QueryFailed, ReadOnlyViolation, UnsupportedOperation
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine, QueryOptions
from workflow.gremlin.lang import parse
from workflow.settings import Profile


class Db:
    """A graph and its engine."""

    def __init__(self, profile: Profile = "tinkerpop") -> None:
        self.engine = Engine(EmbeddedGraph(name="g", profile=profile), profile)

    def __call__(self, text: str, options: QueryOptions | None = None) -> list[Any]:
        found: list[Any] = []
        for traverser in self.engine.run(parse(text)[0].traversal, options):
            found += [traverser.value] * traverser.bulk
        return found


@pytest.fixture
def db() -> Db:
    return Db()


def test_a_property_right_behind_starts_where_the_new_vertex_was_made(db: Db) -> None:
    db("g.addV('a').property('name', 'x')")
    db("g.V().addV('b').property('copy', values('name'))")
    assert db("g.V().hasLabel('b').values('copy')") == ["x"]


def test_properties_written_with_a_vertex_keep_every_value(db: Db) -> None:
    db("g.addV().property('k', 1).property('k', 2)")
    assert db("g.V().values('k')") == [1, 2]


def test_a_property_written_later_replaces_unless_it_has_a_cardinality(db: Db) -> None:
    db("g.addV().property('k', 1)")
    db("g.V().property('k', 2)")
    assert db("g.V().values('k')") == [2]
    db("g.V().property(list, 'k', 2).property(set, 'k', 2).property(set, 'k', 3)")
    assert db("g.V().values('k')") == [2, 2, 3]


def test_neptune_keeps_a_set_of_values() -> None:
    db = Db("neptune")
    db("g.addV('a').property('k', 1)")
    db("g.V().property('k', 2).property('k', 2)")
    assert db("g.V().values('k')") == [1, 2]
    assert isinstance(db("g.V().id()")[0], str)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g.V().property(list, 'k', 2)", "Cardinality list is not supported"),
        ("g.V().property('k', list(2))", "Cardinality list is not supported"),
        ("g.addV('a').property(list, 'k', 2)", "Cardinality list is not supported"),
        ("g.mergeV([(T.id): 'v']).option(onMatch, [k: 2], list)", "Cardinality list is not supported"),
        ("g.mergeV([(T.id): 'new', k: list(2)])", "Cardinality list is not supported"),
        ("g.V().property('k', 2, 'since', 2020)", "Properties on a vertex property is not supported"),
        ("g.V().properties('k').property('since', 2020)", "Properties on a vertex property is not supported"),
        ("g.V().property('k', [1, 2])", "Unsupported property value type: java.util.ArrayList"),
        ("g.V().property('k', [a: 1])", "Unsupported property value type: java.util.LinkedHashMap"),
        ("g.addE('x').from(V('v')).to(V('v')).property('k', {1, 2})", "Unsupported property value type"),
    ],
)
def test_neptune_refuses_what_only_tinkergraph_keeps_of_a_property(text: str, message: str) -> None:
    db = Db("neptune")
    db("g.addV('a').property(id, 'v').property('k', 1)")
    with pytest.raises(UnsupportedOperation, match=message):
        db(text)
    # nothing of the refused query is left
    assert db("g.V().count()") == [1]
    assert db("g.V().values('k')") == [1]
    assert db("g.E().count()") == [0]
    other = Db("tinkerpop")
    other("g.addV('a').property(id, 'v').property('k', 1)")
    other(text)


def test_null_removes_a_single_value_and_leaves_lists_alone(db: Db) -> None:
    db("g.addV().property('a', 1).property('b', 1)")
    db("g.V().property('a', null).property(list, 'b', null)")
    assert db("g.V().valueMap()") == [{"b": [1]}]


def test_meta_properties_are_written_read_and_dropped(db: Db) -> None:
    db("g.addV().property(single, 'k', 1, 'm', 'x')")
    assert db("g.V().properties('k').values('m')") == ["x"]
    db("g.V().properties('k').property('n', 2)")
    assert db("g.V().properties('k').valueMap()") == [{"m": "x", "n": 2}]
    db("g.V().properties('k').properties('m').drop()")
    assert db("g.V().properties('k').valueMap()") == [{"n": 2}]


def test_maps_of_properties_may_carry_their_cardinality(db: Db) -> None:
    db("g.addV().property(['a': 1, 'b': Cardinality.list(2)])")
    db("g.V().property(list, ['a': 2, 'b': Cardinality.single(3)])")
    assert db("g.V().valueMap()") == [{"a": [1, 2], "b": [3]}]


def test_an_edge_runs_between_the_vertices_of_from_and_to(db: Db) -> None:
    db("g.addV('a').as('x').addV('b').as('y').addE('e').from('x').to('y').property('w', 1.5d)")
    assert db("g.E().project('o', 'i', 'w').by(outV().label()).by(inV().label()).by('w')") == [
        {"o": "a", "i": "b", "w": 1.5}
    ]
    db("g.V().hasLabel('b').addE('back').to(__.V().hasLabel('a'))")
    assert db("g.V().hasLabel('b').out('back').label()") == ["a"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g.addE('e').from(__.V(99))", "must resolve to a Vertex or the ID of a Vertex present in the graph"),
        ("g.V().addE('e').to(__.V(99))", r"addE\(e\) failed because the to\(\) traversal"),
        ("g.addV().property(T.id, 1).property(T.id, 2)", "T.id has already been set to"),
        ("g.addV('a').property(T.label, 'b')", "T.label has already been set to"),
        ("g.V().property(T.id, 9)", "T.id is immutable on existing elements"),
        ("g.V().property('~k', 1)", "Property key can not be a hidden key: ~k"),
        ("g.V().property('', 1)", "Property key can not be the empty string"),
        ("g.addV('')", "Label can not be empty"),
        ("g.V().id().drop()", "The incoming object is not removable"),
        ("g.V().property('k', 1, 'm')", "found key without matching value"),
        (
            "g.addV().addE('e').property(list, 'k', 1)",
            "Multi-property cardinality of .list. can only be set for a Vertex",
        ),
    ],
)
def test_what_can_not_be_written_is_refused_in_gremlins_words(db: Db, text: str, message: str) -> None:
    db("g.addV('only')")
    with pytest.raises(QueryFailed, match=message):
        db(text)
    assert db("g.V().label()") == ["only"]  # the whole query is undone


def test_a_taken_id_is_refused(db: Db) -> None:
    db("g.addV().property(T.id, 1)")
    with pytest.raises(IllegalArgument, match="Vertex with id already exists: 1"):
        db("g.addV().property(T.id, 1)")


def test_dropping_a_vertex_drops_its_edges(db: Db) -> None:
    db("g.addV('a').as('x').addV('b').addE('e').from('x').addE('f').from('x').to('x')")
    db("g.V().hasLabel('a').drop()")
    assert db("g.E().count()") == [0]
    assert db("g.V().count()") == [1]


def test_dropping_twice_is_dropping_once(db: Db) -> None:
    db("g.addV('a').property('k', 1)")
    db("g.V().union(identity(), identity()).properties('k').drop()")
    assert db("g.V().valueMap()") == [{}]
    db("g.V().union(identity(), identity()).drop()")
    assert db("g.V().count()") == [0]


def test_a_traverser_that_stands_for_three_makes_three_vertices(db: Db) -> None:
    db("g.inject(1, 1, 1).barrier().addV()")
    assert db("g.V().count()") == [3]


def test_where_nothing_may_change_nothing_is_written(db: Db) -> None:
    with pytest.raises(ReadOnlyViolation):
        db("g.addV()", QueryOptions(read_only=True))
