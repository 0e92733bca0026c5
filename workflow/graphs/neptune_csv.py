"""Neptune's CSV for Gremlin data: headers, cell types, and rows read in chunks straight into columns.

A file holds vertices (``~id``, ``~label``, properties) or edges (``~id``, ``~from``, ``~to``, ``~label``, properties).
A property header is ``name:type``, with ``(single)`` or ``(set)`` and ``[]`` for several values in one cell, parted by
``;``. Source: the Neptune user guide, "Gremlin load data format".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, Literal

import numpy as np

from workflow.graphs.batch import ColumnData
from workflow.graphs.columns import MISSING
from workflow.graphs.loading import RowError
from workflow.graphs.values import Byte, Float, Long, Short

CHUNK_ROWS: Final = 1 << 16
LONGEST_FIELD: Final = 16 * 1024 * 1024
_HEADER: Final = re.compile(
    r"(?P<name>(?:\\.|[^:\\])+)(?::(?P<type>[A-Za-z]+)(?P<many>\[\])?(?:\((?P<cardinality>\w+)\))?(?P<late>\[\])?)?",
    re.S,
)
_PARTS: Final = re.compile(r"(?<!\\);")
_SPECIAL: Final = {"~id", "~label", "~from", "~to"}


class FileRefused(Exception):
    """A file that cannot be read at all; carries the reason."""

    def __init__(self, error: RowError) -> None:
        super().__init__(error.message)
        self.error = error


@dataclass(frozen=True, slots=True)
class PropertyColumn:
    """One property column of a header."""

    key: str
    type: str
    many: bool
    cardinality: Literal["single", "set"]
    place: int


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line says; places are -1 for columns a file does not have."""

    kind: Literal["vertices", "edges"]
    width: int
    id: int
    label: int
    source: int
    target: int
    columns: tuple[PropertyColumn, ...]


@dataclass(slots=True, eq=False)
class Chunk:
    """Good rows of a file in order; ``cells`` by key, single values in arrays or lists, several as tuples in lists."""

    lines: list[int] | range
    ids: list[str]
    labels: list[str]
    sources: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    cells: dict[str, ColumnData] = field(default_factory=dict)


# -- headers
def parse_header(names: list[str]) -> Header:
    """Raises FileRefused when the line is no header of vertices or edges."""
    names = [name.strip() for name in names]
    places: dict[str, int] = {}
    columns: list[PropertyColumn] = []
    for place, name in enumerate(names):
        if name.startswith("~"):
            key = name.partition(":")[0].lower()
            if key not in _SPECIAL:
                raise _bad_header(f"{name!r} is no column of Neptune's; expected one of {', '.join(sorted(_SPECIAL))}")
        else:
            columns.append(_property(name, place))
            key = columns[-1].key
        if key in places:
            raise _bad_header(f"the column {key!r} stands twice")
        places[key] = place
    if "~id" not in places:
        raise _bad_header("there is no column ~id")
    edges = "~from" in places or "~to" in places
    if edges and not ("~from" in places and "~to" in places):
        raise _bad_header("a file of edges needs both ~from and ~to")
    for column in columns:
        if edges and (column.many or (column.cardinality == "set" and "(set)" in names[column.place].lower())):
            raise _bad_header(f"{names[column.place]!r}: an edge property has one value only")
    at = {name: places.get(name, -1) for name in _SPECIAL}
    kind: Literal["vertices", "edges"] = "edges" if edges else "vertices"
    return Header(kind, len(names), at["~id"], at["~label"], at["~from"], at["~to"], tuple(columns))


def _property(name: str, place: int) -> PropertyColumn:
    found = _HEADER.fullmatch(name)
    if found is None:
        raise _bad_header(f"{name!r} is no property header; write name:type, with \\: for a colon in the name")
    key = found["name"].replace("\\:", ":")
    type_name = (found["type"] or "string").lower()
    if type_name not in CELL_TYPES:
        raise _bad_header(f"{name!r}: there is no type {found['type']!r}; known are {', '.join(sorted(CELL_TYPES))}")
    many = bool(found["many"] or found["late"])
    cardinality = (found["cardinality"] or "set").lower()
    if cardinality not in ("single", "set") or (many and found["cardinality"] and cardinality == "single"):
        raise _bad_header(f"{name!r}: cardinality is single or set, and [] is a set")
    return PropertyColumn(key, type_name, many, "single" if cardinality == "single" else "set", place)


def _bad_header(message: str) -> FileRefused:
    return FileRefused(RowError("PARSING_ERROR", f"header: {message}", 1))


# -- cells
@dataclass(frozen=True, slots=True)
class CellType:
    """How text becomes a value; ``kind`` when a column of it is an array, with the range of its integers."""

    parse: Callable[[str], Any]
    kind: type | None = None
    dtype: str = ""


def _integer(wrap: Callable[[int], int], bits: int) -> Callable[[str], int]:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def parse(text: str) -> int:
        if "_" in text:
            raise ValueError(text)
        number = int(text)
        if not low <= number <= high:
            raise ValueError(text)
        return wrap(number)

    return parse


def _double(text: str) -> float:
    if "_" in text:
        raise ValueError(text)
    return float(text)


def _float(text: str) -> float:
    return Float(np.float32(_double(text)))


def _boolean(text: str) -> bool:
    # the guide: any value other than true is treated as false
    return text.strip().lower() == "true"


def _date(text: str) -> datetime:
    found = datetime.fromisoformat(text.strip())
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


_DATE = CellType(_date)
CELL_TYPES: Final[dict[str, CellType]] = {
    "bool": CellType(_boolean),
    "boolean": CellType(_boolean),
    "byte": CellType(_integer(Byte, 8)),
    "short": CellType(_integer(Short, 16)),
    "int": CellType(_integer(int, 32), int, "int32"),
    "integer": CellType(_integer(int, 32), int, "int32"),
    "long": CellType(_integer(Long, 64), Long, "int64"),
    "float": CellType(_float, Float, "float32"),
    "double": CellType(_double, float, "float64"),
    "string": CellType(str),
    "date": _DATE,
    "datetime": _DATE,
}


def _column(texts: tuple[str, ...], column: PropertyColumn, keep_empty: bool) -> ColumnData:
    """A whole column at once; ValueError when any cell is bad. Arrays become tuples of distinct values."""
    cell = CELL_TYPES[column.type]
    if column.many:
        return ColumnData([_parts(text, cell, keep_empty) for text in texts])
    if column.type == "string":
        if keep_empty:
            return ColumnData(list(texts))
        return ColumnData([text if text else MISSING for text in texts] if "" in texts else list(texts))
    present = None
    if "" in texts:
        present = np.fromiter(map(bool, texts), dtype=bool, count=len(texts))
        texts = tuple(filter(None, texts))
    if cell.kind is None:
        held = iter([cell.parse(text) for text in texts])
        values = list(held) if present is None else [next(held) if there else MISSING for there in present.tolist()]
        return ColumnData(values)
    array = _array(texts, cell)
    if present is None:
        return ColumnData(array, cell.kind)
    full = np.zeros(len(present), dtype=array.dtype)
    full[present] = array
    return ColumnData(full, cell.kind, present)


def _array(texts: tuple[str, ...], cell: CellType) -> Any:
    if "_" in "".join(texts):
        raise ValueError("_ is no part of a number")
    if cell.dtype.startswith("float"):
        doubles = np.fromiter(map(float, texts), dtype=np.float64, count=len(texts))
        return doubles if cell.dtype == "float64" else _rounded(doubles)
    try:
        array = np.fromiter(map(int, texts), dtype=np.int64, count=len(texts))
    except OverflowError as error:
        raise ValueError(str(error)) from error
    limits = np.iinfo(cell.dtype)
    if len(array) and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError("out of range")
    return array


def _rounded(doubles: Any) -> Any:
    with np.errstate(over="ignore"):
        return doubles.astype(np.float32).astype(np.float64)


def _parts(text: str, cell: CellType, keep_empty: bool) -> Any:
    if not text:
        return MISSING
    parts = [part.replace("\\;", ";") for part in _PARTS.split(text)]
    # keys by class and value, so that NaN and true do not fall together with others
    values = {repr(value): value for value in (cell.parse(part) for part in parts if part or keep_empty)}
    return tuple(values.values()) or MISSING


# -- rows
class CsvRows:
    """The rows of one file as chunks. ``on_error`` hears of each bad row; what it raises ends the reading."""

    def __init__(
        self, lines: Iterable[str], on_error: Callable[[RowError], None], keep_empty_strings: bool = False
    ) -> None:
        csv.field_size_limit(LONGEST_FIELD)
        self._reader = csv.reader(lines, strict=True)
        self._on_error = on_error
        self._keep_empty = keep_empty_strings
        self.rows = 0
        try:
            names = next(self._reader, None)
        except (csv.Error, UnicodeDecodeError) as error:
            raise _bad_header(str(error)) from error
        if not names:
            raise _bad_header("the file is empty")
        self.header = parse_header([name.removeprefix("\ufeff") for name in names])

    def chunks(self) -> Iterator[Chunk]:
        while read := self._next_rows():
            before, rows = read
            if rows:
                self.rows += len(rows)
                yield self._chunk(rows, self._lines(rows, before))

    def _next_rows(self) -> tuple[int, list[list[str]]] | None:
        """Up to ``CHUNK_ROWS`` rows and the number of lines before them; None at the end."""
        before = self._reader.line_num
        rows: list[list[str]] = []
        try:
            rows.extend(islice(self._reader, CHUNK_ROWS))
        except csv.Error as error:
            self._on_error(RowError("PARSING_ERROR", str(error), self._reader.line_num))
        except UnicodeDecodeError as error:
            line = self._reader.line_num + 1
            self._on_error(
                RowError("PARSING_ERROR", f"the file is no UTF-8 ({error.reason}); nothing after is read", line)
            )
            return None
        else:
            if not rows:
                return None
        return before, rows

    def _lines(self, rows: list[list[str]], before: int) -> list[int] | range:
        """The line on which each row ends."""
        if self._reader.line_num - before == len(rows):
            return range(before + 1, before + 1 + len(rows))
        lines, line = [], before
        for row in rows:
            line += 1 + sum(cell.count("\n") for cell in row)
            lines.append(line)
        return lines

    def _chunk(self, rows: list[list[str]], lines: list[int] | range) -> Chunk:
        try:
            return self._columns(rows, lines)
        except ValueError:
            # one row at a time, to name the bad ones and keep the rest
            good = [(row, line) for row, line in zip(rows, lines, strict=True) if row and self._is_good(row, line)]
            return self._columns([row for row, _ in good], [line for _, line in good])

    def _columns(self, rows: list[list[str]], lines: list[int] | range) -> Chunk:
        header = self.header
        if set(map(len, rows)) - {header.width}:
            raise ValueError("rows differ in width")
        if not rows:
            return Chunk(lines, [], [])
        texts = list(zip(*rows, strict=True))
        ids = list(texts[header.id])
        chunk = Chunk(lines, ids, list(texts[header.label]) if header.label >= 0 else [""] * len(rows))
        if header.kind == "edges":
            chunk.sources, chunk.targets = list(texts[header.source]), list(texts[header.target])
        if "" in ids or "" in chunk.sources or "" in chunk.targets:
            raise ValueError("an id is empty")
        for column in header.columns:
            chunk.cells[column.key] = _column(texts[column.place], column, self._keep_empty)
        return chunk

    def _is_good(self, row: list[str], line: int) -> bool:
        header = self.header
        if len(row) != header.width:
            message = f"{len(row)} fields where the header has {header.width}"
            self._on_error(RowError("PARSING_ERROR", message, line))
            return False
        for name, place in (("~id", header.id), ("~from", header.source), ("~to", header.target)):
            if place >= 0 and not row[place]:
                self._on_error(RowError("PARSING_ERROR", f"{name} is empty", line))
                return False
        for column in header.columns:
            try:
                _column((row[column.place],), column, self._keep_empty)
            except ValueError:
                message = f"{row[column.place][:80]!r} in column {column.key!r} is no {column.type}"
                self._on_error(RowError("DATATYPE_MISMATCH_ERROR", message, line))
                return False
        return True
