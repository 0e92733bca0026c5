"""The best of all pairs without a relationship: every one is scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..distinct import among
from ..projections import Floats, Ints
from ..projections.graph import Bools
from .bilinear import Bilinear
from .candidates import Trained
from .link_features import LinkFeatures

BLOCK: Final = 1024  # rows of a block of all pairs
FEW_PAIRS: Final = 1 << 16  # whose features are made at once


@dataclass(frozen=True)
class Scored:
    """Pairs of node numbers with probabilities: shapes (pairs, 2) and (pairs,), best first."""

    pairs: Ints
    probabilities: Floats

    @classmethod
    def nothing(cls) -> Scored:
        """No pair."""
        return cls(np.zeros((0, 2), dtype=np.int64), np.zeros(0))

    def best(self, count: int, others: Scored | None = None) -> Scored:
        """The most probable ones of these and others; of equals those with smaller numbers."""
        pairs, scores = self.pairs, self.probabilities
        if others is not None:
            pairs, scores = np.concatenate([pairs, others.pairs]), np.concatenate([scores, others.probabilities])
        order = np.lexsort((pairs[:, 1], pairs[:, 0], -scores))[:count]
        return Scored(pairs[order], scores[order])


@dataclass(frozen=True)
class Admission:
    """Which pairs may be predicted.

    Attributes:
        sources, targets: nodes that may be the one end and the other, bool, shape (n,).
        pattern: existing relationships, CSR matrix of ones, shape (n, n), symmetric.
    """

    sources: Bools
    targets: Bools
    pattern: Any

    def block(self, start: int, stop: int) -> Bools:
        """For the rows start … stop - 1 and all nodes from ``start`` on, bool, shape (rows, n - start)."""
        size = len(self.sources)
        columns = np.arange(start, size)
        rows = np.arange(start, stop)
        found = np.asarray(columns[None, :] > rows[:, None])
        if not (self.sources.all() and self.targets.all()):
            found &= (self.sources[rows, None] & self.targets[None, columns]) | (
                self.targets[rows, None] & self.sources[None, columns]
            )
        part = self.pattern[start:stop]
        owners = np.repeat(np.arange(stop - start), np.diff(part.indptr))
        later = part.indices >= start
        found[owners[later], part.indices[later] - start] = False
        return found

    def pairs(self, pairs: Ints) -> Bools:
        """Whether each pair may be predicted, bool, shape (pairs,)."""
        one, other = pairs[:, 0], pairs[:, 1]
        fits = (self.sources[one] & self.targets[other]) | (self.targets[one] & self.sources[other])
        size = len(self.sources)
        rows = np.repeat(np.arange(size), np.diff(self.pattern.indptr))
        known = among(one * size + other, rows * size + self.pattern.indices)
        return np.asarray(fits & (one != other) & ~known)


def probabilities(maker: LinkFeatures, model: Trained, pairs: Ints) -> Floats:
    """The probability of each pair, float64, shape (pairs,)."""
    parts = [
        model.predictor.probabilities(maker.of(pairs[start : start + FEW_PAIRS]))[:, 1]
        for start in range(0, len(pairs), FEW_PAIRS)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def best_pairs(
    maker: LinkFeatures,
    model: Trained,
    admission: Admission,
    count: int,
    threshold: float,
    report: Callable[[float], None],
) -> tuple[Scored, int]:
    """The ``count`` most probable admissible pairs of at least ``threshold``, and how many pairs were scored."""
    form = Bilinear.of(maker, model)
    best, considered = Scored.nothing(), 0
    for start, scored, number in _blocks(maker, model, admission, form, count, threshold):
        considered += number
        best = best.best(count, scored)
        report(start / max(1, maker.view.size))
    if form is not None and len(best.pairs):  # single precision chose them; their probabilities are exact
        best = Scored(best.pairs, probabilities(maker, model, best.pairs)).best(count)
        kept = best.probabilities >= threshold
        best = Scored(best.pairs[kept], best.probabilities[kept])
    return best, considered


def _blocks(
    maker: LinkFeatures, model: Trained, admission: Admission, form: Bilinear | None, count: int, threshold: float
) -> Iterator[tuple[int, Scored, int]]:
    """Of each block of rows: where it begins, its best pairs, and how many were scored."""
    size = maker.view.size
    step = BLOCK if form is not None else max(1, min(BLOCK, 4 * FEW_PAIRS // max(1, size)))
    for start in range(0, size, step):
        stop = min(start + step, size)
        allowed = admission.block(start, stop)
        number = int(allowed.sum())
        if form is None:
            rows, columns = np.nonzero(allowed)
            pairs = np.stack([rows + start, columns + start], axis=1)
            scores = probabilities(maker, model, pairs)
            kept = scores >= threshold
            yield stop, Scored(pairs[kept], scores[kept]).best(count), number
        else:
            yield stop, _best_of(form.block(start, stop), allowed, start, count, threshold), number


def _best_of(odds: Any, allowed: Bools, start: int, count: int, threshold: float) -> Scored:
    odds[~allowed] = -np.inf
    least = -np.inf if threshold <= 0 else np.log(threshold / (1 - threshold)) if threshold < 1 else np.inf
    flat = odds.ravel()
    if flat.size > count:
        least = max(least, float(np.partition(flat, flat.size - count)[flat.size - count]))
    slack = 1e-4 * (1 + abs(least)) if np.isfinite(least) else 0.0  # of single precision
    found = np.flatnonzero((flat >= least - slack) & (flat > -np.inf))
    pairs = np.stack(np.divmod(found, odds.shape[1]), axis=1) + start
    values = flat[found].astype(np.float64)
    return Scored(pairs, 1 / (1 + np.exp(-values))).best(count)
