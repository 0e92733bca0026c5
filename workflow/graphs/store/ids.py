"""Ids of one kind of element: row to id and back.

Ids that came one by one are Python objects in a list and a dictionary. Text ids that came in bulk are packed: one
block of UTF-8 and a sorted array of hashes, a sixth of the memory. Packed runs of like size are merged, so that there
are few.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.text_block import Texts, encoded, hash_text


class _Packed:
    """A run of text ids that stand in consecutive rows."""

    __slots__ = ("_hash_array", "_hashes", "_order", "first", "texts")

    def __init__(self, first: int, texts: Texts) -> None:
        self.first = first
        self.texts = texts
        hashes = texts.hashes()
        texts.forget_hashes()
        self._order = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._order]
        # the same memory for single questions: items of an array are Python numbers
        self._hash_array = array("Q")
        self._hash_array.frombytes(self._hashes.tobytes())
        self._hashes = np.frombuffer(self._hash_array, dtype=np.uint64) if len(texts) else self._hashes

    def find(self, text: str) -> list[int]:
        """Rows of an id, which are several only when it was given again after a removal."""
        raw = encoded(text)
        wanted = hash_text(raw)
        found = []
        place = bisect_left(self._hash_array, wanted)
        while place < len(self._hash_array) and self._hash_array[place] == wanted:
            row = int(self._order[place])
            if self.texts.raw(row) == raw:
                found.append(self.first + row)
            place += 1
        return found

    def find_many(self, texts: Texts) -> NDArray[np.int32]:
        """A row for each id, -1 where it is not here."""
        rows = np.full(len(texts), -1, dtype=np.int32)
        if not len(self.texts) or not len(texts):
            return rows
        hashes = texts.hashes()
        places = np.searchsorted(self._hashes, hashes)
        places[places == len(self._hashes)] = 0
        hit = np.flatnonzero(self._hashes[places] == hashes)
        held = self._order[places[hit]]
        same = self.texts.equal_to(texts, held, hit)
        rows[hit[same]] = held[same] + self.first
        for place in hit[~same].tolist():
            # two texts of one hash: ask for this one alone
            rows[place] = (self.find(texts[place]) or [-1])[0]
        return rows


class Ids:
    """Rows are given in order and never twice; an id may be given again once its row is forgotten."""

    __slots__ = ("_firsts", "_gone", "_packed", "_rows", "_runs", "_tail", "_tail_first")

    def __init__(self) -> None:
        self._runs: list[_Packed | list[Any]] = []
        self._firsts: list[int] = []
        self._packed: list[_Packed] = []
        self._tail: list[Any] = []
        self._tail_first = 0
        self._rows: dict[Any, int] = {}
        self._gone: set[int] = set()

    def __len__(self) -> int:
        return self._tail_first + len(self._tail)

    def __getitem__(self, row: int) -> Any:
        if row >= self._tail_first:
            return self._tail[row - self._tail_first]
        place = bisect_right(self._firsts, row) - 1
        run = self._runs[place]
        return run[row - self._firsts[place]] if type(run) is list else run.texts[row - run.first]  # type: ignore[union-attr]

    def find(self, id: Any) -> int | None:
        """The living row of an id; 1 and 1L are one id. TypeError for what cannot be hashed."""
        row = self._rows.get(id)
        if row is None and self._packed and isinstance(id, str):
            for run in self._packed:
                for held in run.find(id):
                    if held not in self._gone:
                        return held
        return row

    def find_many(self, ids: Sequence[Any]) -> NDArray[np.int32]:
        """A living row for each id, -1 where there is none."""
        if isinstance(ids, Texts) and self._packed:
            rows = self._packed[0].find_many(ids)
            for run in self._packed[1:]:
                rows = np.maximum(rows, run.find_many(ids))
            if self._rows:
                for place in np.flatnonzero(rows < 0).tolist():
                    rows[place] = self._rows.get(ids[place], -1)
            if self._gone:
                gone = np.fromiter(self._gone, dtype=np.int32, count=len(self._gone))
                for place in np.flatnonzero(np.isin(rows, gone)).tolist():
                    row = self.find(ids[place])
                    rows[place] = -1 if row is None else row
            return rows
        found = map(self.find, ids) if self._packed else map(self._rows.get, ids)
        return np.fromiter((-1 if row is None else row for row in found), dtype=np.int32, count=len(ids))

    def first_taken(self, ids: Sequence[Any]) -> Any | None:
        """The first of these that lives already or stands twice among them."""
        twice = first_twice(ids)
        if twice is not None:
            return ids[twice]
        if not len(self):
            return None
        taken = np.flatnonzero(self.find_many(ids) >= 0)
        return ids[int(taken[0])] if len(taken) else None

    def append(self, id: Any) -> int:
        """Give the next row to an id that is not taken."""
        row = len(self)
        self._tail.append(id)
        self._rows[id] = row
        return row

    def extend(self, ids: Sequence[Any]) -> None:
        """Give the next rows to ids that are distinct and not taken."""
        first = len(self)
        if not isinstance(ids, Texts):
            self._tail += ids
            self._rows.update(zip(ids, range(first, len(self)), strict=True))
            return
        if self._tail:
            self._runs.append(self._tail)
            self._firsts.append(self._tail_first)
        texts = ids
        while self._runs and isinstance(self._runs[-1], _Packed) and len(self._runs[-1].texts) <= 2 * len(texts):
            last = self._runs.pop()
            assert isinstance(last, _Packed)
            self._firsts.pop()
            self._packed.remove(last)
            first, texts = last.first, Texts.joined([last.texts, texts])
        run = _Packed(first, texts)
        self._runs.append(run)
        self._firsts.append(first)
        self._packed.append(run)
        self._tail, self._tail_first = [], first + len(texts)

    def all(self) -> Sequence[Any]:
        """The ids of all rows, the dead ones included; nobody changes what is returned."""
        if len(self._runs) == 1 and not self._tail and isinstance(self._runs[0], _Packed):
            return self._runs[0].texts
        found: list[Any] = []
        for run in self._runs:
            found += run.texts.tolist() if isinstance(run, _Packed) else run
        return found + self._tail

    def some(self, rows: NDArray[Any]) -> Sequence[Any]:
        """The ids of some rows, in their order."""
        if len(self._runs) == 1 and not self._tail and isinstance(self._runs[0], _Packed):
            return self._runs[0].texts.select(rows)
        return [self[row] for row in rows.tolist()]

    def forget(self, row: int) -> None:
        """The row died: its id may be given again."""
        id = self[row]
        if self._rows.get(id) == row:
            del self._rows[id]
        else:
            self._gone.add(row)

    def restore(self, row: int) -> None:
        """The row lives again."""
        if row in self._gone:
            self._gone.discard(row)
        else:
            self._rows[self[row]] = row


def first_twice(ids: Sequence[Any]) -> int | None:
    """The place of the first id that stood before."""
    if isinstance(ids, Texts):
        places = repeated(ids)
        return int(places[0]) if len(places) else None
    if len(set(ids)) == len(ids):
        return None
    return int(repeated(ids)[0])


def repeated(ids: Iterable[Any]) -> NDArray[np.int64]:
    """Ascending places of ids that stood before."""
    if isinstance(ids, Texts):
        hashes = np.sort(ids.hashes())
        if not (hashes[1:] == hashes[:-1]).any():
            return np.zeros(0, dtype=np.int64)
    seen: set[Any] = set()
    places = []
    for place, id in enumerate(ids):
        if id in seen:
            places.append(place)
        seen.add(id)
    return np.array(places, dtype=np.int64)
