"""How soon a large graph answers after a restart, and how much memory it takes.

    python benchmarks/restart.py WORKDIR [--vertices 1000000] [--edges 10000000] [--loads 1] [--kill]

Makes a random graph of one edge label with a number on every edge, writes it into a folder as a bulk load does (with
``--loads`` the edges by so many), and stops cleanly; with ``--kill`` it is killed right after its last load instead.
Then a process of its own opens the folder and asks: the first look-up, a count, a look-up by a property, a grouping,
hops, a choice among all edges, and at last writes. Each is asked twice, the second time when all is warm. Prints
seconds (of the clock and of the processor) and the bytes of memory an edge takes, its share of the vertices included,
with what is mapped from the file: when all was read, and after writes. Ends with status 1 where the first answer comes
after 2 s or all first answers after 10 s of processor time, or, after a clean stop, an edge takes more than 60 bytes.

With ``--hold MB`` no more than so much of the file stays in memory: its pages are taken away as often as it is more, as
the system does where a graph is larger than memory. Then it only matters that the answers are the same.
"""

from __future__ import annotations

import argparse
import gc
import mmap
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.versions.batch import Batch, ColumnData, ElementBatch
from workflow.graphs.store.versions.text_block import Texts
from workflow.gremlin.engine import Engine
from workflow.gremlin.lang import parse
from workflow.values.numbers import Float

READS = [
    "g.V('v17').valueMap(true)",
    "g.E().count()",
    "g.V().has('name', 'name99').values('age')",
    "g.V().groupCount().by('age')",
    "g.E('e99').valueMap()",
    "g.V('v17').out().out().dedup().count()",
    "g.V().out().out().count()",
    "g.E().has('weight', gt(0.5)).count()",
    "g.V('v17').inE('knows').outV().count()",
]
WRITES = [
    "g.addV('noted').property('n', 1).addE('knows').to(__.V('v17')).iterate()",
    "g.V().out().out().count()",
]
PAGE_OUT = 21  # MADV_PAGEOUT of Linux, which Python has no name for
FIRST_S, ALL_S, MOST_BYTES = 2.0, 10.0, 60.0


def make(folder: Path, vertices: int, edges: int, loads: int, kill: bool) -> None:
    """A graph in a folder, by a load of its vertices, some of its edges, and a clean stop or none."""
    rng = np.random.default_rng(5)
    ids = Texts.of(f"v{row}" for row in range(vertices))
    zeros = np.zeros(max(vertices, edges), dtype=np.int32)
    columns = {
        "name": ColumnData([f"name{row}" for row in range(vertices)]),
        "age": ColumnData(rng.integers(18, 90, vertices), int),
    }
    nodes = ElementBatch(ids, zeros[:vertices].copy(), ["person"], columns)
    weights = rng.random(edges).astype(np.float32).astype(np.float64)
    source = rng.integers(0, vertices, edges).astype(np.int32)
    target = (vertices * rng.random(edges) ** 2).astype(np.int64).astype(np.int32)
    graph = open_graph(folder)
    begin = time.process_time()
    graph.load(Batch(nodes))
    for part in np.array_split(np.arange(edges), loads):
        names = Texts.of(f"e{row}" for row in part.tolist())
        links = ElementBatch(names, zeros[: len(part)].copy(), ["knows"], {"weight": ColumnData(weights[part], Float)})
        graph.load(Batch(edges=links, ends=ids, source=source[part], target=target[part]))
    print(f"load: {time.process_time() - begin:.1f} s of the processor", flush=True)
    if kill:
        os.kill(os.getpid(), signal.SIGKILL)
    begin = time.process_time()
    graph.close()
    print(f"stop: {time.process_time() - begin:.1f} s of the processor", flush=True)
    disk = sum(path.stat().st_size for path in folder.iterdir())
    print(f"disk: {disk / edges:.0f} bytes an edge", flush=True)


class Scarce(threading.Thread):
    """Takes the pages of mapped files away once they are more than so many bytes; counts how often."""

    def __init__(self, most: int) -> None:
        super().__init__(daemon=True)
        self.most, self.times, self.largest = most, 0, 0

    def run(self) -> None:
        process = psutil.Process()
        maps = [one for one in gc.get_objects() if isinstance(one, mmap.mmap)]
        base = process.memory_info().shared
        while True:
            held = process.memory_info().shared - base
            self.largest = max(self.largest, held)
            if held > self.most:
                self.times += 1
                for one in maps:
                    one.madvise(PAGE_OUT)
            time.sleep(0.002)


def run(engine: Engine, text: str) -> Iterator[Any]:
    return engine.run(parse(text)[-1].traversal)


def ask(folder: Path, edges: int, hold: int | None, killed: bool) -> bool:
    """In a process of its own; returns whether all was as wanted."""
    process = psutil.Process()
    before = process.memory_info()
    clock, begin = time.perf_counter(), time.process_time()
    graph = open_graph(folder)
    engine = Engine(graph, "neptune")
    print(
        f"open: {time.perf_counter() - clock:.2f} s, {time.process_time() - begin:.2f} s of the processor", flush=True
    )
    scarce = None if hold is None else Scarce(hold)
    if scarce is not None:
        scarce.start()
    first_s, shares, answers = 0.0, [], dict[str, Any]()
    for name, questions in (("first", READS), ("again", READS), ("then", WRITES)):
        for text in questions:
            asked = time.process_time()
            answer = [(t.value if not isinstance(t.value, dict) else str(t.value), t.bulk) for t in run(engine, text)]
            if answers.setdefault(text, answer) != answer and questions is READS:
                raise SystemExit(f"{text}: {answer}, and before {answers[text]}")
            first_s = first_s or time.process_time() - begin
            print(f"{name}: {1000 * (time.process_time() - asked):9.1f} ms  {text}", flush=True)
        if name == "first":
            all_s = time.process_time() - begin
        after = process.memory_info()
        shares.append(((after.rss - before.rss) / edges, (after.shared - before.shared) / edges))
    print(f"first answer {first_s:.2f} s, all {all_s:.2f} s of the processor")
    for name, (whole, mapped) in zip(("all read", "then written"), shares[1:], strict=True):
        print(f"{name}: {whole:.0f} bytes an edge, of which {mapped:.0f} are mapped")
    graph.close()
    if scarce is not None:
        print(f"pages were taken away {scarce.times} times; of the file {scarce.largest >> 20} MB at most were held")
        return scarce.times > 0
    is_small = killed or max(whole for whole, _ in shares[1:]) <= MOST_BYTES
    return first_s <= FIRST_S and all_s <= ALL_S and is_small


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--vertices", type=int, default=1_000_000)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--hold", type=int, help="megabytes of the file that may be in memory")
    parser.add_argument("--loads", type=int, default=1, help="of edges, one after the other")
    parser.add_argument("--kill", action="store_true", help="end without a stop, right after the last load")
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--ask", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    folder = arguments.workdir.resolve() / f"restart-{arguments.vertices}-{arguments.edges}"
    if arguments.ask:
        hold = None if arguments.hold is None else arguments.hold << 20
        sys.exit(not ask(folder, arguments.edges, hold, arguments.kill))
    if arguments.make:
        make(folder, arguments.vertices, arguments.edges, arguments.loads, arguments.kill)
        return
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.call([sys.executable, __file__, *sys.argv[1:], "--make"])
    sys.exit(subprocess.call([sys.executable, __file__, *sys.argv[1:], "--ask"]))


if __name__ == "__main__":
    main()
