"""How well links are predicted, and at what cost: the floors, the pair ranker, a graph network and their stack.

    python benchmarks/link_prediction.py --data lastfm --seeds 0,1,2
    python benchmarks/link_prediction.py --data twitch,facebook --no-network

Protocol: random 80/10/10 split of undirected pairs; models see the training edges; both directions of a sample of test
edges (1,500; Facebook 500) are ranked among all vertices less the source and its training and validation neighbours,
ties averaged; AUC against as many uniform pairs without an edge. LastFM is bundled; the others are looked for in the
folder DESPINA_DATA names. CPU seconds are this process's, on one thread.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training_scripts"))

from graph_ml.container import Container  # noqa: E402
from graph_ml.graph import EdgeList, EdgeType, GraphData, Split, Target  # noqa: E402
from graph_ml.judging.floors.structure import LinkFloors  # noqa: E402
from graph_ml.judging.ranking import non_links, rank_links, sample  # noqa: E402
from graph_ml.links import LinkProblem  # noqa: E402
from graph_ml.pairs.graph import Floats, Ints  # noqa: E402

LINK = EdgeType("User", "LINK", "User")
SHOWN = ("mrr", "hits@10", "hits@50", "auc")
BUNDLED = "workflow/datasets/lastfm"


@dataclass(frozen=True)
class DataSet:
    """Where a data set lies, which attribute column it has, and how many test edges are ranked."""

    folder: str
    attribute: Callable[[list[dict[str, str]]], Floats]
    test_edges: int = 1500


def one_hot(column: str) -> Callable[[list[dict[str, str]]], Floats]:
    """A category a vertex."""

    def encode(rows: list[dict[str, str]]) -> Floats:
        names = sorted({row[column] for row in rows})
        return np.eye(len(names), dtype=np.float32)[[names.index(row[column]) for row in rows]]

    return encode


def words(column: str) -> Callable[[list[dict[str, str]]], Floats]:
    """A set of words a vertex, divided by ``;``."""

    def encode(rows: list[dict[str, str]]) -> Floats:
        bags = [[word for word in row[column].split(";") if word] for row in rows]
        index = {word: i for i, word in enumerate(sorted({word for bag in bags for word in bag}))}
        counts = np.zeros((len(rows), len(index)), dtype=np.float32)
        for row, bag in enumerate(bags):
            counts[row, [index[word] for word in bag]] = 1.0
        return counts

    return encode


DATA = {
    "lastfm": DataSet(BUNDLED, one_hot("country")),
    "twitch": DataSet("twitch-engb", words("features")),
    "facebook": DataSet("facebook-pages", words("features"), test_edges=500),
}


def folder_of(data: DataSet) -> Path:
    """Where a data set is; leaves with a sentence where it is not."""
    if data.folder == BUNDLED:
        return ROOT / BUNDLED
    folder = Path(os.environ.get("DESPINA_DATA") or ROOT.parent / "shared" / "data") / data.folder
    if not folder.is_dir():
        raise SystemExit(f"there is no data set at {folder}; name the folder that holds it in DESPINA_DATA")
    return folder


def plain(row: dict[str, str]) -> dict[str, str]:
    """A row of Neptune's format under the column names of the others."""
    names = {"~id": "id", "~from": "source", "~to": "target"}
    return {names.get(name, name.partition(":")[0]): value for name, value in row.items()}


def read(data: DataSet, seed: int) -> GraphData:
    """The data set with a random split of its edges, self loops taken away."""
    folder = folder_of(data)

    def rows(name: str) -> list[dict[str, str]]:
        with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as stream:
            return [plain(row) for row in csv.DictReader(stream)]

    nodes = rows("nodes")
    index = {row["id"]: i for i, row in enumerate(nodes)}
    pairs = np.array([(index[row["source"]], index[row["target"]]) for row in rows("edges")], dtype=np.int64)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    order = np.random.default_rng(seed).permutation(len(pairs))
    first, second = int(0.8 * len(pairs)), int(0.9 * len(pairs))
    return GraphData(
        node_ids={"User": list(index)},
        num_nodes={"User": len(nodes)},
        edges={LINK: EdgeList(pairs[:, 0].copy(), pairs[:, 1].copy())},
        features={"User": {"attribute": data.attribute(nodes)}},
        splits={Target("link_prediction", LINK): Split(order[:first], order[first:second], order[second:])},
        seed=seed,
    )


Row = dict[str, float]


def measure(data: DataSet, seed: int, network: str | None, with_buddy: bool) -> dict[str, Row]:
    """One seed: figures and CPU seconds by scorer."""
    from graph_ml.models.families import family_of
    from graph_ml.models.family import GraphFamily, RankingFamily
    from graph_ml.models.settings import Scale, StoppingSettings, parse
    from graph_ml.training.context import Trial
    from graph_ml.training.curves import Curves
    from graph_ml.training.links.gnn import train_gnn
    from graph_ml.training.links.ranked import train_rankers
    from graph_ml.training.links.stacked import StackedLinks
    from graph_ml.training.run import set_threads

    graph = read(data, seed)
    problem = LinkProblem.from_graph(graph, graph.targets[0])
    seconds: Row = {}
    with tempfile.TemporaryDirectory() as scratch:
        box = Container(Path(scratch), {"OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"]})
        set_threads(box)
        settings = StoppingSettings(model="pair-ranker", seed=seed)
        quiet, curves = Quiet(box.base, box.environ), Curves(box.tensorboard, silent=True)
        trial = Trial(graph, graph.targets, settings, quiet, box.progress(), time.monotonic(), curves)
        began = time.process_time()
        ranked = train_rankers(trial, [problem])
        seconds["ranker"] = time.process_time() - began
        print(*ranked.notes, sep="\n", flush=True)
        buddy = None
        if with_buddy:
            began = time.process_time()
            buddy = train_rankers(trial, [problem], family_of(RankingFamily, "buddy").sketches)
            seconds["buddy"] = time.process_time() - began
        stack = None
        if network is not None:
            encoder = family_of(GraphFamily, network)
            scale = Scale("link_prediction", len(problem.train))
            of_network, _ = parse(encoder.settings, {"model": network, "seed": str(seed), "num-epochs": "100"}, scale)
            began = time.process_time()
            net = train_gnn(replace(trial, settings=of_network), encoder, [problem])
            seconds[network] = time.process_time() - began
            stack = StackedLinks(ranked, net)
            # the weight of the network is chosen on validation links, as a trial does
            chosen = sample(problem.choose, 1000, seed)
            known = problem.before("choose")
            stack.choose(0, rank_links(problem, lambda s, h: stack.all_scores(0, s, h), chosen, known))
            seconds["stack"] = seconds["ranker"] + seconds[network]

        floors = LinkFloors.of(problem)

        def scores(sources: Ints, predict_heads: bool) -> dict[str, Floats]:
            found = {**floors.scores(sources, predict_heads), **ranked.all_scores(0, sources, predict_heads)}
            if buddy is not None:
                found["buddy"] = buddy.all_scores(0, sources, predict_heads)["ranker"]
            if stack is not None and network is not None:
                own = stack.network.own_scores(0, sources, predict_heads)
                found[network] = own
                found["stack"] = found["ranker"] + np.float32(stack.weights[0] * stack.scales[0]) * own
            return found

        test = sample(problem.test, data.test_edges, seed)
        known = problem.before("valid")
        figures = rank_links(
            problem, scores, test, known, non_links(problem, problem.everything, len(test), seed + 1)
        ).metrics()
    return {name: {**values, "cpu_s": seconds.get(name, 0.0)} for name, values in figures.items()}


class Quiet(Container):
    """A container whose job does not print: the table is the output here."""

    def log(self, text: str) -> None:
        """Nothing."""

    def metric(self, name: str, value: float) -> None:
        """Nothing."""


def table(name: str, runs: list[dict[str, Row]]) -> str:
    """Mean and standard deviation over the seeds, one line a scorer."""
    lines = [
        f"{name}, {len(runs)} seed(s)",
        f"{'':<14}" + "".join(f"{column:>16}" for column in SHOWN) + f"{'CPU s':>8}",
    ]
    for scorer in runs[0]:
        cells = []
        for column in SHOWN:
            values = [run[scorer][column] for run in runs]
            cells.append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
        cpu = float(np.mean([run[scorer]["cpu_s"] for run in runs]))
        lines.append(
            f"{scorer:<14}" + "".join(f"{cell:>16}" for cell in cells) + (f"{cpu:>8.0f}" if cpu else f"{'–':>8}")
        )
    return "\n".join(lines)


def main() -> None:
    """Run what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="lastfm", help=f"comma-separated: {', '.join(DATA)}")
    parser.add_argument("--seeds", default="0,1,2", help="comma-separated")
    parser.add_argument("--network", default="rgcn", choices=["rgcn", "graphsage"])
    parser.add_argument("--no-network", action="store_true", help="floors and pair ranker alone")
    parser.add_argument("--buddy", action="store_true", help="BUDDY's sketches beside the ranker's walks")
    arguments = parser.parse_args()
    for name in arguments.data.split(","):
        runs = []
        for seed in arguments.seeds.split(","):
            network = None if arguments.no_network else arguments.network
            runs.append(measure(DATA[name], int(seed), network, arguments.buddy))
            print(table(f"{name}, seed {seed}", runs[-1:]), flush=True)
        print(table(name, runs), flush=True)


if __name__ == "__main__":
    main()
