"""What one transaction did to a graph, change by change: rows as they are in memory, enough to undo and redo it."""

from __future__ import annotations

from typing import Any, NamedTuple

from workflow.graphs.store.columns import Column


class Added(NamedTuple):
    """A vertex or an edge came."""

    edge: bool
    row: int


class Removed(NamedTuple):
    """A vertex or an edge went."""

    edge: bool
    row: int


class Put(NamedTuple):
    """A cell was replaced."""

    edge: bool
    column: Column
    row: int
    old: Any
    new: Any


class Relabelled(NamedTuple):
    """A vertex got another label."""

    edge: bool
    row: int
    old: str
    new: str


Change = Added | Removed | Put | Relabelled
