"""The rows of vertices or of edges, which all versions of a graph have in common."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.memory import let_go
from workflow.graphs.store.versions.ids import Ids, Marks, joined_runs
from workflow.graphs.store.versions.text_block import Texts

ROOM = 16


class Rows:
    """What stands in each row, and the numbers of labels and property keys. Usable from any thread.

    A row belongs to one element for as long as some version or open transaction has that element. So several
    transactions can write here beside each other, each to rows of its own, and what one of them adds keeps its row
    when it is published on top of another. A version looks at no row beyond its length, and at none dead in it.
    """

    def __init__(self, ends: int) -> None:
        """``ends`` is how many cells beside its label a row has: 2 for an edge, 0 for a vertex."""
        self._lock = threading.Lock()  # guards all that is here while it is written; reading needs none
        self.ids = Ids()
        self.cells = [cells_of(np.zeros(ROOM, dtype=np.int32)) for _ in range(1 + ends)]
        """int32 by row: the label's number, and for edges the rows of source and target."""
        self._laid, self._written_to = 0, False
        """How many rows came as arrays that were kept as they are, and whether one of them was given again."""
        self.relabelled = 0
        """How often a label of a row that others know was changed."""
        self.label_names: list[str] = []
        self.label_codes: dict[str, int] = {}
        self._key_places: dict[str, int] = {}

    def label_code(self, label: str) -> int:
        """The number of a label, given at first use."""
        code = self.label_codes.get(label)
        if code is None:
            with self._lock:
                code = self.label_codes.get(label, len(self.label_names))
                if code == len(self.label_names):
                    self.label_names.append(label)
                    self.label_codes[label] = code
        return code

    def key_place(self, key: str) -> int:
        """The number of a property key, given at first use."""
        with self._lock:
            return self._key_places.setdefault(key, len(self._key_places))

    def take(self, id: Any, *facts: int) -> int:
        """A row for one new element, with its label's number and its ends."""
        with self._lock:
            row = self.ids.take(id)
            for place, fact in enumerate(facts):
                cells = self.cells[place]
                if row >= len(cells):
                    cells = self._more_room(place, row, 1)
                elif row < self._laid:
                    self._written_to = True
                cells[row] = fact
            return row

    def extend(self, ids: Sequence[Any], *facts: NDArray[np.int32], marks: Marks | None = None) -> int:
        """Rows one behind the other for many new elements; returns the first. The very first are kept as they are."""
        if marks is None and isinstance(ids, Texts):
            marks = Marks.of(ids)
        with self._lock:
            first = self.ids.extend(ids, marks)
            for place, fact in enumerate(facts):
                if not first and fact.flags.writeable and len(fact) >= ROOM:
                    self.cells[place], self._laid = cells_of(fact), len(fact)
                    continue
                cells = self._more_room(place, first, len(ids))
                np.asarray(cells)[first : first + len(ids)] = fact
            return first

    def _more_room(self, place: int, used: int, more: int) -> memoryview:
        """The cells with room for more rows. Those that were mapped from a file go from memory when they are copied."""
        before = self.cells[place]
        cells = self.cells[place] = with_room(before, used, more)
        if cells is not before and len(before) == self._laid and not self._written_to:
            let_go(np.asarray(before))
        return cells

    def tidy(self, most: int = 1 << 31) -> None:
        """Put runs of ids of like size together, so that there are few; others go on meanwhile.

        Args:
            most: ids in a run that is made so.
        """
        while (pair := self.ids.alike()) is not None and sum(len(run.texts) for run in pair) <= most:
            both = joined_runs(*pair)
            with self._lock:
                self.ids.put_together(pair, both)

    def release(self, rows: Iterable[int]) -> None:
        """These rows live in no version any more, and in none to come."""
        with self._lock:
            for row in rows:
                self.ids.release(row)

    def relabel(self, codes: dict[int, int]) -> None:
        """Note the new labels of rows for the versions to come; those from before keep what they have."""
        with self._lock:
            labels = np.array(self.cells[0])
            for row, code in codes.items():
                labels[row] = code
            # counted first: whoever sees the new labels knows that they may not be theirs
            self.relabelled += 1
            self.cells[0] = cells_of(labels)


def cells_of(numbers: NDArray[np.int32]) -> memoryview:
    """The same memory, (n,), whose items are Python's own numbers: several times as fast one by one."""
    shown: Any = numbers
    return memoryview(shown)


def with_room(cells: memoryview, used: int, more: int) -> memoryview:
    """The same numbers (int32) with room for more; a larger copy where there is too little, since others may look."""
    if used + more <= len(cells):
        return cells
    larger = np.zeros(max(2 * used, used + more, ROOM), dtype=np.int32)
    larger[:used] = np.asarray(cells)[:used]
    return cells_of(larger)
