"""The types of request fields, read as leniently as Neptune's clients write them.

An empty string and null mean "not given", booleans come in any case and as text, numbers as text, a list of one as its
only element. What is wrong beyond that is refused with the user guide's text where it has one.
Source of the texts: user guide, machine-learning-api-exceptions.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from workflow.errors import InvalidParameter

MAX_ID_LENGTH = 48
MAX_ITEMS = 1024
LONGEST_TEXT = 4096
_ID = re.compile(r"[A-Za-z0-9-]+")
_INSTANCE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")
_SIGNED_64_BIT = 2**63


def check_id(value: str) -> str:
    """An id by the guide's rule, or InvalidParameter with the guide's text."""
    hint = " It looks like the help text of a notebook option: give --id." if " " in value else ""
    if not 1 <= len(value) <= MAX_ID_LENGTH:
        raise InvalidParameter("Invalid ID provided. ID can be 1-48 alphanumeric characters." + hint)
    if not _ID.fullmatch(value):
        raise InvalidParameter("Invalid ID provided. Must contain only letters, digits, or hyphens." + hint)
    return value


def _instance(value: str) -> str:
    if not _INSTANCE.fullmatch(value):
        raise InvalidParameter("Invalid ML instance type.")
    return value


def _text(value: object) -> object:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("holds a zero byte")
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _flag(value: object) -> object:
    if isinstance(value, str):
        known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if value.strip().lower() not in known:
            raise ValueError("is neither true nor false")
        return known[value.strip().lower()]
    return value


def _number(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,19}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and not -_SIGNED_64_BIT <= value < _SIGNED_64_BIT:
        raise ValueError("is too large a number")
    return value


def _list(value: object) -> object:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [item for item in value if item not in ("", None)]
    return value


def one_of(member: str, *known: str) -> BeforeValidator:
    """A word of a closed set, in any case; it is read in the spelling of the set."""

    def choose(value: object) -> str:
        found = {word.lower(): word for word in known}.get(str(value).strip().lower())
        if found is None:
            raise InvalidParameter(f"{member} {str(value)[:80]!r} is unknown; use one of {', '.join(known)}")
        return found

    return BeforeValidator(choose)


Text = Annotated[str, BeforeValidator(_text), Field(strict=True, max_length=LONGEST_TEXT)]
LongText = Annotated[str, BeforeValidator(_text), Field(strict=True)]
Id = Annotated[str, BeforeValidator(_text), Field(strict=True), AfterValidator(check_id)]
InstanceType = Annotated[str, BeforeValidator(_text), Field(strict=True), AfterValidator(_instance)]
Flag = Annotated[bool, BeforeValidator(_flag), Field(strict=True)]
Count = Annotated[int, BeforeValidator(_number), Field(strict=True, ge=0)]
Positive = Annotated[int, BeforeValidator(_number), Field(strict=True, ge=1)]
PageSize = Annotated[int, BeforeValidator(_number), Field(strict=True, ge=1, le=MAX_ITEMS)]
TextList = Annotated[list[Text], BeforeValidator(_list)]


class Lenient(BaseModel):
    """Base of all request bodies: unknown fields are ignored, empty ones are absent, values are frozen."""

    # deferred: building the validators of all requests costs a third of a second at every start
    model_config = ConfigDict(
        extra="ignore", frozen=True, validate_by_name=True, validate_by_alias=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if not (value is None or _is_blank(value))}
        return data

    def to_json(self) -> dict[str, Any]:
        """The body as a client would have sent it: wire names, absent fields left out."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Asking(Lenient):
    """Base of bodies that start a job: unknown members are kept, so that an answer can name them."""

    model_config = ConfigDict(extra="allow")

    def unknown(self) -> list[str]:
        """Members that nobody knows, by their wire names, those of members that are objects behind a dot."""
        names = list(self.model_extra or ())
        for name, field in type(self).model_fields.items():
            inner = getattr(self, name)
            if isinstance(inner, Asking):
                names += [f"{field.serialization_alias or name}.{below}" for below in inner.unknown()]
        return names


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()
