"""Features without the graph: what scikit-learn makes of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...models.baselines import Array
from .items import Fitted, Floats, Ints, LabelledItems, Predictions

#: training items that are enough for a baseline
MOST_ITEMS = 20_000
#: columns and classes beyond which boosted trees take longer than the model they are a baseline for
TREE_COLUMNS, TREE_CLASSES, TREE_ITEMS = 128, 10, 40
MOST_LABELS = 200
STRENGTHS = (0.01, 0.1, 1.0)
#: an output so low that its class has no probability
IMPOSSIBLE = -1e9


def features_alone(items: LabelledItems) -> Iterator[Fitted]:
    """Logistic or ridge regression at several strengths, and boosted trees where columns are few: (items, outputs).

    Edges bring the features of both ends beside their own.
    """
    if not items.features.shape[1] or len(items.train) < 2:
        return
    place = np.arange(len(items.train))
    if len(place) > MOST_ITEMS:
        place = np.sort(np.random.default_rng(items.seed).choice(len(place), MOST_ITEMS, replace=False))
    centre, scale = _standard(items.features, items.train[place])
    learned = items.learned[place]
    x = (items.features[items.train[place]] - centre) / scale
    makers = {"number": _numbers, "class": _classes, "classes": _several}[items.labels.kind]
    small = x.shape[1] <= TREE_COLUMNS and len(place) >= TREE_ITEMS and learned.shape[1] <= TREE_CLASSES
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a baseline that did not converge is a weaker baseline, nothing to report
        for kind, arrays in makers(x, learned, small):
            yield items.fitted(kind, centre=centre, scale=scale, **arrays)


def _classes(x: Floats, learned: Predictions, trees: bool) -> Iterator[tuple[str, dict[str, Array]]]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    truth, outputs = learned.argmax(axis=1), learned.shape[1]
    if len(np.unique(truth)) < 2:
        return
    for strength in STRENGTHS:
        model = LogisticRegression(C=strength, max_iter=200).fit(x, truth)
        yield "linear", _spread(model.classes_, outputs, model.coef_, model.intercept_)
    if trees:
        boosted = HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=0).fit(x, truth)
        yield "trees", boosted_arrays(boosted, boosted.classes_, outputs)


def _numbers(x: Floats, learned: Predictions, trees: bool) -> Iterator[tuple[str, dict[str, Array]]]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    for strength in STRENGTHS:
        model = Ridge(alpha=1.0 / strength).fit(x, learned[:, 0])
        yield "linear", {"weights": model.coef_.reshape(1, -1), "bias": np.atleast_1d(model.intercept_)}
    if trees:
        boosted = HistGradientBoostingRegressor(max_iter=100, early_stopping=False, random_state=0)
        yield "trees", boosted_arrays(boosted.fit(x, learned[:, 0]), np.zeros(1, dtype=np.int64), 1)


def _several(x: Floats, learned: Predictions, trees: bool) -> Iterator[tuple[str, dict[str, Array]]]:
    """One logistic regression a label; a label that all or none of the training items have keeps its share."""
    from sklearn.linear_model import LogisticRegression

    if learned.shape[1] > MOST_LABELS:
        return
    for strength in STRENGTHS:
        share = np.clip(learned.mean(axis=0), 1e-9, 1 - 1e-9)
        weights, bias = np.zeros((learned.shape[1], x.shape[1])), np.log(share / (1 - share))
        for column in range(learned.shape[1]):
            if 0 < learned[:, column].sum() < len(learned):
                model = LogisticRegression(C=strength, max_iter=200).fit(x, learned[:, column])
                weights[column], bias[column] = model.coef_[0], model.intercept_[0]
        yield "linear", {"weights": weights, "bias": bias}


def _spread(classes: Ints, outputs: int, weights: Array, bias: Array) -> dict[str, Array]:
    """Weights of all classes; those without a training item are as good as impossible, (outputs, d) and (outputs,)."""
    all_weights, all_bias = np.zeros((outputs, weights.shape[1])), np.full(outputs, IMPOSSIBLE)
    if len(classes) == 2:  # one row: of the second class, beside nothing for the first
        weights, bias = np.vstack([np.zeros_like(weights), weights]), np.array([0.0, bias[0]])
    all_weights[classes], all_bias[classes] = weights, bias
    return {"weights": all_weights, "bias": all_bias}


def boosted_arrays(model: Any, classes: Ints, outputs: int) -> dict[str, Array]:
    """The trees of a boosted model of scikit-learn as ``Baseline`` has them; see ``models/baselines.trees``.

    Args:
        model: fitted on numbers without gaps.
        classes: the output of each class that it knows; of one number, and of two classes, the last.
        outputs: how many there are.
    """
    bias = np.full(outputs, IMPOSSIBLE)
    bias[classes] = 0.0
    start = np.ravel(model._baseline_prediction)
    adds_to = classes[-len(start) :]
    bias[adds_to] = start
    kept: dict[str, list[Array]] = {name: [] for name in ("column", "threshold", "left", "right", "value")}
    roots, owners, size = [], [], 0
    for several in model._predictors:
        for output, tree in zip(adds_to.tolist(), several, strict=True):
            nodes, leaf = tree.nodes, tree.nodes["is_leaf"].astype(bool)
            roots.append(size)
            owners.append(output)
            kept["column"].append(nodes["feature_idx"].astype(np.int32))
            kept["threshold"].append(nodes["num_threshold"].astype(np.float64))
            for child in ("left", "right"):
                kept[child].append(np.where(leaf, -1, nodes[child].astype(np.int64) + size).astype(np.int32))
            kept["value"].append(nodes["value"].astype(np.float64))
            size += len(nodes)
    arrays = {name: np.concatenate(parts) for name, parts in kept.items()}
    return {**arrays, "bias": bias, "roots": np.array(roots), "outputs": np.array(owners)}


def _standard(features: Floats, chosen: Ints) -> tuple[Floats, Floats]:
    """Mean and deviation over the chosen rows, shape (d,) each; the deviation of a constant column is 1."""
    rows = features[chosen].astype(np.float64)
    scale = rows.std(axis=0)
    scale[scale < 1e-9] = 1.0
    return rows.mean(axis=0).astype(np.float32), scale.astype(np.float32)
