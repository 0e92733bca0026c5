"""What one transaction did to a graph, change by change, by rows; and the place of its commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple


class Added(NamedTuple):
    """A vertex or an edge came."""

    edge: bool
    row: int


class AddedMany(NamedTuple):
    """Vertices or edges of one label came with single values, in rows one behind the other from ``row`` on.

    ``cells`` are by key, one an element: MISSING where it has none.
    """

    edge: bool
    row: int
    label: str
    ids: list[Any]
    cells: dict[str, list[Any]]


class Removed(NamedTuple):
    """A vertex or an edge went."""

    edge: bool
    row: int


class Put(NamedTuple):
    """A cell was replaced."""

    edge: bool
    key: str
    row: int
    old: Any
    new: Any


class Relabelled(NamedTuple):
    """A vertex got another label."""

    edge: bool
    row: int
    old: str
    new: str


Change = Added | AddedMany | Removed | Put | Relabelled


@dataclass(frozen=True, slots=True)
class Ticket:
    """A commit that has its place in the journal and may not be durable yet."""

    number: int
    era: int
