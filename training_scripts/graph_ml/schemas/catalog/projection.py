"""A projected graph as a folder of arrays: what its description says.

The folder holds ``graph.json`` and ``.npy`` files. Node arrays have a row a node; a relationship type has one entry for
every arc, so an undirected relationship has two.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from ..base import Artefact

GRAPH_FILE: Final = "graph.json"

Orientation = Literal["NATURAL", "REVERSE", "UNDIRECTED"]
ValueType = Literal["Integer", "Float", "List of Integer", "List of Float"]


class PropertyColumn(Artefact):
    """A property of all nodes, or of all arcs of a type.

    Attributes:
        file: of the array; float64 or int64, shape (n,) or (n, width).
        default: of elements without a value.
        state: ``PERSISTENT`` where the database has it, ``TRANSIENT`` where it was computed.
        labels: of nodes: those that have it.
    """

    file: str
    value_type: ValueType
    default: float | int | None = None
    state: Literal["PERSISTENT", "TRANSIENT"] = "PERSISTENT"
    labels: list[str] = Field(default_factory=list)


class RelationshipArrays(Artefact):
    """The arcs of one relationship type; ``source`` and ``target`` are files of node positions, int32, shape (m,)."""

    orientation: Orientation
    count: int
    source: str
    target: str
    properties: dict[str, PropertyColumn] = Field(default_factory=dict)


class ProjectedGraphDescription(Artefact):
    """Everything about a projected graph but the numbers.

    Attributes:
        ids: file of the database's ids, int64, shape (n,), rising.
        labels: label to a file of booleans, shape (n,).
    """

    name: str
    node_count: int
    ids: str
    labels: dict[str, str]
    node_properties: dict[str, PropertyColumn] = Field(default_factory=dict)
    relationships: dict[str, RelationshipArrays] = Field(default_factory=dict)
