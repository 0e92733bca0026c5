"""What a user takes away again: the graph, and jobs with their files; and the line that a waiting program shows."""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from workflow.cli.main import app
from workflow.client import Workflow
from workflow.client.progress import ERASE, described
from workflow.errors import InvalidParameter, MLResourceNotFound


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments, catch_exceptions=True)


def test_a_graph_is_emptied_and_a_job_deleted_only_on_a_plain_yes(
    workflow_client: Workflow, service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wf = workflow_client
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    people = pd.DataFrame({"~id": [f"p{n}" for n in range(12)], "~label": "P", "age": range(12)})
    knows = pd.DataFrame({"~from": [f"p{n}" for n in range(11)], "~to": [f"p{n}" for n in range(1, 12)], "~label": "K"})
    wf.wait(wf.load(nodes=people, edges=knows))
    shown = capsys.readouterr().err
    assert shown.startswith(ERASE + "load")
    assert "LOAD_COMPLETED" in shown
    exported = wf.wait(wf.export(targets=[{"node": "P", "property": "age", "type": "regression"}]), watch=None)
    assert capsys.readouterr().err == ""
    wf.wait(wf.dataprocessing(exported, id="dp"))

    refused = run("delete", "dp", "--url", service)
    assert "would go: dataprocessing dp (Completed); add --yes" in refused.output.replace("\n", " ")
    assert run("delete", "dp", "--url", service, "--yes").output.startswith("deleted: dataprocessing dp")
    assert wf.status("dataprocessing", "dp").note == "its files were removed"
    with pytest.raises(MLResourceNotFound):
        wf.delete("nobody")

    assert isinstance(run("reset", "--url", service).exception, InvalidParameter)
    assert wf.query("g.V().count()")["value"].tolist() == [12]
    assert run("reset", "--url", service, "--yes").exit_code == 0
    assert wf.query("g.V().count()")["value"].tolist() == [0]


def test_the_line_says_stage_state_and_how_far_it_is() -> None:
    progress = {"phase": "training", "step": 3, "total": 10, "metric": None, "eta_s": 60}
    line = described("modeltraining", {"id": "lp", "status": "InProgress", "progress": progress})
    assert line.startswith("modeltraining lp · InProgress · ")
    assert "3" in line
