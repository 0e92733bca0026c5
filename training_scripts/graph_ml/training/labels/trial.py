"""Classes and numbers of vertices and edges: the encoder of link prediction under a small head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ...artifacts import ModelWriter
from ...container import JobError
from ...devices import tensor_on
from ...distinct import distinct
from ...graph import EdgeType, GraphData, Labels, Split, Target
from ...graph.data import Times
from ...group import ALONE, Group, weighted_share
from ...judging.intervals import interval_note
from ...judging.labels import FLOOR_NOTES, Judge, Predict, measured, sign_of
from ...links import numbered
from ...message_passing import choose_backend
from ...models.family import Family, GraphFamily
from ...models.network.heads import Head, fitted_temperature, joined, width_of, width_seen
from ...models.network.network import Network, edge_matrix, save_network, usable
from ...models.network.standard import ENOUGH, standard_of
from ...models.settings import FEW_LABELS, GraphSettings
from ...pairs import NodeSpace
from ...pairs.graph import Floats, Ints
from ...processing.split import HeldOut, groups_of, held_out, rare_items
from ...sampling import Block, MessageGraph, full_block, is_one_way, sample_blocks
from ...schemas import Metrics
from ...schemas.model import SPLIT_NAMES
from ...schemas.model import Split as SplitName
from ...scratch import parked
from ...tasks import METRIC_DIRECTION
from ..context import Finish, Trial
from ..links.gnn import FULL_ENTRIES, edge_features, step_table
from ..loop import fit, in_time, kept_epoch
from ..optimisers import AdamW, RowAdam, together
from .agreement import can_agree, disagreement
from .baseline import asked_now, save_baseline
from .past import history_details, save_history

#: the learning rate of a second attempt, unless it was near already
SLOW = 1e-3
EDGE_NOTE = (
    "edges whose property is held out carry messages, as those do that an endpoint is asked about; the property itself "
    "takes part nowhere before it is judged"
)

TIME_NOTE = (
    "split by time: nothing that came after training takes part in it or in the floors, and what is judged hears of "
    "older nodes alone"
)
HORIZON_NOTE = (
    "asked at dates: what is learned, chosen by and judged hears of what came before its date alone, and so it is with "
    "what is told of the past; the floors know the edges before the date of validation"
)


@dataclass
class LabelProblem:
    """What is labelled and where its vectors come from.

    Args:
        ends: numbers of the vertices that make up an item, shape (items, 1) for vertices, (items, 2) for edges.
        extra: features of the items themselves, (items, d): those of edges, and what their vertices have been through.
        labels: see ``Labels``.
        split: items to train on, choose by and report on, which share nothing.
        times: when each item came to be, or the date it is asked at, float64 (items,), where items are split by time.
        dated: whether items are vertices at dates, each of which hears all that came before its date.
    """

    ends: Ints
    extra: Floats
    labels: Labels
    split: HeldOut
    times: Times | None = None
    dated: bool = False

    @classmethod
    def from_graph(cls, graph: GraphData, target: Target, space: NodeSpace) -> LabelProblem:
        """The problem of one target; items without a label leave the split."""
        labels, split = graph.labels[target], graph.splits[target]
        known = labels.known
        split = Split(*(np.asarray(part)[known[np.asarray(part)]] for part in (split.train, split.valid, split.test)))
        asked, times = graph.asked(target), graph.times_of(target)
        held = held_out(split, groups_of(graph, target), graph.seed, times=times, rare=rare_items(labels))
        if isinstance(target.type, str):
            span = space.range(target.type)
            past = graph.history_of(target)
            return cls((span.start + asked)[:, None], past, labels, held, times, target in graph.horizons)
        pairs = numbered(graph, target.type, space)
        features = edge_matrix(graph.edge_features.get(target.type, {}))
        extra = np.zeros((len(pairs), 0), dtype=np.float32) if features is None else features
        extra = np.concatenate([extra, graph.history_of(target)], axis=1)
        return cls(np.stack([pairs.source, pairs.target], axis=1), extra, labels, held, times)


class HeadModule(torch.nn.Module):
    """The head in training; see ``Head`` for the formula.

    Args:
        ends: vertices that make up an item, 1 or 2.
        extra: the items' own features on all of them, (items, e).
        trained_on: items, int64, on which own features are standardised.
        outputs: classes, or 1 for a number.
        settings: width and dropout.
        linear: whether there is no hidden layer.
    """

    def __init__(
        self, ends: int, extra: Floats, trained_on: Ints, outputs: int, settings: GraphSettings, linear: bool = False
    ) -> None:
        super().__init__()
        hidden, own = settings.num_hidden, extra.shape[1]
        scores = [standard_of(extra[:, [column]], trained_on) for column in range(own)]
        self.own_mean = np.array([mean[0] for mean, _ in scores], dtype=np.float32)
        self.own_scale = np.array([scale for _, scale in scores], dtype=np.float32)
        seen = width_seen(ends, hidden, own if linear or not own else hidden)
        self.own = torch.nn.Linear(own, hidden) if own and not linear else None
        self.first = None if linear else torch.nn.Linear(seen, hidden)
        self.second = torch.nn.Linear(seen if linear else hidden, outputs)
        self.dropout = torch.nn.Dropout(settings.dropout)

    def forward(self, vectors: list[Tensor], extra: Floats) -> Tensor:
        """Outputs, float32 (n, outputs), of vectors of the ends, (n, d) each, and own features, (n, e)."""
        parts = [*vectors, *([vectors[0] * vectors[1]] if len(vectors) == 2 else [])]  # as ``joined`` does
        if len(self.own_mean):
            scaled = tensor_on(
                (np.asarray(extra, dtype=np.float32) - self.own_mean) / self.own_scale, vectors[0].device
            )
            parts.append(scaled if self.own is None else torch.relu(self.own(scaled)))
        seen = torch.cat(parts, dim=1)
        result: Tensor = self.second(self.dropout(seen if self.first is None else torch.relu(self.first(seen))))
        return result

    def arrays(self) -> dict[str, Floats]:
        """The weights as ``Head`` names them."""
        arrays = {}
        for number, layer in enumerate((self.own, self.first, self.second)):
            if layer is not None:
                arrays[f"w{number}"] = layer.weight.detach().cpu().numpy().copy()
                arrays[f"b{number}"] = layer.bias.detach().cpu().numpy().copy()
        own = {"own_mean": self.own_mean, "own_scale": self.own_scale} if len(self.own_mean) else {}
        return arrays | own


@dataclass
class LabelModel:
    """Network and head, before and after training."""

    network: Network
    head: HeadModule
    problem: LabelProblem
    mean: float
    scale: float
    temperature: float = 1.0

    def finished_head(self) -> Head:
        """The head for serving."""
        return Head(self.problem.labels.kind, self.head.arrays(), self.mean, self.scale, self.temperature)

    def seen(self, graph: MessageGraph, items: Ints) -> Floats:
        """What the head sees of some items, from vectors over the whole graph, or over what came before the date of
        each; float32 (n, d)."""
        problem = self.problem
        if problem.times is None or not problem.dated:
            return self.seen_from(self.network.embed(graph), items)
        found = np.empty((len(items), self.finished_head().columns), dtype=np.float32)
        for date in np.unique(problem.times[items]).tolist():
            asked = problem.times[items] == date
            found[asked] = self.seen_from(self.network.embed(graph.before(date)), items[asked])
        return found

    def seen_from(self, vectors: Floats, items: Ints) -> Floats:
        """What the head sees of some items, (n, d), with the vectors of all vertices, (vertices, h)."""
        ends = [vectors[column] for column in self.problem.ends[items].T]
        return joined(ends, self.problem.extra[items])

    def predictions(self, graph: MessageGraph, items: Ints) -> Floats:
        """Probabilities (n, classes) or numbers (n, 1) of some items."""
        return self.finished_head()(self.seen(graph, items))

    def calibrate(self, graph: MessageGraph) -> None:
        """Fit the temperature on the items to choose by."""
        items = self.problem.split.selection
        truth = np.asarray(self.problem.labels.values)[items]
        raw = self.finished_head().raw(self.seen(graph, items))
        self.temperature = fitted_temperature(self.problem.labels.kind, raw, truth)


def train_labels(trial: Trial[Any], family: Family) -> Finish:
    """Train; what is returned judges the model and writes it.

    Raises:
        JobError: nothing here trains such a family on labels, or nothing is labelled.
    """
    if not isinstance(family, GraphFamily):
        raise JobError(f"model {family.name!r} is a {type(family).__name__}, and nothing trains those on labels")
    settings, target = trial.settings, trial.targets[0]
    space = NodeSpace(dict(trial.graph.num_nodes))
    problem = LabelProblem.from_graph(trial.graph, target, space)
    if not len(problem.split.train):
        raise JobError(f"{target}: no label among the training items; check the property and the split rate")
    graph = messages_of(trial.graph, space, target if target in trial.graph.cuts else None)
    judge = Judge.of(trial.graph, target, problem.split, problem.ends, settings.topk, trial.objective)
    model, history, notes = best_attempt(trial, family, problem, space, graph, judge)
    return lambda writer: judged_labels(trial, judge, model, graph, history, notes, writer)


def judged_labels(
    trial: Trial[Any],
    judge: Judge,
    model: LabelModel,
    graph: MessageGraph,
    history: list[dict[str, float]],
    notes: list[str],
    writer: ModelWriter,
) -> tuple[Metrics, dict[str, Any]]:
    """Judge a trained model and write it. Returns the figures, and what ``model.json`` says beyond them."""
    target, problem = trial.targets[0], model.problem
    by_time = target in trial.graph.cuts
    found = judge.preferred(lambda items: model.predictions(graph, items))
    judged = judge.judge(answers_of(judge, None if found is None else found[0], model, graph))
    warned = [] if found is None else [found[1]]
    first = next(iter(judged.splits))
    trial.measured(judged.splits[first], 1, 1, first)
    metrics = Metrics.model_validate(
        {
            "task": target.task,
            "objective": f"{SPLIT_NAMES[first]}_{trial.objective}",
            "direction": METRIC_DIRECTION.get(trial.objective, "maximize"),
            "value": judged.splits[first].get(trial.objective),
            "value_error": judged.error,
            "splits": judged.splits,
            "floors": judged.floors,
            "history": history,
            "notes": [
                *FLOOR_NOTES,
                *([] if isinstance(target.type, str) else [EDGE_NOTE]),
                *([HORIZON_NOTE if problem.dated else TIME_NOTE] if by_time else []),
                *problem.split.notes,
                *([] if judged.interval is None else [interval_note(judged.interval, by_time=by_time)]),
                *notes,
            ],
            "warnings": [*warned, *judged.warnings],
            "breakdown": judged.breakdown,
            "interval": judged.interval,
        }
    )
    for split, values in judged.splits.items():
        trial.container.log(split + "  " + "  ".join(f"{name} {value:.4f}" for name, value in values.items()))
    if by_time:
        graph = messages_of(trial.graph, model.network.space, directed=graph.directed)
    details = save_labels(writer, model, graph, trial.graph, target)
    if found is not None:
        fitted = judge.floors[found[0]]
        predictions = fitted.predictions
        if problem.dated:  # what is served is asked now
            predictions = fitted.baseline(asked_now(trial.graph, target, model.network.space))
        details |= save_baseline(writer, found[0], fitted.baseline, predictions, trial.graph, target)
        details |= {"inductive": True, "hops": max(1, details["hops"]), "fanouts": details["fanouts"] or [100]}
    return metrics, details


def answers_of(judge: Judge, floor: str | None, model: LabelModel, graph: MessageGraph) -> Predict:
    """What answers about items: a floor, or the model."""
    if floor is None:
        return lambda items: model.predictions(graph, items)
    predictions = judge.floors[floor].predictions
    return lambda items: predictions[items]


def messages_of(
    graph: GraphData, space: NodeSpace, target: Target | None = None, directed: Mapping[EdgeType, bool] | None = None
) -> MessageGraph:
    """Edges of a graph as messages: those that a target which is split by time may see, or all.

    Which types are ``directed`` is looked at where nobody says it.
    """
    if target is None:
        return MessageGraph.over(graph, space, directed)
    edges = {kind: numbered(graph, kind, space) for kind in graph.edge_types}
    known = graph.known_in_training(target)
    if directed is None:
        directed = {kind: is_one_way(pairs[known[kind]], space.total) for kind, pairs in edges.items()}
    if target in graph.horizons or not isinstance(target.type, str):
        edges = {kind: replace(pairs, time=parked(graph.came(kind))) for kind, pairs in edges.items()}
        since = None
    else:
        since = {kind: (parked(forth), parked(back)) for kind in edges for forth, back in [graph.heard(kind)]}
    # at each of its dates a horizon hears all that came before it
    flows = None if target in graph.horizons else graph.flows(target)
    return MessageGraph.from_edges(edges, space.total, directed, flows, since)


def best_attempt(
    trial: Trial[GraphSettings],
    family: GraphFamily,
    problem: LabelProblem,
    space: NodeSpace,
    graph: MessageGraph,
    judge: Judge,
) -> tuple[LabelModel, list[dict[str, float]], list[str]]:
    """Train, and where that is hardly better than a constant answer, once more: slower and three times as long.

    High rates of the usual range, and few epochs of a small graph, can leave a network on the plateau of the constant
    answer. The better attempt is kept.

    Returns:
        The model, its history, and notes for people.
    """
    lr, epochs, objective = trial.settings.lr, trial.settings.num_epochs, trial.objective
    floor = judge.floor("constant", problem.split.selection).get(objective, np.nan)
    attempts: list[tuple[float, LabelModel, list[dict[str, float]], str]] = []
    for number, (rate, length) in enumerate(((lr, epochs), (lr if lr <= 2 * SLOW else SLOW, 3 * epochs))):
        model = fresh_model(trial, family, problem, space, graph)
        learner = LabelLearner(trial, model, graph, rate)
        history = fit(trial, learner, length, f"attempt-{number + 1}", trial.settings.prune_below)
        of = "the items to choose by" if learner.chosen_by == "valid" else "the items that it was trained on"
        kept = kept_epoch(history, learner.metric, length, of)
        value = figures(model, graph, problem.split.selection, trial.settings.topk).get(objective, np.nan)
        attempts.append((-np.inf if np.isnan(value) else sign_of(objective) * value, model, history, kept))
        if np.isnan(floor) or clearly_better(value, floor, objective) or trial.out_of_time:
            break
        trial.container.log(f"{objective} {value:.4f} after {len(history)} epochs; a constant answer has {floor:.4f}")
    best = max(range(len(attempts)), key=lambda i: attempts[i][0])
    _, model, history, kept = attempts[best]
    model.calibrate(graph)
    twice = "trained twice, for at first it was hardly better than a constant answer"
    idle = trial.settings.consistency > 0 and not learner.agrees
    unheard = "'consistency' changes nothing here: it needs classes of vertices without a time, and passes over all"
    return model, history, [*([] if len(attempts) == 1 else [twice]), *([unheard] if idle else []), kept]


def clearly_better(value: float, floor: float, metric: str) -> bool:
    """Whether a tenth of what separates a constant answer from perfection was gained."""
    return value >= floor + 0.1 * (1 - floor) if sign_of(metric) > 0 else value <= 0.9 * floor


def fresh_model(
    trial: Trial[GraphSettings], family: GraphFamily, problem: LabelProblem, space: NodeSpace, graph: MessageGraph
) -> LabelModel:
    """An untrained network and head."""
    settings, target = trial.settings, trial.targets[0]
    network = Network.fresh(
        space,
        {kind: dict(values) for kind, values in trial.graph.features.items()},
        list(graph.relations),
        family,
        settings,
        choose_backend(graph.num_entries, trial.device.type),
        edge_features(trial.graph) if settings.use_edge_features else None,
        for_heads=True,
        own_features=bool(problem.extra.shape[1]),
        device=trial.device,
        group=trial.group,
        trained_on=trained_on(trial.graph, target, problem),
    )
    outputs = width_of(problem.labels)
    standard = problem.split.train
    if len(standard) < ENOUGH and problem.times is None:
        standard = np.arange(len(problem.ends))
    few = problem.ends.shape[1] == 1 and len(problem.split.train) < FEW_LABELS
    head = HeadModule(
        problem.ends.shape[1],
        problem.extra,
        standard,
        outputs,
        settings,
        family.linear or few,
    ).to(trial.device)
    mean, scale = 0.0, 1.0
    if problem.labels.kind == "number":
        values = np.asarray(problem.labels.values)[problem.split.train].astype(np.float64)
        mean, scale = float(values.mean()), float(values.std()) or 1.0
    return LabelModel(network, head, problem, mean, scale)


def trained_on(graph: GraphData, target: Target, problem: LabelProblem) -> dict[str | EdgeType, Ints]:
    """By type what inputs are standardised on, int64 (n,), ascending: vertices of training items where those are
    enough, and of other types what training may know."""
    rows = graph.known_rows(target)
    if isinstance(target.type, str) and len(problem.split.train) >= ENOUGH:
        rows[target.type] = distinct(graph.asked(target)[problem.split.train])
    return rows


class LabelLearner:
    """Network and head in training; see ``Learner``.

    Args:
        trial: hyperparameters and objective.
        model: trained in place.
        graph: messages.
        lr: learning rate of the weights.
    """

    def __init__(self, trial: Trial[GraphSettings], model: LabelModel, graph: MessageGraph, lr: float) -> None:
        self.group = trial.group
        self.settings, self.metric = trial.settings, trial.objective
        self.chosen_by: SplitName = "valid" if len(model.problem.split.choose) else "train"
        self.model, self.graph = model, graph
        self.rng = np.random.default_rng(self.settings.seed)
        network = model.network
        self.trained = [*network.encoder.parameters(), *model.head.parameters()]
        self.optimiser = AdamW(self.trained, lr, self.settings.l2norm, network.encoder.input.of_words())
        self.table = RowAdam(network.table, self.settings.sparse_lr) if network.table is not None else None
        counted = class_weights(model.problem) if self.settings.use_class_weight else None
        self.class_weights = None if counted is None else counted.to(network.device)
        self.whole = full_block(graph).on(network.device) if graph.num_entries <= FULL_ENTRIES else None
        self.agrees = self.whole is not None and agrees(model.problem, self.settings)
        if self.agrees:
            first = distinct(model.problem.ends[model.problem.split.train[: self.settings.batch_size]])
            self.agrees = reaches_all(graph, len(first), self.settings.fanouts(network.encoder.depth))

    def batches(self) -> list[Ints]:
        """See ``Learner``."""
        problem, size = self.model.problem, self.settings.batch_size
        order = self.rng.permutation(problem.split.train)
        order = in_time(order, problem.times)
        spans = [order]
        if problem.dated and problem.times is not None:  # a batch asks at one date
            spans = np.split(order, np.flatnonzero(np.diff(problem.times[order])) + 1)
        parts = [span[start : start + size] for span in spans for start in range(0, len(span), size)]
        return parts if problem.times is None else [parts[number] for number in self.rng.permutation(len(parts))]

    def step(self, batch: Ints) -> float:
        """See ``Learner``."""
        self.model.network.encoder.train()
        self.model.head.train()
        loss, nodes, learned = batch_loss(
            self.model, self.graph, self.whole, batch, self.class_weights, self.settings, self.rng, self.group
        )
        loss.backward()  # type: ignore[no-untyped-call]
        value = self.group.add_gradients(self.trained, loss)
        self.optimiser.step()
        step_table(self.table, nodes, learned, self.graph.num_nodes, self.group)
        return value

    def validated(self) -> float:
        """The objective on the items to choose by."""
        values = figures(self.model, self.graph, self.model.problem.split.selection, self.settings.topk)
        return values.get(self.metric, float("nan"))

    def weights(self) -> dict[str, Tensor]:
        """Network and head."""
        return together(network=self.model.network.state(), head=self.model.head.state_dict())

    def moments(self) -> dict[str, Tensor]:
        """See ``Learner``."""
        return together(weights=self.optimiser.moments(), table=None if self.table is None else self.table.moments())


def batch_loss(
    model: LabelModel,
    graph: MessageGraph,
    whole: Block | None,
    items: Ints,
    weights: Tensor | None,
    settings: GraphSettings,
    rng: np.random.Generator,
    group: Group = ALONE,
) -> tuple[Tensor, Ints | None, Tensor | None]:
    """How far a batch of items is from its labels.

    Where items have a time, nothing is heard that came with the first item of the batch, or later. With
    ``consistency`` two passes over the whole graph should also agree on all vertices of the type.

    Args:
        model: network and head.
        graph: messages.
        whole: all of them as one block, None where the graph is too large for whole passes.
        items: some training items, int64 (b,).
        weights: of the classes, (classes,), or None.
        settings: hyperparameters.
        rng: draws neighbours.
        group: the processes of which each takes its share of the items.

    Returns:
        The loss, a scalar; the nodes that took part, int64 (n,), None for all; the leaf of their learned vectors,
        float32 (n, d), None where there are none.
    """
    problem = model.problem
    reached = len(distinct(problem.ends[items]))
    every = np.asarray(problem.labels.values)[items]
    span, share = weighted_share(group, items)
    batch, items, values = items, items[span], every[span]
    ends = problem.ends[items]
    seeds, back = np.unique(ends, return_inverse=True)
    fanouts = settings.fanouts(model.network.encoder.depth)
    excluded = None if problem.times is None else graph.since(float(problem.times[batch].min()))
    if whole is not None and excluded is not None:
        whole = full_block(graph, excluded).on(model.network.device)
    nodes: Ints | None = None
    if whole is not None and reaches_all(graph, reached, fanouts):
        blocks, places = [whole] * len(fanouts), ends
    else:
        nodes, blocks = sample_blocks(graph, seeds, fanouts, group.drawing(rng, seeds), excluded)
        places = back.reshape(ends.shape)
    device = model.network.device
    if weights is not None and share and problem.labels.kind == "class":
        # the mean over a batch is weighted by classes, and so is what part of it a share is
        of_class = weights.cpu().numpy()
        share = float(of_class[values].sum() / of_class[every].sum())

    def told(vectors: Tensor, places: Ints, items: Ints) -> Tensor:
        columns = [tensor_on(np.ascontiguousarray(places[:, c]), device) for c in range(places.shape[1])]
        out: Tensor = model.head([vectors[column] for column in columns], problem.extra[items])
        return out

    vectors, learned = model.network.forward(nodes, blocks)
    if nodes is not None or not agrees(problem, settings):
        return missed(model, told(vectors, places, items), values, weights) * share, nodes, learned
    again, _ = model.network.forward(nodes, blocks, learned)
    every_item, rows = np.arange(len(problem.ends)), tensor_on(items, device)
    outs = [told(found, problem.ends, every_item) for found in (vectors, again)]
    first, second = (missed(model, out[rows], values, weights) for out in outs)
    loss = (first + second) / 2 + settings.consistency * disagreement(problem.labels, outs)
    return loss * share, nodes, learned


def missed(model: LabelModel, out: Tensor, values: npt.NDArray[Any], weights: Tensor | None) -> Tensor:
    """How far outputs of the head, float32 (b, outputs), are from labels, (b,) or (b, classes); a scalar."""
    if model.problem.labels.kind == "class":
        truth = tensor_on(values.astype(np.int64), out.device)
        return torch.nn.functional.cross_entropy(out, truth, weight=weights)
    if model.problem.labels.kind == "classes":
        truth = tensor_on(values.astype(np.float32), out.device)
        return torch.nn.functional.binary_cross_entropy_with_logits(out, truth, pos_weight=weights)
    wanted = tensor_on(((values - model.mean) / model.scale).astype(np.float32), out.device)
    return torch.nn.functional.mse_loss(out[:, 0], wanted)


def reaches_all(graph: MessageGraph, seeds: int, fanouts: Sequence[int]) -> bool:
    """Whether a sampled neighbourhood of so many vertices could be as large as the graph."""
    return seeds * float(np.prod([1 + abs(fanout) for fanout in fanouts])) >= graph.num_nodes


def agrees(problem: LabelProblem, settings: GraphSettings) -> bool:
    """Whether vertices without a label take part where all vertices have a vector: none does that has a time."""
    return (
        settings.consistency > 0 and problem.ends.shape[1] == 1 and problem.times is None and can_agree(problem.labels)
    )


def class_weights(problem: LabelProblem) -> Tensor | None:
    """Weights from label counts, float32 (classes,): rare classes count more, the mean weight is 1."""
    values = np.asarray(problem.labels.values)[problem.split.train]
    if problem.labels.kind == "class":
        counts = np.bincount(values.astype(np.int64), minlength=len(problem.labels.classes))
        return torch.from_numpy((len(values) / (np.maximum(counts, 1) * len(counts))).astype(np.float32))
    if problem.labels.kind == "classes":
        counts = values.sum(axis=0)
        return torch.from_numpy(((len(values) - counts) / np.maximum(counts, 1)).astype(np.float32))
    return None


def figures(model: LabelModel, graph: MessageGraph, items: Ints, topk: int) -> dict[str, float]:
    """All metrics of the task on the items with these numbers, (m,)."""
    return measured(model.problem.labels, model.predictions(graph, items), items, topk)


def save_labels(
    writer: ModelWriter, model: LabelModel, graph: MessageGraph, data: GraphData, target: Target
) -> dict[str, Any]:
    """Keep vectors, head and network, of vertices what is said of each, of edges their ids, ends and features."""
    head = model.finished_head()
    writer.tensors("head", head.weights)
    vectors = model.network.embed(graph)
    writer.array("embeddings", vectors)
    past = save_history(writer, data, data.histories.get(target))
    if isinstance(target.type, str):
        rows = vectors[model.network.space.range(target.type)]
        writer.array("predictions", head(joined([rows], past.get(target.type, rows[:, :0]))))
    details: dict[str, Any] = {
        "inductive": not model.network.edges,
        "hops": model.network.encoder.depth,
        "fanouts": [100] * model.network.encoder.depth,
        **history_details(data, data.histories.get(target), model.network.encoder.depth),
        "network": save_network(writer, model.network, graph.directed),
        "head": {"kind": head.kind, "mean": head.mean, "scale": head.scale, "temperature": head.temperature},
    }
    if not isinstance(target.type, str):
        writer.array("edges/ends", model.problem.ends)
        writer.array("edges/extra", model.problem.extra)
        ids = data.edge_ids.get(target.type)
        if ids is not None:
            writer.texts("edges", ids)
        details["edge_features"] = list(usable(data.edge_features.get(target.type, {})))
    return details
