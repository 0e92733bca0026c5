"""Neo4j's Graph Data Science client, unmodified, in both of its versions, against a running service."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers.peer import packages_at

HERE = Path(__file__).parent
# what both print; the first is the client's own word for its version
WANTED = {
    "constructed": [3, 4],
    "projected": [8, 24, ["Person"], ["KNOWS"]],
    "cypher": [8, 12],
    "degree": [1, 2, 2, 2, 3, 3, 5, 6],
    "page rank": 8,
    "louvain": 2,
    "fastrp": 8,
    "wcc": 8,
    "written": [1],
    "streamed": 16,
    "exists": True,
    "estimate": True,
    "candidates": 3,  # the forest, and two samples of the other
    "predicted": 5,
    "mutated": [10, 16],
    "approximate": ["node1", "node2", "probability"],
    "models": "m",
    "left": 0,
}


@pytest.mark.parametrize(("version", "program"), [("2.2", "gds_check_2.py"), ("1.19", "gds_check_1.py")])
def test_the_client_runs_a_pipeline_from_its_graph_to_its_predictions(service: str, version: str, program: str) -> None:
    folder = packages_at(f"graphdatascience-{version}", "graphdatascience", f"graphdatascience=={version}")
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import runpy; "
    code += f"sys.argv = ['x', {service.replace('http', 'bolt')!r}]; runpy.run_path({str(HERE / program)!r})"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert len(found.pop("metrics")) == 4
    assert found.pop("version")
    assert found == WANTED
