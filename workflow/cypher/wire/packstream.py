"""PackStream, the encoding of Bolt's messages. Source: the PackStream specification, version 1."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final

from workflow.errors import BadRequest, QueryFailed

MOST_DEPTH: Final = 100
_INT64: Final = 1 << 63
_DOUBLE: Final = struct.Struct(">Bd").pack
_INT8: Final = struct.Struct(">Bb").pack
_INT16: Final = struct.Struct(">Bh").pack
_INT32: Final = struct.Struct(">Bi").pack
_INT64_BYTES: Final = struct.Struct(">Bq").pack
_SMALL: Final = {value: bytes((value & 0xFF,)) for value in range(-16, 128)}


class BadPackStream(BadRequest):
    """Bytes that are no PackStream."""


@dataclass(frozen=True, slots=True)
class Structure:
    """A tag and its fields."""

    tag: int
    fields: tuple[Any, ...]


def pack(value: Any, convert: Callable[[Any], Any] | None = None) -> bytes:
    """A value as bytes, in the smallest form.

    Args:
        value: null, numbers, texts, bytes, lists, maps and structures of these.
        convert: gives such a value for any other. Without it other values raise TypeError.

    Raises QueryFailed for an integer beyond 64 bits.
    """
    out = bytearray()
    _write(out, value, convert)
    return bytes(out)


def pack_each(values: Sequence[Any], convert: Callable[[Any], Any] | None = None) -> list[bytes]:
    """Each of many values as bytes; those of one type, as a column of an answer has them, at once.

    Raises as ``pack`` does.
    """
    kinds = set(map(type, values))
    if kinds == {float}:
        return list(map(_DOUBLE, repeat(0xC1), values))
    if kinds == {int}:
        return [_SMALL[value] if -16 <= value < 128 else _packed_int(value) for value in values]
    return [pack(value, convert) for value in values]


def _write(out: bytearray, value: Any, convert: Callable[[Any], Any] | None) -> None:
    kind = type(value)
    if kind is str:
        data = value.encode("utf-8", "surrogatepass")
        _write_size(out, len(data), 0x80, 0xD0)
        out += data
    elif kind is bool:
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, int):
        _write_int(out, value)
    elif isinstance(value, float):
        out += _DOUBLE(0xC1, value)
    elif value is None:
        out.append(0xC0)
    elif kind is list:
        _write_size(out, len(value), 0x90, 0xD4)
        for one in value:
            _write(out, one, convert)
    elif kind is dict:
        _write_size(out, len(value), 0xA0, 0xD8)
        for key, one in value.items():
            _write(out, str(key), convert)
            _write(out, one, convert)
    elif kind is Structure:
        out.append(0xB0 | len(value.fields))
        out.append(value.tag)
        for one in value.fields:
            _write(out, one, convert)
    else:
        _write_other(out, value, convert)


def _write_other(out: bytearray, value: Any, convert: Callable[[Any], Any] | None) -> None:
    """Subclasses, and what ``convert`` knows."""
    plain: Any
    if isinstance(value, str):
        plain = "".join(value)
    elif isinstance(value, tuple):
        plain = list(value)
    elif isinstance(value, Mapping):
        plain = dict(value)
    elif isinstance(value, bytes | bytearray):
        size = len(value)
        out += (
            b"\xcc" + bytes((size,))
            if size < 256
            else b"\xcd" + struct.pack(">H", size)
            if size < 65536
            else (b"\xce" + struct.pack(">I", size))
        )
        out += value
        return
    elif convert is None:
        raise TypeError(f"{type(value).__name__} is no value of PackStream")
    else:
        plain = convert(value)
    _write(out, plain, convert)


def _write_int(out: bytearray, value: int) -> None:
    if -16 <= value < 128:
        out.append(value & 0xFF)
    else:
        out += _packed_int(value)


def _packed_int(value: int) -> bytes:
    """An integer that needs more than one byte."""
    if -32768 <= value < 32768:
        return _INT8(0xC8, value) if -128 <= value < 128 else _INT16(0xC9, value)
    if -(1 << 31) <= value < 1 << 31:
        return _INT32(0xCA, value)
    if -_INT64 <= value < _INT64:
        return _INT64_BYTES(0xCB, value)
    raise QueryFailed("The answer holds an integer beyond 64 bits, which Bolt cannot send; use toFloat()")


def list_head(size: int) -> bytes:
    """What stands before the members of a list."""
    out = bytearray()
    _write_size(out, size, 0x90, 0xD4)
    return bytes(out)


def _write_size(out: bytearray, size: int, tiny: int, marker: int) -> None:
    if size < 16:
        out.append(tiny | size)
    elif size < 256:
        out += bytes((marker, size))
    elif size < 65536:
        out.append(marker + 1)
        out += struct.pack(">H", size)
    else:
        out.append(marker + 2)
        out += struct.pack(">I", size)


def unpack(data: bytes, build: Callable[[Structure], Any] | None = None) -> Any:
    """The one value that bytes hold.

    Args:
        data: all of it.
        build: what a structure becomes; without it structures stay.

    Raises BadPackStream for anything else, and what ``build`` raises.
    """
    reader = _Unpacker(data, build)
    try:
        value = reader.value(0)
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise BadPackStream("The message ends too early or holds what is no PackStream") from error
    if reader.at != len(data):
        raise BadPackStream(f"The message has {len(data) - reader.at} bytes behind its end")
    return value


_SIZED: Final = {
    0xCC: ("bytes", 1), 0xCD: ("bytes", 2), 0xCE: ("bytes", 4),
    0xD0: ("string", 1), 0xD1: ("string", 2), 0xD2: ("string", 4),
    0xD4: ("list", 1), 0xD5: ("list", 2), 0xD6: ("list", 4),
    0xD8: ("map", 1), 0xD9: ("map", 2), 0xDA: ("map", 4),
}  # fmt: skip
_INTEGERS: Final = {0xC8: struct.Struct(">b"), 0xC9: struct.Struct(">h"), 0xCA: struct.Struct(">i"),
                    0xCB: struct.Struct(">q")}  # fmt: skip
_CONSTANTS: Final = {0xC0: None, 0xC2: False, 0xC3: True}
_FLOAT: Final = struct.Struct(">d").unpack_from


class _Unpacker:
    def __init__(self, data: bytes, build: Callable[[Structure], Any] | None) -> None:
        self.data = data
        self.at = 0
        self._build = build

    def value(self, depth: int) -> Any:
        marker = self.data[self.at]
        self.at += 1
        if marker < 0x80:
            return marker
        if marker < 0x90:
            return self._take(marker & 0x0F).decode()
        if marker < 0xC0:
            return self._held("list" if marker < 0xA0 else "map" if marker < 0xB0 else "structure", marker & 15, depth)
        if marker >= 0xF0:
            return marker - 256
        integer = _INTEGERS.get(marker)
        if integer is not None:
            self.at += integer.size
            return integer.unpack_from(self.data, self.at - integer.size)[0]
        if marker == 0xC1:
            self.at += 8
            return _FLOAT(self.data, self.at - 8)[0]
        if marker in _CONSTANTS:
            return _CONSTANTS[marker]
        if marker not in _SIZED:
            raise BadPackStream(f"{marker:#04x} begins no value of PackStream")
        kind, width = _SIZED[marker]
        size = int.from_bytes(self._take(width), "big")
        if kind == "string":
            return self._take(size).decode()
        return self._take(size) if kind == "bytes" else self._held(kind, size, depth)

    def _held(self, kind: str, size: int, depth: int) -> Any:
        """What has members."""
        if depth >= MOST_DEPTH and size:
            raise BadPackStream(f"The message is nested more than {MOST_DEPTH} deep")
        if size > len(self.data) - self.at:  # every member takes a byte at least
            raise BadPackStream("The message ends too early")
        value, inside = self.value, depth + 1
        if kind == "list":
            return [value(inside) for _ in range(size)]
        if kind == "map":
            found: dict[str, Any] = {}
            for _ in range(size):
                key = value(inside)
                if type(key) is not str:
                    raise BadPackStream("The keys of a map are texts")
                found[key] = value(inside)
            return found
        tag = self._take(1)[0]
        structure = Structure(tag, tuple(value(inside) for _ in range(size)))
        return structure if self._build is None or depth == 0 else self._build(structure)

    def _take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise BadPackStream("The message ends too early")
        found = self.data[self.at : end]
        self.at = end
        return found
