"""A day of adding and dropping, as fast as it goes: memory, disk and speed stay as they are.

    python benchmarks/endurance.py WORKDIR [--operations 1000000] [--elements 100] [--base 20000]

Every "second" is a transaction on an embedded graph in a folder: it adds as many elements as are given, half of them
vertices with an unheard-of name, half edges to old vertices, writes a property of ten old ones, and drops what was
added ten seconds before. Beside it a reader looks up, counts and groups. Prints resident memory, bytes on disk and
seconds at ten moments; ends with status 1 where the last memory or disk is more than a tenth above that of the second.
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from collections import deque
from pathlib import Path

import psutil

from workflow.graphs.store.persistence import open_graph
from workflow.graphs.store.store import EmbeddedGraph

KEPT_S, MOMENTS, SLACK = 10, 10, 1.1


class Day:
    """The graph and what of it is to be dropped."""

    def __init__(self, graph: EmbeddedGraph, base: int) -> None:
        self.graph, self.base = graph, base
        self.random = random.Random(3)
        self.number = 0
        self.recent: deque[list[str]] = deque()
        tx = graph.begin()
        for number in range(base):
            row = tx.add_vertex(f"old{number}", "old")
            tx.set_vertex_property(row, "name", f"old{number}", "single")
            tx.set_vertex_property(row, "n", number, "single")
        tx.commit()

    def second(self, elements: int) -> int:
        """One transaction and some questions; returns the operations."""
        tx, rng = self.graph.begin(), self.random
        added = []
        for _ in range(elements // 2):
            self.number += 1
            row = tx.add_vertex(f"v{self.number}", "new")
            tx.set_vertex_property(row, "name", f"name{self.number}", "single")
            tx.set_vertex_property(row, "n", self.number, "single")
            old = tx.graph.vertex_row(f"old{rng.randrange(self.base)}")
            assert old is not None
            tx.set_edge_property(tx.add_edge(f"e{self.number}", "met", row, old), "w", self.number)
            added.append(f"v{self.number}")
        for _ in range(10):
            old = tx.graph.vertex_row(f"old{rng.randrange(self.base)}")
            assert old is not None
            tx.set_vertex_property(old, "name", f"renamed{self.number}", "single")
        self.recent.append(added)
        dropped = self.recent.popleft() if len(self.recent) > KEPT_S else []
        for id in dropped:
            row_of = tx.graph.vertex_row(id)
            assert row_of is not None
            tx.remove_vertex(row_of)
        tx.commit()
        with self.graph.reading() as version:
            assert version.find_vertices("new", "name", f"name{self.number}")
            version.column("n").numeric()
            version.column("name").codes()
            version.degree_array("in", ["met"])
        return 2 * len(added) + 10 + 2 * len(dropped)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workdir", type=Path)
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--elements", type=int, default=100)
    parser.add_argument("--base", type=int, default=20_000)
    arguments = parser.parse_args()
    folder = arguments.workdir.resolve() / f"day-{time.time_ns()}"
    graph = open_graph(folder, log_limit_bytes=4 << 20)
    day = Day(graph, arguments.base)
    done, moments = 0, []
    begin = time.perf_counter()
    print(f"{'operations':>12}{'memory MB':>12}{'disk MB':>10}{'rows':>10}{'seconds':>10}")
    for moment in range(1, MOMENTS + 1):
        while done < moment * arguments.operations / MOMENTS:
            done += day.second(arguments.elements)
        graph.journal.compact(graph)  # type: ignore[attr-defined]
        gc.collect()
        memory = psutil.Process().memory_info().rss / 1e6
        disk = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
        moments.append((memory, disk))
        print(
            f"{done:12}{memory:12.1f}{disk:10.2f}{graph.row_limit():10}{time.perf_counter() - begin:10.1f}", flush=True
        )
    graph.close()
    sys.exit(any(last > SLACK * early for last, early in zip(moments[-1], moments[1], strict=True)))


if __name__ == "__main__":
    main()
