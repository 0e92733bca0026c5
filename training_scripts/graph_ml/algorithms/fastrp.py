"""Fast Random Projection: random vectors, averaged over neighbourhoods.

Source: Chen et al. 2019, "Fast and Accurate Network Embeddings via Very Sparse Random Projection", with a row
normalisation of every power and a part that is made of node properties.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..container import JobError
from ..projections import GraphView
from .outcome import Outcome
from .randomness import named_bits, seed_of

Floats32 = NDArray[np.float32]
SIXTH = np.uint32(2**32 // 6)


def fast_rp(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Embeddings, float32, shape (n, embeddingDimension).

    The initial vector of a node hangs on the seed and on its id alone, so it is the same in another graph. Raises
    JobError where the weights make every embedding zero.
    """
    weights, own = options["iterationWeights"], options["nodeSelfInfluence"]
    if not weights and own == 0:
        raise JobError("`iterationWeights` is empty and `nodeSelfInfluence` is 0: give one of them")
    features = options["featureProperties"]
    if options["propertyRatio"] > 0 and not features:
        raise JobError("`propertyRatio` is greater than 0, which needs `featureProperties`")
    power = initial_vectors(view, options)
    total = own * unit_rows(power) if own else np.zeros_like(power)
    counts = np.maximum(view.out_degrees, 1)
    averaging = (sparse.diags(1.0 / counts) @ view.adjacency).astype(np.float32)
    for weight in weights:
        power = np.asarray(averaging @ power, dtype=np.float32)
        if weight:
            total += np.float32(weight) * unit_rows(power)
    return Outcome({"embedding": total}, {"nodeCount": view.size})


def initial_vectors(view: GraphView, options: Mapping[str, Any]) -> Floats32:
    """The vectors before any averaging, float32, shape (n, embeddingDimension): topology first, properties last."""
    width, seed = options["embeddingDimension"], seed_of(options["randomSeed"])
    properties = int(width * options["propertyRatio"])
    scale = np.float32(np.sqrt(3) / np.sqrt(width))
    topology = signs(named_bits(seed, view.ids, width - properties)) * scale
    strength = options["normalizationStrength"]
    if strength:
        degrees = view.out_degrees
        topology *= np.where(degrees == 0, 1.0, np.maximum(degrees, 1.0) ** strength).astype(np.float32)[:, None]
    if not properties:
        return topology
    values = view.matrix(options["featureProperties"])
    random = signs(named_bits(seed + 1, np.arange(values.shape[1]), properties)) * scale
    return np.concatenate([topology, (values @ random).astype(np.float32)], axis=1)


def signs(bits: NDArray[np.uint32]) -> Floats32:
    """1, -1 and 0 with chances of 1/6, 1/6 and 2/3, one for each word of bits: (n, …) → (n, …)."""
    return (bits < SIXTH).astype(np.float32) - ((bits >= SIXTH) & (bits < 2 * SIXTH)).astype(np.float32)


def unit_rows(rows: Floats32) -> Floats32:
    """Rows of length 1; a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.where(lengths == 0, 1, lengths)[:, None], dtype=np.float32)
