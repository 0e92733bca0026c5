"""What scores links when a model is served: numpy alone, whatever trained it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from ..pairs.graph import Floats, Ints
from .pair_ranker import PairRanker

Decoder = Literal["dot", "distmult", "transe", "rotate"]


class LinkScorer(Protocol):
    """Scores every candidate of one edge type. Pure; safe to call from several threads."""

    def scores(self, sources: Ints, candidates: slice, heading: bool) -> Floats:
        """Scores (sources, candidates), higher is likelier; ``heading`` asks where links to the sources come from."""


@dataclass(frozen=True)
class RankerScorer:
    """The pair ranker as a scorer."""

    ranker: PairRanker

    def scores(self, sources: Ints, candidates: slice, heading: bool) -> Floats:
        """See ``LinkScorer``."""
        return self.ranker.scores(sources, candidates, heading)


@dataclass(frozen=True)
class EmbeddingScorer:
    """A decoder over stored embeddings.

    Args:
        embeddings: one row a node of the node space, shape (n, d).
        relation: the relation's vector, shape (d,), or (d / 2,) phases for rotate.
        decoder: which formula.
        gamma: margin of the distance decoders.
    """

    embeddings: Floats
    relation: Floats
    decoder: Decoder
    gamma: float = 12.0

    def scores(self, sources: Ints, candidates: slice, heading: bool) -> Floats:
        """See ``LinkScorer``."""
        return self.against(np.asarray(self.embeddings[sources]), candidates, heading)

    def against(self, query: Floats, candidates: slice, heading: bool) -> Floats:
        """Scores of candidates for query vectors from elsewhere, (b, d) → (b, candidates)."""
        others = np.asarray(self.embeddings[candidates])
        if self.decoder in ("dot", "distmult"):
            weighted = query * self.relation if self.decoder == "distmult" else query
            return np.asarray(weighted @ others.T, dtype=np.float32)
        moved = (
            translated(query, self.relation, heading)
            if self.decoder == "transe"
            else rotated(query, self.relation, heading)
        )
        return np.float32(self.gamma) - distances(moved, others, complex_pairs=self.decoder == "rotate")


def translated(query: Floats, relation: Floats, heading: bool) -> Floats:
    """h + r for tails, t − r for heads (Bordes et al. 2013)."""
    moved: Floats = query - relation if heading else query + relation
    return moved


def rotated(query: Floats, phases: Floats, heading: bool) -> Floats:
    """h ∘ e^{iθ} for tails, t ∘ e^{−iθ} for heads; real parts first, then imaginary ones (Sun et al. 2019)."""
    cosine, sine = np.cos(phases), np.sin(-phases if heading else phases)
    real, imaginary = np.split(query, 2, axis=1)
    moved: Floats = np.concatenate([real * cosine - imaginary * sine, real * sine + imaginary * cosine], axis=1)
    return moved


def distances(moved: Floats, others: Floats, complex_pairs: bool) -> Floats:
    """L1 distances (b, n), of complex moduli where the halves are real and imaginary parts; in stripes of others."""
    result = np.empty((len(moved), len(others)), dtype=np.float32)
    step = max(1, 2**22 // max(1, moved.size))
    for start in range(0, len(others), step):
        gap = moved[:, None, :] - others[None, start : start + step, :]
        if complex_pairs:
            half = gap.shape[2] // 2
            result[:, start : start + step] = np.hypot(gap[..., :half], gap[..., half:]).sum(axis=2)
        else:
            result[:, start : start + step] = np.abs(gap).sum(axis=2)
    return result


@dataclass(frozen=True)
class StackScorer:
    """A weighted sum of scorers, the weights fitted on validation links."""

    parts: tuple[LinkScorer, ...]
    weights: tuple[float, ...]

    def scores(self, sources: Ints, candidates: slice, heading: bool) -> Floats:
        """See ``LinkScorer``."""
        first, *others = (
            np.float32(w) * part.scores(sources, candidates, heading)
            for w, part in zip(self.weights, self.parts, strict=True)
        )
        total = first
        for other in others:
            total = total + other
        return total


@dataclass(frozen=True)
class Calibration:
    """Turns scores into probabilities between 0 and 1, 1 / (1 + e^−(slope · s + offset)); slope > 0 keeps the order."""

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, scores: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Probabilities of the same shape, float64 so that high scores stay apart."""
        value = np.clip(self.slope * scores.astype(np.float64) + self.offset, -700, 700)
        result: npt.NDArray[np.float64] = 1.0 / (1.0 + np.exp(-value))
        return result

    @classmethod
    def fit(cls, positive: npt.NDArray[np.float64], negative: npt.NDArray[np.float64]) -> Calibration:
        """Logistic regression of link or not on the score, with Platt's smoothed targets, by Newton's method.

        Where the fitted slope would turn the order round, or there is nothing to fit, the slope is 1 over the spread.

        Source: Platt 1999; Lin, Lin, Weng 2007.
        """
        scores = np.concatenate([positive, negative])
        if not len(positive) or not len(negative) or scores.std() == 0:
            return cls()
        mean, spread = scores.mean(), scores.std()
        x = (scores - mean) / spread
        high, low = (len(positive) + 1) / (len(positive) + 2), 1 / (len(negative) + 2)
        wanted = np.concatenate([np.full(len(positive), high), np.full(len(negative), low)])
        design = np.stack([x, np.ones_like(x)], axis=1)
        weights = np.array([1.0, 0.0])
        for _ in range(50):
            p = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
            gradient = design.T @ (p - wanted) + 1e-3 * weights
            hessian = design.T @ (design * (p * (1 - p))[:, None]) + 1e-3 * np.eye(2)
            step = np.linalg.solve(hessian, gradient)
            weights = weights - np.clip(step, -1, 1)
            if np.abs(step).max() < 1e-8:
                break
        slope = weights[0] if weights[0] > 1e-3 else 1.0
        return cls(float(slope / spread), float(weights[1] - slope * mean / spread))
