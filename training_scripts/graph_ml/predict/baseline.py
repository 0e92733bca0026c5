"""Properties that a plain baseline answers, where training found it better than the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..artifacts import ModelFolder
from ..models.baselines import Asked, Baseline, Doubles
from ..pairs.graph import Floats, Ints
from ..schemas import GlobalParameters, QueryItem
from .inductive import Encode
from .properties import EdgePredictor, PropertyPredictor
from .stored import StoredHead, cannot_embed
from .subgraph import Subgraph


def load_baseline(model: ModelFolder) -> Baseline:
    """The baseline of a model folder that has one."""
    details = model.description.details["baseline"]
    return Baseline(details["kind"], details["labels"], model.tensors("baseline"))


class BaselinePredictor(PropertyPredictor):
    """Vertices: stored answers; for new ones, and where live properties count, answers that are worked out."""

    def __init__(self, model: ModelFolder, encode: Encode) -> None:
        details = model.description.details
        self.baseline = load_baseline(model)
        #: names and columns of the features of an item and of its ends, by role
        self.columns: Mapping[str, Mapping[str, int]] = details["baseline"]["features"]
        super().__init__(
            model.description,
            StoredHead(self.baseline.labels),
            model.array("embeddings"),
            model.ids(),
            encode,
            cannot_embed,
        )
        self.stored = model.array("predictions" if not self.of_edges else "baseline/answers")

    def answered(self, asked: Asked) -> Doubles:
        """Answers as they are stored, (n, outputs)."""
        return self.baseline.unsure(self.baseline(asked))

    def warm(self) -> None:
        """Read a row."""
        self.head(np.asarray(self.stored[:1]))

    def inputs(
        self, items: Sequence[QueryItem], parameters: GlobalParameters, subgraph: Subgraph | None
    ) -> tuple[Floats, list[int]]:
        """See ``PropertyPredictor``; rows are finished answers."""
        node_type = self.target.node_type or ""
        if parameters.node_type not in (None, node_type):
            return np.empty((0, 0), dtype=np.float32), []
        rows: dict[int, Any] = {}
        asked: list[tuple[int, int, str]] = []
        for position, item in enumerate(items):
            node = item.node_id or ""
            number = self.number(node_type, node, subgraph)
            if number is None:
                continue
            live = (
                subgraph is not None and self.baseline.reads_features and subgraph.number(node_type, node) is not None
            )
            if number < self.space.total and not live:
                rows[position] = self.stored[number - self.space.offsets[node_type]]
            else:
                asked.append((position, number, node))
        if asked and subgraph is not None:
            answers = self.answered(
                Asked(
                    np.array([[self.known(number)] for _, number, _ in asked]),
                    np.stack([self.live("item", node_type, node, subgraph) for _, _, node in asked]),
                    tuple(self.neighbours(number, subgraph) for _, number, _ in asked),
                )
            )
            rows.update((position, line) for (position, _, _), line in zip(asked, answers, strict=True))
        places = sorted(rows)
        return np.array([rows[place] for place in places], dtype=np.float32), places

    def is_live(self, kind: str, node: str, subgraph: Subgraph | None) -> bool:
        """Whether a request brings features of a vertex that count."""
        if subgraph is None or not self.baseline.reads_features:
            return False
        return bool(subgraph.features) and subgraph.number(kind, node) is not None

    def known(self, number: int) -> int:
        """The number of a vertex that training knew, −1 for others."""
        return number if number < self.space.total else -1

    def live(self, role: str, kind: str, node: str, subgraph: Subgraph) -> Floats:
        """Features of a vertex as a request brings them, side by side, (d,); zeros without encoders, or the vertex."""
        members = list(subgraph.members[kind])
        place = members.index(node) if node in members else -1
        features = subgraph.features.get(kind, {}) if place >= 0 else {}
        parts = [
            np.ravel(features[name][place]) if name in features else np.zeros(width, dtype=np.float32)
            for name, width in self.columns[role].items()
        ]
        if role == "item":
            parts.append(self.past(kind, node, subgraph))
        return np.concatenate([np.zeros(0, dtype=np.float32), *parts])

    def neighbours(self, number: int, subgraph: Subgraph) -> Ints:
        """The vertices that training knew and that a vertex is linked with in a request, ascending, (k,)."""
        found = [np.empty(0, dtype=np.int64)]
        for pairs in subgraph.edges.values():
            found += [pairs.target[pairs.source == number], pairs.source[pairs.target == number]]
        around = np.unique(np.concatenate(found))
        return around[around < self.space.total]


class BaselineEdgePredictor(BaselinePredictor, EdgePredictor):
    """Edges: stored answers for those that training knew, by id or by their ends, others worked out from their ends."""

    def __init__(self, model: ModelFolder, encode: Encode) -> None:
        super().__init__(model, encode)
        self.end_features = {
            role: model.array(f"baseline/{role}") if model.has(f"baseline/{role}") else None
            for role in ("source", "target")
        }

    def inputs(
        self, items: Sequence[QueryItem], parameters: GlobalParameters, subgraph: Subgraph | None
    ) -> tuple[Floats, list[int]]:
        """See ``PropertyPredictor``; rows are finished answers."""
        kind = self.target.edge_type
        if kind is None or parameters.edge_type not in (None, kind.relation):
            return np.empty((0, 0), dtype=np.float32), []
        rows: dict[int, Any] = {}
        for position, item in enumerate(items):
            source = self.number(kind.source, item.head_node_id or "", subgraph)
            target = self.number(kind.target, item.tail_node_id or "", subgraph)
            row = self.places.get(item.edge_id or "")
            if row is None and source is not None and target is not None:
                row = self.between(item, source, target, subgraph)
            if row is not None:
                rows[position] = self.stored[row]
            elif source is not None and target is not None:
                ends = np.array([[self.known(source), self.known(target)]])
                rows[position] = self.answered(Asked(ends, self.features_of(item, subgraph)[None]))[0]
        places = sorted(rows)
        return np.array([rows[place] for place in places], dtype=np.float32), places

    def features_of(self, item: QueryItem, subgraph: Subgraph | None) -> Floats:
        """Features of an edge that training did not know and of its ends, (d,); live ones before stored ones."""
        if not self.baseline.reads_features or self.target.edge_type is None:
            return np.zeros(0, dtype=np.float32)
        parts = [self.missing(item, subgraph)]
        kind = self.target.edge_type
        for role, node_type, node in (
            ("source", kind.source, item.head_node_id or ""),
            ("target", kind.target, item.tail_node_id or ""),
        ):
            stored = self.end_features[role]
            if subgraph is not None and (stored is None or self.is_live(node_type, node, subgraph)):
                parts.append(self.live(role, node_type, node, subgraph))
            elif stored is not None:
                parts.append(np.asarray(stored[self.index[node_type][node]]))
        return np.concatenate(parts)
