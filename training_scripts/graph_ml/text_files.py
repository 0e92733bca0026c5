"""Files of texts: one column of an Arrow file, mapped when it is read, without what Arrow would import beside it.

``pa.array``, ``to_numpy`` and values of Python in a computation import pandas, and what reads folders of tables is as
large: together longer than a small job.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, ValuesView
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_BATCH = 65_536


class Texts(Sequence[str]):
    """Many texts as Arrow has them, in memory or mapped from a file; a list of ten million would take a gigabyte.

    ``order`` are the places of all texts but empty ones, ascending by text, int64; with it a text is found in place.
    """

    def __init__(self, arrow: pa.ChunkedArray | None = None, order: NDArray[np.int64] | None = None) -> None:
        self.arrow = pa.chunked_array([], type=pa.string()) if arrow is None else arrow
        self.order = order

    @classmethod
    def of(cls, texts: Sequence[str | None]) -> Texts:
        """These texts."""
        return cls(pa.chunked_array(list(text_batches(texts)), pa.string()))

    def joined(self, more: pa.Array | pa.ChunkedArray) -> Texts:
        """These texts and then those; nothing is copied."""
        chunks = more.chunks if isinstance(more, pa.ChunkedArray) else [more]
        return Texts(
            pa.chunked_array([*self.arrow.chunks, *(chunk.cast(pa.string()) for chunk in chunks)], pa.string())
        )

    def __len__(self) -> int:
        return len(self.arrow)

    def __getitem__(self, index: Any) -> Any:
        if not isinstance(index, slice):
            return self.arrow[int(index)].as_py()
        begin, end, step = index.indices(len(self))
        return self.arrow.slice(begin, max(0, end - begin)).to_pylist()[::step] if step > 0 else list(self)[index]

    def __iter__(self) -> Iterator[str]:
        for chunk in self.arrow.chunks:
            for begin in range(0, len(chunk), _BATCH):
                yield from chunk[begin : begin + _BATCH].to_pylist()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


class Places(Mapping[str, int]):
    """Text → place, looked up in texts that have an ``order``: nothing is read but what a search passes."""

    def __init__(self, texts: Texts, order: NDArray[np.int64]) -> None:
        self._texts, self._order = texts, order

    def __getitem__(self, text: str) -> int:
        low, high = 0, len(self._order)
        while low < high:
            middle = (low + high) // 2
            if self._texts[self._order[middle]] < text:
                low = middle + 1
            else:
                high = middle
        if low == len(self._order) or self._texts[self._order[low]] != text:
            raise KeyError(text)
        return int(self._order[low])

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[str]:
        return (self._texts[place] for place in self._order)

    def values(self) -> ValuesView[int]:
        """The places, ascending by text."""
        return _Ordered(self)


class _Ordered(ValuesView[int]):
    _mapping: Places

    def __iter__(self) -> Iterator[int]:
        return iter(self._mapping._order.tolist())


def places_of(texts: Sequence[str]) -> Mapping[str, int]:
    """The place of each text; an empty one has none."""
    if isinstance(texts, Texts) and texts.order is not None:
        return Places(texts, texts.order)
    return {text: place for place, text in enumerate(texts) if text}


def order_of(texts: Sequence[str]) -> NDArray[np.int64]:
    """The places of all texts but empty ones, ascending by text, int64 (n,)."""
    import pyarrow.compute as pc  # not needed by whoever only reads

    arrow = texts.arrow if isinstance(texts, Texts) else Texts.of(texts).arrow
    # by UTF-8, which is the order of code points
    order = np.from_dlpack(pc.sort_indices(arrow)).astype(np.int64)
    empty = pc.sum(pc.equal(arrow, _arrow([""])[0])).as_py() or 0
    found: NDArray[np.int64] = order[empty:]
    return found


def write_texts(path: Path, column: str, values: Sequence[str | None]) -> None:
    """Write texts as the one column of an Arrow file; the bytes do not depend on how ``values`` has them."""
    with pa.ipc.new_file(str(path), pa.schema([(column, pa.string())])) as writer:
        for batch in text_batches(values):
            writer.write_batch(pa.record_batch([batch], names=[column]))


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


def read_texts(path: Path, column: str) -> Texts:
    """The texts of a column of an Arrow file, mapped."""
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        batches = [reader.get_batch(number).column(column) for number in range(reader.num_record_batches)]
    return Texts(pa.chunked_array(batches, pa.string()))


def _arrow(values: Sequence[str | None]) -> pa.Array:
    """Texts as Arrow has them: a bit for each that is there, where each ends, and all of them in a row."""
    known = np.packbits([text is not None for text in values], bitorder="little")
    encoded = [b"" if text is None else text.encode() for text in values]
    ends = np.array([0, *accumulate(map(len, encoded))], dtype=np.int32)
    buffers = [pa.py_buffer(part) for part in (known, ends, b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)
