"""Sets by sorting say what numpy's say."""

from __future__ import annotations

import numpy as np
import pytest

from training_scripts.graph_ml.distinct import among, among_sorted, distinct


@pytest.mark.parametrize("size", [0, 1, 2, 50, 1000])
@pytest.mark.parametrize("most", [1, 40, 10**15])
def test_they_are_those_of_numpy(size: int, most: int) -> None:
    rng = np.random.default_rng(size)
    values, others = rng.integers(-most, most, size), rng.integers(-most, most, 60)
    assert np.array_equal(distinct(values), np.unique(values))
    assert np.array_equal(among(values, others), np.isin(values, others))
    assert np.array_equal(among_sorted(values, distinct(others)), np.isin(values, others))
    assert np.array_equal(among(others, values), np.isin(others, values))


def test_a_table_of_numbers_is_one_set() -> None:
    assert distinct(np.array([[3, 1], [1, 2]])).tolist() == [1, 2, 3]
