"""GraphSON and GraphML, there and back."""

from __future__ import annotations

import datetime as dt
import io
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from workflow.errors import IllegalArgument
from workflow.graphs.files.graphml import read_graphml, write_graphml
from workflow.graphs.files.graphson import decode, encode, read_graphson, write_graphson
from workflow.graphs.store.store import EmbeddedGraph
from workflow.values.numbers import BigInteger, Byte, Char, Float, Long, Short


def contents(graph: EmbeddedGraph) -> Any:
    return (
        sorted(
            (
                repr(graph.vertex_id(v)),
                graph.vertex_label(v),
                sorted((p.key, repr(p.value), repr(p.meta)) for p in graph.vertex_properties(v)),
            )
            for v in graph.vertices()
        ),
        sorted(
            (
                repr(graph.edge_id(e)),
                graph.edge_label(e),
                repr(graph.vertex_id(graph.edge_source(e))),
                repr(graph.vertex_id(graph.edge_target(e))),
                sorted((key, repr(value)) for key, value in graph.edge_values(e).items()),
            )
            for e in graph.edges()
        ),
    )


def sample() -> EmbeddedGraph:
    graph = EmbeddedGraph(profile="tinkerpop")
    tx = graph.begin()
    a, b = tx.add_vertex(1, "person"), tx.add_vertex("two & <three>", "person")
    tx.set_vertex_property(a, "name", "Ann \u00fc", "single")
    tx.set_vertex_property(a, "place", "here", "list", {"since": 2001})
    tx.set_vertex_property(a, "place", "there", "list")
    tx.set_vertex_property(b, "age", Long(30), "single")
    tx.set_edge_property(tx.add_edge(7, "knows", a, b), "weight", 0.5)
    tx.add_edge(8, "knows", b, b)
    tx.commit()
    return graph


def test_graphson_gives_the_graph_back() -> None:
    file = io.BytesIO()
    write_graphson(sample(), file)
    again = EmbeddedGraph(profile="tinkerpop")
    assert read_graphson(again, io.BytesIO(file.getvalue())) == (2, 2)
    assert contents(again) == contents(sample())


def test_graphson_reads_a_wrapped_list_and_plain_values() -> None:
    vertex = {"id": 1, "label": "person", "properties": {"name": [{"id": 0, "value": "marko"}]}}
    other = {"id": 2, "label": "person", "outE": {"knows": [{"id": 7, "inV": 1, "properties": {"weight": 0.5}}]}}
    graph = EmbeddedGraph(profile="tinkerpop")
    read_graphson(graph, io.BytesIO(json.dumps({"vertices": [vertex, other]}).encode()))
    assert list(graph.vertex_values(0, "name")) == ["marko"]
    assert graph.neighbours(1, "out") == [0]
    assert graph.edge_values(0) == {"weight": 0.5}


@pytest.mark.parametrize(
    "value",
    [
        "a",
        1,
        True,
        None,
        0.5,
        Long(2**40),
        Float(0.5),
        Byte(1),
        Short(2),
        Char("c"),
        BigInteger(2**80),
        Decimal("1.50"),
        uuid.UUID(int=5),
        b"\x00\xff",
        dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        dt.timedelta(hours=1, seconds=2.5),
        [1, "x", [Long(2)]],
        {1, 2},
        {"k": 1, 2: "v"},
        float("inf"),
    ],
    ids=repr,
)
def test_a_graphson_value_keeps_its_class(value: Any) -> None:
    again = decode(json.loads(json.dumps(encode(value))))
    assert again == value
    assert type(again) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"{", "line 1 is no JSON"),
        (b"[1]", "line 1 is no vertex"),
        (b'{"id": 1}\n{"label": "x"}', "line 2 is no vertex"),
        (b'{"id": {"@type": "g:Nothing", "@value": 1}}', "unknown type"),
        (b'{"id": 1, "outE": {"x": [{"id": 2, "inV": 9}]}}', "the vertex 9, which does not exist"),
        (b'{"id": 1}\n{"id": 1}', "Vertex with id already exists: 1"),
        (b'{"id": ' + b"[" * 100_000, "no JSON"),
    ],
    ids=["cut off", "a list", "no id", "unknown type", "no end", "twice", "deep"],
)
def test_a_graphson_file_that_is_wrong_changes_nothing(text: bytes, words: str) -> None:
    graph = EmbeddedGraph(profile="tinkerpop")
    with pytest.raises(IllegalArgument, match=words):
        read_graphson(graph, io.BytesIO(text))
    assert graph.vertex_count() == 0


def test_graphml_gives_back_what_it_can_hold() -> None:
    file = io.BytesIO()
    write_graphml(sample(), file)
    again = EmbeddedGraph(profile="tinkerpop")
    assert read_graphml(again, io.BytesIO(file.getvalue())) == (2, 2)
    vertices, edges = contents(again)
    # ids are text in GraphML, and of several values the first is written
    assert vertices == [
        ("'1'", "person", [("name", "'Ann ü'", "None"), ("place", "'here'", "None")]),
        ("'two & <three>'", "person", [("age", "30", "None")]),
    ]
    assert edges[0] == ("'7'", "knows", "'1'", "'two & <three>'", [("weight", "0.5")])
    assert type(next(iter(again.vertex_values(1, "age")))) is Long


def test_graphml_expands_no_entities() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><graphml><graph><node id="&b;"/></graph></graphml>'
    with pytest.raises(IllegalArgument, match="document type"):
        read_graphml(EmbeddedGraph(), io.BytesIO(bomb))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"<graphml>", "no XML"),
        (b'<graphml><key id="k" attr.type="colour"/></graphml>', "line 1: a key of type 'colour'"),
        (b'<graphml><graph>\n<edge source="1"/></graph></graphml>', "line 2: an edge without source or target"),
        (
            b'<graphml><key id="k" attr.name="n" attr.type="int"/><graph><node id="1"><data key="k">x</data></node>'
            b"</graph></graphml>",
            "'x' in 'n'",
        ),
    ],
    ids=["cut off", "type", "edge", "number"],
)
def test_a_graphml_file_that_is_wrong_says_where(text: bytes, words: str) -> None:
    with pytest.raises(IllegalArgument, match=words):
        read_graphml(EmbeddedGraph(), io.BytesIO(text))


def test_the_small_air_routes_load_from_graphml(data_folder: Path) -> None:
    graph = EmbeddedGraph()
    with (data_folder / "air-routes" / "small.graphml").open("rb") as file:
        vertices, edges = read_graphml(graph, file)
    # counted in the file: 47 nodes, 46 of them airports and one the version
    assert vertices == 47
    assert len(list(graph.vertices(["airport"]))) == 46
    assert (graph.vertex_count(), graph.edge_count()) == (vertices, edges)
    assert [graph.column("runways").get(row) for row in graph.find_vertices("airport", "code", "ATL") or ()] == [5]
