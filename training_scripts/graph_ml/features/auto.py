"""What to make of a property nobody described, and why.

Source: the service's guide on automatic encoding; the order of its tests is ours, from the narrowest to the widest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ..schemas import FeatureSpec
from ..schemas.date_spelling import day_first, iso
from ..schemas.training_data import Imputer
from .category import expected, frequent_share
from .columns.column import BadValue, Column
from .columns.date_spelling import is_iso
from .encoding import Encoding, Fitted, NoNumbers
from .hashed_set import HashedSetState, fit_hashed_set
from .numerical import NumericalState, drawn_in
from .table import encoding_of

NEPTUNE_SEPARATOR = ";"
FEW_VALUES = 100
SHARE_UNIQUE = 0.1
SHARE_IDENTIFIER = 0.9
MANY_ROWS = 50  # from here on, values that hardly repeat are no chance
TEXT_TOKENS = 3.0
_BOOLEANS = frozenset({"true", "false", "0", "1"})
_CODE = re.compile(r"0[0-9]+")
_COMPACT_DATE = re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])")
_WHOLE = re.compile(r"-?[0-9]+")

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


@dataclass(frozen=True)
class Choice:
    """The feature type that ``auto`` has chosen, None where the property is left out; ``why`` is for the report."""

    type: str | None
    why: str
    separator: str | None = None
    imputer: Imputer | None = None
    language: str | None = None


def choose(spec: FeatureSpec, column: Column) -> Choice:
    """Choose the feature type of an ``auto`` entry.

    Given a separator, or cells of which one has Neptune's separator in it: a vector where every cell has as many
    numbers, and a set of categories otherwise. Of single values, booleans and numbers of which there are few are
    categories, numbers are numbers, dates in any spelling dates, texts of three words and more are text, and other
    strings categories. What never repeats, or counts the rows, is an identifier and is left out.
    """
    counts = column.counts()
    total = sum(counts.values())
    if total == 0:
        return Choice(None, "it has no value in any row")
    if spec.separator is not None:
        return _several(column, spec.separator)
    unique = len(counts) / total
    if {text.lower() for text in counts} <= _BOOLEANS:
        return Choice("category", "all values are booleans")
    if all(_COMPACT_DATE.fullmatch(text) for text in counts):
        return Choice("datetime", "all values are dates of eight digits")
    codes = any(_CODE.fullmatch(text) for text in counts)
    if _numeric(column) and not codes:
        if unique < SHARE_UNIQUE and len(counts) < FEW_VALUES:
            return Choice("category", f"numbers, but only {len(counts)} different ones in {total} rows")
        if _counts_rows(counts, len(column)):
            return Choice(None, "its numbers count the rows, so it is an identifier; ask for 'numerical' to use it")
        # nobody was asked, so a gap must not stop the job
        return Choice("numerical", "all values are numbers", imputer="median" if total < len(column) else None)
    if _dated(column, counts):
        return Choice("datetime", "all values are dates")
    if unique > SHARE_UNIQUE and _mean_tokens(counts) >= TEXT_TOKENS:
        language = _language(list(counts)[:_LANGUAGE_SAMPLE])
        kind = "text_sbert" if language is None else "text_fasttext"
        return Choice(kind, "texts of three words and more", language=language)
    if any(NEPTUNE_SEPARATOR in text for text in counts):
        return _several(column, NEPTUNE_SEPARATOR)
    if total > 1 and unique == 1:
        return Choice(None, "every row has another text, so it is an identifier")
    if total >= MANY_ROWS and unique > SHARE_IDENTIFIER:
        return Choice(None, f"{unique:.0%} of the rows have a text of their own, so it is an identifier")
    what = "numbers with leading zeros are codes" if codes else "texts"
    return Choice("category", f"{what}, {len(counts)} different ones in {total} rows")


def _several(column: Column, separator: str) -> Choice:
    rows, parts = column.split(separator)
    sizes = np.unique(np.unique(rows, return_counts=True)[1])
    if len(sizes) == 1 and _numeric(parts):
        return Choice("numerical", f"every cell has {sizes[0]} numbers", separator=separator)
    told = " to ".join(str(size) for size in dict.fromkeys((sizes[0], sizes[-1])))
    return Choice("category", f"a set: cells have {told} values", separator=separator)


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    choice = choose(spec, column)
    if choice.type is None:
        return Fitted(DroppedState(reason=choice.why), (f"property '{spec.column}' is left out: {choice.why}",))
    if choice.type == "category" and choice.separator and frequent_share(column, choice.separator) < 0.5:
        return Fitted(
            fit_hashed_set(choice.separator), why=f"{choice.why}, too many different ones for a position each"
        )
    chosen = FeatureSpec(
        feature=(spec.column, spec.name, choice.type),
        separator=choice.separator,
        imputer=spec.imputer or choice.imputer,
        norm=spec.norm,
        language=choice.language,
    )
    fitted = encoding_of(choice.type).fit(chosen, column, models)
    near = drawn_in(fitted.state, column) if isinstance(fitted.state, NumericalState) and spec.norm is None else None
    if near is not None:
        why = f"{choice.why}; a few lie far out and are taken for {near.low:g} or {near.high:g}"
        return Fitted(near, why=why)
    return Fitted(fitted.state, fitted.warnings, choice.why)


def _numeric(column: Column) -> bool:
    try:
        return len(column) > 0 and bool(np.any(~np.isnan(column.numbers())))
    except BadValue:
        return False


def _counts_rows(counts: dict[str, int], rows: int) -> bool:
    """Whether the values are whole numbers that never repeat and leave next to no gap: row numbers."""
    if rows < MANY_ROWS or len(counts) < rows or not all(_WHOLE.fullmatch(text) for text in counts):
        return False
    numbers = [int(text) for text in counts]
    return max(numbers) - min(numbers) < 2 * rows


def _dated(column: Column, counts: dict[str, int]) -> bool:
    if is_iso(column):
        return True
    if not all(iso(text, True) or iso(text, False) for text in counts):
        return False
    first = day_first(counts)[0]
    return all(iso(text, first) for text in counts)


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


ENCODING = Encoding(_fit, (DroppedState, HashedSetState), expected)
