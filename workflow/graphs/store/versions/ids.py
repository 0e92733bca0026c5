"""Ids of one kind of element: row to id and back.

Ids that came one by one are Python objects in a list and a dictionary. Text ids that came in bulk are packed: one
block of UTF-8 and a sorted array of hashes, a sixth of the memory. Packed runs of like size are merged, so that there
are few.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.versions.layers import Alive
from workflow.graphs.store.versions.text_block import OF_THIS_PROCESS, TextHash, Texts, encoded

_ALL = (1 << 64) - 1
FEW_WANTED: Final = 4096


class Marks(NamedTuple):
    """What finds texts in a block: ``numbers``, ascending uint64 (n,), and the hash that they are made by.

    A number is the upper bits of a text's hash and, below them, its place: sorting numbers is several times as fast as
    finding the order of others, and one array does.
    """

    by: TextHash
    numbers: NDArray[np.uint64]

    @classmethod
    def of(cls, texts: Texts, by: TextHash = OF_THIS_PROCESS) -> Marks:
        numbers = texts.hashes(by) & np.uint64(~_mask(texts) & _ALL) | np.arange(len(texts), dtype=np.uint64)
        texts.forget_hashes()
        numbers.sort()
        return cls(by, numbers)


def _mask(texts: Texts) -> int:
    return (1 << len(texts).bit_length()) - 1


class PackedTexts:
    """A run of texts that stand in consecutive rows, and where each of them is."""

    __slots__ = ("_items", "_mask", "first", "marks", "texts")

    def __init__(self, first: int, texts: Texts, marks: Marks | None = None) -> None:
        self.first = first
        self.texts = texts
        self.marks = Marks.of(texts) if marks is None else marks
        self._mask = _mask(texts)
        # the same memory for single questions: items of a view are Python numbers
        shown: Any = self.marks.numbers
        self._items = memoryview(shown)

    def find(self, text: str) -> list[int]:
        """Rows of an id, which are several only when it was given again after a removal."""
        raw = encoded(text)
        wanted = self.marks.by.of(raw) & ~self._mask
        found = []
        place = bisect_left(self._items, wanted)
        while place < len(self._items) and self._items[place] & ~self._mask == wanted:
            row = self._items[place] & self._mask
            if self.texts.raw(row) == raw:
                found.append(self.first + row)
            place += 1
        return found

    def find_many(self, texts: Texts) -> NDArray[np.int32]:
        """A row for each id, (n,), -1 where it is not here."""
        rows = np.full(len(texts), -1, dtype=np.int32)
        if not len(self.texts) or not len(texts):
            return rows
        upper, lower = np.uint64(~self._mask & _ALL), np.uint64(self._mask)
        hashes = texts.hashes(self.marks.by) & upper
        places = _places(self.marks.numbers, hashes)
        places[places == len(self.texts)] = 0
        marks = self.marks.numbers[places]
        hit = np.flatnonzero(marks & upper == hashes)
        held = (marks[hit] & lower).astype(np.int64)
        same = self.texts.equal_to(texts, held, hit)
        rows[hit[same]] = held[same] + self.first
        for at in hit[~same].tolist():
            # two texts of one hash: ask for this one alone
            rows[at] = (self.find(texts[at]) or [-1])[0]
        return rows


def _places(numbers: NDArray[np.uint64], wanted: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where each of the wanted would stand among ascending numbers, (n,); both uint64.

    Many are looked for in their own order: neighbours then lie near each other, and a look-up takes a third of the
    time and hardly longer among ten times as many numbers.
    """
    if len(wanted) < FEW_WANTED:
        return np.searchsorted(numbers, wanted)
    low = np.uint64((1 << len(wanted).bit_length()) - 1)
    order = (np.sort(wanted & ~low | np.arange(len(wanted), dtype=np.uint64)) & low).astype(np.int64)
    places = np.empty(len(wanted), dtype=np.int64)
    places[order] = np.searchsorted(numbers, wanted[order])
    return places


class _Runs(NamedTuple):
    """How rows lie: runs loaded in bulk, then a tail of those that came one by one."""

    runs: list[PackedTexts | list[Any]]
    firsts: list[int]
    packed: list[PackedTexts]
    tail: list[Any]
    tail_first: int


class Ids:
    """Row to id and back, for all versions of a graph.

    A version knows itself how many rows it has and which of them live: a question by id is asked with that, so what
    another version or an open transaction added is not found. A row is given again once it was released, which happens
    when no version is left in which it lives. One thread writes at a time; reading is safe beside it.
    """

    __slots__ = ("_earlier", "_free", "_given_again", "_laid", "_rows")

    def __init__(self) -> None:
        self._laid = _Runs([], [], [], [], 0)
        self._rows: dict[Any, int] = {}
        self._earlier: dict[Any, tuple[int, ...]] = {}
        self._given_again: dict[int, Any] = {}
        self._free: list[int] = []

    def __len__(self) -> int:
        laid = self._laid
        return laid.tail_first + len(laid.tail)

    def __getitem__(self, row: int) -> Any:
        runs, firsts, _, tail, tail_first = self._laid
        if row >= tail_first:
            return tail[row - tail_first]
        place = bisect_right(firsts, row) - 1
        run = runs[place]
        if isinstance(run, list):
            return run[row - firsts[place]]
        if self._given_again and row in self._given_again:
            return self._given_again[row]
        return run.texts[row - run.first]

    def find(self, id: Any, alive: Alive) -> int | None:
        """The living row of an id; 1 and 1L are one id. TypeError for what cannot be hashed."""
        row = self._unpacked(id, alive)
        if row is not None:
            return row
        packed = self._laid.packed
        if packed and isinstance(id, str):
            for run in packed:
                for held in run.find(id):
                    if alive.has(held) and held not in self._given_again:
                        return held
        return None

    def _unpacked(self, id: Any, alive: Alive) -> int | None:
        row = self._rows.get(id)
        if row is None or alive.has(row):
            return row
        return next((row for row in self._earlier.get(id, ()) if alive.has(row)), None)

    def find_many(self, ids: Sequence[Any], alive: Alive) -> NDArray[np.int32]:
        """A living row for each id, (n,); -1 where there is none."""
        packed = self._laid.packed
        if not isinstance(ids, Texts) or not packed:
            each = (self.find(id, alive) for id in ids)
            return np.fromiter((-1 if row is None else row for row in each), dtype=np.int32, count=len(ids))
        rows = packed[0].find_many(ids)
        for run in packed[1:]:
            rows = np.maximum(rows, run.find_many(ids))
        # some may be dead, given to another id, or younger than the version that asks
        lives = alive.array()
        for row in list(self._given_again):
            if row < len(lives):
                lives[row] = False
        held = np.flatnonzero(rows >= 0)
        known = held[rows[held] < len(lives)]
        fine = np.zeros(len(rows), dtype=bool)
        fine[known] = lives[rows[known]]
        for at in held[~fine[held]].tolist():
            living = self.find(ids[at], alive)
            rows[at] = -1 if living is None else living
        if self._rows:
            for at in np.flatnonzero(rows < 0).tolist():
                living = self._unpacked(ids[at], alive)
                rows[at] = -1 if living is None else living
        return rows

    def take(self, id: Any) -> int:
        """Give a row to an id that is not taken: one that was released, or the next."""
        runs, firsts, _, tail, tail_first = self._laid
        if not self._free:
            row = tail_first + len(tail)
            tail.append(id)
        else:
            row = self._free.pop()
            place = bisect_right(firsts, row) - 1
            if row >= tail_first:
                tail[row - tail_first] = id
            elif isinstance(run := runs[place], list):
                run[row - firsts[place]] = id
            else:
                self._given_again[row] = id
        self._note(id, row)
        return row

    def _note(self, id: Any, row: int) -> None:
        before = self._rows.get(id)
        if before is not None:
            # it is dead now, but lives in versions that others still read
            self._earlier[id] = (*self._earlier.get(id, ()), before)
        self._rows[id] = row

    def release(self, row: int) -> None:
        """A row lives in no version any more, and in none to come."""
        id = self[row]
        earlier = self._earlier.get(id, ())
        if row in earlier:
            earlier = tuple(other for other in earlier if other != row)
        elif self._rows.get(id) == row:
            if earlier:
                self._rows[id], earlier = earlier[-1], earlier[:-1]
            else:
                del self._rows[id]
        if earlier:
            self._earlier[id] = earlier
        else:
            self._earlier.pop(id, None)
        self._free.append(row)

    def extend(self, ids: Sequence[Any], marks: Marks | None = None) -> int:
        """Give the next rows, one behind the other, to ids that are distinct and not taken; returns the first.

        ``marks`` are those of the ids, where somebody has made them.
        """
        runs, firsts, packed, tail, tail_first = self._laid
        begin = len(self)
        if not isinstance(ids, Texts):
            for row, id in enumerate(ids, begin):
                tail.append(id)
                self._note(id, row)
            return begin
        runs, firsts, packed = list(runs), list(firsts), list(packed)
        if tail:
            runs.append(tail)
            firsts.append(tail_first)
        run = PackedTexts(begin, ids, marks)
        self._laid = _Runs([*runs, run], [*firsts, begin], [*packed, run], [], begin + len(ids))
        return begin

    def alike(self) -> tuple[PackedTexts, PackedTexts] | None:
        """The last two runs, where both are packed and the first of them is not much longer."""
        if len(self._laid.runs) < 2:
            return None
        first, second = self._laid.runs[-2:]
        if isinstance(first, list) or isinstance(second, list) or len(first.texts) > 2 * len(second.texts):
            return None
        return first, second

    def put_together(self, pair: tuple[PackedTexts, PackedTexts], both: PackedTexts) -> None:
        """Let one run stand for the last two, unless others came since."""
        runs, firsts, packed, tail, tail_first = self._laid
        if tuple(runs[-2:]) == pair:
            packed = [run for run in packed if run not in pair]
            self._laid = _Runs([*runs[:-2], both], firsts[:-1], [*packed, both], tail, tail_first)

    def all(self, size: int) -> Sequence[Any]:
        """The ids of the first ``size`` rows, the dead ones included; nobody changes what is returned."""
        runs, _, _, tail, tail_first = self._laid
        if len(runs) == 1 and isinstance(runs[0], PackedTexts) and size == tail_first and not self._given_again:
            return runs[0].texts
        found: list[Any] = []
        for run in runs:
            found += run.texts.tolist() if isinstance(run, PackedTexts) else run
        for row, id in list(self._given_again.items()):
            found[row] = id
        return [*found, *tail][:size]

    def marks(self, size: int) -> Marks | None:
        """Those of the first ``size`` ids, where these are one run of texts."""
        runs, _, _, _, tail_first = self._laid
        if len(runs) == 1 and isinstance(runs[0], PackedTexts) and size == tail_first and not self._given_again:
            return runs[0].marks
        return None

    def packed_at(self, rows: NDArray[Any], texts: Texts) -> bool:
        """Whether these rows, int32 (n,), have these ids, and all of them are packed."""
        laid = self._laid
        if not laid.packed or len(laid.packed) < len(laid.runs) or (rows >= laid.tail_first).any():
            return False
        held = self.some(rows)
        return isinstance(held, Texts) and held.same_as(texts)

    def some(self, rows: NDArray[Any]) -> Sequence[Any]:
        """The ids of some rows, int32 (n,), in their order."""
        runs, firsts, packed, tail, tail_first = self._laid
        if len(runs) == 1 and not tail and packed and not self._given_again:
            return packed[0].texts.select(rows)
        if not packed or self._given_again or (rows >= tail_first).any() or len(packed) < len(runs):
            return [self[row] for row in rows.tolist()]
        owners = np.searchsorted(np.array(firsts), rows, side="right") - 1
        parts = [np.flatnonzero(owners == owner) for owner in range(len(packed))]
        texts = [run.texts.select(rows[part] - run.first) for run, part in zip(packed, parts, strict=True)]
        back = np.empty(len(rows), dtype=np.int64)
        back[np.concatenate(parts)] = np.arange(len(rows))
        return Texts.joined(texts).select(back)


def joined_runs(first: PackedTexts, second: PackedTexts) -> PackedTexts:
    """One run of two that stand one behind the other."""
    return PackedTexts(first.first, Texts.joined([first.texts, second.texts]))


def first_twice(ids: Sequence[Any]) -> int | None:
    """The place of the first id that stood before."""
    if isinstance(ids, Texts):
        places = repeated(ids)
        return int(places[0]) if len(places) else None
    if len(set(ids)) == len(ids):
        return None
    return int(repeated(ids)[0])


def repeated(ids: Iterable[Any]) -> NDArray[np.int64]:
    """Places of ids that stood before, (n,), ascending."""
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
