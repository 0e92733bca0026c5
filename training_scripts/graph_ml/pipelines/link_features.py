"""The features of pairs, made of properties of both ends and of their neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..container import JobError
from ..projections import Floats, GraphView, Ints
from ..schemas.catalog.pipelines import TOPOLOGICAL_FEATURES, FeatureStep
from .heuristics import Neighbourhood


def unit_rows(rows: Floats) -> Floats:
    """Rows of length 1, shape (n, width); a row of zeros stays."""
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.where(lengths == 0, 1.0, lengths)[:, None])


@dataclass(frozen=True)
class LinkFeatures:
    """Computes the link feature vector of pairs, steps side by side in the order they were added.

    Attributes:
        view: the nodes, and the relationships that count as neighbours.
        properties: of the nodes, each with n rows.
    """

    steps: Sequence[FeatureStep]
    view: GraphView
    properties: Mapping[str, Any]

    @cached_property
    def tables(self) -> list[Floats]:
        """Of each step the properties of all nodes side by side, float64, shape (n, width); no columns for topology."""
        return [self._table(step) for step in self.steps]

    def _table(self, step: FeatureStep) -> Floats:
        columns = []
        for name in step.properties:
            if name not in self.properties:
                raise JobError(
                    f"Node property `{name}` of the feature step {step.name} is neither in the graph nor made by a "
                    "node property step"
                )
            values = np.asarray(self.properties[name])
            if values.dtype.kind not in "iufb":
                raise JobError(f"Node property `{name}` holds no numbers, and cannot be a feature")
            if step.name == "SAME_CATEGORY" and values.ndim != 1:
                raise JobError(f"SAME_CATEGORY compares single numbers, and the property `{name}` is a list")
            columns.append(values.astype(np.float64).reshape(self.view.size, -1))
        return np.concatenate(columns, axis=1) if columns else np.zeros((self.view.size, 0))

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """The neighbours of the view's nodes."""
        return Neighbourhood(self.view.pattern)

    @cached_property
    def widths(self) -> list[int]:
        """How many numbers each step gives."""
        single = (*TOPOLOGICAL_FEATURES, "COSINE")
        return [
            1 if step.name in single else table.shape[1] for step, table in zip(self.steps, self.tables, strict=True)
        ]

    def of(self, pairs: Ints) -> Floats:
        """The features of pairs of node numbers, float64, shape (pairs, width). Raises JobError for one that is NaN."""
        parts: list[Floats] = []
        topological = tuple(dict.fromkeys(step.name for step in self.steps if step.name in TOPOLOGICAL_FEATURES))
        counted = self.neighbourhood.features(topological, pairs) if topological else None
        for step, table in zip(self.steps, self.tables, strict=True):
            if counted is not None and step.name in topological:
                part = counted[:, [topological.index(step.name)]]
            else:
                part = _made(step.name, table[pairs[:, 0]], table[pairs[:, 1]])
            self._check(step, part, pairs)
            parts.append(part)
        return np.concatenate(parts, axis=1)

    def _check(self, step: FeatureStep, part: Floats, pairs: Ints) -> None:
        wrong = np.isnan(part).any(axis=1)
        if wrong.any():
            ids = self.view.ids[pairs[int(np.flatnonzero(wrong)[0])]].tolist()
            raise JobError(
                f"Encountered NaN in the feature step {step.name} of {', '.join(step.properties)} for the pair "
                f"({ids[0]}, {ids[1]}); give the property a default value, or leave out nodes without it"
            )


def _made(name: str, one: Floats, other: Floats) -> Floats:
    if name == "L2":
        return np.asarray((one - other) ** 2)
    if name == "HADAMARD":
        return one * other
    if name == "COSINE":
        return np.asarray(np.einsum("ij,ij->i", unit_rows(one), unit_rows(other))[:, None])
    return np.where(np.isnan(one) | np.isnan(other), np.nan, (one == other).astype(np.float64))
