"""The encodings: how each is fitted to a column and applied to one.

Source: the service's guide on feature encoding. Where it leaves a choice: categories are in alphabetical order, a
bucket owns its lower bound, a missing category, date or text is all zero, a category that was not seen counts as OTHER
where there is an OTHER and as nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..schemas import FeatureSpec
from ..schemas.encoders import (
    BucketState,
    CategoryState,
    DatetimeState,
    DroppedState,
    EncoderState,
    HashedTextState,
    NumericalState,
    RawState,
    TextModelState,
    TfidfState,
)
from .auto import choose
from .columns import BadValue, Column, DateParts, Numbers, TextColumn
from .text import HASH_BUCKETS, MAX_DIMS, encode_hashed, encode_tfidf, fit_hashed, fit_tfidf
from .text_models import TextModelMissing, find_model, load_model

FloatArray = NDArray[np.float32]

MAX_CATEGORIES = 100
PART_SIZE = {"month": 12, "weekday": 7, "hour": 24}
_SBERT_TOKENS = {"text_sbert": 128, "text_sbert128": 128, "text_sbert512": 512}
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday; Monday is 0


@dataclass(frozen=True)
class Fitted:
    """What became of a feature, and what the user should hear about it."""

    state: EncoderState
    warnings: tuple[str, ...] = ()


def fit_column(spec: FeatureSpec, column: Column, models: Path | None = None) -> Fitted:
    """Fit the encoding that ``spec`` asks for; ``auto`` is decided here.

    Args:
        spec: one entry of the training configuration.
        column: all values of the property.
        models: folder of text models, for the text types.

    Raises:
        BadValue: a value cannot be encoded so, or is missing where the feature has no imputer.
    """
    if spec.type != "auto":
        return _FIT[spec.type](spec, column, models)
    chosen = choose(spec, column)
    if isinstance(chosen, DroppedState):
        return Fitted(chosen, (f"property '{spec.column}' is left out: {chosen.reason}",))
    return _FIT[chosen.type](chosen, column, models)


def encode_column(
    state: EncoderState, column: Column, seed: int = 0, models: Path | None = None, strict: bool = True
) -> FloatArray:
    """Apply a fitted encoding: float32, shape (n, d); d is 0 for raw and dropped properties.

    Args:
        state: what ``fit_column`` gave.
        column: values, not necessarily those it was fitted to.
        seed: of the projections; the one of the fitting job.
        models: folder of text models.
        strict: refuse a missing number that the feature has no imputer for; otherwise the middle of the range.

    Raises:
        BadValue: see ``fit_column``.
        TextModelMissing: the feature was fitted with a text model that is not on this machine.
    """
    match state:
        case NumericalState():
            return _encode_numerical(state, column, strict)
        case CategoryState():
            return _encode_category(state, column)
        case BucketState():
            return _encode_bucket(state, column, strict)
        case DatetimeState():
            return _encode_datetime(state, column)
        case TfidfState():
            return encode_tfidf(column.texts(), state.documents_with, state.ngram_range, state.dims, seed)
        case HashedTextState():
            return encode_hashed(
                column.texts(), state.documents, state.documents_with, state.dims, state.max_tokens, seed
            )
        case TextModelState():
            return _encode_with_model(state, column, models)
        case RawState() | DroppedState():
            return np.zeros((len(column), 0), dtype=np.float32)


def width_of(state: EncoderState) -> int:
    """How many numbers the encoding makes of one value."""
    match state:
        case NumericalState():
            return state.width
        case CategoryState():
            return len(state.categories) + state.other
        case BucketState():
            return state.count
        case DatetimeState():
            return sum(_part_size(state, part) for part in state.parts)
        case TfidfState():
            return min(state.dims, len(state.documents_with))
        case HashedTextState() | TextModelState():
            return state.dims
        case RawState() | DroppedState():
            return 0


# numbers


def _fit_numerical(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    width = 1
    if spec.separator is not None:
        width = int(np.bincount(column.split(spec.separator)[0]).max(initial=1))
    numbers = _numbers(column, spec.separator)
    known = numbers[~np.isnan(numbers)]
    fill = _imputed(known, spec.imputer)
    if fill is None and spec.separator is None:
        _refuse_missing(column, spec)
    low, high, total = (float(f(known)) if len(known) else 0.0 for f in (np.min, np.max, np.sum))
    state = NumericalState(
        norm=spec.norm or "min-max",
        low=low,
        high=high,
        total=total,
        fill=fill,
        separator=spec.separator,
        width=width,
    )
    return Fitted(state, _constant(spec, low, high, len(known)))


def _encode_numerical(state: NumericalState, column: Column, strict: bool) -> FloatArray:
    numbers = _numbers(column, state.separator)
    if state.separator is None:
        return _normalised(state, _filled(numbers, state.fill, state, column, strict))[:, None]
    rows, _ = column.split(state.separator)
    result = np.zeros((len(column), state.width), dtype=np.float32)
    # the place of a part within its cell; parts beyond the width that was fitted are cut off
    starts = np.searchsorted(rows, rows, side="left")
    place = np.arange(len(rows)) - starts
    inside = place < state.width
    result[rows[inside], place[inside]] = _normalised(state, numbers[inside])
    if state.fill is not None:
        empty = np.ones(len(column), dtype=bool)
        empty[rows] = False
        result[empty] = _normalised(state, np.array([state.fill]))
    return result


def _normalised(state: NumericalState, numbers: Numbers) -> FloatArray:
    if state.norm == "min-max":
        span = state.high - state.low
        scaled = (numbers - state.low) / span if span > 0 else np.zeros_like(numbers)
    elif state.norm == "standard":
        # as the guide has it: the share of the sum of all values, not a z-score
        scaled = numbers / state.total if state.total != 0 else np.zeros_like(numbers)
    else:
        scaled = numbers
    return np.asarray(scaled, dtype=np.float32)


def _fit_bucket(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    if spec.range is None or spec.bucket_cnt is None:
        raise ValueError(f"bucket_numerical feature '{spec.name}' needs 'range' and 'bucket_cnt'")
    numbers = column.numbers()
    fill = _imputed(numbers[~np.isnan(numbers)], spec.imputer)
    if fill is None:
        _refuse_missing(column, spec)
    low, high = spec.range
    return Fitted(
        BucketState(low=low, high=high, count=spec.bucket_cnt, window=spec.slide_window_size or 0.0, fill=fill)
    )


def _encode_bucket(state: BucketState, column: Column, strict: bool) -> FloatArray:
    values = _filled(column.numbers(), state.fill, state, column, strict)
    width = (state.high - state.low) / state.count

    def bucket(edge: Numbers) -> NDArray[np.int64]:
        return np.clip(np.floor((edge - state.low) / width), 0, state.count - 1).astype(np.int64)

    first, last = bucket(values - state.window / 2), bucket(values + state.window / 2)
    place = np.arange(state.count)
    touched = (place >= first[:, None]) & (place <= last[:, None])
    return touched.astype(np.float32)


def _numbers(column: Column, separator: str | None) -> Numbers:
    """Values, or those of all parts of the cells; a bad part is reported with the row of its cell."""
    if separator is None:
        return column.numbers()
    rows, parts = column.split(separator)
    try:
        return parts.numbers()
    except BadValue as error:
        raise BadValue(int(rows[error.row]), error.text, error.problem) from None


def _imputed(known: Numbers, imputer: str | None) -> float | None:
    if imputer is None or not len(known):
        return None
    if imputer == "mean":
        return float(np.mean(known))
    if imputer == "median":
        return float(np.median(known))
    values, counts = np.unique(known, return_counts=True)
    return float(values[np.argmax(counts)])  # the smallest of the most frequent


def _refuse_missing(column: Column, spec: FeatureSpec) -> None:
    missing = column.missing()
    if missing.any():
        raise BadValue(
            int(np.argmax(missing)),
            None,
            f'has no value, and the {spec.type} feature "{spec.name}" has no imputer: '
            'add "imputer": "median" (or "mean", "most-frequent") to the feature, or fill in the values',
        )


def _filled(
    numbers: Numbers, fill: float | None, state: NumericalState | BucketState, column: Column, strict: bool
) -> Numbers:
    missing = np.isnan(numbers)
    if not missing.any():
        return numbers
    if fill is None:
        if strict:
            raise BadValue(int(np.argmax(missing)), None, "has no value, and the feature was fitted without an imputer")
        fill = (state.low + state.high) / 2
    return np.where(missing, fill, numbers)


def _constant(spec: FeatureSpec, low: float, high: float, known: int) -> tuple[str, ...]:
    if known == 0:
        return (f"property '{spec.column}' has no value at all; its feature is zero everywhere",)
    if low == high and known > 1:
        return (f"property '{spec.column}' has the same value everywhere; its feature tells nothing",)
    return ()


# categories


def _fit_category(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    values = column if spec.separator is None else column.split(spec.separator)[1]
    counts = values.counts()
    if len(counts) <= MAX_CATEGORIES:
        return Fitted(CategoryState(categories=sorted(counts), other=False, separator=spec.separator))
    frequent = sorted(counts, key=lambda text: (-counts[text], text))[: MAX_CATEGORIES - 1]
    covered = sum(counts[text] for text in frequent) / sum(counts.values())
    warning = (
        f"property '{spec.column}' has {len(counts)} categories; the {MAX_CATEGORIES - 1} most frequent, "
        f"{covered:.0%} of the values, keep their own position, all others share one"
    )
    return Fitted(CategoryState(categories=sorted(frequent), other=True, separator=spec.separator), (warning,))


def _encode_category(state: CategoryState, column: Column) -> FloatArray:
    codes = {text: code for code, text in enumerate(state.categories)}
    unknown = len(codes) if state.other else -1
    if state.separator is None:
        rows, places = np.arange(len(column)), column.codes(codes, unknown)
    else:
        rows, parts = column.split(state.separator)
        places = parts.codes(codes, unknown)
    result = np.zeros((len(column), len(codes) + state.other), dtype=np.float32)
    result[rows[places >= 0], places[places >= 0]] = 1.0
    return result


# dates


def _fit_datetime(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    dates = column.dates()
    years = dates.year[dates.year >= 0]
    missing = int(np.count_nonzero(dates.year < 0))
    state = DatetimeState(
        parts=spec.datetime_parts or ["hour", "weekday", "month", "year"],
        first_year=int(years.min(initial=9999)) if len(years) else 0,
        last_year=int(years.max(initial=0)) if len(years) else 0,
        fill=_imputed_date(column, spec.imputer),
    )
    warnings: tuple[str, ...] = ()
    if missing and state.fill is None:
        warnings = (f"property '{spec.column}' has no date in {missing} rows; they are encoded as zeros",)
    return Fitted(state, warnings)


def _imputed_date(column: Column, imputer: str | None) -> str | None:
    counts = column.counts()
    if imputer is None or not counts:
        return None
    if imputer == "most-frequent":
        return max(counts, key=lambda text: counts[text])
    # ISO dates sort as text; the median date stands for the mean too, which no calendar defines
    half, seen = sum(counts.values()) / 2, 0
    for text, count in counts.items():
        seen += count
        if seen >= half:
            return text
    return None


def _encode_datetime(state: DatetimeState, column: Column) -> FloatArray:
    dates = column.dates()
    missing = dates.year < 0
    if state.fill is not None and missing.any():
        fill = TextColumn([state.fill]).dates()
        dates = DateParts(*(np.where(missing, one[0], many) for one, many in zip(fill, dates, strict=True)))
        missing = np.zeros(len(column), dtype=bool)
    place = {
        "year": dates.year - state.first_year,
        "month": dates.month - 1,
        "weekday": weekday(dates),
        "hour": dates.hour,
    }
    blocks = [_one_hot(place[part], _part_size(state, part), missing) for part in state.parts]
    return np.concatenate([np.zeros((len(column), 0), dtype=np.float32), *blocks], axis=1)


def weekday(dates: DateParts) -> NDArray[np.int64]:
    """Monday 0 to Sunday 6; meaningless where there is no date.

    Source: days from the civil calendar, Hinnant 2014.
    """
    year = dates.year - (dates.month <= 2)
    era = year // 400
    year_of_era = year - era * 400
    day_of_year = (153 * (dates.month + np.where(dates.month > 2, -3, 9)) + 2) // 5 + dates.day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return np.asarray((era * 146097 + day_of_era - 719468 + _EPOCH_WEEKDAY) % 7, dtype=np.int64)


def _part_size(state: DatetimeState, part: str) -> int:
    if part != "year":
        return PART_SIZE[part]
    years = state.last_year - state.first_year + 1
    return years if years > 1 else 0  # a single year tells nothing and is dropped


def _one_hot(places: NDArray[np.int64], size: int, missing: NDArray[np.bool_]) -> FloatArray:
    result = np.zeros((len(places), size), dtype=np.float32)
    inside = ~missing & (places >= 0) & (places < size)
    result[inside, places[inside]] = 1.0
    return result


# texts


def _fit_tfidf(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    ngram_range = spec.ngram_range or (1, 1)
    vocabulary = fit_tfidf(
        column.texts(), ngram_range, 2 if spec.min_df is None else spec.min_df, spec.max_features or 5000
    )
    warnings: tuple[str, ...] = ()
    if not vocabulary:
        warnings = (f"property '{spec.column}' has no term that is frequent enough; its text_tfidf feature is empty",)
    return Fitted(TfidfState(ngram_range=ngram_range, documents_with=vocabulary, dims=MAX_DIMS), warnings)


def _fit_text_model(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    language = spec.language[0] if isinstance(spec.language, list) else spec.language
    max_tokens = spec.max_length if spec.type == "text_fasttext" else _SBERT_TOKENS.get(spec.type)
    try:
        model = find_model(spec.type, language, models)
    except TextModelMissing as error:
        documents, frequency = fit_hashed(column.texts(), max_tokens)
        state = HashedTextState(
            requested=spec.type,
            reason=str(error),
            buckets=HASH_BUCKETS,
            documents=documents,
            documents_with=frequency,
            dims=MAX_DIMS,
            max_tokens=max_tokens,
        )
        warning = (
            f"property '{spec.column}' asked for {spec.type}, but {error}; it is encoded by hashed character n-grams "
            f"projected to {MAX_DIMS} dimensions instead, which know spelling and not meaning"
        )
        return Fitted(state, (warning,))
    return Fitted(
        TextModelState(
            requested=spec.type, library=model.library, model=model.name, dims=model.dims, max_tokens=max_tokens
        )
    )


def _encode_with_model(state: TextModelState, column: Column, models: Path | None) -> FloatArray:
    model = load_model(state.library, state.model, models)
    result = np.zeros((len(column), state.dims), dtype=np.float32)
    known = [(row, text) for row, text in enumerate(column.texts()) if text is not None]
    if known:
        result[[row for row, _ in known]] = model.embed([text for _, text in known], state.max_tokens)
    return result


def _fit_none(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    return Fitted(RawState())


_FIT: dict[str, Callable[[FeatureSpec, Column, Path | None], Fitted]] = {
    "numerical": _fit_numerical,
    "category": _fit_category,
    "bucket_numerical": _fit_bucket,
    "datetime": _fit_datetime,
    "text_tfidf": _fit_tfidf,
    "text_fasttext": _fit_text_model,
    "text_sbert": _fit_text_model,
    "text_sbert128": _fit_text_model,
    "text_sbert512": _fit_text_model,
    "text_word2vec": _fit_text_model,
    "none": _fit_none,
}
