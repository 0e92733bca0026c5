"""The ids of a node type, and the expressions that number them: the same on every engine that Narwhals knows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ...text_files import Texts
from ..frames import ROW

ID, INDEX = "id", "index"


@dataclass(frozen=True)
class IdTable:
    """The ids of a type in index order."""

    ids: Texts

    @cached_property
    def frame(self) -> nw.DataFrame[Any]:
        """Columns id and index; made at the first look-up in this process."""
        ids = pl.Series(self.ids.arrow, dtype=pl.String)
        table = pl.DataFrame({ID: ids, INDEX: np.arange(len(ids), dtype=np.int64)})
        return nw.from_native(table, eager_only=True)

    def index(self, texts: nw.Series[Any]) -> NDArray[np.int64]:
        """The index of each id, int64 (n,), -1 for one that is not there."""
        wanted = texts.alias(ID).to_frame().with_row_index(ROW)
        found = indexed(wanted.lazy(), self.frame.lazy()).collect()
        result = np.full(len(texts), -1, dtype=np.int64)
        result[found[ROW].to_numpy()] = found[INDEX].to_numpy()
        return result


def first_rows(rows: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """Each id once, with the first row that has it; from rows with an id."""
    return rows.group_by(ID).agg(nw.col(ROW).min())


def indexed(rows: nw.LazyFrame[Any], ids: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
    """The index of the id of each row, -1 where it is not among the ids; in no order."""
    return rows.join(ids, on=ID, how="left").select(ROW, nw.col(INDEX).fill_null(-1))
