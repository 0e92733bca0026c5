"""Exports read a store by columns: the files are those that the records of the same graph give."""

from __future__ import annotations

import csv
import io
import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.record_graph import RecordGraph
from workflow.export import parse_request, write_export
from workflow.graphs.source import EdgeRecord, NodeRecord, Snapshot
from workflow.graphs.store import snapshot as snapshots
from workflow.graphs.store.store import EmbeddedGraph
from workflow.values.numbers import Float, Long

VALUES: list[Any] = [
    *(0, -1, Long(1 << 40), 0.0, -0.0, 1e-4, 0.001, 9999999.0, 1e7, 1e300, float("nan"), float("-inf"), 1 / 3),
    *(Float(0.1), Float(1e-5), Float(16777216.0), Float(1 / 3), True, "", "plain", 'with "quotes"', "a;b", "line\nend"),
    datetime(2024, 3, 1, 12, tzinfo=UTC),
]


def graph_of(seed: int) -> EmbeddedGraph:
    """Vertices and edges with values of every kind, in columns of one kind and of many, some loaded and some gone."""
    rng = random.Random(seed)
    graph = EmbeddedGraph("g", "neptune")
    for _ in range(3):
        tx = graph.begin()
        known = list(range(len(graph.state.vertices)))
        rows = [tx.add_vertex(f"v{len(known) + n}", rng.choice(["A", "B", "A::B"])) for n in range(20)]
        for row in rows:
            for key, kinds in (("int", (int,)), ("real", (float,)), ("small", (Float,)), ("any", (object,))):
                fitting = [value for value in VALUES if type(value) in kinds or kinds == (object,)]
                for value in rng.sample(fitting, rng.randrange(3 if key == "any" else 2)):
                    tx.set_vertex_property(row, key, value, "set")
        for n in range(30):
            edge = tx.add_edge(f"e{len(graph.state.edges) + n}", rng.choice("xy"), rng.choice(rows), rng.choice(rows))
            if rng.random() < 0.7:
                tx.set_edge_property(edge, "weight", rng.choice([0.5, 1e-9, 2]))
        tx.remove_vertex(rng.choice(rows))
        tx.commit()
    return graph


def records_of(graph: EmbeddedGraph) -> RecordGraph:
    """The same elements one by one, by the questions that queries ask."""
    labels = {row: tuple(sorted(graph.vertex_label(row).split("::"))) for row in graph.vertices()}
    nodes = []
    for row in graph.vertices():
        properties: dict[str, list[Any]] = {}
        for held in graph.vertex_properties(row):
            properties.setdefault(held.key, []).append(held.value)
        nodes.append(NodeRecord(str(graph.vertex_id(row)), labels[row], properties))
    edges = []
    for row in graph.edges():
        source, target = graph.edge_source(row), graph.edge_target(row)
        values = {key: [value] for key, value in graph.edge_values(row).items()}
        ends = str(graph.vertex_id(source)), str(graph.vertex_id(target))
        edges.append(
            EdgeRecord(str(graph.edge_id(row)), graph.edge_label(row), *ends, labels[source], labels[target], values)
        )
    return RecordGraph(nodes, edges)


def files(source: Any, body: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What an export holds, by file: rows by their columns' names, and documents; the order of columns left out."""
    write_export(source, parse_request({"outputS3Path": "s3://b/x", **body}), folder)
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*.*")):
        text = path.read_text()
        if path.suffix == ".json":
            found[path.name] = unordered(json.loads(text))
        else:
            rows = list(csv.DictReader(io.StringIO(text, newline="")))
            # edges of several kinds in one file stand by kind in each stretch that was read at once
            found[path.name] = sorted(rows, key=str) if path.parent.name == "edges" else rows
    return found


def unordered(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: unordered(value) for key, value in document.items()}
    return sorted(map(unordered, document), key=str) if isinstance(document, list) else document


BODIES: list[dict[str, Any]] = [
    {},
    {"additionalParams": {"neptune_ml": {}}},
    {"additionalParams": {"neptune_ml": {}}, "params": {"limit": 17, "skip": 5}},
    {"params": {"limit": 23}},
    {"params": {"skip": 41, "multiValueSeparator": "|"}},
    {"params": {"filter": {"nodes": [{"label": "A", "properties": ["real", "int"]}], "edges": [{"label": "x"}]}}},
    {"params": {"tokensOnly": "nodes", "edgeLabelStrategy": "edgeAndVertexLabels", "escapeNewline": True}},
    {"params": {"nodeLabels": ["B"], "edgeLabels": ["y"], "excludeTypeDefinitions": True}},
]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("body", BODIES, ids=str)
def test_columns_give_the_files_that_records_give(
    body: dict[str, Any], seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "ROWS_AT_ONCE", 7)
    graph = graph_of(seed)
    assert files(graph, body, tmp_path / "columns") == files(records_of(graph), body, tmp_path / "records")


def test_records_and_runs_of_a_store_tell_the_same_in_the_order_of_insertion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "ROWS_AT_ONCE", 7)
    graph = graph_of(9)
    with graph.snapshot() as snapshot, records_of(graph).snapshot() as records:
        assert str(list(snapshot.nodes())) == str(list(records.nodes()))
        assert str(list(snapshot.edges())) == str(list(records.edges()))
        assert snapshot.node_counts() == records.node_counts()
        assert snapshot.edge_counts() == records.edge_counts()


def test_an_export_is_of_one_moment_however_much_is_written_meanwhile(tmp_path: Path) -> None:
    graph = graph_of(1)
    before = files(graph, {}, tmp_path / "before")
    begun, written = threading.Event(), threading.Event()

    class Held:
        """The graph, whose snapshot is read only once everything in it was changed."""

        @contextmanager
        def snapshot(self) -> Iterator[Snapshot]:
            with graph.snapshot() as snapshot:
                begun.set()
                assert written.wait(60)
                yield snapshot

    def write() -> None:
        assert begun.wait(60)
        tx = graph.begin()
        for row in list(graph.vertices()):
            tx.set_vertex_property(row, "int", 77, "single")
            if row % 2:
                tx.remove_vertex(row)
        tx.add_vertex("new", "A")
        tx.commit()
        written.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert files(Held(), {}, tmp_path / "during") == before
    thread.join()
    assert files(graph, {}, tmp_path / "after") != before
