"""Property columns: the values of one key, by row.

A column has a ``base`` (what was loaded in bulk: a numpy array of one number class, values coded as they stand in a
file, or a list) and a ``patch`` of what was written since. A row holds nothing, one bare value, or ``Cells`` where it
has several values, meta-properties or a value whose id was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.store.versions.arrays import DTYPES, WRAPPERS, Codes, Made, Numeric, grown, plain
from workflow.graphs.store.versions.cells import MISSING, Cells
from workflow.graphs.store.versions.coded import Coded
from workflow.graphs.store.versions.coding import Coding
from workflow.graphs.store.versions.layers import layered

_UNSET: Final = object()
LARGE_PATCH: Final = 1024
MOST_LOGGED: Final = 1024
"""So many writes are remembered row by row, for arrays that were made before them."""


class ValueIndex(Protocol):
    """Rows by value, for a column and its forks; see ``index.PropertyIndex``."""

    @property
    def stale(self) -> bool: ...
    def note(self, row: int, cell: Any) -> None: ...
    def find(self, value: Any, column: KeyColumn) -> list[int] | None: ...


class BaseNumbers(NamedTuple):
    """A number for each row, (n,), where ``present``, bool (n,) or None for all; and which of them a value may have."""

    numbers: NDArray[Any]
    present: NDArray[np.bool_] | None
    named: Callable[[Any], Sequence[int | float]]


class KeyColumn:
    """Values of one key by row. A column that readers may have is never written: a fork of it is.

    What was written since the load is in two dictionaries: ``_patch`` of this fork, and ``_below`` it one that all
    forks share and nobody changes.
    """

    def __init__(self, key: str, index: int) -> None:
        self.key = key
        self.index = index
        self.version = 0
        self.multi = False
        self.values: ValueIndex | None = None
        self._base: NDArray[Any] | list[Any] | Coded | None = None
        self._present: NDArray[np.bool_] | None = None
        self._wrap: Callable[[Any], Any] | None = None
        self._patch: dict[int, Any] = {}
        self._below: dict[int, Any] = {}
        self._own_base = True
        self._log: list[int] = []
        """Rows written of late, the last of ``_logged`` there were."""
        self._logged = 0
        self._numeric: Made[Numeric] | None = None
        self._codes: Made[Codes] | None = None
        self._coding: Coding | None = None

    def fork(self) -> KeyColumn:
        """The same, to be written; this one is not written any more."""
        twin = KeyColumn.__new__(KeyColumn)
        twin.__dict__.update(self.__dict__)
        twin._own_base = False
        twin._log = list(self._log)
        if self.values is not None and self.values.stale:
            twin.values = None
        twin._patch, twin._below = layered(self._patch, self._below)
        return twin

    # -- reading
    def get(self, row: int, default: Any = MISSING) -> Any:
        """The bare value or ``Cells`` of a row, or the default."""
        value = self._patch.get(row, _UNSET)
        if value is _UNSET:
            value = self._below.get(row, _UNSET) if self._below else _UNSET
            if value is _UNSET:
                value = self._from_base(row)
        return default if value is MISSING else value

    def cells(self, rows: Sequence[int]) -> list[Any]:
        """The bare value, ``Cells`` or MISSING of each of some rows."""
        base = self._base
        if self._patch or self._below or not isinstance(base, list | Coded) or self._wrap is not None:
            return [self.get(row) for row in rows]
        size = len(base)
        if isinstance(base, Coded) and (not rows or max(rows) < size):
            return base.some(base.codes[np.array(rows, dtype=np.int64)])
        return [base[row] if row < size else MISSING for row in rows]

    def _written(self) -> dict[int, Any]:
        """What was written since the load, MISSING included."""
        return {**self._below, **self._patch} if self._below else self._patch

    def _from_base(self, row: int) -> Any:
        base = self._base
        if base is None or row >= len(base):
            return MISSING
        if self._wrap is None:
            return base[row]
        if self._present is not None and not self._present[row]:
            return MISSING
        return self._wrap(base[row])

    def items(self) -> Iterator[tuple[int, Any]]:
        """(row, bare value or Cells), by row for what was loaded, then what was written since."""
        patch, base = self._written(), self._base
        if base is not None:
            if self._wrap is None:
                for row, value in enumerate(base):
                    if value is not MISSING and row not in patch:
                        yield row, value
            else:
                values = base.tolist() if isinstance(base, np.ndarray) else base
                present, wrap = self._present, self._wrap
                rows = range(len(values)) if present is None else np.flatnonzero(present).tolist()
                for row in rows:
                    if row not in patch:
                        yield row, wrap(values[row])
        for row, value in list(patch.items()):
            if value is not MISSING:
                yield row, value

    def numeric(self, rows: int) -> Numeric | None:
        """Arrays over ``rows`` rows, when every value is single and of one class out of int, Long, float and Float."""
        made, state = self._numeric, (self.version, rows)
        if made is None or made.state != state:
            written = self._written_since(made)
            if made is None or written is None:
                value = self._build_numeric(rows)
            else:
                value = self._mended_numeric(made.value, written, rows)
            made = self._numeric = Made(state, self._logged, value)
        return made.value

    def _written_since(self, made: Made[Any] | None) -> set[int] | None:
        """Rows written since arrays were made; None where they are too many to be known."""
        count = len(self._log) + 1 if made is None else self._logged - made.logged
        if count > len(self._log):
            return None
        return set(self._log[len(self._log) - count :])

    def _mended_numeric(self, before: Numeric | None, written: set[int], rows: int) -> Numeric | None:
        if before is None:
            # it would take as many writes as are logged to make numbers of what is not
            return None if self._size() > LARGE_PATCH else self._build_numeric(rows)
        values, present = grown(before.values, rows, 0), grown(before.present, rows, False)
        for row in written:
            value = self.get(row)
            if value is not MISSING and type(value) is not before.kind:
                return None
            present[row] = value is not MISSING
            try:
                values[row] = 0 if value is MISSING else value
            except OverflowError:
                return None
        values.flags.writeable = present.flags.writeable = False
        return Numeric(values, present, before.kind)

    def _size(self) -> int:
        return len(self._patch) + len(self._below) + (0 if self._base is None else len(self._base))

    def _build_numeric(self, rows: int) -> Numeric | None:
        kind = self._number_class()
        if kind is None:
            return None
        if isinstance(self._base, np.ndarray) and not self._patch and not self._below and len(self._base) == rows:
            # nothing was written since the load: no copy
            everywhere = np.ones(rows, dtype=bool) if self._present is None else self._present
            self._base.flags.writeable = everywhere.flags.writeable = False
            return Numeric(self._base, everywhere, kind)
        values = np.zeros(rows, dtype=DTYPES[kind])
        present = np.zeros(rows, dtype=bool)
        if isinstance(self._base, np.ndarray):
            size = len(self._base)
            values[:size] = self._base
            present[:size] = True if self._present is None else self._present
            pairs: Any = self._written().items()
        else:
            pairs = self.items()
        try:
            for row, value in pairs:
                present[row] = value is not MISSING
                values[row] = 0 if value is MISSING else value
        except OverflowError:
            return None
        values.flags.writeable = present.flags.writeable = False
        return Numeric(values, present, kind)

    def _number_class(self) -> type | None:
        if isinstance(self._base, Coded) and len(self._base.texts):
            # numbers of one class are kept as such
            return None
        kinds = {type(value) for written in (self._patch, self._below) for value in written.values()}
        if isinstance(self._base, np.ndarray):
            kinds.add(next(kind for kind, wrap in WRAPPERS.items() if wrap is self._wrap))
        elif self._base is not None:
            kinds.update(map(type, self._base))
        kinds.discard(type(MISSING))
        kind = kinds.pop() if len(kinds) == 1 else None
        return kind if kind in DTYPES else None

    def codes(self, rows: int) -> Codes | None:
        """The column as codes over ``rows`` rows, when every value is single and hashable; 1, 1L and true differ."""
        made, state = self._codes, (self.version, rows)
        if made is None or made.state != state:
            written, coding = self._written_since(made), self._coding
            if made is None or written is None or made.value is None or coding is None or coding.full:
                value = self._build_codes(rows)
            else:
                value = self._mended_codes(made.value, coding, written, rows)
            made = self._codes = Made(state, self._logged, value)
        return made.value

    def _mended_codes(self, before: Codes, coding: Coding, written: set[int], rows: int) -> Codes | None:
        codes = grown(before.codes, rows, -1)
        try:
            for row in written:
                value = self.get(row)
                if type(value) is Cells:
                    return None
                codes[row] = -1 if value is MISSING else coding.code(value)
        except TypeError:
            return None
        codes.flags.writeable = False
        return Codes(codes, coding.values)

    def _build_codes(self, rows: int) -> Codes | None:
        codes = np.full(rows, -1, dtype=np.int32)
        numeric = self.numeric(rows)
        if numeric is not None:
            held = np.flatnonzero(numeric.present)
            distinct, inverse = np.unique(numeric.values[held], return_inverse=True)
            codes[held] = inverse
            coding = Coding(map(WRAPPERS[numeric.kind], distinct.tolist()))
        else:
            try:
                found = self._base_codes()
                coding, pairs = Coding(), self.items()
                if found is not None:
                    codes[: len(found[0])], coding = found
                    pairs = iter(self._written().items())
                for row, value in pairs:
                    if type(value) is Cells:
                        return None
                    codes[row] = -1 if value is MISSING else coding.code(value)
            except TypeError:
                return None
            coding.settle()
        codes.flags.writeable = False
        self._coding = coding
        return Codes(codes, coding.values)

    def _base_codes(self) -> tuple[NDArray[np.int32], Coding] | None:
        """Codes of what was loaded, (n,), where that was coded or is text alone."""
        base = self._base
        if isinstance(base, Coded):
            return base.coding()
        if not isinstance(base, list) or not set(map(type, base)) <= {str, type(MISSING)}:
            return None
        known: dict[Any, int] = {MISSING: -1}
        found = (known.setdefault(value, len(known) - 1) for value in base)
        codes = np.fromiter(found, dtype=np.int32, count=len(base))
        del known[MISSING]
        return codes, Coding(known)

    def coded(self, rows: NDArray[Any] | None, size: int) -> Coded | None:
        """The cells of some rows, int64 (m,) or None for all ``size``, where they were loaded so."""
        return self._base.at(rows, size, self._written()) if isinstance(self._base, Coded) else None

    def base_numbers(self) -> BaseNumbers | None:
        """Of what was loaded; None where it is a list."""
        if isinstance(self._base, Coded):
            return BaseNumbers(self._base.codes, self._base.codes >= 0, self._base.codes_of)
        if isinstance(self._base, np.ndarray):
            named = _same_whole if self._base.dtype == np.int64 else _same_real
            return BaseNumbers(self._base, self._present, named)
        return None

    def written(self) -> Iterator[tuple[int, Any]]:
        """(row, cell) of what was written since the load and is not MISSING."""
        return ((row, cell) for row, cell in list(self._written().items()) if cell is not MISSING)

    def counts(self, rows: int) -> NDArray[np.int32]:
        """How many values each of ``rows`` rows holds, (rows,)."""
        counts = np.zeros(rows, dtype=np.int32)
        if not self.multi:
            numeric = self.numeric(rows)
            if numeric is not None:
                return numeric.present.astype(np.int32)
            if isinstance(self._base, Coded):
                counts[: len(self._base)] = self._base.codes >= 0
                for row, cell in self._written().items():
                    counts[row] = cell is not MISSING
                return counts
        for row, cell in self.items():
            counts[row] = len(cell) if type(cell) is Cells else 1
        return counts

    @property
    def much_written(self) -> bool:
        """Whether so much was written since the load that ``settle`` may pay."""
        return len(self._patch) + len(self._below) >= LARGE_PATCH

    @property
    def settles(self) -> bool:
        """Whether ``settle`` would do anything."""
        if self._numeric is None or not self.much_written:
            return False
        return self._numeric.state[0] == self.version and self._numeric.value is not None

    def settle(self) -> None:
        """Make arrays that took long to build the base: later writes then are a small patch."""
        numeric = self._numeric.value if self._numeric is not None and self.settles else None
        if numeric is not None:
            self._base, self._present, self._patch, self._below = numeric.values, numeric.present, {}, {}
            self._own_base = False
            self._wrap = WRAPPERS[numeric.kind]

    # -- writing
    def put(self, row: int, value: Any) -> Any:
        """Set a row's bare value, ``Cells`` or MISSING; returns what it held."""
        old = self.get(row)
        if value is MISSING and not self._below and (self._base is None or row >= len(self._base)):
            self._patch.pop(row, None)
        else:
            self._patch[row] = value
        if type(value) is Cells:
            self.multi = True
        self.version += 1
        self._logged += 1
        if len(self._log) < MOST_LOGGED:
            self._log.append(row)
        else:
            self._log = [row]
        if self.values is not None and value is not MISSING:
            self.values.note(row, value)
        return old

    def put_new(self, first: int, cells: Sequence[Any]) -> None:
        """Set the bare values of rows ``first`` and after, none of which held anything; MISSING is left out."""
        held = {row: cell for row, cell in enumerate(cells, first) if cell is not MISSING}
        self._patch.update(held)
        self.version += 1
        self._logged += len(held)
        self._log = [*self._log, *held][-MOST_LOGGED:]
        if self.values is not None:
            for row, cell in held.items():
                self.values.note(row, cell)

    def load(self, first: int, values: NDArray[Any] | Sequence[Any], kind: type | None, present: Any = None) -> None:
        """Take the values of rows ``first`` and after, none of which was written before.

        Args:
            first: the row of ``values[0]``.
            values: an array (n,) when ``kind`` is a number class, else cells with MISSING where a row holds nothing.
            kind: int, Long, float or Float, or None for a list.
            present: bool array beside an array of values; None means all.
        """
        self.version += 1
        self._log, self._logged = [], self._logged + len(values)
        self.values = None
        if isinstance(values, Coded):
            self.multi |= values.multi
            if self._base is None and not first:
                self._base = values
                return
        elif kind is None and any(type(value) is Cells for value in values):
            self.multi = True
        if self._base is None and kind is not None and isinstance(values, np.ndarray):
            gap = np.zeros(first, dtype=values.dtype)
            self._base = np.concatenate([gap, values]) if first else values
            self._wrap = WRAPPERS[kind]
            if first or present is not None:
                held = np.ones(len(values), dtype=bool) if present is None else present
                self._present = np.concatenate([np.zeros(first, dtype=bool), held])
            return
        if isinstance(self._base, np.ndarray) and kind is not None and WRAPPERS[kind] is self._wrap:
            self._extend_array(first, np.asarray(values), present)
            return
        base = self._as_list()
        base.extend([MISSING] * (first - len(base)))
        base.extend(plain(values, kind, present))

    def _extend_array(self, first: int, values: NDArray[Any], present: Any) -> None:
        base = self._base
        assert isinstance(base, np.ndarray)
        gap = first - len(base)
        held = np.ones(len(values), dtype=bool) if present is None else present
        before = np.ones(len(base), dtype=bool) if self._present is None else self._present
        if gap or self._present is not None or present is not None:
            self._present = np.concatenate([before, np.zeros(gap, dtype=bool), held])
        self._base = np.concatenate([base, np.zeros(gap, dtype=base.dtype), values])

    def _as_list(self) -> list[Any]:
        if self._base is None:
            self._base = []
        elif isinstance(self._base, Coded) or (isinstance(self._base, list) and not self._own_base):
            self._base = list(self._base)
        elif isinstance(self._base, np.ndarray):
            kind = next(kind for kind, wrap in WRAPPERS.items() if wrap is self._wrap)
            self._base = plain(self._base, kind, self._present)
            self._wrap = self._present = None
        self._own_base = True
        return self._base


def _same_whole(value: Any) -> Sequence[int]:
    """The whole number of 64 bits that equals a value."""
    try:
        whole = int(value)
    except (TypeError, ValueError, OverflowError):
        return ()
    return (whole,) if whole == value and -(1 << 63) <= whole < 1 << 63 else ()


def _same_real(value: Any) -> Sequence[float]:
    """The number of double precision that equals a value."""
    try:
        real = float(value)
    except (TypeError, ValueError, OverflowError):
        return ()
    return (real,) if real == value else ()
