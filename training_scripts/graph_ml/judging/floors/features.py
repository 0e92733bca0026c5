"""Features without the graph: what scikit-learn makes of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from .items import Floats, Ints, LabelledItems, Predictions

#: training items that are enough for a baseline
MOST_ITEMS = 20_000
#: columns and classes beyond which boosted trees take longer than the model they are a baseline for
TREE_COLUMNS, TREE_CLASSES, TREE_ITEMS = 128, 10, 40
MOST_LABELS = 200
STRENGTHS = (0.01, 0.1, 1.0)


def features_alone(items: LabelledItems) -> Iterator[Predictions]:
    """Logistic or ridge regression at several strengths, and boosted trees where columns are few: (items, outputs).

    Edges bring the features of both ends beside their own.
    """
    if not items.features.shape[1] or len(items.train) < 2:
        return
    place = np.arange(len(items.train))
    if len(place) > MOST_ITEMS:
        place = np.sort(np.random.default_rng(items.seed).choice(len(place), MOST_ITEMS, replace=False))
    mean, scale = _standard(items.features, items.train[place])
    learned = items.learned[place]
    makers = _numbers if items.labels.kind == "number" else _classes
    small = items.features.shape[1] <= TREE_COLUMNS and len(place) >= TREE_ITEMS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a baseline that did not converge is a weaker baseline, nothing to report
        if items.labels.kind == "classes":
            yield from _several(items, place, learned, mean, scale)
            return
        for model in makers(small and learned.shape[1] <= TREE_CLASSES):
            x = (items.features[items.train[place]] - mean) / scale
            if items.labels.kind == "number":
                model.fit(x, learned[:, 0])
                yield _by_parts(items.features, mean, scale, lambda part, m=model: m.predict(part)[:, None])
                continue
            truth = learned.argmax(axis=1)
            if len(np.unique(truth)) < 2:
                return
            model.fit(x, truth)
            outputs = learned.shape[1]
            yield _by_parts(items.features, mean, scale, lambda part, m=model, o=outputs: _spread(m, part, o))


def _classes(trees: bool) -> Iterator[Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    for strength in STRENGTHS:
        yield LogisticRegression(C=strength, max_iter=200)
    if trees:
        yield HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=0)


def _numbers(trees: bool) -> Iterator[Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge

    for strength in STRENGTHS:
        yield Ridge(alpha=1.0 / strength)
    if trees:
        yield HistGradientBoostingRegressor(max_iter=100, early_stopping=False, random_state=0)


def _several(
    items: LabelledItems, place: Ints, learned: Predictions, mean: Floats, scale: Floats
) -> Iterator[Predictions]:
    """One logistic regression a label; a label that all or none of the training items have keeps its share."""
    from sklearn.linear_model import LogisticRegression

    if learned.shape[1] > MOST_LABELS:
        return
    x = (items.features[items.train[place]] - mean) / scale
    for strength in STRENGTHS:
        answers = np.tile(learned.mean(axis=0), (len(items.ends), 1))
        for column in range(learned.shape[1]):
            if 0 < learned[:, column].sum() < len(learned):
                model = LogisticRegression(C=strength, max_iter=200).fit(x, learned[:, column])
                answers[:, column] = _by_parts(
                    items.features, mean, scale, lambda part, m=model: m.predict_proba(part)[:, 1:]
                )[:, 0]
        yield answers


def _standard(features: Floats, chosen: Ints) -> tuple[Floats, Floats]:
    """Mean and deviation over the chosen rows, shape (d,) each; the deviation of a constant column is 1."""
    rows = features[chosen].astype(np.float64)
    scale = rows.std(axis=0)
    scale[scale < 1e-9] = 1.0
    return rows.mean(axis=0).astype(np.float32), scale.astype(np.float32)


def _by_parts(features: Floats, mean: Floats, scale: Floats, answer: Any) -> Predictions:
    """Answers for all items, 8,192 at a time: standardised copies of all would be as large as the features."""
    parts = [answer((features[i : i + 8192] - mean) / scale) for i in range(0, len(features), 8192)]
    return np.concatenate(parts).astype(np.float64)


def _spread(model: Any, part: Floats, outputs: int) -> Predictions:
    """Probabilities of all classes; 0 for those without a training item, shape (rows, outputs)."""
    answers = np.zeros((len(part), outputs))
    answers[:, model.classes_] = model.predict_proba(part)
    return answers
