"""Categories: a position each, in alphabetical order; a missing one is all zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..schemas import FeatureSpec
from ..schemas.encoders import CategoryState
from .columns import Column
from .fitted import Fitted

FloatArray = NDArray[np.float32]

MAX_CATEGORIES = 100


def fit_category(spec: FeatureSpec, column: Column) -> Fitted:
    """All values up to a hundred; beyond, the 99 most frequent and OTHER."""
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


def encode_category(state: CategoryState, column: Column) -> FloatArray:
    """(n, categories): one-hot, or several where cells hold several."""
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
