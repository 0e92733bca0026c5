"""What a pipeline definition leaves open until it runs: ``Get``, ``Std:Join``, ``Std:JsonGet``, and conditions.

Source: the JSON that the ``sagemaker`` SDK writes (definition version 2020-12-01).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from workflow.emulator.errors import invalid

_PART = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")
EXECUTION_VARIABLES = (
    "StartDateTime",
    "CurrentDateTime",
    "PipelineName",
    "PipelineArn",
    "PipelineExecutionId",
    "PipelineExecutionArn",
)


class Names(Protocol):
    """What an expression can ask for while a pipeline runs."""

    def parameter(self, name: str) -> Any:
        """The value of a parameter, in its type."""

    def variable(self, name: str) -> Any:
        """The value of one of EXECUTION_VARIABLES."""

    def properties(self, step: str) -> Any:
        """What is known of a step that has ended, as Describe tells it."""

    def property_file(self, step: str, name: str) -> bytes:
        """The content of a property file of a processing step."""

    def read(self, uri: str) -> bytes:
        """The object at an ``s3://`` address."""


def resolved(value: Any, names: Names) -> Any:
    """A part of a definition with every expression in it replaced. Raises ApiError for what cannot be found."""
    if isinstance(value, Mapping):
        match tuple(value):
            case ("Get",):
                return _got(str(value["Get"]), names)
            case ("Std:Join",):
                join = value["Std:Join"]
                return str(join.get("On", "")).join(as_text(resolved(part, names)) for part in join["Values"])
            case ("Std:JsonGet",):
                return _json_got(value["Std:JsonGet"], names)
            case _:
                return {name: resolved(part, names) for name, part in value.items()}
    if isinstance(value, list):
        return [resolved(part, names) for part in value]
    return value


def holds(condition: Mapping[str, Any], names: Names) -> bool:
    """Whether a condition of a Condition step is true. Raises ApiError for one that cannot be judged."""
    kind = condition.get("Type")
    match kind:
        case "Not":
            return not holds(condition["Condition"], names)
        case "Or":
            return any(holds(part, names) for part in condition["Conditions"])
        case "In":
            asked = resolved(condition["QueryValue"], names)
            return any(_alike(asked, resolved(part, names)) for part in condition["Values"])
        case "Equals" | "GreaterThan" | "GreaterThanOrEqualTo" | "LessThan" | "LessThanOrEqualTo":
            left, right = resolved(condition["LeftValue"], names), resolved(condition["RightValue"], names)
            return _compared(kind, left, right)
    raise invalid(f"a condition is of type {kind!r}, which there is not")


def references(value: Any) -> Iterator[str]:
    """Every address that is got in a part of a definition, such as ``Steps.Train.ModelArtifacts.S3ModelArtifacts``."""
    if isinstance(value, Mapping):
        if tuple(value) == ("Get",):
            yield str(value["Get"])
        else:
            for part in value.values():
                yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def as_text(value: Any) -> str:
    """A value as it appears in a text: whole numbers without a fraction, truth values in lower case."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def found(document: Any, path: str, what: str) -> Any:
    """The member of a document at a path: ``Outputs['model'].S3Output.S3Uri`` or ``a[0].b``.

    A list that is asked for a name gives its member of that name: the one whose ``…Name`` it is. Raises ApiError.
    """
    value, end = document, 0
    for match in _PART.finditer(path):
        if match.start() != end:
            break
        end = match.end()
        name = next((group for group in (match[1], match[3], match[4]) if group is not None), None)
        value = _member(value, name if name is not None else int(match[2]))
        if value is None:
            raise invalid(f"{what} has no {path[:end].lstrip('.')!r}")
    if end != len(path):
        raise invalid(f"{path!r} is no path; write a.b[0]['name']")
    return value


def _member(value: Any, key: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list) and isinstance(key, int):
        return value[key] if key < len(value) else None
    if isinstance(value, list):
        return next((entry for entry in value if isinstance(entry, Mapping) and _name_of(entry) == key), None)
    return None


def _name_of(entry: Mapping[str, Any]) -> Any:
    """The name by which a list knows an entry; an output also has other names in it, further in."""
    return next((value for member, value in entry.items() if member.endswith("Name")), None)


def _got(address: str, names: Names) -> Any:
    root, _, rest = address.partition(".")
    match root:
        case "Parameters":
            return names.parameter(rest)
        case "Execution":
            return names.variable(rest)
        case "Steps":
            step, path = step_and_path(address)
            return found(names.properties(step), path, f"step {step!r}")
    raise invalid(f"{address!r} is none of Parameters.…, Execution.… and Steps.…")


def step_and_path(address: str) -> tuple[str, str]:
    """``Train`` and ``ModelArtifacts.S3ModelArtifacts`` of ``Steps.Train.ModelArtifacts.S3ModelArtifacts``."""
    step, _, path = address.removeprefix("Steps.").partition(".")
    return step, path


def _json_got(asked: Mapping[str, Any], names: Names) -> Any:
    if "PropertyFile" in asked:
        step, path = step_and_path(str(asked["PropertyFile"]["Get"]))
        content, what = names.property_file(step, path.removeprefix("PropertyFiles.")), f"property file {path!r}"
    else:
        place = as_text(resolved(asked["S3Uri"], names))
        content, what = names.read(place), place
    try:
        document = json.loads(content)
    except ValueError as error:
        raise invalid(f"{what} is no JSON: {error}") from error
    return found(document, str(asked["Path"]).removeprefix("$").lstrip("."), what)


def _compared(kind: str, left: Any, right: Any) -> bool:
    if kind == "Equals":
        return _alike(left, right)
    if not (_is_number(left) and _is_number(right)) and not (isinstance(left, str) and isinstance(right, str)):
        raise invalid(f"{left!r} and {right!r} cannot be compared by {kind}: they are not of one type")
    match kind:
        case "GreaterThan":
            return bool(left > right)
        case "GreaterThanOrEqualTo":
            return bool(left >= right)
        case "LessThan":
            return bool(left < right)
        case _:
            return bool(left <= right)


def _alike(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def typed(kind: str, text: str, name: str) -> Any:
    """The value of a parameter from its text. Raises ApiError."""
    try:
        match kind:
            case "Integer":
                return int(text)
            case "Float":
                return float(text)
            case "Boolean":
                return {"true": True, "false": False}[text.lower()]
    except (ValueError, KeyError) as error:
        raise invalid(f"parameter {name!r} is {text!r}, and must be of type {kind}") from error
    return text


def one_of(value: Any, allowed: Sequence[Any]) -> bool:
    """Whether a parameter's value is among those that its definition allows; without a list every one is."""
    return not allowed or any(_alike(value, option) for option in allowed)
