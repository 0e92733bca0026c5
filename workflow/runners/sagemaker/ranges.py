"""Our search space as SageMaker's tuner takes it: ranges and static hyperparameters, all of it text.

Parameters that belong to some model families only become a training job definition a family: SageMaker knows no
parameter that depends on another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from workflow.tuning.space import FAMILY, Dimension, Space

MOST_VALUES = 30  # of a categorical range
Ranges = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Searched:
    """What is searched for one model family.

    Attributes:
        ranges: ``ParameterRanges``.
        static: the hyperparameters of every trial.
    """

    family: str
    ranges: Ranges
    static: Mapping[str, str]


def searched(space: Space, family: str) -> Searched:
    """The ranges and static hyperparameters of a family."""
    ranges: Ranges = {}
    layers: dict[str, list[Dimension]] = {}
    for dimension in space.relevant(family):
        name = parameter(dimension)
        base, bracket, _ = name.partition("[")
        if bracket:
            layers.setdefault(base, []).append(dimension)
            continue
        kind, entry = _range(name, dimension)
        ranges.setdefault(kind, []).append(entry)
    for base, dimensions in layers.items():
        # one list a trial: SageMaker draws whole lists
        combined = [json.dumps(list(values)) for values in product(*(dimension.options for dimension in dimensions))]
        ranges.setdefault("CategoricalParameterRanges", []).append({"Name": base, "Values": _spread(combined)})
    return Searched(family, ranges, space.arguments({FAMILY: family}))


def sample_of(space: Space, family: str, drawn: Mapping[str, str]) -> dict[str, Any]:
    """What SageMaker has drawn, as a sample of the space.

    Args:
        drawn: ``TunedHyperParameters`` of a trial.
    """
    sample: dict[str, Any] = {} if FAMILY in space.fixed else {FAMILY: family}
    for dimension in space.relevant(family):
        base, bracket, index = parameter(dimension).partition("[")
        if base not in drawn:
            continue
        text = drawn[base]
        if bracket:
            text = json.dumps(json.loads(text)[int(index.rstrip("]"))])
        sample[dimension.name] = _value(dimension, text)
    return sample


def parameter(dimension: Dimension) -> str:
    """The name of a dimension's parameter, without the families that it is of."""
    return dimension.name.partition("@")[0]


def _range(name: str, dimension: Dimension) -> tuple[str, dict[str, Any]]:
    options = dimension.options
    if not options:
        kind = "IntegerParameterRanges" if dimension.integer else "ContinuousParameterRanges"
        whole = int if dimension.integer else float
        return kind, {
            "Name": name,
            "MinValue": str(whole(dimension.low)),
            "MaxValue": str(whole(dimension.high)),
            "ScalingType": "Logarithmic" if dimension.log else "Linear",
        }
    if dimension.ordered and len(options) > 1 and _is_every_integer(options):
        ends = {"MinValue": str(options[0]), "MaxValue": str(options[-1])}
        return "IntegerParameterRanges", {"Name": name, **ends, "ScalingType": "Linear"}
    return "CategoricalParameterRanges", {"Name": name, "Values": _spread([text_of(option) for option in options])}


def _is_every_integer(options: Sequence[Any]) -> bool:
    whole = all(isinstance(option, int) and not isinstance(option, bool) for option in options)
    return whole and list(options) == list(range(options[0], options[-1] + 1))


def _spread(values: Sequence[str]) -> list[str]:
    """At most as many values as a categorical range may have, evenly spread, both ends among them."""
    if len(values) <= MOST_VALUES:
        return list(values)
    return [values[round(place * (len(values) - 1) / (MOST_VALUES - 1))] for place in range(MOST_VALUES)]


def text_of(value: Any) -> str:
    """A value as a hyperparameter."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)


def _value(dimension: Dimension, text: str) -> Any:
    if dimension.options:
        return next((option for option in dimension.options if text_of(option) == text), text)
    return int(float(text)) if dimension.integer else float(text)
