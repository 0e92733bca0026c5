"""torchrun itself starts two processes, one is killed, and they go on from the checkpoint that both have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contracts.model_contract import SCRIPTS, small_graph, train
from training_scripts.graph_ml.artifacts import ModelFolder

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def test_torchrun_trains_a_model_and_goes_on_after_a_process_was_killed(tmp_path: Path) -> None:
    asked = {"model": "rgcn", "num-epochs": "8", "num-hidden": "8", "checkpoint-seconds": "0", "batch-size": "8"}
    asked |= {"enable-early-stop": "false", "dropout": "0", "input-dropout": "0"}
    alone = train(small_graph("node_class"), tmp_path / "alone", asked)
    small_graph("node_class").write(tmp_path / "graph")
    environ = {
        **os.environ,
        "SAGEMAKER_BASE_DIR": str(tmp_path / "together"),
        "SM_CHANNEL_TRAIN": str(tmp_path / "graph"),
        "OMP_NUM_THREADS": "1",
    }
    # the second process kills itself at its tenth checkpoint, once
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(KILLED_ONCE)
    environ |= {"PYTHONPATH": str(tmp_path / "site"), "KILLED": str(tmp_path / "killed")}
    command = [*TORCHRUN, "--max-restarts", "1", str(SCRIPTS / "train.py")]
    command += [part for name, value in asked.items() for part in (f"--{name}", value)]
    done = subprocess.run(command, env=environ, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "killed").exists()
    assert "attempt-1 goes on after" in done.stdout
    # one process prints
    assert done.stdout.count("finished rgcn") == 1
    ours, theirs = ModelFolder(tmp_path / "together" / "model").metrics, ModelFolder(alone).metrics
    assert [entry["loss"] for entry in ours.history] == pytest.approx(
        [entry["loss"] for entry in theirs.history], rel=1e-3
    )
    assert ours.splits == theirs.splits


KILLED_ONCE = """
import os, signal, sys
if os.environ.get("RANK") == "1":
    import os.path
    replace, seen = os.replace, []
    def replaced(source, target):
        seen.append(target)
        if len(seen) == 8 and not os.path.exists(os.environ["KILLED"]):
            open(os.environ["KILLED"], "w").close()
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(source, target)
    os.replace = replaced
"""
