"""Neptune ML in Gremlin: the extension of the engine that makes ``with("Neptune#ml.…")`` a prediction."""

from __future__ import annotations

from workflow.predictions.gremlin.extension import PredictionExtension

__all__ = ["PredictionExtension"]
