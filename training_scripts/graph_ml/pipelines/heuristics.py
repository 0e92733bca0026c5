"""Topological link features: what the neighbours of both ends say of a pair.

Sources: Adamic, Adar 2003; Zhou, Lü, Zhang 2009 (resource allocation); Lü, Zhou 2011 for the others.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from scipy import sparse

from ..projections import Floats, Ints

FEW_PAIRS: Final = 1 << 15  # whose rows are multiplied at once
LONGER_SHARE: Final = 0.01  # of paths of three in LOCAL_PATH


class Neighbourhood:
    """The neighbours of all nodes, ready for questions about pairs.

    Args:
        pattern: CSR matrix of ones, shape (n, n), symmetric, without self-loops.
    """

    def __init__(self, pattern: Any) -> None:
        self.pattern = pattern
        self.degrees: Floats = np.diff(pattern.indptr).astype(np.float64)
        logs = np.log(np.maximum(self.degrees, 2.0))
        self._weighted = {
            "COMMON_NEIGHBORS": pattern,
            "ADAMIC_ADAR": pattern @ sparse.diags(1 / logs),
            "RESOURCE_ALLOCATION": pattern @ sparse.diags(1 / np.maximum(self.degrees, 1.0)),
        }

    def features(self, names: tuple[str, ...], pairs: Ints) -> Floats:
        """Some topological features of pairs, float64, shape (pairs, names).

        Args:
            pairs: node numbers, int64, shape (pairs, 2).
        """
        found = np.zeros((len(pairs), len(names)))
        for start in range(0, len(pairs), FEW_PAIRS):
            part = pairs[start : start + FEW_PAIRS]
            rows = self.pattern[part[:, 1]]
            sums: dict[str, Floats] = {}
            for place, name in enumerate(names):
                found[start : start + len(part), place] = self._feature(name, part, rows, sums)
        return found

    def _sum(self, name: str, pairs: Ints, rows: Any, sums: dict[str, Floats]) -> Floats:
        if name not in sums:
            sums[name] = np.asarray(self._weighted[name][pairs[:, 0]].multiply(rows).sum(axis=1)).ravel()
        return sums[name]

    def _feature(self, name: str, pairs: Ints, rows: Any, sums: dict[str, Floats]) -> Floats:
        if name in self._weighted:
            return self._sum(name, pairs, rows, sums)
        left: Floats
        right: Floats
        left, right = self.degrees[pairs[:, 0]], self.degrees[pairs[:, 1]]
        if name == "PREFERENTIAL_ATTACHMENT":
            return np.asarray(np.log1p(left * right))
        common = self._sum("COMMON_NEIGHBORS", pairs, rows, sums)
        if name == "LOCAL_PATH":
            three = (self.pattern[pairs[:, 0]] @ self.pattern).multiply(rows).sum(axis=1)
            return common + LONGER_SHARE * np.asarray(three).ravel()
        if name == "TOTAL_NEIGHBORS":
            return np.asarray(left + right - common)
        below = {
            "JACCARD": left + right - common,
            "SORENSEN": (left + right) / 2,
            "SALTON": np.sqrt(left * right),
            "HUB_PROMOTED": np.minimum(left, right),
            "HUB_DEPRESSED": np.maximum(left, right),
        }[name]
        return np.asarray(np.divide(common, below, out=np.zeros_like(common), where=below > 0))
