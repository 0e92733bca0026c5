"""A column's arrays, codes and index follow its writes: they are what they would be if they were made anew."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from workflow.graphs.store.versions import columns
from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.columns import KeyColumn
from workflow.graphs.store.versions.index import PropertyIndex
from workflow.values.numbers import Long

VALUES: dict[str, list[Any]] = {
    "whole numbers": [1, 2, 3, 7],
    "texts": ["a", "b", "c", "d"],
    "numbers of two classes": [1, Long(1), 2, True],
    "real numbers": [0.5, 1.5, -1.0],
}


def anew(column: KeyColumn) -> KeyColumn:
    """The same values, written one by one."""
    made = KeyColumn(column.key, column.index)
    for row, value in column.items():
        made.put(row, value)
    return made


def decoded(column: KeyColumn, rows: int) -> list[Any]:
    codes = column.codes(rows)
    assert codes is not None
    return [None if code < 0 else (type(codes.values[code]), codes.values[code]) for code in codes.codes.tolist()]


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("logged", [5, 1024])
def test_arrays_and_codes_follow_the_writes_of_every_fork(
    kind: str, logged: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "MOST_LOGGED", logged)
    rng, rows = Random(7), 20
    column = KeyColumn("k", 0)
    column.load(0, [rng.choice(VALUES[kind]) for _ in range(rows)], None)
    forks = [column]
    for _ in range(200):
        rows += rng.random() < 0.2
        fork = rng.choice(forks[-3:]).fork()
        for _ in range(rng.randrange(1, 4)):
            fork.put(rng.randrange(rows), MISSING if rng.random() < 0.2 else rng.choice(VALUES[kind]))
        if rng.random() < 0.7:
            mended, made = fork.numeric(rows), anew(fork).numeric(rows)
            assert (mended is None) is (made is None)
            if mended is not None and made is not None:
                assert mended.kind is made.kind
                assert mended.values.tolist() == made.values.tolist()
                assert mended.present.tolist() == made.present.tolist()
            assert decoded(fork, rows) == decoded(anew(fork), rows)
        forks.append(fork)
    for fork in forks[-10:]:
        assert decoded(fork, rows) == decoded(anew(fork), rows)


def test_a_value_of_another_kind_ends_the_array_and_leaves_the_codes() -> None:
    column = KeyColumn("k", 0)
    column.load(0, [1, 2, 3], None)
    assert column.numeric(3) is not None
    fork = column.fork()
    fork.put(1, "two")
    assert fork.numeric(3) is None
    assert decoded(fork, 3) == [(int, 1), (str, "two"), (int, 3)]
    assert column.numeric(3) is not None


def test_an_index_that_names_rows_of_old_is_made_anew_by_and_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflow.graphs.store.versions.index.FEW_ADDED", 50)
    column = KeyColumn("k", 0)
    for row in range(10):
        column.put(row, f"v{row}")
    made = 0
    for number in range(1000):
        column = column.fork()
        if column.values is None:
            column.values = PropertyIndex(column)
            made += 1
        column.put(number % 10, f"new{number}")
        assert column.values.find(f"new{number}", column) == [number % 10]
        if number >= 10:
            assert column.values.find(f"new{number - 10}", column) == []
    # once at the beginning, and then after every 51 values
    assert made == 20
