"""How an edge type is named, everywhere."""

from __future__ import annotations

from typing import NamedTuple


class EdgeType(NamedTuple):
    """Source node type, relation, target node type; labels of a node that has several are joined by ``;``.

    In JSON an array of three; an object of the three names is read too. Only forward edges have a type: models that
    add reverse ones name them by themselves.
    """

    source: str
    relation: str
    target: str

    def __str__(self) -> str:
        return f"({self.source})-{self.relation}-({self.target})"
