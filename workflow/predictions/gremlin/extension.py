"""The extension of the Gremlin engine that answers inference queries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workflow.gremlin.running.step import StepBuilder
from workflow.gremlin.traversal import Traversal
from workflow.predictions.endpoint import PredictionService
from workflow.predictions.gremlin.folding import fold_predictions
from workflow.predictions.gremlin.spec import OWN_PREFIX, PREFIX
from workflow.predictions.gremlin.steps import STEPS
from workflow.predictions.replay import Replay


class PredictionExtension:
    """The ``Extension`` of Neptune ML.

    Args:
        service: answers; without one every inference query is refused when it runs.
    """

    steps: Mapping[str, StepBuilder] = STEPS

    def __init__(self, service: PredictionService | None) -> None:
        self._service = service

    def owns(self, option: str) -> bool:
        return option.startswith((PREFIX, OWN_PREFIX))

    def rewrite(self, traversal: Traversal, options: Mapping[str, Any]) -> Traversal:
        return fold_predictions(traversal, options, self._service)

    def answering(self) -> Replay | None:
        return None if self._service is None else Replay(self._service)
