"""The search space of ``model-hpo-configuration.json`` under a budget of trials.

Source: user guide, machine-learning-customizing-hyperparams. Where the page leaves a gap, the reading is ours and said
beside the code.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from training_scripts.graph_ml.schemas import DEFAULT_FAMILY, HpoModel, HpoParameter
from workflow.errors import InvalidParameter

FAMILY = "model"  # the parameter that chooses a model family
_UNITS = {"perM": 1_000_000, "per10M": 10_000_000, "per100M": 100_000_000}

# Neptune's families, for a configuration that names one and offers no choice
AUTO = "auto"


class BadSearchSpace(InvalidParameter):
    """A parameter of model-hpo-configuration.json that cannot be searched."""

    def __init__(self, parameter: str, why: str) -> None:
        super().__init__(f"model-hpo-configuration.json, parameter {parameter!r}: {why}")
        self.parameter = parameter


@dataclass(frozen=True)
class Dimension:
    """One thing to choose.

    ``name`` is the parameter's, with ``@families`` behind it where only some families have it: two families may search
    the same parameter in different ranges. Either ``options`` (a finite choice; ``ordered`` when neighbours resemble
    each other) or a range from ``low`` to
    ``high``. ``families`` restricts it to some model families.
    """

    name: str
    options: tuple[Any, ...] = ()
    ordered: bool = False
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    integer: bool = False
    default: Any = None
    families: frozenset[str] | None = None

    def applies_to(self, family: str | None) -> bool:
        """Whether a trial of this family has the parameter."""
        return self.families is None or family is None or family in self.families


@dataclass(frozen=True)
class Space:
    """What is searched and what is fixed, the latter by family where ``fixed_by_family`` says so.

    A *sample* maps dimension names to values; ``arguments`` turns it into what a training script is given.
    """

    dimensions: tuple[Dimension, ...]
    fixed: Mapping[str, Any]
    fixed_by_family: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def families(self) -> tuple[str, ...]:
        """The model families a trial may be of."""
        for dimension in self.dimensions:
            if dimension.name == FAMILY:
                return tuple(str(option) for option in dimension.options)
        return (str(self.fixed[FAMILY]),)

    def family(self, sample: Mapping[str, Any]) -> str:
        """The family of a sample."""
        return str(sample.get(FAMILY, self.fixed.get(FAMILY)))

    def relevant(self, family: str) -> tuple[Dimension, ...]:
        """What there is to choose for a family, the family itself left out."""
        return tuple(d for d in self.dimensions if d.name != FAMILY and d.applies_to(family))

    def defaults(self, family: str) -> dict[str, Any]:
        """The sample a cautious person would begin with."""
        sample = {d.name: d.default for d in self.relevant(family)}
        return {FAMILY: family, **sample} if FAMILY not in self.fixed else sample

    def arguments(self, sample: Mapping[str, Any]) -> dict[str, str]:
        """Hyperparameters as text: the sample over what is fixed, the candidates of each layer joined to one list."""
        by_family = self.fixed_by_family.get(self.family(sample), {})
        chosen = {name.partition("@")[0]: value for name, value in sample.items()}
        values = {**self.fixed, **by_family, **chosen}
        layers: dict[str, dict[int, Any]] = {}
        for name in list(values):
            base, bracket, index = name.partition("[")
            if bracket:
                layers.setdefault(base, {})[int(index.rstrip("]"))] = values.pop(name)
        depth = int(values.get("num-layer", 0)) or None
        for base, by_layer in layers.items():
            values[base] = [by_layer[index] for index in sorted(by_layer)][:depth]
        return {name: _text(value) for name, value in values.items() if value is not None}


def build_space(model: HpoModel, budget: int, nodes: int = 0, edges: int = 0, family: str | None = None) -> Space:
    """The space of a configuration.

    Args:
        model: the one entry of ``models``.
        budget: how many trials there will be; it decides which tiers are tuned. A single one compares no families.
        nodes: of the graph, for ``node_strategy``; 0 leaves ranges as they are.
        edges: of the graph, for ``edge_strategy``.
        family: the ``modelName`` of the request; it wins only where the configuration offers a choice.

    Raises BadSearchSpace for a parameter that has neither range, options nor default.
    """
    tuned = tuned_tiers(budget)
    dimensions: list[Dimension] = []
    fixed: dict[str, Any] = {FAMILY: model.model}
    by_family: dict[str, dict[str, Any]] = {}

    def fix(parameter: HpoParameter, value: Any) -> None:
        for target in [by_family.setdefault(name, {}) for name in parameter.models] if parameter.models else [fixed]:
            target[parameter.param] = value

    for tier, parameters in enumerate((model.tier1, model.tier2, model.tier3, model.fixed), start=1):
        for parameter in parameters:
            if parameter.param == FAMILY:
                choice = _family_choice(parameter, family, tier <= tuned and budget > 1)
                fixed.pop(FAMILY, None)
                if isinstance(choice, str):
                    fixed[FAMILY] = choice
                else:
                    dimensions.insert(0, choice)
            elif tier <= tuned and tier < 4:
                for dimension in _dimensions(parameter, nodes, edges):
                    if dimension.options or dimension.low != dimension.high:
                        dimensions.append(dimension)
                    else:
                        fix(parameter, _whole(dimension.low))
            elif parameter.default is not None:
                fix(parameter, _cast(parameter, parameter.default))
    if fixed.get(FAMILY) == AUTO:  # the file leaves it open and lists no options
        fixed[FAMILY] = family if family not in (None, AUTO) else DEFAULT_FAMILY
    return Space(tuple(dimensions), fixed, by_family)


def tuned_tiers(budget: int) -> int:
    """How many tiers are searched. Exactly 10 and exactly 50 belong to the smaller side, as the page words it."""
    if budget <= 10:
        return 1
    return 2 if budget <= 50 else 3


def _family_choice(parameter: HpoParameter, family: str | None, tuned: bool) -> Dimension | str:
    options = tuple(str(option) for option in parameter.options or ())
    if family is not None and family != AUTO and (not options or family in options):
        return family
    if not options:
        return str(parameter.default or AUTO)
    if not tuned and parameter.default is not None:
        return str(parameter.default)
    if len(options) == 1:
        return options[0]
    return Dimension(FAMILY, options=options, default=parameter.default or options[0])


def _dimensions(parameter: HpoParameter, nodes: int, edges: int) -> list[Dimension]:
    families = frozenset(parameter.models) if parameter.models else None
    suffix = "@" + "+".join(sorted(families)) if families else ""
    options = parameter.options
    if options and isinstance(options[0], list):
        # fanout: one list of candidates for each layer there could be (our reading of the sample on the page)
        defaults = parameter.default if isinstance(parameter.default, list) else []
        return [
            Dimension(
                f"{parameter.param}[{layer}]{suffix}",
                options=tuple(candidates),
                ordered=True,
                default=defaults[layer] if layer < len(defaults) else candidates[0],
                families=families,
            )
            for layer, candidates in enumerate(options)
        ]
    if options:
        default = parameter.default if parameter.default is not None else options[0]
        ordered = all(isinstance(option, int | float) and not isinstance(option, bool) for option in options)
        values = tuple(_cast(parameter, option) for option in options)
        return [
            Dimension(parameter.param + suffix, values, ordered, default=_cast(parameter, default), families=families)
        ]
    if parameter.range is not None:
        return [_ranged(parameter, suffix, families, nodes, edges)]
    if parameter.type == "bool":
        default = _cast(parameter, parameter.default) if parameter.default is not None else True
        return [Dimension(parameter.param + suffix, (True, False), default=default, families=families)]
    if parameter.default is not None:
        value = _cast(parameter, parameter.default)
        return [Dimension(parameter.param + suffix, (value,), default=value, families=families)]
    raise BadSearchSpace(parameter.param, "give 'range', 'options' or 'default'")


def _ranged(parameter: HpoParameter, suffix: str, families: frozenset[str] | None, nodes: int, edges: int) -> Dimension:
    assert parameter.range is not None
    low, high = sorted(parameter.range)
    if not (math.isfinite(low) and math.isfinite(high)):
        raise BadSearchSpace(parameter.param, "the ends of 'range' must be finite numbers")
    high = max(low, _scaled(low, high, parameter, nodes, edges))
    integer = parameter.type == "int"
    name, strategy = parameter.param + suffix, parameter.inc_strategy or "linear"
    if strategy == "log" and low <= 0:
        raise BadSearchSpace(name, f"a logarithmic range cannot begin at {low:g}; begin above zero")
    if strategy == "power2":
        values = tuple(_powers_of_two(low, high, integer))
        return Dimension(name, values, ordered=True, default=_default(parameter, low, high, values), families=families)
    if strategy == "linear" and (integer or parameter.inc_val):
        step = parameter.inc_val or 1
        if step <= 0 or (high - low) / step > 1_000_000:
            raise BadSearchSpace(name, f"a step of {step:g} does not divide {low:g} to {high:g} sensibly")
        count = math.floor((high - low) / step + 1e-9) + 1
        values = tuple(round(low + i * step) if integer else low + i * step for i in range(count))
        return Dimension(name, values, ordered=True, default=_default(parameter, low, high, values), families=families)
    return Dimension(
        name,
        low=low,
        high=high,
        log=strategy == "log",
        integer=integer,
        default=_default(parameter, low, high, ()),
        families=families,
    )


def _scaled(low: float, high: float, parameter: HpoParameter, nodes: int, edges: int) -> float:
    """The upper end for a graph of this size.

    The page says that the range depends on the number of nodes or edges per unit and gives no formula. Ours: the upper
    end shrinks in proportion once there are more than one unit of them, since each pass over the graph does more then.
    """
    for strategy, count in ((parameter.node_strategy, nodes), (parameter.edge_strategy, edges)):
        if strategy is not None and count > _UNITS[strategy]:
            high = max(low, high * _UNITS[strategy] / count)
    return high


def _powers_of_two(low: float, high: float, integer: bool) -> list[float]:
    values: list[float] = [] if low > 0 else [0 if integer else 0.0]
    exponent = math.ceil(math.log2(low)) if low > 0 else (0 if integer else -10)
    while 2.0**exponent <= high:
        values.append(2**exponent if exponent >= 0 else 2.0**exponent)
        exponent += 1
    return values or [_whole(low)]


def _default(parameter: HpoParameter, low: float, high: float, values: Sequence[Any]) -> Any:
    """The configured default, or the middle: by ratio for scales that grow by ratio, by difference for the others."""
    if parameter.default is not None:
        return _cast(parameter, parameter.default)
    if values:
        return values[len(values) // 2]
    middle = math.sqrt(low * high) if parameter.inc_strategy == "log" else (low + high) / 2
    return round(middle) if parameter.type == "int" else middle


def _cast(parameter: HpoParameter, value: Any) -> Any:
    """Defaults are "strings" on the page and numbers in its sample: take both."""
    if isinstance(value, list):
        return value
    try:
        match parameter.type:
            case "bool":
                return value if isinstance(value, bool) else str(value).strip().lower() in ("true", "1", "yes")
            case "int":
                return int(float(value))
            case "float":
                return _finite(float(value))
            case "str":
                return str(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise BadSearchSpace(parameter.param, f"{value!r} is not of type {parameter.type}") from error


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number to train with")
    return value


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value)
