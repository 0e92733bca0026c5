"""Intervals around predicted numbers: as wide as held-out errors, and as sure as they say."""

from __future__ import annotations

import numpy as np
import pytest

from training_scripts.graph_ml.judging.intervals import interval_note, interval_of


def test_the_interval_is_the_error_that_nine_of_ten_do_not_exceed() -> None:
    # errors 1 to 19: k = ceil(20 * 0.9) = 18, so the 18th smallest
    found = interval_of(np.zeros(19), np.arange(1.0, 20.0) * (-1) ** np.arange(19), "test")
    assert found is not None
    assert (found.half_width, found.items, found.coverage, found.split) == (18.0, 19, 0.9, "test")
    assert interval_note(found, by_time=False) == (
        "at least 90% of new items like the 19 test ones lie within ± 18 of what is predicted (split-conformal)"
    )
    assert interval_note(found.model_copy(update={"split": "valid"}), by_time=False).startswith(
        "about 90% of new items"
    )
    assert interval_note(found, by_time=True).endswith("; what comes later may lie farther off")


def test_too_few_items_and_those_of_training_give_no_interval() -> None:
    # ceil(9 * 0.9) = 9 of 8 items; ceil(10 * 0.9) = 9 of 9
    assert interval_of(np.zeros(8), np.ones(8), "test") is None
    assert interval_of(np.zeros(9), np.ones(9), "valid") is not None
    assert interval_of(np.zeros(99), np.ones(99), "train") is None
    assert interval_of(np.zeros(0), np.ones(0), "test") is None


@pytest.mark.parametrize("items", [9, 30, 200])
def test_new_numbers_lie_within_as_often_as_is_said(items: int) -> None:
    rng = np.random.default_rng(items)
    inside = []
    for _ in range(400):
        errors = rng.standard_t(3, items + 50)
        found = interval_of(np.zeros(items), errors[:items], "test")
        assert found is not None
        inside.append(np.mean(np.abs(errors[items:]) <= found.half_width))
    # the mean of coverages is k / (n + 1), at least 0.9: 9/10, 28/31, 181/201
    expected = np.ceil(round((items + 1) * 0.9, 9)) / (items + 1)
    assert np.mean(inside) == pytest.approx(expected, abs=0.015)
