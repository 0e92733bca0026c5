"""PyTorch Geometric, in an environment of its own, judges what conversions and custom models make of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.peer import python_with

pytestmark = pytest.mark.peers
PACKAGE = "torch_geometric==2.8.1"
JUDGED = Path(__file__).parents[1] / "unit" / "graph_ml_data" / "test_conversions.py"
#: the package comes after all that is installed here, so that torch and numpy stay those of the project
WITH_PACKAGE = """
import sys
sys.path.append(sys.argv[1])
import pytest
sys.exit(pytest.main(["-q", "-rs", "-p", "no:cacheprovider", sys.argv[2]]))
"""


def test_graphs_are_valid_there_and_back_layers_run_over_them_and_a_model_of_them_answers() -> None:
    python = python_with(PACKAGE.replace("==", "-"), PACKAGE)
    (place,) = python.parents[1].glob("lib/python*/site-packages")
    command = [sys.executable, "-c", WITH_PACKAGE, str(place), f"{JUDGED}::TestPyG"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=JUDGED.parents[3])
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout
