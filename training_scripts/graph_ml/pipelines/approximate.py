"""The most probable partners of every node without scoring all pairs.

Each node keeps a list of its best partners. The lists begin with nodes two relationships away and with nodes of like
properties; then partners of partners are tried until the lists hardly change.

Source: Dong, Moses, Li 2011, "Efficient K-Nearest Neighbor Graph Construction for Generic Similarity Measures", with
these beginnings instead of random ones: on social graphs a random start finds four fifths of the best partners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..distinct import among, distinct
from ..projections import Floats, Ints
from .candidates import Trained
from .exhaustive import Admission, Scored, probabilities
from .link_features import LinkFeatures, unit_rows

TWO_HOPS: Final = 300  # partners of a node that are two relationships away, those with most ways first
ALIKE: Final = 60  # partners of a node with like properties
BLOCK: Final = 1024
JOINED: Final = 5  # partners of partners come from that many of a node's best


@dataclass(frozen=True)
class Searched:
    """The pairs that were found, and how: pairs scored, iterations, and whether the lists had settled."""

    found: Scored
    considered: int
    iterations: int
    converged: bool


def approximate_pairs(
    maker: LinkFeatures,
    model: Trained,
    admission: Admission,
    options: Mapping[str, Any],
    random: np.random.Generator,
    report: Callable[[float], None],
) -> Searched:
    """The best ``topK`` partners of every node, each pair once."""
    size, most = maker.view.size, min(options["topK"], max(0, maker.view.size - 1))
    lists = _Lists(size, most)
    tried = np.zeros(0, dtype=np.int64)
    keys = _first_candidates(maker, admission, options, random)
    chance = np.zeros(0, dtype=np.int64)
    limit = int(options["deltaThreshold"] * np.ceil(options["sampleRate"] * most * size))
    considered, iteration, converged = 0, 0, False
    while most and not converged and iteration < options["maxIterations"]:
        changes = 0
        for part, counts in ((keys, True), (chance, False)):
            fresh = np.setdiff1d(part, tried, assume_unique=True)
            pairs = np.stack([fresh // size, fresh % size], axis=1)
            pairs = pairs[admission.pairs(pairs)]
            tried = np.union1d(tried, fresh)
            found = lists.offer(pairs, probabilities(maker, model, pairs))
            changes += found if counts else 0
            considered += len(pairs)
        iteration += 1
        converged = changes <= limit
        report(iteration / options["maxIterations"])
        keys, chance = lists.joins(options["sampleRate"]), lists.random_pairs(options["randomJoins"], random)
    return Searched(lists.pairs(), considered, iteration, converged)


class _Lists:
    """The best partners of all nodes: numbers and scores, shapes (n, most); -1 for none."""

    def __init__(self, size: int, most: int) -> None:
        self.size, self.most = size, most
        self.partners = np.full((size, most), -1, dtype=np.int64)
        self.scores = np.full((size, most), -np.inf)

    def offer(self, pairs: Ints, scores: Floats) -> int:
        """Take scored pairs into the lists of both ends; how many entries are new."""
        owners = np.concatenate([pairs[:, 0], pairs[:, 1], np.repeat(np.arange(self.size), self.most)])
        partners = np.concatenate([pairs[:, 1], pairs[:, 0], self.partners.ravel()])
        values = np.concatenate([scores, scores, self.scores.ravel()])
        order = np.lexsort((partners, -values, owners))
        owners, partners, values = owners[order], partners[order], values[order]
        rank = np.arange(len(owners)) - np.searchsorted(owners, owners)
        kept = (rank < self.most) & (partners >= 0)
        before = np.sort(self._keys())
        self.partners = np.full_like(self.partners, -1)
        self.scores = np.full_like(self.scores, -np.inf)
        self.partners[owners[kept], rank[kept]] = partners[kept]
        self.scores[owners[kept], rank[kept]] = values[kept]
        return int((~among(self._keys(), before)).sum())

    def _keys(self) -> Ints:
        owners, places = np.nonzero(self.partners >= 0)
        return np.asarray(owners * self.size + self.partners[owners, places])

    def joins(self, sample_rate: float) -> Ints:
        """Pairs of a node with partners of its best partners; keys, sorted."""
        count = max(1, min(self.most, int(np.ceil(sample_rate * JOINED))))
        near = self.partners[:, :count]
        second = np.where(near[:, :, None] >= 0, self.partners[near], -1).reshape(self.size, -1)
        return pair_numbers(np.arange(self.size)[:, None], second, self.size)

    def random_pairs(self, count: int, random: np.random.Generator) -> Ints:
        """Pairs of every node with ``count`` others by chance; keys, sorted."""
        partners = random.integers(self.size, size=(self.size, count))
        return pair_numbers(np.arange(self.size)[:, None], partners, self.size)

    def pairs(self) -> Scored:
        """Every pair of the lists once."""
        owners, places = np.nonzero(self.partners >= 0)
        partners, scores = self.partners[owners, places], self.scores[owners, places]
        keys, first = np.unique(
            np.minimum(owners, partners) * self.size + np.maximum(owners, partners), return_index=True
        )
        return Scored(np.stack([keys // self.size, keys % self.size], axis=1), scores[first]).best(len(keys))


def pair_numbers(owners: Ints, partners: Ints, size: int) -> Ints:
    """Unordered pairs of ends, (m,) each, as distinct sorted numbers, (pairs,); none of a node and itself or -1."""
    owners = np.broadcast_to(owners, partners.shape)
    kept = (partners >= 0) & (partners != owners)
    one, other = owners[kept], partners[kept]
    return distinct(np.minimum(one, other) * size + np.maximum(one, other))


def _first_candidates(
    maker: LinkFeatures, admission: Admission, options: Mapping[str, Any], random: np.random.Generator
) -> Ints:
    """Keys of the pairs that lists begin with: two hops, like properties, or what ``initialSampler`` names alone."""
    size, sampler = maker.view.size, options["initialSampler"]
    parts = []
    if sampler in ("UNIFORM", "RANDOMWALK"):
        partners = random.integers(size, size=(size, options["topK"]))
        parts.append(pair_numbers(np.arange(size)[:, None], partners, size))
    if sampler != "INDEX":
        parts.append(two_hop_pairs(admission.pattern))
    if sampler != "TWOHOP":
        parts.append(like_pairs(maker))
    found: Ints = distinct(np.concatenate(parts))
    return found


def two_hop_pairs(pattern: Any) -> Ints:
    """Keys, shape (pairs,), of pairs with a common neighbour, at most 300 for a node: those with most of them."""
    size = pattern.shape[0]
    parts = []
    for start in range(0, size, BLOCK):
        common = (pattern[start : start + BLOCK] @ pattern).tocsr()
        owners = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
        order = np.lexsort((common.indices, -common.data, owners))
        rank = np.arange(len(owners)) - common.indptr[owners]
        kept = order[rank < TWO_HOPS]
        parts.append(pair_numbers(owners[kept] + start, common.indices[kept].astype(np.int64), size))
    return distinct(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)


def like_pairs(maker: LinkFeatures) -> Ints:
    """Keys, shape (pairs,), of pairs whose properties, of all feature steps, have the greatest cosines: 60 a node."""
    size = maker.view.size
    tables = [unit_rows(table) for table in maker.tables if table.shape[1]]
    if not tables or size < 2:
        return np.zeros(0, dtype=np.int64)
    rows = np.concatenate(tables, axis=1).astype(np.float32)
    count = min(ALIKE, size - 1)
    parts = []
    for start in range(0, size, BLOCK):
        cosines = rows[start : start + BLOCK] @ rows.T
        cosines[np.arange(len(cosines)), np.arange(start, start + len(cosines))] = -np.inf
        partners = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        parts.append(pair_numbers(np.arange(start, start + len(cosines))[:, None], partners, size))
    return distinct(np.concatenate(parts))
