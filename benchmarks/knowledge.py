"""How well knowledge-graph embeddings rank, and at what cost, on the published splits of well-known knowledge graphs.

    DESPINA_DATA=folder python benchmarks/knowledge.py --data wn18rr --model complex --num-epochs 30

Models see the published training triples, and the published validation triples choose the epoch. Two lines of figures:
those of the product's report, of a sample of test triples and beside the floors, and those that papers print: every
test triple, asked from both ends among all entities less those that any published triple makes true, ties averaged.
Hyperparameters that are not given are the defaults. CPU seconds are this process's, on one thread.

    python benchmarks/knowledge.py --data fb15k-237 --model complex --pykeen ENVIRONMENT/bin/python

trains and ranks here and by PyKEEN in turns instead, with vectors, negatives and batches of the same size, in float32,
and prints questions a CPU second and their ratios: a question is a triple asked from one end.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training_scripts"))

from graph_ml.artifacts import ModelFolder  # noqa: E402
from graph_ml.container import Container  # noqa: E402
from graph_ml.graph import EdgeList, EdgeType, GraphData, Split, Target  # noqa: E402
from graph_ml.judging.metrics import Exclusions, filtered_ranks, ranking_metrics  # noqa: E402
from graph_ml.judging.ranking import rank_links, sample, shares  # noqa: E402
from graph_ml.links import LinkProblem  # noqa: E402
from graph_ml.models.families import family_of  # noqa: E402
from graph_ml.models.family import KnowledgeFamily  # noqa: E402
from graph_ml.models.link_scorers import EmbeddingScorer  # noqa: E402
from graph_ml.models.settings import parse  # noqa: E402
from graph_ml.training.links.kge import KgeLearner, by_types, fresh  # noqa: E402
from graph_ml.training.run import run  # noqa: E402

PARTS = ("train", "valid", "test")
#: files of each data set: folder, and what stands before the name of a part
DATA = {
    "fb15k-237": ("fb15k-237", ""),
    "wn18rr": ("wn18rr", ""),
    **{name: ("kg-small", f"{name}-") for name in ("kinship", "nations", "umls")},
}


def published(name: str) -> dict[str, list[list[str]]]:
    """The triples of each part of a data set, (head, relation, tail)."""
    folder, prefix = DATA[name]
    found = {}
    for part in PARTS:
        path = Path(os.environ["DESPINA_DATA"]) / folder / f"{prefix}{part}.tsv.gz"
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            found[part] = [line.rstrip("\n").split("\t") for line in stream]
    return found


def graph_of(triples: dict[str, list[list[str]]], seed: int) -> GraphData:
    """A graph of one vertex type, an edge type for each relation, and the published split."""
    entities = sorted({end for rows in triples.values() for head, _, tail in rows for end in (head, tail)})
    numbers = {name: number for number, name in enumerate(entities)}
    grouped: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for part, rows in triples.items():
        for head, relation, tail in rows:
            grouped.setdefault(relation, {p: [] for p in PARTS})[part].append((numbers[head], numbers[tail]))
    edges, splits = {}, {}
    for relation, by_part in sorted(grouped.items()):
        kind = EdgeType("Entity", relation, "Entity")
        pairs = np.array([pair for part in PARTS for pair in by_part[part]], dtype=np.int64)
        edges[kind] = EdgeList(pairs[:, 0].copy(), pairs[:, 1].copy())
        bounds = np.cumsum([0, *(len(by_part[part]) for part in PARTS)])
        train, valid, test = (np.arange(bounds[i], bounds[i + 1]) for i in range(3))
        splits[Target("link_prediction", kind)] = Split(train, valid, test)
    return GraphData(
        node_ids={"Entity": entities},
        num_nodes={"Entity": len(entities)},
        edges=edges,
        splits=splits,
        seed=seed,
        model_type="kge",
    )


def as_in_papers(folder: ModelFolder, triples: dict[str, list[list[str]]]) -> tuple[dict[str, float], int]:
    """Figures of all test triples by plain filtered ranks, and how many of them have a relation without a vector.

    Those count as ranked in the middle of all entities.
    """
    details = folder.description.details
    vectors, numbers = folder.array("embeddings"), {name: n for n, name in enumerate(folder.ids()["Entity"])}
    by_relation: dict[str, list[tuple[int, int, bool]]] = {}
    for part, rows in triples.items():
        for head, relation, tail in rows:
            by_relation.setdefault(relation, []).append((numbers[head], numbers[tail], part == "test"))
    ranks, missing = [], 0
    places = {link["edge_type"][1]: place for place, link in enumerate(details["links"])}
    for relation, rows in by_relation.items():
        heads, tails, tested = (np.array(column) for column in zip(*rows, strict=True))
        if relation not in places:
            missing += int(tested.sum())
            ranks.append(np.full(2 * int(tested.sum()), len(vectors) / 2))
            continue
        told = folder.tensors(f"links/{places[relation]}.decoder")
        link = details["links"][places[relation]]["scorer"]
        link = link.get("trained", link)
        scorer = EmbeddingScorer(vectors, told["relation"], link["decoder"], link["gamma"], told.get("inverse"))
        for asked, answer, predict_heads in ((heads, tails, False), (tails, heads, True)):
            known = Exclusions.from_edges(len(vectors), [(asked, answer)])

            def score(
                some: np.ndarray, scorer: EmbeddingScorer = scorer, predict_heads: bool = predict_heads
            ) -> np.ndarray:
                return scorer.scores(some, slice(0, len(vectors)), predict_heads)

            ranks.append(filtered_ranks(score, asked[tested], answer[tested], known))
    return ranking_metrics(np.concatenate(ranks)), missing


def rates_here(graph: GraphData, model: str, asked: Mapping[str, int], seconds: float) -> dict[str, float]:
    """Questions that are learned from, and that are ranked, a CPU second; some seconds of each."""
    family = family_of(KnowledgeFamily, model)
    given = {"num-hidden": asked["dim"], "num-negs": asked["negatives"], "batch-size": asked["batch"]}
    settings, _ = parse(family.settings, {name: str(number) for name, number in given.items()})
    settings = replace(settings, mixed_precision=False)
    problems = [LinkProblem.from_graph(graph, target) for target in graph.targets]
    edges = {problem.edge_type: problem.train for problem in problems}
    trained = fresh(family, settings, problems, list(edges), problems[0].space.total)
    learner = KgeLearner(trained, by_types(edges, problems[0]), settings)
    questions, began = 0, 0.0
    for number, batch in enumerate(learner.batches()):
        if number == 3:
            began = time.process_time()
        learner.step(batch)
        questions += len(batch[1]) if number >= 3 else 0
        if number > 3 and time.process_time() - began > seconds:
            break
    learned = questions / (time.process_time() - began)
    questions, began = 0, time.process_time()
    most = shares([problem.test for problem in problems], asked["ranked"])
    for position, problem in enumerate(problems):
        links = sample(problem.test, most[position], 0)
        if len(links):
            scores = partial(trained.all_scores, position)
            questions += len(rank_links(problem, scores, links, problem.before("test")).queries)
    return {"learned": learned, "ranked": questions / (time.process_time() - began)}


def beside(python: str, triples: dict[str, list[list[str]]], graph: GraphData, model: str, turns: int) -> None:
    """Train and rank here and by PyKEEN in turns, and print the ratios."""
    entities = {name: n for n, name in enumerate(graph.node_ids["Entity"])}
    relations = {name: n for n, name in enumerate(sorted({r for rows in triples.values() for _, r, _ in rows}))}
    asked = {"dim": 256, "negatives": 256, "batch": 256, "ranked": 4096}
    script = Path(__file__).with_name("knowledge_pykeen.py")
    with tempfile.TemporaryDirectory() as name:
        for part in ("train", "test"):
            rows = [(entities[head], relations[relation], entities[tail]) for head, relation, tail in triples[part]]
            np.save(Path(name) / f"{part}.npy", np.array(rows, dtype=np.int64))
        for training, negatives in (("slcwa", asked["negatives"]), ("lcwa", len(entities))):
            found: dict[str, list[dict[str, float]]] = {"here": [], "there": []}
            for _ in range(turns):
                found["here"].append(rates_here(graph, model, {**asked, "negatives": negatives}, 10))
                command = [python, str(script), name, "--model", model, "--training", training, "--seconds", "10"]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found["there"].append(json.loads(done.stdout.splitlines()[-1]))
            print(f"{model}, {negatives} negatives ({training} there), load {os.getloadavg()[0]:.1f}")
            for what in ("learned", "ranked"):
                here, there = (statistics.median(turn[what] for turn in found[who]) for who in ("here", "there"))
                print(
                    f"  {what} a CPU second: here {here:,.0f}, PyKEEN {there:,.0f}: {here / there:.1f} times",
                    flush=True,
                )


def main() -> None:
    """Train one model and print its lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=list(DATA), default="fb15k-237")
    parser.add_argument("--model", default="complex")
    parser.add_argument("--eval-edges", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pykeen", help="the Python of an environment that has PyKEEN")
    parser.add_argument("--turns", type=int, default=3)
    given, rest = parser.parse_known_args()
    triples = published(given.data)
    graph = graph_of(triples, given.seed)
    if given.pykeen:
        beside(given.pykeen, triples, graph, given.model, given.turns)
        return
    began = time.process_time()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        graph.write(base / "graph")
        container = Container(base, {"SM_CHANNEL_TRAIN": str(base / "graph"), "OMP_NUM_THREADS": "1"})
        asked = ["--model", given.model, "--seed", str(given.seed), "--eval-edges", str(given.eval_edges), *rest]
        with contextlib.redirect_stdout(sys.stderr):
            run(container, asked, ROOT / "training_scripts")
        seconds = time.process_time() - began
        folder = ModelFolder(container.model)
        metrics, told = folder.metrics, [link["scorer"]["kind"] for link in folder.description.details["links"]]
        ranked = time.process_time()
        papers, missing = as_in_papers(folder, triples)
        ranked = time.process_time() - ranked
    test = metrics.splits["test"]
    floors = "  ".join(f"{floor} {figures['mrr']:.3f}" for floor, figures in metrics.floors["test"].items())
    answers = "a floor answers" if "floor" in told else "the trained model answers"
    print(f"{given.data} {given.model} {' '.join(rest)}: {len(metrics.history)} epochs, {seconds:.0f} CPU s")
    print(f"  deployed, a sample of test: {line(test)}  ({floors}; {answers})")
    print(f"  all of test as in papers: {line(papers)}  ({missing} without a vector; {ranked:.0f} CPU s)", flush=True)


def line(figures: Mapping[str, float]) -> str:
    """MRR and hits in one line."""
    return "  ".join(
        f"{name} {figures[name]:.3f}" for name in ("mrr", "hits@1", "hits@3", "hits@10") if name in figures
    )


if __name__ == "__main__":
    main()
