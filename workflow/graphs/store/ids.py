"""Ids of one kind of element: row to id and back.

Ids that came one by one are Python objects in a list and a dictionary. Text ids that came in bulk are packed: one
block of UTF-8 and a sorted array of hashes, a sixth of the memory. Packed runs of like size are merged, so that there
are few.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from copy import copy
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
    """Rows are given in order and never twice; an id may be given again once its row is dead.

    Shared by all versions of a graph, which know themselves how many rows they have and which of them live: a question
    by id is asked with that. One writer appends at a time.
    """

    __slots__ = ("_earlier", "_firsts", "_packed", "_rows", "_runs", "_tail", "_tail_first")

    def __init__(self) -> None:
        self._runs: list[_Packed | list[Any]] = []
        self._firsts: list[int] = []
        self._packed: list[_Packed] = []
        self._tail: list[Any] = []
        self._tail_first = 0
        self._rows: dict[Any, int] = {}
        self._earlier: dict[Any, list[int]] = {}

    def __len__(self) -> int:
        return self._tail_first + len(self._tail)

    def __getitem__(self, row: int) -> Any:
        if row >= self._tail_first:
            return self._tail[row - self._tail_first]
        place = bisect_right(self._firsts, row) - 1
        run = self._runs[place]
        return run[row - self._firsts[place]] if type(run) is list else run.texts[row - run.first]  # type: ignore[union-attr]

    def find(self, id: Any, alive: bytearray) -> int | None:
        """The living row of an id; 1 and 1L are one id. TypeError for what cannot be hashed."""
        row = self._unpacked(id, alive)
        if row is not None:
            return row
        if self._packed and isinstance(id, str):
            for run in self._packed:
                for held in run.find(id):
                    if held < len(alive) and alive[held]:
                        return held
        return None

    def _unpacked(self, id: Any, alive: bytearray) -> int | None:
        row = self._rows.get(id)
        if row is None or (row < len(alive) and alive[row]):
            return row
        return next((row for row in self._earlier.get(id, ()) if row < len(alive) and alive[row]), None)

    def find_many(self, ids: Sequence[Any], alive: bytearray) -> NDArray[np.int32]:
        """A living row for each id, -1 where there is none."""
        if not isinstance(ids, Texts) or not self._packed:
            found = (self.find(id, alive) for id in ids)
            return np.fromiter((-1 if row is None else row for row in found), dtype=np.int32, count=len(ids))
        rows = self._packed[0].find_many(ids)
        for run in self._packed[1:]:
            rows = np.maximum(rows, run.find_many(ids))
        # some may be dead, or younger than the version that asks
        lives = np.array(alive, dtype=bool)
        held = np.flatnonzero(rows >= 0)
        known = held[rows[held] < len(lives)]
        fine = np.zeros(len(rows), dtype=bool)
        fine[known] = lives[rows[known]]
        for place in held[~fine[held]].tolist():
            row = self.find(ids[place], alive)
            rows[place] = -1 if row is None else row
        if self._rows:
            for place in np.flatnonzero(rows < 0).tolist():
                row = self._unpacked(ids[place], alive)
                rows[place] = -1 if row is None else row
        return rows

    def append(self, id: Any) -> int:
        """Give the next row to an id that is not taken."""
        row = len(self)
        self._tail.append(id)
        self._note(id, row)
        return row

    def _note(self, id: Any, row: int) -> None:
        before = self._rows.get(id)
        if before is not None:
            # it is dead now, but lives in versions that others still read
            self._earlier.setdefault(id, []).append(before)
        self._rows[id] = row

    def cut(self, size: int) -> None:
        """Take the rows from ``size`` on back, which nobody has published."""
        for row in range(len(self) - 1, size - 1, -1):
            id = self._tail.pop()
            earlier = self._earlier.get(id)
            if earlier:
                self._rows[id] = earlier.pop()
            elif self._rows.get(id) == row:
                del self._rows[id]

    def twin(self) -> Ids:
        """The same rows for somebody who reads on after they were cut; ids are not found by it."""
        twin = copy(self)
        twin._tail = self._tail[:]
        return twin

    def extended(self, ids: Sequence[Any]) -> Ids:
        """Gives the next rows to ids that are distinct and not taken; those from before do not have them."""
        twin = copy(self)
        first = len(self)
        if not isinstance(ids, Texts):
            twin._tail = [*self._tail, *ids]
            for row, id in enumerate(ids, first):
                self._note(id, row)
            return twin
        runs, firsts, packed = list(self._runs), list(self._firsts), list(self._packed)
        if self._tail:
            runs.append(self._tail[:])
            firsts.append(self._tail_first)
        texts = ids
        while runs and isinstance(runs[-1], _Packed) and len(runs[-1].texts) <= 2 * len(texts):
            last = runs.pop()
            assert isinstance(last, _Packed)
            firsts.pop()
            packed.remove(last)
            first, texts = last.first, Texts.joined([last.texts, texts])
        run = _Packed(first, texts)
        twin._runs, twin._firsts, twin._packed = [*runs, run], [*firsts, first], [*packed, run]
        twin._tail, twin._tail_first = [], first + len(texts)
        return twin

    def all(self, size: int) -> Sequence[Any]:
        """The ids of the first ``size`` rows, the dead ones included; nobody changes what is returned."""
        if len(self._runs) == 1 and isinstance(self._runs[0], _Packed) and size == self._tail_first:
            return self._runs[0].texts
        found: list[Any] = []
        for run in self._runs:
            found += run.texts.tolist() if isinstance(run, _Packed) else run
        return [*found, *self._tail][:size]

    def some(self, rows: NDArray[Any]) -> Sequence[Any]:
        """The ids of some rows, in their order."""
        if len(self._runs) == 1 and not self._tail and isinstance(self._runs[0], _Packed):
            return self._runs[0].texts.select(rows)
        return [self[row] for row in rows.tolist()]


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
