"""The graph sources of this service keep the contract of graph sources."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tests.contracts.graph_source_contract import EDGES, NODES, GraphSourceContract, fill
from workflow.graphs.files.bulk import CsvLoad
from workflow.graphs.files.loading import LoadRules
from workflow.graphs.source import GraphSource
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph


class TestEmbeddedGraph(GraphSourceContract):
    @pytest.fixture
    def source(self) -> GraphSource:
        graph = EmbeddedGraph()
        fill(graph)
        return graph

    def test_a_writer_does_not_disturb_a_snapshot(self, source: EmbeddedGraph) -> None:
        with source.snapshot() as snapshot:
            tx = source.begin()
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
