"""Scaling of node properties, component by component, and of the scores of other algorithms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from ..container import JobError
from ..projections import Floats, GraphView
from .outcome import Outcome

Statistics = dict[str, float]


def _divided(values: Floats, by: float) -> Floats:
    return values / by if by else np.zeros_like(values)


def _min_max(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    low, high = float(np.nanmin(x)), float(np.nanmax(x))
    return _divided(x - low, high - low), {"min": low, "max": high}


def _max(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    most = float(np.nanmax(np.abs(x)))
    return _divided(x, most), {"absMax": most}


def _mean(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    low, high, average = float(np.nanmin(x)), float(np.nanmax(x)), float(np.nanmean(x))
    return _divided(x - average, high - low), {"avg": average, "min": low, "max": high}


def _log(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(x + offset), {}


def _standard(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    average, spread = float(np.nanmean(x)), float(np.nanstd(x))
    return _divided(x - average, spread), {"avg": average, "std": spread}


def _center(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    average = float(np.nanmean(x))
    return x - average, {"avg": average}


def _none(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    return x, {}


def _l1(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    return _divided(x, float(np.nansum(np.abs(x)))), {}


def _l2(x: Floats, offset: float) -> tuple[Floats, Statistics]:
    return _divided(x, float(np.sqrt(np.nansum(x * x)))), {}


SCALERS: Final[dict[str, Callable[[Floats, float], tuple[Floats, Statistics]]]] = {
    "NONE": _none,
    "MINMAX": _min_max,
    "MAX": _max,
    "MEAN": _mean,
    "LOG": _log,
    "STDSCORE": _standard,
    "CENTER": _center,
    "L1NORM": _l1,
    "L2NORM": _l2,
}


def scaler_of(given: Any) -> tuple[str, float]:
    """The name of a scaler in upper case, and its offset; from a text or a map with ``type``. Raises JobError."""
    named = given if isinstance(given, Mapping) else {"type": given}
    name, offset = str(named.get("type", "")).upper(), named.get("offset", 0.0)
    if name not in SCALERS or isinstance(offset, bool) or not isinstance(offset, int | float):
        raise JobError(f"Unrecognised scaler {given!r}; there are {', '.join(SCALERS)}")
    return name, float(offset)


def scaled(values: Floats, given: Any) -> tuple[Floats, list[Statistics]]:
    """Values after a scaler, column by column, (n,) or (n, d) as given, and what each column was fitted with."""
    name, offset = scaler_of(given)
    if values.ndim == 1:
        column, statistics = SCALERS[name](values, offset)
        return column, [statistics]
    if not len(values):
        return values, []
    parts = [SCALERS[name](values[:, place], offset) for place in range(values.shape[1])]
    return np.stack([column for column, _ in parts], axis=1), [statistics for _, statistics in parts]


def scale_properties(view: GraphView, options: Mapping[str, Any]) -> Outcome:
    """Scaled properties side by side, float64, shape (n, width); always a list for every node."""
    given = options["nodeProperties"]
    names = [given] if isinstance(given, str) else list(given)
    columns, statistics = [], {}
    for name in names:
        values = view.matrix([name])
        column, fitted = scaled(values, options["scaler"])
        columns.append(column)
        keys = dict.fromkeys(key for one in fitted for key in one)
        statistics[name] = {key: [one[key] for one in fitted] for key in keys}
    return Outcome({"scaledProperty": np.concatenate(columns, axis=1)}, {"scalerStatistics": statistics})
