"""node2vec: embeddings from random walks that may prefer to return, or to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

from ..projections import Floats, GraphView, Ints
from .outcome import Outcome
from .randomness import seed_of

PART: Final = 1 << 18  # walks at once
TRIES: Final = 32  # draws of a step before the last one is taken


def node2vec(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Embeddings, float32, shape (n, embeddingDimension); zero where no walk goes.

    What skip-gram with negative sampling approaches, a factorisation of the positive pointwise mutual information of
    nodes within a window, is computed directly; options of the descent (learning rates, the number of negative
    samples) are understood and change nothing. ``lossPerIteration`` is the mean square of what the factors leave of
    it, for every iteration alike.

    Source: Grover, Leskovec 2016, "node2vec" for the walks; Levy, Goldberg 2014, "Neural Word Embedding as Implicit
    Matrix Factorization" for the embeddings.
    """
    random = np.random.default_rng(seed_of(options["randomSeed"]))
    counts = sparse.csr_matrix((view.size, view.size))
    for _ in range(options["iterations"]):
        for walks in random_walks(view, options, random):
            counts = counts + window_counts(walks, options["windowSize"], view.size, random)
    information = positive_information(counts, options["negativeSamplingExponent"])
    width = options["embeddingDimension"]
    vectors, left = factors(information, width)
    losses = [left] * options["iterations"]
    return Outcome({"embedding": vectors}, {"nodeCount": view.size, "lossPerIteration": losses})


def random_walks(view: GraphView, options: Mapping[str, Any], random: np.random.Generator) -> Iterator[Ints]:
    """Walks in parts, int64, shape (walks, walkLength); -1 behind the end of one that could not go on."""
    links = view.adjacency
    links.sort_indices()
    named = options["sourceNodes"] or []
    starts = np.array([view.place_of(one) for one in named]) if named else np.arange(view.size)
    starts = starts[np.diff(links.indptr)[starts] > 0]
    starts = np.repeat(starts, options["walksPerNode"])
    running = np.concatenate([[0.0], np.cumsum(links.data)])
    for begin in range(0, len(starts), PART):
        yield _walk(links, running, starts[begin : begin + PART], options, random)


def _walk(links: Any, running: Floats, starts: Ints, options: Mapping[str, Any], random: np.random.Generator) -> Ints:
    walks = np.full((len(starts), options["walkLength"]), -1, dtype=np.int64)
    walks[:, 0] = starts
    plain = options["returnFactor"] == 1 and options["inOutFactor"] == 1
    for step in range(1, options["walkLength"]):
        here = walks[:, step - 1]
        going = np.flatnonzero(here >= 0)
        going = going[links.indptr[here[going] + 1] > links.indptr[here[going]]]
        following = _drawn(links, running, here[going], random)
        if not plain and step > 1:
            following = _biased(links, running, walks[going, step - 2], here[going], following, options, random)
        walks[going, step] = following
    return walks


def _drawn(links: Any, running: Floats, here: Ints, random: np.random.Generator) -> Ints:
    """A neighbour of each node, with chances as the weights of the arcs."""
    first, last = links.indptr[here], links.indptr[here + 1]
    mark = running[first] + random.random(len(here)) * (running[last] - running[first])
    place = np.clip(np.searchsorted(running, mark, side="right") - 1, first, last - 1)
    return np.asarray(links.indices[place], dtype=np.int64)


def _biased(
    links: Any,
    running: Floats,
    before: Ints,
    here: Ints,
    drawn: Ints,
    options: Mapping[str, Any],
    random: np.random.Generator,
) -> Ints:
    """Draw again until accepted: 1/p back to where the walk came from, 1 to its neighbours, 1/q to others."""
    back, away = 1 / options["returnFactor"], 1 / options["inOutFactor"]
    most = max(back, away, 1.0)
    open_ = np.arange(len(here))
    for _ in range(TRIES):
        at = drawn[open_]
        chance = np.where(_joined(links, before[open_], at), 1.0, away)
        chance = np.where(at == before[open_], back, chance)
        open_ = open_[random.random(len(open_)) * most > chance]
        if not len(open_):
            break
        drawn[open_] = _drawn(links, running, here[open_], random)
    return drawn


def _joined(links: Any, left: Ints, right: Ints) -> Any:
    """Whether there is an arc from left to right, bool, one an entry: by halving each sorted row."""
    low, high = links.indptr[left].astype(np.int64), links.indptr[left + 1].astype(np.int64)
    end = high.copy()
    while (low < high).any():
        middle = (low + high) // 2
        less = (low < high) & (links.indices[np.minimum(middle, len(links.indices) - 1)] < right)
        high = np.where(less | (low >= high), high, middle)
        low = np.where(less, middle + 1, low)
    inside = low < end
    return inside & (links.indices[np.minimum(low, len(links.indices) - 1)] == right)


def window_counts(walks: Ints, window: int, size: int, random: np.random.Generator) -> Any:
    """How often two nodes stand within a window, CSR, shape (size, size), symmetric.

    As in word2vec the width is drawn for every place, so a distance r counts (window - r + 1) / window.
    """
    total = sparse.csr_matrix((size, size))
    for distance in range(1, min(window, walks.shape[1] - 1) + 1):
        left, right = walks[:, :-distance].ravel(), walks[:, distance:].ravel()
        kept = (left >= 0) & (right >= 0) & (random.random(len(left)) * window < window - distance + 1)
        left, right = left[kept], right[kept]
        total = total + sparse.coo_matrix((np.ones(len(left)), (left, right)), shape=(size, size)).tocsr()
    return total + total.T


def positive_information(counts: Any, exponent: float) -> Any:
    """max(0, log(#(u,v) * D / (#(u) * #(v)))) with the second count smoothed, CSR of the counts' shape."""
    cells = counts.tocoo()
    often = np.asarray(counts.sum(axis=1)).ravel()
    smooth = np.where(often > 0, often, 0.0) ** exponent if exponent else (often > 0).astype(np.float64)
    shares = smooth / max(smooth.sum(), 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.log(cells.data) - np.log(often[cells.row]) - np.log(shares[cells.col])
    kept = values > 0
    shape = counts.shape
    return sparse.coo_matrix((values[kept], (cells.row[kept], cells.col[kept])), shape=shape).tocsr()


def factors(matrix: Any, width: int) -> tuple[Any, float]:
    """Left factors by the largest singular values, float32, shape (n, width), and the mean square that is left."""
    size = matrix.shape[0]
    found = np.zeros((size, width), dtype=np.float32)
    if size < 2 or not matrix.nnz:
        return found, 0.0
    if size <= width + 1:
        left, values, _ = np.linalg.svd(matrix.toarray())
    else:
        single = matrix.astype(np.float32)  # as precise as the answer
        left, values, _ = svds(single, k=width, v0=np.ones(size, dtype=np.float32), return_singular_vectors="u")
        order = np.argsort(-values)
        left, values = left[:, order], values[order].astype(np.float64)
    count = min(width, len(values))
    found[:, :count] = left[:, :count] * np.sqrt(values[:count])
    found *= np.where(found[np.abs(found).argmax(axis=0), np.arange(width)] < 0, -1, 1).astype(np.float32)
    square = float((matrix.data**2).sum() - (values[:count] ** 2).sum())
    return found, max(0.0, square) / size**2
