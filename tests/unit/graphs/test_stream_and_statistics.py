"""The change stream and the statistics of a graph, by themselves."""

from __future__ import annotations

import pytest

from workflow.errors import ExpiredStream, StatisticsNotAvailable, StreamRecordsNotFound
from workflow.graphs.store.journal import journal
from workflow.graphs.store.journal.stream import read_stream
from workflow.graphs.store.statistics import GraphStatistics
from workflow.graphs.store.store import EmbeddedGraph


def grown(commits: int) -> EmbeddedGraph:
    """A graph with a vertex and one property for every commit."""
    graph = EmbeddedGraph()
    for number in range(commits):
        tx = graph.begin()
        tx.set_vertex_property(tx.add_vertex(f"v{number}", "T"), "n", number, "single")
        tx.commit()
    return graph


def test_pages_follow_each_other_without_gap_or_repetition() -> None:
    graph = grown(4)
    seen = []
    page = read_stream(graph.journal, "TRIM_HORIZON", 3, 1, 1, "PG_JSON")
    while True:
        seen += [tuple(record["eventId"].values()) for record in page["records"]]
        last = page["lastEventId"]
        try:
            page = read_stream(graph.journal, "AFTER_SEQUENCE_NUMBER", 3, last["commitNum"], last["opNum"], "PG_JSON")
        except StreamRecordsNotFound:
            break
    assert seen == [(commit, op) for commit in range(1, 5) for op in (1, 2)]


def test_the_last_record_of_a_commit_says_so() -> None:
    page = read_stream(grown(2).journal, "TRIM_HORIZON", 10, 1, 1, "PG_JSON")
    assert [record.get("isLastOp", False) for record in page["records"]] == [False, True, False, True]
    assert page["totalRecords"] == 4
    assert page["records"][1]["data"] == {
        "id": "v0",
        "type": "vp",
        "key": "n",
        "value": {"value": 0, "dataType": "Integer"},
    }


def test_a_changed_value_is_removed_and_added() -> None:
    graph = grown(1)
    tx = graph.begin()
    tx.set_vertex_property(0, "n", 5, "single")
    tx.set_label(0, "T::U")
    tx.commit()
    page = read_stream(graph.journal, "AT_SEQUENCE_NUMBER", 10, 2, 1, "PG_JSON")
    assert [(record["op"], record["data"]["key"], record["data"]["value"]["value"]) for record in page["records"]] == [
        ("REMOVE", "n", 0),
        ("ADD", "n", 5),
        ("ADD", "label", "U"),
    ]


def test_what_is_no_longer_kept_is_expired(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MEMORY_OPERATIONS", 4)
    graph = grown(6)
    with pytest.raises(ExpiredStream):
        read_stream(graph.journal, "AT_SEQUENCE_NUMBER", 10, 1, 1, "PG_JSON")
    first = read_stream(graph.journal, "TRIM_HORIZON", 1, 1, 1, "PG_JSON")
    # two operations a commit, so the last two commits are held
    assert first["records"][0]["eventId"] == {"commitNum": 5, "opNum": 1}
    with pytest.raises(StreamRecordsNotFound):
        read_stream(graph.journal, "AT_SEQUENCE_NUMBER", 10, 7, 1, "PG_JSON")


def test_a_reader_at_the_end_of_what_was_dropped_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MEMORY_COMMITS", 2)
    graph = grown(4)  # two lines each; commits 1 and 2 are gone
    following = read_stream(graph.journal, "AFTER_SEQUENCE_NUMBER", 10, 2, 2, "PG_JSON")
    assert following["records"][0]["eventId"] == {"commitNum": 3, "opNum": 1}
    with pytest.raises(ExpiredStream, match="record 2 of commit 2"):
        read_stream(graph.journal, "AFTER_SEQUENCE_NUMBER", 10, 2, 1, "PG_JSON")


def test_a_page_ends_with_the_record_that_makes_it_too_large() -> None:
    graph = EmbeddedGraph()
    tx = graph.begin()
    for number in range(4):
        tx.set_vertex_property(tx.add_vertex(f"v{number}", "T"), "text", "x" * 4_000_000, "single")
    tx.commit()
    page = read_stream(graph.journal, "TRIM_HORIZON", 100, 1, 1, "PG_JSON")
    # label and text of three vertices: 8 MB are within the limit, 12 MB are not
    assert page["totalRecords"] == 6
    rest = read_stream(graph.journal, "AFTER_SEQUENCE_NUMBER", 100, *page["lastEventId"].values(), "PG_JSON")
    assert [record["data"]["id"] for record in rest["records"]] == ["v3", "v3"]


def test_statistics_follow_the_graph_until_told_not_to() -> None:
    graph = grown(2)
    statistics = GraphStatistics(graph)
    assert statistics.summary(False)["graphSummary"]["numNodes"] == 2
    tx = graph.begin()
    tx.add_vertex("more", "U")
    tx.commit()
    assert statistics.summary(False)["graphSummary"]["nodeLabels"] == ["T", "U"]
    graph.reset()
    assert statistics.summary(False)["graphSummary"]["numNodes"] == 0
    tx = graph.begin()
    for number in range(3):
        tx.add_vertex(f"v{number}", "T")
    tx.commit()
    assert statistics.summary(False)["graphSummary"]["numNodes"] == 3
    statistics.set_auto(False)
    graph.reset()
    assert statistics.summary(False)["graphSummary"]["numNodes"] == 3
    statistics.refresh()
    assert statistics.summary(True)["graphSummary"]["nodeStructures"] == []
    statistics.delete()
    with pytest.raises(StatisticsNotAvailable):
        statistics.describe()
    statistics.set_auto(True)
    assert statistics.describe()["autoCompute"] is True


def test_a_property_and_an_edge_label_of_one_name_are_two_things() -> None:
    graph = EmbeddedGraph()
    tx = graph.begin()
    row = tx.add_vertex("a", "T")
    tx.set_vertex_property(row, "x", 1, "list")
    tx.set_vertex_property(row, "x", 2, "list")
    tx.add_edge("e", "x", row, row)
    tx.commit()
    found = GraphStatistics(graph).summary(True)["graphSummary"]
    assert found["nodeStructures"] == [{"count": 1, "nodeProperties": ["x"], "distinctOutgoingEdgeLabels": ["x"]}]
    assert (found["nodeProperties"], found["totalNodePropertyValues"]) == ([{"x": 1}], 2)
