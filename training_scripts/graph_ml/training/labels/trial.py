"""Classes and numbers of vertices and edges: the encoder of link prediction under a small head."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...artifacts import ModelWriter
from ...container import JobError
from ...graph import GraphData, Labels, Split, Target
from ...judging.labels import FLOOR_NOTES, Judge, measured, sign_of
from ...links import numbered
from ...message_passing import choose_backend
from ...models.heads import Head, joined, width_of, width_seen
from ...models.network import Network, edge_matrix, save_network, usable
from ...pairs import NodeSpace
from ...pairs.graph import Floats, Ints
from ...processing.split import HeldOut, groups_of, held_out
from ...sampling import Block, MessageGraph, full_block, sample_blocks
from ...schemas import Metrics
from ...schemas.model import SPLIT_NAMES
from ...tasks import METRIC_DIRECTION
from ..hyperparameters import LABEL_MODELS, Hyperparameters
from ..links.gnn import FULL_ENTRIES, edge_features, encoder_settings
from ..optimisers import AdamW, RowAdam
from ..stopping import EarlyStop
from ..trial import Trial

#: the learning rate of a second attempt, unless it was near already
SLOW = 1e-3


@dataclass
class LabelProblem:
    """What is labelled and where its vectors come from.

    Args:
        ends: numbers of the vertices that make up an item, shape (items, 1) for vertices, (items, 2) for edges.
        extra: features of the items themselves, (items, d); edges have them.
        labels: see ``Labels``.
        split: items to train on, choose by and report on, which share nothing.
    """

    ends: Ints
    extra: Floats
    labels: Labels
    split: HeldOut

    @classmethod
    def from_graph(cls, graph: GraphData, target: Target, space: NodeSpace) -> LabelProblem:
        """The problem of one target; items without a label leave the split."""
        labels, split = graph.labels[target], graph.splits[target]
        known = labels.known
        split = Split(*(np.asarray(part)[known[np.asarray(part)]] for part in (split.train, split.valid, split.test)))
        held = held_out(split, groups_of(graph, target), graph.seed)
        if isinstance(target.type, str):
            span = space.range(target.type)
            nothing = np.zeros((span.stop - span.start, 0), dtype=np.float32)
            return cls(np.arange(span.start, span.stop)[:, None], nothing, labels, held)
        pairs = numbered(graph, target.type, space)
        features = edge_matrix(graph.edge_features.get(target.type, {}))
        extra = np.zeros((len(pairs), 0), dtype=np.float32) if features is None else features
        return cls(np.stack([pairs.source, pairs.target], axis=1), extra, labels, held)


@dataclass
class LabelModel:
    """Network and head, before and after training."""

    network: Network
    head: torch.nn.Sequential
    problem: LabelProblem
    mean: float
    scale: float

    def finished_head(self) -> Head:
        """The head for serving."""
        names = {"w1": "0.weight", "b1": "0.bias", "w2": "3.weight", "b2": "3.bias"}
        state = self.head.state_dict()
        weights = {name: np.array(state[place].numpy()) for name, place in names.items()}
        return Head(self.problem.labels.kind, weights, self.mean, self.scale)

    def predictions(self, graph: MessageGraph, items: Ints) -> Floats:
        """Probabilities or numbers of some items from vectors over the whole graph."""
        vectors = self.network.embed(graph)
        ends = [vectors[column] for column in self.problem.ends[items].T]
        return self.finished_head()(joined(ends, self.problem.extra[items]))


def train_labels(trial: Trial, writer: ModelWriter) -> tuple[Metrics, dict[str, Any]]:
    """Train, judge, write. Returns the figures, and what ``model.json`` says beyond them.

    Raises:
        JobError: the model is one of links only, or nothing is labelled.
    """
    settings, target = trial.settings, trial.targets[0]
    if settings.model not in LABEL_MODELS:
        raise JobError(f"model {settings.model!r} predicts links; {target} needs one of {', '.join(LABEL_MODELS)}")
    space = NodeSpace(dict(trial.graph.num_nodes))
    problem = LabelProblem.from_graph(trial.graph, target, space)
    if not len(problem.split.train):
        raise JobError(f"{target}: no label among the training items; check the property and the split rate")
    judge = Judge.of(trial.graph, target, problem.split, problem.ends, settings.topk, trial.objective)
    edges = {kind: numbered(trial.graph, kind, space) for kind in trial.graph.edge_types}
    graph = MessageGraph.from_edges(edges, space.total, {})
    model, history, notes = best_attempt(trial, problem, space, graph, judge)
    judged = judge.judge(lambda items: model.predictions(graph, items))
    first = next(iter(judged.splits))
    trial.measured(judged.splits[first], 1, 1, first)
    metrics = Metrics.model_validate(
        {
            "task": target.task,
            "objective": f"{SPLIT_NAMES[first]}_{trial.objective}",
            "direction": METRIC_DIRECTION.get(trial.objective, "maximize"),
            "value": judged.splits[first].get(trial.objective),
            "splits": judged.splits,
            "floors": judged.floors,
            "history": history,
            "notes": [*FLOOR_NOTES, *problem.split.notes, *notes],
            "warnings": judged.warnings,
        }
    )
    for split, values in judged.splits.items():
        trial.container.log(split + "  " + "  ".join(f"{name} {value:.4f}" for name, value in values.items()))
    return metrics, save_labels(writer, model, graph, trial.graph, target)


def best_attempt(
    trial: Trial, problem: LabelProblem, space: NodeSpace, graph: MessageGraph, judge: Judge
) -> tuple[LabelModel, list[dict[str, float]], list[str]]:
    """Train, and where that is hardly better than a constant answer, once more: slower and three times as long.

    High rates of the usual range, and few epochs of a small graph, can leave a network on the plateau of the constant
    answer. The better attempt is kept.

    Returns:
        The model, its history, and notes for people.
    """
    lr, epochs, objective = trial.settings.lr, trial.settings.num_epochs, trial.objective
    floor = judge.floor("constant", problem.split.selection).get(objective, np.nan)
    attempts: list[tuple[float, LabelModel, list[dict[str, float]]]] = []
    for rate, length in ((lr, epochs), (lr if lr <= 2 * SLOW else SLOW, 3 * epochs)):
        model = fresh_model(trial, problem, space, graph)
        history = fit(trial, model, graph, rate, length)
        value = figures(model, graph, problem.split.selection, trial.settings.topk).get(objective, np.nan)
        attempts.append((-np.inf if np.isnan(value) else sign_of(objective) * value, model, history))
        if np.isnan(floor) or clearly_better(value, floor, objective) or trial.out_of_time:
            break
        trial.container.log(f"{objective} {value:.4f} after {len(history)} epochs; a constant answer has {floor:.4f}")
    best = max(range(len(attempts)), key=lambda i: attempts[i][0])
    _, model, history = attempts[best]
    notes = [] if len(attempts) == 1 else ["trained twice, for at first it was hardly better than a constant answer"]
    return model, history, notes


def clearly_better(value: float, floor: float, metric: str) -> bool:
    """Whether a tenth of what separates a constant answer from perfection was gained."""
    return value >= floor + 0.1 * (1 - floor) if sign_of(metric) > 0 else value <= 0.9 * floor


def fresh_model(trial: Trial, problem: LabelProblem, space: NodeSpace, graph: MessageGraph) -> LabelModel:
    """An untrained network and head."""
    settings = trial.settings
    features = {kind: dict(values) for kind, values in trial.graph.features.items()}
    backend = choose_backend(graph.num_entries)
    edges = edge_features(trial.graph) if settings.use_edge_features else None
    network = Network.fresh(
        space,
        features,
        list(graph.relations),
        replace(encoder_settings(settings), final_norm=True),
        settings.seed,
        backend,
        edges,
    )
    hidden = settings.num_hidden
    head = torch.nn.Sequential(
        torch.nn.Linear(width_seen(problem.ends.shape[1], hidden, problem.extra.shape[1]), hidden),
        torch.nn.ReLU(),
        torch.nn.Dropout(settings.dropout),
        torch.nn.Linear(hidden, width_of(problem.labels)),
    )
    mean, scale = 0.0, 1.0
    if problem.labels.kind == "number":
        values = np.asarray(problem.labels.values)[problem.split.train].astype(np.float64)
        mean, scale = float(values.mean()), float(values.std()) or 1.0
    return LabelModel(network, head, problem, mean, scale)


def fit(trial: Trial, model: LabelModel, graph: MessageGraph, lr: float, epochs: int) -> list[dict[str, float]]:
    """The epochs; the best one by the objective on the items to choose by is kept.

    The first half of the epochs never stops early: where one class is frequent, accuracy falls below that of the
    constant answer before it rises above it.
    """
    settings, problem, network = trial.settings, model.problem, model.network
    rng = np.random.default_rng(settings.seed)
    optimiser = AdamW([*network.encoder.parameters(), *model.head.parameters()], lr, settings.l2norm)
    table = RowAdam(network.table, settings.sparse_lr) if network.table is not None else None
    weights = class_weights(problem) if settings.use_class_weight else None
    sign = sign_of(trial.objective)
    whole = full_block(graph) if graph.num_entries <= FULL_ENTRIES else None
    history: list[dict[str, float]] = []
    window = settings.window_for_early_stop if settings.enable_early_stop else 0
    stop = EarlyStop(window, patience=epochs // 2)
    best_state = (network.state(), state_of(model.head))
    for epoch in range(epochs):
        network.encoder.train()
        model.head.train()
        order, losses = rng.permutation(problem.split.train), []
        for start in range(0, len(order), settings.batch_size):
            items = order[start : start + settings.batch_size]
            loss, nodes, learned = batch_loss(model, graph, whole, items, weights, settings, rng)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if table is not None and learned is not None and learned.grad is not None:
                rows = torch.arange(graph.num_nodes) if nodes is None else torch.from_numpy(nodes)
                table.step(rows, learned.grad)
            losses.append(float(loss.detach()))
        model.head.eval()
        values = figures(model, graph, problem.split.selection, settings.topk)
        value = values.get(trial.objective, float("nan"))
        history.append({"epoch": epoch + 1, "loss": float(np.mean(losses)), trial.objective: value})
        trial.measured({trial.objective: value}, epoch + 1, epochs)
        worse = stop.worse(-np.inf if np.isnan(value) else sign * value)
        if stop.improved:
            best_state = (network.state(), state_of(model.head))
        if worse or trial.out_of_time:
            trial.container.log(f"stopped early after epoch {epoch + 1}")
            break
    network.restore(best_state[0])
    model.head.load_state_dict(best_state[1])
    model.head.eval()
    return history


def batch_loss(
    model: LabelModel,
    graph: MessageGraph,
    whole: Block | None,
    items: Ints,
    weights: Tensor | None,
    settings: Hyperparameters,
    rng: np.random.Generator,
) -> tuple[Tensor, Ints | None, Tensor | None]:
    """Loss of a batch of items; the nodes that took part, None for all; the leaf of their learned vectors."""
    problem, ends = model.problem, model.problem.ends[items]
    seeds, back = np.unique(ends, return_inverse=True)
    fanouts = settings.layers()
    nodes: Ints | None = None
    reach = len(seeds) * float(np.prod([1 + abs(f) for f in fanouts]))
    if whole is not None and reach >= graph.num_nodes:
        blocks, places = [whole] * len(fanouts), ends
    else:
        nodes, blocks = sample_blocks(graph, seeds, fanouts, rng)
        places = back.reshape(ends.shape)
    vectors, learned = model.network.forward(nodes, blocks)
    parts = [vectors[torch.from_numpy(np.ascontiguousarray(places[:, c]))] for c in range(places.shape[1])]
    parts += [parts[0] * parts[1]] if len(parts) == 2 else []  # as ``joined`` does
    parts.append(torch.from_numpy(np.asarray(problem.extra[items], dtype=np.float32)))
    out = model.head(torch.cat(parts, dim=1))
    values = np.asarray(problem.labels.values)[items]
    if problem.labels.kind == "class":
        loss = torch.nn.functional.cross_entropy(out, torch.from_numpy(values.astype(np.int64)), weight=weights)
    elif problem.labels.kind == "classes":
        truth = torch.from_numpy(values.astype(np.float32))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(out, truth, pos_weight=weights)
    else:
        wanted = torch.from_numpy(((values - model.mean) / model.scale).astype(np.float32))
        loss = torch.nn.functional.mse_loss(out[:, 0], wanted)
    return loss, nodes, learned


def class_weights(problem: LabelProblem) -> Tensor | None:
    """Weights from label counts: rare classes count more, the mean weight is 1."""
    values = np.asarray(problem.labels.values)[problem.split.train]
    if problem.labels.kind == "class":
        counts = np.bincount(values.astype(np.int64), minlength=len(problem.labels.classes))
        return torch.from_numpy((len(values) / (np.maximum(counts, 1) * len(counts))).astype(np.float32))
    if problem.labels.kind == "classes":
        counts = values.sum(axis=0)
        return torch.from_numpy(((len(values) - counts) / np.maximum(counts, 1)).astype(np.float32))
    return None


def state_of(module: torch.nn.Module) -> dict[str, Tensor]:
    """A copy of a module's weights."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def figures(model: LabelModel, graph: MessageGraph, items: Ints, topk: int) -> dict[str, float]:
    """All metrics of the task on some items."""
    return measured(model.problem.labels, model.predictions(graph, items), items, topk)


def save_labels(
    writer: ModelWriter, model: LabelModel, graph: MessageGraph, data: GraphData, target: Target
) -> dict[str, Any]:
    """Keep vectors, head and network, of vertices what is said of each, of edges their ids, ends and features."""
    head = model.finished_head()
    writer.tensors("head", head.weights)
    vectors = model.network.embed(graph)
    writer.array("embeddings", vectors)
    if isinstance(target.type, str):
        writer.array("predictions", head(vectors[model.network.space.range(target.type)]))
    details: dict[str, Any] = {
        "inductive": not model.network.edges,
        "hops": model.network.encoder.settings.num_layer,
        "fanouts": [100] * model.network.encoder.settings.num_layer,
        "network": save_network(writer, model.network, graph.directed),
        "head": {"kind": head.kind, "mean": head.mean, "scale": head.scale},
    }
    if not isinstance(target.type, str):
        writer.array("edges/ends", model.problem.ends)
        writer.array("edges/extra", model.problem.extra)
        ids = data.edge_ids.get(target.type)
        if ids is not None:
            writer.texts("edges", ids)
        details["edge_features"] = list(usable(data.edge_features.get(target.type, {})))
    return details
