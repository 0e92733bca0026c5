"""Every encoding, with numbers worked out by hand from the rules of the guide."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training_scripts.graph_ml.features import BadValue, EncoderState, TextColumn, encode_column, fit_column
from training_scripts.graph_ml.features.auto import DroppedState
from training_scripts.graph_ml.features.category import CategoryState
from training_scripts.graph_ml.features.hashed_set import HashedSetState
from training_scripts.graph_ml.features.numerical import NumericalState
from training_scripts.graph_ml.features.text import HashedTextState
from training_scripts.graph_ml.schemas import FEATURE_TYPES, FeatureSpec

Values = list[str | None]


def spec(kind: str, **options: Any) -> FeatureSpec:
    return FeatureSpec(feature=("p", "p", kind), **options)


def fit(kind: str, values: Values, **options: Any) -> EncoderState:
    return fit_column(spec(kind, **options), TextColumn(values)).state


def encoded(kind: str, values: Values, others: Values | None = None, **options: Any) -> list[list[float]]:
    state = fit(kind, values, **options)
    result = encode_column(state, TextColumn(values if others is None else others))
    assert result.dtype == np.float32
    assert result.shape[1] == state.columns
    return [[round(float(x), 5) for x in row] for row in result]


def test_min_max_maps_the_range_onto_zero_to_one() -> None:
    assert encoded("numerical", ["10", "20", "50"]) == [[0.0], [0.25], [1.0]]


def test_standard_is_the_share_of_the_sum() -> None:
    assert encoded("numerical", ["1", "3", "4"], norm="standard") == [[0.125], [0.375], [0.5]]


@pytest.mark.parametrize(("far_out", "named"), [("1000000", True), ("1000", False)])
def test_numbers_far_out_that_leave_all_others_alike_are_named(far_out: str, named: bool) -> None:
    # nine tenths of 0 to 29 lie within 26 of each other: 26 millionths of the range, or 26 thousandths
    warnings = fit_column(spec("numerical"), TextColumn([*map(str, range(30)), far_out])).warnings
    assert [("'p'" in text, "is that of a few numbers far out" in text) for text in warnings] == [(True, True)] * named


def test_norm_none_keeps_the_number() -> None:
    assert encoded("numerical", ["-1", "3.5"], norm="none") == [[-1.0], [3.5]]


@pytest.mark.parametrize(("imputer", "middle"), [("mean", 0.5), ("median", 0.3), ("most-frequent", 1.0)])
def test_a_gap_becomes_what_the_imputer_says(imputer: str, middle: float) -> None:
    # 0, 2, 4, 10, 10: mean 5.2, median 4, most frequent 10; scaled by 10
    values: Values = ["0", "2", "4", "10", "10", None]
    expected = {"mean": 0.52, "median": 0.4, "most-frequent": 1.0}[imputer]
    assert encoded("numerical", values, imputer=imputer)[-1] == [expected]


def test_the_smallest_of_equally_frequent_numbers_is_imputed() -> None:
    assert encoded("numerical", ["3", "1", None], norm="none", imputer="most-frequent")[-1] == [1.0]


def test_a_gap_without_imputer_stops_the_job_and_says_what_to_add() -> None:
    with pytest.raises(BadValue, match='add "imputer": "median"') as caught:
        fit("numerical", ["1", None])
    assert caught.value.row == 1


def test_equal_numbers_do_not_divide_by_zero() -> None:
    fitted = fit_column(spec("numerical"), TextColumn(["5", "5"]))
    assert encode_column(fitted.state, TextColumn(["5", "6"])).tolist() == [[0.0], [0.0]]
    assert "the same value everywhere" in fitted.warnings[0]


def test_numbers_that_sum_to_nothing_do_not_divide_by_zero() -> None:
    assert encoded("numerical", ["-1", "1"], norm="standard") == [[0.0], [0.0]]


@pytest.mark.parametrize(("cells", "named"), [(["1;2;3", "4", None], True), (["1;2", "3;4", None], False)])
def test_cells_of_unequal_length_are_named_where_numbers_were_asked_for(cells: Values, named: bool) -> None:
    warnings = fit_column(spec("numerical", separator=";"), TextColumn(cells)).warnings
    assert ["cells have 1 to 3 numbers" in text for text in warnings] == [True] * named


def test_several_numbers_a_cell_become_a_vector_padded_with_zero() -> None:
    # all parts: 0, 10, 20 ... min-max over them together
    assert encoded("numerical", ["0;10", "20", None], separator=";") == [[0.0, 0.5], [1.0, 0.0], [0.0, 0.0]]


def test_more_numbers_than_were_ever_seen_are_cut_off() -> None:
    assert encoded("numerical", ["0;10"], ["10;0;7"], separator=";") == [[1.0, 0.0]]


def test_a_bad_part_is_reported_with_the_row_of_its_cell() -> None:
    with pytest.raises(BadValue) as caught:
        fit("numerical", ["1;2", "3;x"], separator=";")
    assert (caught.value.row, caught.value.text) == (1, "x")


def test_category_is_one_hot_in_alphabetical_order() -> None:
    assert encoded("category", ["b", "a", None, "b"]) == [[0, 1], [1, 0], [0, 0], [0, 1]]


def test_categories_of_the_guide_example() -> None:
    # seen: chess, cooking, sailing
    assert encoded("category", ["chess;sailing", "cooking"], separator=";") == [[1, 0, 1], [0, 1, 0]]


def test_a_category_never_seen_is_nothing() -> None:
    assert encoded("category", ["a", "b"], ["c", "b"]) == [[0, 0], [0, 1]]


def test_a_hundred_categories_all_keep_their_position() -> None:
    state = fit("category", [f"{i:03d}" for i in range(100)])
    assert isinstance(state, CategoryState)
    assert (len(state.categories), state.other, state.columns) == (100, False, 100)


def test_beyond_a_hundred_the_rarest_share_one_position() -> None:
    # 100 categories twice, one once: 99 of the frequent ones keep theirs, ties in alphabetical order drop "099"
    values: Values = [f"{i:03d}" for i in range(100)] * 2 + ["rare"]
    fitted = fit_column(spec("category"), TextColumn(values))
    state = fitted.state
    assert isinstance(state, CategoryState)
    assert state.categories[-1] == "098"
    assert state.columns == 100
    rows = encode_column(state, TextColumn(["rare", "099", "new", "000", None]))
    assert rows.argmax(axis=1).tolist() == [99, 99, 99, 0, 0]
    assert rows.sum(axis=1).tolist() == [1, 1, 1, 1, 0]
    assert "has 101 categories" in fitted.warnings[0]


@pytest.mark.parametrize(
    ("value", "window", "touched"),
    [
        ("23", 0, [2]),
        ("140", 0, [9]),
        ("-5", 0, [0]),
        ("20", 0, [2]),  # a bucket owns its lower bound
        ("100", 0, [9]),
        ("23", 10, [1, 2]),  # [18, 28]
        ("5", 10, [0, 1]),  # [0, 10], and 10 begins bucket 1
        ("98", 10, [9]),
    ],
)
def test_buckets_that_the_window_touches_are_set(value: str, window: float, touched: list[int]) -> None:
    row = encoded("bucket_numerical", [value], range=(0, 100), bucket_cnt=10, slide_window_size=window)[0]
    assert [i for i, x in enumerate(row) if x] == touched


@pytest.mark.parametrize(("values", "told"), [([5, 15, 25], 0), ([5, 15, 250], 1)])
def test_values_outside_the_range_of_buckets_are_counted(values: list[float], told: int) -> None:
    buckets = spec("bucket_numerical", range=(30, 0), bucket_cnt=3, imputer="mean")
    warnings = fit_column(buckets, TextColumn([str(value) for value in values])).warnings
    assert len(warnings) == told
    assert all("1 of 3 values lie outside the range 0 to 30" in text for text in warnings)


def test_a_gap_among_buckets_needs_an_imputer() -> None:
    with pytest.raises(BadValue, match="has no imputer"):
        fit("bucket_numerical", [None], range=(0, 10), bucket_cnt=2)
    row = encoded("bucket_numerical", ["9", None], range=(0, 10), bucket_cnt=2, imputer="mean")[1]
    assert row == [0.0, 1.0]


def test_month_and_weekday_of_a_friday_in_march() -> None:
    row = encoded("datetime", ["2024-03-01T12:00:00Z"], datetime_parts=["month", "weekday"])[0]
    assert len(row) == 19
    assert [i for i, x in enumerate(row) if x] == [2, 12 + 4]


@pytest.mark.parametrize(
    ("date", "day"), [("1970-01-01", 3), ("2000-02-29", 1), ("1900-03-01", 3), ("2026-11-21", 5), ("1600-01-01", 5)]
)
def test_weekdays_of_known_dates(date: str, day: int) -> None:
    row = encoded("datetime", [date], datetime_parts=["weekday"])[0]
    assert row.index(1.0) == day


def test_years_have_a_position_each_between_first_and_last() -> None:
    values: Values = ["2021-01-01", "2023-01-01"]
    assert encoded("datetime", values, ["2022-05-05"], datetime_parts=["year"]) == [[0, 1, 0]]
    assert encoded("datetime", values, ["2030-05-05"], datetime_parts=["year"]) == [[0, 0, 0]]


def test_a_single_year_is_dropped() -> None:
    assert fit("datetime", ["2021-01-01", "2021-09-01"], datetime_parts=["year", "month"]).columns == 12


def test_all_parts_stand_in_the_order_of_the_guide() -> None:
    row = encoded("datetime", ["2021-01-04T05:00:00Z", "2022-01-01"])[0]
    # hour 24, weekday 7, month 12, year 2
    assert [i for i, x in enumerate(row) if x] == [5, 24 + 0, 24 + 7 + 0, 24 + 7 + 12 + 0]


def test_a_missing_date_is_zero_unless_it_is_imputed() -> None:
    assert encoded("datetime", ["2024-03-01", None], datetime_parts=["month"])[1] == [0.0] * 12
    assert encoded("datetime", ["2024-03-01", None], datetime_parts=["month"], imputer="median")[1][2] == 1.0


def test_one_date_above_twelve_tells_how_all_others_are_read() -> None:
    values: Values = ["02/01/2024", "13/01/2024"]
    state = fit("datetime", values, datetime_parts=["month"])
    assert encode_column(state, TextColumn(["03/02/2024"])).argmax() == 1


def test_dates_that_do_not_tell_are_read_with_a_warning() -> None:
    fitted = fit_column(spec("datetime", datetime_parts=["month"]), TextColumn(["02/01/2024"]))
    assert encode_column(fitted.state, TextColumn(["02/01/2024"])).argmax() == 1
    assert "whether the day or the month comes first" in fitted.warnings[0]


@pytest.mark.parametrize("text", ["2024-13-01", "32.1.2024", "1 Foo 2024", "March 2024", "12:30", "1.2.24"])
def test_what_is_no_date_stops_the_job(text: str) -> None:
    with pytest.raises(BadValue, match="is not a date"):
        fit("datetime", ["2024-01-01", text])


@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        (["1"] * 500 + ["2"], "at most 0.004, too small"),  # 2 / 502
        (["1000", "-999.5"], "at most 2e+03, too large"),  # 1000 / .5 = 2000
        (["-1", "1"], "which is 0"),
        (["1", "3", "4"], ""),
    ],
)
def test_a_sum_that_makes_numbers_vanish_or_explode_is_warned_of(numbers: Values, said: str) -> None:
    warnings = fit_column(spec("numerical", norm="standard"), TextColumn(numbers)).warnings
    assert (said in warnings[0] and "'min-max'" in warnings[0]) if said else warnings == ()
    assert fit_column(spec("numerical"), TextColumn(numbers)).warnings == ()


def test_tfidf_is_the_count_over_the_documents_with_the_term() -> None:
    # min_df 2 keeps "graph" (2 documents) and "the" (3); alphabetical
    values: Values = ["the graph the", "The GRAPH", "the end", None]
    assert encoded("text_tfidf", values) == [[0.5, 0.66667], [0.5, 0.33333], [0.0, 0.33333], [0.0, 0.0]]


def test_tfidf_counts_runs_of_words() -> None:
    state = fit("text_tfidf", ["a b", "a b c"], ngram_range=(1, 2))
    assert list(state.documents_with) == ["a", "a b", "b"]  # type: ignore[union-attr]


def test_tfidf_keeps_the_most_frequent_terms() -> None:
    state = fit("text_tfidf", ["x y y z z", "z y x"], max_features=2)
    assert list(state.documents_with) == ["y", "z"]  # type: ignore[union-attr]


def test_a_share_as_min_df_is_of_the_documents() -> None:
    state = fit("text_tfidf", ["a b", "a c", "a d", "a b"], min_df=0.5)
    assert list(state.documents_with) == ["a", "b"]  # type: ignore[union-attr]


def test_more_than_a_hundred_terms_are_projected_to_a_hundred() -> None:
    words = [f"w{i}" for i in range(300)]
    rng = np.random.default_rng(0)
    texts: Values = [" ".join(rng.choice(words, 40)) for _ in range(60)]
    state = fit("text_tfidf", texts)
    assert state.columns == 100
    rows = encode_column(state, TextColumn([*texts[:1], *texts[:1], texts[1]]), seed=5)
    assert np.array_equal(rows[0], rows[1])
    assert not np.array_equal(rows[0], rows[2])
    assert not np.array_equal(rows[0], encode_column(state, TextColumn(texts[:1]), seed=6)[0])


@pytest.mark.parametrize("kind", ["text_fasttext", "text_sbert", "text_sbert512", "text_word2vec"])
def test_a_text_model_that_is_not_there_is_stood_in_for_and_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    texts: Values = ["a red apple", "red apples", "steam locomotive", None]
    fitted = fit_column(spec(kind, language="en"), TextColumn(texts))
    assert isinstance(fitted.state, HashedTextState)
    assert "is not installed; it is encoded by hashed character n-grams" in fitted.warnings[0]
    rows = encode_column(fitted.state, TextColumn(texts))
    assert rows.shape == (4, 100)
    assert np.allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 0], atol=1e-5)
    # texts that share word parts come closer than texts that do not
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


def test_max_length_counts_the_tokens_that_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    state = fit("text_fasttext", ["one two three"], language="en", max_length=2)
    rows = encode_column(state, TextColumn(["one two three", "one two four"]))
    assert np.array_equal(rows[0], rows[1])


def test_none_makes_no_numbers() -> None:
    assert fit("none", ["x"]).columns == 0


def test_every_feature_type_can_be_fitted() -> None:
    values = {"datetime": ["2024-01-01"], "numerical": ["1"], "bucket_numerical": ["1"]}
    for kind in FEATURE_TYPES:
        options: dict[str, Any] = {"range": (0, 1), "bucket_cnt": 2} if kind == "bucket_numerical" else {}
        state = fit(kind, [*values.get(kind, ["some text"])], **options)
        assert encode_column(state, TextColumn(["2024-01-01" if kind == "datetime" else "1"])).shape[0] == 1


@pytest.mark.parametrize("kind", [kind for kind in FEATURE_TYPES if kind != "none"])
def test_a_property_without_any_value_is_named_whatever_is_made_of_it(kind: str) -> None:
    options: dict[str, Any] = {"range": (0, 1), "bucket_cnt": 2} if kind == "bucket_numerical" else {}
    if "imputer" in FEATURE_TYPES[kind].options:
        options["imputer"] = "mean"
    fitted = fit_column(spec(kind, **options), TextColumn([None, None, None]))
    (said,) = fitted.warnings
    assert "'p'" in said
    if fitted.state.makes_numbers:
        rows = encode_column(fitted.state, TextColumn([None, None, None]))
        assert (rows == rows[0]).all()


class TestAuto:
    """What nobody described."""

    def test_numbers_are_numerical(self) -> None:
        state = fit("auto", [str(i) for i in range(20)])
        assert isinstance(state, NumericalState)
        assert state.norm == "min-max"

    def test_gaps_in_numbers_are_filled_without_asking(self) -> None:
        state = fit("auto", ["1", "2", "9", None])
        assert isinstance(state, NumericalState)
        assert state.fill == 2.0

    def test_few_different_numbers_are_categories(self) -> None:
        # 3 of 40 are 7.5 %
        state = fit("auto", [str(i % 3 + 5) for i in range(40)])
        assert isinstance(state, CategoryState)
        assert state.categories == ["5", "6", "7"]

    def test_booleans_are_categories(self) -> None:
        assert isinstance(fit("auto", ["true", "False", None]), CategoryState)
        assert isinstance(fit("auto", ["0", "1"]), CategoryState)

    def test_dates_are_dates(self) -> None:
        assert fit("auto", ["2024-01-01", "2023-05-05T00:00:00Z"]).kind == "datetime"

    def test_sentences_are_text(self) -> None:
        state = fit("auto", [f"this is the text number {i} of it" for i in range(20)])
        assert isinstance(state, HashedTextState)
        assert state.requested == "text_fasttext"

    def test_sentences_of_no_known_language_go_to_the_multilingual_model(self) -> None:
        state = fit("auto", [f"zażółć gęślą jaźń {i}" for i in range(20)])
        assert isinstance(state, HashedTextState)
        assert state.requested == "text_sbert"

    def test_repeating_strings_are_categories(self) -> None:
        state = fit("auto", ["red", "green", "red"])
        assert isinstance(state, CategoryState)
        assert state.separator is None

    def test_strings_that_never_repeat_are_identifiers(self) -> None:
        assert isinstance(fit("auto", ["k1", "k2", "k3"]), DroppedState)

    def test_cells_with_neptunes_separator_hold_several(self) -> None:
        state = fit("auto", ["arts;games", "games", "chess"])
        assert isinstance(state, CategoryState)
        assert (state.separator, state.categories) == (";", ["arts", "chess", "games"])

    def test_several_numbers_a_cell_are_numbers(self) -> None:
        state = fit("auto", ["1|2", "3|4"], separator="|")
        assert isinstance(state, NumericalState)
        assert state.width == 2

    def test_lists_of_numbers_of_different_length_are_sets_and_never_vectors_by_position(self) -> None:
        state = fit("auto", ["7;31", "31", "7;12;31", None], separator=";")
        assert isinstance(state, CategoryState)
        # positions: 12, 31, 7
        assert encoded("auto", ["31;7", "12;31;7", "12"], separator=";") == [[0, 1, 1], [1, 1, 1], [1, 0, 0]]

    def test_sets_of_too_many_members_are_hashed(self) -> None:
        cells: Values = [f"k{i};k{(i * 7) % 400}" if i % 3 else f"k{i}" for i in range(400)]
        fitted = fit_column(spec("auto"), TextColumn(cells))
        assert isinstance(fitted.state, HashedSetState)
        rows = encode_column(fitted.state, TextColumn(["k1;k9", "k9;k1", "k1", None, "new"]))
        assert rows.shape == (5, 128)
        assert np.array_equal(rows[0], rows[1])
        assert rows.sum(axis=1).tolist() == [2, 2, 1, 0, 1]
        assert "too many different ones" in fitted.why

    def test_a_few_numbers_far_out_leave_the_others_apart(self) -> None:
        # 0 to 28 and a million: nine tenths lie from 1.45 to 27.55, a range of 26.1, so the fence is 27.55 + 39.15
        fitted = fit_column(spec("auto"), TextColumn([*(str(i) for i in range(29)), "1000000"]))
        assert isinstance(fitted.state, NumericalState)
        assert (fitted.state.low, fitted.state.high) == (0, pytest.approx(66.7))
        assert "a few lie far out and are taken for 0 or 66.7" in fitted.why
        assert fitted.warnings == ()
        rows = encode_column(fitted.state, TextColumn(["0", "66.7", "1000000", "33.35", "-5"]))[:, 0]
        assert rows.tolist() == pytest.approx([0, 1, 1, 0.5, 0], abs=1e-6)

    def test_a_range_that_was_asked_for_is_left_alone(self) -> None:
        fitted = fit_column(spec("auto", norm="none"), TextColumn([*(str(i) for i in range(29)), "1000000"]))
        assert encode_column(fitted.state, TextColumn(["1000000"]))[0, 0] == 1_000_000

    def test_numbers_with_leading_zeros_are_codes(self) -> None:
        assert isinstance(fit("auto", ["01067", "80331", "01067"]), CategoryState)

    def test_numbers_that_count_the_rows_are_identifiers(self) -> None:
        dropped = fit("auto", [str(1000 + i) for i in range(60)])
        assert isinstance(dropped, DroppedState)
        assert "count the rows" in dropped.reason
        # gaps of a thousand: an amount
        assert isinstance(fit("auto", [str(1000 * i) for i in range(60)]), NumericalState)

    def test_strings_of_which_hardly_any_repeats_are_identifiers(self) -> None:
        assert isinstance(fit("auto", ["k1", "k1", *(f"k{i}" for i in range(1, 60))]), DroppedState)
        assert isinstance(fit("auto", [f"k{i % 30}" for i in range(60)]), CategoryState)

    @pytest.mark.parametrize(
        "dates",
        [
            ["2024/03/01", "2023-12-31"],
            ["1.3.2024", "31.12.2023 23:59"],
            ["1 March 2024", "Dec 31, 2023"],
            ["Fri, 1 Mar 2024 10:00:00 GMT", "31-Dec-2023"],
            ["20240301", "20231231"],
            ["01/03/2024", "31/12/2023"],
            ["03/01/2024 9:30 PM", "12/31/2023"],
        ],
    )
    def test_dates_in_any_spelling_are_dates(self, dates: Values) -> None:
        rows = encoded("datetime", dates, datetime_parts=["month"])
        assert [row.index(1) + 1 for row in rows] == [3, 12]
        assert fit("auto", dates).kind == "datetime"

    @pytest.mark.parametrize(
        ("type_name", "cells", "why"),
        [
            ("category", ["true", "false"], "all values are booleans"),
            ("category", [str(i % 3 + 5) for i in range(40)], "only 3 different ones in 40 rows"),
            ("numerical", ["1.5", "2", "7"], "all values are numbers"),
            ("numerical", ["1;2", "3;4"], "every cell has 2 numbers"),
            ("category", ["1;2", "3"], "a set: cells have 1 to 2 values"),
            ("datetime", ["1.3.2024"], "all values are dates"),
            ("category", ["red", "red"], "texts, 1 different ones in 2 rows"),
        ],
    )
    def test_it_says_why(self, type_name: str, cells: Values, why: str) -> None:
        fitted = fit_column(spec("auto"), TextColumn(cells))
        assert fitted.state.kind == type_name
        assert why in fitted.why

    def test_a_property_without_values_is_dropped_and_says_so(self) -> None:
        fitted = fit_column(spec("auto"), TextColumn([None, None]))
        assert isinstance(fitted.state, DroppedState)
        assert "'p' is left out: it has no value" in fitted.warnings[0]
