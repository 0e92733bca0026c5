"""Commands that need no service: help, typos, and what a wrong request is answered with."""

from __future__ import annotations

import fcntl
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from workflow.cli import output
from workflow.cli.main import app, main
from workflow.cli.service import follow
from workflow.cli.stages import parse_target
from workflow.client.connection import Connection, ServiceUnreachable
from workflow.client.job import Job, Stage
from workflow.client.run import RunResult, StageResult
from workflow.client.workflow import Workflow
from workflow.errors import InvalidParameter
from workflow.settings import TABLE

runner = CliRunner()
COMMANDS = [
    *("serve", "load", "query", "run", "status", "logs", "demo", "doctor"),
    *("export", "dataprocessing", "training", "transform", "endpoint", "store", "pipeline"),
]


def plain(text: str) -> str:
    """Without colours, boxes and line ends."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = runner.invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_a_typo_is_answered_with_the_command_that_was_meant() -> None:
    result = runner.invoke(app, ["traning"])
    assert result.exit_code == 2
    assert "Did you mean 'training'?" in plain(result.output)


def test_a_table_breaks_no_id_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "_console", lambda: Console(file=written, width=80))
    id = "dae1200c-c410-4348-a876-49bbca35b2ba"
    output.table("export", ["id", "status", "note"], [[id, "failed", "the graph is empty: " + "load data first " * 9]])
    assert id in written.getvalue()
    assert max(map(len, written.getvalue().splitlines())) <= 80


def test_an_answer_of_many_keys_is_whole_and_readable_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "_console", lambda: Console(file=written, width=80))
    counts = {f"a kind of thing {number}": 1000 + number for number in range(60)}
    output.answer("counted", [counts])
    lines = [line.split("│")[1:3] for line in written.getvalue().splitlines() if line.startswith("│")]
    assert {key.strip(): int(value) for key, value in lines} == counts


def test_two_records_of_many_keys_are_a_table_each(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "_console", lambda: Console(file=written, width=80))
    output.answer("wide", [{f"key{number}": row for number in range(9)} for row in (7, 8)])
    assert [line for line in written.getvalue().splitlines() if line.startswith("wide")] == [
        "wide, 1 of 2",
        "wide, 2 of 2",
    ]
    assert [written.getvalue().count(f"  {value} │") for value in (7, 8)] == [9, 9]


def test_an_answer_that_is_empty_says_so_and_an_empty_map_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "_console", lambda: Console(file=written, width=80))
    output.answer("nothing", [])
    assert written.getvalue() == "\nnothing\n0 results\n"
    output.answer("grouped", [{}])
    assert "│ {}" in written.getvalue()


def test_a_list_of_jobs_is_read_in_a_narrow_window(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(output, "_console", lambda: Console(file=written, width=80))
    told = {"started_ms": 0, "ended_ms": 125_000, "size_bytes": 2_000_000}
    search = {"details": {**told, "metric": {"name": "validation_mrr", "value": 0.25}}}
    failed = {
        "details": {"started_ms": 0, "ended_ms": 86_400_000},
        "processingJob": {"failureReason": "no [bold] label"},
    }
    output.jobs(
        "jobs",
        [
            Job("modeltraining", "tr", "Completed", search),
            Job("export", "ex", "failed", failed),
            Job("endpoint", "lp", "InService", {"details": {"created_ms": 0, "model": {"model": "rgcn"}}}),
        ],
    )
    assert written.getvalue().splitlines() == [
        "", "jobs",
        "modeltraining  Completed  tr",
        "    1970-01-01 00:00:00 to 00:02:05 UTC, 2 min, 2 MB, validation mrr 0.25",
        "export         failed     ex",
        "    1970-01-01 00:00:00 to 1970-01-02 00:00:00 UTC, 24 h, no [bold] label",
        "endpoint       InService  lp",
        "    since 1970-01-01 00:00:00 UTC, rgcn",
    ]  # fmt: skip


def test_settings_are_printed_a_line_each_and_no_name_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESPINA_LOG_LEVEL", "info")
    told = runner.invoke(app, ["config"], env={"COLUMNS": "80"}).output.splitlines()
    lines = {line.split()[0]: line.split()[1:] for line in told}
    assert lines["DESPINA_LOG_LEVEL"] == ["info", "(environment)"]
    assert lines["DESPINA_SAGEMAKER_EARLY_STOPPING"] == ["false"]
    assert {one.name for one in TABLE} <= set(lines)


def test_what_is_in_use_is_collected_by_the_service_itself(tmp_path: Path) -> None:
    with (tmp_path / "service.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = runner.invoke(app, ["gc", "--home", str(tmp_path)])
    assert "DESPINA_RETENTION=30" in str(result.exception)


def test_ctrl_c_before_the_command_is_read_leaves_no_traceback() -> None:
    interrupted = "import sys, builtins\nreal = builtins.__import__\n" + (
        "def slow(name, *rest):\n"
        "    if name == 'typer': raise KeyboardInterrupt\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = slow\n"
        "from workflow.cli.command import main\nmain()\n"
    )
    ended = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout + ended.stderr) == (130, b"")


def test_an_address_where_nothing_answers_says_how_to_start_a_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # port 9 (discard) is served by nobody here
    monkeypatch.setattr("sys.argv", ["despina", "status", "--url", "http://127.0.0.1:9"])
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 1
    said = plain(capsys.readouterr().err)
    assert "Nothing answers at http://127.0.0.1:9" in said
    assert "despina serve" in said


def test_an_endpoint_needs_exactly_one_model() -> None:
    result = runner.invoke(app, ["endpoint", "create"])
    assert isinstance(result.exception, InvalidParameter)
    result = runner.invoke(app, ["endpoint", "create", "--training", "a", "--transform", "b"])
    assert isinstance(result.exception, InvalidParameter)


def test_a_file_that_is_not_there_is_not_loaded() -> None:
    result = runner.invoke(app, ["load", "nowhere.csv"])
    assert isinstance(result.exception, InvalidParameter)
    assert "nowhere.csv" in str(result.exception)


def test_of_a_folder_the_tables_are_loaded_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nodes.csv", "edges.csv.gz", "README.md"):
        (tmp_path / name).touch()
    uploaded: list[list[str]] = []
    monkeypatch.setattr(
        Workflow, "upload", lambda self, files: uploaded.append([file.name for file in files]) or "s3://b/load"
    )
    monkeypatch.setattr(Workflow, "load", lambda self, source, **_: Job("load", source, "LOAD_COMPLETED"))
    for source in (tmp_path, tmp_path / "nodes.csv"):
        monkeypatch.setattr(Workflow, "wait", lambda self, job, **_: job)
        assert runner.invoke(app, ["load", str(source), "--json"]).exit_code == 0
    assert uploaded == [["edges.csv.gz", "nodes.csv"], ["nodes.csv"]]


def test_a_query_to_nobody_is_one_sentence() -> None:
    result = runner.invoke(app, ["query", "g.V()", "--url", "http://127.0.0.1:9"])
    assert isinstance(result.exception, ServiceUnreachable)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("User-FRIEND-User", {"edge": ["User", "FRIEND", "User"], "type": "link_prediction"}),
        ("Movie.genre", {"node": "Movie", "property": "genre", "type": "classification"}),
        ("Movie.score:regression", {"node": "Movie", "property": "score", "type": "regression"}),
        (
            "User-RATED-Movie.stars:regression",
            {"edge": ["User", "RATED", "Movie"], "property": "stars", "type": "regression"},
        ),
    ],
)
def test_a_target_is_written_as_it_is_spoken(text: str, target: dict[str, object]) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["User", "User-FRIEND", "User--User", ".genre", "a-b-c-d"])
def test_a_target_that_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameter, match="names no target"):
        parse_target(text)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["status", "--bogus"], "No such option: --bogus"),
        (["training", "start"], "missing"),
        (["run", "none.yaml"], "none.yaml"),
    ],
)
def test_every_error_of_a_command_that_is_to_answer_in_json_is_json(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["despina", *arguments, "--json"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (1, 2)
    printed = capsys.readouterr()
    assert told.lower() in json.loads(printed.out)["error"]["message"].lower()
    assert printed.err == ""


def test_a_cluster_is_asked_with_signatures_and_its_export_service_where_that_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Connection] = []

    class Run:
        def __init__(self, described: object, workflow: Workflow, *_: object) -> None:
            asked.append(workflow.connection)

        def execute(self) -> RunResult:
            return RunResult("social", [], {})

    monkeypatch.setattr("workflow.cli.run.WorkflowRun", Run)
    monkeypatch.setattr("workflow.cli.run.service_storage", lambda connection: None)
    file = tmp_path / "workflow.yaml"
    file.write_text("name: social\nexport: {targets: [{edge: [User, FRIEND, User], type: link_prediction}]}\n")
    cluster, exports = "https://cluster.example:8182", "https://api.example/v1/neptune-export"
    words = ["run", str(file), "--neptune", cluster, "--export-service", exports, "--json", "--home", str(tmp_path)]
    done = runner.invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (connection,) = asked
    assert (connection.url, connection.sign, connection.export_url) == (cluster, True, exports)


def test_a_run_prints_every_warning_and_whole_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Run:
        def __init__(self, *_: object) -> None:
            pass

        def execute(self) -> RunResult:
            stages = [
                StageResult("export", "e1", "succeeded", False, None, ["no vertex has age"]),
                StageResult("dataprocessing", "d1", "Completed", False, None, ["3 loops dropped"]),
                StageResult("modeltraining", "t1", "Completed", False, None, ["EASE beats this model"]),
            ]
            answers: dict[str, list[object]] = {"pairs": [{"id": "u1", "p": "Ann"}], "counted": [{"Drama": 3, "7": 1}]}
            return RunResult("social", stages, {}, answers)

    monkeypatch.setattr("workflow.cli.run.WorkflowRun", Run)
    monkeypatch.setattr("workflow.cli.run.service_storage", lambda connection: None)
    file = tmp_path / "workflow.yaml"
    file.write_text("name: social\nexport: {targets: [{edge: [User, FRIEND, User], type: link_prediction}]}\n")
    words = ["run", str(file), "--url", "http://127.0.0.1:9", "--home", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["despina", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    printed = capsys.readouterr()
    said = plain(printed.err)
    for text in (
        "export: no vertex has age",
        "dataprocessing: 3 loops dropped",
        "modeltraining: EASE beats this model",
    ):
        assert f"warning {text}" in said
    for text in ("id", "u1", "Ann", "Drama", "3", "7"):
        assert text in plain(printed.out).partition("pairs")[2]


@pytest.mark.parametrize(
    ("stage", "detail"),
    [
        ("export", {"status": "succeeded", "warnings": ["no vertex has age"]}),
        ("dataprocessing", {"details": {"warnings": ["3 loops dropped", "a column tells"]}}),
        ("modeltraining", {"details": {"warnings": ["EASE beats this model"]}}),
    ],
)
def test_a_stage_prints_its_warnings(
    stage: Stage, detail: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    job = Job(stage, "j1", "succeeded" if stage == "export" else "Completed", detail)
    assert job.warnings
    follow(Workflow(Connection("http://127.0.0.1:9")), job, wait=False, json=False)
    printed = plain(capsys.readouterr().err)
    for text in job.warnings:
        assert f"warning {text}" in printed


def test_a_query_that_writes_is_not_asked_again_for_its_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Connection, "query", lambda self, text, **_: asked.append(text) or [])
    writes = "g.with('Neptune#ml.endpoint', 'lp').addV('x').out('READ').with('Neptune#ml.prediction').hasLabel('b')"
    assert "0 results" in runner.invoke(app, ["query", writes]).output
    assert asked == [writes]
    runner.invoke(app, ["query", writes.replace("addV('x')", "V('x')")])
    assert len(asked) == 3  # reads, and is asked once more


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["MATCH (n) RETURN n"], "opencypher"),
        (["  unwind [1] as x return x"], "opencypher"),
        (["g.V().match(__.as('a'))"], "gremlin"),
        (["--language", "gremlin", "MATCH (n) RETURN n"], "gremlin"),
    ],
)
def test_a_query_is_asked_in_the_language_it_is_written_in(
    words: list[str], asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[str] = []
    monkeypatch.setattr(Connection, "query", lambda self, text, **_: used.append("gremlin") or [1])
    monkeypatch.setattr(Connection, "cypher", lambda self, text, **_: used.append("opencypher") or [{"n": 1}])
    assert runner.invoke(app, ["query", *words]).exit_code == 0
    assert used == [asked]


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_run_says_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("workflow.cli.run.WorkflowRun.execute", interrupted)
    monkeypatch.setattr("workflow.cli.run.service_storage", lambda connection: None)
    file = tmp_path / "workflow.yaml"
    file.write_text("name: social\nexport: {targets: [{edge: [User, FRIEND, User], type: link_prediction}]}\n")
    words = ["despina", "run", str(file), "--url", "http://127.0.0.1:9", "--home", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    said = capsys.readouterr().err
    assert said.strip().endswith(f"interrupted; `despina run {file}` goes on where this left off")
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("stage", "verb"),
    [("export", "export"), ("modeltraining", "training"), ("modeltransform", "transform"), ("endpoint", "endpoint")],
)
@pytest.mark.parametrize("json", [True, False])
def test_ctrl_c_while_waiting_says_that_the_job_goes_on_and_how_to_follow_it(
    stage: Stage, verb: str, json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Workflow, "wait", interrupted)
    client = Workflow(Connection("http://127.0.0.1:9"))
    with pytest.raises(KeyboardInterrupt):
        follow(client, Job(stage, "j1", "InProgress"), wait=True, json=json)
    assert f"{stage} j1 goes on; follow it with `despina {verb} status j1 --wait`" in capsys.readouterr().err
    assert runner.invoke(app, [verb, "status", "--help"]).exit_code == 0  # what it names is a command
