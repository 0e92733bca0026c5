"""Scoring vertices and edges that arrived after training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..artifacts import ModelFolder
from ..graph import EdgeType
from ..links import LinkProblem, Pairs
from ..models.link_scorers import EmbeddingScorer, LinkScorer, RankerScorer, StackScorer
from ..pairs import NodeSpace
from ..pairs.graph import Floats, Ints
from .base import Incompatible
from .subgraph import Subgraph

#: fills in the features of a subgraph's vertices
Encode = Callable[[Subgraph], Subgraph]


class Embedder(Protocol):
    """Computes vectors of a subgraph's vertices with stored weights."""

    def __call__(self, subgraph: Subgraph) -> tuple[Ints, Floats]:
        """The numbers of the vertices, ascending, and their vectors."""


def grown(scorer: LinkScorer, problem: LinkProblem, subgraph: Subgraph, embed: Embedder | None) -> LinkScorer:
    """The scorer on the graph with the subgraph's vertices and edges added; candidates stay the old ones.

    Raises:
        Incompatible: the model gives every vertex a vector of its own and cannot make one for a new vertex.
    """
    if isinstance(scorer, RankerScorer):
        own = subgraph.edges.get(problem.edge_type, Pairs.join([]))
        every = Pairs.join(pairs for kind, pairs in subgraph.edges.items() if kind not in problem.left_out)
        fresh = {
            kind: {name: values[subgraph.fresh[kind]] for name, values in features.items()}
            for kind, features in subgraph.features.items()
        }
        features = scorer.ranker.features.extended(
            (own.source, own.target), (every.source, every.target), subgraph.total, fresh, subgraph.firsts
        )
        return RankerScorer(replace(scorer.ranker, features=features))
    if isinstance(scorer, StackScorer):
        return StackScorer(tuple(grown(part, problem, subgraph, embed) for part in scorer.parts), scorer.weights)
    if isinstance(scorer, EmbeddingScorer) and embed is not None:
        return OverlaidScorer(scorer, *embed(subgraph))
    raise Incompatible("this model knows only vertices it was trained on; inductive inference needs rgcn or graphsage")


@dataclass(frozen=True)
class OverlaidScorer:
    """A decoder whose query vectors come from a subgraph where it has them; candidates keep their stored vectors."""

    stored: EmbeddingScorer
    numbers: Ints
    vectors: Floats

    def scores(self, sources: Ints, candidates: slice, predict_heads: bool) -> Floats:
        """See ``LinkScorer``."""
        place = np.minimum(np.searchsorted(self.numbers, sources), max(len(self.numbers) - 1, 0))
        found = self.numbers[place] == sources if len(self.numbers) else np.zeros(len(sources), dtype=bool)
        size = self.stored.embeddings.shape[1]
        query = np.zeros((len(sources), size), dtype=np.float32)
        query[found] = self.vectors[place[found]]
        old = ~found & (sources < len(self.stored.embeddings))
        query[old] = self.stored.embeddings[sources[old]]
        return self.stored.against(query, candidates, predict_heads)


@dataclass(frozen=True)
class NetworkEmbedder:
    """Runs the stored graph network over a subgraph. Imports torch at its first use.

    Known vertices take part with their learned vectors, new ones with the mean of their type's. ``device`` is that of a
    setting.
    """

    folder: ModelFolder
    details: Mapping[str, Any]
    device: str = "cpu"

    def __call__(self, subgraph: Subgraph) -> tuple[Ints, Floats]:
        """See ``Embedder``.

        Raises:
            Incompatible: the network uses features of edges, which subgraphs cannot bring in the order of training.
        """
        if self.details["edge_widths"]:
            raise Incompatible("a model trained with use-edge-features cannot answer inductively; train without it")
        import torch

        from ..devices import device_of
        from ..models.network.network import load_network
        from ..sampling import MessageGraph

        model = NodeSpace(dict(self.folder.description.node_types))
        numbers = {node_type: subgraph.numbers(node_type, model) for node_type in model.counts}
        local = NodeSpace({kind: len(found) for kind, found in numbers.items()})
        order = np.concatenate([np.empty(0, np.int64), *numbers.values()])
        place = np.full(subgraph.total, -1, dtype=np.int64)
        place[order] = np.arange(len(order))
        edges = {kind: Pairs(place[pairs.source], place[pairs.target]) for kind, pairs in subgraph.edges.items()}
        directed = {EdgeType(*entry[:3]): entry[3] for entry in self.details["directed"]}
        graph = MessageGraph.from_edges(edges, local.total, directed)
        table = None
        if self.details["embedded"]:
            stored = self.folder.array("table")
            rows = np.zeros((local.total, stored.shape[1]), dtype=np.float32)
            for kind, found in numbers.items():
                span, known = local.range(kind), found < model.total
                rows[span][known] = stored[found[known]]
                if not known.all() and model.counts[kind]:
                    rows[span][~known] = np.asarray(stored[model.range(kind)]).mean(axis=0)
            table = torch.from_numpy(rows)
        features = {
            kind: {
                name: subgraph.features.get(kind, {}).get(name, np.zeros((local.counts[kind], width), np.float32))
                for name, width in widths.items()
            }
            for kind, widths in self.details["widths"].items()
        }
        network = load_network(
            self.folder, self.details, local, features, "torch", table, device=device_of(self.device)
        )
        vectors = network.embed(graph)
        ascending = np.argsort(order)
        return order[ascending], vectors[ascending]
