"""Files of texts: one column of Parquet, written and read without what Arrow would import.

``pa.array`` imports pandas, and ``read_table`` also what reads folders of tables: together longer than a small job.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_BATCH = 65_536


def write_texts(path: Path, column: str, values: Sequence[str | None]) -> None:
    """Write texts as the one column of a Parquet file; the bytes do not depend on how ``values`` has them."""
    with pq.ParquetWriter(path, pa.schema([(column, pa.string())]), compression="zstd", use_dictionary=False) as writer:
        for batch in text_batches(values):
            writer.write_table(pa.table({column: batch}))


def text_batches(values: Sequence[str | None]) -> Iterator[pa.Array]:
    """Texts as Arrow has them, in order, 65,536 at a time but for the last.

    Args:
        values: what has them as ``arrow`` already, or gives ``batches`` of them, is not copied as a whole.
    """
    if (arrow := getattr(values, "arrow", None)) is not None:
        yield from _recut([arrow])
    elif (batches := getattr(values, "batches", None)) is not None:
        yield from _recut(batches())
    else:
        for begin in range(0, len(values), _BATCH):
            yield _arrow(values[begin : begin + _BATCH])


def _recut(parts: Iterable[pa.ChunkedArray]) -> Iterator[pa.Array]:
    held: list[Any] = []
    for part in parts:
        chunks = [*held, *part.chunks]
        whole = pa.chunked_array(chunks, pa.string())
        full = len(whole) // _BATCH * _BATCH
        for begin in range(0, full, _BATCH):
            yield pa.concat_arrays(whole.slice(begin, _BATCH).chunks)
        held = whole.slice(full).chunks
    if len(rest := pa.chunked_array(held, pa.string())):
        yield pa.concat_arrays(rest.chunks)


def read_texts(path: Path, column: str) -> list[str]:
    """The texts of a column of a Parquet file."""
    with pq.ParquetFile(path) as file:
        texts: list[str] = file.read(columns=[column]).column(0).to_pylist()
    return texts


def _arrow(values: Sequence[str | None]) -> pa.Array:
    """Texts as Arrow has them: a bit for each that is there, where each ends, and all of them in a row."""
    known = np.packbits([text is not None for text in values], bitorder="little")
    encoded = [b"" if text is None else text.encode() for text in values]
    ends = np.array([0, *accumulate(map(len, encoded))], dtype=np.int32)
    buffers = [pa.py_buffer(part) for part in (known, ends, b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)
