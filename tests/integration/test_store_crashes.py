"""A writer killed at any moment loses nothing it was told is durable, and leaves nothing half done."""

from __future__ import annotations

import importlib.util
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.integration.kills import kill
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph

WRITER = Path(__file__).with_name("store_writer.py")
ROUNDS = 12


def writer() -> Any:
    spec = importlib.util.spec_from_file_location("store_writer", WRITER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contents(graph: EmbeddedGraph) -> Any:
    return (
        sorted(
            (
                graph.vertex_id(v),
                graph.vertex_label(v),
                [(p.key, p.value) for p in graph.vertex_properties(v)],
                sorted(graph.edge_id(e) for e in graph.incident(v, "both")),
            )
            for v in graph.vertices()
        ),
        sorted(
            (graph.edge_id(e), graph.edge_label(e), graph.edge_source(e) >= 0, sorted(graph.edge_values(e).items()))
            for e in graph.edges()
        ),
    )


def write_and_kill(folder: Path, seed: int, limit: int, after_s: float) -> int:
    """The last commit the writer was told is durable, or 0 when it was killed before the first."""
    command = [sys.executable, str(WRITER), str(folder), str(seed), str(limit)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(after_s)
        child.send_signal(signal.SIGKILL)
        lines = [first, *child.stdout.read().splitlines(keepends=True)]
    return max((int(line) for line in lines if line.endswith(b"\n")), default=0)


@pytest.mark.parametrize(("seed", "limit"), [(1, 32 << 20), (2, 40_000)], ids=["log only", "many snapshots"])
def test_every_acknowledged_commit_survives_and_none_is_half_there(tmp_path: Path, seed: int, limit: int) -> None:
    module, rng = writer(), Random(seed)
    model = EmbeddedGraph()
    done = 0
    for _ in range(ROUNDS):
        acknowledged = write_and_kill(tmp_path / "g", seed, limit, rng.random() * 0.3)
        graph = open_graph(tmp_path / "g", log_limit_bytes=1 << 40)
        found = graph.journal.last()[0]
        # the commit being written when the signal came may be there, but only that one
        assert acknowledged <= found <= max(acknowledged, done) + 1
        while done < found:
            done += 1
            module.do_commit(model, seed, done)
        assert contents(graph) in (contents(model), after_reset(model, module, seed, done))
        graph.close()
    assert done > ROUNDS


def after_reset(model: EmbeddedGraph, module: Any, seed: int, done: int) -> Any:
    """What stands when the writer was killed between the reset that comes before a commit and that commit."""
    draw = Random(seed * 1_000_003 + done + 1).random()
    return ([], []) if draw < 0.02 and model.vertex_count() > 50 else None


def test_writers_beside_each_other_lose_nothing_either() -> None:
    # ``python -m tests.integration.kills`` kills thousands of times
    counts = kill(10, seed=0)
    assert counts["kills"] == 10
    assert counts["commits"] > 10
