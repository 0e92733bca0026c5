"""The seam between link models and their evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ...artifacts import ModelWriter
from ...judging.ranking import Ranking
from ...links import LinkProblem, Pairs
from ...pairs import PairGraph, floor_block
from ...pairs.graph import Floats, Ints


class TrainedLinks(Protocol):
    """A trained model of one or more link problems."""

    history: list[dict[str, float]]
    notes: list[str]

    def all_scores(self, position: int, sources: Ints, heading: bool) -> dict[str, Floats]:
        """Scores of all candidates by scorer, floors included, computed from the training links alone."""

    def settle(self, position: int, ranking: Ranking) -> tuple[str, npt.NDArray[np.float64]]:
        """Choose among own scorers by their validation ranks; the name chosen and the ranks to report for it."""

    def save(self, writer: ModelWriter, position: int) -> dict[str, Any]:
        """Keep what serves one problem, now with all known links; what is returned describes the scorer."""

    def finish(self, writer: ModelWriter) -> dict[str, Any]:
        """Keep what all problems share; what is returned goes into the details of ``model.json``."""


@dataclass(frozen=True)
class Floors:
    """Adamic–Adar, L3 and EASE on the training links of one problem."""

    problem: LinkProblem
    graph: PairGraph

    @classmethod
    def of(cls, problem: LinkProblem) -> Floors:
        """On the target's own edges."""
        return cls(problem, PairGraph.from_edges(problem.train.source, problem.train.target, problem.space.total))

    def scores(self, sources: Ints, heading: bool) -> dict[str, Floats]:
        """Scores of all candidates by floor."""
        candidates = self.problem.candidates(heading)
        blocks = floor_block(self.graph, sources)
        return {name: np.ascontiguousarray(block[candidates].T) for name, block in blocks.items()}


def shares(parts: Sequence[Pairs], most: int) -> list[int]:
    """How many links of each part to draw so that together they are about ``most``, in proportion to their sizes."""
    total = sum(len(part) for part in parts)
    return [min(len(part), -(-most * len(part) // total)) if total else 0 for part in parts]
