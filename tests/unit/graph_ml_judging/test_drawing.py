"""Drawings are made beside the job, which goes on without them."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from training_scripts.graph_ml import drawing
from training_scripts.graph_ml.drawing import NOT_DRAWN, chart, draw
from training_scripts.graph_ml.judging.report import bars, histogram

pytestmark = pytest.mark.usefixtures("real_drawings")
ROOT = Path(__file__).parents[3]
CHART = chart([{"a": 1}], {"mark": "bar", "encoding": {"x": {"field": "a", "type": "quantitative"}}})


def test_charts_become_drawings_in_their_order() -> None:
    first, second = draw([bars([{"figure": "mrr", "scorer": "me", "value": 1.0}]), histogram(np.array([1, 9]))])
    assert first.startswith("<svg")
    assert "mrr" in first
    assert "8–15" in second


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
