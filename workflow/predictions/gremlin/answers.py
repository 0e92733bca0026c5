"""Predictions for elements of the live graph: batches go to the endpoint, ids come back as elements.

An answer is kept for the length of one query, so that what was asked ahead in a batch is found again one by one.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, TypeGuard

from workflow.errors import UnsupportedOperation
from workflow.graphs.elements import Edge, Property, Vertex, VertexProperty
from workflow.graphs.protocols import FetchesVertices
from workflow.gremlin.running.step import ExecutionContext
from workflow.gremlin.steps.moving.adjacent import refuse_cast
from workflow.predictions.connections import EndpointUnreachable
from workflow.predictions.endpoint import ModelCard, PredictionService
from workflow.predictions.gremlin.spec import (
    PROVENANCE,
    RELATION,
    SCORE,
    PredictionSpec,
    check_model,
    node_type_labels,
    predicted_edge_types,
)
from workflow.predictions.neighbourhood import Before, edge_type, neighbourhood, node_type
from workflow.predictions.question import (
    EdgeInput,
    LinkQuery,
    NodeInput,
    Prediction,
    Predictions,
    PropertyQuery,
    Question,
    RelationQuery,
    Subgraph,
    TaskType,
)
from workflow.predictions.reasons import ALL_TAKEN, ALONE, BELOW, NOTHING, OTHER_LABEL, UNSEEN
from workflow.predictions.replay import PredictionNeeded, Replay
from workflow.predictions.requests import SubgraphTooLarge
from workflow.values.numbers import Long

SPARE_CANDIDATES = 8  # asked for beyond the limit, for those that have left the graph
MAX_TOPK = 100_000  # an endpoint that has still more candidates than these is not asked again

Results = tuple[Prediction, ...]


class Answers:
    """The predictions of one query."""

    def __init__(self, ctx: ExecutionContext, spec: PredictionSpec) -> None:
        service = ctx.answering
        if not isinstance(service, Replay):
            raise UnsupportedOperation("this service answers no Neptune ML queries: it was started without inference")
        service.check_role(spec.role_arn)
        self._ctx, self._spec = ctx, spec
        self._service: PredictionService = service
        self._graph = ctx.graph
        self._random: random.Random | None = None
        self._endpoint = service.resolve(spec.endpoint)
        self._card: ModelCard | None = service.describe(self._endpoint)
        check_model(spec, self._card)
        self._results: dict[Vertex | Edge, Results] = {}
        self._links: dict[Vertex, tuple[tuple[Vertex, float | None], ...]] = {}
        self._scores: dict[int, float | None] = {}  # by the identity of a vertex in _links, which keeps it alive
        self._origin: dict[str, Any] = {}
        self._reasons: dict[Vertex | Edge, str] = {}
        self._reached = False
        if self._card is not None:
            self._note_origin(self._card.id, self._card.created_ms)

    @classmethod
    def of(cls, ctx: ExecutionContext, spec: PredictionSpec) -> Answers:
        """The answers of this run; a query has one inference step, so one instance."""
        found = ctx.memory.get(cls)
        if found is None:
            found = ctx.memory[cls] = cls(ctx, spec)
        assert isinstance(found, Answers)
        return found

    def ask(self, elements: Iterable[Any]) -> None:
        """Ask about every element that has no answer yet, in batches; afterwards ``values`` and ``links`` have them."""
        asked: dict[Vertex | Edge, None] = {}
        for element in elements:
            self._reached = True
            if not self.fits(element):
                refuse_cast(element, "Vertex" if self._spec.kind == "links" else "Element")
            asked[element] = None
        if self._spec.kind == "links":
            self._ask_links([one for one in asked if isinstance(one, Vertex) and one not in self._links])
            self._note_reasons(asked)
            return
        missing = [one for one in asked if one not in self._results]
        if self._spec.kind == "relation":
            self._ask_relations([one for one in missing if isinstance(one, Vertex)])
        else:
            self._ask_properties(missing)
        for element in missing:
            self._results.setdefault(element, ())
        self._note_reasons(asked)

    def fits(self, value: Any) -> TypeGuard[Vertex | Edge]:
        """Whether the step can stand behind this value: a hop needs a vertex, ``properties()`` an element."""
        return isinstance(value, Vertex) or (isinstance(value, Edge) and self._spec.kind != "links")

    def values(self, element: Any) -> list[Any]:
        """What the step gives for one element that was asked about, best first."""
        spec = self._spec
        if spec.kind == "links":
            return [vertex for vertex, _ in self.links(element)]
        made: list[Any] = []
        key = RELATION if spec.kind == "relation" else spec.property
        for prediction in self._results.get(element, ()):
            made.append(self._property(element, key, prediction.value))
            if spec.with_score and prediction.score is not None:
                made.append(self._property(element, SCORE, prediction.score))
        return made

    def links(self, element: Any) -> tuple[tuple[Vertex, float | None], ...]:
        """The predicted vertices of one that was asked about, with their scores, best first."""
        return self._links.get(element, ())

    def score(self, value: Any) -> float | None:
        """The score of a predicted vertex: of this very one, for two inputs may lead to one vertex."""
        return self._scores.get(id(value))

    # -- properties

    def _ask_properties(self, elements: Sequence[Vertex | Edge]) -> None:
        groups: dict[Any, list[Vertex | Edge]] = defaultdict(list)
        for element in elements:
            kind = self._type_of(element)
            if self._known(kind):
                groups[kind].append(element)
            else:
                self._reasons[element] = OTHER_LABEL
        for group in groups.values():
            on_edges = isinstance(group[0], Edge)
            task = self._property_task(on_edges)
            if task is None:
                continue
            self._ask_group(task, group)

    def _ask_group(self, task: TaskType, group: Sequence[Vertex | Edge]) -> None:
        query = PropertyQuery(
            task=task,
            property=self._spec.property,
            inputs=tuple(self._input(one) for one in group),  # type: ignore[arg-type]  # all of one kind
            topk=self._spec.limit,
            subgraph=self._subgraph(group),
            as_of=self._spec.as_of,
            timeout_s=self._time_left(),
        )
        try:
            answer = self._predictions(query)
        except SubgraphTooLarge:
            if len(group) == 1:
                raise
            middle = len(group) // 2
            self._ask_group(task, group[:middle])
            self._ask_group(task, group[middle:])
            return
        self._note_origin(answer.model_id, answer.created_ms)
        for element, results in zip(group, answer.results, strict=True):
            self._results[element] = self._kept(results)
            self._reasons[element] = BELOW if results else self._unseen

    def _property_task(self, on_edges: bool) -> TaskType | None:
        """The task for this kind of element; None where the model was trained for the other kind."""
        wanted: TaskType
        if self._spec.kind == "classification":
            wanted = "edge_class" if on_edges else "node_class"
        else:
            wanted = "edge_regression" if on_edges else "node_regression"
        return wanted if self._card is None or self._card.task == wanted else None

    def _type_of(self, element: Vertex | Edge) -> Any:
        return edge_type(self._graph, element.row) if isinstance(element, Edge) else node_type(element.label)

    def _known(self, kind: Any) -> bool:
        targets = () if self._card is None else self._card.targets
        return not targets or any(kind in (target.node_type, target.edge_type) for target in targets)

    def _input(self, element: Vertex | Edge) -> NodeInput | EdgeInput:
        if isinstance(element, Vertex):
            return NodeInput(str(element.id), node_type(element.label))
        graph = self._graph
        return EdgeInput(
            id=str(element.id),
            type=edge_type(graph, element.row),
            source=str(graph.vertex_id(graph.edge_source(element.row))),
            target=str(graph.vertex_id(graph.edge_target(element.row))),
        )

    def _kept(self, results: Results) -> Results:
        spec = self._spec
        kept = results[: spec.limit]
        if spec.threshold is None:
            return kept
        return tuple(one for one in kept if one.score is None or one.score >= spec.threshold)

    def _property(self, element: Vertex | Edge, key: str, value: Any) -> VertexProperty | Property:
        made = self._made(element, key, value)
        if self._ctx.transaction is not None:
            self._ctx.foreign[id(made)] = made, "a prediction"
        return made

    def _made(self, element: Vertex | Edge, key: str, value: Any) -> VertexProperty | Property:
        if isinstance(element, Edge):
            return Property(key, value, element)
        text = f"{element.id}\0{key}\0{value}".encode()
        # 53 bits: such an id survives clients whose only number is a double
        id = Long(int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 11)
        return VertexProperty(id, key, value, element, dict(self._origin) if self._spec.provenance else None)

    # -- links

    def _ask_links(self, vertices: Sequence[Vertex]) -> None:
        for vertex in vertices:
            self._links[vertex] = ()
        try:
            for candidate_type, known_ends in self._candidate_types:
                asked = [vertex for vertex in vertices if not known_ends or node_type(vertex.label) in known_ends]
                topk = self._spec.limit + SPARE_CANDIDATES
                while asked:
                    asked = self._ask_links_of(asked, candidate_type, topk)
                    topk = min(4 * topk, MAX_TOPK)
        except PredictionNeeded:  # asked again from the beginning, when the answer is there
            for vertex in vertices:
                del self._links[vertex]
            raise

    @cached_property
    def _candidate_types(self) -> list[tuple[str, frozenset[str]]]:
        """Types of candidates, with the types of the known ends that may be asked about (none: any)."""
        spec, card = self._spec, self._card
        if card is None or not card.targets:
            return [(spec.candidate_label, frozenset())]
        known: dict[str, set[str]] = defaultdict(set)
        for one in predicted_edge_types(spec, card):
            candidate, end = (one.target, one.source) if spec.way == "out" else (one.source, one.target)
            known[candidate].add(end)
        return [(candidate, frozenset(ends)) for candidate, ends in known.items()]

    def _ask_links_of(self, vertices: Sequence[Vertex], candidate_type: str, topk: int) -> list[Vertex]:
        """Ask once; gives those vertices that got too few candidates though the endpoint may have more."""
        spec = self._spec
        # whoever asks as of a moment leaves out who was linked then, which the endpoint knows
        filters = spec.filter_existing and spec.as_of is None
        linked = {vertex: self._linked(vertex) for vertex in vertices} if filters else {}
        query = LinkQuery(
            relation=spec.relation,
            way=spec.way,
            candidate_type=candidate_type,
            inputs=tuple(str(vertex.id) for vertex in vertices),
            topk=topk,
            exclude={str(vertex.id): sorted(ids) for vertex, ids in linked.items() if ids},
            subgraph=self._subgraph(vertices),
            as_of=spec.as_of,
            mask=spec.filter_existing and spec.as_of is not None,
            timeout_s=self._time_left(),
        )
        try:
            answer = self._predictions(query)
        except SubgraphTooLarge:
            if len(vertices) == 1:
                raise
            middle = len(vertices) // 2
            return [
                *self._ask_links_of(vertices[:middle], candidate_type, topk),
                *self._ask_links_of(vertices[middle:], candidate_type, topk),
            ]
        self._note_origin(answer.model_id, answer.created_ms)
        if isinstance(self._graph, FetchesVertices):
            self._graph.load_vertices(str(result.value) for results in answer.results for result in results)
        again = []
        for vertex, results in zip(vertices, answer.results, strict=True):
            found, exhausted = self._candidates(vertex, results, linked.get(vertex, frozenset()))
            if len(found) < spec.limit and not exhausted and topk <= len(results) < MAX_TOPK:
                again.append(vertex)
                continue
            self._reasons[vertex] = self._unseen if not results else BELOW if exhausted else ALL_TAKEN
            merged = [*self._links[vertex], *found]
            merged.sort(key=lambda one: -(one[1] or 0.0))  # stable: equal scores keep the endpoint's order
            self._links[vertex] = tuple(merged[: spec.limit])
            self._scores.update((id(one), score) for one, score in self._links[vertex])
        return again

    def _candidates(
        self, vertex: Vertex, results: Results, linked: frozenset[str]
    ) -> tuple[list[tuple[Vertex, float | None]], bool]:
        """At most the limit of candidates that live in the graph; and whether the threshold ended the list."""
        spec = self._spec
        found: list[tuple[Vertex, float | None]] = []
        for result in results:
            if spec.threshold is not None and result.score is not None and result.score < spec.threshold:
                return found, True
            if len(found) == spec.limit:
                break
            row = None if str(result.value) in linked else self._row(str(result.value))
            if row is None or row == vertex.row or not self._has_candidate_label(row):
                continue
            found.append((Vertex(self._graph, row), result.score))
        return found, False

    def _row(self, id: str) -> int | None:
        row = self._graph.vertex_row(id)
        if row is None and id.lstrip("-").isdigit():
            row = self._graph.vertex_row(int(id))  # graphs with numbers for ids; an export writes them as text
        return row

    def _has_candidate_label(self, row: int) -> bool:
        return self._spec.candidate_label in node_type_labels(node_type(self._graph.vertex_label(row)))

    def _linked(self, vertex: Vertex) -> frozenset[str]:
        rows = self._graph.neighbours(vertex.row, self._spec.way, [self._spec.relation])
        return frozenset(str(self._graph.vertex_id(row)) for row in rows)

    # -- which edge label links two vertices

    def _ask_relations(self, vertices: Sequence[Vertex]) -> None:
        other_end = self._row(self._spec.other_end)
        asked = [vertex for vertex in vertices if other_end not in (None, vertex.row)]
        if not asked:
            return
        pairs = tuple((str(vertex.id), self._spec.other_end) for vertex in asked)
        query = RelationQuery(pairs, self._spec.limit, self._subgraph(asked), self._time_left(), self._spec.as_of)
        answer = self._predictions(query)
        self._note_origin(answer.model_id, answer.created_ms)
        for vertex, results in zip(asked, answer.results, strict=True):
            self._results[vertex] = self._kept(results)

    # -- all

    def _time_left(self) -> float | None:
        deadline = self._ctx.deadline
        return None if deadline is None else deadline - time.monotonic()

    def _predictions(self, question: Question) -> Predictions:
        """The endpoint's answer; where the query's own time is up, that is what the error says."""
        try:
            return self._service.predict(self._endpoint, question)
        except EndpointUnreachable:
            self._ctx.check()
            raise

    def _subgraph(self, elements: Sequence[Vertex | Edge]) -> Subgraph | None:
        if not self._spec.inductive or self._card is None:
            return None
        graph = self._graph
        starts: list[int] = []
        for element in elements:
            if isinstance(element, Edge):
                starts += (graph.edge_source(element.row), graph.edge_target(element.row))
            else:
                starts.append(element.row)
        if self._random is None and not self._spec.deterministic:
            self._random = random.Random(self._ctx.seed)
        card, before = self._card, Before.of(self._spec.as_of, self._card)
        return neighbourhood(graph, starts, card.hops, card.fanouts, self._random, before)

    @property
    def _unseen(self) -> str:
        return ALONE if self._spec.inductive else UNSEEN.format("Neptune#ml.inductiveInference")

    def _note_reasons(self, elements: Iterable[Vertex | Edge]) -> None:
        """Why inputs have no answer, a sentence and how many it is true of; for those who ask for the origin."""
        if not self._spec.provenance:
            return
        silent = [element for element in elements if not self._has_answer(element)]
        counted = Counter(self._reasons.get(element, OTHER_LABEL) for element in silent)
        told = Counter(self._ctx.side_effects.values.get(PROVENANCE, {}).get("reasons", {})) + counted
        told.pop(NOTHING, None)
        self._ctx.side_effects.values[PROVENANCE] = {**self._origin, **({"reasons": dict(told)} if told else {})}

    def _has_answer(self, element: Vertex | Edge) -> bool:
        return bool(self.links(element) if self._spec.kind == "links" else self._results.get(element))

    def _note_origin(self, model_id: str, created_ms: int | None) -> None:
        """Which model answers; known before it is asked, so that an empty answer has its origin, too."""
        if not self._spec.provenance:
            return
        self._origin.update(
            endpoint=self._endpoint.id,
            model=model_id,
            modelCreated=created_ms,
            graphSnapshot=None if self._card is None else self._card.snapshot_ms,
        )
        known = self._ctx.side_effects.values.get(PROVENANCE) or {}
        reasons = known.get("reasons") if self._reached else {NOTHING: 1}
        self._ctx.side_effects.values[PROVENANCE] = {**self._origin, **({"reasons": reasons} if reasons else {})}
