"""Random traversals around an inference step give what they give around the same values stored in the graph.

The library and the ways in are in ``conftest.py``. Beside what its endpoints answer by heart, the same is stored: the
best shelf as a property, the three best links as edges.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from workflow.errors import WorkflowError

PREDICTED_SHELF = "properties('shelf').with('Neptune#ml.classification').value()"
PREDICTED_READ = "out('read').with('Neptune#ml.prediction').hasLabel('book').id()"
TWINS = {  # the inference step: its endpoint, and what reads the same from the graph
    PREDICTED_SHELF: ("g.with('Neptune#ml.endpoint','ep-nc').", "values('told')", "'Poetry'"),
    PREDICTED_READ: (
        "g.with('Neptune#ml.endpoint','ep-lp').with('Neptune#ml.limit',3).",
        "out('told').hasLabel('book').id()",
        "'book_9'",
    ),
}
STARTS = (
    "V('book_1','book_2','book_new')", "V().hasLabel('book').limit(5)", "V('author_1').in('by').limit(4)",
    "V('reader_1','reader_2').out('read')", "V('reader_1','book_3','author_1','book_10')",
    "V().hasLabel('reader').limit(2).out('read').in('read').limit(6)", "V('book_1','book_1','book_2')",
    "V('reader_1').as('r').out('read')", "V('reader_1','reader_8','reader_new')", "V('reader_1').outE('read').inV()",
)  # fmt: skip
BEFORE = (
    "", "identity().", "barrier().", "dedup().", "order().by(id).", "limit(3).", "as('q').", "where(has('name')).",
    "hasLabel('book').", "filter(hasNot('shelf')).", "union(identity(),identity()).", "repeat(identity()).times(2).",
    "fold().unfold().",
)  # fmt: skip
AROUND = (
    "S", "map(S)", "flatMap(S)", "local(S.fold())", "project('a').by(S)", "project('a','b').by(S.fold()).by(id())",
    "where(S.is(X)).id()", "not(S.is(X)).id()", "coalesce(S,constant('n'))", "coalesce(values('shelf'),S)",
    "optional(S.is(X)).count()", "choose(S.is(X),id(),label())", "choose(hasLabel('book'),S,id())",
    "choose(hasLabel('book'),id(),S)", "union(S,id())", "union(id(),S.is(X))", "group().by(S).by(id().fold())",
    "group().by(id()).by(S.fold())", "groupCount().by(S)", "dedup().by(S).id()", "aggregate('x').by(S).cap('x')",
    "sideEffect(S.aggregate('y')).cap('y')", "as('a').identity().select('a').S", "and(S,has('name')).id()",
    "or(has('shelf'),S.is(X)).id()", "local(union(id(),S).fold())", "map(choose(has('shelf'),S,constant('none')))",
    "branch(label()).option('book',S).option('reader',id())",
    "choose(label()).option('book',S).option(none,constant(0))",
    "order().by(coalesce(S,constant('z'))).id()", "as('a').project('p').by(select('a').S.fold())", "local(limit(1).S)",
    "group('g').by(S).cap('g')", "where(__.not(S)).id()", "filter(__.in('by').count().is(0)).S",
    "sack(assign).by(coalesce(S,constant('k'))).sack()", "S.as('v').select('v')",
)  # fmt: skip
NESTED = (
    "W", "W", "W", "W", "local(W)", "map(W)", "flatMap(W)", "union(W,id())", "project('z').by(W)", "optional(W)",
    "coalesce(W,constant('c'))", "choose(has('name'),W,constant('w'))", "sideEffect(W).count()", "where(W).id()",
)  # fmt: skip
BEHIND = ("", ".count()", ".fold()", ".dedup()", ".limit(2)", ".fold().count(local)", ".tail(1)", ".range(1,3)")


@pytest.fixture(scope="module")
def twins(library: Any) -> Any:
    """The library, with what its endpoints would say stored."""
    graph = library.graph
    tx = graph.begin()
    for n in range(1, 91):
        tx.set_vertex_property(graph.vertex_row(f"book_{n}"), "told", ("Drama", "Essay", "Poetry")[n % 3], "single")
    for n in range(1, 61):
        for book in range(3):
            told = f"book_{(n + 7 * book) % 90 + 1}"
            tx.add_edge(None, "told", graph.vertex_row(f"reader_{n}"), graph.vertex_row(told))
    tx.commit()
    return library


def _queries(seed: int, number: int) -> Iterator[tuple[str, str]]:
    rng = random.Random(seed)
    for _ in range(number):
        step, (source, stored, value) = rng.choice(list(TWINS.items()))
        before = "".join(rng.choice(BEFORE) for _ in range(rng.randrange(3)))
        around = rng.choice(NESTED).replace("W", rng.choice(AROUND)).replace("X", value)
        whole = f"{rng.choice(STARTS)}.{before}{around}{rng.choice(BEHIND)}"
        yield source + whole.replace("S", step), "g." + whole.replace("S", stored)


def _answer(library: Any, query: str) -> Any:
    try:
        return [str(one) for one in library(query)]
    except WorkflowError as error:
        return type(error)


@pytest.mark.parametrize("seed", range(4))
def test_a_prediction_reads_like_a_stored_value(twins: Any, seed: int) -> None:
    answered = 0
    for predicted, stored in _queries(seed, 400):
        found, expected = _answer(twins, predicted), _answer(twins, stored)
        assert found == expected, predicted
        answered += isinstance(found, list) and found not in ([], ["0"])
    assert answered > 200
