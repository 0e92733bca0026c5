"""Rows of a Neptune CSV file in chunks of columns.

Two ways lead to the same chunks. Blocks without quotes are cut with numpy: the places of commas and line ends are found
for the whole block at once, ids stay bytes, numbers are parsed from byte arrays. A block with anything irregular in it
(a row of another width, a cell that is no number) goes through the ``csv`` module row by row, which names the bad rows;
after the first quote the rest of the file does.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from workflow.graphs.files.loading import RowError
from workflow.graphs.files.neptune_csv import (
    CELL_TYPES,
    LONGEST_FIELD,
    LONGEST_LINE,
    Chunk,
    FileRefused,
    Header,
    PropertyColumn,
    cleaned,
    column_of,
    marked,
    parse_header,
)
from workflow.graphs.files.opencypher_csv import opencypher_header
from workflow.graphs.store.versions.batch import ColumnData
from workflow.graphs.store.versions.text_block import Texts

BLOCK_BYTES: Final = 1 << 21
CHUNK_ROWS: Final = 1 << 14
_COMMA, _NEWLINE, _QUOTE, _RETURN = b",", b"\n", b'"', b"\r"
MARKED_LINES: Final = 256
MARKED_SIZE: Final = 1 << 22


_BESIDE_QUOTES: Final = (' "', '" ', '\t"', '"\t')
_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


class CsvRows:
    """The rows of one file. ``on_error`` hears of each bad row; what it raises ends the reading.

    Args:
        stream: the bytes of the file, decompressed.
        on_error: called with every row that is left out.
        keep_empty_strings: an empty cell of a String column is a value.

    Raises FileRefused when the first line is no header.
    """

    def __init__(
        self, stream: BinaryIO, on_error: Callable[[RowError], None], keep_empty_strings: bool = False
    ) -> None:
        csv.field_size_limit(LONGEST_FIELD)
        self._stream = stream
        self._on_error = on_error
        self._keep_empty = keep_empty_strings
        self._line = 0
        self._rest = b""
        self.rows = 0
        self.header = self._read_header()

    def _read_header(self) -> Header:
        first = self._stream.readline(LONGEST_FIELD).removeprefix(b"\xef\xbb\xbf")
        while first.count(_QUOTE) % 2 and (more := self._stream.readline(LONGEST_FIELD)):
            first += more
            if len(first) > LONGEST_LINE:
                raise _too_long(1)
        line, found, rest = first.partition(_RETURN)
        if found and rest not in (b"", _NEWLINE):
            # lines that end in a bare return: the file is one line to readline
            first, self._rest = line, rest
        self._line = max(first.count(_NEWLINE), 1)
        try:
            names = next(csv.reader(io.StringIO(marked(first.decode()), newline=""), strict=True), None)
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileRefused(RowError("PARSING_ERROR", f"header: {error}", 1)) from error
        if not names:
            raise FileRefused(RowError("PARSING_ERROR", "header: the file is empty", 1))
        fields = cleaned(names)
        return opencypher_header(fields) or parse_header(fields)

    def chunks(self) -> Iterator[Chunk]:
        """All good rows, once."""
        while block := self._next_block():
            if _RETURN in block:
                block = block.replace(b"\r\n", _NEWLINE)
            if _QUOTE in block or _RETURN in block:
                yield from self._from_reader(block)
                return
            lines = block.count(_NEWLINE)
            chunk = self._cut(block, lines)
            if chunk is not None:
                self.rows += lines
                self._line += lines
                yield chunk
            else:
                yield from self._from_text(block)

    def _next_block(self) -> bytes:
        """Whole lines, or nothing at the end."""
        block = self._rest
        while True:
            more = self._stream.read(BLOCK_BYTES)
            block += more
            stop = block.rfind(_NEWLINE) + 1
            if not more:
                self._rest = b""
                return block + _NEWLINE if block and not block.endswith(_NEWLINE) else block
            if stop:
                self._rest = block[stop:]
                return block[:stop]
            if len(block) > LONGEST_LINE:
                raise _too_long(self._line + 1)

    # -- with numpy
    def _cut(self, block: bytes, lines: int) -> Chunk | None:
        """A chunk of a regular block; None for any other."""
        header = self.header
        buffer = np.frombuffer(block, dtype=np.uint8)
        stops = np.flatnonzero((buffer == _COMMA[0]) | (buffer == _NEWLINE[0]))
        if len(stops) != lines * header.width:
            return None
        ends = buffer[stops].reshape(lines, header.width) == _NEWLINE[0]
        if ends[:, :-1].any() or not ends[:, -1].all() or not _is_utf8(block):
            return None
        starts = np.empty_like(stops)
        starts[0] = 0
        starts[1:] = stops[:-1] + 1
        if _is_blank(buffer[starts]).any() or _is_blank(buffer[stops - 1]).any():
            return None  # blanks around fields are left to the other way
        places = starts.reshape(lines, header.width), stops.reshape(lines, header.width)

        def column(place: int) -> Texts:
            if place < 0:
                return Texts.of([""] * lines)
            return Texts.cut(buffer, places[0][:, place], places[1][:, place])

        chunk = Chunk(np.arange(self._line + 1, self._line + 1 + lines), column(header.id), column(header.label))
        if header.kind == "edges":
            chunk.sources, chunk.targets = column(header.source), column(header.target)
        if any(len(ids) and not ids.lengths().all() for ids in (chunk.ids, chunk.sources, chunk.targets)):
            return None
        try:
            for wanted in header.columns:
                chunk.cells[wanted.key] = self._cells(column(wanted.place), wanted)
        except ValueError:
            return None
        return chunk

    def _cells(self, texts: Texts, column: PropertyColumn) -> ColumnData:
        cell = CELL_TYPES[column.type]
        if column.many or cell.kind is None or b"_" in texts.blob:
            return column_of(tuple(texts), column, self._keep_empty)
        held = texts.lengths() > 0
        everywhere = bool(held.all())
        parsed = cell.array(_fixed(texts if everywhere else texts.select(np.flatnonzero(held))))
        if everywhere:
            return ColumnData(parsed, cell.kind)
        values = np.zeros(len(texts), dtype=parsed.dtype)
        values[held] = parsed
        return ColumnData(values, cell.kind, held)

    # -- with the csv module
    def _from_text(self, block: bytes) -> Iterator[Chunk]:
        """Chunks of a block without quotes."""
        before = self._line
        yield from self._read(io.BytesIO(block), before)

    def _from_reader(self, block: bytes) -> Iterator[Chunk]:
        """Chunks of this block and all that follows."""
        rest = _Behind(block + self._rest, self._stream)
        self._rest = b""
        yield from self._read(io.BufferedReader(rest), self._line)

    def _read(self, stream: Any, before: int) -> Iterator[Chunk]:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        reader = csv.reader(_lines(text, self._keep_empty), strict=True)
        while True:
            first = reader.line_num
            rows: list[list[str]] = []
            ended = False
            try:
                rows.extend(islice(reader, CHUNK_ROWS))
                ended = not rows
            except csv.Error as error:
                self._on_error(RowError("PARSING_ERROR", str(error), before + reader.line_num))
            except UnicodeDecodeError as error:
                message = f"the file is no UTF-8 ({error.reason}); nothing after is read"
                self._on_error(RowError("PARSING_ERROR", message, before + reader.line_num + 1))
                ended = True
            if rows:
                chunk = self._good_rows(rows, _line_ends(rows, before + first, reader.line_num - first))
                self.rows += sum(map(bool, rows))
                yield chunk
            self._line = before + reader.line_num
            if ended:
                return

    def _good_rows(self, rows: list[list[str]], lines: NDArray[np.int64]) -> Chunk:
        try:
            return self._columns(rows, lines)
        except ValueError:
            # one row at a time, to name the bad ones and keep the rest
            written = [bool(row) and (len(row) > 1 or bool(row[0].strip())) for row in rows]
            good = [n for n, row in enumerate(rows) if written[n] and self._is_good(row, int(lines[n]))]
            return self._columns([rows[n] for n in good], lines[good])

    def _columns(self, rows: list[list[str]], lines: NDArray[np.int64]) -> Chunk:
        header = self.header
        if not rows:
            return Chunk(lines, Texts.of(()), Texts.of(()))
        if set(map(len, rows)) - {header.width}:
            raise ValueError("rows differ in width")
        fields = list(zip(*rows, strict=True))
        special = (header.id, header.label, header.source, header.target)
        texts = {place: cleaned(fields[place]) for place in special if place >= 0}
        labels = Texts.of(texts.get(header.label, [""] * len(rows)))
        chunk = Chunk(lines, Texts.of(texts[header.id]), labels)
        if header.kind == "edges":
            chunk.sources, chunk.targets = Texts.of(texts[header.source]), Texts.of(texts[header.target])
        for place in (header.id, header.source, header.target):
            if place >= 0 and "" in texts[place]:
                raise ValueError("an id is empty")
        for column in header.columns:
            chunk.cells[column.key] = column_of(fields[column.place], column, self._keep_empty)
        return chunk

    def _is_good(self, row: list[str], line: int) -> bool:
        header = self.header
        if len(row) != header.width:
            message = f"{len(row)} fields where the header has {header.width}"
            self._on_error(RowError("PARSING_ERROR", message, line))
            return False
        for name, place in (("~id", header.id), ("~from", header.source), ("~to", header.target)):
            if place >= 0 and not cleaned(row[place : place + 1])[0]:
                self._on_error(RowError("PARSING_ERROR", f"{name} is empty", line))
                return False
        for column in header.columns:
            try:
                column_of((row[column.place],), column, self._keep_empty)
            except ValueError:
                (text,) = cleaned(row[column.place : column.place + 1])
                message = f"{text[:80]!r} in column {column.key!r} is no {column.type}"
                self._on_error(RowError("DATATYPE_MISMATCH_ERROR", message, line))
                return False
        return True


def _lines(text: io.TextIOWrapper, mark_all: bool) -> Iterator[str]:
    """The lines of a text, quoted fields marked where that matters. Raises FileRefused at one too long to be held.

    Args:
        mark_all: a quoted nothing differs from nothing; otherwise only blanks beside quotes matter.
    """
    held: list[str] = []
    size = 0
    odd = False  # a quoted field is open: it may span lines, which are marked together
    for number in count(1):
        try:
            line = text.readline(LONGEST_LINE + 1)
        except UnicodeDecodeError:
            yield from _marked_lines(held, mark_all)
            raise
        if len(line) > LONGEST_LINE:
            raise _too_long(number)
        if line:  # the end of the text is no line, or all behind it would be counted one further
            held.append(line)
        size += len(line)
        if odd or len(held) >= MARKED_LINES:
            odd = (odd != (line.count('"') % 2 == 1)) if odd else "".join(held).count('"') % 2 == 1
        if not line or size > MARKED_SIZE or (len(held) >= MARKED_LINES and not odd):
            yield from _marked_lines(held, mark_all)
            held.clear()
            size, odd = 0, False
        if not line:
            return


def _marked_lines(lines: list[str], mark_all: bool) -> list[str]:
    """As many lines, since error messages count them."""
    text = "".join(lines)
    return _LINE.findall(marked(text)) if mark_all or any(pair in text for pair in _BESIDE_QUOTES) else lines


def _too_long(line: int) -> FileRefused:
    return FileRefused(RowError("PARSING_ERROR", f"the line is longer than {LONGEST_LINE} bytes", line))


class _Behind(io.RawIOBase):
    """What was read already, and then the stream it came from."""

    def __init__(self, head: bytes, stream: BinaryIO) -> None:
        self._head = io.BytesIO(head)
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head.read(len(buffer)) or self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _line_ends(rows: list[list[str]], before: int, read: int) -> NDArray[np.int64]:
    """The line on which each row ends."""
    if read == len(rows):
        return np.arange(before + 1, before + 1 + len(rows))
    heights = (1 + sum(cell.count("\n") for cell in row) for row in rows)
    return before + np.cumsum(np.fromiter(heights, dtype=np.int64, count=len(rows)))


def _fixed(texts: Texts) -> NDArray[np.bytes_]:
    """As an array of byte strings of one width; ValueError for text too long to be a number."""
    if int(texts.lengths().max(initial=0)) > 64:
        raise ValueError("too long for a number")
    matrix = texts.matrix()
    return np.ascontiguousarray(matrix).view(f"S{matrix.shape[1]}").reshape(-1)


def _is_blank(characters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((characters == 32) | (characters == 9))


def _is_utf8(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True
