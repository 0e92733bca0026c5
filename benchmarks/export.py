"""Export a large graph while somebody writes, and tell memory, processor time and what the writer feels.

    python benchmarks/export.py [--vertices 200000] [--edges 2000000]

In a process of its own: a graph of persons with a number and a text each, edges with one number. Processor time is told
as a multiple of a copy's: the plainest program that reads every cell of the same files with Python's csv module and
writes it again; and as one of a copy of the same bytes, which the system makes without looking at them. Memory is what
the process holds at most above what it held before. The exit status is 1 where memory is above 300 MB, or processor
time above five copies of the cells.
"""

from __future__ import annotations

import argparse
import csv
import gc
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from workflow.export import parse_request, write_export
from workflow.graphs.store.store import EmbeddedGraph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.text_block import Texts

MOST_MB, MOST_COPIES = 300, 5.0


def graph_of(vertices: int, edges: int) -> EmbeddedGraph:
    """Loaded as the bulk loader does, in one commit each."""
    rng = np.random.default_rng(1)
    graph = EmbeddedGraph("g", "neptune")
    ids = Texts.of(f"p{n}" for n in range(vertices))
    columns = {
        "age": ColumnData(rng.integers(0, 99, vertices), int),
        "name": ColumnData([f"name {n % 5000}" for n in range(vertices)]),
    }
    people = ElementBatch(ids, np.zeros(vertices, dtype=np.int32), ["person"], columns)
    graph.load(Batch(vertices=people))
    weights = {"weight": ColumnData(np.round(rng.random(edges), 4), float)}
    links = ElementBatch(Texts.of(f"e{n}" for n in range(edges)), np.zeros(edges, dtype=np.int32), ["knows"], weights)
    source, target = rng.integers(0, vertices, (2, edges)).astype(np.int32)
    graph.load(Batch(edges=links, ends=ids, source=source, target=target))
    return graph


class Writer(threading.Thread):
    """Commits one small change after the other and notes how long each took, in ms."""

    def __init__(self, graph: EmbeddedGraph) -> None:
        super().__init__(daemon=True)
        self.graph, self.took, self.ended = graph, list[float](), threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            began = time.perf_counter()
            tx = self.graph.begin()
            tx.add_vertex(None, "note")
            tx.commit()
            self.took.append((time.perf_counter() - began) * 1000)

    def median(self) -> float:
        """Of what was noted since the last time."""
        took, self.took = self.took, []
        return statistics.median(took) if took else float("nan")


class Memory(threading.Thread):
    """The most that this process holds, in MB, looked at fifty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.process, self.most, self.ended = psutil.Process(), 0.0, threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            self.most = max(self.most, self.process.memory_info().rss / (1 << 20))


def copy(folder: Path, target: Path) -> float:
    """Every cell read and written again by the csv module; gives the seconds of processor time."""
    began = time.process_time()
    for file in folder.rglob("*.csv"):
        with file.open(newline="") as source, (target / file.name).open("w", newline="") as out:
            csv.writer(out).writerows(csv.reader(source))
    return time.process_time() - began


def copy_bytes(folder: Path, target: Path) -> float:
    """The same files copied as bytes; gives the seconds of processor time."""
    began = time.process_time()
    for file in folder.rglob("*.csv"):
        shutil.copyfile(file, target / f"{file.name}.bytes")
    return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vertices", type=int, default=200_000)
    parser.add_argument("--edges", type=int, default=2_000_000)
    arguments = parser.parse_args()
    graph = graph_of(arguments.vertices, arguments.edges)
    gc.collect()
    writer, memory = Writer(graph), Memory()
    writer.start()
    time.sleep(3)
    alone = writer.median()
    before = memory.process.memory_info().rss / (1 << 20)
    with tempfile.TemporaryDirectory(prefix="despina-export-") as place:
        folder, target = Path(place, "export"), Path(place, "copy")
        folder.mkdir()
        target.mkdir()
        memory.start()
        began, wall = time.thread_time(), time.perf_counter()
        write_export(graph, parse_request({"outputS3Path": "s3://b/x"}), folder)
        used, wall = time.thread_time() - began, time.perf_counter() - wall
        memory.ended.set()
        beside = writer.median()
        writer.ended.set()
        writer.join()
        copied, bytes_copied = copy(folder, target), copy_bytes(folder, target)
    above = memory.most - before
    print(f"{arguments.vertices:,} vertices, {arguments.edges:,} edges; {before:,.0f} MB before")
    print(f"memory above the store (MB)      {above:10.0f}   at most {MOST_MB}")
    print(f"processor time (s)               {used:10.1f}   {wall:.1f} s by the clock")
    print(f"processor time of copies         {used / copied:10.1f}   at most {MOST_COPIES:g}")
    print(f"processor time of copies of bytes{used / bytes_copied:10.1f}   {bytes_copied:.1f} s")
    print(f"a commit meanwhile, median (ms)  {beside:10.2f}   {alone:.2f} ms alone")
    return 1 if above > MOST_MB or used / copied > MOST_COPIES else 0


if __name__ == "__main__":
    sys.exit(main())
