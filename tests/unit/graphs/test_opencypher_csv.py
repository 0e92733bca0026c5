"""Neptune's CSV for openCypher data into the store."""

from __future__ import annotations

import io

import pytest

from workflow.cypher.engine import CypherEngine
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.loading import FileReport, LoadRules
from workflow.graphs.files.neptune_csv import FileRefused
from workflow.graphs.files.opencypher_csv import opencypher_header
from workflow.graphs.store.store import EmbeddedGraph

NODES = (
    "personId:ID,name:String,age:Int,born:Date,score:Double,:LABEL,plain\n"
    'p1,"Ada, L.",36,1815-12-10,1.5,Person;Admin,x\np2,Bob,,,,Person,\n'
)
EDGES = ":ID,:START_ID,:END_ID,:TYPE,since:Long\ne1,p1,p2,KNOWS,2001\n"


def load(graph: EmbeddedGraph, text: str) -> FileReport:
    return CsvLoad(graph).load(io.BytesIO(text.encode()), "f.csv", LoadRules())


def test_nodes_and_relationships_are_loaded_as_the_guide_writes_them() -> None:
    graph = EmbeddedGraph("g", "neptune")
    assert (load(graph, NODES).failures, load(graph, EDGES).failures) == (0, 0)
    engine = CypherEngine(graph, "neptune")
    query = "MATCH (a)-[r:KNOWS]->(b) "
    query += "RETURN labels(a) AS l, properties(a) AS p, r.since AS s, properties(b) AS q, id(r) AS i"
    assert list(engine.run(query).rows) == [
        {
            "l": ["Person", "Admin"],
            "p": {"personId": "p1", "name": "Ada, L.", "age": 36, "born": "1815-12-10", "score": 1.5, "plain": "x"},
            "s": 2001,
            "q": {"personId": "p2", "name": "Bob"},
            "i": "e1",
        }
    ]


def test_what_a_file_holds_is_seen_by_its_header() -> None:
    loader = CsvLoad(EmbeddedGraph("g", "neptune"))
    assert loader.kind(io.BytesIO(NODES.encode()), "a.csv") == "vertices"
    assert loader.kind(io.BytesIO(EDGES.encode()), "b.csv") == "edges"
    assert opencypher_header(["~id", "name:String"]) is None  # the form of Gremlin


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (":ID,:ID,name", "stands twice"),
        (":ID,name,name:Int", "stands twice"),
        (":ID(People),name", "a space of ids"),
        (":START_ID,:END_ID,:TYPE", "no column :ID"),
        (":ID,:START_ID", "no column :END_ID"),
        (":LABEL,name", "no column :ID"),
        (":ID,when:Aeon", "no type 'Aeon'"),
        (":ID,a:b:c", "no property"),
    ],
)
def test_wrong_headers_are_refused_with_a_reason(header: str, said: str) -> None:
    with pytest.raises(FileRefused, match=said):
        opencypher_header(header.split(","))
