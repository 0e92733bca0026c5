"""All floors of label tasks, and each at its best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from .bias import bias
from .constant import constant
from .features import features_alone
from .items import Fitted, LabelledItems, Predictions
from .propagation import propagation

Floor = Callable[[LabelledItems], Iterator[Fitted]]

#: each gives what it is under one setting after the other, none where it does not apply
LABEL_FLOORS: Mapping[str, Floor] = {
    "constant": constant,
    "features_alone": features_alone,
    "label_propagation": propagation,
    "bias": bias,
}


def label_floors(items: LabelledItems, goodness: Callable[[Predictions], float]) -> dict[str, Fitted]:
    """Every floor that applies, each under the setting that is best on the items to choose by.

    Args:
        items: what floors may look at.
        goodness: of predictions for all items, judged on the items to choose by; higher is better.

    Returns:
        By name; of equally good settings the first.
    """
    found: dict[str, Fitted] = {}
    for name, floor in LABEL_FLOORS.items():
        best = -np.inf
        for fitted in floor(items):
            value = goodness(fitted.predictions)
            value = -np.inf if np.isnan(value) else value
            if name not in found or value > best:
                found[name], best = fitted, value
    return found
