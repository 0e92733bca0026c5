"""What every source of graphs promises to an export.

A kind of graph supplies ``source``, a GraphSource that holds exactly the graph of ``NODES`` and ``EDGES``; a driver
of a database supplies ``driver`` over the same graph.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from workflow.errors import InvalidParameter
from workflow.graphs.source import EdgeRecord, ElementFilter, GraphPart, GraphSource, NodeRecord, SourceDriver

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


class SourceDriverContract(GraphSourceContract):
    @pytest.fixture
    def driver(self) -> SourceDriver:
        raise NotImplementedError

    @pytest.fixture
    def source(self, driver: SourceDriver) -> GraphSource:
        return driver.open(GraphPart(concurrency=2))

    def test_one_request_at_a_time_gives_the_same(self, driver: SourceDriver) -> None:
        with driver.open(GraphPart(concurrency=1)).snapshot() as snapshot:
            assert {node.id for node in snapshot.nodes()} == NODES.keys()
            assert {edge.id for edge in snapshot.edges()} == EDGES.keys()

    def test_a_filter_in_another_language_is_refused_before_anything_is_read(self, driver: SourceDriver) -> None:
        foreign = ElementFilter(cast(Any, "Klingon"), "taH pagh taHbe'")
        for part in (GraphPart(nodes=foreign), GraphPart(edges=foreign)):
            with pytest.raises(InvalidParameter, match="Klingon"):
                driver.open(replace(part, concurrency=1))

    def test_it_has_the_name_of_a_host(self, driver: SourceDriver) -> None:
        assert driver.host
        assert "/" not in driver.host
