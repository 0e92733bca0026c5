"""Progress in words."""

from __future__ import annotations

import pytest

from workflow.neptune.progress import progress_note, span, steps_done, trial_notes


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (150, "2 min"),
        (3570, "1 h"),
        (4800, "1 h 20 min"),
        (200_000, "2 days"),
    ],
)
def test_a_length_of_time_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_progress_that_tells_nothing_is_empty() -> None:
    assert progress_note({"phase": "", "step": 0, "total": 0, "metric": None, "eta_s": None}) == ""


def test_a_metric_without_a_value_is_left_out() -> None:
    assert progress_note({"phase": "training", "metric": {"name": "mrr", "value": None}}) == "training"


def test_a_search_counts_what_its_running_trials_have_done() -> None:
    running = {"number": 2, "model": "rgcn", "progress": {"phase": "training", "step": 15, "total": 60}}
    early = {"number": 3, "progress": {"phase": "reading", "step": 0, "total": 0}}
    progress = {"step": 1, "total": 4, "trials": [{"number": 1, "value": 0.5}, running, early]}
    # one trial has ended, a quarter of the second is done, the third has told nothing yet
    assert steps_done(progress) == 1.25
    assert trial_notes(progress) == ["trial 2, rgcn: training, 15 of 60", "trial 3, starting: reading"]
