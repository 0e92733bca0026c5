"""What ``%despina`` says to a slip of the hand: a sentence, never a traceback, and nothing is changed by it."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.client.job import Job
from workflow.notebook import magics
from workflow.notebook.magics import VERBS, DespinaMagics


class Cell:
    """A cell's magic and what it displayed."""

    def __init__(self) -> None:
        self.shown: list[Any] = []
        self.magic = DespinaMagics(None, "http://127.0.0.1:1")

    def says(self, line: str) -> str:
        before = len(self.shown)
        assert self.magic.despina(line) is None
        return "".join(item.data for item in self.shown[before:])


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Cell:
    made = Cell()
    monkeypatch.setattr(magics, "display", made.shown.append)
    return made


@pytest.mark.parametrize("line", ["", "help", "--help"])
def test_alone_it_lists_its_verbs(cell: Cell, line: str) -> None:
    said = cell.says(line)
    assert all(f"%despina {verb}" in said for verb in VERBS)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("jbos", "did you mean &#x27;jobs&#x27;?"),
        ("wait", "the following arguments are required: id"),
        ("jobs --all", "unrecognized arguments: --all"),
        ("logs 'unclosed", "No closing quotation"),
        ("endpoint stop", "Name the endpoint to stop"),
        ("jobs", "Nothing answers at http://127.0.0.1:1"),
        ("<script>", "There is no verb &#x27;&lt;script&gt;&#x27;."),
    ],
)
def test_a_slip_is_answered_by_a_sentence(cell: Cell, line: str, expected: str) -> None:
    assert expected in cell.says(line)


def test_an_address_where_nothing_answers_takes_no_place(cell: Cell) -> None:
    before = cell.magic.workflow
    assert "Nothing answers at http://127.0.0.1:2" in cell.says("connect http://127.0.0.1:2")
    assert cell.magic.workflow is before


def test_a_stage_that_has_not_completed_has_no_report(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cell.magic.workflow, "find", lambda id: [Job("modeltraining", id, "Stopped")])
    assert "modeltraining t is Stopped and has no report" in cell.says("report t")


def test_progress_tells_phase_step_metric_and_time_left() -> None:
    progress = {"phase": "training", "step": 3, "total": 4, "metric": {"name": "mrr", "value": 0.5}, "eta_s": 130}
    said = magics._progress("modeltraining", {"status": "InProgress", "progress": progress})
    assert '<progress max="4" value="3">' in said
    assert "modeltraining InProgress: training, 3 of 4, mrr 0.5, about 2 min left" in said
