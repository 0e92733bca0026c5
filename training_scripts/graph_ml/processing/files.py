"""Files of an export: copied once into Parquet with all cells as text, then looked at a column and a batch at a time.

Reading is Polars, streaming. What is wrong with a file is said with its name, line and value.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote_plus, unquote_plus

import narwhals as nw
import polars as pl
from polars.selectors import by_name

from ..container import JobError
from ..features.columns.column import BadValue
from .blanks import tidied
from .engines import Engine
from .frames import FrameColumn, frame_column
from .steps import Made, kept, named
from .streaming import StreamedColumn
from .workspace import Workspace

#: rows of a group in the copy; those of a batch are read without the others
GROUP_ROWS = 1 << 17


#: what a column that is read alone is called, whatever its own name would mean to a frame
VALUE = "value"


@dataclass(frozen=True)
class ExportFile:
    """One file of an export: where it is read from, its name in the configuration, and its copy in Parquet."""

    path: Path
    name: str
    separator: str
    parquet: Path
    columns: tuple[str, ...]
    rows: int
    room: Workspace = field(repr=False)
    engine: Engine = field(repr=False)

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
        return nw.from_native(self._scan(columns).collect(), eager_only=True)

    def batches(self, *columns: str, least: int = 0) -> Iterator[tuple[int, pl.DataFrame]]:
        """These columns a batch at a time, with the number of the row that each batch begins with.

        Args:
            columns: their names.
            least: rows of a batch, where that is more than the workspace has at once.

        Raises:
            JobError: the file has no such column.
        """
        scanned = self._scan(columns)
        for begin, end in self.room.batches(self.rows, least):
            yield begin, scanned.slice(begin, end - begin).collect()

    def _scan(self, columns: tuple[str, ...]) -> pl.LazyFrame:
        for column in columns:
            self.require(column)
        names = self.names
        # by the name as it stands: to pl.col a column called "*" is all of them, and "^…$" a pattern
        chosen = [by_name(names[column]).alias(column) for column in columns]
        return pl.scan_parquet(self.parquet, glob=False).select(chosen)

    def require(self, column: str) -> None:
        """Raises JobError unless the file has the column."""
        if column not in self.names:
            raise JobError(
                f"{self.name} has no column '{column}'; it has {', '.join(self.columns)}. "
                "Correct the training configuration, or export again"
            )

    def column(self, name: str) -> FrameColumn | StreamedColumn:
        """One column, which is read a batch at a time where it is long."""
        if self.rows <= self.room.rows:
            return FrameColumn(self.frame(name)[name].alias(VALUE))
        self.require(name)
        return StreamedColumn(
            lambda: (frame_column(part[name].alias(VALUE)) for _, part in self.batches(name)),
            self.rows,
            self.room,
            partial(self.engine.answers, self, name),
        )

    def problem(self, row: int, column: str, what: str) -> JobError:
        """The sentence about one cell, with the line that its row begins on."""
        line = _line_of_row(self.path, self.separator, row)
        return JobError(f"{self.name}, line {line}: column '{column}' {what}")

    def bad_value(self, column: str, error: BadValue) -> JobError:
        """The sentence about a value that an encoding refused."""
        holds = error.problem if error.text is None else f"holds {error.text!r}, which {error.problem}"
        return self.problem(error.row, column, holds)


def open_export(folder: Path, name: str, separator: str, room: Workspace, engine: Engine) -> ExportFile:
    """Find a file of the export, copy it to Parquet with all cells as text, and know its columns.

    Args:
        folder: of the configuration file.
        name: as the configuration has it; the file may be URL-encoded or not, and have ``.gz`` added.
        separator: between columns.
        room: takes the copy.
        engine: does what is as long as the file.

    Raises:
        JobError: there is no such file, it leads out of the folder, or it is no CSV; the text names the line.
    """
    path = find_file(folder, name)
    made = kept(room, f"file-{named(name, separator)}", lambda: _copied(path, name, separator, room))
    columns, rows = tuple(made.said["columns"]), made.said["rows"]
    return ExportFile(path, name, separator, made.files["rows"], columns, rows, room, engine)


def _copied(path: Path, name: str, separator: str, room: Workspace) -> Made:
    """The copy of a file, its columns, and how many rows it has."""
    parquet = room.path(".parquet")
    try:
        # the name is a name: brackets and stars in it are no pattern
        lazy = pl.scan_csv(
            tidied(path, separator, room.path(".csv")),
            separator=separator,
            infer_schema=False,
            raise_if_empty=True,
            glob=False,
        )
        written = lazy.collect_schema().names()
        columns = tuple(name.replace('""', '"') for name in written)  # polars leaves quotes in a header doubled
        lazy = lazy.rename(dict(zip(written, columns, strict=True)))
        # a quoted empty cell is as empty as any
        lazy = lazy.with_columns(pl.when(pl.all().str.len_bytes() > 0).then(pl.all()))
        lazy.sink_parquet(parquet, compression="lz4", maintain_order=True, row_group_size=GROUP_ROWS)
        rows = int(pl.scan_parquet(parquet, glob=False).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, csv.Error, OSError, UnicodeDecodeError) as error:
        raise JobError(f"{name} cannot be read: {_diagnose(path, separator, str(error))}") from error
    return Made(files={"rows": parquet}, said={"columns": columns, "rows": rows})


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
