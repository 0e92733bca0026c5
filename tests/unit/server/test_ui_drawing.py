"""Which edges of an answer are drawn, and which of them as predicted."""

from __future__ import annotations

import pytest

from workflow.graphs.model import Edge, Path, Vertex
from workflow.graphs.store import EmbeddedGraph
from workflow.server.ui.drawing import MAX_VERTICES, drawing
from workflow.server.ui.jobs import row


@pytest.fixture
def people() -> dict[str, Vertex]:
    """a KNOWS b, c stands alone."""
    graph = EmbeddedGraph(name="g", profile="neptune")
    writer = graph.begin()
    rows = {name: writer.add_vertex(name, "Person") for name in "abc"}
    writer.set_vertex_property(rows["a"], "name", "Ann", "single")
    writer.add_edge("e1", "KNOWS", rows["a"], rows["b"])
    writer.commit()
    return {name: Vertex(graph, row) for name, row in rows.items()}


def path(*objects: object) -> Path:
    return Path(objects, tuple(frozenset() for _ in objects))


def edges_of(results: list[object]) -> set[tuple[str, str, str, bool]]:
    return {(e.source, e.target, e.label, e.predicted) for e in drawing(results).edges.values()}


def test_vertices_that_follow_each_other_without_an_edge_are_a_prediction(people: dict[str, Vertex]) -> None:
    assert edges_of([path(people["a"], people["c"])]) == {("a", "c", "predicted", True)}


def test_an_edge_the_graph_has_is_known_in_whichever_direction_it_was_walked(people: dict[str, Vertex]) -> None:
    assert edges_of([path(people["b"], people["a"])]) == {("a", "b", "KNOWS", False)}


def test_a_map_of_two_vertices_reads_like_a_path(people: dict[str, Vertex]) -> None:
    assert edges_of([{"from": people["b"], "to": people["c"]}]) == {("b", "c", "predicted", True)}


def test_an_edge_brings_both_its_ends(people: dict[str, Vertex]) -> None:
    edge = Edge(people["a"].graph, next(iter(people["a"].graph.edges())))
    drawn = drawing([edge])
    assert set(drawn.vertices) == {"a", "b"}
    assert drawn.vertices["a"].caption == "Ann"
    assert drawn.vertices["b"].caption == "b"


def test_what_is_no_element_is_not_drawn() -> None:
    assert drawing([1, "text", {"a": 2}]).as_json() == {"vertices": [], "edges": []}


def test_a_large_answer_is_cut() -> None:
    graph = EmbeddedGraph(name="g", profile="neptune")
    writer = graph.begin()
    found = [Vertex(graph, writer.add_vertex(f"v{i}", "P")) for i in range(MAX_VERTICES + 5)]
    writer.commit()
    assert len(drawing(found).vertices) == MAX_VERTICES


def test_a_row_shows_progress_while_a_job_runs_and_its_report_when_it_is_done() -> None:
    progress = {"phase": "training", "step": 3, "total": 10, "metric": {"name": "mrr", "value": 0.25}, "eta_s": 12.4}
    running = row("modeltraining", {"id": "t", "status": "InProgress", "progress": progress})
    assert (running.step, running.total, running.note) == (3, 10, "training, mrr 0.25, about 12 s left")
    assert running.report is None
    done = row("modeltraining", {"id": "t", "status": "Completed", "processingJob": {"outputLocation": "s3://b/k"}})
    assert done.report == "/ui/report/modeltraining/t"


def test_a_row_says_why_a_job_failed() -> None:
    failed = row("dataprocessing", {"id": "d", "status": "Failed", "processingJob": {"failureReason": "no memory"}})
    assert failed.failure == "no memory"
