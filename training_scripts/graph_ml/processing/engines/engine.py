"""What every engine does. All of them give the same numbers in the same order, whatever they share the work among."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import polars as pl

from ...graph.adjacency import Adjacency, IntArray, NewArray
from ...text_files import Texts
from ..streaming import Answer, Answering
from .id_table import IdTable


class Source(Protocol):
    """A file of an export that was copied into Parquet, all cells text."""

    @property
    def parquet(self) -> Path:
        """The copy; its rows are in the order of the file."""

    @property
    def rows(self) -> int:
        """How many there are."""

    @property
    def names(self) -> Mapping[str, str]:
        """Each name that a column may be asked for, and the column of the copy."""

    def batches(self, *columns: str, least: int = 0) -> Iterator[tuple[int, pl.DataFrame]]:
        """Columns by their names, a batch at a time, with the row that each batch begins with."""


class Engine(Protocol):
    """Work over all rows of a file, or all edges of a type."""

    def distinct(self, columns: Sequence[tuple[Source, str]]) -> Texts:
        """The values of columns one after the other, each once, in the order in which they come first."""

    def indices(self, source: Source, columns: Sequence[tuple[str, IdTable]], new: NewArray) -> list[IntArray]:
        """The index of each id of some columns among the ids of a type, int64 (rows,), -1 for one that is not there."""

    def answers(self, source: Source, column: str, answer: Answering) -> Iterator[tuple[int, Answer]]:
        """What is answered of a column, a batch at a time in the order of the rows, with the row each begins with.

        Raises:
            BadValue: the first that a batch raised, named by its row in the file.
        """

    def arranged(self, own: IntArray, others: IntArray, nodes: int, new: NewArray) -> Adjacency:
        """See ``graph.adjacency.arranged_by``; arrays of the result are made by ``new``."""

    def close(self) -> None:
        """Let go of what the engine holds outside of this process."""
