"""Prediction pipelines and algorithms of this service beside Neo4j's Graph Data Science library, in one run.

    python benchmarks/pipelines.py EDGES.csv.gz [--neo4j bolt://127.0.0.1:7687] [--repeats 3]

Both are sent the same statements over Bolt: a graph is projected from the rows of a file of links (``source,target``),
embedded, learnt and searched. Without ``--neo4j`` only this service is measured; with it, a Neo4j 5.26 with the library
2.13 has to run there, without a password or with ``user:password@``. A figure is the median of some runs, of
trainings a single one; the quality is the area under precision and recall on the test set at one negative a positive.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import neo4j

from workflow.client.service import start_service

LP = "gds.beta.pipeline.linkPrediction"
NEIGHBOURS = ("COMMON_NEIGHBORS", "ADAMIC_ADAR", "RESOURCE_ALLOCATION", "JACCARD", "PREFERENTIAL_ATTACHMENT")
SPLIT = {"testFraction": 0.1, "trainFraction": 0.1, "validationFolds": 3}
ROWS = (
    "UNWIND $rows AS row RETURN gds.graph.project('g', row[0], row[1], {relationshipType: 'R'}, "
    "{undirectedRelationshipTypes: ['R']}) AS g"
)
FOREST = {"numberOfDecisionTrees": 100, "minLeafSize": 3, "minSplitSize": 6}

Ask = Callable[..., list[dict[str, Any]]]


def main() -> None:
    """Print a table: what, seconds of this service, seconds of the other, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("edges", type=Path)
    parser.add_argument("--neo4j")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    with gzip.open(given.edges, "rt") as file:
        links = [[int(a), int(b)] for a, b in list(csv.reader(file))[1:] if a != b]
    service = start_service()
    try:
        ours = measured(service.url.replace("http", "bolt"), links, given.repeats, ours=True)
    finally:
        service.stop()
    theirs = measured(given.neo4j, links, given.repeats, ours=False) if given.neo4j else {}
    print(f"{'':44} {'despina':>10} {'GDS':>10} {'ratio':>7}")
    for name, value in ours.items():
        other = theirs.get(name)
        shown = "" if other is None else f"{other:10.3f} {other / value:7.1f}"
        print(f"{name:44} {value:10.3f} {shown}")


def measured(url: str, links: list[list[int]], repeats: int, *, ours: bool) -> dict[str, float]:
    """Seconds, and areas, by what was done."""
    parts = urlsplit(url)
    auth = (parts.username or "", parts.password or "") if parts.username else None
    address = f"{parts.scheme}://{parts.hostname}:{parts.port}"
    found: dict[str, float] = {}
    with neo4j.GraphDatabase.driver(address, auth=auth) as driver, driver.session() as session:

        def ask(text: str, **parameters: Any) -> list[dict[str, Any]]:
            return [dict(record) for record in session.run(text, parameters)]

        began = time.perf_counter()
        ask(ROWS, rows=links)
        found["project from rows"] = time.perf_counter() - began
        fast_rp = {"embeddingDimension": 256, "randomSeed": 42}
        found["FastRP 256"] = timed(ask, repeats, "CALL gds.fastRP.stats('g', $c)", fast_rp)
        found["PageRank"] = timed(ask, repeats, "CALL gds.pageRank.stats('g', $c)", {})
        found["Louvain"] = timed(ask, repeats, "CALL gds.louvain.stats('g', $c)", {})
        found["triangle count"] = timed(ask, repeats, "CALL gds.triangleCount.stats('g', $c)", {})
        walks = {"embeddingDimension": 64, "walksPerNode": 4, "walkLength": 20, "windowSize": 5, "randomSeed": 42}
        text = "CALL gds.node2vec.mutate('g', $c)"
        found["node2vec 64, 4 walks of 20"] = timed(ask, 1, text, {**walks, "mutateProperty": "walked"})
        pipeline(ask, found, "LR", "addLogisticRegression", {})
        found["LR: best 100 of all pairs"] = predicted(ask, "LR")
        pipeline(ask, found, "MLP", "addMLP", {})
        if ours:
            pipeline(ask, found, "neighbours, forest", "addRandomForest", FOREST, NEIGHBOURS)
    return found


def timed(ask: Ask, repeats: int, text: str, config: dict[str, Any]) -> float:
    """Median seconds of a statement."""
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        ask(text, c=config)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def pipeline(
    ask: Ask, found: dict[str, float], name: str, add: str, options: dict[str, Any], more: tuple[str, ...] = ()
) -> None:
    """Train one candidate on HADAMARD of FastRP, and further features."""
    ask(f"CALL {LP}.create($n)", n=name)
    step = {"mutateProperty": "embedding", "embeddingDimension": 256, "randomSeed": 42}
    ask(f"CALL {LP}.addNodeProperty($n, 'fastRP', $c)", n=name, c=step)
    ask(f"CALL {LP}.addFeature($n, 'hadamard', $c)", n=name, c={"nodeProperties": ["embedding"]})
    for feature in more:
        ask(f"CALL {LP}.addFeature($n, $f, {{}})", n=name, f=feature)
    ask(f"CALL {LP}.configureSplit($n, $c)", n=name, c=SPLIT)
    prefix = LP.replace("beta", "alpha") if add == "addMLP" else LP
    ask(f"CALL {prefix}.{add}($n, $c)", n=name, c=options)
    config = {"pipeline": name, "modelName": name, "targetRelationshipType": "R", "randomSeed": 42}
    began = time.perf_counter()
    (row,) = ask(f"CALL {LP}.train('g', $c) YIELD modelInfo RETURN modelInfo.metrics.AUCPR.test AS area", c=config)
    found[f"{name}: train"] = time.perf_counter() - began
    found[f"{name}: AUCPR"] = row["area"]


def predicted(ask: Ask, name: str) -> float:
    """Seconds of an exhaustive prediction."""
    began = time.perf_counter()
    config = {"modelName": name, "topN": 100}
    rows = ask(f"CALL {LP}.predict.stream('g', $c) YIELD node1, node2, probability RETURN *", c=config)
    assert len(rows) == 100
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
