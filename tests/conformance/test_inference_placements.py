"""Where an inference step may stand, and what may follow it: each query against an answer worked out by hand.

The library and the ways in are in ``conftest.py``: book_n stands on shelf number n mod 3 and costs n / 2; reader_n has
read the books n+1, n+8 and n+15 and is offered n+1, n+8, n+15, n+22 … with scores of 0.9, 0.89, 0.88 …
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from workflow.errors import WorkflowError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")

Ask = Callable[[str], list[Any]]

SHELVES = ("Drama", "Essay", "Poetry")
SHELF = 'properties("shelf").with("Neptune#ml.classification")'
PRICE = 'properties("price").with("Neptune#ml.regression")'
MOOD = 'properties("mood").with("Neptune#ml.classification")'
READ = 'out("read").with("Neptune#ml.prediction").hasLabel("book")'
THREE = "V('book_1','book_2','book_3')"
EPT = ["Essay", "Poetry", "Drama"]
THIRDS = {"Essay": 30, "Poetry": 30, "Drama": 30}
ONE_TO_THREE = ["book_2", "book_9", "book_16"]


def _read_again(reader: int) -> list[int]:
    """The numbers of the books that are read by those who read what a reader reads, with repetitions."""
    read = {n: [(n + 7 * m) % 90 + 1 for m in range(3)] for n in range(1, 61)}
    return [again for book in read[reader] for other in read if book in read[other] for again in read[other]]


SHELVES_AGAIN = dict(Counter(SHELVES[n % 3] for n in _read_again(1)))

CLASSES: list[tuple[str, list[Any]]] = [
    # tests of the predicted value
    (f"{THREE}.{SHELF}.value().is('Poetry')", ["Poetry"]),
    (f"{THREE}.{SHELF}.value().is(within('Poetry','Drama'))", ["Poetry", "Drama"]),
    (f"{THREE}.{SHELF}.hasValue('Poetry').value()", ["Poetry"]),
    (f"{THREE}.{SHELF}.has(value, 'Poetry').value()", ["Poetry"]),
    (f"{THREE}.{SHELF}.hasKey('shelf').value()", EPT),
    (f"{THREE}.{SHELF}.has(key, 'shelf').value()", EPT),
    (f"{THREE}.{SHELF}.key().is('name')", []),
    (f"{THREE}.values('shelf').with('Neptune#ml.classification')", EPT),
    (f"{THREE}.where({SHELF}.hasValue('Poetry')).id()", ["book_2"]),
    (f"{THREE}.filter({SHELF}.value().is('Poetry')).id()", ["book_2"]),
    (f"{THREE}.not({SHELF}.value().is('Poetry')).id()", ["book_1", "book_3"]),
    (f"{THREE}.where(__.not({SHELF}.value().is('Poetry'))).id()", ["book_1", "book_3"]),
    (f"{THREE}.and(has('name'), {SHELF}.value().is('Poetry')).id()", ["book_2"]),
    (f"{THREE}.or(hasId('book_1'), {SHELF}.value().is('Poetry')).id()", ["book_1", "book_2"]),
    # children that run for each element
    (f"{THREE}.map({SHELF}.value())", EPT),
    (f"{THREE}.flatMap({SHELF}.value())", EPT),
    (f"{THREE}.local({SHELF}.value().fold())", [["Essay"], ["Poetry"], ["Drama"]]),
    (f"{THREE}.optional({SHELF}).value()", EPT),
    (f"V('book_1','book_new').optional({SHELF}.value()).path().count(local)", [3, 1]),
    (f"V('book_1','book_new','book_2').coalesce({SHELF}.value(), constant('none'))", ["Essay", "none", "Poetry"]),
    (f"{THREE}.choose({SHELF}.value()).option('Poetry', constant('P')).option(none, id())", ["book_1", "P", "book_3"]),
    (f"{THREE}.choose({SHELF}.value().is('Poetry'), constant('P'), id())", ["book_1", "P", "book_3"]),
    (f"{THREE}.choose(hasId('book_2'), {SHELF}.value(), id())", ["book_1", "Poetry", "book_3"]),
    (f"{THREE}.branch(id()).option('book_2', {SHELF}.value()).option(none, id())", ["book_1", "Poetry", "book_3"]),
    (f"{THREE}.union({SHELF}.value(), id())", ["Essay", "book_1", "Poetry", "book_2", "Drama", "book_3"]),
    (f"{THREE}.union(id(), {SHELF}.value())", ["book_1", "Essay", "book_2", "Poetry", "book_3", "Drama"]),
    (f"{THREE}.sideEffect({SHELF}.value().aggregate('x')).id().fold().select('x')", [EPT]),
    (f"{THREE}.match(__.as('a').{SHELF}.value().as('b')).select('b')", EPT),
    (f"{THREE}.match(__.as('a').{SHELF}.value().as('b'), __.as('a').out('by').as('c')).select('b')", EPT),
    (f"V('author_1').local(__.in('by').limit(3).{SHELF}.value())", EPT),
    # what never comes to the step need not be fit for it
    (f"V('book_1').union(identity(), id()).choose(is('book_1'), constant('id'), {SHELF}.value())", ["Essay", "id"]),
    (f"V('reader_1').union(identity(), outE('read').limit(1))"
     f".choose(hasLabel('reader'), out('read').{SHELF}.value().fold(), constant('edge'))",
     [["Poetry", "Drama", "Essay"], "edge"]),
    # modulators
    (f"{THREE}.project('i','p').by(id).by({SHELF}.value())",
     [{"i": f"book_{n}", "p": shelf} for n, shelf in enumerate(EPT, 1)]),
    (f"V('book_1','book_new').project('i','p').by(id).by({SHELF}.value())",
     [{"i": "book_1", "p": "Essay"}, {"i": "book_new"}]),
    (f"{THREE}.as('b').out('by').project('p').by(select('b').{SHELF}.value())", [{"p": shelf} for shelf in EPT]),
    (f"V('author_1').project('n').by(__.in('by').{SHELF}.value().groupCount())", [{"n": THIRDS}]),
    (f"{THREE}.order().by({SHELF}.value()).id()", ["book_3", "book_1", "book_2"]),
    (f"{THREE}.order().by({SHELF}.value(), desc).id()", ["book_2", "book_1", "book_3"]),
    (f"V().hasLabel('book').group().by({SHELF}.value()).by(count())", [THIRDS]),
    (f"V('book_1','book_2','book_4').group().by({SHELF}.value()).by(id)",
     [{"Essay": ["book_1", "book_4"], "Poetry": ["book_2"]}]),
    (f"V('book_1','book_2').group().by(id).by({SHELF}.value())", [{"book_1": "Essay", "book_2": "Poetry"}]),
    (f"V().hasLabel('book').groupCount().by({SHELF}.value())", [THIRDS]),
    (f"V().hasLabel('book').has('shelf').dedup().by({SHELF}.value()).id()", ["book_1", "book_2", "book_3"]),
    # what follows
    (f"V().hasLabel('book').{SHELF}.value().groupCount()", [THIRDS]),
    (f"V().hasLabel('book').{SHELF}.groupCount().by(value)", [THIRDS]),
    (f"V().hasLabel('book').{SHELF}.value().dedup()", EPT),
    (f"V().{SHELF}.count()", [90]),
    (f"V().{SHELF}.limit(2).value()", EPT[:2]),
    (f"V().hasLabel('book').limit(2).{SHELF}.value()", EPT[:2]),
    (f"{THREE}.{SHELF}.value().order()", sorted(EPT)),
    (f"{THREE}.{SHELF}.value().fold()", [EPT]),
    (f"{THREE}.{SHELF}.element().id()", ["book_1", "book_2", "book_3"]),
    (f"{THREE}.as('b').{SHELF}.select('b').id()", ["book_1", "book_2", "book_3"]),
    (f"V('book_1').{SHELF}.project('k','v').by(key).by(value)", [{"k": "shelf", "v": "Essay"}]),
    (f"V('book_1').{SHELF}.valueMap()", [{}]),
    (f"V('book_1').{SHELF}.as('p').select('p').by(value)", ["Essay"]),
    ("V('book_1').properties('shelf').with('Neptune#ml.classification', true).value()", ["Essay"]),
    ("V('book_1').properties('shelf').with('Neptune#ml.classification', false).value()", ["Stored"]),
    (f"V('book_1').union(properties('shelf').with('Neptune#ml.regression', false), {SHELF}).value()",
     ["Stored", "Essay"]),
    # what stands before
    (f"V('book_1','book_1').{SHELF}.value()", ["Essay", "Essay"]),
    (f"V(['book_1']).{SHELF}.value()", ["Essay"]),
    (f"{THREE}.repeat(identity()).times(2).{SHELF}.value()", EPT),
    (f"V('reader_1').repeat(out()).until(hasLabel('book')).{SHELF}.value()", ["Poetry", "Drama", "Essay"]),
    (f"V('reader_1').out('read').in('read').out('read').{SHELF}.value().groupCount()", [SHELVES_AGAIN]),
    (f"V('reader_1').out('read').in('read').out('read').groupCount().by({SHELF}.value())", [SHELVES_AGAIN]),
    (f"V('reader_1').out('read').in('read').out('read').where({SHELF}.value().is('Essay')).count()",
     [SHELVES_AGAIN["Essay"]]),
]  # fmt: skip

NUMBERS: list[tuple[str, list[Any]]] = [
    (f"V().hasLabel('book').{PRICE}.value().sum()", [sum(range(1, 91)) / 2]),
    (f"V().hasLabel('book').{PRICE}.value().mean()", [22.75]),
    (f"V().hasLabel('book').{PRICE}.value().max()", [45.0]),
    (f"V().hasLabel('book').has('shelf').order().by({PRICE}.value(), desc).limit(3).id()",
     ["book_89", "book_88", "book_87"]),
    (f"V().hasLabel('book').where({PRICE}.value().is(gt(44))).id()", ["book_89", "book_90"]),
    (f"V('book_4').{PRICE}.value().math('_ * 2')", [4.0]),
    ("V('book_4').properties('price','Neptune#ml.score').with('Neptune#ml.regression').value()", [2.0]),
    (f"V('book_3','book_1').{PRICE}.order().by(value).value()", [0.5, 1.5]),
]  # fmt: skip

EDGES: list[tuple[str, list[Any]]] = [
    (f"V('reader_1').outE('read').where({MOOD}.value().is('Calm')).inV().id()", ["book_9"]),
    (f"V('reader_1').outE('read').{MOOD}.element().id()", ["read_1", "read_2", "read_3"]),
    (f"V('reader_1').outE('read').project('e','m').by(id).by({MOOD}.value())",
     [{"e": "read_1", "m": "Tense"}, {"e": "read_2", "m": "Calm"}, {"e": "read_3", "m": "Tense"}]),
    (f"V('reader_1').project('m').by(outE('read').{MOOD}.value().fold())", [{"m": ["Tense", "Calm", "Tense"]}]),
    (f"V('reader_1').outE('read').group().by({MOOD}.value()).by(inV().id().fold())",
     [{"Tense": ["book_2", "book_16"], "Calm": ["book_9"]}]),
    (f"E().{MOOD}.value().groupCount()", [{"Tense": 90, "Calm": 90}]),
    (f"E('read_1').union({MOOD}, properties('mood')).value()", ["Tense", "Stored"]),
    (f"E('read_new').{MOOD}", []),
    (f"E('nobody').{MOOD}", []),
    (f"V('book_1').{MOOD}", []),
]  # fmt: skip

LINKS: list[tuple[str, list[Any]]] = [  # with a limit of three
    (f"V('reader_1','reader_2').{READ}.id()", [*ONE_TO_THREE, "book_3", "book_10", "book_17"]),
    (f"V('reader_1').{READ}.hasId('book_9').id()", ["book_9"]),
    (f"V('reader_1').{READ}.has('name','Book 9').id()", ["book_9"]),
    (f"V('reader_1').{READ}.has('book','name','Book 9').id()", ["book_9"]),
    (f"V('reader_1').{READ}.hasNot('shelf').id()", []),
    ("V('reader_1').out('read').with('Neptune#ml.prediction').has('name','Book 9').hasLabel('book').id()", ["book_9"]),
    ("V('reader_1').out('read').with('Neptune#ml.prediction').has(label, within('book')).id()", ONE_TO_THREE),
    ("V('reader_1').out('read').with('Neptune#ml.prediction').as('p').hasLabel('book').select('p').id()", ONE_TO_THREE),
    (f"V('reader_1').{READ}.values('name')", ["Book 2", "Book 9", "Book 16"]),
    (f"V('reader_1').{READ}.properties('name').value()", ["Book 2", "Book 9", "Book 16"]),
    (f"V('reader_1').{READ}.valueMap('name')", [{"name": [f"Book {n}"]} for n in (2, 9, 16)]),
    (f"V('reader_1').{READ}.elementMap('name').select('name')", ["Book 2", "Book 9", "Book 16"]),
    (f"V('reader_1').{READ}.range(1, 3).id()", ["book_9", "book_16"]),
    (f"V('reader_1').{READ}.count()", [3]),
    (f"V('reader_1').{READ}.order().by(id, desc).id()", ["book_9", "book_2", "book_16"]),
    (f"V('reader_1','reader_8').{READ}.dedup().id()", [*ONE_TO_THREE, "book_23"]),
    (f"V('reader_1','reader_8').{READ}.groupCount().by(id)",
     [{"book_2": 1, "book_9": 2, "book_16": 2, "book_23": 1}]),
    (f"V('reader_1','reader_8').{READ}.group().by(id).by(count())",
     [{"book_2": 1, "book_9": 2, "book_16": 2, "book_23": 1}]),
    (f"V('reader_1','reader_8').{READ}.out('by').in('by').count()", [540]),
    (f"V('reader_1').{READ}.path().by(id)", [["reader_1", book] for book in ONE_TO_THREE]),
    (f"V('reader_1').local({READ}.id().fold())", [ONE_TO_THREE]),
    (f"V('reader_1').where({READ}.hasId('book_9')).id()", ["reader_1"]),
    (f"V('reader_1').where({READ}.hasId('book_10')).id()", []),
    (f"V('reader_1').as('r').{READ}.where(__.in('read').as('r')).id()", ONE_TO_THREE),
    (f"V('reader_1').as('r').{READ}.where(__.not(__.in('read').as('r'))).id()", []),
    (f"V('reader_1').union({READ}, out('read')).id()", [*ONE_TO_THREE, *ONE_TO_THREE]),
    (f"V('reader_1').project('r','b').by(id).by({READ}.id().fold())", [{"r": "reader_1", "b": ONE_TO_THREE}]),
    (f"V('reader_1').choose({READ}.hasId('book_2'), constant(1), constant(2))", [1]),
    (f"V('reader_1','reader_new').coalesce({READ}.id(), constant('none'))", [*ONE_TO_THREE, "none"]),
    (f"V('reader_1').sideEffect({READ}.aggregate('p')).cap('p').unfold().id()", ONE_TO_THREE),
    (f"V('reader_1').{READ}.aggregate('b').cap('b').unfold().id()", ONE_TO_THREE),
    (f"V('reader_1').repeat(identity()).times(1).{READ}.id()", ONE_TO_THREE),
    # one vertex that is predicted for two inputs has two scores
    (f"V('reader_1','reader_8').{READ}.hasId('book_9').values('Neptune#ml.score')", [0.89, 0.9]),
    (f"V('reader_1','reader_8').{READ}.barrier().hasId('book_9').values('Neptune#ml.score')", [0.89, 0.9]),
    (f"V('reader_1','reader_8').{READ}.hasId('book_9').group().by(id).by(values('Neptune#ml.score').fold())",
     [{"book_9": [0.89, 0.9]}]),
    (f"V('reader_1','reader_8').{READ}.hasId('book_9').fold().unfold().values('Neptune#ml.score')", [0.89, 0.9]),
    (f"V('reader_1','reader_8').{READ}.hasId('book_9').as('x').out('by').select('x').values('Neptune#ml.score')",
     [0.89, 0.9]),
    (f"V('reader_1').project('b').by({READ}.project('i','s').by(id).by('Neptune#ml.score').fold())",
     [{"b": [{"i": book, "s": s} for book, s in zip(ONE_TO_THREE, (0.9, 0.89, 0.88), strict=True)]}]),
]  # fmt: skip

SOURCES: list[tuple[str, list[Any]]] = [  # of the links of reader_1, with a limit of three
    ("withStrategies(ReadOnlyStrategy)", ONE_TO_THREE),
    ("withStrategies(new SubgraphStrategy(vertices: __.hasLabel('book','reader')))", ONE_TO_THREE),
    ("withStrategies(new SubgraphStrategy(vertices: __.not(hasId('book_9'))))", ["book_2", "book_16"]),
    ("withStrategies(new SubgraphStrategy(edges: hasLabel('by')))", ONE_TO_THREE),
    ("withStrategies(new PartitionStrategy(partitionKey:'shelf', readPartitions: ['Stored']))", []),
    ("withSack(1.0)", ONE_TO_THREE),
    ("withPath()", ONE_TO_THREE),
    ("withBulk(false)", ONE_TO_THREE),
    ("with('Neptune#ml.disableInductiveInferenceMetadataCache')", ONE_TO_THREE),
    ("with('evaluationTimeout', 5000).with('Neptune#repeatMode', 'DFS')", ONE_TO_THREE),
]

QUERIES = [
    *((f"g.with('Neptune#ml.endpoint','ep-nc').{query}", expected) for query, expected in CLASSES),
    *((f"g.with('Neptune#ml.endpoint','ep-nr').{query}", expected) for query, expected in NUMBERS),
    *((f"g.with('Neptune#ml.endpoint','ep-ec').{query}", expected) for query, expected in EDGES),
    *((f"g.with('Neptune#ml.endpoint','ep-lp').with('Neptune#ml.limit',3).{query}", found) for query, found in LINKS),
]


def _plain(value: Any) -> Any:
    objects = getattr(value, "objects", None)
    return value if objects is None else list(objects)


each_query = pytest.mark.parametrize(
    ("query", "expected"), [pytest.param(*one, id=f"{n}-{one[0].partition(').')[2]}") for n, one in enumerate(QUERIES)]
)


@each_query
def test_an_inference_step_answers_wherever_it_stands(ask: Ask, query: str, expected: list[Any]) -> None:
    assert [_plain(one) for one in ask(query)] == expected


@each_query
def test_a_gateway_answers_as_the_engine_does(gateway: Ask, query: str, expected: list[Any]) -> None:
    assert [_plain(one) for one in gateway(query)] == expected


@pytest.mark.parametrize(("source", "expected"), SOURCES)
def test_other_options_and_strategies_leave_predictions_be(library: Any, source: str, expected: list[str]) -> None:
    ml = "with('Neptune#ml.endpoint','ep-lp').with('Neptune#ml.limit',3)"
    steps = f"V('reader_1').{READ}.id()"
    assert library(f"g.{source}.{ml}.{steps}") == expected
    assert library(f"g.{ml}.{source}.{steps}") == expected


def test_a_partition_is_predicted_for_and_from(library: Any) -> None:
    partition = "withStrategies(new PartitionStrategy(partitionKey:'shelf', readPartitions: ['Stored']))"
    query = f"g.{partition}.with('Neptune#ml.endpoint','ep-lp')"
    # readers have no shelf, and every tenth book has none
    assert library(f"{query}.V('reader_1').{READ}.id()") == []
    assert library(f"{query}.V('book_1').in('read').with('Neptune#ml.prediction').hasLabel('reader').id()") == []
    assert library(f"{query.replace('ep-lp', 'ep-nc')}.V('book_9','book_10').{SHELF}.element().id()") == ["book_9"]


@pytest.mark.parametrize(
    "steps",
    [
        f"V('book_1').{SHELF}.drop()",
        f"V('book_1').{SHELF}.property('sure', 'no')",
        f"V('book_1').sideEffect({SHELF}.drop())",
    ],
)
def test_a_prediction_cannot_be_changed_or_dropped(ask: Ask, steps: str) -> None:
    with pytest.raises(WorkflowError, match="is a prediction, which no element of the graph has"):
        ask(f"g.with('Neptune#ml.endpoint','ep-nc').{steps}")


def test_dropping_a_prediction_does_not_drop_the_stored_property_of_an_edge(ask: Ask) -> None:
    with pytest.raises(WorkflowError, match="is a prediction"):
        ask(f"g.with('Neptune#ml.endpoint','ep-ec').E('read_1').{MOOD}.drop()")
    assert ask("g.E('read_1').values('mood')") == ["Stored"]


def test_a_prediction_can_be_stored(ask: Ask) -> None:
    start = "g.with('Neptune#ml.endpoint','ep-nc').V('book_10')"
    try:
        assert ask(f"{start}.property('shelf', {SHELF}.value()).values('shelf')") == ["Essay"]
    finally:
        ask("g.V('book_10').properties('shelf').drop()")
