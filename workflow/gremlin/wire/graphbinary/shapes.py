"""Messages of GraphBinary that differ in a few values only, told by their bytes.

A client that writes in a loop sends one message again and again with its own values: ``property('n', 17)`` behind
``property('n', 16)``. What they have in common is their shape. A message of a known shape is read by comparing the
bytes between its values; its traversal has a ``Blank`` where each of them stood.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from workflow.gremlin.traversal import Blank, Instruction
from workflow.gremlin.wire.graphbinary.reader import HOSTILE, READERS, GraphBinaryReader, Read, read_message
from workflow.gremlin.wire.messages import Request, UnreadableRequest

HEAD: Final = 17  # of a message: its version, and the id of the request
PLAIN: Final = frozenset((0x01, 0x02, 0x03, 0x04, 0x07, 0x08, 0x0C, 0x27, 0x88))
"""Types whose values mean the same to a plan, whichever they are: numbers, texts, flags, UUIDs and times."""
IDS: Final = frozenset(("V", "E"))
WRITES: Final = b"property", b"addE"
"""Steps of a write with values of its own: ``addV()`` alone has none."""


@dataclass(frozen=True, slots=True)
class Span:
    """Where a value stands in a message, behind its type code and flag, and how it is read."""

    begin: int
    end: int
    code: int


class Spans(GraphBinaryReader):
    """Reads a message and notes the values that a shape leaves out: ids to begin at, and what ``property()`` writes.

    Args:
        blanking: whether blanks are read in their place.
    """

    __slots__ = ("blanking", "spans")

    def __init__(self, data: bytes, position: int = 0, *, blanking: bool = False) -> None:
        super().__init__(data, position)
        self.blanking = blanking
        self.spans: list[Span] = []

    def instructions(self) -> list[Instruction]:
        found: list[Instruction] = []
        for _ in range(self.count()):
            name = self.string()
            plain = name != "property" and name not in IDS
            found.append(Instruction(name, tuple(self.values()) if plain else self._arguments(name)))
        return found

    def _arguments(self, name: str) -> tuple[Any, ...]:
        last, found = self.count() - 1, list[Any]()
        for at in range(last + 1):
            # of a property the last argument is a value, be there a cardinality or properties of it or not
            is_value = name in IDS or (at == last and at > 0)
            found.append(self._noted() if is_value else self.value())
        return tuple(found)

    def _noted(self) -> Any:
        begin = self.position
        value = self.value()
        code, flag = self.data[begin], self.data[begin + 1]
        if flag or code not in PLAIN:
            return value
        self.spans.append(Span(begin + 2, self.position, code))
        return Blank(len(self.spans) - 1, type(value)) if self.blanking else value


@dataclass(frozen=True, slots=True)
class Shape:
    """What messages have in common.

    Attributes:
        request: one of them, with blanks in its traversal.
        parts: before each blank the bytes from the one before it, and how its value is read.
        tail: the bytes behind the last blank.
    """

    request: Request
    parts: tuple[tuple[bytes, Read], ...]
    tail: bytes

    @property
    def begin(self) -> bytes:
        """The bytes of a message between its head and its first blank."""
        return self.parts[0][0]

    def values(self, data: bytes, position: int) -> tuple[Any, ...] | None:
        """Of the message that starts at ``position``; None where it is of another shape, or cannot be read."""
        reader = GraphBinaryReader(data, position + HEAD)
        found = []
        try:
            for part, read in self.parts:
                if not data.startswith(part, reader.position):
                    return None
                reader.position += len(part)
                found.append(read(reader))
        except (UnreadableRequest, *HOSTILE):
            return None  # told when it is read as every message is
        return tuple(found) if data[reader.position :] == self.tail else None


def may_write(data: bytes) -> bool:
    """Whether a message names a step that writes values, or only says its name."""
    return any(name in data for name in WRITES)


def read_spans(data: bytes, position: int) -> tuple[Request, list[Span]]:
    """The message that starts at ``position``, and where its values stand; raises UnreadableRequest."""
    reader = Spans(data, position)
    return read_message(reader), reader.spans


def between(data: bytes, position: int, spans: list[Span]) -> tuple[bytes, ...]:
    """The bytes of a message around its values, its head left out."""
    begins = [position + HEAD, *(span.end for span in spans)]
    ends = [*(span.begin for span in spans), len(data)]
    return tuple(data[begin:end] for begin, end in zip(begins, ends, strict=True))


def shape_of(data: bytes, position: int) -> Shape:
    """The shape of a message that was read, with one value at least to be left out."""
    reader = Spans(data, position, blanking=True)
    request = read_message(reader)
    *parts, tail = between(data, position, reader.spans)
    reads = (READERS[span.code] for span in reader.spans)
    return Shape(request, tuple(zip(parts, reads, strict=True)), tail)
