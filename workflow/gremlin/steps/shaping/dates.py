"""asDate, dateAdd, dateDiff. Dates carry an offset; a text without one is UTC."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
from typing import Any

from workflow.errors import QueryFailed
from workflow.gremlin.running.step import Args, Builder, Child, ExecutionContext, MapStep, Step, StepBuilder
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.comparison import instant, java_name
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.values import DT, Long
from workflow.gremlin.steps.shaping.strings import is_string
from workflow.gremlin.steps.shaping.value_step import applied, class_of, is_child, is_integer, value_builder, wrong_call

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MILLISECOND = datetime.timedelta(milliseconds=1)

_TEXT = re.compile(
    r"(?P<year>[+-]?\d{1,9})-(?P<month>\d{1,2})"
    r"(?:-(?P<day>\d{2})"
    r"(?:[tT](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d{1,9}))?)?"
    r"(?P<offset>[zZ]|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?)?)?"
)


def milliseconds(value: datetime.datetime) -> int:
    """Milliseconds since 1970-01-01T00:00Z, rounded down."""
    return (instant(value) - EPOCH) // _MILLISECOND


def parse_date(text: str) -> datetime.datetime | None:
    """The moment of ``2018-03``, ``2018-03-22``, ``2018-03-22T00:35:44.741+16:00`` and the like, or None."""
    match = _TEXT.fullmatch(text)
    if match is None or (match["day"] is not None and len(match["month"]) != 2):
        return None
    fraction = (match["fraction"] or "").ljust(6, "0")[:6]
    try:
        return datetime.datetime(
            int(match["year"]),
            int(match["month"]),
            int(match["day"] or 1),
            int(match["hour"] or 0),
            int(match["minute"] or 0),
            int(match["second"] or 0),
            int(fraction),
            tzinfo=_offset(match["offset"]),
        )
    except (ValueError, OverflowError):
        return None


def _offset(text: str | None) -> datetime.timezone:
    if text is None or text in "zZ":
        return datetime.UTC
    digits = text[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:6])
    if seconds == 0:
        return datetime.UTC
    return datetime.timezone(datetime.timedelta(seconds=-seconds if text[0] == "-" else seconds))


def as_date(value: Any) -> datetime.datetime:
    """A moment from a date, a text, or an integer of milliseconds since 1970.

    Raises:
        QueryFailed: it names none, or one outside of the years 1 to 9999.
    """
    if isinstance(value, datetime.datetime):
        return value
    found = None
    if is_string(value):
        found = parse_date(value)
    elif is_integer(value):
        found = _since_epoch(int(value))
    if found is None:
        name = as_text(value) if value is None or is_string(value) or is_integer(value) else java_name(value)
        raise QueryFailed(f"Can't parse {name} as OffsetDateTime.")
    return found


def _since_epoch(count: int) -> datetime.datetime | None:
    try:
        return EPOCH + count * _MILLISECOND
    except OverflowError:
        return None


_UNITS = {
    DT.second: datetime.timedelta(seconds=1),
    DT.minute: datetime.timedelta(minutes=1),
    DT.hour: datetime.timedelta(hours=1),
    DT.day: datetime.timedelta(days=1),
}


def _make_date_add(unit: Any, count: Any) -> Callable[[Any], Any]:
    if not isinstance(unit, DT) or not is_integer(count):
        raise wrong_call("dateAdd", (unit, count))

    def add(value: Any) -> datetime.datetime:
        if not isinstance(value, datetime.datetime):
            raise QueryFailed("dateAdd() accept only OffsetDateTime or Date (deprecated).")
        try:
            return instant(value) + int(count) * _UNITS[unit]
        except OverflowError:
            raise QueryFailed("dateAdd() leaves the years 1 to 9999") from None

    return add


class DateDiffStep(MapStep):
    """Milliseconds from another date to the incoming one; from 1970 where the other is null."""

    def __init__(self, other: datetime.datetime | Child | None) -> None:
        super().__init__()
        self.other = other

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        """A Long. Raises QueryFailed where one of the two is not a date."""
        value = _checked(traverser.value)
        other = self.other
        if isinstance(other, Child):
            found = applied(ctx, other, traverser, "DateDiffStep")
            other = None if found is None else _checked(found)
        if other is None:
            return Long(milliseconds(value))
        return Long(int((instant(value) - instant(other)) / _MILLISECOND))

    def children(self) -> Iterable[Child]:
        """The argument where it is a traversal."""
        return (self.other,) if isinstance(self.other, Child) else ()


def _checked(value: Any) -> datetime.datetime:
    if not isinstance(value, datetime.datetime):
        raise QueryFailed(
            f"DateDiff can only take OffsetDateTime or Date (deprecated) as argument, encountered {class_of(value)}"
        )
    return value


def _build_date_diff(builder: Builder, name: str, args: Args) -> Step:
    if len(args) == 1 and is_child(args[0]):
        return DateDiffStep(builder.local(args[0]))
    if len(args) != 1 or not (args[0] is None or isinstance(args[0], datetime.datetime)):
        raise wrong_call(name, args)
    return DateDiffStep(args[0])


STEPS: dict[str, StepBuilder] = {
    "asDate": value_builder(lambda: as_date),
    "dateAdd": value_builder(_make_date_add, 2, 2),
    "dateDiff": _build_date_diff,
}
