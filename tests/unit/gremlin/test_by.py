"""What a by() sees: its traverser, or, of a step that projects values, a traverser that begins at the value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.gremlin.test_engine import filled
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse

# marko is 29, knows vadas (27) and josh (32); the sack of each of the two is 1 + 1, and every sack begins with 1
SACK = "g.withSack(1).V().has('name','marko').as('a').out('knows').sack(sum).by(constant(1)).as('b')"
NAMES = "g.V().has('name','marko').as('a').out('knows').as('b')"
CASES: dict[str, list[Any]] = {
    # of a traverser
    f"{SACK}.project('x').by(sack())": [{"x": 2}, {"x": 2}],
    f"{SACK}.math('_').by(sack())": [2.0, 2.0],
    f"{SACK}.group().by('name').by(sack())": [{"vadas": 2, "josh": 2}],
    f"{SACK}.aggregate('x').by(sack()).cap('x')": [[2, 2]],
    f"{SACK}.format('%{{_}}').by(sack())": ["2", "2"],
    f"{SACK}.order().by(sack()).count()": [2],
    f"{NAMES}.project('x').by(select('a').values('name'))": [{"x": "marko"}, {"x": "marko"}],
    f"{NAMES}.project('x').by(path().count(local))": [{"x": 2}, {"x": 2}],
    f"{NAMES}.group().by(select('a').values('name')).by(count())": [{"marko": 2}],
    f"{NAMES}.order().by(select('a').values('name')).count()": [2],
    # of a value
    f"{SACK}.select('a').by(sack())": [1, 1],
    f"{SACK}.select('a','b').by(sack())": [{"a": 1, "b": 1}, {"a": 1, "b": 1}],
    f"{SACK}.select('b','a').by('name').by(sack())": [{"b": "vadas", "a": 1}, {"b": "josh", "a": 1}],
    f"{SACK}.path().by(sack()).unfold()": [1, 1, 1, 1],
    f"{SACK}.where('a',eq('b')).by(sack()).count()": [2],
    f"{SACK}.where(eq('a')).by(sack()).count()": [0],  # the traverser's own 2 is not the value's 1
    f"{SACK}.math('a+b').by(sack())": [2.0, 2.0],
    f"{SACK}.dedup('a').by(sack()).count()": [1],
    f"{SACK}.valueMap('name').by(sack())": [{"name": 1}, {"name": 1}],
    f"{SACK}.cyclicPath().by(sack()).count()": [2],
    f"{SACK}.values('name').fold().order(local).by(sack()).count(local)": [2],
    f"{SACK}.map(select('a').by(sack()))": [1, 1],
    f"{NAMES}.select('a','b').by(path().count(local))": [{"a": 1, "b": 1}, {"a": 1, "b": 1}],
    f"{NAMES}.path().by(path().count(local)).unfold()": [1, 1, 1, 1],
    f"{NAMES}.select('b').by(select('a').values('name')).count()": [0],
    f"{NAMES}.select('a').by(as('c').out('created').select('c').values('name'))": ["marko", "marko"],
}


@pytest.mark.parametrize("text", CASES)
def test_a_by_sees_its_traverser(text: str) -> None:
    engine = Engine(filled(EmbeddedGraph(profile="tinkerpop")), "tinkerpop")
    assert [t.value for t in engine.run(parse(text)[0].traversal) for _ in range(t.bulk)] == CASES[text]
