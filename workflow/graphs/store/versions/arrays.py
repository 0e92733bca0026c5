"""A column of one kind as arrays: numbers, or codes for distinct values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.versions.cells import MISSING
from workflow.values.numbers import Float, Long

_Arrays = TypeVar("_Arrays")


@dataclass(frozen=True, slots=True, eq=False)
class Numeric:
    """A column of one number class as arrays over all rows: ``values`` where ``present``; ``kind`` is the class."""

    values: NDArray[Any]
    present: NDArray[np.bool_]
    kind: type


@dataclass(frozen=True, eq=False)
class Codes:
    """A column as small integers: ``codes[row]`` is a place in ``values``, or -1 where the row holds nothing."""

    codes: NDArray[np.int32]
    values: list[Any]

    @cached_property
    def table(self) -> NDArray[np.object_]:
        """The values as an array of objects, (n,), to be read at many places at once."""
        return np.fromiter(self.values, dtype=object, count=len(self.values))

    @cached_property
    def exact(self) -> bool:
        """Whether all values are texts, whole numbers or booleans: two that share a code then are the same to users."""
        return set(map(type, self.values)) <= _EXACT


_EXACT: Final = frozenset({str, int, Long, bool})
DTYPES: Final[dict[type, str]] = {int: "int64", Long: "int64", float: "float64", Float: "float64"}
WRAPPERS: Final[dict[type, Callable[[Any], Any]]] = {int: int, Long: Long, float: float, Float: Float, bool: bool}


@dataclass(frozen=True, slots=True)
class Made(Generic[_Arrays]):
    """Arrays, the version and the number of rows they are of, and how many writes there had been."""

    state: tuple[int, int]
    logged: int
    value: _Arrays | None


def plain(values: NDArray[Any] | Sequence[Any], kind: type | None, present: Any) -> list[Any]:
    """Values, (n,) of any dtype, as Python objects, MISSING where not present."""
    if kind is None or not isinstance(values, np.ndarray):
        return list(values)
    wrap = WRAPPERS[kind]
    found = values.tolist() if wrap in (int, float) else [wrap(value) for value in values.tolist()]
    if present is not None:
        found = [value if held else MISSING for value, held in zip(found, present.tolist(), strict=True)]
    return found


def grown(values: NDArray[Any], rows: int, empty: Any) -> NDArray[Any]:
    """A copy, (rows,) of the same dtype, for so many rows, ``empty`` in those that are new."""
    larger = np.full(rows, empty, dtype=values.dtype)
    larger[: len(values)] = values
    return larger
