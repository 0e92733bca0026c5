"""What scores links when a model is served: numpy alone, whatever trained it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..pairs.graph import Floats, Ints
from .families import decoder
from .family import Decoder
from .ranking.scorer import PairRanker


class LinkScorer(Protocol):
    """Scores every candidate of one edge type. Pure; safe to call from several threads."""

    def scores(self, sources: Ints, candidates: slice, predict_heads: bool) -> Floats:
        """Scores (sources, candidates), higher is likelier; with ``predict_heads`` of links to the sources."""


@dataclass(frozen=True)
class RankerScorer:
    """The pair ranker as a scorer."""

    ranker: PairRanker

    def scores(self, sources: Ints, candidates: slice, predict_heads: bool) -> Floats:
        """See ``LinkScorer``."""
        return self.ranker.scores(sources, candidates, predict_heads)


@dataclass(frozen=True)
class EmbeddingScorer:
    """A decoder over stored embeddings.

    Args:
        embeddings: one row a node of the node space, float32 (n, w).
        relation: the relation's vector, float32 (r,).
        decoder: name of the formula.
        gamma: margin of decoders that measure a distance.
        inverse: the relation's vector for asking the other way round, (r,), where it has one of its own.
    """

    embeddings: Floats
    relation: Floats
    decoder: str
    gamma: float = 12.0
    inverse: Floats | None = None

    def scores(self, sources: Ints, candidates: slice, predict_heads: bool) -> Floats:
        """See ``LinkScorer``."""
        return self.against(np.asarray(self.embeddings[sources]), candidates, predict_heads)

    def against(self, vectors: Floats, candidates: slice, predict_heads: bool) -> Floats:
        """Scores of candidates for vectors from elsewhere, (b, w) → (b, candidates)."""
        formula = decoder(self.decoder)
        others = np.asarray(self.embeddings[candidates])
        if predict_heads and self.inverse is not None:
            query = formula.query(np, vectors, self.inverse, False)
        else:
            query = formula.query(np, vectors, self.relation, predict_heads)
        return compared(formula, query, others, self.gamma)


def compared(formula: Decoder, query: Floats, others: Floats, gamma: float) -> Floats:
    """Scores of all others for each query, (b, w) and (n, w) → float32 (b, n)."""
    products: Floats = np.asarray(query @ others.T, dtype=np.float32)
    if formula.compare == "dot":
        return products
    # |q − t|² = |q|² + |t|² − 2 q · t
    products *= -2
    products += np.einsum("nw,nw->n", others, others)
    products += np.einsum("bw,bw->b", query, query)[:, None]
    return np.subtract(np.float32(gamma), np.sqrt(np.maximum(products, 0, out=products), out=products), out=products)


@dataclass(frozen=True)
class StackScorer:
    """A weighted sum of scorers, the weights fitted on validation links."""

    parts: tuple[LinkScorer, ...]
    weights: tuple[float, ...]

    def scores(self, sources: Ints, candidates: slice, predict_heads: bool) -> Floats:
        """See ``LinkScorer``."""
        first, *others = (
            np.float32(w) * part.scores(sources, candidates, predict_heads)
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

        Scores are (p,) of links and (n,) of pairs that are none.

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
