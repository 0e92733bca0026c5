"""The messages of Bolt: what clients send, and what they are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from workflow.cypher.wire.framing import chunked
from workflow.cypher.wire.packstream import BadPackStream, Structure, list_head, pack, pack_each, unpack

HOME_DATABASE: Final = "neo4j"
"""What drivers call the database they ask when they name none."""

SYSTEM: Final = "system"
"""The database that tools ask what there is; nothing is changed there."""


class Tag(IntEnum):
    """Of what clients send."""

    HELLO = 0x01
    GOODBYE = 0x02
    RESET = 0x0F
    RUN = 0x10
    BEGIN = 0x11
    COMMIT = 0x12
    ROLLBACK = 0x13
    DISCARD = 0x2F
    PULL = 0x3F
    TELEMETRY = 0x54
    ROUTE = 0x66
    LOGON = 0x6A
    LOGOFF = 0x6B


# what each field is, by tag
_FIELDS: Final[Mapping[Tag, tuple[type, ...]]] = {
    Tag.HELLO: (dict,),
    Tag.GOODBYE: (),
    Tag.RESET: (),
    Tag.RUN: (str, dict, dict),
    Tag.BEGIN: (dict,),
    Tag.COMMIT: (),
    Tag.ROLLBACK: (),
    Tag.DISCARD: (dict,),
    Tag.PULL: (dict,),
    Tag.TELEMETRY: (int,),
    Tag.ROUTE: (dict, list, object),  # the name of a database before 4.4, a map from then on
    Tag.LOGON: (dict,),
    Tag.LOGOFF: (),
}


@dataclass(frozen=True, slots=True)
class BoltMessage:
    """What a client sent."""

    tag: Tag
    fields: tuple[Any, ...] = ()


def read_message(data: bytes, build: Callable[[Structure], Any]) -> BoltMessage:
    """A message of a client. Raises BadPackStream for what is none."""
    found = unpack(data, build)
    if not isinstance(found, Structure):
        raise BadPackStream("A message is a structure")
    try:
        tag = Tag(found.tag)
    except ValueError:
        raise BadPackStream(f"There is no message {found.tag:#04x}") from None
    wanted = _FIELDS[tag]
    if len(found.fields) != len(wanted) or not all(map(isinstance, found.fields, wanted)):
        raise BadPackStream(f"The fields of the message {tag.name} are wrong")
    return BoltMessage(tag, found.fields)


def success(members: Mapping[str, Any] | None = None, convert: Callable[[Any], Any] | None = None) -> bytes:
    return chunked(pack(Structure(0x70, (dict(members or {}),)), convert))


def failure(members: Mapping[str, Any]) -> bytes:
    return chunked(pack(Structure(0x7F, (dict(members),))))


def ignored() -> bytes:
    return chunked(pack(Structure(0x7E, ())))


def records(columns: list[list[Any]], convert: Callable[[Any], Any]) -> list[bytes]:
    """Rows of an answer, whose values are given by column."""
    head = b"\xb1\x71" + list_head(len(columns))
    packed = [pack_each(values, convert) for values in columns]
    return [chunked(head + b"".join(row)) for row in zip(*packed, strict=True)]
