"""Many rows of an answer at once, as columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from workflow.cypher.running.run import Row


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Rows that were projected together: ``columns[i]`` holds the values of ``names[i]``, one a row."""

    names: tuple[str, ...]
    columns: list[list[Any]]

    def __len__(self) -> int:
        return len(self.columns[0])

    def rows(self) -> Iterator[Row]:
        """Each row by itself."""
        for values in zip(*self.columns, strict=True):
            yield dict(zip(self.names, values, strict=True))


def single_rows(parts: Iterable[Row | RowBlock]) -> Iterator[Row]:
    """The rows of an answer one by one."""
    for part in parts:
        if type(part) is RowBlock:
            yield from part.rows()
        else:
            yield part  # type: ignore[misc]  # a row is a dict
