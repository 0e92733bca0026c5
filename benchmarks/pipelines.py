"""Prediction pipelines and algorithms of this service beside Neo4j's Graph Data Science library, in one run.

    python benchmarks/pipelines.py EDGES.csv.gz [--neo4j bolt://127.0.0.1:7687] [--nodes 5000] [--repeats 3]

Both are sent the same statements over Bolt: a graph is projected from the rows of a file of links (``source,target``),
embedded, learnt and searched. Without ``--neo4j`` only this service is measured; with it, a Neo4j 5.26 with the library
2.13 has to run there, without a password or with ``user:password@``. ``--nodes`` takes so many of the nodes, those
nearest to the one with most links, and the links between them: the library needs hours for all pairs of many.

A time is what the server and its processes spend on the processor, beside the seconds that pass: the median of some
runs, of trainings a single one. The quality is the area under precision and recall on the test set at one negative a
positive. The service's own best candidate, with features of the neighbourhood, is measured without a counterpart.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import statistics
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import neo4j
import psutil

from workflow.client.service import start_service

LP = "gds.beta.pipeline.linkPrediction"
NEIGHBOURS = ("COMMON_NEIGHBORS", "ADAMIC_ADAR", "RESOURCE_ALLOCATION", "JACCARD", "PREFERENTIAL_ATTACHMENT")
SPLIT = {"testFraction": 0.1, "trainFraction": 0.1, "validationFolds": 3}
ROWS = (
    "UNWIND $rows AS row RETURN gds.graph.project('g', row[0], row[1], {relationshipType: 'R'}, "
    "{undirectedRelationshipTypes: ['R']}) AS g"
)

Ask = Callable[..., list[dict[str, Any]]]


@dataclass
class Measured:
    """What one server took, by what was done: seconds of its processors, seconds that passed; and areas."""

    process: psutil.Process
    cpu: dict[str, float] = field(default_factory=dict)
    wall: dict[str, float] = field(default_factory=dict)
    areas: dict[str, float] = field(default_factory=dict)

    def spent(self) -> float:
        """Seconds that the server and the processes it started have worked."""
        of_all = [one.cpu_times() for one in (self.process, *self.process.children(recursive=True))]
        return sum(one.user + one.system for one in of_all)

    def time(self, name: str, work: Callable[[], Any], repeats: int = 1) -> Any:
        """Do something some times; its last answer."""
        cpu, wall, answer = [], [], None
        for _ in range(repeats):
            spent, began = self.spent(), time.perf_counter()
            answer = work()
            wall.append(time.perf_counter() - began)
            cpu.append(self.spent() - spent)
        self.cpu[name], self.wall[name] = statistics.median(cpu), statistics.median(wall)
        print(f"  {name:34} {self.cpu[name]:9.2f} s of processor {self.wall[name]:9.2f} s", flush=True)
        return answer


def main() -> None:
    """Print a table: what, seconds of this service, seconds of the other, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edges", type=Path)
    parser.add_argument("--neo4j")
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with gzip.open(given.edges, "rt") as file:
        links = [[int(a), int(b)] for a, b in list(csv.reader(file))[1:] if a != b]
    if given.nodes is not None:
        links = around_busiest(links, given.nodes)
    print(f"{len({end for link in links for end in link}):,} nodes, {len(links):,} links")
    service = start_service()
    try:
        ours = measured(service.url.replace("http", "bolt"), links, given.repeats, ours=True)
    finally:
        service.stop()
    theirs = measured(given.neo4j, links, given.repeats, ours=False) if given.neo4j else None
    print(f"\n{'':34} {'despina':>10} {'GDS':>10} {'ratio':>7}   (seconds of processor)")
    for name, spent in ours.cpu.items():
        other = None if theirs is None else theirs.cpu.get(name)
        print(f"{name:34} {spent:10.2f}" + ("" if other is None else f" {other:10.2f} {other / max(spent, 0.01):7.1f}"))
    for name, area in ours.areas.items():
        other = None if theirs is None else theirs.areas.get(name)
        print(f"{name:34} {area:10.4f}" + ("" if other is None else f" {other:10.4f}"))


def around_busiest(links: list[list[int]], count: int) -> list[list[int]]:
    """The links between the ``count`` nodes nearest to the one with most links."""
    neighbours: dict[int, list[int]] = defaultdict(list)
    for one, other in links:
        neighbours[one].append(other)
        neighbours[other].append(one)
    first = max(neighbours, key=lambda node: len(neighbours[node]))
    chosen, waiting = {first}, deque([first])
    while waiting and len(chosen) < count:
        for node in neighbours[waiting.popleft()]:
            if node not in chosen and len(chosen) < count:
                chosen.add(node)
                waiting.append(node)
    return [link for link in links if chosen.issuperset(link)]


@contextmanager
def connected(url: str) -> Iterator[tuple[Ask, psutil.Process]]:
    """A session of a server, and the process that listens there."""
    parts = urlsplit(url)
    auth = (parts.username or "", parts.password or "") if parts.username else None
    (process,) = {
        one.pid
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == parts.port and one.pid
    }
    address = f"{parts.scheme}://{parts.hostname}:{parts.port}"
    with neo4j.GraphDatabase.driver(address, auth=auth) as driver, driver.session() as session:
        yield (
            lambda text, **parameters: [dict(record) for record in session.run(text, parameters)],
            psutil.Process(process),
        )


def measured(url: str, links: list[list[int]], repeats: int, *, ours: bool) -> Measured:
    """Everything, on one server."""
    with connected(url) as (ask, process):
        found = Measured(process)
        print("this service" if ours else "the library", flush=True)
        found.time("project from rows", lambda: ask(ROWS, rows=links))
        algorithms = {
            "FastRP 256": ("fastRP", {"embeddingDimension": 256, "randomSeed": 42}),
            "PageRank": ("pageRank", {}),
            "Louvain": ("louvain", {}),
            "triangle count": ("triangleCount", {}),
        }
        for name, (algorithm, config) in algorithms.items():
            found.time(name, lambda text=algorithm, c=config: ask(f"CALL gds.{text}.stats('g', $c)", c=c), repeats)
        walks = {"embeddingDimension": 64, "walksPerNode": 4, "walkLength": 20, "windowSize": 5, "randomSeed": 42}
        text = "CALL gds.node2vec.mutate('g', $c)"
        found.time("node2vec 64, 4 walks of 20", lambda: ask(text, c={**walks, "mutateProperty": "walked"}))
        pipeline(ask, found, "LR", "addLogisticRegression", {})
        found.time("LR: best 100 of all pairs", lambda: predict(ask, "LR"))
        pipeline(ask, found, "MLP", "addMLP", {})
        if ours:
            pipeline(ask, found, "neighbours, LightGBM", "addLightGBM", {}, NEIGHBOURS)
    return found


def pipeline(
    ask: Ask, found: Measured, name: str, add: str, options: dict[str, Any], more: tuple[str, ...] = ()
) -> None:
    """Train one candidate on HADAMARD of FastRP, and further features."""
    ask(f"CALL {LP}.create($n)", n=name)
    step = {"mutateProperty": "embedding", "embeddingDimension": 256, "randomSeed": 42}
    ask(f"CALL {LP}.addNodeProperty($n, 'fastRP', $c)", n=name, c=step)
    ask(f"CALL {LP}.addFeature($n, 'hadamard', $c)", n=name, c={"nodeProperties": ["embedding"]})
    if more:
        ask(f"CALL {LP}.addFeature($n, 'cosine', $c)", n=name, c={"nodeProperties": ["embedding"]})
    for feature in more:
        ask(f"CALL {LP}.addFeature($n, $f, {{}})", n=name, f=feature)
    ask(f"CALL {LP}.configureSplit($n, $c)", n=name, c=SPLIT)
    prefix = LP.replace("beta", "alpha") if add == "addMLP" else LP
    ask(f"CALL {prefix}.{add}($n, $c)", n=name, c=options)
    config = {"pipeline": name, "modelName": name, "targetRelationshipType": "R", "randomSeed": 42}
    text = f"CALL {LP}.train('g', $c) YIELD modelInfo RETURN modelInfo.metrics.AUCPR.test AS area"
    (row,) = found.time(f"{name}: train", lambda: ask(text, c=config))
    found.areas[f"{name}: AUCPR"] = row["area"]
    print(f"  {name}: AUCPR {row['area']:.4f}", flush=True)


def predict(ask: Ask, name: str) -> None:
    """The best 100 of all pairs."""
    config = {"modelName": name, "topN": 100}
    rows = ask(f"CALL {LP}.predict.stream('g', $c) YIELD node1, node2, probability RETURN *", c=config)
    assert len(rows) == 100


if __name__ == "__main__":
    main()
