"""Labels alone, passed on along edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from ...scratch import blocks, room
from .items import Fitted, LabelledItems, Predictions

#: share of a vertex's answer that comes from its neighbours; the rest is the mean of all training labels
SHARES = (0.5, 0.9, 0.99)
ROUNDS = 30
#: entries of the table of answers, and multiplications, beyond which passing labels on would be no quick baseline
MOST_ENTRIES = 100_000_000
MOST_WORK = 20_000_000_000


def propagation(items: LabelledItems) -> Iterator[Fitted]:
    """Each item takes the mean answer of its neighbours, round after round; training items keep their
    labels: (items, outputs).

    Neighbours of a vertex are those along any edge, neighbours of an edge are the edges that share an end with it.

    Source: Zhu and Ghahramani 2002; the share of the mean after Zhou et al. 2004.
    """
    edges = items.ends.shape[1] == 2
    learned, mean = items.learned, items.learned.mean(axis=0)
    step, back = _steps(items, edges)
    size = step.shape[0]
    if size * learned.shape[1] > MOST_ENTRIES or step.nnz * learned.shape[1] * ROUNDS > MOST_WORK or not step.nnz:
        return
    fixed = items.train if edges else items.ends[items.train, 0]
    alone = np.diff(step.indptr) == 0
    for share in SHARES:
        answers = np.tile(mean, (size, 1))
        answers[fixed] = learned
        for _ in range(ROUNDS):
            around = step @ (answers if back is None else _of_ends(back, answers, mean))
            fresh = share * around + (1 - share) * mean
            fresh[alone] = mean
            fresh[fixed] = learned
            moved = float(np.abs(fresh - answers).max(initial=0.0))
            answers = fresh
            if moved < 1e-4:
                break
        given = answers if back is None else _of_ends(back, answers, mean)
        own = answers if edges else answers[items.ends[:, 0]]
        yield items.fitted("propagated", own, answers=given, share=np.array([share]))


def _steps(items: LabelledItems, edges: bool) -> tuple[Any, Any | None]:
    """Row-normalised matrices of one round: over vertices one of them, over edges by way of their ends two."""
    if not edges:
        return _normalised(items.adjacency), None
    incidence = items.incidence()
    known = np.ones(incidence.shape[0])
    known[items.later] = 0.0
    back = incidence.T.tocsr() @ sparse.diags(known)
    back.eliminate_zeros()
    return _normalised(incidence), _normalised(back)


def _of_ends(back: Any, answers: Predictions, mean: Predictions) -> Predictions:
    """The mean answer of the edges of each vertex, (n, outputs); the mean of all where it has none."""
    return np.where(np.diff(back.indptr)[:, None], back @ answers, mean)


def _normalised(matrix: Any) -> Any:
    shares = 1.0 / np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1.0)
    data = room(matrix.nnz, np.float64)
    for part in blocks(len(shares)):
        entries = slice(*matrix.indptr[[part.start, part.stop]].tolist())
        data[entries] = matrix.data[entries] * np.repeat(
            shares[part], np.diff(matrix.indptr[part.start : part.stop + 1])
        )
    return sparse.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)
