"""What stands in a ``model-hpo-configuration.json`` that people edit, and cannot be or has no effect."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from ..models.families import families, family
from ..models.family import Family
from ..models.settings import declared, outside, parse
from ..schemas import DEFAULT_FAMILY, FAMILIES, HpoModel, HpoParameter, TaskType
from ..schemas.hyperparameters import EvalFrequency, EvalMetric, ModelHpoConfiguration
from .table import TASKS

#: the parameter that chooses among families, and the name that leaves the choice open
CHOICE, OPEN = "model", "auto"


@dataclass(frozen=True)
class Findings:
    """Sentences: ``faults`` no training could follow, ``idle`` is read and changes nothing."""

    faults: tuple[str, ...]
    idle: tuple[str, ...]


def examine(document: Mapping[str, Any], model: HpoModel) -> Findings:
    """Compare a file with what families declare.

    Args:
        document: the whole file.
        model: its one model, read; not a custom one.
    """
    parameters = [*model.tier1, *model.tier2, *model.tier3, *model.fixed]
    names, faults = _offered(model, parameters)
    offered = [family(name) for name in names]
    idle = [*_unknown_keys(document), *_frequency(model.eval_frequency)]
    faults += _metric(model)
    idle += [*_twice(parameters, names), *_beside_choice(model, parameters), *_definitions(model.eval_metric)]
    for parameter in parameters:
        if parameter.param == CHOICE:
            continue
        own = [
            one
            for one in offered
            if _counts(one, parameter.param, model.task_type)
            and (parameter.models is None or one.name in parameter.models)
        ]
        if not any(parameter.param in declared(one.settings) for one in families()):
            faults.append(f"no model has a hyperparameter {parameter.param!r}{_near(parameter.param, _every_name())}")
        elif not own:
            idle.append(_idle(parameter, model.task_type, names))
        else:
            faults += _values(parameter, own)
            idle += _without_effect(parameter, own)
    return Findings(tuple(dict.fromkeys(faults)), tuple(dict.fromkeys(idle)))


def _offered(model: HpoModel, parameters: Iterable[HpoParameter]) -> tuple[list[str], list[str]]:
    """The families that a trial may be of, and what is wrong with those that were named."""
    choice = next((p for p in parameters if p.param == CHOICE), None)
    listed = choice.options if choice is not None else None
    wanted = [str(name) for name in listed or [model.model] if name != OPEN]
    fitting, faults = [one.name for one in families(model.task_type)], []
    if listed == []:
        faults.append(f"'options' of {CHOICE!r} are none; name families, or take the parameter out")
    for name in dict.fromkeys([*wanted, model.model]):
        if name == OPEN:
            continue
        if name not in FAMILIES:
            faults.append(f"there is no model {name!r}{_near(name, fitting)}; {model.task_type} has {_all(fitting)}")
        elif name not in fitting:
            faults.append(f"model {name!r} does not learn {model.task_type}; these do: {_all(fitting)}")
    return [name for name in wanted if name in fitting] or ([] if wanted else fitting), faults


def _twice(parameters: Iterable[HpoParameter], names: Iterable[str]) -> Iterator[str]:
    """Parameters that stand twice for one family; of two values only one could count."""
    seen: dict[tuple[str, str], int] = {}
    for parameter in parameters:
        of = [CHOICE] if parameter.param == CHOICE else parameter.models or names
        for one in of:
            seen[parameter.param, one] = seen.get((parameter.param, one), 0) + 1
    for name in dict.fromkeys(name for (name, _), count in seen.items() if count > 1):
        yield f"{name!r} stands in the file more than once, and only one of them counts; leave that"


def _beside_choice(model: HpoModel, parameters: Iterable[HpoParameter]) -> Iterator[str]:
    """The member that names a family, where a parameter chooses it."""
    choice = next((parameter for parameter in parameters if parameter.param == CHOICE and parameter.options), None)
    if choice is not None and model.model not in (OPEN, DEFAULT_FAMILY):
        yield (
            f"'model': {model.model!r} has no effect beside the parameter {CHOICE!r}, whose options are "
            f"{_all(map(str, choice.options or ()))}; to train one model alone, leave it as the only option"
        )


def _definitions(metric: EvalMetric) -> Iterator[str]:
    if metric.metric_definitions:
        yield "'metric_definitions' has no effect: only the logs of custom models are read by them"


def _counts(one: Family, name: str, task: TaskType) -> bool:
    """Whether a family has a hyperparameter that changes something for a task."""
    known = declared(one.settings)
    if name not in known or name in one.unused:
        return False
    tasks = known[name][1].tasks
    return tasks is None or task in tasks


def _idle(parameter: HpoParameter, task: TaskType, names: Iterable[str]) -> str:
    others = [one.name for one in families(task) if _counts(one, parameter.param, task)]
    for_whom = _all(parameter.models or names) if others else f"a model of {task}"
    return f"{parameter.param!r} has no effect on {for_whom}" + (f"; it has on {_all(others)}" if others else "")


def _metric(model: HpoModel) -> Iterator[str]:
    if model.eval_metric.tuning_objective is not None:
        yield "'tuning_objective' is for custom models; name a 'metric'"
    metric, known = model.eval_metric.metric, TASKS[model.task_type].metrics
    if metric and metric not in known:
        yield f"there is no metric {metric!r} for {model.task_type}{_near(metric, known)}; it has {_all(known)}"


def _frequency(frequency: EvalFrequency) -> Iterator[str]:
    if frequency != EvalFrequency():
        yield "'eval_frequency' has no effect: every epoch is evaluated"


def _values(parameter: HpoParameter, owners: Iterable[Family]) -> Iterator[str]:
    """What no owner can be given."""
    values = [*(parameter.range or ()), *(parameter.options or ())]
    whole = any(outside(declared(owner.settings)[parameter.param][0]) == "int" for owner in owners)
    if parameter.range is not None and (parameter.type not in ("int", "float") or (whole and parameter.type != "int")):
        wanted = "whole numbers, 'int'" if whole else "numbers, 'float'"
        yield f"{parameter.param!r} is searched as type {parameter.type!r}, and its range is of {wanted}"
    if parameter.default is not None:
        values.append(parameter.default)
    for owner in owners:
        for value in values:
            text = json.dumps(value) if isinstance(value, list | bool) else str(value)
            try:
                parse(owner.settings, {parameter.param: text})
            except ValueError as error:
                yield str(error)


def _without_effect(parameter: HpoParameter, owners: Iterable[Family]) -> Iterator[str]:
    if not parameter.options and parameter.range is None and parameter.default is None and parameter.type != "bool":
        yield f"{parameter.param!r} has no effect, for it says no value; give 'default', 'options' or 'range'"
    if parameter.options and parameter.range is not None:
        yield f"'range' of {parameter.param!r} has no effect beside its 'options'"
    for owner in owners:
        entry, what = declared(owner.settings)[parameter.param]
        if what.idle and (parameter.options or parameter.default not in (None, entry.default)):
            yield f"{parameter.param!r} has no effect: {what.idle}"


def _unknown_keys(document: Mapping[str, Any]) -> Iterator[str]:
    """Members that nobody reads, at every level."""
    yield from _beside(document, ModelHpoConfiguration, "the file")
    for model in document.get("models") or ():
        yield from _beside(model, HpoModel, "the model")
        yield from _beside(model.get("eval_metric") or {}, EvalMetric, "eval_metric")
        yield from _beside(model.get("eval_frequency") or {}, EvalFrequency, "eval_frequency")
        for tier in model.values():
            if isinstance(tier, list):
                for entry in tier:
                    yield from _beside(entry, HpoParameter, f"{entry.get('param')!r}")


def _beside(entry: Mapping[str, Any], shape: type[BaseModel], where: str) -> Iterator[str]:
    known = {*shape.model_fields, *(field.alias for field in shape.model_fields.values() if field.alias)}
    for name in sorted({*entry} - known):
        yield f"{where}: {name!r} is not known and was ignored{_near(name, known)}"


def _every_name() -> set[str]:
    return {name for one in families() for name in declared(one.settings)}


def _near(name: str, known: Iterable[str]) -> str:
    """The known name that is likeliest meant, as the end of a clause; nothing where none is near."""
    wanted, names = name.replace("_", "-").lower(), [*known]
    begun = [one for one in names if wanted.startswith(one.lower()) or one.lower().startswith(wanted)]
    close = sorted(begun, key=len, reverse=True) or get_close_matches(wanted, names, 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _all(names: Iterable[str]) -> str:
    return ", ".join(names)
