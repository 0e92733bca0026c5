"""What a vertex has been through before a moment: how many edges came and when, what the last one said, its own age.

Every number is told by what lies before the moment alone, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..schemas import EdgeType, HistoryEntry, StrandEntry, ToldLabelsEntry

IntArray = NDArray[np.int64]
Times = NDArray[np.float64]
FloatArray = NDArray[np.float32]
End = Literal["source", "either", "target"]


@dataclass(frozen=True)
class DatedEdges:
    """Sources, targets and times of the edges of a type, (m,) each, and their features, float32 (m, d) each.

    ``labels`` are what each was labelled, float32 (m, c), NaN where nobody knows; None where that is not told.
    """

    source: IntArray
    target: IntArray
    times: Times
    features: Mapping[str, FloatArray]
    labels: FloatArray | None = None


@dataclass(frozen=True)
class Past:
    """Edges at their vertices: edge i came to ``vertices[i]``, int64, at ``times[i]``, float64, and says ``values[i]``.

    ``values`` are float32 (m, c). Edges without a time (−inf) tell nothing of when.
    """

    vertices: IntArray
    times: Times
    values: FloatArray

    @classmethod
    def joined(cls, parts: Sequence[Past]) -> Past:
        """All edges of several parts."""
        return cls(
            np.concatenate([part.vertices for part in parts]),
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.values for part in parts]),
        )

    def before(self, asked: IntArray, at: Times, windows: Sequence[float], day: float) -> FloatArray:
        """What each asked vertex, (n,), has been through before its moment, (n,), float32 (n, 4 + windows + c).

        ln(1 + edges) in each window before the moment and in all, whether there was one, ln(1 + days since the last),
        ln(1 + mean days between two, 0 where there are fewer), and the values of the last edge, of several at once
        their mean; all 0 where there was none.

        Args:
            asked: vertices.
            at: what lies at the moment or later is not looked at.
            windows: lengths in days.
            day: how long a day is.
        """
        ordered = self._ordered()
        times, place = ordered.times, ordered.place
        first, end = place(asked, np.full(len(asked), -np.inf)), place(asked, at)
        count = end - first
        some, several = count > 0, count > 1
        last = np.maximum(end - 1, 0)
        newest, oldest = np.zeros(len(asked)), np.zeros(len(asked))
        if len(times):
            newest[some], oldest[some] = times[last[some]], times[first[some]]
        since, gap = np.zeros(len(asked)), np.zeros(len(asked))
        since[some] = (at[some] - newest[some]) / day
        gap[several] = (newest[several] - oldest[several]) / (count[several] - 1) / day
        columns = [np.log1p(end - place(asked, at - window * day)) for window in windows]
        columns += [np.log1p(count), some, np.log1p(since), np.log1p(gap)]
        return np.column_stack([*columns, ordered.last(first, end)]).astype(np.float32)

    def labels_before(self, asked: IntArray, at: Times) -> FloatArray:
        """What the edges of each asked vertex, (n,), said before its moment, (n,), float32 (n, 1 + 2 c).

        ln(1 + edges), the values of the last edge, of several at once their mean, and the mean over all edges; all 0
        where there was none.
        """
        ordered = self._ordered()
        first, end = ordered.place(asked, np.full(len(asked), -np.inf)), ordered.place(asked, at)
        sums, some = ordered.running(), end > first
        mean = np.zeros((len(asked), sums.shape[1]))
        mean[some] = sums[end[some] - 1] / (end - first)[some, None]
        return np.column_stack([np.log1p(end - first), ordered.last(first, end), mean]).astype(np.float32)

    def _ordered(self) -> _Ordered:
        known = np.isfinite(self.times)
        vertices, times, values = self.vertices[known], self.times[known], self.values[known]
        order = np.lexsort((times, vertices))
        vertices, times = vertices[order], times[order]
        moments = np.unique(times)
        keys = vertices * (len(moments) + 1) + np.searchsorted(moments, times)
        return _Ordered(vertices, times, values[order], moments, keys)


@dataclass(frozen=True)
class _Ordered:
    """The edges that have a time by vertex and time, (m,) each; ``keys`` ascend, and are equal where both are."""

    vertices: IntArray
    times: Times
    values: FloatArray
    moments: Times
    keys: IntArray

    def place(self, asked: IntArray, when: Times) -> IntArray:
        """The first edge of each vertex, (n,), that came at a moment, (n,), or later; int64 (n,)."""
        found = asked * (len(self.moments) + 1) + np.searchsorted(self.moments, when)
        return np.searchsorted(self.keys, found).astype(np.int64)

    def last(self, first: IntArray, end: IntArray) -> FloatArray:
        """The values of the last edge of each span, (n,), of several at one moment their mean; float32 (n, c)."""
        said, some = np.zeros((len(first), self.values.shape[1]), dtype=np.float32), end > first
        if some.any() and self.values.shape[1]:
            begin = np.searchsorted(self.keys, self.keys[end[some] - 1])
            padded = np.concatenate([self.values, np.zeros((1, self.values.shape[1]), dtype=np.float32)])
            sums = np.add.reduceat(padded, np.stack([begin, end[some]], axis=1).ravel(), axis=0)[::2]
            said[some] = sums / (end[some] - begin)[:, None]
        return said

    def running(self) -> NDArray[np.float64]:
        """The sum of the values of each edge and of those of its vertex before it, float64 (m, c).

        Each vertex is summed by itself: of one sum over all edges, differences would carry the rounding of later edges.
        """
        sums = self.values.astype(np.float64)
        cuts = np.flatnonzero(np.diff(self.vertices, prepend=-1, append=-1))
        for begin, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            if end - begin > 1:
                np.cumsum(sums[begin:end], axis=0, out=sums[begin:end])
        return sums


@dataclass(frozen=True)
class History:
    """Which parts of the past are told of the vertices of each node type, as processing decided it.

    ``entry`` says it as it is written: windows in days, how long a day is, and for each strand the node type, the edge
    type, the end at which the vertex stands, and the features of edges whose last values are told.
    """

    entry: HistoryEntry

    def width(self, node_type: str) -> int:
        """How many numbers a vertex of this type has."""
        strands = [strand for strand in self.entry.strands if strand.node_type == node_type]
        own = 1 if node_type in self.entry.times else 0
        told = sum(1 + 2 * label_width(labels) for strand in strands if (labels := self.labels_of(strand)) is not None)
        return own + told + sum(len(self.entry.windows) + 4 + sum(strand.features.values()) for strand in strands)

    def labels_of(self, strand: StrandEntry) -> ToldLabelsEntry | None:
        """What is told of the labels of a strand's edges, None where nothing is."""
        labels = self.entry.labels
        return labels if labels is not None and labels.edge_type == strand.edge_type else None

    def told(
        self,
        node_type: str,
        asked: IntArray,
        at: Times,
        past_of: Mapping[EdgeType, DatedEdges],
        born: Times | None,
    ) -> FloatArray:
        """The past of some vertices of one type, float32 (n, width).

        Args:
            node_type: of the vertices.
            asked: vertices, int64 (n,).
            at: the moment of each, float64 (n,).
            past_of: the edges by their type.
            born: when each asked vertex came to be, float64 (n,), where its type has a time.
        """
        parts = [np.zeros((len(asked), 0), dtype=np.float32)]
        if node_type in self.entry.times:
            age = np.zeros(len(asked)) if born is None else at - born
            age = np.where(np.isfinite(age), np.maximum(age, 0) / self.entry.day, 0)
            parts.append(np.log1p(age)[:, None].astype(np.float32))
        for strand in self.entry.strands:
            if strand.node_type == node_type:
                edges = past_of.get(strand.edge_type)
                parts.append(_past(strand, edges).before(asked, at, self.entry.windows, self.entry.day))
                labels = self.labels_of(strand)
                if labels is not None:
                    known_at = at - labels.after * self.entry.day
                    parts.append(_labelled(strand, edges, label_width(labels)).labels_before(asked, known_at))
        return np.concatenate(parts, axis=1)


def label_width(labels: ToldLabelsEntry) -> int:
    """How many numbers a label is."""
    return len(labels.classes) or 1


def strands_of(
    node_type: str, widths: Mapping[EdgeType, Mapping[str, int]], columns: Mapping[EdgeType, str]
) -> list[StrandEntry]:
    """All strands of a node type: each edge type at the end where its vertices stand.

    Where both ends have the type, those are the edges that begin there, and those at either end.

    Args:
        node_type: the vertices.
        widths: the edge types that have a time, and how many numbers each of their features has.
        columns: the property that is their time.
    """
    found = []
    for kind, features in widths.items():
        ends: list[End] = []
        if kind.source == node_type:
            ends.append("source")
        if kind.target == node_type:
            ends.append("either" if ends else "target")
        found += [
            StrandEntry(node_type=node_type, edge_type=kind, end=end, features=dict(features), time=columns[kind])
            for end in ends
        ]
    return found


def _past(strand: StrandEntry, edges: DatedEdges | None) -> Past:
    if edges is None:
        width = sum(strand.features.values())
        return Past(np.empty(0, np.int64), np.empty(0), np.zeros((0, width), dtype=np.float32))
    of_type = {name: np.asarray(edges.features[name], dtype=np.float32) for name in strand.features}
    values = [of_type[name].reshape(len(edges.times), width) for name, width in strand.features.items()]
    said = np.concatenate([np.zeros((len(edges.times), 0), dtype=np.float32), *values], axis=1)
    return _at_end(strand, edges, said)


def _labelled(strand: StrandEntry, edges: DatedEdges | None, width: int) -> Past:
    """The edges of a strand whose labels are known, with these as values."""
    if edges is None or edges.labels is None:
        return Past(np.empty(0, np.int64), np.empty(0), np.zeros((0, width), dtype=np.float32))
    known = ~np.isnan(edges.labels).any(axis=1)
    some = DatedEdges(edges.source[known], edges.target[known], edges.times[known], {})
    return _at_end(strand, some, edges.labels[known])


def _at_end(strand: StrandEntry, edges: DatedEdges, values: FloatArray) -> Past:
    sides = {"source": [edges.source], "target": [edges.target], "either": [edges.source, edges.target]}[strand.end]
    return Past.joined([Past(side, edges.times, values) for side in sides])
