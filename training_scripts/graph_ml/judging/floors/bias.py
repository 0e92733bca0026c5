"""Numbers on edges from who gives and who gets them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .items import Fitted, LabelledItems

RIDGES = (1.0, 3.0, 5.0, 10.0, 30.0)
SWEEPS = 20


def bias(items: LabelledItems) -> Iterator[Fitted]:
    """mean + b(source) + b(target), both shrunk towards 0 by a ridge; solved in turns. Predictions are (items, 1).

    Source: Koren 2008, equation 1.
    """
    if items.labels.kind != "number" or items.ends.shape[1] != 2:
        return
    wanted = items.learned[:, 0]
    mean, vertices = float(wanted.mean()), items.adjacency.shape[0]
    source, target = items.ends[items.train].T
    for ridge in RIDGES:
        given, got = np.zeros(vertices), np.zeros(vertices)
        for _ in range(SWEEPS):
            given = _shrunk(source, wanted - mean - got[target], vertices, ridge)
            got = _shrunk(target, wanted - mean - given[source], vertices, ridge)
        yield items.fitted("bias", given=given, got=got)


def _shrunk(
    where: np.ndarray[tuple[int], np.dtype[np.int64]],
    rest: np.ndarray[tuple[int], np.dtype[np.float64]],
    size: int,
    ridge: float,
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Sum of ``rest`` by vertex over its count plus the ridge, shape (size,)."""
    total = np.bincount(where, weights=rest, minlength=size)
    result: np.ndarray[tuple[int], np.dtype[np.float64]] = total / (np.bincount(where, minlength=size) + ridge)
    return result
