"""What makes two values one key: Java's ``equals`` as something Python can hash, and the maps and sets built on it."""

from __future__ import annotations

import datetime
import struct
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from decimal import Decimal
from typing import Any

from workflow.graphs.elements import Edge, Vertex
from workflow.gremlin.semantics.types import (
    BOOLEAN,
    DATE,
    EDGE,
    ENTRY,
    LIST,
    MAP,
    NUMBER,
    PATH,
    PROPERTY,
    SET,
    STRING,
    UUID_,
    VERTEX,
    VPROPERTY,
    rank,
)
from workflow.gremlin.semantics.values import Char, GSet


def hash_key(value: Any) -> Any:
    """A hashable stand-in, equal for two values exactly where Java's ``equals`` says so.

    Int 1, Long 1, Double 1.0 and true have four different keys; NaN has one; two lists of equal members share one.
    """
    kind = type(value)
    if kind in _OWN_KEY:
        return value
    if kind is float:
        return ("d", "NaN" if value != value else struct.pack(">d", value))
    builder = _KEY_BUILDERS.get(rank(value))
    if builder is not None:
        return builder(value)
    if kind is datetime.timedelta:
        return ("duration", value)
    if isinstance(value, (bytes, bytearray)):
        return ("bytes", bytes(value))
    if isinstance(value, Char):
        return ("char", str(value))
    return value if getattr(value, "__hash__", None) else (kind.__name__, id(value))


# types whose own == and hash are Java's among the keys of this table: every other key is a tagged tuple
_OWN_KEY = frozenset({type(None), str, int, Vertex, Edge, uuid.UUID})


def _number_key(value: Any) -> Any:
    if isinstance(value, Decimal):
        return ("m", value.as_tuple())  # 1.0 and 1.00 differ, as BigDecimal has it
    if isinstance(value, float):
        return (type(value).__name__, "NaN" if value != value else struct.pack(">d", value))
    return (type(value).__name__, int(value))


_KEY_BUILDERS: dict[int, Callable[[Any], Any]] = {
    BOOLEAN: lambda value: ("bool", value),
    NUMBER: _number_key,
    STRING: str,
    DATE: lambda value: ("date", value.isoformat()),
    UUID_: lambda value: value,
    VERTEX: lambda value: value,
    EDGE: lambda value: value,
    VPROPERTY: lambda value: ("vp", hash_key(value.id)),
    PROPERTY: lambda value: ("p", value.key, hash_key(value.value)),
    PATH: lambda value: ("path", tuple(map(hash_key, value.objects)), value.labels),
    LIST: lambda value: ("list", tuple(map(hash_key, value))),
    SET: lambda value: ("set", frozenset(map(hash_key, value))),
    MAP: lambda value: ("map", frozenset((hash_key(key), hash_key(item)) for key, item in value.items())),
    ENTRY: lambda value: ("entry", hash_key(value.key), hash_key(value.value)),
}


def distinct(values: Iterable[Any]) -> GSet:
    """The values without those that Java would call equal to one before; first come, first kept."""
    found: dict[Any, Any] = {}
    for value in values:
        found.setdefault(hash_key(value), value)
    return GSet(found.values())


class GMap(MutableMapping[Any, Any]):
    """A map in insertion order whose keys may be what Python cannot hash, or would confuse.

    Keys are told apart as Java does: Int 1, Long 1, Double 1.0 and true are four keys; two equal lists are one.
    A plain ``dict`` does where all keys are strings, ``T`` or elements.
    """

    __slots__ = ("_entries",)

    def __init__(self, items: Mapping[Any, Any] | Iterable[tuple[Any, Any]] = ()) -> None:
        self._entries: dict[Any, tuple[Any, Any]] = {}
        for key, value in items.items() if isinstance(items, Mapping) else items:
            self[key] = value

    def __getitem__(self, key: Any) -> Any:
        return self._entries[hash_key(key)][1]

    def __setitem__(self, key: Any, value: Any) -> None:
        hashed = hash_key(key)
        present = self._entries.get(hashed)
        self._entries[hashed] = (key if present is None else present[0], value)

    def __delitem__(self, key: Any) -> None:
        del self._entries[hash_key(key)]

    def __contains__(self, key: object) -> bool:
        return hash_key(key) in self._entries

    def __iter__(self) -> Iterator[Any]:
        return (key for key, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return "{" + ", ".join(f"{key!r}: {value!r}" for key, value in self._entries.values()) + "}"
