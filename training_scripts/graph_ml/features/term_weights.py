"""Text as vectors: tf-idf by the service's rules, and a stand-in for text models that are not installed."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

MAX_DIMS = 100
HASH_BUCKETS = 1 << 14
CHARACTER_NGRAMS = (3, 4, 5)
_WORD = re.compile(r"(?u)\b\w+\b")


def words(text: str) -> list[str]:
    """The lower-case words of a text."""
    return _WORD.findall(text.lower())


def ngrams(tokens: Sequence[str], shortest: int, longest: int) -> Iterator[str]:
    """All runs of ``shortest`` to ``longest`` words, joined by a blank."""
    for size in range(shortest, longest + 1):
        for begin in range(len(tokens) - size + 1):
            yield " ".join(tokens[begin : begin + size])


def fit_tfidf(
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


def encode_tfidf(
    texts: Sequence[str | None], documents_with: Mapping[str, int], ngram_range: tuple[int, int], dims: int, seed: int
) -> FloatArray:
    """Term counts over document frequencies, (n, dims); a missing text is zero.

    Where the vocabulary is larger than ``dims`` the rows are projected (``sparse_projection``).
    """
    position = {term: i for i, term in enumerate(documents_with)}
    rows, columns, weights = _Entries(), _Entries(), _Entries()
    for row, text in enumerate(texts):
        if text is None:
            continue
        for term, count in Counter(ngrams(words(text), *ngram_range)).items():
            if term in position:
                rows.append(row)
                columns.append(position[term])
                weights.append(count / documents_with[term])
    projection = None if len(position) <= dims else sparse_projection(len(position), dims, seed)
    return _product(rows, columns, weights, (len(texts), len(position)), projection, dims)


def buckets_of(text: str, max_tokens: int | None) -> Counter[int]:
    """The hashed character n-grams of each word, with its ends marked, and the words themselves."""
    found: Counter[int] = Counter()
    for word in words(text)[:max_tokens]:
        marked = f"<{word}>"
        found[_bucket(marked)] += 1
        for size in CHARACTER_NGRAMS:
            for begin in range(len(marked) - size + 1):
                if size < len(marked):
                    found[_bucket(marked[begin : begin + size])] += 1
    return found


def fit_hashed(texts: Iterable[str | None], max_tokens: int | None) -> tuple[int, dict[int, int]]:
    """(number of documents, in how many of them each bucket occurs), buckets in ascending order."""
    documents, frequency = 0, Counter[int]()
    for text in texts:
        if text is not None:
            documents += 1
            frequency.update(buckets_of(text, max_tokens).keys())
    return documents, dict(sorted(frequency.items()))


def encode_hashed(
    texts: Sequence[str | None],
    documents: int,
    documents_with: Mapping[int, int],
    dims: int,
    max_tokens: int | None,
    seed: int,
) -> FloatArray:
    """Unit vectors (n, dims) of hashed n-grams weighted by rarity; a missing text is zero.

    It knows spelling, not meaning: texts that share words and word parts come close.
    """
    rows, columns, weights = _Entries(), _Entries(), _Entries()
    for row, text in enumerate(texts):
        if text is None:
            continue
        for bucket, count in buckets_of(text, max_tokens).items():
            rows.append(row)
            columns.append(bucket)
            rarity = np.log((1 + documents) / (1 + documents_with.get(bucket, 0))) + 1.0
            weights.append((1.0 + np.log(count)) * float(rarity))
    projection = sparse_projection(HASH_BUCKETS, dims, seed)
    vectors = _product(rows, columns, weights, (len(texts), HASH_BUCKETS), projection, dims)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float32)


@lru_cache(maxsize=8)
def sparse_projection(features: int, dims: int, seed: int) -> FloatArray:
    """A random matrix (features, dims), most of it zero, that nearly keeps distances.

    Entries are 0 but for a share 1/sqrt(features), which are +-sqrt(sqrt(features) / dims). The matrix is kept, because
    an endpoint asks for the same one at every request; it must not be written to.

    Source: Li, Hastie, Church 2006.
    """
    rng = np.random.default_rng([seed, features, dims])
    density = 1.0 / np.sqrt(features)
    drawn = rng.random((features, dims), dtype=np.float32)
    signs = np.where(rng.random((features, dims), dtype=np.float32) < 0.5, -1.0, 1.0)
    size = np.sqrt(1.0 / (density * dims))
    return np.where(drawn < density, signs * size, 0.0).astype(np.float32)


class _Entries:
    """A growing list of numbers, kept as blocks of an array so that a million take 8 MB, not 32."""

    def __init__(self) -> None:
        self._blocks: list[NDArray[np.float64]] = []
        self._open: list[float] = []

    def append(self, value: float) -> None:
        self._open.append(value)
        if len(self._open) >= 65_536:
            self._blocks.append(np.array(self._open))
            self._open = []

    def array(self) -> NDArray[np.float64]:
        return np.concatenate([*self._blocks, np.array(self._open, dtype=np.float64)])


def _product(
    rows: _Entries,
    columns: _Entries,
    weights: _Entries,
    shape: tuple[int, int],
    projection: FloatArray | None,
    dims: int,
) -> FloatArray:
    from scipy.sparse import csr_matrix  # here, because endpoints without text features do without it

    where: tuple[NDArray[Any], NDArray[Any]] = (rows.array().astype(np.int64), columns.array().astype(np.int64))
    matrix = csr_matrix((weights.array().astype(np.float32), where), shape=shape)
    result = np.zeros((shape[0], min(dims, shape[1]) if projection is None else dims), dtype=np.float32)
    product = matrix.toarray() if projection is None else matrix @ projection
    result[:, : product.shape[1]] = product
    return result


def _bucket(text: str) -> int:
    return zlib.crc32(text.encode()) % HASH_BUCKETS
