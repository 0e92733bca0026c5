"""The encodings: how each is fitted to a column and applied to one.

Source: the service's guide on feature encoding. Where it leaves a choice: categories are in alphabetical order, a
bucket owns its lower bound, a missing category, date or text is all zero, a category that was not seen counts as OTHER
where there is an OTHER and as nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
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
from .categories import encode_category, fit_category
from .columns import Column
from .dates import encode_datetime, fit_datetime, part_size
from .fitted import Fitted
from .numerical import encode_bucket, encode_numerical, fit_bucket, fit_numerical
from .term_weights import encode_hashed, encode_tfidf
from .texts import encode_with_model, fit_terms, fit_text

FloatArray = NDArray[np.float32]


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
        return _fit(spec, column, models)
    chosen = choose(spec, column)
    if isinstance(chosen, DroppedState):
        return Fitted(chosen, (f"property '{spec.column}' is left out: {chosen.reason}",))
    return _fit(chosen, column, models)


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
            return encode_numerical(state, column, strict)
        case CategoryState():
            return encode_category(state, column)
        case BucketState():
            return encode_bucket(state, column, strict)
        case DatetimeState():
            return encode_datetime(state, column)
        case TfidfState():
            return encode_tfidf(column.texts(), state.documents_with, state.ngram_range, state.dims, seed)
        case HashedTextState():
            return encode_hashed(
                column.texts(), state.documents, state.documents_with, state.dims, state.max_tokens, seed
            )
        case TextModelState():
            return encode_with_model(state, column, models)
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
            return sum(part_size(state, part) for part in state.parts)
        case TfidfState():
            return min(state.dims, len(state.documents_with))
        case HashedTextState() | TextModelState():
            return state.dims
        case RawState() | DroppedState():
            return 0


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    if spec.type in TEXT_MODEL_TYPES:
        return fit_text(spec, column, models)
    return FITTERS[spec.type](spec, column)


def _keep_raw(spec: FeatureSpec, column: Column) -> Fitted:
    return Fitted(RawState())


FITTERS: dict[str, Callable[[FeatureSpec, Column], Fitted]] = {
    "numerical": fit_numerical,
    "category": fit_category,
    "bucket_numerical": fit_bucket,
    "datetime": fit_datetime,
    "text_tfidf": fit_terms,
    "none": _keep_raw,
}
TEXT_MODEL_TYPES = ("text_fasttext", "text_sbert", "text_sbert128", "text_sbert512", "text_word2vec")
