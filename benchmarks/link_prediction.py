"""How well links are predicted, and at what cost: the floors, and model families, each by itself with its defaults.

    python benchmarks/link_prediction.py --data lastfm --seeds 0,1,2
    python benchmarks/link_prediction.py --data twitch,facebook --models lightgcn,graphsage,buddy

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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "training_scripts"))

from graph_ml.container import Container  # noqa: E402
from graph_ml.graph import EdgeList, EdgeType, GraphData, Split, Target  # noqa: E402
from graph_ml.judging.floors.structure import LinkFloors  # noqa: E402
from graph_ml.judging.links import Judged, choose  # noqa: E402
from graph_ml.judging.ranking import non_links, rank_links, sample  # noqa: E402
from graph_ml.links import LinkProblem  # noqa: E402
from graph_ml.models.families import families, family  # noqa: E402
from graph_ml.models.link_scorers import Calibration  # noqa: E402
from graph_ml.pairs.graph import Floats, Ints  # noqa: E402
from graph_ml.training.context import Trial  # noqa: E402
from graph_ml.training.curves import Curves  # noqa: E402
from graph_ml.training.links.trial import train  # noqa: E402
from graph_ml.training.run import set_threads, settled  # noqa: E402

LINK = EdgeType("User", "LINK", "User")
SHOWN = ("mrr", "hits@10", "hits@50", "auc")
BUNDLED = "workflow/datasets/lastfm"


@dataclass(frozen=True)
class DataSet:
    """Where a data set lies, the attributes of its vertices, and how many test edges are ranked."""

    folder: str
    attributes: Mapping[str, Callable[[list[dict[str, str]]], Floats]]
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


def logarithm(column: str) -> Callable[[list[dict[str, str]]], Floats]:
    """ln(1 + a count)."""
    return lambda rows: np.log1p(np.array([[float(row[column])] for row in rows], dtype=np.float32))


TWITCH = {
    "games": words("features"),
    "views": logarithm("views"),
    "days": logarithm("days"),
    "mature": one_hot("mature"),
    "partner": one_hot("partner"),
}
DATA = {
    "lastfm": DataSet(BUNDLED, {"country": one_hot("country")}),
    "twitch": DataSet("twitch-engb", TWITCH),
    "facebook": DataSet(
        "facebook-pages", {"words": words("features"), "page_type": one_hot("page_type")}, test_edges=500
    ),
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
        features={"User": {name: encode(nodes) for name, encode in data.attributes.items()}},
        splits={Target("link_prediction", LINK): Split(order[:first], order[first:second], order[second:])},
        seed=seed,
    )


Row = dict[str, float]
#: sources, (b,), and whether heads are asked for → scores (b, candidates)
Answers = Callable[[Ints, bool], Floats]


class Quiet(Container):
    """A container whose job does not print: the table is the output here."""

    def log(self, text: str) -> None:
        """Nothing."""

    def metric(self, name: str, value: float) -> None:
        """Nothing."""


def trained(graph: GraphData, problem: LinkProblem, floors: LinkFloors, model: str, seed: int) -> tuple[Answers, float]:
    """A family trained with its defaults, and what of it or beside it validation chose, as in a trial.

    Returns:
        Its scores, and the processor seconds that it took.
    """
    with tempfile.TemporaryDirectory() as scratch:
        box = Quiet(Path(scratch), {"OMP_NUM_THREADS": os.environ["OMP_NUM_THREADS"]})
        set_threads(box)
        settings, _, _ = settled(family(model), {"seed": str(seed)}, graph)
        curves = Curves(box.tensorboard, silent=True)
        trial = Trial(graph, graph.targets, settings, box, box.progress(), time.monotonic(), curves)
        began = time.process_time()
        found = train(trial, family(model), [problem])
        judged = Judged(calibrations=[Calibration()])
        answering = choose(trial, [problem], found, [floors], judged)[0]
        seconds = time.process_time() - began
    print(f"{model}, seed {seed}:", *found.notes, *judged.warnings, sep="\n  ", flush=True)

    def scores(sources: Ints, predict_heads: bool) -> Floats:
        every = found.all_scores(0, sources, predict_heads)
        # a floor that answers in its place is no merit of the family, so what it learned is judged
        return every[answering] if answering in every else next(iter(every.values()))

    return scores, seconds


def measure(data: DataSet, seed: int, models: list[str]) -> dict[str, Row]:
    """One seed: figures by floor and family, and the CPU seconds of families."""
    graph = read(data, seed)
    problem = LinkProblem.from_graph(graph, graph.targets[0])
    floors = LinkFloors.of(problem)
    answers = {model: trained(graph, problem, floors, model, seed) for model in models}

    def scores(sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        found = {model: answer(sources, predict_heads) for model, (answer, _) in answers.items()}
        return {**floors.scores(sources, predict_heads), **found}

    test = sample(problem.test, data.test_edges, seed)
    no_links = non_links(problem, problem.everything, len(test), seed + 1)
    figures = rank_links(problem, scores, test, problem.before("valid"), no_links).metrics()
    return {name: {**values, "cpu_s": answers[name][1] if name in answers else 0.0} for name, values in figures.items()}


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
    able = ", ".join(one.name for one in families("link_prediction"))
    parser.add_argument("--models", default="pair-ranker,lightgcn", help=f"comma-separated: {able}")
    arguments = parser.parse_args()
    for name in arguments.data.split(","):
        runs = []
        for seed in arguments.seeds.split(","):
            runs.append(measure(DATA[name], int(seed), arguments.models.split(",")))
            print(table(f"{name}, seed {seed}", runs[-1:]), flush=True)
        print(table(name, runs), flush=True)


if __name__ == "__main__":
    main()
