"""Files of texts: one column of Parquet, written and read without what Arrow would import.

``pa.array`` imports pandas, and ``read_table`` also what reads folders of tables: together longer than a small job.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_BATCH = 65_536


def write_texts(path: Path, column: str, values: Sequence[str | None]) -> None:
    """Write texts as the one column of a Parquet file; what has them as ``arrow`` already is not copied."""
    texts = getattr(values, "arrow", None)
    if texts is None:
        batches = (values[begin : begin + _BATCH] for begin in range(0, len(values), _BATCH))
        texts = pa.chunked_array([_arrow(batch) for batch in batches], pa.string())
    pq.write_table(pa.table({column: texts}), path, compression="zstd")


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
