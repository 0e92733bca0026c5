"""``model-hpo-configuration.json``: what to search for which model, task and size of graph.

The only complete set the service publishes is the one for rgcn on node classification; it is followed to the letter
for graphs of ordinary size. For small graphs batches shrink and epochs grow, as its own examples advise.
"""

from __future__ import annotations

from typing import Literal

from ..schemas import EvalMetric, HpoModel, HpoParameter, ModelHpoConfiguration, TaskType

GNN_MODELS = ("rgcn", "graphsage")
KGE_MODELS = ("transe", "distmult", "rotate")
PAIR_MODELS = ("pair-ranker",)
GNN_CHOICES = ("rgcn", "graphsage", "stack")
LINK_CHOICES = ("rgcn", "graphsage", "pair-ranker", "stack")

Strategy = Literal["log", "linear", "power2"]
Tiers = dict[str, list[HpoParameter]]

SMALL_GRAPH = 100_000
TINY_GRAPH = 1_000
ACC_TOPK = 3
_LARGEST_BATCH, _SMALLEST_BATCH = 4096, 2


def templates(task: TaskType, metric: str, items: int, model_type: str) -> dict[str, ModelHpoConfiguration]:
    """A configuration for each model that fits the task, the default one first.

    Args:
        task: what is learned.
        metric: what is optimised.
        items: how many nodes or edges there are to train on.
        model_type: ``heterogeneous`` or ``kge``; the latter is for link prediction alone.

    Returns:
        By model name. The default for link prediction is named after rgcn and lets the tuner choose the family.
    """
    if task != "link_prediction":
        return {model: _configuration(model, task, metric, _gnn(items, task)) for model in GNN_MODELS}
    kge = {model: _configuration(model, task, metric, _kge(items, model)) for model in KGE_MODELS}
    gnn = {model: _configuration(model, task, metric, _gnn(items, task)) for model in GNN_MODELS}
    pairs = {model: _configuration(model, task, metric, _pairs()) for model in PAIR_MODELS}
    if model_type == "kge":
        return {**kge, **gnn, **pairs}
    chosen = gnn["rgcn"].model_copy(deep=True)
    for parameter in (*chosen.model.tier1, *chosen.model.tier2, *chosen.model.tier3, *chosen.model.fixed):
        parameter.models = list(GNN_CHOICES)
    chosen.model.tier1.insert(0, HpoParameter(param="model", type="str", options=list(LINK_CHOICES)))
    return {"auto": chosen, **gnn, **pairs, **kge}


def batch_sizes(items: int) -> tuple[int, int, int]:
    """(smallest, largest, default) batch: a twentieth to a quarter of what there is to train on, powers of two."""

    def power(size: float) -> int:
        return 1 << max(1, min(12, int(size).bit_length() - 1 if size >= 2 else 1))

    if items >= SMALL_GRAPH:
        return 128, _LARGEST_BATCH, 1024
    largest = min(_LARGEST_BATCH, power(items / 4))
    smallest = max(_SMALLEST_BATCH, min(128, largest // 8))
    return smallest, largest, max(smallest, min(1024, largest // 2))


def epochs(items: int, link: bool) -> tuple[int, int]:
    """Fewest and most passes: small graphs need more of them, and they cost little there."""
    if items < TINY_GRAPH:
        return (20, 100) if link else (20, 60)
    if items < SMALL_GRAPH:
        return (10, 60) if link else (10, 40)
    return 3, 30


def stop_window(items: int) -> int:
    """How many evaluations early stopping looks back: Neptune's three, more where few validation links make noise."""
    return 3 if items >= TINY_GRAPH else 20


def _configuration(model: str, task: TaskType, metric: str, tiers: Tiers) -> ModelHpoConfiguration:
    evaluated = EvalMetric(metric=metric, topk=ACC_TOPK if metric == "acc_topk" else None)
    chosen = HpoModel(
        model=model,
        task_type=task,
        eval_metric=evaluated,
        tier1=tiers["tier1"],
        tier2=tiers["tier2"],
        tier3=tiers["tier3"],
        fixed=tiers["fixed"],
    )
    return ModelHpoConfiguration(models=[chosen])


def _gnn(items: int, task: TaskType) -> Tiers:
    link = task == "link_prediction"
    smallest, largest, batch = batch_sizes(items)
    tier2 = [
        _real("dropout", 0.0, 0.5, "linear", 0.3),
        HpoParameter(param="layer-norm", type="bool", default=True),
    ]
    fixed = [
        HpoParameter(param="concat-node-embed", type="bool", default=True),
        HpoParameter(param="use-self-loop", type="bool", default=True),
        HpoParameter(param="low-mem", type="bool", default=True),
        HpoParameter(param="l2norm", type="float", default=0),
        HpoParameter(param="enable-early-stop", type="bool", default=True),
        HpoParameter(param="window-for-early-stop", type="int", default=stop_window(items)),
    ]
    if link:
        tier2.append(_whole("num-negs", 4, 32, "power2", 10))
        fixed.append(HpoParameter(param="neg-share", type="bool", default=True))
    return {
        "tier1": [
            _whole("num-hidden", 16, 128, "power2"),
            HpoParameter(
                param="num-epochs",
                type="int",
                range=epochs(items, link),
                inc_strategy="linear",
                inc_val=1,
                node_strategy="perM",
            ),
            _real("lr", 0.001, 0.01, "log"),
        ],
        "tier2": tier2,
        "tier3": [
            _whole("batch-size", smallest, largest, "power2", batch),
            HpoParameter(param="fanout", type="int", options=[[10, 30], [15, 30], [15, 30]], default=[10, 15, 15]),
            _whole("num-layer", 1, 3, "linear", 2, step=1),
            _whole("num-bases", 0, 8, "linear", 0, step=2),
        ],
        "fixed": fixed,
    }


def _kge(items: int, model: str) -> Tiers:
    smallest, largest, batch = batch_sizes(items)
    few, many = epochs(items, link=True)
    gamma = [] if model == "distmult" else [_real("gamma", 4.0, 24.0, "linear", 12.0)]
    return {
        "tier1": [
            _whole("num-hidden", 64, 512, "power2"),
            _whole("num-epochs", few, many, "linear", step=1),
            _real("lr", 0.01, 0.1, "log"),
        ],
        "tier2": [*gamma, _real("regularization-coef", 1e-8, 1e-4, "log", 2e-6)],
        "tier3": [
            _whole("batch-size", smallest, largest, "power2", batch),
            _whole("num-negs", 32, 512, "power2", 256),
        ],
        "fixed": [
            HpoParameter(param="rel-part", type="bool", default=False),
            HpoParameter(param="neg-share", type="bool", default=True),
            HpoParameter(param="enable-early-stop", type="bool", default=True),
            HpoParameter(param="window-for-early-stop", type="int", default=stop_window(items)),
        ],
    }


def _pairs() -> Tiers:
    # its numbers are a measured recipe, and nothing of it is searched
    return {"tier1": [], "tier2": [], "tier3": [], "fixed": []}


def _whole(
    name: str, low: int, high: int, strategy: Strategy, default: int | None = None, step: int | None = None
) -> HpoParameter:
    return HpoParameter(param=name, type="int", range=(low, high), inc_strategy=strategy, inc_val=step, default=default)


def _real(name: str, low: float, high: float, strategy: Strategy, default: float | None = None) -> HpoParameter:
    return HpoParameter(param=name, type="float", range=(low, high), inc_strategy=strategy, default=default)
