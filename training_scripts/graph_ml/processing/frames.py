"""Export files as data frames: read once into Parquet, then looked at a column at a time.

Everything past reading is Narwhals expressions, so the same code runs on another engine; reading is Polars, streaming,
all cells as text. What is wrong with a file is said with its name, line and value.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote_plus, unquote_plus

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..container import JobError
from ..features.columns.column import (
    DATE_PATTERN,
    ESCAPED,
    NUMBER_PATTERN,
    BadValue,
    Column,
    DateParts,
    IntArray,
    Numbers,
)
from .blanks import tidied

ROW = "row"


@dataclass(frozen=True)
class FrameColumn:
    """A column of text in a Narwhals series; see ``features.Column``."""

    series: nw.Series[Any]

    def __len__(self) -> int:
        return len(self.series)

    def missing(self) -> NDArray[np.bool_]:
        return np.asarray(self.series.is_null().to_numpy())

    def numbers(self) -> Numbers:
        # Narwhals has no lenient cast: what does not look like a number is found first
        known = self.series.drop_nulls()
        if bool((~_looks_numeric(known)).any()):
            self._refuse(~_looks_numeric(self.series), "is not a number")
        numbers = self._text().str.strip_chars().cast(nw.Float64)
        values = np.asarray(numbers.to_numpy(), dtype=np.float64)
        infinite = np.isinf(values)
        if infinite.any():
            row = int(np.argmax(infinite))
            raise BadValue(row, self.series[row], "is not a finite number")
        return values

    def dates(self) -> DateParts:
        known = self.series.drop_nulls()
        if bool((~known.str.contains(DATE_PATTERN)).any()):
            self._refuse(
                ~self.series.str.contains(DATE_PATTERN), "is not a date such as 2024-03-01 or 2024-03-01T10:00:00Z"
            )
        return DateParts(*(self._digits(begin, size) for begin, size in ((0, 4), (5, 2), (8, 2), (11, 2))))

    def codes(self, codes: Mapping[str, int], unknown: int) -> IntArray:
        if not codes:
            return np.where(self.missing(), -1, unknown).astype(np.int64)
        found = self.series.replace_strict(
            list(codes), list(codes.values()), default=unknown, return_dtype=nw.Int64
        ).to_numpy()
        return np.where(self.missing(), -1, np.nan_to_num(found, nan=-1)).astype(np.int64)

    def counts(self) -> dict[str, int]:
        table = self.series.drop_nulls().value_counts(name="count")
        texts, counts = table[table.columns[0]].to_list(), table["count"].to_list()
        return dict(sorted(zip(texts, counts, strict=True)))

    def split(self, separator: str) -> tuple[IntArray, Column]:
        table = self.series.alias("part").to_frame().with_row_index(ROW)
        part = nw.col("part").str.replace_all("\\" + separator, ESCAPED, literal=True).str.split(separator)
        table = table.with_columns(part.alias("part")).explode("part").filter(nw.col("part").str.len_chars() > 0)
        table = table.with_columns(nw.col("part").str.replace_all(ESCAPED, separator, literal=True))
        return np.asarray(table[ROW].to_numpy(), dtype=np.int64), FrameColumn(table["part"])

    def texts(self) -> Sequence[str | None]:
        return self.series.to_list()

    def filter(self, kept: NDArray[np.bool_]) -> FrameColumn:
        """The values at the places that are kept, bool (n,)."""
        return FrameColumn(self.series.filter(kept.tolist()))

    def _text(self) -> nw.Series[Any]:
        return self.series.cast(nw.String)

    def _digits(self, begin: int, size: int) -> IntArray:
        digits = self._text().str.slice(begin, size)
        # a date without a time has nothing at the place of the hour
        digits = digits.str.zfill(size)
        numbers = digits.cast(nw.Int64).to_numpy()
        return np.where(self.missing(), -1, np.nan_to_num(numbers, nan=-1)).astype(np.int64)

    def _refuse(self, bad: nw.Series[Any], problem: str) -> None:
        row = int(np.argmax(bad.fill_null(False).to_numpy()))
        raise BadValue(row, self.series[row], problem)


def _looks_numeric(series: nw.Series[Any]) -> nw.Series[Any]:
    return series.str.contains(NUMBER_PATTERN)


@dataclass(frozen=True)
class ExportFile:
    """One file of an export: where it is read from, its name in the configuration, and its copy in Parquet."""

    path: Path
    name: str
    separator: str
    parquet: Path
    columns: tuple[str, ...]
    rows: int

    @property
    def names(self) -> dict[str, str]:
        """Each name a column may be asked for, and the column: ``age`` finds ``age`` or, without one, ``age:Int``."""
        bare: dict[str, str] = {}
        for column in self.columns:
            bare.setdefault(column.partition(":")[0], column)
        return {**bare, **{column: column for column in self.columns}}

    def frame(self, *columns: str) -> nw.DataFrame[Any]:
        """These columns, all rows, in the order of the file.

        Raises:
            JobError: the file has no such column.
        """
        for column in columns:
            self.require(column)
        names = self.names
        lazy = nw.from_native(pl.scan_parquet(self.parquet)).select(nw.col(names[c]).alias(c) for c in columns)
        return lazy.collect("polars", engine="streaming")

    def require(self, column: str) -> None:
        """Raises JobError unless the file has the column."""
        if column not in self.names:
            raise JobError(
                f"{self.name} has no column '{column}'; it has {', '.join(self.columns)}. "
                "Correct the training configuration, or export again"
            )

    def column(self, name: str) -> FrameColumn:
        """One column; see ``frame``."""
        return FrameColumn(self.frame(name)[name])

    def problem(self, row: int, column: str, what: str) -> JobError:
        """The sentence about one cell, with the line that its row begins on."""
        line = _line_of_row(self.path, self.separator, row)
        return JobError(f"{self.name}, line {line}: column '{column}' {what}")

    def bad_value(self, column: str, error: BadValue) -> JobError:
        """The sentence about a value that an encoding refused."""
        holds = error.problem if error.text is None else f"holds {error.text!r}, which {error.problem}"
        return self.problem(error.row, column, holds)


def open_export(folder: Path, name: str, separator: str, staging: Path) -> ExportFile:
    """Find a file of the export, copy it to Parquet with all cells as text, and know its columns.

    Args:
        folder: of the configuration file.
        name: as the configuration has it; the file may be URL-encoded or not, and have ``.gz`` added.
        separator: between columns.
        staging: takes the copy; ours alone.

    Raises:
        JobError: there is no such file, it leads out of the folder, or it is no CSV; the text names the line.
    """
    path = find_file(folder, name)
    parquet = staging / f"{len(list(staging.iterdir()))}.parquet"
    try:
        # the name is a name: brackets and stars in it are no pattern
        lazy = pl.scan_csv(
            tidied(path, separator, staging), separator=separator, infer_schema=False, raise_if_empty=True, glob=False
        )
        written = lazy.collect_schema().names()
        columns = tuple(name.replace('""', '"') for name in written)  # polars leaves quotes in a header doubled
        lazy = lazy.rename(dict(zip(written, columns, strict=True)))
        # a quoted empty cell is as empty as any
        lazy = lazy.with_columns(pl.when(pl.all().str.len_bytes() > 0).then(pl.all()))
        lazy.sink_parquet(parquet, compression="lz4", maintain_order=True)
        rows = int(pl.scan_parquet(parquet).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, csv.Error, OSError, UnicodeDecodeError) as error:
        raise JobError(f"{name} cannot be read: {_diagnose(path, separator, str(error))}") from error
    return ExportFile(path, name, separator, parquet, columns, rows)


def find_file(folder: Path, name: str) -> Path:
    """The file that a configuration names, URL-encoded or not, packed or not.

    Raises:
        JobError: there is none, or the name leads out of the folder.
    """
    root = folder.resolve()
    for spelling in dict.fromkeys((name, _encoded(name), unquote_plus(name))):
        for ending in ("", ".gz"):
            path = (root / (spelling + ending)).resolve()
            if not path.is_relative_to(root):
                raise JobError(f"the configuration names the file {name!r}, which lies outside the export")
            if path.is_file():
                return path
    parent = (root / name).parent
    there = sorted(p.name for p in parent.iterdir() if p.is_file())[:10] if parent.is_dir() else []
    raise JobError(
        f"the configuration names the file {name!r}, which the export does not have"
        + (f"; beside it are {', '.join(there)}" if there else f"; there is no folder {Path(name).parent}")
    )


def _encoded(name: str) -> str:
    folder, slash, base = name.rpartition("/")
    return folder + slash + quote_plus(base, safe=".-*_")


def _open_text(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _records(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(line that the record begins on, its cells), header included."""
    with _open_text(path) as stream:
        reader = csv.reader(stream, delimiter=separator, strict=True)
        line = 1
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1


def _line_of_row(path: Path, separator: str, row: int) -> int:
    # slow, and only walked to say where a mistake is: quoted cells may hold line breaks
    try:
        for number, (line, _) in enumerate(_records(path, separator), start=-1):
            if number == row:
                return line
    except (csv.Error, UnicodeDecodeError):
        pass
    return row + 2


def _diagnose(path: Path, separator: str, said: str) -> str:
    """What is wrong with a file that did not parse, with the line if it can be found."""
    line, width = 0, None
    try:
        for line, record in _records(path, separator):
            if width is None:
                width = len(record)
                if len(set(record)) < width:
                    return "line 1: two columns have the same name"
            elif len(record) > width:
                return f"line {line}: {len(record)} cells, the header has {width}"
    except UnicodeDecodeError:
        return f"after line {line}: not UTF-8"
    except csv.Error as error:
        return f"after line {line}: {error}"
    except (OSError, EOFError) as error:
        return f"it is damaged ({error})"
    if width is None:
        return "it is empty, without even a header"
    return said.splitlines()[0] if said else "not a CSV file"
