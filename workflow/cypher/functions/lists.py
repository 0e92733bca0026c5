"""Functions of lists, and those of any value."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from workflow.cypher.errors import CypherArgumentError, CypherTypeError
from workflow.cypher.functions.function import Function, Table, kinds
from workflow.cypher.semantics.arithmetic import kind_of
from workflow.values.limits import check_members


def _list(name: str, value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    raise CypherTypeError(f"{name}() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")


def size(value: Any) -> int:
    """How many members a list has, or characters a text."""
    if isinstance(value, str | list | tuple):
        return len(value)
    raise CypherTypeError(f"size() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")


def head(value: Any) -> Any:
    """The first member, or null."""
    found = _list("head", value)
    return found[0] if found else None


def last(value: Any) -> Any:
    """The last member, or null."""
    found = _list("last", value)
    return found[-1] if found else None


def tail(value: Any) -> list[Any]:
    """All members but the first."""
    return _list("tail", value)[1:]


def reverse(value: Any) -> Any:
    """A list or a text from its end."""
    return value[::-1] if isinstance(value, str) else _list("reverse", value)[::-1]


def range_(start: Any, end: Any, step: Any = 1) -> list[int]:
    """The integers from ``start`` to ``end``, both included."""
    for value in (start, end, step):
        if not isinstance(value, int) or isinstance(value, bool):
            raise CypherArgumentError(f"range() takes integers, not {kind_of(value)}", "InvalidArgumentType")
    if step == 0:
        raise CypherArgumentError("range() cannot go in steps of 0", "NumberOutOfRange")
    check_members(max(0, (end - start) // step + 1))
    return list(range(start, end + (1 if step > 0 else -1), step))


def coalesce(*values: Any) -> Any:
    """The first value that is not null."""
    return next((value for value in values if value is not None), None)


def is_empty(value: Any) -> bool:
    """Whether a list, text or map has nothing in it."""
    if isinstance(value, str | list | tuple | Mapping):
        return not value
    raise CypherTypeError(f"isEmpty() does not take a value of type {kind_of(value)}", "InvalidArgumentValue")


def timestamp() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def random_uuid() -> str:
    """A fresh UUID as text."""
    return str(uuid.uuid4())


SIZED = kinds("list", "string")

FUNCTIONS: Table = {
    "size": Function(size, 1, 1, (SIZED,), "integer"),
    "head": Function(head, 1, 1, (kinds("list"),)),
    "last": Function(last, 1, 1, (kinds("list"),)),
    "tail": Function(tail, 1, 1, (kinds("list"),), "list"),
    "reverse": Function(reverse, 1, 1, (SIZED,)),
    "range": Function(range_, 2, 3, returns="list"),
    "coalesce": Function(coalesce, 1, None, null=True),
    "isempty": Function(is_empty, 1, 1, (kinds("list", "string", "map"),), "boolean"),
    "timestamp": Function(timestamp, 0, 0, returns="integer"),
    "randomuuid": Function(random_uuid, 0, 0, returns="string"),
}
