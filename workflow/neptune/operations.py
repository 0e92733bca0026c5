"""The sixteen machine-learning operations as a table, and how a request is read by its row.

Names, methods and paths are those of botocore's ``neptunedata`` model (2023-08-01); a test compares every member.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from workflow.errors import BadRequest, InvalidParameter, MissingParameter
from workflow.neptune.fields import LONGEST_TEXT, Lenient
from workflow.neptune.requests import (
    CreateEndpoint,
    GetResource,
    ListResources,
    StartDataProcessing,
    StartModelTraining,
    StartModelTransform,
    StopResource,
)
from workflow.neptune.responses import (
    DataProcessingStatus,
    EndpointStatus,
    Listed,
    ModelTrainingStatus,
    ModelTransformStatus,
    Started,
    Stopped,
)

Kind = Literal["dataprocessing", "modeltraining", "modeltransform", "endpoints"]
Verb = Literal["start", "get", "list", "stop"]

KINDS: tuple[Kind, ...] = ("dataprocessing", "modeltraining", "modeltransform", "endpoints")


@dataclass(frozen=True)
class Operation:
    """One operation: its name in botocore's model, where it lives, and its request and answer."""

    name: str
    kind: Kind
    verb: Verb
    method: Literal["GET", "POST", "DELETE"]
    path: str
    request: type[Lenient]
    response: type[BaseModel]


def _rows(
    kind: Kind, start: tuple[str, type[Lenient]], get: tuple[str, type[BaseModel]], listing: str, stop: str
) -> list[Operation]:
    base = f"/ml/{kind}"
    return [
        Operation(start[0], kind, "start", "POST", base, start[1], Started),
        Operation(get[0], kind, "get", "GET", base + "/{id}", GetResource, get[1]),
        Operation(listing, kind, "list", "GET", base, ListResources, Listed),
        Operation(stop, kind, "stop", "DELETE", base + "/{id}", StopResource, Stopped),
    ]


OPERATIONS: dict[str, Operation] = {
    row.name: row
    for row in [
        *_rows(
            "dataprocessing",
            ("StartMLDataProcessingJob", StartDataProcessing),
            ("GetMLDataProcessingJob", DataProcessingStatus),
            "ListMLDataProcessingJobs",
            "CancelMLDataProcessingJob",
        ),
        *_rows(
            "modeltraining",
            ("StartMLModelTrainingJob", StartModelTraining),
            ("GetMLModelTrainingJob", ModelTrainingStatus),
            "ListMLModelTrainingJobs",
            "CancelMLModelTrainingJob",
        ),
        *_rows(
            "modeltransform",
            ("StartMLModelTransformJob", StartModelTransform),
            ("GetMLModelTransformJob", ModelTransformStatus),
            "ListMLModelTransformJobs",
            "CancelMLModelTransformJob",
        ),
        *_rows(
            "endpoints",
            ("CreateMLEndpoint", CreateEndpoint),
            ("GetMLEndpoint", EndpointStatus),
            "ListMLEndpoints",
            "DeleteMLEndpoint",
        ),
    ]
}


def decode(operation: Operation, members: object) -> Lenient:
    """Read a request.

    Args:
        operation: the row that says what is expected.
        members: the JSON body with path and query arguments merged in, as it came.

    Raises MissingParameter, InvalidParameter or BadRequest with a sentence that names the member.
    """
    if not isinstance(members, Mapping):
        raise BadRequest(f"The body of {operation.name} must be a JSON object, not {_json_name(members)}.")
    try:
        return operation.request.model_validate(dict(members))
    except ValidationError as error:
        raise _refusal(operation, error) from error


def _refusal(operation: Operation, error: ValidationError) -> MissingParameter | InvalidParameter:
    problems = error.errors(include_url=False, include_context=False)
    missing = [_place(problem["loc"]) for problem in problems if problem["type"] == "missing"]
    if missing:
        return MissingParameter(f"{operation.name} needs {' and '.join(missing)}; give a value that is not empty.")
    first = problems[0]
    return InvalidParameter(f"{_place(first['loc'])} {_complaint(first['type'], first['msg'], first['input'])}.")


def _complaint(kind: str, message: str, value: Any) -> str:
    shown = repr(value) if len(repr(value)) <= 80 else repr(value)[:77] + "…"
    if kind == "value_error":
        return f"{message.removeprefix('Value error, ')}: {shown}"
    if kind in ("string_too_long", "too_long"):
        return f"is longer than {LONGEST_TEXT} characters: {shown}"
    wanted = {
        "string_type": "must be a text",
        "int_type": "must be a whole number",
        "bool_type": "must be true or false",
    }
    return f"{wanted.get(kind, 'is refused: ' + message[:1].lower() + message[1:])}, not {shown}"


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _json_name(value: object) -> str:
    names = {
        list: "an array",
        str: "a string",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        type(None): "null",
    }
    return names.get(type(value), "this")
