"""Ids of digits in CSV files: numbers in the tinkerpop profile, text in the neptune profile or where a load says so."""

from __future__ import annotations

import io
from typing import Any, Literal

import pytest

from workflow.graphs.files.bulk import CsvLoad, number_of
from workflow.graphs.files.loading import LoadRules
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.values.numbers import Long

VERTICES = "~id,~label,n:Int\n1,a,10\n2,a,20\nx3,a,30\n"
EDGES = "~id,~from,~to,~label,w:Int\n7,1,2,e,5\ne8,2,x3,e,6\n"


def load(graph: EmbeddedGraph, text: str, rules: LoadRules | None = None) -> int:
    return CsvLoad(graph).load(io.BytesIO(text.encode()), "f.csv", rules or LoadRules()).failures


def ids(graph: EmbeddedGraph) -> list[Any]:
    with graph.reading() as version:
        return [
            *(version.vertex_id(row) for row in version.vertices()),
            *(version.edge_id(row) for row in version.edges()),
        ]


@pytest.mark.parametrize(
    ("profile", "option", "expected"),
    [
        ("tinkerpop", None, [1, 2, "x3", 7, "e8"]),
        ("tinkerpop", True, [1, 2, "x3", 7, "e8"]),
        ("tinkerpop", False, ["1", "2", "x3", "7", "e8"]),
        ("neptune", None, ["1", "2", "x3", "7", "e8"]),
        ("neptune", True, ["1", "2", "x3", "7", "e8"]),
    ],
)
def test_ids_of_digits_are_numbers_where_the_profile_and_the_load_say_so(
    profile: Literal["tinkerpop", "neptune"], option: bool | None, expected: list[Any]
) -> None:
    graph = EmbeddedGraph(profile=profile)
    assert load(graph, VERTICES, LoadRules(number_ids=option)) == 0
    assert load(graph, EDGES, LoadRules(number_ids=option)) == 0
    assert ids(graph) == expected


def test_only_a_spelling_that_a_number_would_have_becomes_one() -> None:
    spellings = ["0", "-5", "007", "+5", "1.0", "٣", "", "-", "2147483647", "2147483648", "9" * 19]
    expected = [0, -5, "007", "+5", "1.0", "٣", "", "-", 2147483647, Long(2147483648), "9" * 19]
    assert list(map(number_of, spellings)) == expected
    assert list(map(type, map(number_of, spellings))) == list(map(type, expected))


def test_a_file_loaded_again_meets_its_own_rows() -> None:
    graph = EmbeddedGraph(profile="tinkerpop")
    for _ in range(2):
        assert load(graph, VERTICES) == 0
        assert load(graph, EDGES) == 0
    assert ids(graph) == [1, 2, "x3", 7, "e8"]
    # another value for the same id is refused as for any id
    assert load(graph, "~id,~label,n:Int\n1,a,11\n", LoadRules(fail_on_error=False)) == 0
    assert load(graph, "~id,~label,n:Int(single)\n1,a,12\n", LoadRules(fail_on_error=False)) == 1


def test_what_is_there_as_text_stays_text() -> None:
    graph = EmbeddedGraph(profile="tinkerpop")
    assert load(graph, VERTICES, LoadRules(number_ids=False)) == 0
    assert load(graph, "~id,~label,n:Int\n1,a,10\n4,a,40\n") == 0
    assert load(graph, EDGES) == 0
    assert ids(graph) == ["1", "2", "x3", 4, 7, "e8"]


def test_loaded_numbers_are_found_as_numbers_and_explain_names_the_other_spelling() -> None:
    graph = EmbeddedGraph(profile="tinkerpop")
    load(graph, VERTICES)
    engine = Engine(graph, "tinkerpop")
    assert [t.value for t in engine.run(parse("g.V(1).values('n')")[0].traversal)] == [10]
    assert [t.value for t in engine.run(parse("g.V().hasId(lt(2)).values('n')")[0].traversal)] == [10]
    texts = EmbeddedGraph(profile="tinkerpop")
    load(texts, VERTICES, LoadRules(number_ids=False))
    engine = Engine(texts, "tinkerpop")
    assert list(engine.run(parse("g.V(1)")[0].traversal)) == []
    assert "V(1) finds nothing: the id here is the text '1'" in engine.explain(parse("g.V(1)")[0].traversal)
