"""HashGNN: binary embeddings by min-hashing own features and those of neighbours, without any training.

Source: Wu et al. 2021, "Hashing-Accelerated Graph Neural Networks for Link Prediction".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..container import JobError
from ..projections import Floats, GraphView
from .fastrp import signs
from .outcome import Outcome
from .randomness import named_bits, seed_of

Bits = NDArray[np.bool_]
NOTHING = np.inf


def hash_gnn(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Embeddings, float64, shape (n, features) of zeros and ones, or (n, outputDimension) where one is given.

    In every iteration and for each of ``embeddingDensity`` rounds a node keeps one feature: its own with the least
    hash, or the least of what its neighbours show, whichever hash is smaller; ``neighborInfluence`` divides the second.
    """
    seed = seed_of(options["randomSeed"])
    bits = _features(view, options, seed)
    width = bits.shape[1]
    random = np.random.default_rng(seed)
    rounds = options["embeddingDensity"]
    for _ in range(options["iterations"]):
        following = np.zeros_like(bits)
        for _ in range(rounds):
            own, shown, chosen = random.random((3, width))
            mine, mine_hash = _least(bits, own)
            theirs, _ = _least(bits, shown)
            near, near_hash = _among_neighbours(view, theirs, chosen)
            influence = options["neighborInfluence"]
            near_hash = near_hash / influence if influence else np.full_like(near_hash, NOTHING)
            kept = np.where(near_hash < mine_hash, near, mine)
            rows = np.flatnonzero(kept >= 0)
            following[rows, kept[rows]] = True
        bits = following
    wanted = options["outputDimension"]
    vectors: Floats = bits.astype(np.float64)
    if wanted:
        vectors = vectors @ signs(named_bits(seed, np.arange(width), wanted)) * np.sqrt(3 / wanted)
    return Outcome({"embedding": vectors}, {"nodeCount": view.size})


def _features(view: GraphView, options: Mapping[str, Any], seed: int) -> Bits:
    """The features of every node as bits, shape (n, features): as they are, made binary, or drawn."""
    if options["generateFeatures"]:
        if options["featureProperties"]:
            raise JobError("Give `featureProperties` or `generateFeatures`, not both")
        width, level = (int(options["generateFeatures"][name]) for name in ("dimension", "densityLevel"))
        places = named_bits(seed, view.ids, level) % np.uint32(width)
        bits = np.zeros((view.size, width), dtype=np.bool_)
        np.put_along_axis(bits, places.astype(np.int64), True, axis=1)
        return bits
    if not options["featureProperties"]:
        raise JobError("Give `featureProperties`, or `generateFeatures` where nodes have none")
    values = view.matrix(options["featureProperties"])
    if options["binarizeFeatures"]:
        width = int(options["binarizeFeatures"]["dimension"])
        threshold = float(options["binarizeFeatures"].get("threshold", 0.0))
        directions = np.random.default_rng(seed).standard_normal((values.shape[1], width))
        return np.asarray(values @ directions > threshold)
    if not np.isin(values, (0.0, 1.0)).all():
        raise JobError("`featureProperties` must be zeros and ones; give `binarizeFeatures` for other numbers")
    return values.astype(np.bool_)


def _least(bits: Bits, hashes: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Of each row the feature with the least hash and that hash; -1 and infinity where it has none."""
    seen = np.where(bits, hashes[None, :], NOTHING)
    features = seen.argmin(axis=1)
    values = seen[np.arange(len(bits)), features]
    return np.where(np.isinf(values), -1, features), values


def _among_neighbours(view: GraphView, shown: NDArray[np.int64], hashes: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Of each node, what its neighbours show with the least hash, and that hash; -1 and infinity for nothing."""
    links = view.pattern
    features = shown[links.indices]
    values = np.where(features >= 0, hashes[features], NOTHING)
    owners = np.repeat(np.arange(view.size), np.diff(links.indptr))
    order = np.lexsort((values, owners))
    firsts = links.indptr[:-1][np.diff(links.indptr) > 0]
    found, least = np.full(view.size, -1), np.full(view.size, NOTHING)
    best = order[firsts]
    found[owners[best]], least[owners[best]] = features[best], values[best]
    return np.where(np.isinf(least), -1, found), least
