"""The moment of which a query wants an answer."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

from training_scripts.graph_ml.schemas.training_data import SECONDS_A_DAY, ticks_a_second
from workflow.errors import InvalidParameter
from workflow.predictions.endpoint import ModelCard
from workflow.predictions.requests import incompatible
from workflow.values.moments import Date, LocalDateTime, ZonedDateTime


def moment_of(value: Any, named: str) -> float | None:
    """A date, a date as text or a number as times of data processing: seconds since 1970, or the number of a step.

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
            value = datetime.fromisoformat(value)
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
        InvalidParameter: the query brings the graph as it is now.
        ConstraintViolation: the model keeps no graph with times.
    """
    if as_of is None:
        return
    if inductive:
        raise InvalidParameter(
            f"{named} asks about the graph as it was, and inductive inference brings the graph as it is now; leave "
            "one out"
        )
    if card is not None and not card.timed:
        raise incompatible(
            f"{named} needs a model of a graph with times, and that of the endpoint has none: name the times of edges "
            "as 'time' or 'times' when the graph is exported (a knowledge-graph embedding cannot answer so)."
        )
