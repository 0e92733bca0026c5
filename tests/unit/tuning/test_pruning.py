"""Which trials are given up early, from figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from training_scripts.graph_ml.training.stopping import missed_bar
from workflow.tuning.figures import correlation, curves, gain, importances
from workflow.tuning.pruning import argument, bars, reached, rungs_of
from workflow.tuning.results import Trial, verdict
from workflow.tuning.samplers import Search
from workflow.tuning.space import Dimension, Space

LR = Dimension("lr", low=0.001, high=0.1, log=True, default=0.01)
ONE = Space((LR,), {"model": "rgcn"})


def trial(number: int, final: float, epochs: int = 9, of: int = 9) -> Trial:
    """A trial whose best figure grows by equal steps over its epochs."""
    curve = tuple((e / of, final * e / of) for e in range(1, epochs + 1))
    return Trial(number, f"t{number}", "Completed", {"lr": 0.01 * number}, {"model": "rgcn"}, value=final, curve=curve)


def test_of_three_trials_in_turn_one_is_looked_at_twice_one_once_one_never() -> None:
    assert [len(rungs_of(number)) for number in range(3, 9)] == [2, 1, 0, 2, 1, 0]


def test_a_bar_is_the_last_figure_of_the_best_third_with_the_newcomer_counted() -> None:
    # after a ninth the figures are .1 .2 .3 .4 .5; of six with the newcomer two go on, so the second is the bar
    five = [trial(number, 0.9 * number) for number in range(1, 6)]
    wanted = bars(6, five, "maximize")
    assert wanted == pytest.approx({1 / 9: 0.4, 1 / 3: 1.2})
    assert bars(6, five, "minimize")[1 / 9] == pytest.approx(0.2)
    assert bars(6, five[:2], "maximize") == {}
    assert bars(8, five, "maximize") == {}


def test_a_trial_given_up_before_a_rung_says_nothing_of_it_and_one_that_had_ended_keeps_its_best() -> None:
    early = trial(1, 0.9, epochs=2)
    assert reached(early, 1 / 3) == pytest.approx(0.2)
    assert reached(replace(early, state="Pruned", value=None), 1 / 3) is None
    assert reached(replace(early, curve=()), 1 / 9) is None


def test_bars_depend_on_trials_that_must_have_ended_and_on_no_other() -> None:
    search = Search(ONE, "maximize", seed=1, parallel=2, prunes=True)
    ended = [trial(number, 0.9 * number) for number in range(1, 8)]
    assert search.needs(6) == 4
    assert search.bars(6, ended[:4]) == search.bars(6, ended) != {}
    assert search.bars(1, ended) == {}
    assert Search(ONE, "maximize", seed=1, parallel=2).bars(6, ended) == {}


@pytest.mark.parametrize(
    ("share", "best", "sign", "missed"),
    [
        (0.1, 0.0, 1.0, None),
        (0.2, 0.5, 1.0, None),
        (0.2, 0.49, 1.0, 0.5),
        (0.5, 0.7, 1.0, 0.8),
        (0.5, 0.8, 1.0, None),
        # errors are to be small
        (0.2, 0.6, -1.0, 0.5),
        (0.2, float("nan"), 1.0, 0.5),
    ],
)
def test_a_trial_knows_by_itself_what_it_has_missed(
    share: float, best: float, sign: float, missed: float | None
) -> None:
    text = argument({1 / 9: 0.5, 1 / 3: 0.8 if sign > 0 else 0.3})["prune-below"]
    assert missed_bar(text, share, best, sign) == missed


def test_no_bar_is_no_argument() -> None:
    assert argument({}) == {}
    assert missed_bar("", 1.0, 0.0, 1.0) is None


def test_the_verdict_counts_what_was_given_up() -> None:
    trials = [trial(1, 0.5), replace(trial(2, 0.1), state="Pruned", value=None)]
    assert "1 of 2 trials completed, 1 given up early" in verdict(trials, "maximize", "mrr")


def test_rank_correlation_is_one_for_any_rise_and_shares_ranks_of_equals() -> None:
    assert correlation([1, 10, 100], [0.1, 0.2, 0.9]) == pytest.approx(1)
    assert correlation([1, 10, 100], [3, 2, 1]) == pytest.approx(-1)
    assert correlation([1, 1], [1, 2]) == 0
    # ranks 1.5 1.5 3 4 and 1 2 3 4: 4.5 / sqrt(4.5 * 5)
    assert correlation([1, 1, 2, 3], [1, 2, 3, 4]) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)


def test_importances_wait_for_five_trials_of_a_family() -> None:
    assert importances([trial(number, 0.1 * number) for number in range(1, 5)]) == []
    found = importances([trial(number, 0.1 * number) for number in range(1, 6)])
    assert [(row["name"], row["strength"]) for row in found] == [("lr", pytest.approx(1))]


def test_curves_and_gain_fill_their_box() -> None:
    trials = [trial(1, 0.9), trial(2, 0.45), trial(3, 1.8)]
    drawn = curves(trials)
    assert drawn is not None
    assert [name for name, _, _ in drawn.lines] == ["trial 1, rgcn", "trial 2, rgcn", "trial 3, rgcn"]
    # the lowest figure is .05, after the first epoch of the second; the highest 1.8, after the last of the third
    assert (drawn.lowest, drawn.highest) == (pytest.approx(0.05), pytest.approx(1.8))
    assert drawn.lines[1][2].startswith("0.0,180.0 ")
    assert drawn.lines[2][2].endswith(" 600.0,0.0")
    best_so_far = gain(trials, "maximize")
    assert best_so_far is not None
    # .9 until the third trial has 1.8
    assert best_so_far.lines[0][2] == "0.0,180.0 300.0,180.0 600.0,0.0"
    assert curves([replace(trials[0], curve=())]) is None
    assert gain(trials[:1], "maximize") is None
