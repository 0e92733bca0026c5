"""A list, a data frame and a column that is read in pieces answer every question about a column alike."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import narwhals as nw
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training_scripts.graph_ml.features import BadValue, Column, TextColumn
from training_scripts.graph_ml.processing.frames import FrameColumn, frame_column
from training_scripts.graph_ml.processing.streaming import StreamedColumn
from training_scripts.graph_ml.processing.workspace import Workspace


def frame(values: list[str | None]) -> Column:
    return FrameColumn(nw.from_native(pl.Series(values, dtype=pl.String), series_only=True))


def streamed(values: list[str | None], folder: Path, size: int = 2) -> StreamedColumn:
    def pieces() -> Iterator[FrameColumn]:
        return (
            frame_column(pl.Series(values[begin : begin + size], dtype=pl.String))
            for begin in range(0, len(values), size)
        )

    return StreamedColumn(pieces, len(values), Workspace(folder, rows=size, parked_bytes=8))


@pytest.fixture(params=["list", "frame", "streamed"])
def make(request: pytest.FixtureRequest, tmp_path: Path):
    ways = {"list": TextColumn, "frame": frame, "streamed": lambda values: streamed(values, tmp_path)}
    return ways[request.param]


def test_numbers_are_read_and_gaps_are_nan(make) -> None:
    numbers = make(["1", None, "-2.5e3", " 7 ", ".5", "+3."]).numbers()
    assert np.array_equal(numbers, [1, np.nan, -2500, 7, 0.5, 3], equal_nan=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("abc", "is not a number"),
        ("1,5", "is not a number"),
        ("nan", "is not a number"),
        ("1_0", "is not a number"),
        ("Infinity", "is not a finite number"),
        ("1e999", "is not a finite number"),
    ],
)
def test_what_is_no_finite_number_is_refused_with_its_row(make, text: str, problem: str) -> None:
    with pytest.raises(BadValue) as caught:
        make(["1", None, text, "2"]).numbers()
    assert (caught.value.row, caught.value.text, caught.value.problem) == (2, text, problem)


def test_dates_are_taken_apart_as_written(make) -> None:
    dates = make(["2024-03-01", None, "1999-12-31T23:59:59.5Z", "2024-02-29 07:30+02:00"]).dates()
    assert dates.year.tolist() == [2024, -1, 1999, 2024]
    assert dates.month.tolist() == [3, -1, 12, 2]
    assert dates.day.tolist() == [1, -1, 31, 29]
    assert dates.hour.tolist() == [0, -1, 23, 7]


@pytest.mark.parametrize("text", ["2024-13-01", "2024-1-1", "01.02.2024", "2024-03-01T25:00", "yesterday"])
def test_what_is_no_date_is_refused_with_its_row(make, text: str) -> None:
    with pytest.raises(BadValue) as caught:
        make(["2024-03-01", text]).dates()
    assert (caught.value.row, caught.value.text) == (1, text)


def test_codes_tell_known_unknown_and_missing_apart(make) -> None:
    column = make(["x", "y", None, "z"])
    assert column.codes({"x": 0, "y": 1}, unknown=9).tolist() == [0, 1, -1, 9]
    assert column.codes({}, unknown=9).tolist() == [9, 9, -1, 9]
    assert column.codes({"x": 0, "y": 1}, unknown=-1).tolist() == [0, 1, -1, -1]


def test_counts_are_in_order_of_the_values(make) -> None:
    assert list(make(["b", "a", None, "b"]).counts().items()) == [("a", 1), ("b", 2)]
    assert make([None, None]).counts() == {}


def test_cells_split_at_separators_that_are_not_escaped(make) -> None:
    rows, parts = make(["a;b", None, "", r"x\;y;z;;", "b"]).split(";")
    assert rows.tolist() == [0, 0, 3, 3, 4]
    assert list(parts.texts()) == ["a", "b", "x;y", "z", "b"]


def test_a_separator_is_no_pattern(make) -> None:
    rows, parts = make(["a|b.c"]).split("|")
    assert list(parts.texts()) == ["a", "b.c"]
    assert rows.tolist() == [0, 0]


def test_missing_values_are_known(make) -> None:
    assert make(["", None, "x"]).missing().tolist() == [False, True, False]
    assert len(make([])) == 0
    assert make([]).numbers().tolist() == []


CELLS = st.lists(
    st.none()
    | st.text(alphabet="0123456789+-.eE infIN,_ ", max_size=6)
    | st.text(alphabet="ab;\\| \u0663é\n", max_size=6).filter(bool)
    | st.floats(allow_nan=False).map(str)
    | st.datetimes().map(lambda moment: moment.isoformat()),
    max_size=8,
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(values=CELLS)
def test_a_list_a_frame_and_pieces_agree_on_whatever_comes(values: list[str | None]) -> None:
    plain, framed = TextColumn(values), frame(values)
    with tempfile.TemporaryDirectory() as folder:
        compare(plain, framed, streamed(values, Path(folder)))


def compare(plain: Column, *others: Column) -> None:
    for ask in (
        lambda column: column.numbers().tolist(),
        lambda column: [part.tolist() for part in column.dates()],
        lambda column: column.codes({"a": 3, "1": 1}, unknown=7).tolist(),
        lambda column: list(column.counts().items()),
        lambda column: (lambda rows, parts: (rows.tolist(), list(parts.texts())))(*column.split(";")),
        lambda column: (lambda rows, parts: (rows.tolist(), list(parts.texts())))(*column.split("|")),
        lambda column: column.missing().tolist(),
    ):
        for other in others:
            assert outcome(ask, plain) == outcome(ask, other)


def outcome(ask: Callable[[Column], object], column: Column) -> object:
    try:
        return repr(ask(column))
    except BadValue as error:
        return error.row, error.text, error.problem
