"""Link prediction: who may be at the other end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..judging.metrics import Exclusions
from ..links import LinkProblem, Pairs
from ..models.link_scorers import Calibration, LinkScorer
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
from .base import Incompatible, best, response
from .inductive import Embedder, Encode, grown
from .nearest import nearest
from .subgraph import Index, Subgraph, hide_gone, index_of, read_subgraph


@dataclass(frozen=True)
class LinkTarget:
    """One edge type that a model answers about: its problem with all known links, its scorer, its probabilities.

    ``known`` are the candidates that each query node is linked to already, tails and heads.
    """

    problem: LinkProblem
    scorer: LinkScorer
    calibration: Calibration
    known: tuple[Exclusions, Exclusions]


class LinkPredictor:
    """Answers ``predict_tail``, ``predict_head`` and ``embed_knn``, and which edge type links two vertices.

    Exact: every candidate of the partner's type that was in the graph is scored, in blocks of query vertices. Never
    among the answers: the query vertex itself, what the request excludes, and with ``exclude_flag`` ``mask`` the
    vertices it is linked to already.
    """

    def __init__(
        self,
        description: ModelDescription,
        targets: Sequence[LinkTarget],
        ids: Mapping[str, Sequence[str]],
        embeddings: Floats | None,
        encode: Encode,
        embed: Embedder | None = None,
    ) -> None:
        self.description, self.targets, self.ids, self.embeddings = description, tuple(targets), ids, embeddings
        self.encode, self.embed = encode, embed
        self.index: Index = index_of(ids)

    def warm(self) -> None:
        """Score one vertex of each edge type."""
        for target in self.targets:
            first = target.problem.space.range(target.problem.edge_type.source).start
            target.scorer.scores(np.array([first]), target.problem.candidates(False), False)

    def answer(self, request: EndpointRequest) -> EndpointResponse:
        """See ``Predictor``."""
        parameters, data = request.data.global_parameters, request.data
        if request.mode == "embed_knn":
            items = data.nodes or []
            found = nearest(self, items, parameters)
            return response(self.description, nodes=found)
        subgraph = None
        if data.graph is not None:
            subgraph = self.encode(read_subgraph(data.graph, self.targets[0].problem.space, self.index))
        items = data.edges if data.edges is not None else data.nodes or []
        if request.mode in (None, "predict_relation"):
            if any(item.head_node_id is None or item.tail_node_id is None for item in items):
                raise Incompatible(
                    "link prediction needs 'mode' predict_tail or predict_head, or both ends of each edge"
                )
            return response(self.description, edges=self.relations(items, parameters, subgraph))
        predict_heads = request.mode == "predict_head"
        asked = [(item.tail_node_id if predict_heads else item.head_node_id) or item.node_id or "" for item in items]
        answers = self.partners(asked, parameters, predict_heads, data.exclude or {}, subgraph)
        results = [ItemResult(nodeId=node, results=found) for node, found in zip(asked, answers, strict=True)]
        return response(self.description, nodes=results)

    def matching(self, parameters: GlobalParameters, predict_heads: bool) -> list[LinkTarget]:
        """The edge types that a request means.

        Raises:
            Incompatible: the model predicts no such links.
        """
        wanted = parameters.head_node_type if predict_heads else parameters.tail_node_type
        found = [
            target
            for target in self.targets
            if parameters.edge_type in (None, target.problem.edge_type.relation)
            and wanted in (None, _end(target.problem, predict_heads))
        ]
        if not found:
            able = ", ".join(str(target.problem.edge_type) for target in self.targets)
            raise Incompatible(
                f"this model does not predict edge type {parameters.edge_type!r} "
                f"{'from' if predict_heads else 'to'} {wanted!r}; it predicts {able}"
            )
        return found

    def partners(
        self,
        asked: Sequence[str],
        parameters: GlobalParameters,
        predict_heads: bool,
        exclude: Mapping[str, Sequence[str]],
        subgraph: Subgraph | None,
    ) -> list[list[Prediction]]:
        """The best partners of each vertex; best first over all edge types that match."""
        answers: list[list[Prediction]] = [[] for _ in asked]
        for target in self.matching(parameters, predict_heads):
            own_type = _end(target.problem, not predict_heads)
            scorer = target.scorer if subgraph is None else grown(target.scorer, target.problem, subgraph, self.embed)
            rows, numbers = [], []
            for row, node in enumerate(asked):
                number = self.number(target.problem, own_type, node, subgraph)
                if number is not None:
                    rows.append(row)
                    numbers.append(number)
            for begin in range(0, len(rows), 64):
                part = slice(begin, begin + 64)
                sources = np.array(numbers[part], dtype=np.int64)
                scores = np.array(
                    scorer.scores(sources, target.problem.candidates(predict_heads), predict_heads), dtype=np.float32
                )
                named = [exclude.get(asked[row], ()) for row in rows[part]]
                self.mask(target, scores, sources, predict_heads, parameters.exclude_flag == "mask", named, subgraph)
                for row, line in zip(rows[part], scores, strict=True):
                    answers[row].extend(self.predictions(target, line, predict_heads, parameters))
        return [sorted(found, key=lambda p: -(p.score or 0.0))[: parameters.topk] for found in answers]

    def predictions(
        self, target: LinkTarget, scores: Floats, predict_heads: bool, parameters: GlobalParameters
    ) -> list[Prediction]:
        """The best of one row of scores, (candidates,), above the threshold where there is one."""
        chosen = best(scores, parameters.topk)
        probabilities = target.calibration(scores[chosen])
        ids = self.ids[_end(target.problem, predict_heads)]
        return [
            Prediction(nodeId=ids[place], score=float(p))
            for place, p in zip(chosen.tolist(), probabilities, strict=True)
            if parameters.threshold is None or p >= parameters.threshold
        ]

    def number(self, problem: LinkProblem, node_type: str, node: str, subgraph: Subgraph | None) -> int | None:
        """The number of a vertex of a type, known or new."""
        place = self.index[node_type].get(node)
        if place is not None:
            return problem.space.offsets[node_type] + place
        return None if subgraph is None else subgraph.number(node_type, node)

    def mask(
        self,
        target: LinkTarget,
        scores: Floats,
        sources: Ints,
        predict_heads: bool,
        existing: bool,
        exclude: Sequence[Sequence[str]],
        subgraph: Subgraph | None,
    ) -> None:
        """Set the scores, (b, candidates), of who must not be an answer to −inf, in place."""
        problem = target.problem
        candidates, first = problem.candidates(predict_heads), problem.candidates(predict_heads).start
        own = (sources >= candidates.start) & (sources < candidates.stop)
        scores[np.flatnonzero(own), sources[own] - first] = -np.inf
        kind = _end(problem, predict_heads)
        index = self.index[kind]
        hide_gone(scores, self.ids[kind], index)
        for row, names in enumerate(exclude):
            places = [index[name] for name in names if name in index]
            scores[row, places] = -np.inf
        if not existing:
            return
        seen = np.flatnonzero(sources < problem.space.total)
        rows, columns = target.known[int(predict_heads)].pairs(sources[seen])
        scores[seen[rows], columns] = -np.inf
        if subgraph is not None and problem.edge_type in subgraph.edges:
            fresh = _touching(problem, subgraph.edges[problem.edge_type], predict_heads)
            for row, source in enumerate(sources):
                places = fresh.target[fresh.source == source] - first
                scores[row, places[(places >= 0) & (places < scores.shape[1])]] = -np.inf

    def relations(
        self, items: Sequence[QueryItem], parameters: GlobalParameters, subgraph: Subgraph | None
    ) -> list[ItemResult]:
        """Which edge types may link the two vertices of each item, best first; ``value`` is the edge label."""
        found: list[list[Prediction]] = [[] for _ in items]
        for target in self.targets:
            problem = target.problem
            rows, sources, places = [], [], []
            for row, item in enumerate(items):
                source = self.number(problem, problem.edge_type.source, item.head_node_id or "", subgraph)
                place = self.index[problem.edge_type.target].get(item.tail_node_id or "")
                if source is not None and place is not None:
                    rows.append(row)
                    sources.append(source)
                    places.append(place)
            if not rows:
                continue
            scorer = target.scorer if subgraph is None else grown(target.scorer, problem, subgraph, self.embed)
            for begin in range(0, len(rows), 64):
                part = slice(begin, begin + 64)
                scores = scorer.scores(np.array(sources[part], dtype=np.int64), problem.candidates(False), False)
                probabilities = target.calibration(scores[np.arange(len(scores)), places[part]])
                for row, p in zip(rows[part], probabilities, strict=True):
                    found[row].append(Prediction(value=problem.edge_type.relation, score=float(p)))
        least = parameters.threshold
        answers = []
        for item, several in zip(items, found, strict=True):
            best_first = sorted(several, key=lambda one: -(one.score or 0.0))
            kept = [one for one in best_first if least is None or (one.score or 0.0) >= least]
            answers.append(
                ItemResult(
                    headNodeId=item.head_node_id or "",
                    tailNodeId=item.tail_node_id or "",
                    results=kept[: parameters.topk],
                )
            )
        return answers


def _end(problem: LinkProblem, predict_heads: bool) -> str:
    """The type of the candidates: targets, or sources when ``predict_heads``."""
    return problem.edge_type.source if predict_heads else problem.edge_type.target


def _touching(problem: LinkProblem, edges: Pairs, predict_heads: bool) -> Pairs:
    """New links arranged from query vertex to candidate."""
    if problem.homogeneous and not problem.directed:
        return Pairs.join([edges, edges.turned()])
    return edges.turned() if predict_heads else edges
