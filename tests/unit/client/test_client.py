"""What the client writes and reads: quoted text, Neptune CSV from frames, answers as tables."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import polars as pl
import pytest

from workflow.client.charts import confusion_chart, link_chart, ranking_histogram, scatter_chart, training_curve
from workflow.client.checks.hints import with_nearest_clause, with_nearest_step
from workflow.client.connection import Connection
from workflow.client.frames import answer_frame, answer_records, write_neptune_csv
from workflow.client.job import Job
from workflow.client.workflow import Workflow
from workflow.client.workflow_file.description import WorkflowFile
from workflow.errors import InvalidParameter
from workflow.gremlin.lang import parse
from workflow.neptune.literals import literal
from workflow.predictions.reasons import words_in_vain
from workflow.storage.local import LocalStorage
from workflow.storage.uri import S3Uri


@pytest.mark.parametrize(
    "text", ["plain", "it's", 'double "quoted"', "back\\slash", "new\nline", "', 'x').drop() //", "ü✓"]
)
def test_no_content_ends_a_quoted_string(text: str) -> None:
    (script,) = parse(f"g.V({literal(text)})")
    assert [step.name for step in script.traversal.steps] == ["V"]
    assert script.traversal.steps[0].args == (text,)


def test_the_type_of_a_column_comes_from_its_dtype() -> None:
    frame = pd.DataFrame({"~id": ["a"], "~label": ["P"], "age": [3], "score": [0.5], "ok": [True], "name": ["A, B"]})
    assert write_neptune_csv(frame, kind="nodes").decode() == (
        '~id,~label,age:Long,score:Double,ok:Bool,name:String\na,P,3,0.5,True,"A, B"\n'
    )


def test_a_type_in_the_name_of_a_column_wins_and_missing_values_are_empty() -> None:
    frame = pd.DataFrame({"~id": ["a", "b"], "~label": ["P", "P"], "age:Int": [3.0, None]})
    assert write_neptune_csv(frame, kind="nodes").decode() == "~id,~label,age:Int\na,P,3\nb,P,\n"


def test_polars_frames_are_taken_as_well_and_edges_are_numbered() -> None:
    frame = pl.DataFrame({"~from": ["a", "b"], "~to": ["b", "a"], "~label": ["K", "K"]})
    assert write_neptune_csv(frame, kind="edges").decode() == "~id,~from,~to,~label\ne0,a,b,K\ne1,b,a,K\n"


def test_looks_at_a_stage_are_close_at_first_and_then_as_far_apart_as_was_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, pauses = 0.0, []

    class Slow(Connection):
        def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
            state = "LOAD_COMPLETED" if now > 100 else "LOAD_IN_PROGRESS"
            return {"payload": {"overallStatus": {"status": state}}}

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        pauses.append(seconds)

    clock = SimpleNamespace(monotonic=lambda: now, sleep=sleep)
    monkeypatch.setattr("workflow.client.workflow.time", clock)
    assert Workflow(Slow()).wait(Job("load", "l", "LOAD_IN_PROGRESS"), interval_s=2.0).status == "LOAD_COMPLETED"
    assert pauses[0] < 0.1
    assert pauses == sorted(pauses)
    assert pauses[-1] == 2.0
    assert len(pauses) < 100


def test_frames_of_several_labels_are_loaded_together(tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = []

    class Loader(Connection):
        def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
            calls.append(arguments)
            return {"payload": {"loadId": "l", "overallStatus": {"status": "LOAD_COMPLETED"}}}

    storage = LocalStorage(tmp_path)
    people, films = (pd.DataFrame({"~id": [id], "~label": [label]}) for id, label in (("a", "P"), ("f", "F")))
    seen, liked = (pd.DataFrame({"~from": ["a"], "~to": ["f"], "~label": [label]}) for label in ("seen", "liked"))
    Workflow(Loader(), storage=storage).load(nodes=[people, films], edges=[seen, liked])
    prefix = S3Uri.parse(next(call["source"] for call in calls if "source" in call))
    files = {str(o.uri).removeprefix(f"{prefix}/"): storage.read(o.uri).decode() for o in storage.list(prefix)}
    # edges without ids are called after the load, so that no other load gives their ids again
    assert {name: text.replace(f"e-{prefix.name[:12]}-", "e") for name, text in files.items()} == {
        "nodes-0.csv": "~id,~label\na,P\n",
        "nodes-1.csv": "~id,~label\nf,F\n",
        # numbered edges of different frames are different edges
        "edges-0.csv": "~id,~from,~to,~label\ne0.0,a,f,seen\n",
        "edges-1.csv": "~id,~from,~to,~label\ne1.0,a,f,liked\n",
    }


def test_an_export_is_asked_for_with_the_parameters_that_choose(tmp_path: Path) -> None:
    asked: list[Any] = []

    class Exporter(Connection):
        def http(self, method: str, url: str, body: Any = None, timeout_s: float = 300) -> Any:
            asked.append(body)
            return {"jobId": "j", "status": "running"}

    wf = Workflow(Exporter(), storage=LocalStorage(tmp_path))
    assert wf.export(params={"limit": 5}, split_rate=[1, 0, 0]).status == "running"
    assert asked[0]["params"] == {"endpoint": wf.connection.url, "profile": "neptune_ml", "limit": 5}
    assert asked[0]["additionalParams"]["neptune_ml"] == {"version": "v2.0", "split_rate": [1, 0, 0]}


def test_a_frame_without_labels_is_refused_by_the_name_of_the_column() -> None:
    with pytest.raises(InvalidParameter, match="no column '~label'; it has: ~id"):
        write_neptune_csv(pd.DataFrame({"~id": ["a"]}), kind="nodes")


def test_maps_become_columns_and_anything_else_one_column() -> None:
    vertex = SimpleNamespace(id="v1", label="P")
    assert answer_frame([{"a": 1, "b": vertex}]).to_dict("records") == [{"a": 1, "b": "v1"}]
    assert answer_frame([vertex, 3])["value"].tolist() == ["v1", 3]
    assert list(answer_frame([]).columns) == ["value"]


def test_a_whole_answer_is_kept_records_and_all_of_a_group_count() -> None:
    vertex = SimpleNamespace(id="v1", label="P")
    assert answer_records([{"reader": vertex, "score": 0.5}, {"reader": "b"}]) == [
        {"reader": "v1", "score": 0.5},
        {"reader": "b"},
    ]
    assert answer_records([{"Drama": 3, "Essay": 2, 7: 1}]) == [{"Drama": 3, "Essay": 2, "7": 1}]
    assert answer_records([vertex, 3, {"a": [vertex]}]) == ["v1", 3, {"a": [vertex]}]


def test_a_step_that_gremlin_lacks_is_refused_with_the_likely_one() -> None:
    said = "MalformedQueryException: Could not locate method: hasLable('a')"
    assert with_nearest_step(said) == f"{said}; did you mean hasLabel()?"
    overload = "Could not locate method: hasLabel(3)"
    assert with_nearest_step(overload) == overload
    assert with_nearest_step("a vertex is gone") == "a vertex is gone"


def test_a_query_in_the_other_language_is_answered_with_how_to_ask_in_it() -> None:
    said = "MalformedQueryException: Query parsing failed at line 1, column 7"
    assert with_nearest_step(said, "MATCH (n) RETURN n").endswith(
        "`wf.cypher` and `despina query --language opencypher` take"
    )
    assert with_nearest_step(said, "g.V(") == said
    said = "Invalid input 'g' (SyntaxError: InvalidSyntax)"
    assert with_nearest_clause(said, "g.V().count()").endswith("`wf.query` and `despina query --language gremlin` take")


def test_a_clause_that_is_misspelt_is_answered_with_the_likely_one() -> None:
    said = "a query ends in RETURN (SyntaxError: InvalidClauseComposition)"
    assert with_nearest_clause(said, "MATCH (u:RETRUNED) RETRUN u") == f"{said}; did you mean RETURN instead of RETRUN?"
    assert with_nearest_clause(said, "MATCH (u {name: 'RETRUN'}) RETURN v") == said
    assert with_nearest_clause("no such label", "MATHC (u)") == "no such label"


def test_words_of_neptune_ml_in_a_query_that_predicts_nothing_are_named() -> None:
    (sentence,) = words_in_vain("g.with('Neptune#ml.endpoint', 'lp').with('Neptune#ml.limit', 3).V().out('FRIEND')")
    assert sentence.startswith("Neptune#ml.endpoint and Neptune#ml.limit had no effect")
    assert words_in_vain("g.with('Neptune#ml.endpoint', 'lp').V().out('F').with('Neptune#ml.prediction')") == []
    assert words_in_vain("g.V().count()") == []


def test_the_warnings_of_a_stage_are_found_where_each_kind_tells_them() -> None:
    exported = Job("export", "e", "succeeded", {"warnings": ["no vertex has age"]})
    processed = Job("dataprocessing", "d", "Completed", {"details": {"warnings": ["loops dropped"]}})
    assert (exported.warnings, processed.warnings) == (["no vertex has age"], ["loops dropped"])
    assert Job("endpoint", "x", "InService").warnings == []


@pytest.mark.parametrize("url", ["localhost:8182", "ftp://host", "http://"])
def test_an_address_must_name_scheme_and_host(url: str) -> None:
    with pytest.raises(InvalidParameter, match="write it as http"):
        Connection(url)


def test_the_websocket_address_follows_the_scheme() -> None:
    assert Connection("https://db.example:8182/").websocket_url == "wss://db.example:8182/gremlin"


def test_a_job_is_done_in_exactly_the_final_states() -> None:
    final = ["Completed", "Failed", "Stopped", "InService", "succeeded", "failed", "LOAD_COMPLETED", "LOAD_FAILED"]
    running = ["InProgress", "Stopping", "Creating", "Updating", "running", "pending", "LOAD_IN_PROGRESS"]
    assert all(Job("load", "x", state).done for state in final)
    assert not any(Job("load", "x", state).done for state in running)


def test_a_workflow_name_that_makes_no_job_id_is_refused(tmp_path: object) -> None:
    with pytest.raises(ValueError, match="pattern"):
        WorkflowFile.model_validate({"name": "a_b", "export": {}})


def test_a_ranking_histogram_counts_every_rank_once() -> None:
    # 1 | 2-3 | 4-7 | ... | 1024+
    data = ranking_histogram([1, 2, 3, 7, 5000]).chart.data
    counts = dict(zip(data["rank"], data["how many"], strict=True))
    assert (counts["1"], counts["2–3"], counts["4–7"], counts["1024+"]) == (1, 2, 1, 1)
    assert sum(counts.values()) == 5


def test_a_link_chart_draws_known_and_predicted_edges_apart() -> None:
    known = pd.DataFrame({"source": ["a", "b"], "target": ["b", "c"]})
    # proposed from both ends, and one line all the same
    predicted = pd.DataFrame({"source": ["a", "c"], "target": ["c", "a"]})
    picture = link_chart(known, predicted, captions={"a": "Ann"})
    lines = picture.chart.layer[0].data
    assert "Ann" in picture.svg()
    assert lines["kind"].tolist() == ["known", "known", "predicted"]
    with pytest.raises(InvalidParameter, match="predicted needs the columns source and target"):
        link_chart(known, pd.DataFrame({"a": []}))


def test_a_report_is_framed_so_that_nothing_in_it_runs(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    storage.write(S3Uri.parse("s3://lab/train/report.html"), b'see <a href="model-report.html">the model</a>')
    storage.write(
        S3Uri.parse("s3://lab/train/model-report.html"), b'"><script>alert(1)</script><a href="report.html">x</a>'
    )
    workflow = Workflow(Connection("http://127.0.0.1:1"), storage=storage)
    job = Job("modeltraining", "t", "Completed", {"processingJob": {"outputLocation": "s3://lab/train"}})
    shown = workflow.report(job)._repr_html_()
    assert shown.count("<iframe sandbox srcdoc=") == 2
    assert "see the model" in shown  # the pages stand one below the other, and a link would leave the frame
    assert "href" not in shown
    assert "<script" not in shown
    gone = Job("modeltraining", "t", "Completed", {"processingJob": {"outputLocation": "s3://lab/other"}})
    with pytest.raises(InvalidParameter, match="DESPINA_HOME"):
        workflow.report(gone)


def test_a_report_has_the_names_that_vertices_have_in_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = LocalStorage(tmp_path)
    page = '<data class="vertex" value="a&amp;b">a&amp;b</data>, <data class="vertex" value="u2">u2</data>'
    storage.write(S3Uri.parse("s3://lab/train/report.html"), page.encode())
    workflow = Workflow(Connection("http://127.0.0.1:1"), storage=storage)
    job = Job("modeltraining", "t", "Completed", {"processingJob": {"outputLocation": "s3://lab/train"}})
    assert workflow.report(job).pages == (page,)  # nobody answers at that address

    def answer(text: str, bindings: object = None) -> list[dict[str, str]]:
        assert text.startswith("g.V('a&b', 'u2').project('id', 'name')")
        assert "values('fullName')" in text
        return [{"id": "a&b", "name": "<Ann>"}, {"id": "u2", "name": ""}]

    monkeypatch.setenv("DESPINA_DISPLAY", "fullName")
    monkeypatch.setattr(workflow.connection, "query", answer)
    (named,) = workflow.report(job).pages
    assert "&lt;Ann&gt; <small>a&amp;b</small>" in named
    assert ">u2<" in named


def test_a_job_says_when_it_ran_how_long_and_what_it_wrote() -> None:
    told = {"created_ms": 1_000, "started_ms": 61_000, "ended_ms": 181_500, "size_bytes": 7}
    job = Job("dataprocessing", "dp", "Completed", {"details": told})
    assert (job.started, job.ended) == (datetime.fromtimestamp(61, UTC), datetime.fromtimestamp(181.5, UTC))
    assert (job.took_s, job.size_bytes) == (120.5, 7)
    cleaned = Job("export", "ex", "succeeded", {"details": told, "cleaned": True, "outputS3Uri": "s3://lab/x"})
    assert (cleaned.size_bytes, cleaned.note) == (None, "its files were removed")
    overall = {"startTime": 60, "totalTimeSpent": 4, "totalRecords": 1200, "fullUri": "s3://lab/in"}
    load = Job("load", "l", "LOAD_COMPLETED", {"overallStatus": overall})
    assert (load.took_s, load.ended) == (4.0, datetime.fromtimestamp(64, UTC))
    assert load.note == "1,200 records from s3://lab/in"
    waiting = Job("dataprocessing", "dp", "InProgress", {"details": {"created_ms": 1_000}})
    assert (waiting.started, waiting.ended) == (datetime.fromtimestamp(1, UTC), None)
    assert waiting.took_s is not None
    of_neptune = Job("modeltraining", "tr", "Completed", {})
    assert (of_neptune.started, of_neptune.ended, of_neptune.took_s, of_neptune.size_bytes) == (None,) * 4


def test_a_log_that_two_resources_share_is_named_once() -> None:
    shared = {"name": "t", "cloudwatchLogUrl": "file:///t.log"}
    job = Job("modeltraining", "t", "Completed", {"processingJob": shared, "hpoJob": {**shared, "name": "hpo"}})
    assert job.logs == [("t", "file:///t.log")]


@pytest.mark.parametrize(
    ("stage", "detail", "note"),
    [
        ("modeltraining", {"progress": {"phase": "training", "step": 1, "total": 4}}, "training, 1 of 4"),
        ("modeltraining", {"details": {"metric": {"name": "validation_mrr", "value": 0.25}}}, "validation mrr 0.25"),
        ("modeltraining", {"reusedFrom": "t1", "details": {"metric": {"value": 1}}}, "the result of t1"),
        ("dataprocessing", {"processingJob": {"failureReason": "x" * 200}}, "x" * 99 + "…"),
        ("endpoint", {"details": {"model": {"model": "rgcn"}}}, "rgcn"),
        ("export", {"outputS3Uri": "s3://lab/export/1"}, "s3://lab/export/1"),
        ("dataprocessing", {}, ""),
    ],
)
def test_a_job_says_in_a_few_words_how_it_is(stage: Any, detail: dict[str, Any], note: str) -> None:
    assert Job(stage, "j", "InProgress", detail).note == note


def test_a_training_curve_has_a_panel_for_the_loss_and_one_for_the_objective() -> None:
    history = [{"epoch": 1, "loss": 2.0, "acc": 0.5}, {"epoch": 2, "loss": 1.0, "acc": float("nan")}]
    picture = training_curve({"history": history})
    # the objective of epoch 2 could not be worked out, and is left out
    assert sorted(picture.chart.data["figure"]) == ["acc", "loss", "loss"]
    assert "acc" in picture.svg()
    with pytest.raises(InvalidParameter, match="not trained in epochs"):
        training_curve({"history": []})


def test_a_confusion_chart_counts_every_pair_of_classes() -> None:
    picture = confusion_chart(["a", "a", "b"], ["a", "b", "b"])
    table = picture.chart.data  # shared by both layers
    assert table.set_index(["true", "predicted"])["items"].to_dict() == {
        ("a", "a"): 1,
        ("a", "b"): 1,
        ("b", "a"): 0,
        ("b", "b"): 1,
    }
    assert "svg" in picture.svg()


def test_a_scatter_chart_draws_the_line_on_which_a_prediction_is_right() -> None:
    picture = scatter_chart([1, 3], [2, 5])
    assert picture.chart.layer[0].data.to_dict("list") == {"true": [1.0, 5.0], "predicted": [1.0, 5.0]}
    assert "svg" in picture.svg()


@pytest.mark.parametrize(
    ("detail", "resource"),
    [
        ({"hpoJob": {"name": "search"}, "processingJob": {"name": "processing"}}, "search"),
        ({"processingJob": {"name": "processing"}}, "processing"),
        ({"baseProcessingJob": {"name": "base"}}, "base"),
        ({"endpoint": {"name": "served"}}, "served"),
        ({"endpoint": {}}, None),
        ({}, None),
    ],
)
def test_sagemaker_knows_a_stage_by_the_job_that_stands_for_it(detail: dict[str, Any], resource: str | None) -> None:
    assert Job("modeltraining", "t", "Completed", detail).resource == resource
