"""Nothing in training, judging or writing a model is vertices times vertices: a limit of memory would refuse it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_graphs import SCRIPTS

from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target

KNOWS = EdgeType("User", "knows", "User")
#: one byte for every pair of so many vertices would be 0.9 GB, one number 3.6 GB
VERTICES, MORE_MB = 30_000, 700
LINKS, HELD, LABELLED = 60, 5, 40

#: trains models one after the other, in ``MORE_MB`` beyond what the process has once everything is imported
LIMITED = """
import json, os, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import torch
from graph_ml import drawing
from graph_ml.container import Container
from graph_ml.training import labels, links, run
from graph_ml.training.labels import trial as of_labels
from graph_ml.training.links import trial as of_links
from graph_ml.judging import report

drawing._DRAW = "raise SystemExit(1)"  # the engine of a browser wants more than the whole limit
torch.set_num_threads(1)
base, asked = Path(sys.argv[2]), json.loads(sys.argv[3])
torch.ones(8, requires_grad=True).sum().backward()  # starts the thread that differentiates

def now():
    return 1024 * int(Path("/proc/self/status").read_text().split("VmSize:")[1].split()[0])

limit = now() + (int(sys.argv[4]) << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    bytearray(int(sys.argv[5]) ** 2)
    raise SystemExit("the limit does not hold")
except MemoryError:
    pass
for given in asked:
    for folder in ("model", "output", "checkpoints"):
        (base / folder).mkdir(exist_ok=True)
    environ = {"SAGEMAKER_BASE_DIR": str(base), "SM_CHANNEL_TRAIN": str(base / "graph"), "OMP_NUM_THREADS": "1"}
    run.run(Container(base, environ), given, Path(sys.argv[1]))
    assert (base / "model" / "model.json").exists()
"""


def sparse_graph() -> GraphData:
    """Few links between very many vertices, some of which have a class."""
    rng = np.random.default_rng(0)
    low = rng.choice(VERTICES // 2, LINKS, replace=False)
    classes = np.full(VERTICES, -1, dtype=np.int64)
    classes[:LABELLED] = np.arange(LABELLED) % 2
    links, of_class = Target("link_prediction", KNOWS), Target("node_class", "User", "team")
    parts = np.arange(HELD), np.arange(HELD, 2 * HELD)
    return GraphData(
        node_ids={"User": [f"u{number}" for number in range(VERTICES)]},
        num_nodes={"User": VERTICES},
        edges={KNOWS: EdgeList(low, VERTICES - 1 - low // 2)},
        features={"User": {"age": rng.random((VERTICES, 1), dtype=np.float32)}},
        labels={of_class: Labels("class", classes, ("red", "blue"))},
        splits={
            links: Split(np.arange(2 * HELD, LINKS), *parts),
            of_class: Split(np.arange(2 * HELD, LABELLED), *parts),
        },
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads how much memory is mapped from /proc")
def test_every_kind_of_model_is_trained_judged_and_written_where_no_matrix_of_all_pairs_fits(tmp_path: Path) -> None:
    sparse_graph().write(tmp_path / "graph")
    links = [[f"--model={name}"] for name in ("pair-ranker", "lightgcn", "complex")]
    labels = [["--model=gat", "--task=node_classification"]]
    # a limit of time ends every training after its first step, and the ranker's after its first fold
    asked = [[*one, "--num-hidden=16", "--max-seconds=0.01"] for one in (*links, *labels)]
    command = [sys.executable, "-c", LIMITED, str(SCRIPTS), str(tmp_path), json.dumps(asked)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, str(MORE_MB), str(VERTICES)], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
