"""What to make of a property nobody described.

Source: the service's guide on automatic encoding; the order of its tests is ours, from the narrowest to the widest.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ..schemas import FeatureSpec
from .category import expected
from .columns import BadValue, Column
from .encoding import Encoding, Fitted, NoNumbers
from .table import encoding_of

NEPTUNE_SEPARATOR = ";"
FEW_VALUES = 100
SHARE_UNIQUE = 0.1
TEXT_TOKENS = 3.0
_BOOLEANS = frozenset({"true", "false", "0", "1"})

# enough to tell the languages of the fastText models apart in running text
_FREQUENT_WORDS = {
    "en": "the and of to in is that it was for with on as are this",
    "es": "el la de que y los en un por con una para del las es",
    "fr": "le la de et les des en un une du est que pour dans il",
}
_LANGUAGE_SAMPLE = 500


class DroppedState(NoNumbers):
    """Nothing is made of the property, for this reason."""

    remarks: ClassVar[frozenset[str]] = frozenset({"reason"})

    kind: Literal["dropped"] = "dropped"
    reason: str

    @property
    def summary(self) -> str:
        return f"left out: {self.reason}"


def choose(spec: FeatureSpec, column: Column) -> FeatureSpec | DroppedState:
    """The feature that an ``auto`` entry stands for.

    Given a separator, or cells of which one has Neptune's separator in it: several numbers or several categories.
    Otherwise booleans and numbers of which there are few are categories, numbers are numbers, dates dates, texts of
    three words and more are text, and other strings categories; a string that never repeats is an identifier and is
    dropped.
    """
    counts = column.counts()
    total = sum(counts.values())
    if total == 0:
        return DroppedState(reason="it has no value in any row")
    separator = spec.separator
    unique = len(counts) / total
    if separator is None:
        if {text.lower() for text in counts} <= _BOOLEANS:
            return _as(spec, "category")
        if _numeric(column):
            few = unique < SHARE_UNIQUE and len(counts) < FEW_VALUES
            return _as(spec, "category") if few else _as(spec, "numerical", missing=total < len(column))
        if _dated(column):
            return _as(spec, "datetime")
        if unique > SHARE_UNIQUE and _mean_tokens(counts) >= TEXT_TOKENS:
            return _as_text(spec, counts)
        if any(NEPTUNE_SEPARATOR in text for text in counts):
            separator = NEPTUNE_SEPARATOR
    if separator is not None:
        numeric = _numeric(column.split(separator)[1])
        return _as(spec, "numerical" if numeric else "category", separator=separator)
    if len(counts) == total and total > 1:
        return DroppedState(reason="every row has another text, so it is an identifier")
    return _as(spec, "category")


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    chosen = choose(spec, column)
    if isinstance(chosen, DroppedState):
        return Fitted(chosen, (f"property '{spec.column}' is left out: {chosen.reason}",))
    return encoding_of(chosen.type).fit(chosen, column, models)


def _as(spec: FeatureSpec, kind: str, separator: str | None = None, missing: bool = False) -> FeatureSpec:
    return FeatureSpec(
        feature=(spec.column, spec.name, kind),
        separator=separator,
        # nobody was asked, so a gap must not stop the job
        imputer=spec.imputer or ("median" if missing else None),
        norm=spec.norm,
    )


def _as_text(spec: FeatureSpec, counts: dict[str, int]) -> FeatureSpec:
    language = _language(list(counts)[:_LANGUAGE_SAMPLE])
    kind = "text_sbert" if language is None else "text_fasttext"
    return FeatureSpec(feature=(spec.column, spec.name, kind), language=language)


def _numeric(column: Column) -> bool:
    try:
        return len(column) > 0 and bool(np.any(~np.isnan(column.numbers())))
    except BadValue:
        return False


def _dated(column: Column) -> bool:
    try:
        column.dates()
    except BadValue:
        return False
    return True


def _mean_tokens(counts: dict[str, int]) -> float:
    return sum(len(text.split()) * count for text, count in counts.items()) / sum(counts.values())


def _language(texts: list[str]) -> str | None:
    text = " ".join(texts).lower()
    letters = sum(character.isalpha() for character in text) or 1
    if sum("\u4e00" <= character <= "\u9fff" for character in text) > letters / 3:
        return "zh"
    if sum("\u0900" <= character <= "\u097f" for character in text) > letters / 3:
        return "hi"
    words = text.split()
    share = {language: sum(word in known.split() for word in words) for language, known in _FREQUENT_WORDS.items()}
    best = max(share, key=lambda language: share[language])
    return best if share[best] >= len(words) * 0.05 else None


ENCODING = Encoding(_fit, (DroppedState,), expected)
