"""Conversions of graphs judged by PyTorch Geometric and RDKit, which are installed beside the environment for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.peers.peer import packages_at

ROOT = Path(__file__).parents[2]
PACKAGES = ("torch_geometric>=2.6", "rdkit>=2024.3")


def test_graphs_go_to_pytorch_geometric_and_rdkit_and_come_back() -> None:
    folder = packages_at("conversions", "rdkit", *PACKAGES)
    # behind the packages of the environment, whose numpy and torch count
    code = f"import sys; sys.path.append({str(folder)!r}); import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    tests = ["-q", "-rs", "-p", "no:cacheprovider", "tests/unit/graph_ml_data/test_conversions.py", "-k", "PyG or Sdf"]
    done = subprocess.run(
        [sys.executable, "-c", code, *tests], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert "skipped" not in done.stdout
