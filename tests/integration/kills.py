"""Writers killed at any moment, thousands of times: what they were told is durable is there, and nothing is half there.

Each round forks a process in which several threads write beside each other and a bulk load runs, kills it, opens the
folder and counts. Thread w's commit k sets the counter ``c<w>`` to k, adds ``w<w>-<k>`` with an edge from the counter,
and removes ``w<w>-<k-3>`` where k is a multiple of 5; a load adds ten vertices and ten edges at once. So what must be
there follows from the counters.

    python -m tests.integration.kills [KILLS] [FIRST SEED]
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter
from pathlib import Path
from random import Random

import numpy as np
import pytest

from workflow.errors import ConcurrentModification
from workflow.graphs.store.journal import file_journal
from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions import batch as batches
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch

THREADS = 4
LOADER = THREADS
LOAD_SIZE = 10
ROUNDS_OF_A_FOLDER = 40
LONGEST_S = 0.04


def counters(graph: EmbeddedGraph) -> list[int]:
    """How many commits each thread has made; the loader is the last."""
    found = []
    for thread in range(THREADS):
        row = graph.vertex_row(f"c{thread}")
        found.append(0 if row is None else graph.vertex_values(row, "n")[0])
    loads = 0
    while graph.vertex_row(f"l{loads + 1}-0") is not None:
        loads += 1
    return [*found, loads]


def write(graph: EmbeddedGraph, thread: int, number: int) -> None:
    while True:
        tx = graph.begin()
        try:
            row = tx.graph.vertex_row(f"c{thread}")
            row = tx.add_vertex(f"c{thread}", "counter") if row is None else row
            tx.set_vertex_property(row, "n", number, "single")
            fresh = tx.add_vertex(f"w{thread}-{number}", "written")
            tx.set_vertex_property(fresh, "n", number, "single")
            tx.set_edge_property(tx.add_edge(f"e{thread}-{number}", "wrote", row, fresh), "n", number)
            if number % 5 == 0:
                old = tx.graph.vertex_row(f"w{thread}-{number - 3}")
                assert old is not None
                tx.remove_vertex(old)
            tx.commit()
            return
        except ConcurrentModification:
            tx.rollback()


def load(graph: EmbeddedGraph, number: int) -> None:
    ids = [f"l{number}-{place}" for place in range(LOAD_SIZE)]
    columns = {"n": ColumnData(np.full(LOAD_SIZE, number), int)}
    labels = np.zeros(LOAD_SIZE, dtype=np.int32)
    vertices = ElementBatch(ids, labels, ["loaded"], columns)
    edges = ElementBatch([f"l{number}-{place}-e" for place in range(LOAD_SIZE)], labels.copy(), ["with"], dict(columns))
    source = np.arange(LOAD_SIZE, dtype=np.int32)
    # every second load joins its vertices with those of the one before
    ends = [f"l{number - 1}-{place}" for place in range(LOAD_SIZE)] + ids if number % 2 == 0 else ids
    graph.load(Batch(vertices, edges, ends, source, source[::-1] + np.int32(len(ends) - LOAD_SIZE)))


def child(folder: Path, limit: int, pipe: int) -> None:
    """Write until killed, and say what was acknowledged."""
    graph = open_graph(folder, log_limit_bytes=limit)
    done = counters(graph)

    def work(thread: int) -> None:
        try:
            go_on(thread)
        except BaseException:
            traceback.print_exc()
            os.write(pipe, b"%d -1\n" % thread)

    def go_on(thread: int) -> None:
        number = done[thread]
        while True:
            number += 1
            if thread == LOADER:
                load(graph, number)
                time.sleep(0.01)
            else:
                write(graph, thread, number)
            os.write(pipe, b"%d %d\n" % (thread, number))

    threads = [threading.Thread(target=work, args=(thread,), daemon=True) for thread in range(THREADS + 1)]
    for thread in threads:
        thread.start()
    threads[0].join()


def write_and_kill(folder: Path, limit: int, after_s: float) -> dict[int, int]:
    """The last commit of each thread that was acknowledged."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            child(folder, limit, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        first = pipe.readline()
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        lines = [first, *pipe.read().splitlines(keepends=True)]
    told: dict[int, int] = {}
    for line in lines:
        if line.endswith(b"\n"):
            thread, number = map(int, line.split())
            assert number > 0, f"thread {thread} ended with an error"
            told[thread] = number
    return told


def check(graph: EmbeddedGraph, before: list[int], told: dict[int, int]) -> list[int]:
    """The counters; AssertionError where something is lost or half there."""
    found = counters(graph)
    for thread, number in enumerate(found):
        acknowledged = max(told.get(thread, 0), before[thread])
        assert acknowledged <= number <= acknowledged + 1, f"thread {thread}: told {acknowledged}, found {number}"
    expected = {f"l{number}-{place}": number for number in range(1, found[LOADER] + 1) for place in range(LOAD_SIZE)}
    edges = {f"{id}-e": number for id, number in expected.items()}
    for thread, last in enumerate(found[:LOADER]):
        if last:
            expected[f"c{thread}"] = last
        for number in range(1, last + 1):
            if (number + 3) % 5 or number + 3 > last:
                expected[f"w{thread}-{number}"] = edges[f"e{thread}-{number}"] = number
    held = {graph.vertex_id(row): graph.vertex_values(row, "n")[0] for row in graph.vertices()}
    assert held == expected
    assert {graph.edge_id(row): graph.edge_values(row)["n"] for row in graph.edges()} == edges
    for row in graph.edges():
        assert row in graph.incident(graph.edge_source(row), "out")
        assert row in graph.incident(graph.edge_target(row), "in")
    return found


def kill(rounds: int, seed: int) -> Counter[str]:
    """Kill so many times; how many commits were acknowledged, and found beyond those."""
    rng, counts = Random(seed), Counter[str]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_journal, "LARGE", 0)  # loads are put in order in their files
        patch.setattr(batches, "FEW", 4)
        _kill(rounds, rng, counts)
    return counts


def _kill(rounds: int, rng: Random, counts: Counter[str]) -> None:
    while counts["kills"] < rounds:
        with tempfile.TemporaryDirectory() as folder:
            before = [0] * (THREADS + 1)
            for _ in range(min(ROUNDS_OF_A_FOLDER, rounds - counts["kills"])):
                limit = rng.choice([2000, 20_000, 1 << 30])
                told = write_and_kill(Path(folder), limit, rng.random() * LONGEST_S)
                graph = open_graph(Path(folder), log_limit_bytes=1 << 40)
                after = check(graph, before, told)
                graph.close()
                counts["commits"] += sum(after) - sum(before)
                counts["kills"] += 1
                before = after


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    counts = kill(kills, int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    sys.stdout.write(f"{counts['kills']} kills, {counts['commits']} commits: none lost, none half there\n")


if __name__ == "__main__":
    main()
