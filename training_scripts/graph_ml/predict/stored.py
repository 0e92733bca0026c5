"""Answers that a custom model worked out beforehand: looked up, never computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..artifacts import ModelFolder
from ..models.network.heads import Head
from ..pairs.graph import Floats, Ints
from ..schemas import GlobalParameters, QueryItem
from .base import Incompatible
from .properties import PropertyPredictor
from .subgraph import Subgraph


@dataclass(frozen=True)
class StoredHead(Head):
    """Gives back what it is given: a stored row is finished."""

    weights: Mapping[str, Floats] = field(default_factory=dict)

    def __call__(self, x: Floats) -> Floats:
        """The rows as they are."""
        return x


class StoredPredictor(PropertyPredictor):
    """A property of vertices or edges, one stored row each: edges by their id, or by their ends where none is known."""

    def __init__(self, model: ModelFolder) -> None:
        super().__init__(
            model.description,
            StoredHead(model.description.details["stored"]),
            np.empty((0, 0), dtype=np.float32),
            model.ids(),
            lambda subgraph: subgraph,
            cannot_embed,
        )
        self.embeddings = None
        self.model, self.rows = model, model.array("predictions")

    def warm(self) -> None:
        """Read a row."""
        self.head(np.asarray(self.rows[:1]))

    def inputs(
        self, items: Sequence[QueryItem], parameters: GlobalParameters, subgraph: Subgraph | None
    ) -> tuple[Floats, list[int]]:
        """See ``PropertyPredictor``."""
        if subgraph is not None:
            cannot_embed(subgraph)
        find = self._edge_row if self.of_edges else self._node_row
        wanted = parameters.edge_type if self.of_edges else parameters.node_type
        own = [
            target.edge_type.relation if target.edge_type is not None else target.node_type
            for target in self.description.targets
        ]
        known = wanted is None or wanted in own
        found = {place: find(item) for place, item in enumerate(items)} if known else {}
        places = [place for place, row in found.items() if row is not None]
        chosen = np.array([found[place] for place in places], dtype=np.int64)
        return np.asarray(self.rows[chosen], dtype=np.float32), places

    def _node_row(self, item: QueryItem) -> int | None:
        first = 0  # the types of a pipeline's model stand one after the other
        for target in self.description.targets:
            row = self.index.get(target.node_type or "", {}).get(item.node_id or "")
            if row is not None:
                return first + row
            first += self.space.counts.get(target.node_type or "", 0)
        return None

    def _edge_row(self, item: QueryItem) -> int | None:
        row = self.edge_rows.get(item.edge_id or "")
        kind = self.target.edge_type
        if row is not None or kind is None:
            return row
        source = self.index.get(kind.source, {}).get(item.head_node_id or "")
        target = self.index.get(kind.target, {}).get(item.tail_node_id or "")
        return None if source is None or target is None else self.rows_by_ends.get((source, target))

    @cached_property
    def edge_rows(self) -> dict[str, int]:
        """Edge id → row."""
        return {edge: row for row, edge in enumerate(self.model.texts("edges"))}

    @cached_property
    def rows_by_ends(self) -> dict[tuple[int, int], int]:
        """Indices of both ends → row; the first of several edges."""
        found: dict[tuple[int, int], int] = {}
        for row, (source, target) in enumerate(self.model.array("edges/ends").tolist()):
            found.setdefault((source, target), row)
        return found


def cannot_embed(subgraph: Subgraph) -> tuple[Ints, Floats]:
    """Refuse the vectors, (n, d), of a subgraph's vertices.

    Raises:
        Incompatible: always.
    """
    raise Incompatible("a custom model's answers are stored; inductive inference needs one of the built-in models")
