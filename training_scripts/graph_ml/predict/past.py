"""What vertices have been through, as of now: as the model keeps it, or by the edges that a request brings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..artifacts import ModelFolder
from ..features import BadValue, FeatureEncoder
from ..features.inference import as_text
from ..graph import EdgeType, History
from ..graph.history import DatedEdges
from ..links import Pairs
from ..pairs.graph import Floats
from ..processing.times.moments import moment
from ..schemas import HistoryEntry
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
        kinds = dict.fromkeys(strand.node_type for strand in self.history.entry.strands)
        self.stored = {kind: model.array(f"past/{place}") for place, kind in enumerate(kinds)}

    def of(self, node_type: str, place: int | None, node: str, subgraph: Subgraph | None) -> Floats:
        """The past of a vertex, float32 (d,).

        Args:
            node_type: its type.
            place: its row among those of the model, None where it has none.
            node: its id.
            subgraph: what the request brings.
        """
        number = None if subgraph is None else subgraph.number(node_type, node)
        if subgraph is not None and number is not None:
            return self._live(node_type, number, node, subgraph)
        if place is None or node_type not in self.stored:
            return np.zeros(self.history.width(node_type), dtype=np.float32)
        return np.asarray(self.stored[node_type][place])

    def _live(self, node_type: str, number: int, node: str, subgraph: Subgraph) -> Floats:
        strands = {s.edge_type: s for s in self.history.entry.strands if s.node_type == node_type}
        edges = {kind: self._edges(kind, strand.time, subgraph) for kind, strand in strands.items()}
        column = self.history.entry.times.get(node_type)
        values = subgraph.properties.get(node_type, {}).get(node, {})
        born = None if column is None else _times([values], column)
        newest = max((float(when.max(initial=-np.inf)) for _, _, when, _ in edges.values()), default=-np.inf)
        now = np.array([max(self.now, float(np.nextafter(newest, np.inf)))])
        found: Floats = self.history.told(node_type, np.array([number]), now, edges, born)[0]
        return found

    def _edges(self, kind: EdgeType, column: str, subgraph: Subgraph) -> DatedEdges:
        pairs = subgraph.edges.get(kind, Pairs.join([]))
        values = subgraph.edge_properties.get(kind, [])
        features = {} if self.encoder is None else self.encoder.encode(kind, values)
        return pairs.source, pairs.target, _times(values, column), features


def _times(values: Sequence[Mapping[str, Any]], column: str) -> Times:
    """The times that properties say, float64 (n,); −inf where one says none."""
    found = np.full(len(values), -np.inf)
    for row, each in enumerate(values):
        said = each.get(column)
        text = as_text(said[0] if isinstance(said, list) and said else said)
        try:
            found[row] = -np.inf if text is None else moment(text)
        except BadValue:
            continue
    return found
