"""What works on many values at once looks at the clock meanwhile, and gives what the plain way gives."""

from __future__ import annotations

import random
import threading

import pytest

from workflow.errors import CancelledByUser
from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.columns import KeyColumn
from workflow.queries.columns import sorting
from workflow.queries.columns.sorting import sorted_in_parts
from workflow.queries.run import Run


class Looks(Run):
    """Counts how often somebody looks at the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def check(self) -> None:
        self.count += 1


@pytest.mark.parametrize("size", [0, 1, 4, 5, 37, 64])
def test_values_sorted_in_parts_are_those_sorted_at_once_and_equal_ones_stay_as_they_stood(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "PART", 4)
    draw = random.Random(size)
    values = [(draw.randrange(6), place) for place in range(size)]
    run = Looks()
    assert sorted_in_parts(run, values, lambda pair: pair[0]) == sorted(values, key=lambda pair: pair[0])
    assert sorted_in_parts(run, values[::-1]) == sorted(values)
    found = sorted_in_parts(run, values, lambda pair: pair[0], descending=True)
    assert found == sorted(values, key=lambda pair: pair[0], reverse=True)
    assert run.count >= 2 * (size // 4)


def test_a_sort_ends_with_its_query(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "PART", 4)
    cancelled = threading.Event()
    run = Run(cancelled=cancelled)
    seen = []

    def key(value: int) -> int:
        seen.append(value)
        if len(seen) == 10:
            cancelled.set()
        return value

    with pytest.raises(CancelledByUser):
        sorted_in_parts(run, range(100), key)
    assert len(seen) == 12  # the part that was being sorted, and no other


def test_a_loop_over_many_items_ends_with_its_query() -> None:
    cancelled = threading.Event()
    seen = []

    def loop() -> None:
        for item in Run(cancelled=cancelled).each(range(5000)):
            seen.append(item)
            if item == 1500:
                cancelled.set()

    with pytest.raises(CancelledByUser):
        loop()
    assert len(seen) == 2048


def test_texts_have_codes_by_first_appearance_with_what_was_written_since() -> None:
    column = KeyColumn("name", 0)
    column.load(0, ["b", MISSING, "a", "b"], None)
    column.put(1, "c")
    column.put(3, MISSING)
    codes = column.codes(6)
    assert codes is not None
    assert codes.codes.tolist() == [0, 2, 1, -1, -1, -1]
    assert codes.values == ["b", "a", "c"]
