"""Neptune's CSV for Gremlin data: headers and cell types.

A file holds vertices (``~id``, ``~label``, properties) or edges (``~id``, ``~from``, ``~to``, ``~label``, properties).
A property header is ``name:type``, with ``(single)`` or ``(set)`` and ``[]`` for several values in one cell, parted by
``;``. Blanks around a field and outside its quotes are no part of it, in every column and in the header, as in the
guide's own example. Source: the Neptune user guide, "Gremlin load data format".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.files.loading import RowError
from workflow.graphs.store.versions.batch import ColumnData
from workflow.graphs.store.versions.cells import MISSING
from workflow.graphs.store.versions.text_block import Texts
from workflow.values.numbers import Byte, Float, Long, Short

NO_TEXTS: Final = Texts.of(())
LONGEST_FIELD: Final = 16 * 1024 * 1024
LONGEST_LINE: Final = 4 * LONGEST_FIELD  # a packed file of a few kilobytes may unpack to one line of any length
_HEADER: Final = re.compile(
    r"(?P<name>(?:\\.|[^:\\])+)(?::(?P<type>[A-Za-z]+)(?P<many>\[\])?(?:\((?P<cardinality>\w+)\))?(?P<late>\[\])?)?",
    re.S,
)
_PARTS: Final = re.compile(r"(?<!\\);")
# the mark of a field that was quoted: it keeps its blanks, and may be a text without characters
QUOTED: Final = "\ufdd0"
_QUOTED_FIELD: Final = re.compile(r'(?:(?<=[,\r\n])|\A)[ \t]*"((?:[^"]|"")*)"[ \t]*(?=[,\r\n]|\Z)')
_BLANKS: Final = " \t"
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

    lines: NDArray[np.int64]
    ids: Texts
    labels: Texts
    sources: Texts = NO_TEXTS
    targets: Texts = NO_TEXTS
    cells: dict[str, ColumnData] = field(default_factory=dict)


# -- headers
def parse_header(names: list[str]) -> Header:
    """Raises FileRefused when the line is no header of vertices or edges."""
    names = [name.strip() for name in names]
    places: dict[str, int] = {}
    columns: list[PropertyColumn] = []
    for position, name in enumerate(names):
        if name.startswith("~"):
            key = name.partition(":")[0].lower()
            if key not in _SPECIAL:
                raise _bad_header(f"{name!r} is no column of Neptune's; expected one of {', '.join(sorted(_SPECIAL))}")
        else:
            columns.append(_property(name, position))
            key = columns[-1].key
        if key in places:
            raise _bad_header(f"the column {key!r} stands twice")
        places[key] = position
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
    header = _HEADER.fullmatch(name)
    if header is None:
        raise _bad_header(f"{name!r} is no property header; write name:type, with \\: for a colon in the name")
    key = header["name"].replace("\\:", ":")
    type_name = (header["type"] or "string").lower()
    if type_name not in CELL_TYPES:
        raise _bad_header(f"{name!r}: there is no type {header['type']!r}; known are {', '.join(sorted(CELL_TYPES))}")
    many = bool(header["many"] or header["late"])
    cardinality = (header["cardinality"] or "set").lower()
    if cardinality not in ("single", "set") or (many and header["cardinality"] and cardinality == "single"):
        raise _bad_header(f"{name!r}: cardinality is single or set, and [] is a set")
    return PropertyColumn(key, type_name, many, "single" if cardinality == "single" else "set", place)


def _bad_header(message: str) -> FileRefused:
    return FileRefused(RowError("PARSING_ERROR", f"header: {message}", 1))


# -- fields
def marked(text: str) -> str:
    """Whole lines with every quoted field marked, and without the blanks around its quotes."""
    return _QUOTED_FIELD.sub(rf'"{QUOTED}\1"', text)


def cleaned(fields: Sequence[str]) -> list[str]:
    """The texts of fields: without their mark, or, where they were not quoted, without the blanks around them."""
    together = "".join(fields)
    if QUOTED in together:
        return [field[1:] if field[:1] == QUOTED else field.strip(_BLANKS) for field in fields]
    if " " in together or "\t" in together:
        return [field.strip(_BLANKS) for field in fields]
    return list(fields)


def split_parts(text: str) -> list[str]:
    """The parts of a field between its ``;``; one behind a backslash belongs to a part."""
    return [part.replace("\\;", ";") for part in _PARTS.split(text)]


# -- cells
@dataclass(frozen=True, slots=True)
class CellType:
    """How text becomes a value; ``kind`` when a column of it is an array, with the range of its integers."""

    parse: Callable[[str], Any]
    kind: type | None = None
    dtype: str = ""

    def array(self, texts: Any) -> NDArray[Any]:
        """Numbers, (n,) of this dtype, out of texts or byte strings; ValueError where one is none, or out of range."""
        if self.dtype.startswith("float"):
            doubles = _converted(texts, float, np.float64)
            return doubles if self.dtype == "float64" else _rounded(doubles)
        integers = _converted(texts, int, np.int64)
        limits = np.iinfo(self.dtype)
        if len(integers) and (integers.min() < limits.min or integers.max() > limits.max):
            raise ValueError("out of range")
        return integers


def _converted(texts: Any, number: Callable[[str], Any], dtype: Any) -> NDArray[Any]:
    try:
        if isinstance(texts, np.ndarray):
            return texts.astype(dtype)
        return np.fromiter(map(number, texts), dtype=dtype, count=len(texts))
    except OverflowError as error:
        raise ValueError(str(error)) from error


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


def column_of(fields: Sequence[str], column: PropertyColumn, keep_empty: bool) -> ColumnData:
    """A whole column at once; ValueError when any cell is bad. Arrays become tuples of distinct values.

    Args:
        fields: as they were read, with the marks of those that were quoted.
        keep_empty: a quoted nothing in a column of strings is a value.
    """
    cell = CELL_TYPES[column.type]
    texts = cleaned(fields)
    if column.many:
        return ColumnData([_parts(text, cell, keep_empty) for text in texts])
    if column.type == "string":
        if "" not in texts:
            return ColumnData(texts)
        kept = {QUOTED} if keep_empty else set()
        return ColumnData(
            [text if text or field in kept else MISSING for text, field in zip(texts, fields, strict=True)]
        )
    present = None
    if "" in texts:
        present = np.fromiter(map(bool, texts), dtype=bool, count=len(texts))
        texts = list(filter(None, texts))
    if cell.kind is None:
        held = iter([cell.parse(text) for text in texts])
        values = list(held) if present is None else [next(held) if there else MISSING for there in present.tolist()]
        return ColumnData(values)
    if "_" in "".join(texts):
        raise ValueError("_ is no part of a number")
    array = cell.array(texts)
    if present is None:
        return ColumnData(array, cell.kind)
    full = np.zeros(len(present), dtype=array.dtype)
    full[present] = array
    return ColumnData(full, cell.kind, present)


def _rounded(doubles: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        return doubles.astype(np.float32).astype(np.float64)


def _parts(text: str, cell: CellType, keep_empty: bool) -> Any:
    if not text:
        return MISSING
    parts = split_parts(text)
    # keys by class and value, so that NaN and true do not fall together with others
    values = {repr(value): value for value in (cell.parse(part) for part in parts if part or keep_empty)}
    return tuple(values.values()) or MISSING
