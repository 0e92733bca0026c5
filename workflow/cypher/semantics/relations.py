"""The four relations between values: equality, comparison, order and equivalence.

Equality and comparison are ternary: None where they do not know. Order is total and puts any two values in a row.
Equivalence is what DISTINCT, grouping and UNION go by: null is null, NaN is NaN, and 1 is 1.0.

Source: openCypher's improvement proposal "Comparability, equality, orderability and equivalence"; elements are compared
by their ids, as Neo4j does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

from workflow.cypher.semantics.paths import CypherPath
from workflow.graphs.elements import Edge, Vertex

_NUMBERS: Final = (int, float)


def is_number(value: Any) -> bool:
    """Whether a value is an integer or a float; truth values are not."""
    return isinstance(value, _NUMBERS) and not isinstance(value, bool)


def equals(a: Any, b: Any) -> bool | None:
    """``a = b``: null where either is null, false between values of different kinds."""
    if a is None or b is None:
        return None
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b if isinstance(a, bool) and isinstance(b, bool) else False
    if is_number(a) and is_number(b):
        return bool(a == b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return False if len(a) != len(b) else _all(equals(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return False if a.keys() != b.keys() else _all(equals(value, b[key]) for key, value in a.items())
    if isinstance(a, str) and isinstance(b, str):
        return str.__eq__(a, b)
    return type(a) is type(b) and bool(a == b)


def _all(found: Iterable[bool | None]) -> bool | None:
    """AND of several: false wins over null, null over true."""
    answer: bool | None = True
    for one in found:
        if one is False:
            return False
        if one is None:
            answer = None
    return answer


def compare(a: Any, b: Any) -> int | None:
    """Negative, zero or positive as ``a`` is before, beside or behind ``b``; None where they cannot be compared.

    NaN is comparable with no number: ``less`` and its like say false there.
    """
    if a is None or b is None:
        return None
    if isinstance(a, bool) or isinstance(b, bool):
        return a - b if isinstance(a, bool) and isinstance(b, bool) else None
    if is_number(a) and is_number(b):
        return None if a != a or b != b else (a > b) - (a < b)
    if isinstance(a, str) and isinstance(b, str):
        return (a > b) - (a < b)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return _compare_lists(a, b)
    if type(a) is not type(b):
        return None
    if isinstance(a, Vertex | Edge):
        return int(a.row) - int(b.row)
    comparing = getattr(a, "compared", None)  # temporal values know their own order
    return None if comparing is None else comparing(b)


def _compare_lists(a: Sequence[Any], b: Sequence[Any]) -> int | None:
    for x, y in zip(a, b, strict=False):
        found = compare(x, y)
        if found != 0:
            return found
    return len(a) - len(b)


def ordering(test: Callable[[int], bool]) -> Callable[[Any, Any], bool | None]:
    """``<`` and its like, by what they say of ``compare``."""

    def holds(a: Any, b: Any) -> bool | None:
        found = compare(a, b)
        if found is not None:
            return test(found)
        return False if is_number(a) and is_number(b) else None  # NaN: neither before nor behind

    return holds


less: Final = ordering(lambda found: found < 0)
less_or_equal: Final = ordering(lambda found: found <= 0)
greater: Final = ordering(lambda found: found > 0)
greater_or_equal: Final = ordering(lambda found: found >= 0)

# the kinds of values from the first to the last in an ascending order
_MAP, _NODE, _RELATIONSHIP, _LIST, _PATH, _TEMPORAL, _TEXT, _TRUTH, _NUMBER, _NULL = 0, 1, 2, 3, 4, 5, 20, 21, 22, 23


def order_key(value: Any) -> tuple[Any, ...]:
    """A key by which values of any kind sort in the order of ORDER BY, null last."""
    if value is None:
        return (_NULL,)
    if isinstance(value, bool):
        return _TRUTH, value
    if is_number(value):
        return (_NUMBER, 1, 0) if value != value else (_NUMBER, 0, value)
    if isinstance(value, str):
        return _TEXT, str(value)
    if isinstance(value, list | tuple):
        return _LIST, tuple(map(order_key, value))
    if isinstance(value, Mapping):
        return _MAP, len(value), tuple((key, order_key(value[key])) for key in sorted(value))
    if isinstance(value, Vertex):
        return _NODE, value.row
    if isinstance(value, Edge):
        return _RELATIONSHIP, value.row
    if isinstance(value, CypherPath):
        return _PATH, tuple(map(order_key, value.elements()))
    return _TEMPORAL + value.rank, value.order_key()


def equivalence_key(value: Any) -> Hashable:
    """A key that two values share where DISTINCT takes them for one."""
    if value is None:
        return None
    if isinstance(value, bool):
        return bool, value
    if is_number(value):
        if value != value:
            return "NaN"
        return int(value) if isinstance(value, float) and math.isfinite(value) and value == int(value) else value
    if isinstance(value, str):
        return str, str(value)
    if isinstance(value, list | tuple):
        return list, tuple(map(equivalence_key, value))
    if isinstance(value, Mapping):
        return dict, frozenset((key, equivalence_key(item)) for key, item in value.items())
    return type(value), value


def contained(value: Any, members: Any) -> bool | None:
    """``value IN members``: null where a null might be it."""
    answer: bool | None = False
    for member in members:
        found = equals(value, member)
        if found:
            return True
        if found is None:
            answer = None
    return answer
