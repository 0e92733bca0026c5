"""How commits stand in a log file: as records that each prove themselves.

A record is a header and a payload of JSON. The header holds a mark, a checksum of the rest of the header, the number
of the commit, the length of the payload and the payload's checksum. So a record can be told valid wherever it begins,
and damage to one record, its length included, hides no other: the mark cannot occur in a payload, which is ASCII.

Logs of format 1 have length and CRC-32 of the payload in front of it, nothing else; they are read, never written.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from workflow.graphs.store.journal.journal import Commit

MARK: Final = b"\xd5DSP"
_MARKED: Final = struct.Struct("<4sI")
_FACTS: Final = struct.Struct("<QQI")
_OLD: Final = struct.Struct("<II")
_SLOT: Final = struct.Struct("<QI")
WITNESS: Final = "ACKNOWLEDGED"
_TEXT: Final = json.JSONEncoder(separators=(",", ":")).encode


class Placed(NamedTuple):
    """A commit and the bytes of the file where its record begins and ends."""

    commit: Commit
    start: int
    stop: int


class _Head(NamedTuple):
    number: int | None
    length: int
    checksum: int


class _Layout(NamedTuple):
    """How records of one format look."""

    size: int
    """Bytes of the header."""
    parse: Callable[[bytes], _Head | None]
    """Reads a header; None where it is none."""
    sign: re.Pattern[bytes]
    """What to look for where records are searched."""
    lead: int
    """Bytes of the record before that sign."""


def _parse(data: bytes) -> _Head | None:
    if len(data) < _MARKED.size + _FACTS.size:
        return None
    mark, checksum = _MARKED.unpack_from(data)
    facts = data[_MARKED.size :]
    return _Head(*_FACTS.unpack(facts)) if mark == MARK and zlib.crc32(facts) == checksum else None


def _parse_old(data: bytes) -> _Head | None:
    if len(data) < _OLD.size:
        return None
    length, checksum = _OLD.unpack(data)
    return _Head(None, length, checksum) if length else None


_PROVEN: Final = _Layout(_MARKED.size + _FACTS.size, _parse, re.compile(re.escape(MARK)), 0)
_PLAIN: Final = _Layout(_OLD.size, _parse_old, re.compile(rb'\[\d+,\d+,"(?:ops|segment)",'), _OLD.size)


def record(commit: Commit) -> bytes:
    """A commit as it is written."""
    body = [commit.number, commit.time_ms, commit.kind, commit.body]
    payload = _TEXT(body).encode("ascii")
    facts = _FACTS.pack(commit.number, len(payload), zlib.crc32(payload))
    return _MARKED.pack(MARK, zlib.crc32(facts)) + facts + payload


def read_log(path: Path, first: int = 0, old: bool = False) -> Iterator[Placed]:
    """Commits from number ``first`` on, up to the end of the file or the first byte where no whole valid record begins.

    Args:
        old: whether the file is of format 1.
    """
    layout = _PLAIN if old else _PROVEN
    with path.open("rb") as file:
        size, start = os.fstat(file.fileno()).st_size, 0
        while (head := layout.parse(file.read(layout.size))) is not None:
            stop = start + layout.size + head.length
            if stop > size:
                return
            if head.number is not None and head.number < first:
                file.seek(stop)
            else:
                commit = _commit(head, file.read(head.length))
                if commit is None:
                    return
                if commit.number >= first:
                    yield Placed(commit, start, stop)
            start = stop


def later_commits(path: Path, start: int, number: int, old: bool = False) -> Iterator[Placed]:
    """Whole valid records anywhere behind byte ``start`` of commits after ``number``."""
    layout = _PLAIN if old else _PROVEN
    data = path.read_bytes()
    for match in layout.sign.finditer(data, start):
        begin = match.start() - layout.lead
        head = layout.parse(data[max(begin, 0) : begin + layout.size]) if begin > start else None
        stop = begin + layout.size + (head.length if head else 0)
        if head is None or stop > len(data):
            continue
        commit = _commit(head, data[begin + layout.size : stop])
        if commit is not None and commit.number > number:
            yield Placed(commit, begin, stop)


def _commit(head: _Head, payload: bytes) -> Commit | None:
    if len(payload) != head.length or zlib.crc32(payload) != head.checksum:
        return None
    commit = Commit(*json.loads(payload))
    return commit if head.number in (None, commit.number) else None


def log_path(folder: Path, number: int) -> Path:
    """Where log ``number`` of a folder is."""
    return folder / f"log-{number:08d}.bin"


def log_number(path: Path) -> int:
    """The number in the name of a log."""
    return int(path.stem.removeprefix("log-"))


def log_paths(folder: Path) -> list[Path]:
    """Log files in order."""
    return sorted(folder.glob("log-*.bin"))


class Witness:
    """Remembers outside the log which commit was last acknowledged: so many the logs must hold.

    Without it nothing tells a last record that was damaged from one that was never finished. It is written after the
    log is on disk and not synchronised itself: a killed process leaves it exact, a loss of power may leave it behind,
    and it is never ahead. Two slots are written in turn, so that one of them is always whole.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / WITNESS, os.O_RDWR | os.O_CREAT, 0o600)

    def note(self, number: int) -> None:
        """Commit ``number`` is about to be acknowledged."""
        with suppress(OSError):  # the commit is durable without it
            os.pwrite(self._file, _slot(number), number % 2 * _SLOT.size)

    def set(self, number: int) -> None:
        """No commit after ``number`` is asked for any more."""
        os.pwrite(self._file, _slot(number) * 2, 0)
        os.fsync(self._file)

    def close(self) -> None:
        """Make it as durable as the log."""
        with suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)


def acknowledged(folder: Path) -> int:
    """The last commit that the folder's witness knows of; 0 without one that can be read."""
    path = folder / WITNESS
    data = path.read_bytes() if path.exists() else b""
    numbers = [0]
    for place in range(0, min(len(data), 2 * _SLOT.size) - _SLOT.size + 1, _SLOT.size):
        number, _ = _SLOT.unpack_from(data, place)
        if data[place : place + _SLOT.size] == _slot(number):
            numbers.append(number)
    return max(numbers)


def _slot(number: int) -> bytes:
    return _SLOT.pack(number, zlib.crc32(number.to_bytes(8, "little"), 1))
