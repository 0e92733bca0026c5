"""What a vertex is called where people read: by a property that is named for it, else by a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from workflow.graphs.elements import Graph, Vertex

#: properties by which people call things, likeliest first
USUAL: Final = ("name", "title", "username", "displayName", "label", "code")
ENDINGS: Final = ("name", "title", "label")  # of further properties: ``fullName``, ``job_title``
MOST_LOOKED_AT = 24  # properties of a vertex, for one of those
MAX_NAME = 60


@dataclass(frozen=True)
class Naming:
    """The properties that name vertices: of any label (``fullName``), or of one (``Movie.title``)."""

    properties: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Naming:
        """Names separated by blanks or commas."""
        return cls(tuple(text.replace(",", " ").split()))

    def tried(self) -> Iterator[tuple[str | None, str]]:
        """(label or None for any, property), those of one label first, and the usual ones last."""
        pairs = [name.rpartition(".")[::2] for name in self.properties]
        yield from ((label, key) for label, key in pairs if label)
        yield from ((None, key) for label, key in pairs if not label)
        yield from ((None, key) for key in USUAL)

    def name(self, vertex: Vertex) -> str:
        """What a vertex is called, else its id; cut where it is long."""
        for label, key in self.tried():
            if label is None or label in vertex.label.split("::"):
                for value in vertex.graph.vertex_values(vertex.row, key):
                    if str(value).strip():
                        return shortened(str(value), MAX_NAME)
        for found in islice(vertex.graph.vertex_properties(vertex.row), MOST_LOOKED_AT):
            if found.key.lower().endswith(ENDINGS) and isinstance(found.value, str) and found.value:
                return shortened(found.value, MAX_NAME)
        return shortened(str(vertex.id), MAX_NAME)


GUESSED: Final = Naming()


def vertex_of(graph: Graph, id: str) -> Vertex | None:
    """The vertex whose id an export writes so; ids that are numbers are text there."""
    row = graph.vertex_row(id)
    if row is None and id.removeprefix("-").isdecimal():
        row = graph.vertex_row(int(id))
    return None if row is None else Vertex(graph, row)


def shortened(text: str, length: int) -> str:
    """Cut a text to at most ``length`` characters, with an ellipsis for what is left out."""
    return text if len(text) <= length else text[: length - 1] + "…"
