"""Polars in this process: a batch after the other, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import narwhals as nw
import numpy as np
import polars as pl
from polars.selectors import by_name

from ...graph.adjacency import Adjacency, IntArray, NewArray, arranged_by
from ...text_files import Texts
from ..frames import ROW, frame_column
from ..streaming import Answer, Answering, located
from .engine import Source
from .id_table import ID, IdTable, first_rows

#: ids that are looked up at once, at most: each look-up begins with a table of all ids of the type
MOST_LOOKED_UP = 1 << 22


class PolarsEngine:
    """See ``Engine``."""

    def distinct(self, columns: Sequence[tuple[Source, str]]) -> Texts:
        """See ``Engine``; what was seen is held, and a batch."""
        begin, seen = 0, pl.DataFrame(schema={ID: pl.String, ROW: pl.Int64})
        for source, column in columns:
            for first, batch in source.batches(column):
                rows = batch.select(by_name(column).alias(ID), pl.int_range(pl.len(), dtype=pl.Int64).alias(ROW))
                rows = rows.with_columns(pl.col(ROW) + (begin + first))
                every = nw.from_native(pl.concat([seen, rows]).lazy())
                seen = first_rows(every).select(ID, ROW).collect().to_native()
            begin += source.rows
        return Texts().joined(seen.sort(ROW)[ID].to_arrow())

    def indices(self, source: Source, columns: Sequence[tuple[str, IdTable]], new: NewArray) -> list[IntArray]:
        """See ``Engine``."""
        found: list[IntArray] = [new(source.rows, np.int64) for _ in columns]
        at_once = min(MOST_LOOKED_UP, max(len(table.ids) for _, table in columns))
        for begin, batch in source.batches(*dict.fromkeys(name for name, _ in columns), least=at_once):
            for (name, table), whole in zip(columns, found, strict=True):
                whole[begin : begin + len(batch)] = table.index(nw.from_native(batch[name], series_only=True))
        return found

    def answers(self, source: Source, column: str, answer: Answering) -> Iterator[tuple[int, Answer]]:
        """See ``Engine``."""
        for begin, batch in source.batches(column):
            yield begin, located(begin, partial(answer, frame_column(batch[column])))

    def arranged(self, own: IntArray, others: IntArray, nodes: int, new: NewArray) -> Adjacency:
        """See ``Engine``."""
        return arranged_by(own, others, nodes, new)

    def close(self) -> None:
        """Nothing is held."""
