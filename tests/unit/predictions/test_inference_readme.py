"""The words about predictions and exports name everything there is."""

from __future__ import annotations

from pathlib import Path

from training_scripts.graph_ml.schemas import FEATURE_TYPES
from workflow.export import parameters
from workflow.predictions.gremlin import spec

ROOMS = Path(parameters.__file__).parents[1]


def test_every_inference_key_is_described() -> None:
    text = (ROOMS / "predictions/README.md").read_text()
    assert [key for key in (*spec._KNOWN, spec.SCORE) if key not in text] == []


def test_every_export_parameter_and_feature_type_is_described() -> None:
    text = (ROOMS / "export/README.md").read_text()
    assert [name for name in (*parameters.KNOWN, *FEATURE_TYPES) if f"`{name}`" not in text] == []
