"""Event files that TensorBoard reads: loss and metrics after each epoch, and the figures of every split at the end.

The file is a row of records: the length of an event, its checksum, the event, its checksum; an event is a small message
of protocol buffers. Written here, since libraries that do so import SDKs of clouds first.

Sources: https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto ·
https://www.tensorflow.org/tutorials/load_data/tfrecord (records, masked CRC-32C) · RFC 3720, B.4 (CRC-32C)
"""

from __future__ import annotations

import math
import os
import socket
import struct
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_POLYNOMIAL: Final = 0x82F63B78  # of Castagnoli, its bits reversed
_VERSION: Final = b"brain.Event:2"


class Curves:
    """The event file of one trial; made with the first figure.

    Args:
        folder: that TensorBoard is to be given.
        silent: keep nothing; of several processes one tells.
    """

    def __init__(self, folder: Path, silent: bool = False) -> None:
        self.folder, self.silent = folder, silent
        self._path: Path | None = None

    def add(self, figures: Mapping[str, float], step: int) -> None:
        """Add figures of a step, by tag such as ``validation/mrr``; what is no number is left out."""
        if self.silent:
            return
        path = self._path = self._path or self._begun()
        scalars = [
            _field(1, 2, tag.encode()) + _field(2, 5, struct.pack("<f", value))
            for tag, value in figures.items()
            if math.isfinite(value)
        ]
        with path.open("ab") as file:
            file.writelines(record(_event(step, _field(5, 2, _field(1, 2, scalar)))) for scalar in scalars)

    def _begun(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}"
        with path.open("ab") as file:
            file.write(record(_event(0, _field(3, 2, _VERSION))))
        return path


def record(event: bytes) -> bytes:
    """An event as a record."""
    length = struct.pack("<Q", len(event))
    return length + _checksum(length) + event + _checksum(event)


def _event(step: int, what: bytes) -> bytes:
    return _field(1, 1, struct.pack("<d", time.time())) + _field(2, 0, _varint(step)) + what


def _field(number: int, kind: int, content: bytes) -> bytes:
    """A field of a message; kinds are 0 for a varint, 1 and 5 for eight and four bytes, 2 for what has a length."""
    return _varint(number << 3 | kind) + (_varint(len(content)) if kind == 2 else b"") + content


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the highest bit says that more come."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _checksum(data: bytes) -> bytes:
    """CRC-32C, turned and moved as the format has it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (_POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE: Final = tuple(_entry(byte) for byte in range(256))
