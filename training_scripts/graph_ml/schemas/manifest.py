"""``manifest.json``: what a processed graph holds and in which files."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from .base import Artefact
from .edge_type import EdgeType
from .tasks import TaskType


class ArrayEntry(Artefact):
    """One ``.npy`` file, relative to the manifest."""

    file: str
    dtype: str
    shape: list[int]


class FeatureEntry(Artefact):
    """One encoded feature of a node or edge type; row i belongs to node or edge i."""

    name: str
    encoding: str
    array: ArrayEntry


class AdjacencyEntry(Artefact):
    """Edges by one of their ends (CSC): those of node i are entries ``indptr[i]`` up to ``indptr[i + 1]``.

    ``others`` are the other ends, ``edges`` which edge of the type each entry is.
    """

    indptr: ArrayEntry
    others: ArrayEntry
    edges: ArrayEntry


class NodeTypeEntry(Artefact):
    """One node type; ids are an Arrow file with the one column ``id`` in index order."""

    name: str
    count: int
    ids: str
    first_new: int = 0
    gone: ArrayEntry | None = None
    time: ArrayEntry | None = None
    features: list[FeatureEntry] = Field(default_factory=list)
    raw: dict[str, str] = Field(default_factory=dict)


class EdgeTypeEntry(Artefact):
    """One forward edge type; ``source`` and ``target`` index the node types they name.

    ``incoming`` are the same edges by target, ``outgoing`` by source.
    """

    source_type: str
    relation: str
    target_type: str
    count: int
    source: ArrayEntry
    target: ArrayEntry
    incoming: AdjacencyEntry
    outgoing: AdjacencyEntry
    ids: str | None = None
    time: ArrayEntry | None = None
    features: list[FeatureEntry] = Field(default_factory=list)
    raw: dict[str, str] = Field(default_factory=dict)

    @property
    def edge_type(self) -> EdgeType:
        """The name of the edge type."""
        return EdgeType(self.source_type, self.relation, self.target_type)


class HorizonEntry(Artefact):
    """What is asked of the future: ``asked`` in words, within ``days`` of each of the ``dates``, float64, ascending.

    A ``day`` is so long among all times. Items of a vertex target are ``nodes``, int64, at ``times``, float64; labels
    and split count them.
    """

    asked: str
    days: float
    day: float
    dates: ArrayEntry
    nodes: ArrayEntry | None = None
    times: ArrayEntry | None = None


class StrandEntry(Artefact):
    """The edges of a type at one of their ends, or either, as part of a vertex's past.

    ``features`` are those of which the last values are told, with their widths; ``time`` is the property that says
    when.
    """

    node_type: str
    edge_type: EdgeType
    end: Literal["source", "target", "either"]
    features: dict[str, int] = Field(default_factory=dict)
    time: str


class ToldLabelsEntry(Artefact):
    """The labels of earlier edges of a type as part of a vertex's past, each known ``after`` days.

    ``property`` is where they stand, with several in a cell where there is a ``separator``; ``classes`` are in the
    order of their numbers, and empty where labels are numbers.
    """

    edge_type: EdgeType
    property: str
    kind: Literal["class", "classes", "number"]
    classes: list[str] = Field(default_factory=list)
    separator: str | None = None
    after: float = 0.0


class HistoryEntry(Artefact):
    """What is told of the past of a target's vertices: counts in windows of so many days among it.

    A ``day`` is so long among all times. ``times`` is the property that says when a vertex came to be, by node type.
    ``labels`` are those of earlier edges, where a label of edges is learned.
    """

    windows: list[float]
    day: float
    times: dict[str, str] = Field(default_factory=dict)
    strands: list[StrandEntry]
    labels: ToldLabelsEntry | None = None


class TargetEntry(Artefact):
    """What is to be learned of one node or edge type, with its labels and its split.

    ``cuts`` are the times where training and validation end, null where nothing lies behind; absent in a random split.
    """

    task: TaskType
    node_type: str | None = None
    edge_type: EdgeType | None = None
    property: str = ""
    label_kind: Literal["class", "classes", "number", "link"]
    classes: list[str] = Field(default_factory=list)
    labels: ArrayEntry | None = None
    train: ArrayEntry
    valid: ArrayEntry
    test: ArrayEntry
    cuts: list[float | None] | None = None
    horizon: HorizonEntry | None = None
    history: HistoryEntry | None = None


class Manifest(Artefact):
    """The whole processed graph. ``dataset_hash`` is over the contents of all arrays and ids.

    ``warnings`` are sentences for whoever is about to train on it; all of them stand in the report too.
    """

    format: Literal["despina-graph-2"] = "despina-graph-2"
    dataset_hash: str
    seed: int
    model_type: str
    node_types: list[NodeTypeEntry]
    edge_types: list[EdgeTypeEntry]
    targets: list[TargetEntry]
    warnings: list[str] = Field(default_factory=list)
    info: dict[str, Any] = Field(default_factory=dict)
