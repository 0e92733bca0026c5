"""How good a model of classes or numbers is: beside the floors, on items that neither trained nor chose it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..graph import EdgeType, GraphData, Labels, Target
from ..graph.data import Mask
from ..links import numbered
from ..pairs import NodeSpace
from ..pairs.graph import Floats, Ints, simple_matrix
from ..processing.split import HeldOut, groups_of, rare_items
from ..schemas.model import Breakdown, Interval, Split
from ..scratch import room
from ..tasks import METRIC_DIRECTION
from .breakdown import of_labels
from .floors import Fitted, LabelledItems, calibrated, label_floors
from .intervals import interval_of
from .metrics import classification_metrics, regression_metrics
from .warnings import FLOOR_NAMES, better, lost_to_floors

FLOOR_NOTES = (
    "'constant' always answers with the shares of the classes, or the mean, in the training split",
    "'features alone' is the best of plain models without the graph, 'label propagation' of passing labels along edges",
)
#: items from which on the better on them is the better; draws of fewer, and the share of them that must be won
MANY_ITEMS, DRAWS, SURE = 500, 100, 0.9
#: items of a rare class that are enough to tell two models apart as any others do
MANY_RARE = 30
#: items from which on a figure's standard error is too small to matter
MOST_DRAWN = 10_000
#: predictions of some items: probabilities (items, classes), or numbers (items, 1)
Predict = Callable[[Ints], npt.NDArray[np.floating]]


@dataclass
class JudgedLabels:
    """Figures by split, of the model and of the floors; sentences for people.

    ``error`` is the standard error of the tuned figure on the first split, None where it is not worked out.
    """

    splits: dict[Split, dict[str, float]] = field(default_factory=dict)
    floors: dict[Split, dict[str, dict[str, float]]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    breakdown: Breakdown | None = None
    interval: Interval | None = None
    error: float | None = None


@dataclass(frozen=True)
class Judge:
    """The figures of one task on one split; floors are worked out once, each at its best.

    Args:
        labels: of all items.
        parts: which items train, choose, and are judged.
        topk: k of acc_topk.
        objective: the metric that is tuned.
        floors: each at its best, by name.
        degrees: neighbours of every item, along any edge; of an edge those of its less connected end, int64 (items,).
        groups: items of equal number are copies or opposites of each other, int64 (items,).
    """

    labels: Labels
    parts: HeldOut
    topk: int
    objective: str
    floors: Mapping[str, Fitted]
    degrees: Ints
    groups: Ints

    @classmethod
    def of(cls, graph: GraphData, target: Target, parts: HeldOut, ends: Ints, topk: int, objective: str) -> Judge:
        """Work out the floors; see ``floors``. Split by time, they know the edges that training knows."""
        labels, space = graph.labels[target], NodeSpace(dict(graph.num_nodes))
        flows = graph.flows(target) if target in graph.cuts else None
        later = np.empty(0, dtype=np.int64)
        if flows is not None and not isinstance(target.type, str):
            later = np.flatnonzero(~graph.known_in_training(target)[target.type])
        adjacency = received(graph, space, flows)
        items = LabelledItems(ends, features_of(graph, target), labels, parts.train, adjacency, graph.seed, later)
        sign = sign_of(objective)

        def goodness(predictions: npt.NDArray[np.float64]) -> float:
            chosen = parts.selection
            return sign * measured(labels, predictions[chosen], chosen, topk).get(objective, np.nan)

        degrees = np.diff(adjacency.indptr).astype(np.int64)[ends].min(axis=1)
        truth = np.asarray(labels.values)[parts.choose]
        floors = {
            name: fitted if name == "constant" else calibrated(fitted, parts.choose, truth)
            for name, fitted in label_floors(items, goodness).items()
        }
        return cls(labels, parts, topk, objective, floors, degrees, groups_of(graph, target))

    def floor(self, name: str, items: Ints) -> dict[str, float]:
        """All metrics of a floor on the items with these numbers, (m,)."""
        return known(measured(self.labels, self.floors[name].predictions[items], items, self.topk))

    def preferred(self, predict: Predict) -> tuple[str, str] | None:
        """The floor that is better than a model on the items to choose by, the best of several.

        Returns:
            Its name, and a sentence with both figures; None where none is better, or nothing was held out to choose by.
        """
        items, objective = self.parts.choose, self.objective
        sign = sign_of(objective)
        own = known(measured(self.labels, predict(items), items, self.topk)).get(objective) if len(items) else None
        if own is None:
            return None
        of_floors = {name: self.floor(name, items).get(objective, -sign * np.inf) for name in self.floors}
        name = max(of_floors, key=lambda floor: sign * of_floors[floor])
        floor, theirs = self.floors[name].predictions[items], predict(items)
        if self.told_by_few and name != "constant":
            if self.won(theirs, floor) >= SURE:
                return None
        elif not better(of_floors[name], own, objective) or not self.surely(floor, theirs):
            return None
        return name, (
            f"{FLOOR_NAMES[name]} answers, and not the trained network: on the {len(items)} items to choose by it has "
            f"{objective} {of_floors[name]:.4g}, the network {own:.4g}"
            + ("" if better(of_floors[name], own, objective) else ", which so few of a rare class do not tell apart")
        )

    @property
    def told_by_few(self) -> bool:
        """Whether the figure hangs on a few items of a rare class: then what is simpler answers unless a network surely
        has the better one.

        Source: Breiman, Friedman, Olshen, Stone 1984, the rule of one standard error.
        """
        rare = rare_items(self.labels) if len(self.labels.classes) == 2 else None
        few = rare is not None and int(np.count_nonzero(rare[self.parts.choose])) < MANY_RARE
        return few and not self.objective.startswith("acc")

    def surely(self, floor: npt.NDArray[np.floating], network: npt.NDArray[np.floating]) -> bool:
        """Whether a floor that is better on the items to choose by would be so on others like them.

        It must win nine of ten draws: one right answer more of seven says nothing. With many items it is enough to be
        better.

        Args:
            floor, network: predictions for the items to choose by, (m, outputs) each.
        """
        return len(self.parts.choose) >= MANY_ITEMS or self.won(floor, network) >= SURE

    def won(self, one: npt.NDArray[np.floating], other: npt.NDArray[np.floating]) -> float:
        """How often the first figure is better in draws of as many items with replacement; a tie counts half.

        Args:
            one, other: predictions for the items to choose by, (m, outputs) each.

        Returns:
            A share of the draws that have a figure; 0 where none has.
        """
        items, sign = self.parts.choose, sign_of(self.objective)
        won = []
        for drawn in self.draws(items):
            first, second = (
                measured(self.labels, said[drawn], items[drawn], self.topk).get(self.objective, np.nan)
                for said in (one, other)
            )
            won.append(0.5 * (1 + np.sign(sign * (first - second))))
        told = [share for share in won if not np.isnan(share)]
        return float(np.mean(told)) if told else 0.0

    def draws(self, items: Ints) -> Iterator[Ints]:
        """Places among items, (m,), as so many draws with replacement have them; edges between the same ends are drawn
        together, for what is right of one is right of all.

        Source: Efron 1979, the bootstrap; of groups, Davison and Hinkley 1997, section 3.8.
        """
        rng, groups = np.random.default_rng(0), self.groups[items]
        order = np.argsort(groups, kind="stable")
        members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
        for _ in range(DRAWS):
            drawn = rng.integers(0, len(members), len(members))
            yield np.concatenate([members[group] for group in drawn])

    def error(self, predicted: npt.NDArray[np.floating], items: Ints) -> float | None:
        """The standard error of the tuned figure of predictions, (m, outputs), for items, (m,), from draws of them.

        Returns:
            None where there are fewer than two items, or more than so small an error is worth the time for.
        """
        if not 2 <= len(items) <= MOST_DRAWN:
            return None
        found = [
            measured(self.labels, predicted[of], items[of], self.topk).get(self.objective, np.nan)
            for of in self.draws(items)
        ]
        told = [value for value in found if not np.isnan(value)]
        return float(np.std(told)) if told else None

    def judge(self, predict: Predict) -> JudgedLabels:
        """Figures of a finished model and of the floors, the items to test by last."""
        judged = JudgedLabels()
        for split, items in self.parts.judged.items():
            predicted = predict(items)
            judged.error = self.error(predicted, items) if not judged.splits else judged.error
            judged.splits[split] = known(measured(self.labels, predicted, items, self.topk))
            judged.floors[split] = {name: self.floor(name, items) for name in self.floors}
            judged.breakdown = of_labels(split, self.labels, predicted, items, self.degrees[items])
            if self.labels.kind == "number":
                truth = np.asarray(self.labels.values)[items]
                judged.interval = interval_of(predicted[:, 0], truth, split) or judged.interval
        judged.warnings.extend(lost_to_floors(judged.splits, judged.floors, self.objective))
        return judged


def features_of(graph: GraphData, target: Target) -> Floats:
    """What is known of every item without its neighbours: its own features and those of its ends, (items, d)."""
    if isinstance(target.type, str):
        found = side_by_side(graph.features.get(target.type, {}), graph.num_nodes[target.type])
        found = found[graph.asked(target)] if target in graph.horizons else found
        return np.concatenate([found, graph.history_of(target)], axis=1)
    kind: EdgeType = target.type
    edges = graph.edges[kind]
    own = side_by_side(graph.edge_features.get(kind, {}), len(edges))
    source = side_by_side(graph.features.get(kind.source, {}), graph.num_nodes[kind.source])
    destination = side_by_side(graph.features.get(kind.target, {}), graph.num_nodes[kind.target])
    past = graph.history_of(target)
    return np.concatenate([own, past, source[edges.source], destination[edges.target]], axis=1)


def side_by_side(features: Mapping[str, Floats], count: int) -> Floats:
    """All features of a type in one matrix, in the order of their names, (count, d)."""
    ordered = [values.reshape(count, -1) for _, values in sorted(features.items())]
    found: Floats = room((count, sum(values.shape[1] for values in ordered)), np.float32)
    begin = 0
    for values in ordered:
        found[:, begin : begin + values.shape[1]] = values
        begin += values.shape[1]
    return found


def received(graph: GraphData, space: NodeSpace, flows: Mapping[EdgeType, tuple[Mask, Mask]] | None) -> Any:
    """Ones where a node (row) hears of another (column) along any edge, CSR (nodes, nodes); symmetric without
    ``flows``, see ``GraphData.flows``."""
    parts = []
    for kind in graph.edge_types:
        pairs = numbered(graph, kind, space)
        forth, back = (slice(None),) * 2 if flows is None else flows[kind]
        parts += [pairs.turned()[forth], pairs[back]]
    return simple_matrix([(part.source, part.target) for part in parts], space.total)


def sign_of(metric: str) -> float:
    """1 where more is better, −1 where less is."""
    return 1.0 if METRIC_DIRECTION.get(metric, "maximize") == "maximize" else -1.0


def known(values: dict[str, float]) -> dict[str, float]:
    """Figures without those that could not be worked out, as the ROC of a split with a single class."""
    return {name: value for name, value in values.items() if not np.isnan(value)}


def measured(labels: Labels, predicted: npt.NDArray[np.floating], items: Ints, topk: int) -> dict[str, float]:
    """Metrics of predictions, (m, outputs), for the items with these numbers, (m,)."""
    truth = np.asarray(labels.values)[items]
    if labels.kind == "number":
        return regression_metrics(predicted[:, 0], truth)
    return classification_metrics(predicted, truth, topk)
