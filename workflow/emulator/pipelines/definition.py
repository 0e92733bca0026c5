"""A pipeline definition, checked: its parameters, and its steps in one flat list that says what waits for what."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workflow.emulator.errors import ApiError, invalid
from workflow.emulator.pipelines.expressions import EXECUTION_VARIABLES, one_of, references, step_and_path, typed

VERSION = "2020-12-01"
STEP_TYPES = (
    *("Processing", "Training", "Tuning", "Transform", "Model", "EndpointConfig", "Endpoint"),
    *("Condition", "Fail"),
)
PARAMETER_TYPES = ("String", "Integer", "Float", "Boolean")
MOST_STEPS = 50
_DURATION = re.compile(
    r"P?(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE
)
_UNITS_S = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3600, 60, 1)
_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9_])*")


@dataclass(frozen=True)
class PlannedStep:
    """One step.

    Attributes:
        document: the step as the definition has it.
        after: the steps that must have succeeded before.
        branch: the Condition step that it belongs to, and by which outcome it is taken.
    """

    name: str
    type: str
    document: Mapping[str, Any]
    after: frozenset[str]
    branch: tuple[str, bool] | None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What is asked for, with its expressions."""
        arguments: Mapping[str, Any] = self.document.get("Arguments") or {}
        return arguments


@dataclass(frozen=True)
class PipelineDefinition:
    """The parameters by name, and every step, those of conditions too."""

    parameters: Mapping[str, Mapping[str, Any]]
    steps: tuple[PlannedStep, ...]

    def values(self, given: Mapping[str, str]) -> dict[str, Any]:
        """The values of all parameters of an execution. Raises ApiError for one that is unknown, missing or wrong."""
        unknown = sorted(set(given) - set(self.parameters))
        if unknown:
            raise invalid(f"the pipeline has no parameters {', '.join(unknown)}")
        values: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            if name in given:
                values[name] = typed(str(parameter["Type"]), given[name], name)
            elif "DefaultValue" in parameter:
                values[name] = parameter["DefaultValue"]
            else:
                raise invalid(f"parameter {name!r} has no default value; give it one in PipelineParameters")
            if not one_of(values[name], parameter.get("EnumValues") or ()):
                raise invalid(f"parameter {name!r} is {values[name]!r}, and must be one of {parameter['EnumValues']}")
        return values


def read_definition(text: str) -> PipelineDefinition:
    """Read and check a definition. Raises ApiError that says what is wrong with it."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise _wrong(f"it is no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("Version") != VERSION:
        raise _wrong(f"its Version must be {VERSION!r}")
    parameters = {str(parameter.get("Name")): parameter for parameter in document.get("Parameters") or ()}
    for name, parameter in parameters.items():
        if parameter.get("Type") not in PARAMETER_TYPES:
            raise _wrong(f"parameter {name!r} must be of one of the types {', '.join(PARAMETER_TYPES)}")
    steps = tuple(_flat(document.get("Steps") or (), None))
    if not 1 <= len(steps) <= MOST_STEPS:
        raise _wrong(f"it has {len(steps)} steps, and must have 1 to {MOST_STEPS}")
    known = {step.name: step for step in steps}
    if len(known) < len(steps):
        raise _wrong("step names must be unique within a pipeline")
    for step in steps:
        _check_references(step, known, parameters)
    _check_order(known)
    return PipelineDefinition(parameters, steps)


def seconds_of(duration: str) -> float | None:
    """The seconds of a duration as ISO 8601 writes it, ``P30D``; None for what is none."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        return None
    return float(sum(int(count) * unit for count, unit in zip(found.groups(), _UNITS_S, strict=True) if count))


def _wrong(why: str) -> ApiError:
    return invalid(f"Unable to parse pipeline definition: {why}.")


def _flat(steps: Iterable[Mapping[str, Any]], branch: tuple[str, bool] | None) -> Iterable[PlannedStep]:
    for document in steps:
        name, kind = str(document.get("Name", "")), str(document.get("Type", ""))
        if not _NAME.fullmatch(name) or len(name) > 64:
            raise _wrong(f"{name!r} is no name of a step: at most 64 letters, digits and inner hyphens")
        if kind not in STEP_TYPES:
            known = ", ".join(STEP_TYPES)
            raise ApiError(
                "NotEmulatedException",
                f"step {name!r} is of type {kind!r}; emulated steps are of the types {known}",
                501,
            )
        expires = (document.get("CacheConfig") or {}).get("ExpireAfter")
        if expires and seconds_of(str(expires)) is None:
            raise _wrong(f"step {name!r} has ExpireAfter {expires!r}, which is no duration; write P30D or PT1H")
        arguments = document.get("Arguments") or {}
        asked = arguments
        if kind == "Condition":
            asked = {"Conditions": arguments.get("Conditions") or []}
        after = {step_and_path(address)[0] for address in references(asked) if address.startswith("Steps.")}
        after |= {str(other) for other in document.get("DependsOn") or ()}
        if branch is not None:
            after.add(branch[0])
        yield PlannedStep(name, kind, document, frozenset(after), branch)
        if kind == "Condition":
            yield from _flat(arguments.get("IfSteps") or (), (name, True))
            yield from _flat(arguments.get("ElseSteps") or (), (name, False))


def _check_references(
    step: PlannedStep, known: Mapping[str, PlannedStep], parameters: Mapping[str, Mapping[str, Any]]
) -> None:
    for other in step.after:
        if other not in known:
            raise _wrong(f"step {step.name!r} names a step {other!r}, which there is not")
    for address in references(step.arguments):
        root, _, rest = address.partition(".")
        allowed = {"Parameters": parameters, "Execution": EXECUTION_VARIABLES, "Steps": (rest,)}.get(root, ())
        if rest not in allowed:
            raise _wrong(f"step {step.name!r} gets {address!r}, which there is not")
        if root == "Steps" and ".PropertyFiles." in address:
            owner, path = step_and_path(address)
            files = [entry.get("PropertyFileName") for entry in known[owner].document.get("PropertyFiles") or ()]
            if path.removeprefix("PropertyFiles.") not in files:
                raise _wrong(f"step {step.name!r} gets {address!r}, but {owner!r} has no such property file")


def _check_order(known: Mapping[str, PlannedStep]) -> None:
    """No step may wait for itself, over however many others."""
    waiting = {name: set(step.after) for name, step in known.items()}
    while free := [name for name, after in waiting.items() if not after]:
        for name in free:
            del waiting[name]
        for after in waiting.values():
            after.difference_update(free)
    if waiting:
        raise _wrong(f"its steps wait for each other: {', '.join(sorted(waiting))}")
