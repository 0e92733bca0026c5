"""Neptune ML in openCypher: ``CALL despina.ml.…`` asks the model behind an endpoint."""

from __future__ import annotations

from workflow.predictions.cypher.procedures import prediction_rows

__all__ = ["prediction_rows"]
