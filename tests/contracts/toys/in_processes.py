"""Runs in two processes: what they learn together is compared with what one learns alone.

    torchrun --nproc-per-node 2 in_processes.py FOLDER

The first process leaves ``found.json``: for each case the largest difference of any gradient, and the largest gradient,
over the first batches; and whether the rows of every process, put together, are the table of one.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import torch

from tests.contracts.model_contract import small_graph
from training_scripts.graph_ml.container import Container
from training_scripts.graph_ml.group import ALONE, Group, RowShards
from training_scripts.graph_ml.judging.labels import Judge
from training_scripts.graph_ml.links import LinkProblem, numbered
from training_scripts.graph_ml.models.families import family
from training_scripts.graph_ml.models.network import layerwise
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.sampling import MessageGraph
from training_scripts.graph_ml.schemas import TaskType
from training_scripts.graph_ml.training import optimisers
from training_scripts.graph_ml.training.context import Trial
from training_scripts.graph_ml.training.curves import Curves
from training_scripts.graph_ml.training.labels import trial as labels
from training_scripts.graph_ml.training.links import gnn, kge
from training_scripts.graph_ml.training.run import settled

#: model, task and hyperparameters; no dropout where masks would be drawn for other shapes, and batches of uneven halves
CASES: dict[str, tuple[str, TaskType, dict[str, str]]] = {
    "whole graph": ("graphsage", "link_prediction", {"batch-size": "17"}),
    "negatives of each": ("lightgcn", "link_prediction", {"batch-size": "9", "neg-share": "false"}),
    "every neighbour of a sample": (
        "rgcn",
        "link_prediction",
        {"batch-size": "5", "fanout": "0", "num-negs": "3", "concat-node-embed": "false"},
    ),
    "classes": ("gat", "node_class", {"batch-size": "7", "use-class-weight": "true", "concat-node-embed": "true"}),
    "numbers of edges": ("rgcn", "edge_regression", {"batch-size": "16"}),
    "softmax": ("complex", "link_prediction", {"batch-size": "300"}),
    "distances": ("transe", "link_prediction", {"batch-size": "13"}),
}


def learner_of(folder: Path, case: str, group: Group) -> Any:
    """The learner of a case, for a group of processes."""
    model, task, more = CASES[case]
    data, chosen = small_graph(task), family(model)
    given = {"model": model, "num-hidden": "8", "num-negs": "16", "dropout": "0", "input-dropout": "0", **more}
    settings, targets, _ = settled(chosen, given, data)
    box = Container(folder)
    trial: Trial[Any] = Trial(
        data, targets, settings, box, box.progress(), time.monotonic(), Curves(folder, silent=True), group=group
    )
    kept: list[Any] = []
    for module in (labels, gnn, kge):
        module.fit = lambda trial, learner, *rest, **more: kept.append(learner) or []  # type: ignore[attr-defined]
        module.kept_epoch = lambda *said: ""  # type: ignore[attr-defined]
    if task == "link_prediction":
        problems = [LinkProblem.from_graph(data, target) for target in targets]
        if model in ("complex", "transe"):
            kge.KgeLinks.gather = lambda self: None  # type: ignore[method-assign]
            kge.train_kge(trial, chosen, problems)  # type: ignore[arg-type]
        else:
            gnn.train_gnn(trial, chosen, problems)  # type: ignore[arg-type]
        return kept[0]
    space = NodeSpace(dict(data.num_nodes))
    problem = labels.LabelProblem.from_graph(data, targets[0], space)
    judge = Judge.of(data, targets[0], problem.split, problem.ends, 5, trial.objective)
    edges = {kind: numbered(data, kind, space) for kind in data.edge_types}
    graph = MessageGraph.from_edges(edges, space.total, {})
    learned = labels.fresh_model(trial, chosen, problem, space, graph)  # type: ignore[arg-type]
    assert judge is not None
    return labels.LabelLearner(trial, learned, graph, 0.01)


def gradients_of(learner: Any, batches: int) -> list[dict[int, torch.Tensor]]:
    """What the optimisers are given, batch by batch, by number of the parameter; of tables by number of the row."""
    every: list[dict[int, torch.Tensor]] = []
    weights, rows = optimisers.AdamW.step, {kind: kind.step for kind in (optimisers.RowAdam, optimisers.RowAdagrad)}

    def of_weights(self: optimisers.AdamW) -> None:
        for number, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                every[-1][number] = parameter.grad.clone()
        weights(self)

    def of_rows(self: Any, numbers: torch.Tensor, gradient: torch.Tensor) -> None:
        first = 10_000 + getattr(self, "begins", 0)
        every[-1].update({first + int(n): row.clone() for n, row in zip(numbers, gradient, strict=True)})
        rows[type(self)](self, numbers, gradient)

    optimisers.AdamW.step = of_weights  # type: ignore[method-assign]
    for kind in rows:
        kind.step = of_rows  # type: ignore[method-assign]
    if isinstance(learner, kge.KgeLearner):
        learner.nodes.begins = learner.model.shards.first  # type: ignore[attr-defined]
        learner.relations.begins = 10_000  # type: ignore[attr-defined]
    try:
        for batch in learner.batches()[:batches]:
            every.append({})
            learner.step(batch)
    finally:
        optimisers.AdamW.step = weights  # type: ignore[method-assign]
        for kind, step in rows.items():
            kind.step = step  # type: ignore[method-assign]
    return every


def compared(folder: Path, case: str, group: Group) -> dict[str, float]:
    """The largest difference from a single process, over what this process was given, and the largest gradient."""
    together, alone = (gradients_of(learner_of(folder, case, who), 2) for who in (group, ALONE))
    # learned vectors may be given once a batch or only where they took part: those that were not have no gradient
    missing, size = 0.0, 0.0
    for ours, theirs in zip(together, alone, strict=True):
        for name, gradient in ours.items():
            other = theirs.get(name, torch.zeros_like(gradient))
            missing = max(missing, float((gradient - other).abs().max()))
            size = max(size, float(gradient.abs().max()))
    return {"difference": missing, "largest": size, "parameters": len(together[0])}


def main() -> None:
    """Compare every case; the first process writes."""
    folder = Path(sys.argv[1])
    torch.set_num_threads(1)
    group = Group.joined(dict(os.environ), torch.device("cpu"))
    found: dict[str, Any] = {case: compared(folder, case, group) for case in CASES}
    table = torch.arange(10.0).view(5, 2)
    shards = RowShards.of(table, group)
    found["kept"] = group.everyones([len(shards.own)])
    found["rows"] = shards.rows(np.array([4, 0, 3]), torch.device("cpu")).tolist()
    found["whole"] = shards.whole().tolist()
    found["agreed"] = group.agreed(group.first)
    rows, sums = group.add_rows(torch.tensor([group.rank, 2]), torch.ones(2, 1) * (group.rank + 1))
    found["summed"] = dict(zip(rows.tolist(), sums[:, 0].tolist(), strict=True))
    layerwise.VERTICES = 7
    vectors = []
    for who in (group, ALONE):
        learner = learner_of(folder, "whole graph", who)
        vectors.append(learner.model.network.embed(learner.graph))
    found["embedded alike"] = bool(np.array_equal(vectors[0], vectors[1]))
    worst = max(group.everyones([int(1e9 * found[case]["difference"]) for case in CASES]))
    found["worst in any process"] = max(worst) / 1e9
    first = group.first
    group.leave()
    if first:
        (folder / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
