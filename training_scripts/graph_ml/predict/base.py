"""The seam of serving, and what every answer has in common."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ..pairs.graph import Ints
from ..schemas import EndpointRequest, EndpointResponse, ItemResult, ModelDescription, ModelStamp, Output


class Incompatible(Exception):
    """The model cannot answer such a request; the text says what it can answer."""


class Predictor(Protocol):
    """A loaded model. Safe to use from several threads at once."""

    def answer(self, request: EndpointRequest) -> EndpointResponse:
        """Answers for all items in their order; none for items the model does not know.

        Raises:
            Incompatible: another task, property or edge type is asked for.
        """

    def warm(self) -> None:
        """Answer something, so that the first real request finds everything loaded."""


def response(
    description: ModelDescription, nodes: list[ItemResult] | None = None, edges: list[ItemResult] | None = None
) -> EndpointResponse:
    """The body of an answer, stamped with the model that gave it."""
    return EndpointResponse(
        model=ModelStamp(id=description.id, created_ms=description.created_ms),
        output=Output(task=description.task, nodes=nodes, edges=edges),
    )


def best(scores: npt.NDArray[np.float32], k: int) -> Ints:
    """Positions of the k highest finite scores of a row, (c,) → (≤ k,), best first; of equals the earlier."""
    finite = int(np.count_nonzero(np.isfinite(scores)))
    k = min(k, finite)
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    if k < len(scores):
        limit = np.partition(scores, len(scores) - k)[len(scores) - k]
        found = np.flatnonzero(scores >= limit)
    else:
        found = np.arange(len(scores))
    result: Ints = found[np.argsort(-scores[found], kind="stable")][:k]
    return result
