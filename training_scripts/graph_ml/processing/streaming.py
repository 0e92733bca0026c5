"""Columns that are longer than what is held in memory: read a batch at a time, and answered like any other column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import DTypeLike, NDArray

from ..features.columns.column import BadValue, Column, DateParts, IntArray, Numbers
from ..text_files import Texts
from .frames import INFINITE, FrameColumn, frame_column
from .workspace import Workspace

T = TypeVar("T")
#: arrays with a row for each value that was asked about, shape (n, …)
Answer = tuple[NDArray[Any], ...]
#: answers about some values that follow one another, wherever they are; raises BadValue with the row among them
Answering = Callable[["FrameColumn"], Answer]


@dataclass(frozen=True)
class StreamedColumn:
    """A column of ``count`` values that ``pieces`` gives in order, a batch at a time; see ``features.Column``.

    What is as long as the column and is no text lies in files of the workspace where it is large. ``asked`` gives
    answers about the values, a batch at a time, where an engine works them out; see ``Engine.answers``.
    """

    pieces: Callable[[], Iterator[FrameColumn]]
    count: int
    room: Workspace
    asked: Callable[[Answering], Iterator[tuple[int, Answer]]] | None = None

    def __len__(self) -> int:
        return self.count

    def numbered(self) -> Iterator[tuple[int, FrameColumn]]:
        """Each piece, with the number of the row that it begins with."""
        begin = 0
        for piece in self.pieces():
            yield begin, piece
            begin += len(piece)

    def answers(self, answer: Answering) -> Iterator[tuple[int, Answer]]:
        """What is answered of each batch, in order, with the number of the row that it begins with."""
        if self.asked is not None:
            return self.asked(answer)
        return ((begin, located(begin, partial(answer, piece))) for begin, piece in self.numbered())

    def missing(self) -> NDArray[np.bool_]:
        return self._gathered(lambda piece: (piece.missing(),), bool)[0]

    def numbers(self) -> Numbers:
        try:
            return self._gathered(lambda piece: (piece.numbers(),), np.float64)[0]
        except BadValue:
            # as in a column that is read at once, what is no number comes before what is too large a one
            raise min(self._refused(), key=lambda error: (error.problem == INFINITE, error.row)) from None

    def dates(self) -> DateParts:
        return DateParts(*self._gathered(lambda piece: tuple(piece.dates()), *[np.int64] * len(DateParts._fields)))

    def codes(self, codes: Mapping[str, int], unknown: int) -> IntArray:
        return self._gathered(lambda piece: (piece.codes(codes, unknown),), np.int64)[0]

    def counts(self) -> dict[str, int]:
        counted: Counter[str] = Counter()
        for _, (every, lengths, counts) in self.answers(_counts):
            ends, whole = np.cumsum(lengths).tolist(), every.tobytes()
            texts = [whole[begin:end].decode() for begin, end in pairwise([0, *ends])]
            counted.update(dict(zip(texts, counts.tolist(), strict=True)))
        return dict(sorted(counted.items()))

    def split(self, separator: str) -> tuple[IntArray, Column]:
        """Rows, int64 (parts,), and parts of all cells as of any column; the parts are read again from a file."""
        path, rows, total = self.room.path(".parquet"), [np.empty(0, dtype=np.int64)], 0
        schema = pa.schema([("part", pa.large_string())])
        with pq.ParquetWriter(path, schema, compression="lz4") as writer:
            for begin, piece in self.numbered():
                places, parts = piece.split(separator)
                rows.append(self.room.parked(places + begin))
                total += len(parts)
                writer.write_table(pa.table({"part": pa.array(parts.texts(), pa.large_string())}))
        every = self.room.array(total, np.int64)
        np.concatenate(rows, out=every)

        def pieces() -> Iterator[FrameColumn]:
            for first, last in self.room.batches(total):
                yield frame_column(pl.scan_parquet(path, glob=False).slice(first, last - first).collect()["part"])

        return every, StreamedColumn(pieces, total, self.room)

    def texts(self) -> Sequence[str | None]:
        parts = Texts()
        for piece in self.pieces():
            parts = parts.joined(piece.series.to_arrow())
        return parts

    def filter(self, kept: NDArray[np.bool_]) -> StreamedColumn:
        """The values at the places that are kept, bool (n,)."""

        def pieces() -> Iterator[FrameColumn]:
            for begin, piece in self.numbered():
                yield piece.filter(kept[begin : begin + len(piece)])

        return StreamedColumn(pieces, int(np.count_nonzero(kept)), self.room)

    def picked(self, rows: IntArray) -> list[str | None]:
        """The values of some rows, int64 (n,) in any order."""
        found: list[str | None] = [None] * len(rows)
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        for begin, piece in self.numbered():
            first, last = np.searchsorted(ordered, [begin, begin + len(piece)])
            if first < last:
                texts = piece.series[ordered[first:last] - begin].to_list()
                for place, text in zip(order[first:last].tolist(), texts, strict=True):
                    found[place] = text
            if last == len(ordered):
                break
        return found

    def _refused(self) -> Iterator[BadValue]:
        """The first value of each piece that cannot be a number."""
        for begin, piece in self.numbered():
            try:
                located(begin, piece.numbers)
            except BadValue as error:
                yield error

    def _gathered(self, answer: Answering, *dtypes: DTypeLike) -> list[NDArray[Any]]:
        """Arrays with a value for each row, (n,) each, of as many types as the answer has arrays."""
        found = [self.room.array(self.count, dtype) for dtype in dtypes]
        for begin, arrays in self.answers(answer):
            for whole, part in zip(found, arrays, strict=True):
                whole[begin : begin + len(part)] = part
        return found


class StreamedTexts(Sequence[str]):
    """The texts of a column, read a batch at a time whenever they are asked for."""

    def __init__(self, column: FrameColumn | StreamedColumn) -> None:
        self._column = column

    def batches(self) -> Iterator[pa.ChunkedArray]:
        """All texts in order, as Arrow has them."""
        pieces = self._column.pieces() if isinstance(self._column, StreamedColumn) else [self._column]
        return (Texts().joined(piece.series.to_arrow()).arrow for piece in pieces)

    def __len__(self) -> int:
        return len(self._column)

    def __iter__(self) -> Iterator[str]:
        for batch in self.batches():
            yield from Texts(batch)

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]


def _counts(piece: FrameColumn) -> Answer:
    """The different texts of a piece: all bytes, the length of each, and how often each occurs."""
    counts = piece.counts()
    texts = [text.encode() for text in counts]
    every, lengths = np.frombuffer(b"".join(texts), np.uint8), np.array([len(text) for text in texts], np.int64)
    return every, lengths, np.array([*counts.values()], np.int64)


def located(begin: int, answer: Callable[[], T]) -> T:
    """What is answered of a piece; a value that it complains of is named by its row in the whole column."""
    try:
        return answer()
    except BadValue as error:
        raise BadValue(error.row + begin, error.text, error.problem) from None
