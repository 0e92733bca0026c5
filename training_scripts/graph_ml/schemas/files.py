"""The names of the files by which a job and the service find each other's artefacts."""

from __future__ import annotations

from typing import Final

CONFIGURATION: Final = "training-data-configuration.json"
"""What an export says of its own files, beside them."""

MANIFEST: Final = "manifest.json"
"""What data processing has made."""

HPO_CONFIGURATION: Final = "model-hpo-configuration.json"
"""What a search may try, beside the manifest."""

RECOMMENDATION: Final = "train_instance_recommendation.json"
"""On which machine to train, beside the manifest."""

MODEL: Final = "model.json"
"""What a model is; written last, so that a folder with one is complete."""

GRAPH: Final = "graph"
"""The folder of the graph beside a model that answers as of earlier moments."""

METRICS: Final = "metrics.json"
"""Figures of every split and floor, beside the model."""

REPORT: Final = "report.html"
"""What data processing, a trial or a search says to people."""

PROGRESS: Final = "progress.json"
"""How far a job is, while it runs."""

PRUNED: Final = "pruned.json"
"""Why a trial ended early, in the output of its job."""
