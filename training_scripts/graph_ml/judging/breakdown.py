"""Where a model is right and where it is not: by class, by probability, by degree."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..graph import Labels
from ..schemas.model import SPLIT_NAMES, Breakdown, ByClass, ByDegree, Reliability, Split
from .metrics import average_precision

Floats = npt.NDArray[np.floating]
Ints = npt.NDArray[np.int64]

#: classes up to which their table of confusion is shown
MOST_CLASSES = 20
BINS = 10
#: ends of the groups of degrees: 0, 1, 2 to 3, 4 to 7, …
DEGREES = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)


def of_labels(split: Split, labels: Labels, predicted: Floats, items: Ints, degrees: Ints) -> Breakdown:
    """The breakdown of label predictions.

    Args:
        split: of the items.
        labels: of all items.
        predicted: probabilities (n, classes) or numbers (n, 1) of the items.
        items: positions, shape (n,).
        degrees: of each item; of an edge the smaller one of its ends, shape (n,).
    """
    truth = np.asarray(labels.values)[items]
    if labels.kind == "number":
        error = np.abs(predicted[:, 0] - truth)
        return Breakdown(split=SPLIT_NAMES[split], by_degree=by_degree("mae", error, degrees))
    several = labels.kind == "classes"
    actual = truth > 0.5 if several else truth[:, None] == np.arange(len(labels.classes))
    best = predicted.argmax(axis=1)
    said = predicted >= 0.5 if several else best[:, None] == np.arange(len(labels.classes))
    right = (said == actual).mean(axis=1) if several else (best == truth).astype(np.float64)
    confusion: list[list[int]] = []
    if not several and len(labels.classes) <= MOST_CLASSES:
        table = np.zeros((len(labels.classes),) * 2, dtype=np.int64)
        np.add.at(table, (truth.astype(np.int64), best), 1)
        confusion = table.tolist()
    sure, came = (predicted.ravel(), actual.ravel()) if several else (predicted.max(axis=1), best == truth)
    return Breakdown(
        split=SPLIT_NAMES[split],
        classes=list(labels.classes) if confusion else [],
        confusion=confusion,
        by_class=by_class(labels.classes, actual, said, predicted),
        reliability=reliability(sure, came),
        by_degree=by_degree("acc", right, degrees),
    )


def of_links(
    split: Split, reciprocal: Floats, degrees: Ints, probability: Floats, linked: npt.NDArray[np.bool_]
) -> Breakdown:
    """The breakdown of ranks and link probabilities.

    Args:
        split: of the links.
        reciprocal: 1 / rank of every query, shape (q,).
        degrees: of every query's vertex among the training links, shape (q,).
        probability: of links and of pairs without one, shape (p,).
        linked: which of them are links, shape (p,).
    """
    return Breakdown(
        split=SPLIT_NAMES[split],
        reliability=reliability(probability, linked),
        by_degree=by_degree("mrr", reciprocal, degrees),
    )


def by_class(
    names: tuple[str, ...], actual: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_], scores: Floats
) -> list[ByClass]:
    """Precision, recall, F1 and average precision of at most 100 classes that occur; (n, c) each."""
    found = []
    for place in np.argsort(-actual.sum(axis=0), kind="stable")[:100].tolist():
        count, hits = int(actual[:, place].sum()), int((actual[:, place] & said[:, place]).sum())
        if count:
            called = int(said[:, place].sum())
            found.append(
                ByClass(
                    name=names[place],
                    count=count,
                    precision=hits / called if called else 0.0,
                    recall=hits / count,
                    f1=2 * hits / (called + count),
                    average_precision=average_precision(scores[:, place], actual[:, place]),
                )
            )
    return found


def reliability(said: Floats, came: npt.NDArray[np.bool_]) -> list[Reliability]:
    """Reliability by tenths of probability, (n,): how many items, their mean probability, the share that came true."""
    place = np.clip((np.asarray(said) * BINS).astype(np.int64), 0, BINS - 1)
    return [
        Reliability(count=int(mask.sum()), said=float(np.mean(said[mask])), came_true=float(np.mean(came[mask])))
        for mask in (place == number for number in range(BINS))
        if mask.any()
    ]


def by_degree(metric: str, values: Floats, degrees: Ints) -> list[ByDegree]:
    """The mean of a figure, (n,), by groups of degrees that double; groups without an item are left out."""
    place = np.searchsorted(np.array(DEGREES), degrees, side="right") - 1
    found = []
    for number in np.unique(place).tolist():
        low = DEGREES[number]
        high = DEGREES[number + 1] - 1 if number + 1 < len(DEGREES) else None
        chosen = place == number
        found.append(
            ByDegree(low=low, high=high, count=int(chosen.sum()), metric=metric, value=float(values[chosen].mean()))
        )
    return found
