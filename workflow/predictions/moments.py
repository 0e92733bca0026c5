"""The moment of which a query wants an answer."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

from training_scripts.graph_ml.schemas.times import UNKNOWN, TimeReading, moment
from training_scripts.graph_ml.schemas.training_data import SECONDS_A_DAY, ticks_a_second
from workflow.errors import InvalidParameter
from workflow.predictions.endpoint import ModelCard
from workflow.predictions.requests import incompatible
from workflow.values.moments import Date, LocalDateTime, ZonedDateTime


def moment_of(value: Any, named: str) -> float | None:
    """A date, text or a number as times of data processing: seconds since 1970, or the number of a step.

    Text is a date in any spelling that processing reads; of 1/2/2024 the month comes first.

    Args:
        value: None for now.
        named: what the query calls it.

    Raises:
        InvalidParameter: it is none of these.
    """
    if value is None:
        return None
    if isinstance(value, ZonedDateTime):
        return value.instant() / 1e9
    if isinstance(value, LocalDateTime):
        return value.total() / 1e9
    if isinstance(value, Date):
        return value.day * SECONDS_A_DAY
    if isinstance(value, str):
        try:
            return moment(value)
        except ValueError:
            value = None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value) / ticks_a_second(value)
    raise InvalidParameter(
        f"{named} takes a date such as datetime('2024-03-01T00:00:00Z'), or a number where times are numbers"
    )


def check_moment(as_of: float | None, inductive: bool, card: ModelCard | None, named: str) -> None:
    """Refuse a moment that the model behind an endpoint cannot answer as of.

    Raises:
        ConstraintViolation: the model keeps no graph with times, or does not know what says when in the live graph.
    """
    if as_of is None:
        return
    if card is not None and not card.timed:
        raise incompatible(
            f"{named} needs a model of a graph with times, and that of the endpoint has none: name the times of edges "
            "as 'time' or 'times' when the graph is exported (a knowledge-graph embedding cannot answer so)."
        )
    if inductive and card is not None and not card.times:
        raise incompatible(
            f"{named} with inductive inference brings what was there at the moment, and the model of the endpoint does "
            "not know which properties say when: process and train it again, or leave one out."
        )


def came(value: Any, reading: TimeReading = UNKNOWN) -> float:
    """When something came to be, as one of its properties says: seconds since 1970, or the number of a step.

    −inf where it says nothing, and inf where that cannot be read, so that it was there at no moment.

    Args:
        value: of the property; of several the first.
        reading: how data processing read the column.
    """
    if isinstance(value, list | tuple):
        value = value[0] if value else None
    if value is None or isinstance(value, str):
        return reading.came(value or None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return reading.came(str(value))
    try:
        found = moment_of(value, "a time")
    except InvalidParameter:
        return math.inf
    return math.inf if found is None else found
