"""The report of one model, for people: one self-contained page."""

from __future__ import annotations

from pathlib import Path

from ..data import GraphData
from ..schemas import Metrics, ModelDescription


def model_report(description: ModelDescription, metrics: Metrics, graph: GraphData, folder: Path) -> str:
    """The page."""
    return f"<!doctype html><title>{description.model}</title>"
