"""Sets by sorting say what numpy's say."""

from __future__ import annotations

import numpy as np
import pytest

from training_scripts.graph_ml import distinct as sets
from training_scripts.graph_ml.distinct import among, among_sorted, distinct, numbers_of, stable_order


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


@pytest.mark.parametrize("size", [0, 1, 2, 50, 1000])
@pytest.mark.parametrize("most", [1, 40, 10**9, 2**62])
@pytest.mark.parametrize("packed", [0, 10**6])
def test_places_and_numbers_are_those_of_numpy(
    size: int, most: int, packed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # counted where values are small, packed with their places where both fit into 63 bits, else sorted
    monkeypatch.setattr(sets, "BLOCK", 7)
    monkeypatch.setattr(sets, "MOST_PACKED", packed)
    values = np.random.default_rng(size).integers(0, most, size)
    assert stable_order(values).tolist() == np.argsort(values, kind="stable").tolist()
    assert numbers_of(values).tolist() == np.unique(values, return_inverse=True)[1].tolist()
