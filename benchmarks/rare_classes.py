"""Rare classes of edges: what two trials deploy beside the edge's own features alone, by average precision.

    python benchmarks/rare_classes.py [one mules …] --seeds 5

draws graphs of accounts and payments of which one or two in a hundred are fraud: by the amount, by a noisy amount, by
the sum or the distance of numbers, by who pays, or by both. Splits, families and what is kept are those of the product.
Prints each seed, and fails where what is deployed ranks test items worse than features alone do.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training_scripts.graph_ml.artifacts import ModelFolder
from training_scripts.graph_ml.container import Container
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Target
from training_scripts.graph_ml.processing.split import groups_of, random_split, rare_items
from training_scripts.graph_ml.tasks import default_metric
from training_scripts.graph_ml.tasks.templates import templates
from training_scripts.graph_ml.training.run import run
from workflow.tuning.results import Trial, chosen

SCRIPTS = Path(__file__).parents[1] / "training_scripts"
PAYS = EdgeType("Account", "pays", "Account")
METRIC = "average_precision"
#: of a generator and who pays, (payments,): what a payment says of itself, (payments, d), and which are fraud
Draw = Callable[[np.random.Generator, NDArray[np.int64]], tuple[NDArray[np.float64], NDArray[np.bool_]]]


def rarest(values: NDArray[np.float64], share: float = 0.01) -> NDArray[np.bool_]:
    """The highest of some values, (n,)."""
    return np.asarray(values > np.quantile(values, 1 - share))


def amount(rng: np.random.Generator, payer: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The highest amounts."""
    values = rng.normal(size=(len(payer), 1))
    return values, rarest(values[:, 0])


def noisy(rng: np.random.Generator, payer: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The highest amounts, which are known badly, and a number that says nothing."""
    values = rng.normal(size=(len(payer), 2))
    return values, rarest(values[:, 0] + 0.4 * rng.normal(size=len(payer)))


def both(rng: np.random.Generator, payer: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The highest sums of two of four numbers."""
    values = rng.normal(size=(len(payer), 4))
    return values, rarest(values[:, 0] + values[:, 1])


def band(rng: np.random.Generator, payer: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Those nearest to an amount, which no linear model ranks."""
    values = rng.normal(size=(len(payer), 2))
    return values, rarest(-np.abs(values[:, 0] - 0.5), 0.015)


def ends(rng: np.random.Generator, payer: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A number and who pays, in equal parts."""
    values, habit = rng.normal(size=(len(payer), 1)), rng.normal(size=payer.max() + 1)
    return values, rarest(1.2 * values[:, 0] + habit[payer], 0.015)


def mules(rng: np.random.Generator, payer: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Most payments of a few accounts; their amounts are somewhat higher."""
    fraud = (rng.random(payer.max() + 1) < 0.015)[payer] & (rng.random(len(payer)) < 0.8)
    return rng.normal(size=(len(payer), 2)) + np.outer(fraud, [1.0, 0.0]), fraud


#: accounts, payments, and what is fraud
CASES: dict[str, tuple[int, int, Draw]] = {
    "amount": (100, 1000, amount),
    "noisy": (300, 3000, noisy),
    "both": (200, 2000, both),
    "band": (300, 3000, band),
    "ends": (60, 4000, ends),
    "mules": (600, 6000, mules),
}


def payments(name: str, seed: int) -> GraphData:
    """The graph of a case: half of the payments train."""
    accounts, count, draw = CASES[name]
    rng = np.random.default_rng(seed)
    source, target = rng.integers(0, accounts, (2, count))
    told, fraud = draw(rng, source)
    of = Target("edge_class", PAYS, "fraud")
    graph = GraphData(
        node_ids={"Account": [f"a{number}" for number in range(accounts)]},
        num_nodes={"Account": accounts},
        edges={PAYS: EdgeList(source, target)},
        edge_features={PAYS: {"told": told.astype(np.float32)}},
        labels={of: Labels("class", fraud.astype(np.int64), ("no", "yes"))},
    )
    rare = rare_items(graph.labels[of])
    split = random_split(of, np.arange(count), (0.5, 0.25, 0.25), 0, groups_of(graph, of), rare=rare)
    return replace(graph, splits={of: split})


def deployed(graph: GraphData, folder: Path) -> tuple[str, float, float]:
    """The family that two trials keep, and the average precision of it and of features alone on test items."""
    (target,) = graph.targets
    assert default_metric("edge_class", graph.labels[target]) == METRIC
    items = len(graph.splits[target].train)
    families = templates("edge_class", METRIC, items, "heterogeneous", 1)["auto"].model.tier1[0].options or []
    graph.write(folder / "graph")
    trials = []
    for number, family in enumerate(families[:2], 1):
        container = Container(folder / str(number), {"SM_CHANNEL_TRAIN": str(folder / "graph"), "OMP_NUM_THREADS": "1"})
        with contextlib.redirect_stdout(io.StringIO()):
            run(container, ["--model", str(family), "--eval-metric", METRIC], SCRIPTS)
        metrics = ModelFolder(container.model).metrics
        alone = metrics.floors["test"]["features_alone"][METRIC]
        figures = {"own": metrics.splits["test"][METRIC], "alone": alone}
        error = metrics.value_error or 0.0
        given = {"model": str(family)}
        trials.append(Trial(number, "", "Completed", {}, given, "default", metrics.value, error, figures))
    kept = chosen(trials, "maximize")
    assert kept is not None
    return kept.family, kept.metrics["own"], kept.metrics["alone"]


def main() -> None:
    """Run the cases that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="CASE")
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    lost = 0
    for name in asked.cases:
        for seed in range(asked.seeds):
            began = time.process_time()
            with tempfile.TemporaryDirectory(prefix="rare-") as folder:
                family, own, alone = deployed(payments(name, seed), Path(folder))
            took = time.process_time() - began
            print(f"{name} {seed}: {family} {own:.3f}, features alone {alone:.3f}, {took:.0f} CPU s", flush=True)
            lost += own < alone - 1e-9
    sys.exit(f"{lost} times worse than features alone" if lost else 0)


if __name__ == "__main__":
    main()
