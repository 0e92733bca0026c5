"""Classes and numbers of vertices and edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from ..features import FeatureEncoder
from ..models.network.heads import Head, joined
from ..pairs import NodeSpace
from ..pairs.graph import Floats, Ints
from ..schemas import (
    EndpointRequest,
    EndpointResponse,
    GlobalParameters,
    ItemResult,
    ModelDescription,
    Prediction,
    QueryItem,
)
from .base import Incompatible, response
from .inductive import Embedder, Encode
from .nearest import nearest
from .past import Pasts
from .subgraph import Index, Subgraph, index_of, read_subgraph


class PropertyPredictor:
    """Answers node and edge classification and regression.

    Classes come with probabilities, best first, at most ``topk`` of them; a number comes alone. Items that the model
    does not know have no results.
    """

    def __init__(
        self,
        description: ModelDescription,
        head: Head,
        embeddings: Floats,
        ids: Mapping[str, Sequence[str]],
        encode: Encode,
        embed: Embedder,
    ) -> None:
        self.description, self.head, self.ids = description, head, ids
        self.encode, self.embed = encode, embed
        self.embeddings: Floats | None = embeddings
        self.vectors = embeddings
        self.space = NodeSpace(dict(description.node_types))
        self.index: Index = index_of(ids)
        self.target = description.targets[0]
        self.pasts: Pasts | None = None

    def warm(self) -> None:
        """Run the head once."""
        self.head(np.zeros((1, self.head.columns), dtype=np.float32))

    def answer(self, request: EndpointRequest) -> EndpointResponse:
        """See ``Predictor``."""
        parameters, data = request.data.global_parameters, request.data
        if request.mode == "embed_knn":
            return response(self.description, nodes=nearest(self, data.nodes or [], parameters))
        if request.mode is not None:
            raise Incompatible(f"this model does {self.description.task}, not {request.mode}")
        if parameters.property not in (None, "", self.target.property):
            raise Incompatible(f"this model predicts property {self.target.property!r}, not {parameters.property!r}")
        subgraph = None
        if data.graph is not None:
            subgraph = self.encode(read_subgraph(data.graph, self.space, self.index))
        items = (data.edges if self.of_edges else data.nodes) or []
        if not items and (data.edges or data.nodes):
            raise Incompatible(f"this model does {self.description.task}; ask for {self.wanted}")
        rows, places = self.inputs(items, parameters, subgraph)
        results: list[list[Prediction]] = [[] for _ in items]
        if len(places):
            for place, line in zip(places, self.head(rows), strict=True):
                results[place] = self.predictions(line, parameters)
        answers = [
            ItemResult(
                nodeId=item.node_id,
                edgeId=item.edge_id,
                headNodeId=item.head_node_id,
                tailNodeId=item.tail_node_id,
                results=found,
            )
            for item, found in zip(items, results, strict=True)
        ]
        return response(self.description, **{self.wanted: answers})

    @property
    def of_edges(self) -> bool:
        """Whether edges are asked about."""
        return self.description.task.startswith("edge")

    @property
    def wanted(self) -> str:
        """Where the items of a request stand."""
        return "edges" if self.of_edges else "nodes"

    def predictions(self, line: Floats, parameters: GlobalParameters) -> list[Prediction]:
        """One row of the head's output, (outputs,), as an answer."""
        if self.head.kind == "number":
            return [Prediction(value=float(line[0]))]
        order = np.argsort(-line, kind="stable")[: parameters.topk]
        return [
            Prediction(value=self.target.classes[place], score=float(line[place]))
            for place in order.tolist()
            if parameters.threshold is None or line[place] >= parameters.threshold
        ]

    def inputs(
        self, items: Sequence[QueryItem], parameters: GlobalParameters, subgraph: Subgraph | None
    ) -> tuple[Floats, list[int]]:
        """What the head sees of each known item, (m, d), and the positions of those items."""
        node_type = self.target.node_type or ""
        if parameters.node_type not in (None, node_type):
            return np.empty((0, 0), dtype=np.float32), []
        live = None if subgraph is None else self.embed(subgraph)
        rows, places = [], []
        for position, item in enumerate(items):
            number = self.number(node_type, item.node_id or "", subgraph)
            if number is not None:
                rows.append(joined([self.vector(number, live)], self.past(node_type, item.node_id or "", subgraph)))
                places.append(position)
        return np.array(rows, dtype=np.float32), places

    def past(self, node_type: str, node: str, subgraph: Subgraph | None, at: float | None = None) -> Floats:
        """What a vertex has been through before a moment, or as of now, (d,); nothing where the model does not look at
        that."""
        if self.pasts is None:
            return np.zeros(0, dtype=np.float32)
        return self.pasts.of(node_type, self.index.get(node_type, {}).get(node), node, subgraph, at)

    def number(self, node_type: str, node: str, subgraph: Subgraph | None) -> int | None:
        """The number of a vertex, known or new."""
        place = self.index.get(node_type, {}).get(node)
        if place is not None:
            return self.space.offsets[node_type] + place
        return None if subgraph is None else subgraph.number(node_type, node)

    def vector(self, number: int, live: tuple[Ints, Floats] | None) -> Floats:
        """The vector of a vertex, (d,): from the subgraph where it has one, else the stored one."""
        if live is not None:
            place = int(np.searchsorted(live[0], number))
            if place < len(live[0]) and live[0][place] == number:
                return np.asarray(live[1][place])
        return np.asarray(self.vectors[number])


class EdgePredictor(PropertyPredictor):
    """The same for edges: by id where the edge was in the graph, by its two ends otherwise.

    Features of edges that the model has not seen come with the subgraph; without them they count as missing. The past
    of the ends of such an edge is told up to its own time where the subgraph has it, as in training.
    """

    ends: Ints
    extra: Floats
    edge_ids: Sequence[str] = ()
    features: Sequence[str] = ()
    encoder: FeatureEncoder | None = None

    @cached_property
    def places(self) -> dict[str, int]:
        """Edge id → row."""
        return {edge: row for row, edge in enumerate(self.edge_ids)}

    @cached_property
    def pairs(self) -> dict[tuple[int, int], int]:
        """Ends → row; the first of several edges."""
        found: dict[tuple[int, int], int] = {}
        for row, (source, target) in enumerate(self.ends.tolist()):
            found.setdefault((source, target), row)
        return found

    def inputs(
        self, items: Sequence[QueryItem], parameters: GlobalParameters, subgraph: Subgraph | None
    ) -> tuple[Floats, list[int]]:
        """See ``PropertyPredictor``."""
        kind = self.target.edge_type
        if kind is None or parameters.edge_type not in (None, kind.relation):
            return np.empty((0, 0), dtype=np.float32), []
        live = None if subgraph is None else self.embed(subgraph)
        rows, places = [], []
        for position, item in enumerate(items):
            row = self.places.get(item.edge_id or "")
            if row is not None:
                source, target = self.ends[row].tolist()
            else:
                source = self.number(kind.source, item.head_node_id or "", subgraph)
                target = self.number(kind.target, item.tail_node_id or "", subgraph)
                if source is None or target is None:
                    continue
                row = self.between(item, source, target, subgraph)
            extra = np.asarray(self.extra[row]) if row is not None else self.missing(item, subgraph)
            rows.append(joined([self.vector(source, live), self.vector(target, live)], extra))
            places.append(position)
        return np.array(rows, dtype=np.float32), places

    def between(self, item: QueryItem, source: int, target: int, subgraph: Subgraph | None) -> int | None:
        """The row of an edge that the model has seen between two vertices; None where the very edge is brought."""
        kind = self.target.edge_type
        if subgraph is not None and kind is not None and subgraph.has_edge(kind, item.edge_id or ""):
            return None
        return self.pairs.get((source, target))

    def missing(self, item: QueryItem, subgraph: Subgraph | None) -> Floats:
        """Encoded features of an edge that the model has not seen, and what its ends have been through, (e,)."""
        kind = self.target.edge_type
        if kind is None:
            return np.zeros(self.extra.shape[1], dtype=np.float32)
        head, tail = item.head_node_id or "", item.tail_node_id or ""
        properties = {} if subgraph is None else subgraph.edge_values(kind, head, tail, item.edge_id or "")
        at = None if self.pasts is None else self.pasts.moment_of(kind, properties)
        past = [self.past(kind.source, head, subgraph, at), self.past(kind.target, tail, subgraph, at)]
        own = np.zeros(self.extra.shape[1] - sum(map(len, past)), dtype=np.float32)
        if self.encoder is not None and self.features:
            encoded = self.encoder.encode(kind, [properties])
            own = np.concatenate([encoded[name][0] for name in self.features])
        return np.concatenate([own, *past])
