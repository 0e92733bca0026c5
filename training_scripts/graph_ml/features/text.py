"""Text as vectors of a text model that is installed, or hashed character n-grams where there is none."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ..schemas import FeatureSpec
from .columns.column import Column
from .encoding import Encode, EncoderState, Encoding, Fitted, FloatArray
from .text_vectors.models import Library, TextModelMissing, find_model, load_model
from .text_vectors.projection import DIMS, SparseRows
from .tfidf import words

HASH_BUCKETS = 1 << 14
CHARACTER_NGRAMS = (3, 4, 5)
_SBERT_TOKENS = {"text_sbert": 128, "text_sbert128": 128, "text_sbert512": 512}


class HashedTextState(EncoderState):
    """The stand-in for a text model: hashed character n-grams, weighted by rarity, projected to ``dims``.

    It knows spelling, not meaning: texts that share words and word parts come close.
    """

    remarks: ClassVar[frozenset[str]] = frozenset({"requested", "reason"})

    kind: Literal["hashed_text"] = "hashed_text"
    requested: str
    reason: str
    buckets: int
    documents: int
    documents_with: dict[int, int]
    dims: int
    max_tokens: int | None = None

    @property
    def columns(self) -> int:
        return self.dims

    @property
    def summary(self) -> str:
        return f"hashed character n-grams, standing in for {self.requested}: {self.reason}"

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """(n, dims): vectors of length 1; a missing text is zero."""
        rows = SparseRows(self.buckets)
        for text in column.texts():
            counts = hashed_ngrams(text or "", self.max_tokens, self.buckets)
            rows.add((bucket, (1.0 + np.log(n)) * self._rarity(bucket)) for bucket, n in counts.items())
        vectors = rows.projected(self.dims, how.seed, always=True)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float32)

    def _rarity(self, bucket: int) -> float:
        """The smoothed inverse document frequency, at least 1."""
        return float(np.log((1 + self.documents) / (1 + self.documents_with.get(bucket, 0)))) + 1.0


class TextModelState(EncoderState):
    """Vectors of a text model that was installed when the feature was fitted."""

    remarks: ClassVar[frozenset[str]] = frozenset({"requested"})

    kind: Literal["text_model"] = "text_model"
    requested: str
    library: Library
    model: str
    dims: int
    max_tokens: int | None = None

    @property
    def columns(self) -> int:
        return self.dims

    @property
    def summary(self) -> str:
        return f"{self.requested} by {self.library} {self.model}"

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """(n, dims): vectors of the model that fitted; a missing text is zero.

        Raises:
            TextModelMissing: that model is not on this machine.
        """
        model = load_model(self.library, self.model, how.models)
        result = np.zeros((len(column), self.dims), dtype=np.float32)
        known = [(row, text) for row, text in enumerate(column.texts()) if text is not None]
        if known:
            result[[row for row, _ in known]] = model.embed([text for _, text in known], self.max_tokens)
        return result


def hashed_ngrams(text: str, max_tokens: int | None, buckets: int) -> Counter[int]:
    """The hashed character n-grams of each word, with its ends marked, and the words themselves.

    Args:
        text: whose first ``max_tokens`` words are read, or all.
        max_tokens: None for all.
        buckets: hashes are in [0, buckets).
    """
    counts: Counter[int] = Counter()
    for word in words(text)[:max_tokens]:
        marked = f"<{word}>"
        counts[zlib.crc32(marked.encode()) % buckets] += 1
        for size in CHARACTER_NGRAMS:
            for begin in range(len(marked) - size + 1):
                if size < len(marked):
                    counts[zlib.crc32(marked[begin : begin + size].encode()) % buckets] += 1
    return counts


def _document_frequencies(texts: Iterable[str | None], max_tokens: int | None) -> tuple[int, dict[int, int]]:
    """(number of documents, in how many of them each bucket occurs), buckets in ascending order."""
    documents, frequency = 0, Counter[int]()
    for text in texts:
        if text is not None:
            documents += 1
            frequency.update(hashed_ngrams(text, max_tokens, HASH_BUCKETS).keys())
    return documents, dict(sorted(frequency.items()))


def _fit(spec: FeatureSpec, column: Column, models: Path | None) -> Fitted:
    """A text model where there is one on this machine; otherwise hashed n-grams, and a warning that says so."""
    language = spec.language[0] if isinstance(spec.language, list) else spec.language
    max_tokens = spec.max_length if spec.type == "text_fasttext" else _SBERT_TOKENS.get(spec.type)
    try:
        model = find_model(spec.type, language, models)
    except TextModelMissing as error:
        documents, frequency = _document_frequencies(column.texts(), max_tokens)
        state = HashedTextState(
            requested=spec.type,
            reason=str(error),
            buckets=HASH_BUCKETS,
            documents=documents,
            documents_with=frequency,
            dims=DIMS,
            max_tokens=max_tokens,
        )
        warning = (
            f"property '{spec.column}' asked for {spec.type}, but {error}; it is encoded by hashed character n-grams "
            f"projected to {DIMS} dimensions instead, which know spelling and not meaning"
        )
        return Fitted(state, (warning,))
    return Fitted(
        TextModelState(
            requested=spec.type, library=model.library, model=model.name, dims=model.dims, max_tokens=max_tokens
        )
    )


ENCODING = Encoding(_fit, (HashedTextState, TextModelState), lambda spec, cells: DIMS)
