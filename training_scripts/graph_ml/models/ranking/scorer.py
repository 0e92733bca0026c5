"""The pair ranker: features of a pair under a small scorer. Numpy alone; training is in ``training/links/ranker``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...pairs import PairFeatures, floor_block
from ...pairs.graph import NOBODY, Floats, Ints

CLAMP = 6.0


@dataclass(frozen=True)
class PairScorer:
    """s = w·x + W₃ relu(W₂ relu(W₁ x + b₁) + b₂) + b₃ over standardised features, clamped to ±6.

    Args:
        mean, scale: of the features over the training lists, shape (f,).
        weights: float32; ``linear`` (1, f), ``w1`` (32, f), ``b1``, ``w2`` (32, 32), ``b2``, ``w3`` (1, 32), ``b3``.
    """

    mean: Floats
    scale: Floats
    weights: Mapping[str, Floats]

    def __call__(self, features: Floats) -> Floats:
        """Scores of a block of features: (f, …) → (…)."""
        shape = features.shape[1:]
        x = features.reshape(len(features), -1)
        scores = np.empty(x.shape[1], dtype=np.float32)
        # a stripe at a time stays in the cache; three times faster than one product over everything
        for start in range(0, x.shape[1], 8192):
            stripe = x[:, start : start + 8192] - self.mean[:, None]
            stripe *= (1.0 / self.scale)[:, None]
            np.clip(stripe, -CLAMP, CLAMP, out=stripe)
            hidden = self.weights["w1"] @ stripe + self.weights["b1"][:, None]
            np.maximum(hidden, 0, out=hidden)
            hidden = self.weights["w2"] @ hidden + self.weights["b2"][:, None]
            np.maximum(hidden, 0, out=hidden)
            deep = self.weights["w3"] @ hidden + self.weights["linear"] @ stripe
            scores[start : start + 8192] = deep[0] + self.weights["b3"][0]
        return scores.reshape(shape)

    def tensors(self) -> dict[str, Floats]:
        """Everything as named arrays."""
        return {"mean": self.mean, "scale": self.scale, **self.weights}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Floats]) -> PairScorer:
        """The opposite of ``tensors``."""
        rest = {name: tensors[name] for name in ("linear", "w1", "b1", "w2", "b2", "w3", "b3")}
        return cls(tensors["mean"], tensors["scale"], rest)


#: what a ranker is called among scorers
RANKER = "ranker"
#: weights of EASE beside the trained scorer that are tried, ascending
LIFTS = (0.0, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True)
class PairRanker:
    """Scores all candidates of a source.

    ``chosen`` is ``ranker``, or the floor that validation preferred to it: ``ease``, or ``all.ease`` on the view of
    all edges. ``lift`` is the weight of the feature EASE beside the trained scorer: the scorer tells links from all
    other pairs, EASE often puts the first few in the better order.
    """

    features: PairFeatures
    scorer: PairScorer
    chosen: str = RANKER
    lift: float = 0.0

    def scores(self, sources: Ints, candidates: slice, predict_heads: bool) -> Floats:
        """Scores of what was chosen, (sources, candidates)."""
        if self.chosen == RANKER:
            own, ease = self.parts(sources, candidates, predict_heads)
            return own + np.float32(self.lift) * ease if self.lift else own
        view, _, floor = self.chosen.rpartition(".")
        graph = next(one.graph for one in self.features.views if view in ("", one.name))
        parts = [sources[start : start + 64] for start in range(0, len(sources), 64)]
        return np.concatenate([floor_block(graph, part)[floor][candidates].T for part in parts])

    def parts(self, sources: Ints, candidates: slice, predict_heads: bool) -> tuple[Floats, Floats]:
        """Scores of the trained scorer and the feature EASE, (sources, candidates) each; zeros without that feature."""
        row = self.features.names.index("ease") if "ease" in self.features.names else None
        if self.features.settings.near:
            return self._near_parts(sources, candidates, predict_heads, row)
        blocks = [block for _, block in self.features.blocks(sources, candidates, predict_heads)]
        own = np.concatenate([self.scorer(b).T for b in blocks])
        return own, np.zeros_like(own) if row is None else np.concatenate([b[row].T for b in blocks])

    def _near_parts(
        self, sources: Ints, candidates: slice, predict_heads: bool, row: int | None
    ) -> tuple[Floats, Floats]:
        """Likewise, of what is near; all others come after it whatever the lift, in the order of their degrees."""
        degree = self.features.views[0].graph.degree[candidates]
        popularity = degree / np.float32(degree.max(initial=0) + 1)
        own = np.empty((len(sources), len(degree)), dtype=np.float32)
        ease = np.zeros_like(own)
        for line, source in enumerate(sources.tolist()):
            numbers, block = self.features.near(source, candidates, predict_heads, NOBODY)
            scores, places = self.scorer(block), numbers - candidates.start
            worst = scores.min(initial=0)
            if row is not None:
                worst += LIFTS[-1] * min(block[row].min(initial=0), 0)
                ease[line, places] = block[row]
            own[line] = worst - 1 + popularity
            own[line, places] = scores
        return own, ease
