"""Values of any class as numbers of distinct ones, as they stand in a file: what a column is read from in place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.versions.cells import MISSING, Cells
from workflow.graphs.store.versions.coding import Coding
from workflow.graphs.store.versions.ids import PackedTexts
from workflow.graphs.store.versions.text_block import Texts

FEW: Final = 1 << 16
"""So many distinct values are kept as objects; more are made from their text whenever one is asked for."""


class CellForm(NamedTuple):
    """How cells of any class are written as text, the same for the same cell, and read back."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]


class Coded(Sequence[Any]):
    """Cells by row: ``codes``, int32 (n,), are places among distinct ``texts``, or -1 where a row holds nothing.

    Without a ``form`` the texts are the values themselves. Immutable.
    """

    def __init__(self, codes: NDArray[np.int32], texts: Texts, form: CellForm | None = None) -> None:
        self.codes = codes
        self.texts = texts
        self.form = form
        shown: Any = codes
        self._items = memoryview(shown)
        self._few = self.values() if len(texts) <= FEW else None

    def values(self) -> list[Any]:
        """All distinct values, a list of its own."""
        texts = self.texts.tolist()
        return texts if self.form is None else list(map(self.form.read, texts))

    @cached_property
    def multi(self) -> bool:
        """Whether some row has several values, or meta-properties."""
        return self.form is not None and any(type(value) is Cells for value in self._few or self.values())

    # -- as a sequence
    def __len__(self) -> int:
        return len(self.codes)

    @overload
    def __getitem__(self, row: int) -> Any: ...
    @overload
    def __getitem__(self, row: slice) -> list[Any]: ...
    def __getitem__(self, row: int | slice) -> Any:
        if isinstance(row, slice):
            return self.some(self.codes[row])
        code = self._items[row]
        if code < 0:
            return MISSING
        if self._few is not None:
            return self._few[code]
        text = self.texts[code]
        return text if self.form is None else self.form.read(text)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.some(self.codes))

    def some(self, codes: NDArray[np.int32]) -> list[Any]:
        """The cells that codes (n,) stand for."""
        if self._few is not None:
            few = [*self._few, MISSING]
            return [few[code] for code in codes.tolist()]
        held = codes >= 0
        texts = self.texts.select(codes[held]).tolist()
        values = iter(texts if self.form is None else map(self.form.read, texts))
        return [next(values) if one else MISSING for one in held.tolist()]

    @classmethod
    def of(cls, cells: Sequence[Any], form: CellForm) -> Coded:
        """From cells, as plain texts where all are."""
        plain = set(map(type, cells)) <= {str, type(MISSING)}
        known: dict[str, int] = {}
        codes = np.full(len(cells), -1, dtype=np.int32)
        for row, cell in enumerate(cells):
            if cell is not MISSING:
                codes[row] = known.setdefault(cell if plain else form.write(cell), len(known))
        return cls(codes, Texts.of(known), None if plain else form)

    def at(self, rows: NDArray[Any] | None, size: int, written: Mapping[int, Any]) -> Coded | None:
        """The cells of some rows, int64 (m,) or None for all ``size``, after writes. Values of no row are left out.

        None where it cannot be said in this form.
        """
        codes = np.full(size, -1, dtype=np.int32)
        codes[: len(self.codes)] = self.codes
        added: dict[str, int] = {}
        for row, cell in written.items():
            if cell is MISSING:
                codes[row] = -1
                continue
            if self.form is None and type(cell) is not str:
                return None
            text = cell if self.form is None else self.form.write(cell)
            held = self._packed.find(text)
            codes[row] = held[0] if held else len(self.texts) + added.setdefault(text, len(added))
        codes = codes if rows is None else codes[rows]
        texts = Texts.joined([self.texts, Texts.of(added)]) if added else self.texts
        used = np.zeros(len(texts) + 1, dtype=bool)
        used[codes] = True  # the last is for those that hold nothing
        used[-1] = False
        if not used[:-1].all():
            places = np.cumsum(used, dtype=np.int32) - 1
            places[-1] = -1
            codes, texts = places[codes], texts.select(np.flatnonzero(used))
        return Coded(codes, texts, self.form)

    # -- numbers for distinct values
    def coding(self) -> tuple[NDArray[np.int32], Coding]:
        """Numbers of equal values by row, a copy (n,), and what they stand for. TypeError for what cannot be hashed."""
        if self.form is None:
            return self.codes.copy(), Coding(self.values())
        coding = Coding()
        # two texts may tell of equal values; the last place is for code -1
        places = [coding.code(value) for value in self.values()]
        coding.settle()
        return np.array([*places, -1], dtype=np.int32)[self.codes], coding

    def codes_of(self, value: Any) -> Sequence[int]:
        """The codes whose values may equal a hashable one."""
        if self.form is None:
            return self._packed.find(value) if isinstance(value, str) else ()
        return self._by_value.get(value, ())

    @cached_property
    def _packed(self) -> PackedTexts:
        return PackedTexts(0, self.texts)

    @cached_property
    def _by_value(self) -> dict[Any, list[int]]:
        found: dict[Any, list[int]] = {}
        for code, cell in enumerate(self._few or self.values()):
            for value in [one.value for one in cell] if type(cell) is Cells else (cell,):
                try:
                    found.setdefault(value, []).append(code)
                except TypeError:
                    # an unhashable value is never asked for by a hashable one
                    continue
        return found
