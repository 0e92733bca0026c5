"""Scoring vertices and edges that arrived after training."""

from __future__ import annotations

from collections.abc import Callable

from ..links import LinkProblem, Pairs
from ..models.link_scorers import LinkScorer, RankerScorer, StackScorer
from ..models.pair_ranker import PairRanker
from .base import Incompatible
from .subgraph import Subgraph

#: fills in the features of a subgraph's new vertices
Encode = Callable[[Subgraph], Subgraph]


def grown(scorer: LinkScorer, problem: LinkProblem, subgraph: Subgraph) -> LinkScorer:
    """The scorer on the graph with the subgraph's vertices and edges added; candidates stay the old ones.

    Raises:
        Incompatible: the model gives every vertex a vector of its own and cannot make one for a new vertex.
    """
    if isinstance(scorer, RankerScorer):
        own = subgraph.edges.get(problem.edge_type, Pairs.join([]))
        every = Pairs.join(subgraph.edges.values())
        features = scorer.ranker.features.extended(
            (own.source, own.target), (every.source, every.target), subgraph.total, subgraph.features, subgraph.firsts
        )
        return RankerScorer(PairRanker(features, scorer.ranker.scorer, scorer.ranker.chosen))
    if isinstance(scorer, StackScorer):
        return StackScorer(tuple(grown(part, problem, subgraph) for part in scorer.parts), scorer.weights)
    if isinstance(scorer, InductiveScorer):
        return scorer.grown(subgraph)
    raise Incompatible("this model knows only vertices it was trained on; inductive inference needs rgcn or graphsage")


class InductiveScorer(LinkScorer):
    """A scorer that can compute vectors of vertices it has not seen."""

    def grown(self, subgraph: Subgraph) -> LinkScorer:
        """The same model with vectors for the subgraph's vertices."""
        raise NotImplementedError
