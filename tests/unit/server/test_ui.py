"""What the page makes of answers and jobs: which edges are drawn as predicted, how values read, what a row says."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Any

import pytest

from training_scripts.graph_ml.schemas import EdgeType, ModelDescription
from training_scripts.graph_ml.schemas.model import TargetName
from workflow.cypher.engine import CypherEngine
from workflow.errors import InvalidParameter
from workflow.graphs.elements import Edge, Path, Vertex
from workflow.graphs.naming import Naming
from workflow.graphs.store.store import EmbeddedGraph
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang.parser import parse
from workflow.gremlin.semantics.keys import GMap
from workflow.gremlin.semantics.values import GSet, Metrics, ReferenceEdge, ReferenceVertex, T, TraversalMetrics
from workflow.predictions.reports import ids_in_report, named_report
from workflow.queries.language import is_cypher
from workflow.server.services import Services
from workflow.server.ui.drawing import MAX_VERTICES, drawing
from workflow.server.ui.examples import example_question, predicted_labels
from workflow.server.ui.formatting import in_words, table
from workflow.server.ui.query import BoxQuery, as_file, run_query
from workflow.server.ui.rows import row
from workflow.settings import Settings


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


def edges_of(results: list[object], *predicted: str) -> set[tuple[str, str, str, bool]]:
    return {(e.source, e.target, e.label, e.predicted) for e in drawing(results, predicted).edges.values()}


def test_where_a_prediction_was_asked_for_vertices_without_an_edge_are_one(people: dict[str, Vertex]) -> None:
    assert edges_of([path(people["a"], people["c"])], "KNOWS") == {("a", "c", "KNOWS", True)}


def test_where_no_prediction_was_asked_for_none_is_drawn(people: dict[str, Vertex]) -> None:
    assert edges_of([path(people["a"], people["c"])]) == set()


def test_a_prediction_of_another_relation_is_drawn_beside_the_edge_the_graph_has(people: dict[str, Vertex]) -> None:
    assert edges_of([path(people["a"], people["b"])], "LIKES") == {
        ("a", "b", "KNOWS", False),
        ("a", "b", "LIKES", True),
    }


def test_an_edge_the_graph_has_is_known_in_whichever_direction_it_was_walked(people: dict[str, Vertex]) -> None:
    assert edges_of([path(people["b"], people["a"])], "KNOWS") == {("a", "b", "KNOWS", False)}


def test_a_map_of_two_vertices_reads_like_a_path(people: dict[str, Vertex]) -> None:
    assert edges_of([{"from": people["b"], "to": people["c"]}], "KNOWS") == {("b", "c", "KNOWS", True)}


def test_an_edge_brings_both_its_ends(people: dict[str, Vertex]) -> None:
    edge = Edge(people["a"].graph, next(iter(people["a"].graph.edges())))
    drawn = drawing([edge])
    assert set(drawn.vertices) == {"a", "b"}
    assert drawn.vertices["a"].caption == "Ann"
    assert drawn.vertices["a"].properties == (("name", "Ann"),)
    assert drawn.vertices["b"].caption == "b"


def test_vertices_of_a_remote_database_are_drawn_as_far_as_the_answer_goes() -> None:
    a, b, c = (ReferenceVertex(id, "Person") for id in "abc")
    known = ReferenceEdge("e", "KNOWS", a, b)
    assert edges_of([path(a, known, b)]) == {("a", "b", "KNOWS", False)}
    assert edges_of([path(a, c)], "KNOWS") == {("a", "c", "KNOWS", True)}
    assert in_words(path(a, known, b)) == "v[a] → KNOWS → v[b]"
    assert in_words(known) == "e[e] KNOWS, a → b"


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
    assert (running.step, running.total, running.note) == (3, 10, "training, 3 of 10, mrr 0.25, about 12 s left")
    assert (running.tone, running.stoppable, running.reports) == ("busy", True, ())
    done = row("modeltraining", {"id": "t", "status": "Completed", "processingJob": {"outputLocation": "s3://b/k"}})
    assert dict(done.reports) == {
        "trials": "/ui/report/modeltraining/t/report.html",
        "model": "/ui/report/modeltraining/t/model-report.html",
    }
    assert not done.stoppable


def test_a_row_has_the_warnings_of_its_job() -> None:
    told = {"id": "t", "status": "Completed", "details": {"warnings": ["EASE is better by .07"]}}
    assert row("modeltraining", told).warnings == ("EASE is better by .07",)


def test_a_row_says_why_a_job_failed_and_what_it_printed_last() -> None:
    reason = "ended by SIGKILL. (peak memory 1 MB) Last lines of the log: epoch 1 | epoch 2"
    failed = row("dataprocessing", {"id": "d", "status": "Failed", "processingJob": {"failureReason": reason}})
    assert failed.failure == "ended by SIGKILL. (peak memory 1 MB)"
    assert failed.tail == "epoch 1\nepoch 2"
    assert failed.tone == "bad"


def test_the_log_of_a_failed_job_is_quoted_where_the_reason_does_not(tmp_path: FilePath) -> None:
    log = tmp_path / "a job.log"
    log.write_text("".join(f"line {i}\n" for i in range(100)))
    resource = {"failureReason": "bad data", "cloudwatchLogUrl": log.as_uri()}
    failed = row("dataprocessing", {"id": "d", "status": "Failed", "processingJob": resource})
    assert failed.tail.splitlines() == [f"line {i}" for i in range(85, 100)]
    assert failed.log == "/ui/log/dataprocessing/d"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("g.V('a').out('FRIEND').with('Neptune#ml.prediction').hasLabel('User')", {"FRIEND"}),
        ('g.V().in("a b")\n .with("Neptune#ml.deterministic")\n .with("Neptune#ml.prediction")', {"a b"}),
        ("g.V('a').out('FRIEND').path()", set()),
        ("g.with('Neptune#ml.limit', 3).V().out('FRIEND').out('LIKES').with('Neptune#ml.prediction')", {"LIKES"}),
    ],
)
def test_the_relations_a_query_predicts_are_read_from_its_text(text: str, labels: set[str]) -> None:
    assert predicted_labels(text) == labels


def test_a_long_query_is_read_in_no_time() -> None:
    # quadratic reading of 100,000 characters would take minutes, and the test with it
    assert predicted_labels(".out('" * 16_000) == frozenset()
    assert predicted_labels(".out('a')" + ".with(x)" * 12_000) == frozenset()


@pytest.mark.parametrize(
    ("task", "target", "expected"),
    [
        ("link_prediction", {"edge_type": {"source": "U", "relation": "R'S", "target": "M"}}, r"out('R\'S')"),
        ("node_class", {"node_type": "book", "property": "shelf"}, "V().hasLabel('book')"),
        ("link_prediction", {"edge_type": ["U", "R'S", "M"]}, r"out('R\'S')"),
        ("edge_regression", {"edge_type": ["U", "rated", "M"], "property": "stars"}, "E().hasLabel('rated')"),
        ("edge_regression", {"edge_type": {"relation": "rated"}, "property": "stars"}, "'Neptune#ml.regression'"),
    ],
)
def test_every_endpoint_can_be_asked_by_a_query_that_parses(task: str, target: dict[str, Any], expected: str) -> None:
    question = example_question("my-ep", {"task": task, "targets": [target]})
    assert question is not None
    assert expected in question
    assert len(parse(question)) == 1


def test_values_read_as_people_write_them(people: dict[str, Vertex]) -> None:
    edge = Edge(people["a"].graph, next(iter(people["a"].graph.edges())))
    assert in_words(people["a"]) == "v[a] Ann"
    assert in_words(people["b"]) == "v[b]"
    assert in_words(path(people["a"], edge, people["b"])) == "v[a] Ann → KNOWS → v[b]"
    assert in_words(GMap({T.id: [1, None, True], "s": GSet(["x"])})) == "{id: [1, null, true], s: {x}}"


def test_maps_of_an_answer_become_columns_and_numbers_stay_numbers() -> None:
    assert table([{"a": 1}, {"a": 2.5, "b": "x"}]) == (["a", "b"], [[1, ""], [2.5, "x"]])
    assert table([True]) == (["result"], [["true"]])


def test_a_profile_is_a_row_a_step() -> None:
    inner = Metrics("0.0.1()", "HasStep", 500_000, {"elementCount": 2, "traverserCount": 1}, {}, ())
    outer = Metrics("0.0.0()", "Where", 2_000_000, {}, {}, (inner,))
    columns, rows = table([TraversalMetrics(2_500_000, (outer,))])
    assert columns == ["step", "elements", "traversers", "ms"]
    assert rows == [["Where", "", "", 2.0], ["\u2003HasStep", 2, 1, 0.5]]


@pytest.mark.parametrize(
    ("text", "cypher"),
    [
        ("MATCH (n) RETURN n", True),
        ("  // words\n/* g.V() */ optional match (n) RETURN n", True),
        ("profile MATCH (n) RETURN n", True),
        ("g.V().match(__.as('a').out())", False),
        ("gmodern.V()", False),
        ("matches.V()", False),
    ],
)
def test_the_box_tells_the_languages_apart_by_their_first_word(text: str, cypher: bool) -> None:
    assert is_cypher(text) is cypher


def test_the_box_draws_what_opencypher_answers(tmp_path: FilePath) -> None:
    graph = EmbeddedGraph("g", "neptune")
    services = Services(
        Settings(home=tmp_path), None, {}, {"g": graph}, cypher={"g": CypherEngine(graph, "neptune")}  # type: ignore[arg-type]
    )  # fmt: skip
    written = run_query(services, BoxQuery("CREATE (:P {`~id`: 'a', name: 'Ann'})-[:KNOWS]->(:P {`~id`: 'b'})"))
    assert (written.rows, written.drawing, written.writes) == ([], "", True)
    answer = run_query(services, BoxQuery("MATCH p = (a)-->(b) RETURN p, count(*) AS n"))
    assert answer.columns == ["p", "n"]
    assert answer.rows == [["v[a] Ann → KNOWS → v[b]", 1]]
    assert answer.description == "Graph of 2 vertices, 1 known and 0 predicted edges"
    many = run_query(services, BoxQuery("UNWIND range(1, 1000) AS n RETURN n"))
    assert (len(many.rows), many.cut) == (200, True)
    run_query(services, BoxQuery("UNWIND range(1, 1000) AS n CREATE (m) RETURN n"))
    assert graph.vertex_count() == 1002  # kept, although only 200 rows are shown
    assert services.cypher_queries.all() == []


def test_what_a_deployed_model_says_of_itself_is_asked_about() -> None:
    target = TargetName(edge_type=EdgeType("User", "FRIEND", "User"))
    model = ModelDescription(
        id="m", model="rgcn", task="link_prediction", targets=[target], node_types={"User": 2},
        edge_types=[EdgeType("User", "FRIEND", "User")], created_ms=1,
    )  # fmt: skip
    asked = example_question("lp", json.loads(model.model_dump_json(by_alias=True)))
    assert "out('FRIEND')" in str(asked)


@pytest.fixture
def served(tmp_path: FilePath) -> Services:
    """A service of both languages over 450 vertices."""
    graph = EmbeddedGraph("g", "neptune")
    writer = graph.begin()
    for number in range(450):
        writer.add_vertex(f"v{number}", "P")
    writer.commit()
    return Services(
        Settings(home=tmp_path), None, {"g": Engine(graph, "neptune")}, {"g": graph},  # type: ignore[arg-type]
        cypher={"g": CypherEngine(graph, "neptune")},
    )  # fmt: skip


@pytest.mark.parametrize("text", ["g.V().id()", "MATCH (n) RETURN id(n)"])
def test_an_answer_is_shown_page_by_page_and_downloaded_whole(served: Services, text: str) -> None:
    pages = [run_query(served, BoxQuery(text, page=page)) for page in (1, 2, 3, 4)]
    assert [(len(page.rows), page.cut) for page in pages] == [(200, True), (200, True), (50, False), (0, False)]
    assert len({row[0] for page in pages for row in page.rows}) == 450
    assert pages[1].told.startswith("results 201 to 400, in ")
    assert pages[2].told.startswith("results 401 to 450, the last, in ")
    lines = as_file(served, BoxQuery(text), "csv").decode().splitlines()
    assert (len(lines), lines[1]) == (451, pages[0].rows[0][0])
    assert len(json.loads(as_file(served, BoxQuery(text), "json"))) == 450


@pytest.mark.parametrize("text", ["g.addV('Q')", "CREATE (q:Q) RETURN q"])
def test_a_query_that_writes_is_asked_once_and_gives_no_file(served: Services, text: str) -> None:
    graph = served.graphs["g"]
    assert run_query(served, BoxQuery(text)).writes
    assert graph.vertex_count() == 451
    with pytest.raises(InvalidParameter, match="would write again"):
        run_query(served, BoxQuery(text, page=2))
    with pytest.raises(InvalidParameter, match="would write again"):
        as_file(served, BoxQuery(text), "csv")
    assert graph.vertex_count() == 451


def test_an_answer_without_results_says_why_where_a_prediction_was_meant(served: Services) -> None:
    empty = run_query(served, BoxQuery("g.with('Neptune#ml.endpoint', 'lp').V('nobody').out('KNOWS')"))
    assert empty.rows == []
    (reason,) = empty.because
    assert reason.startswith("Neptune#ml.endpoint had no effect, for nothing in the query predicts")
    assert run_query(served, BoxQuery("g.V('nobody')")).because == ()


def test_a_vertex_is_called_by_a_property_that_reads_like_a_name() -> None:
    graph = EmbeddedGraph("g", "neptune")
    writer = graph.begin()
    row_of = writer.add_vertex("u1", "User")
    for key, value in (("age", "7"), ("fullName", "Ann Lee"), ("nickname", "A")):
        writer.set_vertex_property(row_of, key, value, "single")
    writer.commit()
    assert in_words(Vertex(graph, row_of)) == "v[u1] Ann Lee"


@pytest.mark.parametrize(
    ("display", "name"),
    [
        ("", "Ann Lee"),
        ("nickname", "A"),
        ("User.age nickname", "7"),
        ("Movie.nickname", "Ann Lee"),
        ("unheard-of", "Ann Lee"),
        ("fullName,nickname", "Ann Lee"),
    ],
)
def test_a_vertex_is_called_by_the_property_that_is_named_for_it(display: str, name: str) -> None:
    graph = EmbeddedGraph("g", "neptune")
    writer = graph.begin()
    row_of = writer.add_vertex("u1", "User::Person")
    for key, value in (("age", 7), ("fullName", "Ann Lee"), ("nickname", "A")):
        writer.set_vertex_property(row_of, key, value, "single")
    writer.commit()
    assert Naming.of(display).name(Vertex(graph, row_of)) == name
    assert in_words({"v": Vertex(graph, row_of)}, Naming.of(display)) == f"{{v: v[u1] {name}}}"


@pytest.mark.parametrize("text", ["g.V('v7')", "MATCH (n {`~id`: 'v7'}) RETURN n"])
def test_the_box_names_vertices_as_it_is_asked_to(served: Services, text: str) -> None:
    run_query(served, BoxQuery("g.V('v7').property(single, 'nick', 'Sven')"))
    assert run_query(served, BoxQuery(text, naming=Naming.of("nick"))).rows == [["v[v7] Sven"]]
    assert run_query(served, BoxQuery(text)).rows == [["v[v7]"]]


def test_a_report_shows_the_names_of_those_it_knows() -> None:
    page = '<data class="vertex" value="a&amp;b">a&amp;b</data> <data class="vertex" value="c">c</data>'
    assert ids_in_report(page * 2) == ["a&b", "c"]
    assert named_report(page, {"a&b": "Ann"}) == page.replace(">a&amp;b<", ">Ann <small>a&amp;b</small><")
