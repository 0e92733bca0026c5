"""Requests and answers by botocore's own service model: nothing about a shape is written by hand.

botocore checks required members, types and minima before it sends; patterns, enums and maxima are left to the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from botocore.exceptions import ParamValidationError
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, Shape, StringShape, StructureShape
from botocore.model import ServiceModel as BotocoreModel
from botocore.validate import validate_parameters

from workflow.emulator.errors import ApiError, invalid


class ServiceModel:
    """One service of botocore's, such as ``sagemaker``."""

    def __init__(self, name: str) -> None:
        self._model = BotocoreModel(Loader().load_service_model(name, "service-2"), name)

    def operation(self, name: str) -> OperationModel:
        """Raises ApiError for an operation that the service does not have."""
        if name not in self._model.operation_names:
            raise ApiError("UnknownOperationException", f"{self._model.service_name} has no operation {name!r}", 404)
        return self._model.operation_model(name)

    def check(self, operation: str, request: Mapping[str, Any]) -> None:
        """Raises ApiError that names every member which is missing, of the wrong type, or outside its bounds."""
        shape = self.operation(operation).input_shape
        if shape is None:
            return
        try:
            validate_parameters(dict(request), shape)
        except ParamValidationError as error:
            raise invalid(str(error)) from error
        problems = list(_problems(shape, request, ""))
        if problems:
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
            raise invalid(count + "; ".join(problems[:10]))

    def answer(self, operation: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """The members of the output shape that the document has; times become seconds since the epoch."""
        shape = self.operation(operation).output_shape
        cut: dict[str, Any] = {} if shape is None else shaped(shape, document)
        return cut

    def summary_shape(self, operation: str) -> tuple[str, Shape]:
        """The member of a list operation's answer that holds the summaries, and the shape of one."""
        shape = self.operation(operation).output_shape
        for name, member in shape.members.items() if shape is not None else ():
            if isinstance(member, ListShape):
                return name, member.member
        raise LookupError(f"{operation} lists nothing")


def _problems(shape: Shape, value: Any, place: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            if name in value:
                yield from _problems(member, value[name], f"{place}.{name}" if place else name)
    elif isinstance(shape, ListShape):
        yield from _outside(shape, len(value), f"the length of {place}")
        for index, item in enumerate(value, 1):
            yield from _problems(shape.member, item, f"{place}.{index}.member")
    elif isinstance(shape, MapShape):
        yield from _outside(shape, len(value), f"the length of {place}")
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{place} key")
            yield from _problems(shape.value, item, f"{place}.{key}")
    elif isinstance(shape, StringShape):
        told = f"Value {value[:200]!r} at {place!r} failed to satisfy constraint: Member must"
        if shape.enum and value not in shape.enum:
            yield f"{told} satisfy enum value set: [{', '.join(shape.enum[:40])}]"
        yield from _outside(shape, len(value), f"the length of {place}")
        pattern = _compiled(shape.metadata.get("pattern"))
        if pattern is not None and not pattern.fullmatch(value):
            yield f"{told} satisfy regular expression pattern: {pattern.pattern}"
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _outside(shape, value, place)


def _outside(shape: Shape, value: float, what: str) -> Iterator[str]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and value < low:
        yield f"{what} is {value}, and must be at least {low}"
    if high is not None and value > high:
        yield f"{what} is {value}, and must be at most {high}"


@lru_cache(maxsize=512)
def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """A pattern of the model; None for those that Python cannot read, such as ``\\p{L}``."""
    if pattern is None:
        return None
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None


def shaped(shape: Shape, value: Any) -> Any:
    """A document cut to a shape; times become seconds since the epoch."""
    if isinstance(shape, StructureShape):
        return {
            name: shaped(member, value[name]) for name, member in shape.members.items() if value.get(name) is not None
        }
    if isinstance(shape, ListShape):
        return [shaped(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: shaped(shape.value, item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.timestamp()
    return value
