"""What a database over Bolt holds becomes tables that can be loaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.bolt_server import BoltServers
from workflow.client.bolt.tables import _table, database_tables, path_tables
from workflow.client.frames import write_neptune_csv
from workflow.client.workflow_file.description import WorkflowFile
from workflow.drivers import open_bolt
from workflow.errors import InvalidParameter


def test_labels_types_and_whole_numbers_are_kept(tmp_path: Path) -> None:
    with BoltServers(tmp_path) as servers:
        url = f"bolt://127.0.0.1:{servers.begin().port}"
        database = open_bolt(url)
        text = "CREATE (a:A:B {`~id`: 'a', n: 1, v: [1.5, 2.5]}), (b:C {`~id`: 'b'}), (c:C {`~id`: 'c', m: 2}), "
        list(database.rows(text + "(a)-[:R {`~id`: 'e', w: 0.5}]->(b)"))
        database.close()
        nodes, edges = database_tables(url)
    written = [write_neptune_csv(frame, kind="nodes").decode() for frame in nodes]
    assert sorted(written) == [
        "~id,~label,m:Long\nb,C,\nc,C,2\n",
        "~id,~label,n:Long,v:Double[]\na,A;B,1,1.5;2.5\n",
    ]
    (edge,) = (write_neptune_csv(frame, kind="edges").decode() for frame in edges)
    assert edge == "~id,~from,~to,~label,w:Double\ne,a,b,R,0.5\n"


def test_a_property_of_several_types_becomes_text_and_is_warned_of() -> None:
    rows = [{"~id": "a", "~label": "P", "x": 1}, {"~id": "b", "~label": "P"}, {"~id": "c", "~label": "P", "x": "one"}]
    with pytest.warns(UserWarning, match="The property 'x' of P has several types; all are text"):
        frame = _table(rows)
    assert write_neptune_csv(frame, kind="nodes").decode() == "~id,~label,x:String\na,P,1\nb,P,\nc,P,one\n"


def test_source_is_another_word_for_load() -> None:
    described = WorkflowFile.model_validate({"name": "x", "source": "bolt://localhost:7687", "export": {}})
    assert described.load == "bolt://localhost:7687"


@pytest.fixture
def reviews(tmp_path: Path) -> Iterator[str]:
    """Two people and what they wrote of one product."""
    with BoltServers(tmp_path) as servers:
        url = f"bolt://127.0.0.1:{servers.begin().port}"
        database = open_bolt(url)
        text = """CREATE (p:PRODUCT {`~id`: 'p', style: [0.0, 1.0]}),
          (a:PERSON {`~id`: 'a', likes: [1.0, 0.0]}), (b:PERSON {`~id`: 'b', likes: [0.0, 1.0]}),
          (a)-[:WROTE]->(:REVIEW {score: 0.0})-[:OF]->(p), (b)-[:WROTE]->(:REVIEW {score: 1.0})-[:OF]->(p)"""
        list(database.rows(text))
        database.close()
        yield url


PATH = "MATCH (a:PERSON)-[:WROTE]->(r:REVIEW)-[:OF]->(p:PRODUCT) "


def written(frames: list[Any], kind: Any) -> list[str]:
    return [write_neptune_csv(frame, kind=kind).decode() for frame in frames]


def test_a_path_between_two_nodes_is_an_edge_and_vectors_are_a_property_a_number(reviews: str) -> None:
    text = PATH + "RETURN a, p, r.score AS score ORDER BY score"
    nodes, edges = path_tables(reviews, {"reviewed": text})
    assert sorted(written(nodes, "nodes")) == [
        "~id,~label,likes_0:Double,likes_1:Double\na,PERSON,1.0,0.0\nb,PERSON,0.0,1.0\n",
        "~id,~label,style_0:Double,style_1:Double\np,PRODUCT,0.0,1.0\n",
    ]
    assert written(edges, "edges") == [
        "~id,~label,~from,~to,score:Double\nreviewed-0,reviewed,a,p,0.0\nreviewed-1,reviewed,b,p,1.0\n"
    ]


def test_a_row_of_values_is_a_vertex_and_null_is_no_value(reviews: str) -> None:
    text = PATH + "RETURN a.likes + p.style AS x, CASE r.score WHEN 1.0 THEN 1.0 END AS y ORDER BY r.score"
    nodes, edges = path_tables(reviews, {"review": text})
    assert edges == []
    assert written(nodes, "nodes") == [
        "~id,~label,x_0:Double,x_1:Double,x_2:Double,x_3:Double,y:Double\n"
        "review-0,review,1.0,0.0,0.0,1.0,\nreview-1,review,0.0,1.0,0.0,1.0,1.0\n"
    ]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (PATH + "RETURN a, r.score AS score", "has 1 nodes; return two"),
        ("MATCH (:PERSON)-[w:WROTE]->() RETURN w", "holds a wrote; return its two nodes"),
        ("MATCH (a:PERSON {likes: []}) RETURN a.likes AS x", "gives no rows"),
        ("UNWIND [[1, 2], [1]] AS x RETURN x", "have 1 to 2 numbers; they must be equally long"),
    ],
)
def test_rows_of_another_shape_are_refused_with_what_to_return(reviews: str, query: str, said: str) -> None:
    with pytest.raises(InvalidParameter, match=said):
        path_tables(reviews, {"reviewed": query})


def test_paths_need_a_database_over_bolt(tmp_path: Path) -> None:
    file = tmp_path / "reviews.yaml"
    target = "targets: [{node: review, property: y, type: regression}]"
    file.write_text(f"name: reviews\nload: social\npaths: {{review: RETURN 1 AS y}}\nexport: {{{target}}}\n")
    with pytest.raises(InvalidParameter, match="paths are queries to a database over Bolt"):
        WorkflowFile.read(file)
