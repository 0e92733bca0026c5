"""What every source of graphs promises to an export, asked of each of them.

A driver supplies ``source``: a GraphSource that holds exactly the graph of ``NODES`` and ``EDGES``.
"""

from __future__ import annotations

import io
from typing import Any

import pytest

from workflow.graphs.base import EdgeRecord, GraphSource, NodeRecord
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.loading import LoadRules
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph

NODES = {
    "a": (("Person", "Student"), {"name": ["Ann"], "tag": ["x", "y"]}),
    "b": (("Person",), {"name": ["Bob"], "age": [30]}),
    "c": (("City",), {}),
}
EDGES = {
    "e1": ("knows", "a", "b", {"since": [2001]}),
    "e2": ("knows", "b", "b", {}),
    "e3": ("lives in", "a", "c", {"weight": [0.5]}),
}


def fill(graph: Any) -> None:
    """Write the reference graph, and things that are gone again, into a graph that can be written."""
    tx = graph.begin()
    rows = {}
    gone = tx.add_vertex("gone", "Person")
    for id, (labels, properties) in NODES.items():
        rows[id] = tx.add_vertex(id, "::".join(labels))
        for key, values in properties.items():
            for value in values:
                tx.set_vertex_property(rows[id], key, value, "set")
    tx.add_edge("gone too", "knows", gone, rows["a"])
    for id, (label, source, target, values) in EDGES.items():
        row = tx.add_edge(id, label, rows[source], rows[target])
        for key, (value,) in values.items():
            tx.set_edge_property(row, key, value)
    tx.remove_vertex(gone)
    tx.commit()


class GraphSourceContract:
    @pytest.fixture
    def source(self) -> GraphSource:
        raise NotImplementedError

    def test_every_node_comes_once_with_its_labels_and_all_values(self, source: GraphSource) -> None:
        with source.snapshot() as snapshot:
            nodes = list(snapshot.nodes())
        assert all(isinstance(node, NodeRecord) for node in nodes)
        assert {node.id: (tuple(sorted(node.labels)), node.properties) for node in nodes} == NODES
        assert len(nodes) == len(NODES)

    def test_every_edge_comes_once_with_the_labels_of_its_ends(self, source: GraphSource) -> None:
        with source.snapshot() as snapshot:
            edges = list(snapshot.edges())
        assert all(isinstance(edge, EdgeRecord) for edge in edges)
        assert {edge.id: (edge.label, edge.source, edge.target, edge.properties) for edge in edges} == EDGES
        assert len(edges) == len(EDGES)
        for edge in edges:
            assert tuple(sorted(edge.source_labels)) == NODES[edge.source][0]
            assert tuple(sorted(edge.target_labels)) == NODES[edge.target][0]

    def test_the_counts_are_those_of_what_is_listed(self, source: GraphSource) -> None:
        with source.snapshot() as snapshot:
            assert snapshot.node_counts() == {("Person", "Student"): 1, ("Person",): 1, ("City",): 1}
            assert snapshot.edge_counts() == {
                (("Person", "Student"), "knows", ("Person",)): 1,
                (("Person",), "knows", ("Person",)): 1,
                (("Person", "Student"), "lives in", ("City",)): 1,
            }

    def test_label_sets_and_kinds_that_were_not_asked_for_are_left_out(self, source: GraphSource) -> None:
        with source.snapshot() as snapshot:
            assert {node.id for node in snapshot.nodes([("Person", "Student"), ("City",)])} == {
                id for id, (labels, _) in NODES.items() if labels != ("Person",)
            }
            assert not [*snapshot.nodes([]), *snapshot.edges([])]
            only = [(("Person",), "knows", ("Person",)), (("Person",), "lives in", ("City",))]
            assert [(edge.source_labels, edge.label) for edge in snapshot.edges(only)] == [(("Person",), "knows")]

    def test_a_snapshot_can_be_read_twice(self, source: GraphSource) -> None:
        with source.snapshot() as snapshot:
            assert [node.id for node in snapshot.nodes()] == [node.id for node in snapshot.nodes()]
            assert [edge.id for edge in snapshot.edges()] == [edge.id for edge in snapshot.edges()]


class TestEmbeddedGraph(GraphSourceContract):
    @pytest.fixture
    def source(self) -> GraphSource:
        graph = EmbeddedGraph()
        fill(graph)
        return graph

    def test_a_writer_does_not_disturb_a_snapshot(self, source: EmbeddedGraph) -> None:
        with source.snapshot() as snapshot:
            tx = source.begin(timeout_s=1)
            tx.remove_vertex(source.vertex_row("a") or 0)
            tx.commit()
            assert {node.id for node in snapshot.nodes()} == NODES.keys()
            assert {edge.id for edge in snapshot.edges()} == EDGES.keys()


class TestReopenedGraph(GraphSourceContract):
    @pytest.fixture
    def source(self, tmp_path: Any) -> Any:
        graph = open_graph(tmp_path)
        fill(graph)
        graph.close()
        again = open_graph(tmp_path)
        yield again
        again.close()


class TestLoadedGraph(GraphSourceContract):
    @pytest.fixture
    def source(self) -> GraphSource:
        graph = EmbeddedGraph()
        files = {
            "nodes.csv": "~id,~label,name:String(single),tag:String[],age:Int\n"
            "a,Person;Student,Ann,x;y,\nb,Person,Bob,,30\nc,City,,,\n",
            "edges.csv": "~id,~from,~to,~label,since:Int,weight:Double\n"
            "e1,a,b,knows,2001,\ne2,b,b,knows,,\ne3,a,c,lives in,,0.5\n",
        }
        for name, text in files.items():
            assert CsvLoad(graph).load(io.BytesIO(text.encode()), name, LoadRules()).failures == 0
        return graph
