"""Many strings as one block of UTF-8, with the vector operations a bulk load needs: cut, hash, compare, group.

A million ids take about 20 bytes each here, and 130 as Python strings in a list and a dictionary.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray

_WORDS: Final = 16
_BYTES: Final = 8 * _WORDS
_MASK: Final = (1 << 64) - 1
_ENCODING: Final = ("utf-8", "surrogatepass")
Block = bytes | memoryview


class TextHash:
    """Numbers for texts, made with secret keys so that nobody can choose ids that collide."""

    __slots__ = ("_numbers", "keys")

    def __init__(self, keys: NDArray[np.uint64] | None = None) -> None:
        """``keys`` are odd uint64, (17,), the last for the length; by default fresh ones."""
        if keys is None:
            keys = np.array([secrets.randbits(64) | 1 for _ in range(_WORDS + 1)], dtype=np.uint64)
        self.keys = keys
        self._numbers: list[int] = keys.tolist()

    def of(self, text: Block) -> int:
        """The hash of one string, given as UTF-8."""
        total = len(text) * self._numbers[_WORDS]
        head = text[:_BYTES]
        for place in range(0, len(head), 8):
            total += int.from_bytes(head[place : place + 8], "little") * self._numbers[place >> 3]
        total &= _MASK
        return total ^ (total >> 32)


OF_THIS_PROCESS: Final = TextHash()


class Texts(Sequence[str]):
    """Immutable. ``blob`` may be a file's memory; ``starts``, int32 or int64 (n + 1,), are places in it."""

    __slots__ = ("_hashes", "blob", "starts")

    def __init__(self, blob: Block, starts: NDArray[Any]) -> None:
        self.blob = blob
        self.starts = starts
        self._hashes: tuple[TextHash, NDArray[np.uint64]] | None = None

    @classmethod
    def of(cls, strings: Iterable[str]) -> Texts:
        """From Python strings."""
        strings = list(strings)
        text = "".join(strings)
        blob = text.encode(*_ENCODING)
        sizes: Iterable[int] = map(len, strings)
        if len(blob) != len(text):
            sizes = (len(string.encode(*_ENCODING)) for string in strings)
        return cls.with_lengths(blob, np.fromiter(sizes, dtype=np.int64, count=len(strings)))

    @classmethod
    def with_lengths(cls, blob: Block, lengths: NDArray[Any]) -> Texts:
        """From the bytes of all strings, one after the other, and the length of each in bytes, int64 (n,)."""
        size = int(lengths.sum(dtype=np.int64))
        starts = np.zeros(len(lengths) + 1, dtype=np.int32 if size < 1 << 31 else np.int64)
        np.cumsum(lengths, out=starts[1:])
        return cls(blob, starts)

    @classmethod
    def cut(cls, buffer: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> Texts:
        """The stretches of a buffer between starts and stops, (n,); together they must be valid UTF-8 each."""
        lengths = stops - starts
        texts = cls.with_lengths(b"", lengths)
        places = np.repeat(starts - texts.starts[:-1], lengths) + np.arange(int(texts.starts[-1]))
        texts.blob = buffer[places].tobytes()
        return texts

    @classmethod
    def joined(cls, parts: Sequence[Texts]) -> Texts:
        """All strings of the parts, in order."""
        if len(parts) == 1:
            return parts[0]
        lengths = [np.diff(part.starts) for part in parts]
        return cls.with_lengths(
            b"".join(part.blob for part in parts), np.concatenate(lengths) if lengths else np.zeros(0, dtype=np.int64)
        )

    # -- as a sequence
    def __len__(self) -> int:
        return len(self.starts) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        if place < 0 or place >= len(self):
            raise IndexError(place)
        return str(self.blob[self.starts.item(place) : self.starts.item(place + 1)], *_ENCODING)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    def tolist(self) -> list[str]:
        """As Python strings."""
        starts = self.starts.tolist()
        blob = self.blob if isinstance(self.blob, bytes) else bytes(self.blob)
        if blob.isascii():
            text = blob.decode("ascii")
            return [text[start:stop] for start, stop in pairwise(starts)]
        return [blob[start:stop].decode(*_ENCODING) for start, stop in pairwise(starts)]

    def raw(self, place: int) -> bytes:
        """The UTF-8 of one string."""
        return bytes(self.blob[self.starts.item(place) : self.starts.item(place + 1)])

    def lengths(self) -> NDArray[Any]:
        """The length of each string in bytes, int32 or int64 (n,)."""
        return np.diff(self.starts)

    def select(self, places: NDArray[Any]) -> Texts:
        """Some of the strings, in the order of the places, int64 (m,)."""
        buffer = np.frombuffer(self.blob, dtype=np.uint8)
        if len(places) > len(self) // 4 and (np.diff(places) > 0).all():
            # most of them in their order: their bytes are marked, which takes an eighth of the memory of their places
            kept = np.zeros(len(self), dtype=bool)
            kept[places] = True
            lengths = self.lengths()
            inner = buffer[int(self.starts[0]) : int(self.starts[-1])]
            return Texts.with_lengths(inner[np.repeat(kept, lengths)].tobytes(), lengths[places])
        return Texts.cut(buffer, self.starts[:-1][places], self.starts[1:][places])

    # -- vectors
    def matrix(self, places: NDArray[Any] | None = None, width: int = 0) -> NDArray[np.uint8]:
        """The first bytes of each string, or of those at ``places`` (int64), padded with zeros.

        Shape (n, width), the width a multiple of 8 of at most ``_BYTES``.
        """
        starts = self.starts[:-1] if places is None else self.starts[:-1][places]
        lengths = (self.starts[1:] if places is None else self.starts[1:][places]) - starts
        longest = max(int(lengths.max(initial=0)), width, 1)
        width = min((longest + 7) // 8 * 8, _BYTES)
        buffer = np.frombuffer(self.blob, dtype=np.uint8)
        columns = np.arange(width)
        if not len(buffer):
            return np.zeros((len(starts), width), dtype=np.uint8)
        found: NDArray[np.uint8] = buffer[np.minimum(starts[:, None] + columns, len(buffer) - 1)]
        found *= columns < lengths[:, None]
        return found

    def hashes(self, by: TextHash = OF_THIS_PROCESS) -> NDArray[np.uint64]:
        """One number for each string, (n,), the same as ``by.of`` gives for it."""
        if self._hashes is None or self._hashes[0] is not by:
            parts = [self._hash_range(first, by.keys) for first in range(0, len(self), 1 << 16)]
            self._hashes = by, np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)
        return self._hashes[1]

    def forget_hashes(self) -> None:
        """Let go of their memory; they are made again when asked for."""
        self._hashes = None

    def _hash_range(self, first: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
        places = np.arange(first, min(first + (1 << 16), len(self)))
        words = self.matrix(places).view("<u8")
        lengths = self.starts[1:][places] - self.starts[:-1][places]
        total: NDArray[np.uint64] = lengths.astype(np.uint64) * keys[_WORDS]
        for place in range(words.shape[1]):
            total += words[:, place] * keys[place]
        total ^= total >> np.uint64(32)
        return total

    def same_as(self, other: Texts) -> bool:
        """Whether both are the same strings in the same order."""
        return np.array_equal(self.lengths(), other.lengths()) and self._bytes() == other._bytes()

    def _bytes(self) -> Block:
        """Those of all strings, one after the other."""
        return self.blob[self.starts.item(0) : self.starts.item(-1)]

    def equal_to(self, other: Texts, places: NDArray[Any], wanted: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether the strings at ``places`` here are those at ``wanted`` in the other; int64 (m,) both."""
        same = np.zeros(len(places), dtype=bool)
        for first in range(0, len(places), 1 << 16):
            part = slice(first, first + (1 << 16))
            mine, theirs = places[part], wanted[part]
            size = self.starts[1:][mine] - self.starts[:-1][mine]
            match = size == other.starts[1:][theirs] - other.starts[:-1][theirs]
            width = int(size[match].max(initial=1))
            here, there = self.matrix(mine[match], width), other.matrix(theirs[match], width)
            match[match] = (here == there).all(axis=1)
            for place in np.flatnonzero(match & (size > _BYTES)).tolist():
                match[place] = self.raw(int(mine[place])) == other.raw(int(theirs[place]))
            same[part] = match
        return same

    def grouped(self) -> tuple[NDArray[np.int32], list[str]]:
        """A small number for each string, (n,), by first appearance, and the strings the numbers stand for."""
        _, first, inverse = np.unique(self.hashes(), return_index=True, return_inverse=True)
        if self.equal_to(self, np.arange(len(self)), first[inverse]).all():
            # hashes differ from process to process, their order must decide nothing
            order = np.argsort(first)
            ranks = np.empty(len(first), dtype=np.int32)
            ranks[order] = np.arange(len(first), dtype=np.int32)
            return ranks[inverse], [self[int(place)] for place in first[order].tolist()]
        known: dict[str, int] = {}
        codes = [known.setdefault(text, len(known)) for text in self.tolist()]
        return np.array(codes, dtype=np.int32), list(known)


def encoded(text: str) -> bytes:
    """The UTF-8 of a string as it is kept here."""
    return text.encode(*_ENCODING)
