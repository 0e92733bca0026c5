"""Texts: term weights, a text model that is installed, or what stands in for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..schemas import FeatureSpec
from ..schemas.encoders import HashedTextState, TextModelState, TfidfState
from .columns import Column
from .fitted import Fitted
from .term_weights import HASH_BUCKETS, MAX_DIMS, fit_hashed, fit_tfidf
from .text_models import TextModelMissing, find_model, load_model

FloatArray = NDArray[np.float32]

_SBERT_TOKENS = {"text_sbert": 128, "text_sbert128": 128, "text_sbert512": 512}


def fit_terms(spec: FeatureSpec, column: Column) -> Fitted:
    """The vocabulary of ``text_tfidf``."""
    ngram_range = spec.ngram_range or (1, 1)
    vocabulary = fit_tfidf(
        column.texts(), ngram_range, 2 if spec.min_df is None else spec.min_df, spec.max_features or 5000
    )
    warnings: tuple[str, ...] = ()
    if not vocabulary:
        warnings = (f"property '{spec.column}' has no term that is frequent enough; its text_tfidf feature is empty",)
    return Fitted(TfidfState(ngram_range=ngram_range, documents_with=vocabulary, dims=MAX_DIMS), warnings)


def fit_text(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    """A text model where there is one on this machine; otherwise hashed n-grams, and a warning that says so."""
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


def encode_with_model(state: TextModelState, column: Column, models: Path | None) -> FloatArray:
    """(n, dims): vectors of the model that fitted; a missing text is zero."""
    model = load_model(state.library, state.model, models)
    result = np.zeros((len(column), state.dims), dtype=np.float32)
    known = [(row, text) for row, text in enumerate(column.texts()) if text is not None]
    if known:
        result[[row for row, _ in known]] = model.embed([text for _, text in known], state.max_tokens)
    return result
