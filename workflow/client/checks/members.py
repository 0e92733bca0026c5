"""Members of Neptune's requests: misspelt ones, and values of the wrong type, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from workflow.client.checks.problems import Place, Problem, nearest, shown
from workflow.errors import WorkflowError
from workflow.neptune import OPERATIONS
from workflow.neptune.fields import Lenient
from workflow.neptune.operations import decode

# what every request of an operation needs; the values stand for those that a run fills in
_NEEDED: dict[str, dict[str, Any]] = {
    "StartMLDataProcessingJob": {"inputDataS3Location": "s3://b/in", "processedDataS3Location": "s3://b/out"},
    "StartMLModelTrainingJob": {"dataProcessingJobId": "dp", "trainModelS3Location": "s3://b/out"},
    "StartMLModelTransformJob": {
        "dataProcessingJobId": "dp", "mlModelTrainingJobId": "tr", "modelTransformOutputS3Location": "s3://b/out",
    },
    "CreateMLEndpoint": {"mlModelTrainingJobId": "tr"},
}  # fmt: skip
_TYPES = {
    "string": (str, "a text"),
    "integer": (int, "a whole number"),
    "long": (int, "a whole number"),
    "boolean": (bool, "true or false"),
    "list": (list | tuple, "a list"),
    "structure": (Mapping, "a mapping"),
    "map": (Mapping, "a mapping"),
}  # fmt: skip


def problems_of_members(
    operation: str, given: Mapping[str, Any], own: Collection[str] = (), chosen: Collection[str] = ()
) -> Iterator[Problem]:
    """What is wrong with part of a request.

    Args:
        operation: its name, such as ``CreateMLEndpoint``.
        given: some of its members.
        own: members beside Neptune's that are read elsewhere.
        chosen: those that nobody but the caller may fill in.
    """
    known = _members(OPERATIONS[operation].request)
    for name, value in given.items():
        if name in own:
            continue
        if name in chosen:
            yield Problem((name,), "is chosen by the run; leave it out")
        elif name not in known:
            yield Problem((name,), "is no such member" + nearest(str(name), ({*known} - {*chosen}) | {*own}))
        else:
            deeper = list(_unknown_inside((name,), known[name], value))
            yield from deeper or _refused(operation, name, value)


def members_of_guide(operation: str) -> set[str]:
    """The members that an operation of Neptune takes, those included that botocore's model leaves out."""
    known = OPERATIONS.get(operation)
    return set() if known is None else set(_members(known.request))


def _members(request: type[Lenient]) -> dict[str, type[Lenient] | None]:
    """Outside names, and the request that a member is itself, if it is one."""
    found: dict[str, type[Lenient] | None] = {}
    for name, field in request.model_fields.items():
        inner = [
            one
            for one in getattr(field.annotation, "__args__", (field.annotation,))
            if isinstance(one, type) and issubclass(one, Lenient)
        ]
        found[field.serialization_alias or field.alias or name] = inner[0] if inner else None
    return found


def _unknown_inside(place: Place, of: type[Lenient] | None, value: Any) -> Iterator[Problem]:
    if of is None or not isinstance(value, Mapping):
        return
    known = _members(of)
    for name, inner in value.items():
        if name not in known:
            yield Problem((*place, name), "is no such member" + nearest(str(name), known))
        else:
            yield from _unknown_inside((*place, name), known[name], inner)


def _refused(operation: str, name: str, value: Any) -> Iterator[Problem]:
    try:
        decode(OPERATIONS[operation], {**_NEEDED[operation], name: value})
    except WorkflowError as error:
        yield Problem((name,), error.message.removeprefix(f"{name} ").rstrip("."))


def problems_of_shape(shape: Any, given: Any, place: Place = ()) -> Iterator[Problem]:
    """What boto3 refuses to send, in words.

    Args:
        shape: botocore's shape of the request, or of a member of it.
        given: what is to be sent.
    """
    if shape is not None and shape.type_name in _TYPES:
        wanted, words = _TYPES[shape.type_name]
        if not isinstance(given, wanted) or (isinstance(given, bool) and wanted is not bool):
            yield Problem(place, f"must be {words}, not {shown(given)}")
            return
    if shape is None:
        yield from (Problem((*place, name), "is no such member; there are none") for name in given)
    elif shape.type_name == "structure":
        for name, value in given.items():
            if name in shape.members:
                yield from problems_of_shape(shape.members[name], value, (*place, name))
            else:
                yield Problem((*place, name), "is no such member" + nearest(str(name), shape.members))
        for name in shape.required_members:
            if name not in given:
                yield Problem((*place, name), "is missing")
    elif shape.type_name == "list":
        for number, value in enumerate(given):
            yield from problems_of_shape(shape.member, value, (*place, number))
