"""Aggregations: one value of many rows. Nulls are left out by all of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Final

from workflow.cypher.errors import CypherArgumentError, CypherTypeError
from workflow.cypher.semantics.arithmetic import add, integer, kind_of
from workflow.cypher.semantics.relations import is_number, order_key


class Aggregate(ABC):
    """Gathers the values of one group."""

    @abstractmethod
    def add(self, *values: Any) -> None:
        """One row's arguments; the first is not null."""

    @abstractmethod
    def result(self) -> Any:
        """The value for the group."""


class Count(Aggregate):
    """How many values."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, *values: Any) -> None:
        self.count += 1

    def result(self) -> Any:
        return self.count


class Collect(Aggregate):
    """A list of the values, in the order of the rows."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, *values: Any) -> None:
        self.values.append(values[0])

    def result(self) -> Any:
        return self.values


class Sum(Aggregate):
    """The sum of numbers or durations; 0 of none."""

    def __init__(self) -> None:
        self.total: Any = 0
        self.empty = True

    def add(self, *values: Any) -> None:
        value = values[0]
        if not (is_number(value) or hasattr(value, "times")):
            raise CypherTypeError(f"sum() and avg() do not take {kind_of(value)}", "InvalidArgumentValue")
        self.total = value if self.empty else add(self.total, value)
        self.empty = False

    def result(self) -> Any:
        return self.total


class Average(Sum):
    """The mean; null of none."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def add(self, *values: Any) -> None:
        super().add(float(values[0]) if is_number(values[0]) else values[0])
        self.count += 1

    def result(self) -> Any:
        if not self.count:
            return None
        return self.total / self.count if is_number(self.total) else self.total.divided(self.count)


class Extreme(Aggregate):
    """The first or last value in the order of ORDER BY; null of none."""

    def __init__(self, *, last: bool) -> None:
        self.last = last
        self.best: Any = None
        self.key: Any = None

    def add(self, *values: Any) -> None:
        key = order_key(values[0])
        if self.key is None or (key > self.key if self.last else key < self.key):
            self.best, self.key = values[0], key

    def result(self) -> Any:
        return self.best


class Deviation(Aggregate):
    """The standard deviation of numbers; 0 where there are too few."""

    def __init__(self, *, sample: bool) -> None:
        self.sample = sample
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, *values: Any) -> None:
        if not is_number(values[0]):
            raise CypherTypeError(f"a deviation does not take {kind_of(values[0])}", "InvalidArgumentValue")
        self.count += 1  # Welford 1962
        delta = values[0] - self.mean
        self.mean += delta / self.count
        self.squares += delta * (values[0] - self.mean)

    def result(self) -> Any:
        divisor = self.count - self.sample
        return math.sqrt(self.squares / divisor) if divisor > 0 else 0.0


class Percentile(Aggregate):
    """The value below which a share of the others lie: one of them, or between two of them. Null of none."""

    def __init__(self, *, discrete: bool) -> None:
        self.discrete = discrete
        self.values: list[Any] = []
        self.share = 0.0

    def add(self, *values: Any) -> None:
        value, share = values
        if not is_number(share) or not 0 <= share <= 1:
            raise CypherArgumentError(f"A percentile lies from 0 to 1, not at {share!r}", "NumberOutOfRange")
        if not is_number(value):
            raise CypherTypeError(f"a percentile does not take {kind_of(value)}", "InvalidArgumentValue")
        self.values.append(value)
        self.share = float(share)

    def result(self) -> Any:
        if not self.values:
            return None
        ordered = sorted(self.values)
        if self.discrete:
            return ordered[max(0, math.ceil(self.share * len(ordered)) - 1)]
        place = self.share * (len(ordered) - 1)
        below = math.floor(place)
        above = min(below + 1, len(ordered) - 1)
        return float(ordered[below] + (ordered[above] - ordered[below]) * (place - below))


class IntegerSum(Sum):
    """A sum that says so when it overflows."""

    def result(self) -> Any:
        return integer(self.total) if isinstance(self.total, int) else self.total


def made(name: str) -> Aggregate:
    """A fresh aggregation by its name in lower case."""
    found: Aggregate = AGGREGATES[name][0]()
    return found


AGGREGATES: Final[dict[str, tuple[Any, int, str]]] = {
    "count": (Count, 1, "integer"),
    "collect": (Collect, 1, "list"),
    "sum": (IntegerSum, 1, "any"),
    "avg": (Average, 1, "any"),
    "min": (lambda: Extreme(last=False), 1, "any"),
    "max": (lambda: Extreme(last=True), 1, "any"),
    "stdev": (lambda: Deviation(sample=True), 1, "float"),
    "stdevp": (lambda: Deviation(sample=False), 1, "float"),
    "percentilecont": (lambda: Percentile(discrete=False), 2, "float"),
    "percentiledisc": (lambda: Percentile(discrete=True), 2, "any"),
}
"""What makes one, how many arguments it takes, and the kind of its value; names in lower case."""
