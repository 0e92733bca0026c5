"""A heterogeneous graph as arrays: ids, edges, features, labels and splits, in memory and as a folder.

The folder holds ``manifest.json``, one ``.npy`` file an array and one Arrow file of ids a type. It is written once and
read memory-mapped, so a reader pays for what it touches. Files are numbered, not named after types: a type may be
called anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..schemas import (
    AdjacencyEntry,
    ArrayEntry,
    EdgeType,
    EdgeTypeEntry,
    FeatureEntry,
    HorizonEntry,
    Manifest,
    NodeTypeEntry,
    TargetEntry,
    TaskType,
    files,
)
from .adjacency import Adjacency, arranged_by
from .folder import FolderReader, FolderWriter, Lazy
from .history import DatedEdges, History, label_width

Array = NDArray[Any]
IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
Times = NDArray[np.float64]
Mask = NDArray[np.bool_]
LabelKind = Literal["class", "classes", "number"]

MANIFEST = files.MANIFEST


@dataclass(frozen=True)
class EdgeList:
    """Edge i goes from ``source[i]`` to ``target[i]``: indices into the two node types, int64, shape (m,)."""

    source: IntArray
    target: IntArray

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True)
class Target:
    """What is to be learned: a property of a node type or edge type, or the links of an edge type."""

    task: TaskType
    type: str | EdgeType
    property_name: str = ""

    @property
    def edge_type(self) -> EdgeType:
        """The edge type of an edge task.

        Raises:
            TypeError: this is a node task.
        """
        if isinstance(self.type, str):
            raise TypeError(f"{self.task} on node type {self.type!r} has no edge type")
        return self.type

    @property
    def node_type(self) -> str:
        """The node type of a node task.

        Raises:
            TypeError: this is an edge task.
        """
        if not isinstance(self.type, str):
            raise TypeError(f"{self.task} on edge type {self.type} has no node type")
        return self.type

    def __str__(self) -> str:
        return f"{self.task} of {self.type}" + (f".{self.property_name}" if self.property_name else "")


def labels_told(history: History) -> Target | None:
    """Whose labels a history tells, None where it tells none."""
    told = history.entry.labels
    if told is None:
        return None
    return Target("edge_regression" if told.kind == "number" else "edge_class", told.edge_type, told.property)


@dataclass(frozen=True)
class Labels:
    """One label a node or edge, in index order.

    ``class``: int64 (n,), an index into ``classes``, -1 where there is none. ``classes``: float32 (n, c), 1 for each
    label that holds, the whole row -1 where nothing is known. ``number``: float32 (n,), NaN where there is none.
    """

    kind: LabelKind
    values: Array
    classes: tuple[str, ...] = ()

    def told(self, width: int) -> FloatArray:
        """Each label as so many numbers: 1 for each class that holds, or the number itself; float32 (n, width).

        NaN where there is none; classes beyond ``width`` are none of those before.
        """
        values = np.asarray(self.values)
        if self.kind == "number":
            return values.astype(np.float32)[:, None]
        found = np.zeros((len(values), width), dtype=np.float32)
        if self.kind == "classes":
            columns = min(width, values.shape[1])
            found[:, :columns] = values[:, :columns]
        else:
            rows = np.flatnonzero((values >= 0) & (values < width))
            found[rows, values[rows]] = 1.0
        found[~self.known] = np.nan
        return found

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which nodes or edges have a label, bool (n,)."""
        if self.kind == "number":
            return np.asarray(~np.isnan(self.values))
        first = self.values if self.kind == "class" else self.values[:, 0]
        return np.asarray(first >= 0)


@dataclass(frozen=True)
class Split:
    """Disjoint sorted indices (int64) of the nodes or edges to train on, to choose by and to report on."""

    train: IntArray
    valid: IntArray
    test: IntArray


@dataclass(frozen=True)
class Horizon:
    """What a target asks of the future, in words (``asked``): what happens within ``days`` of a date.

    ``dates``, float64 (d,), ascending, are those that training, validation and test ask at; a ``day`` is so long among
    all times. Where vertices are asked about, item i is the vertex ``nodes[i]``, int64, at ``times[i]``, float64 (n,)
    each; else an edge was told by the newest date that is no later than it.
    """

    asked: str
    days: float
    day: float
    dates: Times
    nodes: IntArray | None = None
    times: Times | None = None

    def dated(self, times: Times) -> Times:
        """The date that each of these was told by, float64 (n,); −inf before the first."""
        place = np.searchsorted(self.dates, times, side="right")
        found: Times = np.concatenate([[-np.inf], self.dates])[place]
        return found


@dataclass(frozen=True)
class GraphData:
    """A processed graph. Arrays may be memory-mapped and must not be written to.

    ``features[type][name]`` and ``edge_features[edge type][name]`` are float32 (n, d). ``raw`` and ``edge_raw`` keep
    the values of features of type ``none`` as text. ``times[type]`` is when each node or edge came to be, float64 (n,),
    −inf where nobody knows; ``cuts[target]`` is where training and validation end, in a split by time, and
    ``horizons[target]`` what it asks of the future, if it does; ``histories[target]`` is what is told of the past of
    its vertices. ``first_new[type]`` is the index of the first node that the previous graph did not have; the count
    itself where nothing was added, 0 where there was no previous graph. ``gone[type]`` are the indices (int64) of nodes
    that the previous graph had and this one has not: without edges, their features zero, for nobody to name.
    ``encodings`` says which encoding made a feature; ``warnings`` are for whoever is about to train. ``adjacency`` has
    the edges of a type by target and by source where somebody arranged them already; ``arranged`` has them of every
    type.
    """

    node_ids: Mapping[str, Sequence[str]]
    num_nodes: Mapping[str, int]
    edges: Mapping[EdgeType, EdgeList]
    edge_ids: Mapping[EdgeType, Sequence[str]] = field(default_factory=dict)
    features: Mapping[str, Mapping[str, FloatArray]] = field(default_factory=dict)
    edge_features: Mapping[EdgeType, Mapping[str, FloatArray]] = field(default_factory=dict)
    raw: Mapping[str, Mapping[str, Sequence[str | None]]] = field(default_factory=dict)
    edge_raw: Mapping[EdgeType, Mapping[str, Sequence[str | None]]] = field(default_factory=dict)
    labels: Mapping[Target, Labels] = field(default_factory=dict)
    splits: Mapping[Target, Split] = field(default_factory=dict)
    times: Mapping[str | EdgeType, Times] = field(default_factory=dict)
    cuts: Mapping[Target, tuple[float, float]] = field(default_factory=dict)
    horizons: Mapping[Target, Horizon] = field(default_factory=dict)
    histories: Mapping[Target, History] = field(default_factory=dict)
    first_new: Mapping[str, int] = field(default_factory=dict)
    gone: Mapping[str, IntArray] = field(default_factory=dict)
    adjacency: Mapping[EdgeType, tuple[Adjacency, Adjacency]] = field(default_factory=dict)
    encodings: Mapping[tuple[str | EdgeType, str], str] = field(default_factory=dict)
    model_type: str = "heterogeneous"
    seed: int = 0
    dataset_hash: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    warnings: Sequence[str] = ()

    @property
    def node_types(self) -> tuple[str, ...]:
        """All node types, in the order of the manifest."""
        return tuple(self.num_nodes)

    @property
    def edge_types(self) -> tuple[EdgeType, ...]:
        """All forward edge types, in the order of the manifest."""
        return tuple(self.edges)

    def arranged(self, kind: EdgeType) -> tuple[Adjacency, Adjacency]:
        """The edges of a type by target and by source; in memory where nobody arranged them."""
        if kind in self.adjacency:
            return self.adjacency[kind]
        ends = self.edges[kind]
        return (
            arranged_by(ends.target, ends.source, self.num_nodes[kind.target]),
            arranged_by(ends.source, ends.target, self.num_nodes[kind.source]),
        )

    def asked(self, target: Target) -> IntArray:
        """The vertex of each item of a node target, (items,), or the edge of each item of an edge target."""
        horizon = self.horizons.get(target)
        if horizon is not None and horizon.nodes is not None:
            return np.asarray(horizon.nodes)
        count = self.num_nodes[target.type] if isinstance(target.type, str) else len(self.edges[target.type])
        return np.arange(count)

    def times_of(self, target: Target) -> Times | None:
        """When each item of a target that is split by time came to be, or is asked about, float64 (items,)."""
        horizon = self.horizons.get(target)
        if horizon is not None and horizon.times is not None:
            return np.asarray(horizon.times)
        by_time = target in self.cuts or target in self.histories
        return np.asarray(self.times[target.type]) if by_time and target.type in self.times else None

    def before(self, moment: float) -> GraphData:
        """The graph as it was: without edges that came, with both their ends, at a moment or later.

        Vertices that came then are gone. Nothing is to be learned of it any more; labels of edges stay, which are part
        of the past of their ends.
        """
        kept = {kind: np.flatnonzero(self.came(kind) < moment) for kind in self.edges}
        late = {kind: np.flatnonzero(self.times[kind] >= moment) for kind in self.node_types if kind in self.times}
        gone = {kind: np.union1d(rows, self.gone.get(kind, rows[:0])) for kind, rows in late.items()}
        times: dict[str | EdgeType, Times] = {}
        for owner, when in self.times.items():
            times[owner] = np.asarray(when)[kept[owner]] if isinstance(owner, EdgeType) else when
        edges = {}
        for kind, ends in self.edges.items():
            edges[kind] = EdgeList(np.asarray(ends.source)[kept[kind]], np.asarray(ends.target)[kept[kind]])
        return GraphData(
            node_ids=self.node_ids,
            num_nodes=self.num_nodes,
            edges=edges,
            edge_ids={kind: [ids[row] for row in kept[kind].tolist()] for kind, ids in self.edge_ids.items()},
            features=self.features,
            edge_features={
                kind: {name: values[kept[kind]] for name, values in features.items()}
                for kind, features in self.edge_features.items()
            },
            labels={
                target: replace(labels, values=np.asarray(labels.values)[kept[target.type]])
                for target, labels in self.labels.items()
                if isinstance(target.type, EdgeType)
            },
            times=times,
            gone={**self.gone, **{kind: rows for kind, rows in gone.items() if len(rows)}},
            encodings=self.encodings,
            model_type=self.model_type,
            seed=self.seed,
            info={**self.info, "as_of": moment},
        )

    @property
    def now(self) -> float:
        """The moment after all that has a time, or that of which the graph is; −inf where nothing has a time."""
        if "as_of" in self.info:
            return float(self.info["as_of"])
        newest = max((float(times.max(initial=-np.inf)) for times in self.times.values()), default=-np.inf)
        return float(np.nextafter(newest, np.inf)) if np.isfinite(newest) else newest

    def history_of(self, target: Target) -> FloatArray:
        """The past of every item of a target before its own time, float32 (items, d).

        Of a vertex its own, of an edge that of both ends one after the other; no columns where the target has none.
        """
        history, times, items = self.histories.get(target), self.times_of(target), self.asked(target)
        if history is None or times is None:
            return np.zeros((len(items), 0), dtype=np.float32)
        if isinstance(target.type, str):
            return self.past(history, target.type, items, times)
        ends = self.edges[target.type]
        sides = ((target.type.source, ends.source), (target.type.target, ends.target))
        return np.concatenate([self.past(history, kind, np.asarray(side), times) for kind, side in sides], axis=1)

    def past(self, history: History, node_type: str, asked: IntArray, at: Times) -> FloatArray:
        """The past of some vertices, int64 (n,), each before a moment, float64 (n,); see ``History.told``."""
        kinds = {strand.edge_type for strand in history.entry.strands if strand.node_type == node_type}
        edges = {
            kind: DatedEdges(
                np.asarray(self.edges[kind].source),
                np.asarray(self.edges[kind].target),
                np.asarray(self.times[kind]),
                self.edge_features.get(kind, {}),
                self._labels_told(history, kind),
            )
            for kind in kinds & self.times.keys()
        }
        born = np.asarray(self.times[node_type])[asked] if node_type in self.times else None
        return history.told(node_type, asked, at, edges, born)

    def _labels_told(self, history: History, kind: EdgeType) -> FloatArray | None:
        """What the edges of a type were labelled, float32 (m, c), where a history tells it."""
        told, target = history.entry.labels, labels_told(history)
        if told is None or target is None or target.type != kind or target not in self.labels:
            return None
        return self.labels[target].told(label_width(told))

    def past_now(self, history: History, node_type: str) -> FloatArray:
        """The past of all vertices of a type at the end of the data, float32 (count, d)."""
        count = self.num_nodes[node_type]
        return self.past(history, node_type, np.arange(count), np.full(count, self.now))

    def end_of_training(self, target: Target) -> float:
        """The time that all training of a target's task lies before; inf where it is not split by time.

        Links of several types are learned together, so the earliest end among the targets of one task counts.
        """
        return min((first for other, (first, _) in self.cuts.items() if other.task == target.task), default=np.inf)

    def known_in_training(self, target: Target) -> Mapping[EdgeType, Mask]:
        """Which edges and both their ends are older than the end of training, a mask (m,) for each edge type.

        What has no time is as old as any.
        """
        end = self.end_of_training(target)
        return {kind: self.came(kind) < end for kind in self.edges}

    def known_rows(self, target: Target) -> dict[str | EdgeType, IntArray]:
        """The vertices and edges that are older than the end of training, int64 (n,) each, ascending, by their type.

        Types of which all are as old as any are left out, and all are where the target is not split by time.
        """
        end = self.end_of_training(target)
        if target not in self.cuts or not self.times:
            return {}
        rows: dict[str | EdgeType, IntArray] = {}
        for kind in self.node_types:
            if kind in self.times:
                rows[kind] = np.flatnonzero(self.times[kind] < end)
        for edge_type, known in self.known_in_training(target).items():
            rows[edge_type] = np.flatnonzero(known)
        return rows

    def flows(self, target: Target) -> Mapping[EdgeType, tuple[Mask, Mask]]:
        """Along which edges messages may flow when a target that is split by time is learned and judged.

        Those that training knows carry messages both ways. To a node that came later also flow the messages of older
        nodes, along edges that were there when it came; it sends none.

        Returns:
            For each edge type a mask of the edges from source to target, and one of the ways back, (m,) each.
        """
        end, known = self.end_of_training(target), self.known_in_training(target)
        found = {}
        for kind in self.edges:
            edge, source, other = self.moments(kind)
            found[kind] = (
                known[kind] | ((source < end) & (other >= end) & (edge <= other)),
                known[kind] | ((other < end) & (source >= end) & (edge <= source)),
            )
        return found

    def heard(self, kind: EdgeType) -> tuple[Times, Times]:
        """From when on messages along each edge of a type are heard, float64 (m,) each: to its target, to its source.

        Vertices that come later hear of older ones along edges that were there when they came, so such a message is as
        old as who sends it; any other is as old as the newest of the edge and its ends.
        """
        edge, source, other = self.moments(kind)
        came = self.came(kind)
        forth = np.where((edge <= other) & (source <= other), source, came)
        return forth, np.where((edge <= source) & (other <= source), other, came)

    def came(self, kind: EdgeType) -> Times:
        """When each edge of a type was there with both its ends, float64 (m,)."""
        newest: Times = np.maximum.reduce(self.moments(kind))
        return newest

    def moments(self, kind: EdgeType) -> tuple[Times, Times, Times]:
        """When each edge of a type, its source and its target came to be, float64 (m,) each."""
        ends, old = self.edges[kind], np.full(len(self.edges[kind]), -np.inf)
        source, other = self.times.get(kind.source), self.times.get(kind.target)
        return (
            np.asarray(self.times.get(kind, old)),
            old if source is None else np.asarray(source)[ends.source],
            old if other is None else np.asarray(other)[ends.target],
        )

    @property
    def live_ids(self) -> dict[str, Sequence[str]]:
        """The ids by node type, in index order, with an empty text for every node that is gone."""
        return {
            node_type: _without(self.node_ids[node_type], self.gone.get(node_type)) for node_type in self.node_types
        }

    @property
    def targets(self) -> tuple[Target, ...]:
        """Everything that is to be learned."""
        return tuple(self.splits)

    def write(self, folder: Path) -> Manifest:
        """Write the graph; the manifest comes last, so a folder with one is complete.

        Same graph, same bytes. Returns what was written as the manifest.
        """
        writer = FolderWriter(folder)
        node_types = [self._write_nodes(writer, i, name) for i, name in enumerate(self.node_types)]
        edge_types = [self._write_edges(writer, i, kind) for i, kind in enumerate(self.edge_types)]
        targets = [self._write_target(writer, i, target) for i, target in enumerate(self.splits)]
        manifest = Manifest(
            dataset_hash=writer.digest.hexdigest(),
            seed=self.seed,
            model_type=self.model_type,
            node_types=node_types,
            edge_types=edge_types,
            targets=targets,
            warnings=list(self.warnings),
            info=dict(self.info),
        )
        manifest.save(folder / MANIFEST)
        return manifest

    def _write_nodes(self, writer: FolderWriter, index: int, name: str) -> NodeTypeEntry:
        place = f"nodes/{index}"
        return NodeTypeEntry(
            name=name,
            count=self.num_nodes[name],
            ids=writer.texts(f"{place}/ids.arrow", "id", self.node_ids[name]),
            first_new=self.first_new.get(name, 0),
            gone=writer.array(f"{place}/gone.npy", self.gone[name]) if name in self.gone else None,
            time=self._write_times(writer, place, name),
            features=self._write_features(writer, place, name, self.features.get(name, {})),
            raw={
                key: writer.texts(f"{place}/raw/{i}.arrow", "value", values)
                for i, (key, values) in enumerate(self.raw.get(name, {}).items())
            },
        )

    def _write_edges(self, writer: FolderWriter, index: int, kind: EdgeType) -> EdgeTypeEntry:
        place = f"edges/{index}"
        ids = self.edge_ids.get(kind)
        incoming, outgoing = self.arranged(kind)
        return EdgeTypeEntry(
            source_type=kind.source,
            relation=kind.relation,
            target_type=kind.target,
            count=len(self.edges[kind]),
            source=writer.array(f"{place}/source.npy", self.edges[kind].source),
            target=writer.array(f"{place}/target.npy", self.edges[kind].target),
            incoming=_write_adjacency(writer, f"{place}/incoming", incoming),
            outgoing=_write_adjacency(writer, f"{place}/outgoing", outgoing),
            ids=None if ids is None else writer.texts(f"{place}/ids.arrow", "id", ids),
            time=self._write_times(writer, place, kind),
            features=self._write_features(writer, place, kind, self.edge_features.get(kind, {})),
            raw={
                key: writer.texts(f"{place}/raw/{i}.arrow", "value", values)
                for i, (key, values) in enumerate(self.edge_raw.get(kind, {}).items())
            },
        )

    def _write_times(self, writer: FolderWriter, place: str, owner: str | EdgeType) -> ArrayEntry | None:
        return writer.array(f"{place}/time.npy", self.times[owner]) if owner in self.times else None

    def _write_features(
        self, writer: FolderWriter, place: str, owner: str | EdgeType, features: Mapping[str, FloatArray]
    ) -> list[FeatureEntry]:
        return [
            FeatureEntry(
                name=name,
                encoding=self.encodings.get((owner, name), "numerical"),
                array=writer.array(f"{place}/features/{i}.npy", values),
            )
            for i, (name, values) in enumerate(features.items())
        ]

    def _write_target(self, writer: FolderWriter, index: int, target: Target) -> TargetEntry:
        place = f"targets/{index}"
        labels, split = self.labels.get(target), self.splits[target]
        return TargetEntry(
            task=target.task,
            node_type=target.type if isinstance(target.type, str) else None,
            edge_type=None if isinstance(target.type, str) else target.type,
            property=target.property_name,
            label_kind="link" if labels is None else labels.kind,
            classes=[] if labels is None else list(labels.classes),
            labels=None if labels is None else writer.array(f"{place}/labels.npy", labels.values),
            train=writer.array(f"{place}/train.npy", split.train),
            valid=writer.array(f"{place}/valid.npy", split.valid),
            test=writer.array(f"{place}/test.npy", split.test),
            cuts=[cut if np.isfinite(cut) else None for cut in self.cuts[target]] if target in self.cuts else None,
            horizon=None if (horizon := self.horizons.get(target)) is None else _written(writer, place, horizon),
            history=None if (history := self.histories.get(target)) is None else history.entry,
        )

    @classmethod
    def read(cls, folder: Path) -> GraphData:
        """Open a written graph: arrays memory-mapped, ids read at their first use.

        Raises:
            FileNotFoundError: the folder has no manifest, so nothing was finished there.
            ValueError: the manifest, or an array that it names, is not what it says.
        """
        path = folder / MANIFEST
        if not path.exists():
            raise FileNotFoundError(f"{folder} holds no {MANIFEST}; it is not a processed graph, or not a finished one")
        manifest = Manifest.load(path)
        reader = FolderReader(folder)
        kinds = {entry.edge_type: entry for entry in manifest.edge_types}
        targets = {_target(entry): entry for entry in manifest.targets}
        owners: list[tuple[str | EdgeType, NodeTypeEntry | EdgeTypeEntry]] = [
            *((entry.name, entry) for entry in manifest.node_types),
            *kinds.items(),
        ]
        return cls(
            node_ids=Lazy({e.name: reader.later(e.ids, "id") for e in manifest.node_types}),
            num_nodes={e.name: e.count for e in manifest.node_types},
            edges={k: EdgeList(reader.array(e.source), reader.array(e.target)) for k, e in kinds.items()},
            edge_ids=Lazy({k: reader.later(e.ids, "id") for k, e in kinds.items() if e.ids is not None}),
            features={e.name: reader.features(e.features) for e in manifest.node_types},
            edge_features={k: reader.features(e.features) for k, e in kinds.items()},
            raw={e.name: Lazy({n: reader.later(f, "value") for n, f in e.raw.items()}) for e in manifest.node_types},
            edge_raw={k: Lazy({n: reader.later(f, "value") for n, f in e.raw.items()}) for k, e in kinds.items()},
            labels={
                t: Labels(e.label_kind, reader.array(e.labels), tuple(e.classes))
                for t, e in targets.items()
                if e.labels is not None and e.label_kind != "link"
            },
            splits={
                t: Split(reader.array(e.train), reader.array(e.valid), reader.array(e.test)) for t, e in targets.items()
            },
            times={owner: reader.array(e.time) for owner, e in owners if e.time is not None},
            cuts={t: _cuts(e.cuts) for t, e in targets.items() if e.cuts is not None},
            histories={t: History(e.history) for t, e in targets.items() if e.history is not None},
            horizons={t: _horizon(reader, e.horizon) for t, e in targets.items() if e.horizon is not None},
            first_new={e.name: e.first_new for e in manifest.node_types},
            gone={e.name: reader.array(e.gone) for e in manifest.node_types if e.gone is not None},
            adjacency={k: (_adjacency(reader, e.incoming), _adjacency(reader, e.outgoing)) for k, e in kinds.items()},
            encodings={(owner, f.name): f.encoding for owner, entry in owners for f in entry.features},
            model_type=manifest.model_type,
            seed=manifest.seed,
            dataset_hash=manifest.dataset_hash,
            info=manifest.info,
            warnings=manifest.warnings,
        )


def _write_adjacency(writer: FolderWriter, place: str, found: Adjacency) -> AdjacencyEntry:
    parts = {"indptr": found.indptr, "others": found.others, "edges": found.edges}
    return AdjacencyEntry(
        **{name: writer.array(f"{place}/{name}.npy", values, hashed=False) for name, values in parts.items()}
    )


def _adjacency(reader: FolderReader, entry: AdjacencyEntry) -> Adjacency:
    return Adjacency(reader.array(entry.indptr), reader.array(entry.others), reader.array(entry.edges))


def _cuts(written: Sequence[float | None]) -> tuple[float, float]:
    first, second = (np.inf if cut is None else cut for cut in written)
    return first, second


def _written(writer: FolderWriter, place: str, horizon: Horizon) -> HorizonEntry:
    nodes, times = horizon.nodes, horizon.times
    return HorizonEntry(
        asked=horizon.asked,
        days=horizon.days,
        day=horizon.day,
        dates=writer.array(f"{place}/dates.npy", horizon.dates),
        nodes=None if nodes is None else writer.array(f"{place}/nodes.npy", nodes),
        times=None if times is None else writer.array(f"{place}/times.npy", times),
    )


def _horizon(reader: FolderReader, entry: HorizonEntry) -> Horizon:
    nodes = None if entry.nodes is None else reader.array(entry.nodes)
    times = None if entry.times is None else reader.array(entry.times)
    return Horizon(entry.asked, entry.days, entry.day, reader.array(entry.dates), nodes, times)


def _without(ids: Sequence[str], gone: IntArray | None) -> Sequence[str]:
    if gone is None or not len(gone):
        return ids
    live = list(ids)
    for row in gone.tolist():
        live[row] = ""
    return live


def _target(entry: TargetEntry) -> Target:
    kind = entry.edge_type or entry.node_type
    if kind is None:
        raise ValueError(f"{MANIFEST}: a target names neither a node type nor an edge type")
    return Target(entry.task, kind, entry.property)
