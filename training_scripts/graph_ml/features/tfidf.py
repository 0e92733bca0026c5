"""Text as term weights: how often a term occurs, over the number of documents that have it.

Source: the service's guide on ``text_tfidf``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from ..schemas import FeatureSpec
from .columns.column import Column
from .encoding import Encode, EncoderState, Encoding, Fitted, FloatArray
from .text_vectors.projection import DIMS, SparseRows

_WORD = re.compile(r"(?u)\b\w+\b")


class TfidfState(EncoderState):
    """Term counts divided by the number of documents with the term, projected where there are more than ``dims``."""

    kind: Literal["text_tfidf"] = "text_tfidf"
    ngram_range: tuple[int, int]
    documents_with: dict[str, int]
    dims: int

    @property
    def columns(self) -> int:
        return min(self.dims, len(self.documents_with))

    @property
    def summary(self) -> str:
        terms = len(self.documents_with)
        return f"text_tfidf ({terms} terms{', projected' if terms > self.dims else ''})"

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """(n, columns): weights of the terms in alphabetical order, or their projection; a missing text is zero."""
        position = {term: i for i, term in enumerate(self.documents_with)}
        rows = SparseRows(len(position))
        for text in column.texts():
            terms = Counter(ngrams(words(text or ""), *self.ngram_range))
            rows.add((position[t], count / self.documents_with[t]) for t, count in terms.items() if t in position)
        return rows.projected(self.dims, how.seed)


def words(text: str) -> list[str]:
    """The lower-case words of a text."""
    return _WORD.findall(text.lower())


def ngrams(tokens: Sequence[str], shortest: int, longest: int) -> Iterator[str]:
    """All runs of ``shortest`` to ``longest`` words, joined by a blank."""
    for size in range(shortest, longest + 1):
        for begin in range(len(tokens) - size + 1):
            yield " ".join(tokens[begin : begin + size])


def document_frequencies(
    texts: Iterable[str | None], ngram_range: tuple[int, int], min_df: float, max_features: int
) -> dict[str, int]:
    """In how many documents each kept term occurs, by term in alphabetical order.

    Args:
        texts: one document each; None is none.
        ngram_range: shortest and longest run of words.
        min_df: a whole number of documents, or a fraction of them if it is a float below 1.
        max_features: how many of the most frequent terms are kept; ties in alphabetical order.
    """
    documents, frequency, total = 0, Counter[str](), Counter[str]()
    for text in texts:
        if text is None:
            continue
        documents += 1
        terms = Counter(ngrams(words(text), *ngram_range))
        total.update(terms)
        frequency.update(terms.keys())
    least = min_df * documents if isinstance(min_df, float) and min_df < 1 else min_df
    kept = [term for term, count in frequency.items() if count >= least]
    kept = sorted(kept, key=lambda term: (-total[term], term))[:max_features]
    return {term: frequency[term] for term in sorted(kept)}


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    ngram_range = spec.ngram_range or (1, 1)
    vocabulary = document_frequencies(
        column.texts(), ngram_range, 2 if spec.min_df is None else spec.min_df, spec.max_features or 5000
    )
    warnings: tuple[str, ...] = ()
    if not vocabulary:
        warnings = (f"property '{spec.column}' has no term that is frequent enough; its text_tfidf feature is empty",)
    return Fitted(TfidfState(ngram_range=ngram_range, documents_with=vocabulary, dims=DIMS), warnings)


ENCODING = Encoding(_fit, (TfidfState,), lambda spec, cells: DIMS)
