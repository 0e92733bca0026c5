"""Drawings are made beside the job, which goes on without them."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training_scripts.graph_ml import drawing
from training_scripts.graph_ml.drawing import NOT_DRAWN, chart, draw
from training_scripts.graph_ml.judging.report import bars, curves, histogram
from training_scripts.graph_ml.processing.report import _chart as degrees

pytestmark = pytest.mark.usefixtures("real_drawings")
ROOT = Path(__file__).parents[3]
CHART = chart([{"a": 1}], {"mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}})


def test_charts_become_drawings_in_their_order() -> None:
    first, second = draw([bars([{"figure": "mrr", "scorer": "me", "value": 1.0}]), histogram(np.array([1, 9]))])
    assert first.startswith("<svg")
    assert "mrr" in first
    assert "8–15" in second


def fields(part: Any) -> Iterator[str]:
    """The columns of its rows that a chart draws."""
    if isinstance(part, dict):
        yield from [part["field"]] if "field" in part else []
        part = [value for name, value in part.items() if name != "data"]
    if isinstance(part, list):
        for inner in part:
            yield from fields(inner)


@pytest.mark.parametrize(
    "chart",
    [
        curves([{"what": "loss", "epoch": 1, "value": 0.5}]),
        bars([{"figure": "mrr", "scorer": "me", "value": 1.0}]),
        histogram(np.array([1, 9])),
        degrees([{"end": "sources", "degree": "1", "order": 0, "nodes": 3}]),
    ],
)
def test_a_chart_draws_every_column_of_its_rows(chart: Any) -> None:
    (row, *_) = chart["data"]["values"]
    assert set(fields(chart)) == row.keys() - {"order"}  # by which bins are sorted
    assert all(set(on) & {"field", "value"} for on in encodings(chart))


def encodings(part: Any) -> Iterator[dict[str, Any]]:
    """What is said of each axis, colour and offset."""
    if isinstance(part, dict):
        yield from part.get("encoding", {}).values()
        for inner in part.values():
            yield from encodings(inner)


@pytest.mark.parametrize(
    "engine",
    ["import os; os.abort()", "raise MemoryError", "print('no JSON')", "import time; time.sleep(600)"],
)
def test_an_engine_that_fails_costs_the_drawing_alone(
    engine: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(drawing, "_DRAW", engine)
    monkeypatch.setattr(drawing, "_TIMEOUT_S", 5.0 if "sleep" not in engine else 0.5)
    with caplog.at_level(logging.WARNING):
        assert draw([CHART, CHART]) == [NOT_DRAWN, NOT_DRAWN]
    assert "the drawings of the report are missing" in caplog.text


def test_a_job_with_little_memory_outlives_the_engine_that_does_not() -> None:
    code = """
import resource
from training_scripts.graph_ml.drawing import NOT_DRAWN, chart, draw
bars = chart([{"a": 1}], {"mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}})
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), resource.RLIM_INFINITY))
print(draw([bars]) == [NOT_DRAWN])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr
