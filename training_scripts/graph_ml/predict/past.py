"""What vertices have been through, as of now: as the model keeps it, or by the edges that a request brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..artifacts import ModelFolder
from ..features import FeatureEncoder
from ..features.inference import as_text
from ..graph import EdgeType, History
from ..graph.history import DatedEdges, label_width
from ..links import Pairs
from ..pairs.graph import Floats
from ..schemas import HistoryEntry, ToldLabelsEntry
from ..schemas.times import UNKNOWN, TimeColumn, TimeReading
from .earlier import time_of
from .subgraph import Subgraph

Times = npt.NDArray[np.float64]


class Pasts:
    """The past of vertices, as training told it.

    A vertex that a request brings is told by the edges of the request, which has all of them, any other as it stood
    when the model was made. A vertex of neither has been through nothing.
    """

    def __init__(self, model: ModelFolder, encoder: FeatureEncoder | None) -> None:
        details = model.description.details
        self.history = History(HistoryEntry.model_validate(details["history"]))
        self.now, self.encoder = float(details["now"]), encoder
        columns = map(TimeColumn.model_validate, details.get("times", ()))
        self.readings: dict[str | EdgeType, TimeReading] = {column.type: column for column in columns}
        kinds = dict.fromkeys(strand.node_type for strand in self.history.entry.strands)
        self.stored = {kind: model.array(f"past/{place}") for place, kind in enumerate(kinds)}

    def of(
        self, node_type: str, place: int | None, node: str, subgraph: Subgraph | None, at: float | None = None
    ) -> Floats:
        """The past of a vertex, float32 (d,).

        Args:
            node_type: its type.
            place: its row among those of the model, None where it has none.
            node: its id.
            subgraph: what the request brings.
            at: the moment of which its past is told, where the request brings it; None is now.
        """
        number = None if subgraph is None else subgraph.number(node_type, node)
        if subgraph is not None and number is not None:
            return self._live(node_type, number, node, subgraph, at)
        if place is None or node_type not in self.stored:
            return np.zeros(self.history.width(node_type), dtype=np.float32)
        return np.asarray(self.stored[node_type][place])

    def moment_of(self, edge_type: EdgeType, values: Mapping[str, Any]) -> float | None:
        """When an edge with these properties came, up to which the past of its ends is told; None: nobody knows."""
        column = next((s.time for s in self.history.entry.strands if s.edge_type == edge_type), None)
        when = -np.inf if column is None else float(_times([values], column, self.readings.get(edge_type, UNKNOWN))[0])
        return when if np.isfinite(when) else None

    def _live(self, node_type: str, number: int, node: str, subgraph: Subgraph, at: float | None) -> Floats:
        strands = {s.edge_type: s for s in self.history.entry.strands if s.node_type == node_type}
        edges = {kind: self._edges(kind, strand.time, subgraph) for kind, strand in strands.items()}
        column = self.history.entry.times.get(node_type)
        values = subgraph.properties.get(node_type, {}).get(node, {})
        born = None if column is None else _times([values], column, self.readings.get(node_type, UNKNOWN))
        known = [each.times[np.isfinite(each.times)] for each in edges.values()]
        newest = max((float(times.max(initial=-np.inf)) for times in known), default=-np.inf)
        now = max(self.now, float(np.nextafter(newest, np.inf))) if at is None else at
        found: Floats = self.history.told(node_type, np.array([number]), np.array([now]), edges, born)[0]
        return found

    def _edges(self, kind: EdgeType, column: str, subgraph: Subgraph) -> DatedEdges:
        pairs = subgraph.edges.get(kind, Pairs.join([]))
        values = subgraph.edge_properties.get(kind, [])
        features = {} if self.encoder is None else self.encoder.encode(kind, values)
        told = self.history.entry.labels
        labels = None if told is None or told.edge_type != kind else labels_of(values, told)
        when = _times(values, column, self.readings.get(kind, UNKNOWN))
        return DatedEdges(pairs.source, pairs.target, when, features, labels)


def labels_of(values: Sequence[Mapping[str, Any]], told: ToldLabelsEntry) -> Floats:
    """What edges with these properties are labelled, float32 (n, c); NaN where they do not say, or say no number."""
    found = np.full((len(values), label_width(told)), np.nan, dtype=np.float32)
    places = {text: place for place, text in enumerate(told.classes)}
    for row, each in enumerate(values):
        said = each.get(told.property)
        several = said if isinstance(said, list | tuple) else [said]
        texts = [text for one in several if (text := as_text(one)) is not None]
        if told.separator is not None:
            texts = [part for text in texts for part in text.split(told.separator) if part]
        if not texts:
            continue
        if told.kind == "number":
            try:
                found[row] = float(texts[0])
            except ValueError:
                continue
            continue
        found[row] = 0.0
        for text in texts if told.kind == "classes" else texts[:1]:
            if text in places:
                found[row, places[text]] = 1.0
    return found


def _times(values: Sequence[Mapping[str, Any]], column: str, reading: TimeReading) -> Times:
    """The times that properties say, float64 (n,): −inf where one says none, inf where it cannot be read."""
    return np.array([time_of(each.get(column), reading) for each in values], dtype=np.float64)
