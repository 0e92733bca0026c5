"""``process.py`` as a container starts it: another process, folders below a base, a failure file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "training_scripts" / "process.py"


def start(base: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "SAGEMAKER_BASE_DIR": str(base), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), *arguments]
    return subprocess.run(command, env=environ, cwd=base, capture_output=True, text=True, timeout=300, check=False)


def write_export(folder: Path) -> None:
    (folder / "nodes").mkdir(parents=True)
    (folder / "edges").mkdir()
    (folder / "nodes/User.csv").write_text("~id,age,town\na,1,x\nb,2,y\nc,3,x\n")
    (folder / "edges/F.csv").write_text("~from,~to\na,b\nb,c\n")
    graph: dict[str, Any] = {
        "nodes": [
            {
                "file_name": "nodes/User.csv",
                "node": ["~id", "User"],
                "features": [{"feature": ["age", "age", "numerical"]}],
                "labels": [{"label": ["town", "classification"], "split_rate": [0.5, 0.5, 0.0]}],
            }
        ],
        "edges": [
            {"file_name": "edges/F.csv", "source": ["~from", "User"], "relation": ["", "F"], "dest": ["~to", "User"]}
        ],
    }
    (folder / "training-data-configuration.json").write_text(json.dumps({"graph": graph}))


@pytest.mark.skipif(find_spec("dgl") is None, reason="DGL is not installed")
@pytest.mark.filterwarnings("ignore")  # DGL and torch warn of each other
def test_the_script_leaves_a_graph_that_dgl_reads(tmp_path: Path) -> None:
    write_export(tmp_path / "processing/input")
    done = start(tmp_path, "--seed", "5")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stdout
    output = tmp_path / "processing/output"
    assert json.loads((output / "manifest.json").read_text())["seed"] == 5
    assert not (tmp_path / "output/failure").exists()
    reader = (
        "import sys, dgl\n"
        "(g,), _ = dgl.load_graphs(sys.argv[1])\n"
        "print(sorted(g.canonical_etypes), g.nodes['User'].data['age'].ravel().tolist(),\n"
        "      g.nodes['User'].data['labels'].tolist(), int(g.nodes['User'].data['train_mask'].sum()),\n"
        "      'test_mask' in g.nodes['User'].data, g.edges(etype='rev-F')[0].tolist())\n"
    )
    command = [sys.executable, "-c", reader, str(output / "graph.bin")]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout.splitlines()[-1]
    assert seen == "[('User', 'F', 'User'), ('User', 'rev-F', 'User')] [0.0, 0.5, 1.0] [0, 1, 0] 2 False [1, 2]"


def test_a_mistake_ends_with_one_and_its_sentence_in_the_failure_file(tmp_path: Path) -> None:
    write_export(tmp_path / "processing/input")
    (tmp_path / "processing/input/nodes/User.csv").write_text("~id,age,town\na,old,x\nb,2,y\nc,3,x\n")
    done = start(tmp_path)
    assert done.returncode == 1
    reason = (tmp_path / "output/failure").read_text()
    assert reason == "nodes/User.csv, line 2: column 'age' holds 'old', which is not a number"
    assert "Traceback" not in done.stderr
