"""What Gremlin means by equal, smaller, ordered, the same key, and by arithmetic between its number types.

Four relations, which differ on purpose:

* ``equals`` (``P.eq``): numbers across types by value, ``NaN`` equal to nothing, other types never equal to each other.
* ``compare`` (``P.lt`` …): as ``equals``, and ``Incomparable`` across types; a predicate on such a pair is false.
* ``order`` (``order()``): total, across types by ``rank``; ``null`` first, ``NaN`` after every other number.
* ``hash_key`` (``dedup()``, ``group()``, sets): Java's ``equals``, so Int 1, Long 1 and Double 1.0 are three keys.

Source: TinkerPop's provider documentation, "Gremlin Semantics", and the behaviour of Gremlin Server 3.8.1.
"""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from workflow.errors import QueryFailed
from workflow.graphs.elements import Edge, Path, Vertex
from workflow.gremlin.semantics.arithmetic import (
    ArithmeticFailure,
    add,
    as_decimal,
    cast,
    coerced,
    common_type,
    div,
    mul,
    sub,
)
from workflow.gremlin.semantics.types import (
    BOOLEAN,
    DATE,
    EDGE,
    ENTRY,
    LIST,
    MAP,
    NULL,
    NUMBER,
    PATH,
    PROPERTY,
    SET,
    STRING,
    UNKNOWN,
    UUID_,
    VERTEX,
    VPROPERTY,
    is_collection,
    is_nan,
    is_number,
    is_of_type,
    java_class,
    java_name,
    rank,
    simple_class,
    type_of,
)
from workflow.gremlin.semantics.values import GremlinEnum, Long, MapEntry

__all__ = [
    "ArithmeticFailure",
    "Incomparable",
    "add",
    "cast",
    "comparable",
    "compare",
    "div",
    "equals",
    "instant",
    "is_collection",
    "is_nan",
    "is_number",
    "is_of_type",
    "java_class",
    "java_name",
    "maximum",
    "mean",
    "minimum",
    "mul",
    "order",
    "order_key",
    "rank",
    "simple_class",
    "sub",
    "type_of",
]


class Incomparable(QueryFailed):
    """Two values of different types, or NaN, were put in order where only one type space is allowed."""

    def __init__(self) -> None:
        super().__init__("Objects are not comparable")


def _compare_numbers(a: Any, b: Any) -> int:
    if a != a or b != b:
        return 0 if a != a and b != b else (1 if a != a else -1)
    if isinstance(a, Decimal) is not isinstance(b, Decimal):  # Java goes through the shortest decimal text
        a, b = as_decimal(a), as_decimal(b)
    return int(a > b) - int(a < b)


def _compare_natural(a: Any, b: Any) -> int:
    return int(a > b) - int(a < b)


def _compare_strings(a: str, b: str) -> int:
    if a == b:
        return 0
    if a.isascii() and b.isascii():
        return -1 if a < b else 1
    return -1 if code_units(a) < code_units(b) else 1


def code_units(text: str) -> bytes:
    """What a text is ordered by: its UTF-16 code units, as Java does; Python itself orders by code point."""
    return text.encode("utf-16-be", "surrogatepass")


def instant(value: datetime.datetime) -> datetime.datetime:
    """The same moment with an offset; one without is UTC."""
    return value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)


def _compare_dates(a: datetime.datetime, b: datetime.datetime) -> int:
    first, second = instant(a), instant(b)
    if first != second:
        return 1 if first > second else -1
    return _compare_natural(first.replace(tzinfo=None), second.replace(tzinfo=None))


def _signed_halves(value: uuid.UUID) -> tuple[int, int]:
    def signed(number: int) -> int:
        return number - (1 << 64) if number >> 63 else number

    return signed(value.int >> 64), signed(value.int & ((1 << 64) - 1))


def _members(value: Any) -> Iterator[Any]:
    return iter(value.objects if isinstance(value, Path) else value)


def _compare_members(a: Iterable[Any], b: Iterable[Any], compare_one: Callable[[Any, Any], int]) -> int:
    first, second = list(a), list(b)
    for x, y in zip(first, second, strict=False):
        found = compare_one(x, y)
        if found:
            return found
    return _compare_natural(len(first), len(second))


def _sorted_members(value: Iterable[Any]) -> list[Any]:
    return sorted(value, key=order_key)


def _entries(value: Mapping[Any, Any]) -> list[MapEntry]:
    return _sorted_members(MapEntry(key, item) for key, item in value.items())


def _compare_unknown(a: Any, b: Any) -> int:
    if isinstance(a, GremlinEnum) and type(a) is type(b):
        members = list(type(a))
        return _compare_natural(members.index(a), members.index(b))
    if type(a) is type(b):
        try:
            return _compare_natural(a, b)
        except TypeError:
            pass
    return _compare_natural((type(a).__name__, str(a)), (type(b).__name__, str(b)))


def _compare_same_rank(number: int, a: Any, b: Any, compare_one: Callable[[Any, Any], int]) -> int:
    if number == NUMBER:
        return _compare_numbers(a, b)
    if number == STRING:
        return _compare_strings(a, b)
    if number in (VERTEX, EDGE, VPROPERTY):
        return compare_one(a.id, b.id)
    if number in (LIST, PATH):
        return _compare_members(_members(a), _members(b), compare_one)
    if number == SET:
        return _compare_members(_sorted_members(a), _sorted_members(b), compare_one)
    if number == MAP:
        return _compare_members(_entries(a), _entries(b), compare_one)
    if number in (ENTRY, PROPERTY):
        return compare_one(a.key, b.key) or compare_one(a.value, b.value)
    if number == DATE:
        return _compare_dates(a, b)
    if number == UUID_:
        return _compare_natural(_signed_halves(a), _signed_halves(b))
    if number == BOOLEAN:
        return _compare_natural(a, b)
    return 0 if number == NULL else _compare_unknown(a, b)


def order(a: Any, b: Any) -> int:
    """Negative, zero or positive: the total order of ``order()`` over all values."""
    first, second = rank(a), rank(b)
    return first - second if first != second else _compare_same_rank(first, a, b, order)


order_key = cmp_to_key(order)
"""Key function for ``sorted``: the total order, ascending."""


def comparable(a: Any, b: Any) -> bool:
    """Whether two values lie in one type space, with all their members, and neither is NaN."""
    if a is None or b is None:
        return a is b
    if is_nan(a) or is_nan(b):
        return False
    number = rank(a)
    if number != rank(b):
        return False
    if number in (LIST, PATH):
        return all(map(comparable, _members(a), _members(b)))
    if number == SET:
        return all(map(comparable, _sorted_members(a), _sorted_members(b)))
    if number == MAP:
        return all(map(comparable, _entries(a), _entries(b)))
    if number in (ENTRY, PROPERTY):
        return comparable(a.key, b.key) and comparable(a.value, b.value)
    if number in (VERTEX, EDGE, VPROPERTY):
        return comparable(a.id, b.id)
    return number != UNKNOWN or type(a) is type(b)


def _compare_checked(a: Any, b: Any) -> int:
    if not comparable(a, b):
        raise Incomparable
    return _compare_same_rank(rank(a), a, b, _compare_checked)


def compare(a: Any, b: Any) -> int:
    """Negative, zero or positive within one type space.

    Raises:
        Incomparable: across types, with null on one side, or with NaN anywhere in the values.
    """
    kind = type(a)
    if kind is type(b) and kind in _PLAIN and a == a and b == b:
        return int(a > b) - int(a < b)
    return _compare_checked(a, b)


_PLAIN = frozenset({int, float, Long, bool})
_EXACT = frozenset({int, str, float, Long, bool, Vertex, Edge})


def equals(a: Any, b: Any) -> bool:
    """``P.eq``: numbers by value across types, containers member by member, NaN never, other types never across."""
    kind = type(a)
    if kind is type(b) and kind in _EXACT:
        return bool(a == b)
    number = rank(a)
    if number != rank(b):
        return False
    if number in (SET, LIST, PATH, MAP) and len(a) != len(b):
        return False
    if number == VPROPERTY:
        return equals(a.id, b.id)
    return comparable(a, b) and _compare_same_rank(number, a, b, _compare_checked) == 0


_NOT_COMPARABLE = frozenset({VERTEX, EDGE, VPROPERTY, PROPERTY, PATH, SET, LIST, MAP, ENTRY})


def _extreme(a: Any, b: Any, wanted: int) -> Any:
    if type(a) is type(b) and type(a) in (int, Long):
        return a if a == b or (a > b) == (wanted > 0) else b
    if a is None or b is None:
        return b if a is None else a
    if is_nan(a) or is_nan(b):
        return b if is_nan(a) else a
    if is_number(a) and is_number(b):
        chosen = a if _compare_numbers(a, b) in (0, wanted) else b
        return coerced(chosen, common_type(a, b))
    for value in (a, b):
        if rank(value) in _NOT_COMPARABLE:
            raise QueryFailed(f"{java_class(value)} cannot be cast to class java.lang.Comparable")
    if rank(a) != rank(b):
        raise QueryFailed(f"{java_class(b)} cannot be cast to {java_class(a)}")
    return a if _compare_same_rank(rank(a), a, b, order) * wanted > 0 else b


def minimum(a: Any, b: Any) -> Any:
    """The smaller of two values of one type, in the common number type; null and NaN give way to the other."""
    return _extreme(a, b, -1)


def maximum(a: Any, b: Any) -> Any:
    """The larger of two values of one type, in the common number type; null and NaN give way to the other."""
    return _extreme(a, b, 1)


def mean(values: Iterable[tuple[Any, int]], widen: bool = True) -> Any:
    """The mean of (number, how often) pairs, nulls left out; None where nothing is left.

    Integers and reals give Double; BigDecimal and BigInteger give BigDecimal. ``widen`` multiplies each number by its
    Long count first, as ``mean()`` over traversers does and ``mean(local)`` does not: Floats are then added as Doubles.
    """
    total: Any = None
    count = 0
    for value, bulk in values:
        if value is None:
            continue
        part = value
        if widen or bulk != 1:
            part = Long(value * bulk) if type(value) is int else mul(value, Long(bulk))
        total = part if total is None else add(total, part)
        count += bulk
    return None if total is None else div(total, Long(count), force_real=True)
