"""The README of the jobs names every encoding, model, task, metric and file."""

from __future__ import annotations

from pathlib import Path

import pytest

from training_scripts.graph_ml.graph import dgl_file
from training_scripts.graph_ml.processing import job as processing
from training_scripts.graph_ml.schemas import FAMILIES, FEATURE_TYPES
from training_scripts.graph_ml.tasks import METRIC_DIRECTION, TASKS

README = (Path(__file__).parents[3] / "training_scripts" / "README.md").read_text()
FILES = [processing.ENCODERS, processing.HPO_CONFIGURATION, processing.RECOMMENDATION, processing.REPORT, dgl_file.NAME]


@pytest.mark.parametrize("name", [*FEATURE_TYPES, *FAMILIES, *TASKS, *METRIC_DIRECTION, *FILES, "DESPINA_TEXT_MODELS"])
def test_it_is_in_the_readme(name: str) -> None:
    assert f"`{name}`" in README
