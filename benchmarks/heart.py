"""Links ranked by HeaRT's protocol on Cora, CiteSeer and PubMed, beside what is remembered of its paper.

    python benchmarks/heart.py --data cora,citeseer,pubmed --models pair-ranker,lightgcn --seeds 0,1,2

HeaRT (Li et al. 2023, Evaluating Graph Neural Networks for Link Prediction, NeurIPS) ranks each held-out link among 500
pairs that are hard to tell from it: 250 with another second end and 250 with another first one. Who stands for an end
is told by what makes vertices look linked with the end that stays: resource allocation, personalised PageRank (restart
.15) and, where there are features, their cosine. Each of the three ranks all vertices that are free, which are neither
the end itself, nor the other one, nor linked with it in training or validation; a vertex has the best of its ranks, and
the 250 with the best are taken. Formulas and models see training links alone. So do the authors' own programs
(github.com/Juanhui28/HeaRT, read for this: 500 pairs, resource allocation, restart .15, cosine, the best of the ranks).
The paper's figures below are from memory and were not compared with its print.

What differs from the paper: it splits once, and that split is not here, so links are split 85/5/10 anew for every seed,
and the spread is that of splits and trainings together, where the paper's is that of ten trainings. Its models choose
hyperparameters by a grid and the epoch, both by hard pairs of validation; ours have their defaults, and choose the
epoch by links among all vertices. PubMed has no features here, where the paper's has words. PageRank is exact here, and
cut at a tolerance there. The formulas, which learn nothing, show how near the two protocols come.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training_scripts"))

from graph_ml.graph import EdgeList, EdgeType, GraphData, Split, Target  # noqa: E402
from graph_ml.judging.floors.structure import LinkFloors  # noqa: E402
from graph_ml.judging.ranking import sample  # noqa: E402
from graph_ml.links import LinkProblem  # noqa: E402
from graph_ml.pairs import PairGraph  # noqa: E402
from graph_ml.pairs.attributes import unit_dense  # noqa: E402
from graph_ml.pairs.graph import Floats, Ints, per_neighbour  # noqa: E402
from graph_ml.pairs.paths import path_block  # noqa: E402
from link_prediction import trained  # noqa: E402

CITES = EdgeType("Paper", "CITES", "Paper")
EACH, RESTART, HOPS = 250, 0.15, 60
FORMULAS = {"CN": "cn", "AA": "aa", "RA": "ra"}
#: MRR in percent on Cora, CiteSeer and PubMed, as remembered of the paper's table of small data sets; unchecked
PAPER = {
    "CN": (9.78, 8.42, 2.28),
    "AA": (11.91, 10.82, 2.63),
    "RA": (11.81, 10.84, 2.47),
    "GCN": (16.61, 21.09, 7.13),
    "GAT": (13.84, 19.58, 4.95),
    "SAGE": (14.74, 21.09, 9.40),
    "GAE": (18.32, 25.25, 5.27),
    "SEAL": (10.67, 13.16, 5.88),
    "BUDDY": (13.71, 22.84, 7.56),
    "Neo-GNN": (13.95, 17.34, 7.74),
    "NCN": (14.66, 28.65, 5.84),
    "NCNC": (14.98, 24.10, 8.58),
}
DATA = ("cora", "citeseer", "pubmed")


def read(name: str, seed: int) -> GraphData:
    """A data set with its links split 85/5/10 by a seed; words, where it has any, as zeros and ones."""
    folder = Path(os.environ.get("DESPINA_DATA") or ROOT.parent / "shared" / "data") / f"planetoid-{name}"
    if not folder.is_dir():
        raise SystemExit(f"there is no data set at {folder}; name the folder that holds it in DESPINA_DATA")

    def rows(file: str) -> list[dict[str, str]]:
        with gzip.open(folder / f"{file}.csv.gz", "rt", encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    papers = rows("nodes")
    index = {paper["id"]: number for number, paper in enumerate(papers)}
    ends = np.array([(index[row["source"]], index[row["target"]]) for row in rows("edges")], dtype=np.int64)
    ends = np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0)
    order = np.random.default_rng(seed).permutation(len(ends))
    valid, test = int(0.05 * len(ends)), int(0.1 * len(ends))
    features = {}
    if "words" in papers[0]:
        said = [[int(word) for word in paper["words"].split()] for paper in papers]
        features["words"] = np.zeros((len(papers), 1 + max(max(words, default=0) for words in said)), dtype=np.float32)
        for number, words in enumerate(said):
            features["words"][number, words] = 1.0
    return GraphData(
        node_ids={"Paper": list(index)},
        num_nodes={"Paper": len(papers)},
        edges={CITES: EdgeList(ends[:, 0].copy(), ends[:, 1].copy())},
        features={"Paper": features} if features else {},
        splits={
            Target("link_prediction", CITES): Split(order[valid + test :], order[:valid], order[valid : valid + test])
        },
        seed=seed,
    )


def pagerank(graph: PairGraph, sources: Ints) -> Floats:
    """Visits of a walker from each source that begins anew with probability .15 at each step, (nodes, sources)."""
    inverse = per_neighbour(graph.degree, 1.0)[:, None]
    step = np.zeros((graph.num_nodes, len(sources)), dtype=np.float32)
    step[sources, np.arange(len(sources))] = RESTART
    total = step.copy()
    for _ in range(HOPS):
        step = graph.adjacency @ (inverse * step) * np.float32(1 - RESTART)
        total += step
    return total


def best_ranks(likeness: list[Floats], free: np.ndarray) -> Floats:
    """The best rank of each free vertex by several likenesses, (n,) each; what is alike in nothing comes last."""
    best = np.full(len(free), np.inf)
    for values in likeness:
        alike = free & (values > 0)
        ordered = np.sort(-values[alike])
        ranks = np.searchsorted(ordered, -values[alike], side="left") + 1.0
        best[free] = np.minimum(best[free], ranks.max(initial=0) + 1)
        best[alike] = np.minimum(best[alike], ranks)
    best[~free] = np.inf
    return best


@dataclass(frozen=True)
class Hard:
    """The links to rank, and for each direction who stands for the end that is asked for, (links, 250) each."""

    sources: Ints
    targets: Ints
    instead: tuple[Ints, Ints]


def hard_pairs(problem: LinkProblem, words: Floats | None, seed: int) -> Hard:
    """HeaRT's negatives of all test links."""
    rng = np.random.default_rng(seed)
    graph = PairGraph.from_edges(problem.train.source, problem.train.target, problem.space.total)
    rows = None if words is None else unit_dense(words)
    known = problem.known(problem.before("valid"), False)
    instead = []
    for stays, other in ((problem.test.source, problem.test.target), (problem.test.target, problem.test.source)):
        found = np.empty((len(stays), EACH), dtype=np.int64)
        every = np.unique(stays)
        for start in range(0, len(every), 64):
            sources = every[start : start + 64]
            neighbours = graph.columns(sources)
            likeness = [path_block(graph, neighbours)["ra"], pagerank(graph, sources)]
            if rows is not None:
                likeness.append(rows @ rows[sources].T)
            for column, source in enumerate(sources.tolist()):
                for place in np.flatnonzero(stays == source).tolist():
                    free = np.ones(graph.num_nodes, dtype=bool)
                    free[known.pairs(np.array([source]))[1]] = False
                    free[[source, other[place]]] = False
                    best = best_ranks([part[:, column] for part in likeness], free)
                    found[place] = np.lexsort((rng.random(len(best)), best))[:EACH]
        instead.append(found)
    return Hard(problem.test.source, problem.test.target, (instead[0], instead[1]))


Figures = dict[str, float]


def ranked(hard: Hard, scores: object) -> Figures:
    """MRR and Hits@10 in percent of links among their hard pairs; ties share the middle rank.

    ``scores`` gives (b, nodes) of sources, (b,). Whether a pair beats the link is told from the end that both share.
    """
    assert callable(scores)
    better = np.zeros(len(hard.sources))
    for stays, other, instead in zip(
        (hard.sources, hard.targets), (hard.targets, hard.sources), hard.instead, strict=True
    ):
        order = np.argsort(stays, kind="stable")
        for start in range(0, len(order), 64):
            part = order[start : start + 64]
            queries, row = np.unique(stays[part], return_inverse=True)
            block = scores(queries)[row]
            own = block[np.arange(len(part)), other[part]][:, None]
            rivals = np.take_along_axis(block, instead[part], axis=1)
            better[part] += (rivals > own).sum(axis=1) + (rivals == own).sum(axis=1) / 2
    return {"mrr": 100 * float(np.mean(1 / (1 + better))), "hits@10": 100 * float(np.mean(better < 10))}


def measure(name: str, seed: int, models: list[str], links: int) -> dict[str, Figures]:
    """Figures of formulas and models of one split, on at most so many test links; 0 are all."""
    graph = read(name, seed)
    problem = LinkProblem.from_graph(graph, graph.targets[0])
    if links:
        problem = replace(problem, test=sample(problem.test, links, seed))
    words = graph.features.get("Paper", {}).get("words")
    hard = hard_pairs(problem, words, seed)
    formulas = PairGraph.from_edges(problem.train.source, problem.train.target, problem.space.total)
    found = {
        title: ranked(hard, lambda sources, of=of: path_block(formulas, formulas.columns(sources))[of].T)
        for title, of in FORMULAS.items()
    }
    floors = LinkFloors.of(problem)
    found["EASE"] = ranked(hard, lambda sources: floors.scores(sources, False)["ease"])
    for model in models:
        answers, seconds = trained(graph, problem, floors, model, seed)
        found[model] = ranked(hard, lambda sources, of=answers: of(sources, False)) | {"cpu_s": seconds}
    return found


def main() -> None:
    """Measure what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=",".join(DATA), help="comma-separated")
    parser.add_argument("--models", default="pair-ranker,buddy,lightgcn,rgcn,graphsage,gat", help="comma-separated")
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated")
    parser.add_argument("--links", type=int, default=0, help="test links that are ranked, drawn by the seed; 0 are all")
    given = parser.parse_args()
    for name in given.data.split(","):
        models = [model for model in given.models.split(",") if model]
        runs = [measure(name, int(seed), models, given.links) for seed in given.seeds.split(",")]
        print(f"{name}, {len(runs)} split(s), load {os.getloadavg()[0]:.1f}")
        print(f"{'':<14}{'MRR':>16}{'Hits@10':>16}{'CPU s':>8}{'paper':>8}")
        column = DATA.index(name)
        for model in runs[0]:
            cells = ""
            for figure in ("mrr", "hits@10"):
                values = [run[model][figure] for run in runs]
                cells += f"{f'{np.mean(values):.2f} ± {np.std(values):.2f}':>16}"
            cpu = np.mean([run[model].get("cpu_s", 0.0) for run in runs])
            printed = f"{PAPER[model][column]:.2f}" if model in PAPER else "–"
            print(f"{model:<14}{cells}{f'{cpu:.0f}' if cpu else '–':>8}{printed:>8}")
        remembered = ", ".join(f"{model} {values[column]:.2f}" for model, values in PAPER.items())
        print(f"the paper's, from memory: {remembered}", flush=True)


if __name__ == "__main__":
    main()
