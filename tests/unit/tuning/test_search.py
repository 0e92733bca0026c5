"""What is tried next depends on the seed and on the trials that count, and on nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from workflow.tuning.results import Trial, TrialState, best, chosen, direction_of, verdict
from workflow.tuning.samplers import STARTUP_TRIALS, Search
from workflow.tuning.space import Dimension, Space

LR = Dimension("lr", low=0.001, high=0.1, log=True, default=0.01)
HIDDEN = Dimension("num-hidden", options=(16, 32, 64), ordered=True, default=32, families=frozenset({"rgcn"}))
FAMILY = Dimension("model", options=("rgcn", "pair-ranker"), default="rgcn")
ONE = Space((LR,), {"model": "rgcn"})
TWO = Space((FAMILY, LR, HIDDEN), {})


def trial(
    number: int, value: float | None, sample: dict[str, Any], family: str = "rgcn", value_error: float = 0.0
) -> Trial:
    state: TrialState = "Completed" if value is not None else "Failed"
    return Trial(number, f"t{number}", state, sample, {"model": family}, value=value, value_error=value_error)


def history(search: Search, length: int) -> list[Trial]:
    trials: list[Trial] = []
    for number in range(1, length + 1):
        sample = dict(search.propose(number, trials).sample)
        trials.append(trial(number, 1 - abs(sample["lr"] - 0.05), sample, search.space.family(sample)))
    return trials


def test_the_first_trials_are_each_family_with_its_defaults() -> None:
    search = Search(TWO, "maximize", seed=1, parallel=2)
    assert [search.propose(n, []).sample for n in (1, 2)] == [
        {"model": "rgcn", "lr": 0.01, "num-hidden": 32},
        {"model": "pair-ranker", "lr": 0.01},
    ]


def test_proposals_repeat_for_a_seed_and_differ_between_seeds() -> None:
    first, again = (history(Search(TWO, "maximize", seed=3, parallel=2), 16) for _ in range(2))
    assert [t.sample for t in first] == [t.sample for t in again]
    other = history(Search(TWO, "maximize", seed=4, parallel=2), 16)
    assert [t.sample for t in first[2:]] != [t.sample for t in other[2:]]


def test_trials_that_need_not_have_finished_do_not_change_a_proposal() -> None:
    search = Search(TWO, "maximize", seed=3, parallel=3)
    trials = history(search, 14)
    needed = [t for t in trials if t.number <= search.needs(14)]
    assert len(needed) == 11
    assert search.propose(14, needed) == search.propose(14, trials[:13])


def test_random_trials_wait_for_nobody() -> None:
    search = Search(ONE, "maximize", seed=1, parallel=2)
    assert [search.needs(n) for n in (1, 2, STARTUP_TRIALS, STARTUP_TRIALS + 1)] == [0, 0, 0, STARTUP_TRIALS - 1]


def test_a_proposal_lies_in_the_space() -> None:
    for t in history(Search(TWO, "maximize", seed=5), 20):
        assert 0.001 <= t.sample["lr"] <= 0.1
        assert ("num-hidden" in t.sample) == (t.sample["model"] == "rgcn")


def test_tpe_looks_where_good_values_were() -> None:
    search = Search(ONE, "maximize", seed=2)
    trials = [trial(n, 1.0 if lr > 0.05 else 0.0, {"lr": lr}) for n, lr in enumerate([0.002, 0.07, 0.003, 0.08] * 4, 1)]
    drawn = [search.propose(n, trials).sample["lr"] for n in range(17, 27)]
    assert min(drawn) > 0.01  # the middle of the range by ratio: chance would be below it half of the time


def test_a_warm_start_tries_the_earlier_best_first() -> None:
    earlier = (trial(1, 0.2, {"lr": 0.002}), trial(2, 0.9, {"lr": 0.09}), trial(3, None, {"lr": 0.1}))
    proposal = Search(ONE, "maximize", seed=1, previous=earlier).propose(1, [])
    assert (proposal.sample, proposal.origin) == ({"lr": 0.09}, "warm-start")


def test_defaults_that_were_best_before_are_not_tried_twice() -> None:
    earlier = (trial(1, 0.9, {"lr": 0.01}),)
    search = Search(ONE, "maximize", seed=1, previous=earlier)
    assert search.propose(1, []).origin == "warm-start"
    assert search.propose(2, [trial(1, 0.9, {"lr": 0.01})]).origin == "tpe"


def test_a_warm_start_from_another_space_is_ignored() -> None:
    earlier = (trial(1, 0.9, {"lr": 5.0}), trial(2, 0.8, {"dropout": 0.1}))
    assert Search(ONE, "maximize", seed=1, previous=earlier).propose(1, []).origin == "default"


def test_an_empty_space_runs_every_trial_with_the_same_values() -> None:
    search = Search(Space((), {"model": "rgcn"}), "maximize", seed=1)
    assert [search.propose(n, []).sample for n in (1, 2, 30)] == [{}, {}, {}]


@pytest.mark.parametrize(("metric", "direction"), [("mrr", "maximize"), ("mse", "minimize"), ("acc", "maximize")])
def test_only_errors_are_made_small(metric: str, direction: str) -> None:
    assert direction_of(metric) == direction


def test_the_best_is_the_earliest_of_equals_and_ignores_failures() -> None:
    trials = [trial(1, 0.5, {}), trial(2, None, {}), trial(3, 0.7, {}), trial(4, 0.7, {})]
    assert (found := best(trials, "maximize")) is not None
    assert found.number == 3
    assert (found := best(trials, "minimize")) is not None
    assert found.number == 1
    assert best([trial(1, None, {})], "maximize") is None


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([0.30, 0.33], 1),  # 0.03 within 0.04
        ([0.30, 0.35], 2),
        ([0.30, 0.20, 0.33], 1),
        ([0.20, 0.30, 0.33], 2),
        ([0.36, 0.33], 1),
    ],
)
def test_a_family_that_was_tried_before_is_kept_where_a_later_one_is_better_by_chance(
    values: list[float], kept: int
) -> None:
    families = ["pair-ranker", "rgcn", "stack"]
    trials = [
        trial(number, value, {}, family, value_error=0.04)
        for number, (value, family) in enumerate(zip(values, families, strict=False), 1)
    ]
    assert (found := chosen(trials, "maximize")) is not None
    assert found.number == kept
    errors = [replace(one, value=-(one.value or 0.0)) for one in trials]
    assert (found := chosen(errors, "minimize")) is not None
    assert found.number == kept


def test_of_one_family_the_best_is_kept_however_small_the_difference() -> None:
    trials = [trial(1, 0.10, {}, "mlp", 0.04), trial(2, 0.30, {}, "rgcn", 0.04), trial(3, 0.31, {}, "rgcn", 0.04)]
    assert (found := chosen(trials, "maximize")) is not None
    assert found.number == 3


def test_the_verdict_says_that_a_better_figure_was_not_better_beyond_chance() -> None:
    trials = [trial(1, 0.30, {}, "pair-ranker", 0.04), trial(2, 0.33, {}, value_error=0.04), trial(3, 0.1, {}, "gat")]
    assert verdict(trials, "maximize", "mrr") == (
        "pair-ranker won with validation mrr 0.3 (trial 1; 3 of 3 trials completed), ahead of gat with 0.1; rgcn with "
        "0.33 is not better beyond chance (± 0.04), and pair-ranker was tried before."
    )


def test_the_verdict_names_the_winner_and_the_others() -> None:
    trials = [trial(1, 0.10, {}), trial(2, 0.19, {}, "pair-ranker"), trial(3, None, {}, "stack")]
    text = verdict(trials, "maximize", "mrr")
    assert text == (
        "pair-ranker won with validation mrr 0.19 (trial 2; 2 of 3 trials completed), ahead of rgcn with 0.1."
    )


def test_a_trial_survives_its_json_form() -> None:
    before = trial(1, 0.5, {"lr": 0.1})
    assert Trial.from_json(before.to_json()) == before


def test_the_verdict_says_what_the_winner_loses_to_and_whether_anything_was_held_out() -> None:
    won = replace(trial(1, 0.13, {}), metrics={"train.mrr": 0.13}, warnings=("EASE beats this model",))
    assert won.judged_on == "training"
    assert verdict([won], "maximize", "mrr") == (
        "rgcn won with training mrr 0.13 (trial 1; the only trial). EASE beats this model."
    )
    assert replace(won, metrics={"valid.mrr": 0.13, "train.mrr": 0.2}).judged_on == "validation"
    assert Trial.from_json(json.loads(json.dumps(won.to_json()))) == won
