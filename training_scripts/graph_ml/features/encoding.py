"""What every encoding is: how it is fitted to a column, and what fitting leaves to encode later values by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..schemas import FeatureSpec
from ..schemas.base import Artefact
from .columns.column import Column

FloatArray = NDArray[np.float32]
MOST_COLUMNS = 100  # of what is one position a value


@dataclass(frozen=True)
class Encode:
    """How values are encoded, beside what was fitted.

    ``seed`` makes the projections and is the fitting job's. ``models`` is a folder of text models. ``strict`` refuses
    a missing number that the feature has no imputer for, instead of taking the middle of the range.
    """

    seed: int = 0
    models: Path | None = None
    strict: bool = True


class EncoderState(Artefact):
    """What fitting found, as ``encoders.json`` keeps it: everything needed to encode later values in the same way.

    A subclass gives ``kind`` a value of its own. Fields named in ``remarks`` are for people: they change the summary
    and not the numbers. One that makes no numbers whatever the values are says so.
    """

    remarks: ClassVar[frozenset[str]] = frozenset()
    makes_numbers: ClassVar[bool] = True

    kind: str
    separator: str | None = None

    @property
    def columns(self) -> int:
        """How many numbers the encoding makes of one value."""
        raise NotImplementedError

    @property
    def summary(self) -> str:
        """The encoding in a few words, for the report."""
        raise NotImplementedError

    def encode(self, column: Column, how: Encode) -> FloatArray:
        """Encode values, not necessarily those that were fitted: float32, shape (n, columns).

        Raises:
            BadValue: a value cannot be encoded, or is missing where that is refused.
        """
        raise NotImplementedError

    def frequent(self, column: Column) -> dict[str, int]:
        """How often each value occurs, where the report lists the most frequent ones."""
        return {}


class NoNumbers(EncoderState):
    """The state of a property of which no numbers are made."""

    makes_numbers: ClassVar[bool] = False

    @property
    def columns(self) -> int:
        return 0

    def encode(self, column: Column, how: Encode) -> FloatArray:
        return np.zeros((len(column), 0), dtype=np.float32)


@dataclass(frozen=True)
class Fitted:
    """What became of a feature, what the user should hear about it, and why, where nobody had said what to make."""

    state: EncoderState
    warnings: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Encoding:
    """Everything there is to know of one encoding; its file has it under the name ``ENCODING``.

    Attributes:
        fit: makes a state from the entry of the configuration, all values of the property and the folder of text
            models. Raises BadValue where a value cannot be encoded, or is missing and the feature has no imputer.
        states: the classes of what ``fit`` gives.
        expected: how many numbers a value is thought to become, from the entry and a sample of cells.
    """

    fit: Callable[[FeatureSpec, Column, Path | None], Fitted]
    states: tuple[type[EncoderState], ...]
    expected: Callable[[FeatureSpec, Sequence[str]], int]
