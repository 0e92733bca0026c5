"""Random forests, trained by scikit-learn and kept as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...projections import Floats, Ints
from ...schemas.catalog.pipelines import GREATEST_DEPTH

LEAF: Final = -1


@dataclass(frozen=True)
class Forest:
    """Trees one behind the other in flat arrays.

    Attributes:
        starts: the root of each tree, int64, shape (trees,).
        left, right: children of each node, int64, shape (nodes,); -1 at a leaf.
        feature, threshold: a row goes left where its feature is at most the threshold, shape (nodes,).
        values: of each node the shares of the classes, or a number, float64, shape (nodes, outputs).
        hard: whether a tree votes for one class instead of giving its shares.
    """

    starts: Ints
    left: Ints
    right: Ints
    feature: Ints
    threshold: Floats
    values: Floats
    hard: bool = False

    def outputs(self, features: Floats) -> Floats:
        """The mean over trees, float64, shape (rows, outputs)."""
        return self.sums(features.astype(np.float32)) / len(self.starts)  # as scikit-learn compares

    def sums(self, values: NDArray[Any]) -> Floats:
        """The sum over trees, or their votes, float64, shape (rows, outputs).

        Args:
            values: the features in the precision in which they are compared, shape (rows, features).
        """
        rows = np.arange(len(values))
        total = np.zeros((len(values), self.values.shape[1]))
        for start in self.starts:
            node = np.full(len(values), start)
            going = rows
            while len(going):
                here = node[going]
                inner = self.left[here] != LEAF
                going, here = going[inner], here[inner]
                lower = values[going, self.feature[here]] <= self.threshold[here]
                node[going] = np.where(lower, self.left[here], self.right[here])
            if self.hard:
                total[rows, self.values[node].argmax(axis=1)] += 1
            else:
                total += self.values[node]
        return total

    probabilities = outputs

    @property
    def linear(self) -> None:
        """No forest is."""
        return

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that must be kept."""
        return {
            "starts": self.starts,
            "left": self.left,
            "right": self.right,
            "feature": self.feature,
            "threshold": self.threshold,
            "values": self.values,
            "hard": np.array(self.hard),
        }

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Forest:
        """The forest that was kept."""
        names = ("starts", "left", "right", "feature", "threshold", "values")
        flat: dict[str, Any] = {name: arrays[name] for name in names}
        return cls(**flat, hard=bool(arrays["hard"]))


def train_forest(
    features: Floats, targets: Ints | Floats, classes: int, options: Mapping[str, Any], random: np.random.Generator
) -> tuple[Forest, float | None]:
    """A forest and its out-of-bag error, None where every tree saw every row or the targets are numbers.

    Args:
        features: float64, shape (rows, features).
        targets: class numbers from 0, or numbers with ``classes`` 0, shape (rows,).
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    ratio = options["numberOfSamplesRatio"]
    share = options.get("maxFeaturesRatio") or 1 / np.sqrt(features.shape[1])
    depth = options["maxDepth"]
    common = {
        "n_estimators": options["numberOfDecisionTrees"],
        "max_depth": None if depth == GREATEST_DEPTH else depth,
        "max_features": min(1.0, float(share)),
        "min_samples_split": options["minSplitSize"],
        "min_samples_leaf": options["minLeafSize"],
        "bootstrap": ratio > 0,
        "max_samples": max(1, int(ratio * len(features))) if ratio > 0 else None,
        "random_state": int(random.integers(2**31)),
    }
    if not classes:
        return _kept(RandomForestRegressor(**common).fit(features, targets), None), None
    found = RandomForestClassifier(criterion=options["criterion"].lower(), **common).fit(features, targets)
    forest = _kept(found, classes, hard=options.get("voting", "SOFT") == "HARD")
    return forest, _out_of_bag(found, features, targets) if ratio > 0 else None


def _kept(found: Any, classes: int | None, *, hard: bool = False) -> Forest:
    parts: dict[str, list[Any]] = {name: [] for name in ("starts", "left", "right", "feature", "threshold", "values")}
    start = 0
    for one in found.estimators_:
        tree = one.tree_
        inner = tree.children_left >= 0
        parts["starts"].append(start)
        parts["left"].append(np.where(inner, tree.children_left + start, LEAF))
        parts["right"].append(np.where(inner, tree.children_right + start, LEAF))
        parts["feature"].append(np.where(inner, tree.feature, 0))
        parts["threshold"].append(tree.threshold)
        parts["values"].append(_values(tree.value[:, 0, :], found, classes))
        start += tree.node_count
    joined = {name: np.concatenate(value) for name, value in parts.items() if name != "starts"}
    return Forest(starts=np.array(parts["starts"]), hard=hard, **joined)


def _values(values: Floats, found: Any, classes: int | None) -> Floats:
    if classes is None:
        return values
    shares = np.zeros((len(values), classes))
    shares[:, found.classes_.astype(np.int64)] = values / values.sum(axis=1, keepdims=True)
    return shares


def _out_of_bag(found: Any, features: Floats, targets: Ints | Floats) -> float | None:
    """1 - the share of rows that most of the trees that did not see them put right; None where every tree saw all."""
    votes = np.zeros((len(features), len(found.classes_)))
    for tree, seen in zip(found.estimators_, found.estimators_samples_, strict=True):
        unseen = np.setdiff1d(np.arange(len(features)), seen)
        if len(unseen):
            votes[unseen, tree.predict(features[unseen].astype(np.float32)).astype(np.int64)] += 1
    asked = votes.sum(axis=1) > 0
    if not asked.any():
        return None
    said = found.classes_[votes[asked].argmax(axis=1)]
    return float((said != targets[asked]).mean())
