"""Files written by hand, with blanks around their fields as in the loader's guide: read as the loader reads them."""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

MARK = "\ufdd0"  # of a quoted field, which keeps its blanks
BLANKS = " \t"
LONGEST_FIELD = 1 << 24


def tidied(path: Path, separator: str, copy: Path) -> Path:
    """The file itself, or, where its header has blanks around names, a copy without any.

    Blanks outside of quotes go, in every row; those inside stay. Programs that export write no such header, and their
    files are not looked at any further.

    Args:
        path: a CSV, perhaps packed.
        separator: between fields; one that is a blank itself leaves the file as it is.
        copy: where it goes.
    """
    if separator in BLANKS:
        return path
    with _opened(path) as stream:
        header = stream.readline(1 << 20)
        if not re.search(rf"[{BLANKS}]{re.escape(separator)}|{re.escape(separator)}[{BLANKS}]", _outside(header)):
            return path
        csv.field_size_limit(LONGEST_FIELD)
        stream.seek(0)
        with copy.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter=separator, lineterminator="\n")
            for row in csv.reader(_marked(stream, separator), delimiter=separator, strict=True):
                writer.writerow([cell[1:] if cell[:1] == MARK else cell.strip(BLANKS) for cell in row])
    return copy


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _outside(line: str) -> str:
    """A line without what stands in its quotes."""
    return re.sub(r'"(?:[^"]|"")*"', '""', line)


def _marked(stream: IO[str], separator: str) -> Iterator[str]:
    """Rows as text, quoted fields marked and without the blanks around their quotes."""
    edge = rf"{re.escape(separator)}\r\n"
    quoted = re.compile(rf'(?:(?<=[{edge}])|\A)[{BLANKS}]*"((?:[^"]|"")*)"[{BLANKS}]*(?=[{edge}]|\Z)')
    held = ""
    for line in stream:
        held += line
        if held.count('"') % 2 == 0:  # a quoted field that spans lines is whole
            yield quoted.sub(rf'"{MARK}\1"', held)
            held = ""
    if held:
        yield held
