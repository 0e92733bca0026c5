"""One CSV file in the making: rows go to a spool, the header comes when all columns are known."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, repeat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from workflow.export.cells import all_quoted, cell, number_cells, one_by_one, quoted
from workflow.export.labels import EdgeTriple, NodeType
from workflow.export.plan import CsvForm
from workflow.export.schema import HEADER_TYPES, PropertyFacts, TypeSchema
from workflow.graphs.source import RunColumn, Several

_FLUSH_CHARACTERS = 1 << 18


@dataclass(slots=True)
class _Column:
    """A property's column, and whether a cell was written that a later value proves wrong."""

    facts: PropertyFacts
    as_text: bool
    escape_single: bool
    wrote_bare: bool = False
    wrote_separator: bool = False

    @property
    def misjudged(self) -> bool:
        text_after_all = self.facts.type == "String" and self.wrote_bare
        several_after_all = self.facts.multi and self.wrote_separator
        return text_after_all or several_after_all


@dataclass(frozen=True, slots=True)
class ColumnHint:
    """What a first pass over the graph has learnt of a column."""

    as_text: bool
    escape_single: bool

    def __or__(self, other: ColumnHint) -> ColumnHint:
        """Both, so that what is learnt only grows, and a graph that changes meanwhile cannot keep an export busy."""
        return ColumnHint(self.as_text or other.as_text, self.escape_single or other.escape_single)


Hints = Mapping[tuple[NodeType | EdgeTriple, str], ColumnHint]


@dataclass(slots=True)
class SpooledFile:
    """The rows of one label set. Memory stays bounded: rows are flushed, no handle stays open between flushes.

    ``segments`` are (columns, rows): a row written before a column appeared is too short and gets padded at the end.
    """

    schema: TypeSchema
    spool: Path
    form: CsvForm
    hints: Hints
    columns: dict[str, _Column] = field(default_factory=dict)
    segments: list[list[int]] = field(default_factory=list)
    buffer: list[str] = field(default_factory=list)
    waiting: int = 0

    def write(self, count: int, fixed: Sequence[Iterable[str]], properties: Sequence[RunColumn]) -> None:
        """Many elements: the columns of their ids, labels and ends, already formatted, and those of their properties.

        Args:
            properties: in the order in which new columns are to stand.
        """
        self.schema.count += count
        given = {column.key: column for column in properties}
        for name in given:
            if name not in self.columns:
                self._new_column(name)
        cells = list(fixed)
        for name, column in self.columns.items():
            cells.append(self._cells(column, given[name]) if name in given else repeat(""))
        if not self.segments or self.segments[-1][0] != len(self.columns):
            self.segments.append([len(self.columns), 0])
        self.segments[-1][1] += count
        self.buffer.append("\n".join(map(",".join, islice(zip(*cells), count))) + "\n")  # noqa: B905 - some are endless
        self.waiting += len(self.buffer[-1])
        if self.waiting >= _FLUSH_CHARACTERS:
            self.flush()

    def _new_column(self, name: str) -> None:
        facts = self.schema.properties[name] = PropertyFacts(name)
        hint = self.hints.get((self.schema.on, name))
        self.columns[name] = _Column(
            facts, as_text=hint is not None and hint.as_text, escape_single=hint is not None and hint.escape_single
        )

    def _cells(self, column: _Column, given: RunColumn) -> list[str]:
        """The cells of a property, empty where an element has none."""
        column.facts.see(given)
        as_text = column.as_text or column.facts.type == "String"
        escape_single = column.escape_single or column.facts.multi
        if given.kind is not None and not as_text:
            column.wrote_bare = True
            column.facts.filled += len(given.cells) if given.present is None else int(np.count_nonzero(given.present))
            return number_cells(given)
        values = one_by_one(given)
        if not escape_single and set(map(type, values)) <= {str, type(None)}:
            known = [value or "" for value in values]
            if self.form.escape_newline:
                texts = [quoted(value, escape_newline=True) for value in known]
            else:
                texts = all_quoted(known)
        else:
            texts = [self._cell(value, as_text, escape_single) if value is not None else "" for value in values]
        column.facts.filled += len(texts) - texts.count("")
        if not as_text and any(text[:1] not in ('"', "") for text in texts):
            column.wrote_bare = True
        if not (escape_single or column.wrote_separator):
            # bare cells beside quoted ones are written again in any case
            column.wrote_separator = any(self.form.separator in text for text in texts if text[:1] == '"')
        return texts

    def _cell(self, value: Any, as_text: bool, escape_single: bool) -> str:
        values = value if type(value) is Several else (value,)
        return cell(
            values,
            self.form.separator,
            as_text=as_text,
            escape_single=escape_single,
            escape_newline=self.form.escape_newline,
        )

    def flush(self) -> None:
        if self.buffer:
            with self.spool.open("a", encoding="utf-8", newline="") as stream:
                stream.writelines(self.buffer)
            self.buffer.clear()
            self.waiting = 0

    def misjudged(self) -> dict[tuple[NodeType | EdgeTriple, str], ColumnHint]:
        """Columns that need a second pass, with what is known of them now."""
        return {
            (self.schema.on, name): ColumnHint(column.facts.type == "String", column.facts.multi)
            for name, column in self.columns.items()
            if column.misjudged
        }

    def finish(self, target: Path) -> None:
        """Write the header and the rows to their place, and drop the spool."""
        self.flush()
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            if self.form.header:
                out.write((",".join(self._header()) + "\n").encode())
            if self.spool.exists():
                with self.spool.open("rb") as rows:
                    if len(self.segments) <= 1:
                        shutil.copyfileobj(rows, out, 1 << 20)
                    else:
                        self._pad(rows, out)
        self.spool.unlink(missing_ok=True)

    def _pad(self, rows: BinaryIO, out: BinaryIO) -> None:
        records = _records(rows)
        for width, count in self.segments:
            missing = b"," * (len(self.columns) - width) + b"\n"
            for _ in range(count):
                out.write(next(records)[:-1] + missing)

    def _header(self) -> Iterator[str]:
        yield from ("~id", "~label")
        if isinstance(self.schema.on, EdgeTriple):
            yield from ("~from", "~to")
            if self.form.edge_ends:
                yield from ("~fromLabels", "~toLabels")
        for name, column in self.columns.items():
            name = self.form.column(name)
            if self.form.type_definitions:
                name += ":" + HEADER_TYPES.get(column.facts.type, "string") + ("[]" if column.facts.multi else "")
            # a comma in a name would shift every cell, and a quote swallow some
            yield quoted(name) if any(mark in name for mark in ',"\r\n') else name


def rows_in(path: Path) -> int:
    """How many whole records a finished file holds, its header among them."""
    with path.open("rb") as stream:
        return sum(record.endswith(b"\n") for record in _records(stream))


def _records(stream: BinaryIO) -> Iterator[bytes]:
    """Whole CSV records, each with its line end: a line end inside quotes does not count."""
    pending = b""
    for line in stream:
        pending += line
        if pending.count(b'"') % 2 == 0:
            yield pending
            pending = b""
