"""The procedures ``despina.ml.predictLinks``, ``classify`` and ``regress``.

Rows of a query are gathered, so that an endpoint is asked once for as many as it takes in one call.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from workflow.cypher.planning.procedures import Argument, Procedure
from workflow.errors import InvalidParameter
from workflow.graphs.elements import Edge, Vertex, Way
from workflow.graphs.naming import vertex_of
from workflow.predictions.endpoint import EndpointRecord, ModelCard, PredictionService
from workflow.predictions.moments import check_moment, moment_of
from workflow.predictions.neighbourhood import Before, edge_type, neighbourhood, node_type
from workflow.predictions.question import (
    MAX_INPUTS_PER_CALL,
    EdgeInput,
    LinkQuery,
    NodeInput,
    Predictions,
    PropertyQuery,
    Subgraph,
    TaskType,
)
from workflow.predictions.reasons import ALL_TAKEN, ALONE, BELOW, NOTHING, OTHER_LABEL, UNSEEN
from workflow.values.moments import ZonedDateTime

SPARE: Final = 8  # asked for beyond the limit, for those that have left the graph
MOST: Final = 100_000
ORIGIN: Final = (("model", "string"), ("snapshot", "any"))
AS_OF: Final = "The option `asOf`"
OPTIONS: Final = {
    "limit": 1,
    "threshold": None,
    "inductive": False,
    "asOf": None,
    "direction": "OUTGOING",
    "label": None,
    "excludeExisting": True,
}
WAYS: Final[Mapping[str, Way]] = {"OUTGOING": "out", "INCOMING": "in"}

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class ModelQuestion:
    """What one call asks for: equal ones go to the endpoint together."""

    endpoint: str | None
    name: str
    limit: int
    threshold: float | None
    inductive: bool
    direction: str
    label: str | None
    exclude_existing: bool
    as_of: float | None = None


def prediction_rows(service: PredictionService) -> Iterable[Procedure]:
    """The procedures over the endpoints of a service."""
    options = Argument("options", "map", {}, optional=True)
    endpoint, element = Argument("endpoint", "any"), Argument("element", "any")
    score = ("score", "float")
    asks = MAX_INPUTS_PER_CALL
    yield Procedure(
        "despina.ml.predictLinks",
        (endpoint, Argument("node", "node"), Argument("relationshipType", "string"), options),
        (("node", "node"), score, *ORIGIN),
        call_many=partial(_links, service),
        gathers=asks,
        description="The nodes that a model would link with a node, best first",
    )
    for word, kind, task in (("classify", "string", "class"), ("regress", "float", "regression")):
        yield Procedure(
            f"despina.ml.{word}",
            (endpoint, element, Argument("property", "string"), options),
            (("value", kind), score, *ORIGIN),
            call_many=partial(_properties, service, task),
            gathers=asks,
            description="The value of a property of a node or relationship, as a model has it",
        )


def _asked(endpoint: Any, name: str, given: Any) -> ModelQuestion:
    values = dict(given or {})
    unknown = [key for key in values if key not in OPTIONS]
    if unknown:
        raise InvalidParameter(f"Unknown option {unknown[0]!r} of a prediction; there are {', '.join(OPTIONS)}")
    options = {**OPTIONS, **values}
    if not isinstance(options["limit"], int) or isinstance(options["limit"], bool) or options["limit"] < 1:
        raise InvalidParameter(f"The option `limit` is a whole number from 1 on, not {options['limit']!r}")
    if options["direction"] not in WAYS:
        raise InvalidParameter(f"The option `direction` is OUTGOING or INCOMING, not {options['direction']!r}")
    threshold = None if options["threshold"] is None else float(options["threshold"])
    return ModelQuestion(
        endpoint,
        name,
        int(options["limit"]),
        threshold,
        bool(options["inductive"]),
        options["direction"],
        options["label"],
        bool(options["excludeExisting"]),
        moment_of(options["asOf"], AS_OF),
    )


@dataclass(frozen=True)
class _Model:
    """The model behind an endpoint, for one group of questions."""

    service: PredictionService
    endpoint: EndpointRecord
    card: ModelCard | None
    run: Any
    asked: ModelQuestion

    @classmethod
    def of(cls, service: PredictionService, run: Any, asked: ModelQuestion) -> _Model:
        endpoint = service.resolve(asked.endpoint)
        card = service.describe(endpoint)
        check_moment(asked.as_of, asked.inductive, card, AS_OF)
        return cls(service, endpoint, card, run, asked)

    def ask(self, question: LinkQuery | PropertyQuery) -> Predictions:
        self.run.check()
        return self.service.predict(self.endpoint, question)

    def origin(self, answer: Predictions) -> tuple[str, ZonedDateTime | None]:
        """The model's id, and when the graph it has seen was exported."""
        snapshot = None if self.card is None else self.card.snapshot_ms
        return answer.model_id, None if snapshot is None else ZonedDateTime.then(snapshot * 1_000_000, None)

    def subgraph(self, rows: Iterable[int]) -> Subgraph | None:
        if not self.asked.inductive:
            return None
        if self.card is None or not self.card.inductive:
            raise InvalidParameter("The model of the endpoint does not know vertices that came after its training")
        card, before = self.card, Before.of(self.asked.as_of, self.card)
        return neighbourhood(self.run.graph, rows, card.hops, card.fanouts, random.Random(0), before)

    def silent(self, reason: str) -> None:
        """Note why there is no answer about one element."""
        self.run.outcome.silences[reason] += 1

    def unanswered(self, results: Sequence[Any], otherwise: str) -> str:
        """Why nothing is left of what an endpoint has answered about one element."""
        if not results:
            return ALONE if self.asked.inductive else UNSEEN.format("the option `inductive`")
        return otherwise if self.kept(results) else BELOW

    def kept(self, results: Sequence[Any]) -> list[Any]:
        least = self.asked.threshold
        return [one for one in results if least is None or one.score is None or one.score >= least]


def _groups(calls: Sequence[tuple[Any, ...]]) -> dict[ModelQuestion, list[int]]:
    """Places of the calls that go together; those about null have no answer."""
    groups: dict[ModelQuestion, list[int]] = defaultdict(list)
    for place, (endpoint, element, name, given) in enumerate(calls):
        if element is not None:
            groups[_asked(endpoint, name, given)].append(place)
    return groups


def _links(service: PredictionService, run: Any, calls: Sequence[tuple[Any, ...]]) -> list[Rows]:
    answers: list[Rows] = [[] for _ in calls]
    if not calls:
        run.outcome.silences[NOTHING] += 1
    for asked, places in _groups(calls).items():
        model = _Model.of(service, run, asked)
        vertices = {calls[place][1]: None for place in places}
        for vertex in vertices:
            if not isinstance(vertex, Vertex):
                raise InvalidParameter(f"despina.ml.predictLinks takes a node, not {vertex!r}")
        found = _candidates(model, list(vertices))
        for place in places:
            answers[place] = found[calls[place][1]]
    return answers


def _candidate_types(model: _Model) -> dict[str, set[str]]:
    """Node types of candidates, each with the types of nodes that may be asked about; none: any."""
    asked, card = model.asked, model.card
    if card is not None and card.task != "link_prediction":
        raise InvalidParameter(f"The query asks for links, and the model of the endpoint was trained for {card.task}")
    types: dict[str, set[str]] = defaultdict(set)
    for target in () if card is None else card.targets:
        edge_type = target.edge_type
        if edge_type is None or edge_type.relation != asked.name:
            continue
        candidate, end = (
            (edge_type.target, edge_type.source)
            if asked.direction == "OUTGOING"
            else (edge_type.source, edge_type.target)
        )
        if asked.label is None or asked.label in (candidate, *candidate.split(";")):
            types[candidate].add(end)
    if types:
        return types
    if card is not None and card.targets:
        known = sorted({target.edge_type.relation for target in card.targets if target.edge_type is not None})
        raise InvalidParameter(
            f"The model of the endpoint does not predict {asked.name!r} relationships {asked.direction.lower()} "
            f"{'to any node' if asked.label is None else f'to {asked.label!r}'}; it predicts {', '.join(known)}"
        )
    if asked.label is None:
        raise InvalidParameter(
            "The endpoint does not say what it predicts; name the candidates with the option `label`"
        )
    return {asked.label: set()}


def _candidates(model: _Model, vertices: list[Any]) -> dict[Any, Rows]:
    """Rows for each node: candidates that live in the graph and are not linked yet, best first."""
    found: dict[Any, Rows] = {vertex: [] for vertex in vertices}
    reasons = dict.fromkeys(vertices, OTHER_LABEL)
    for candidate_type, ends in _candidate_types(model).items():
        waiting = [vertex for vertex in vertices if not ends or node_type(vertex.label) in ends]
        topk = model.asked.limit + SPARE
        while waiting:
            waiting = _ask_links(model, waiting, candidate_type, topk, found, reasons)
            topk = min(4 * topk, MOST)
    for rows in found.values():
        rows.sort(key=lambda row: -(row[1] or 0.0))  # stable: equal scores keep the endpoint's order
        del rows[model.asked.limit :]
    for vertex, rows in found.items():
        if not rows:
            model.silent(reasons[vertex])
    return found


def _ask_links(
    model: _Model,
    vertices: list[Any],
    candidate_type: str,
    topk: int,
    found: dict[Any, Rows],
    reasons: dict[Any, str],
) -> list[Any]:
    """Ask once, and note what is found or why nothing is.

    Gives the nodes that got too few candidates though the endpoint may have more.
    """
    run, asked, way = model.run, model.asked, WAYS[model.asked.direction]
    linked = {vertex: _linked(run.graph, vertex, way, asked) for vertex in vertices}
    question = LinkQuery(
        relation=asked.name,
        way="out" if way == "out" else "in",
        candidate_type=candidate_type,
        inputs=tuple(str(vertex.id) for vertex in vertices),
        topk=topk,
        exclude={str(vertex.id): sorted(ids) for vertex, ids in linked.items() if ids},
        subgraph=model.subgraph(vertex.row for vertex in vertices),
        as_of=asked.as_of,
        mask=asked.exclude_existing and asked.as_of is not None,
        timeout_s=run.left_s(),
    )
    answer = model.ask(question)
    origin, again = model.origin(answer), []
    for vertex, results in zip(vertices, answer.results, strict=True):
        kept = model.kept(results)
        rows: Rows = []
        for one in kept:
            other = vertex_of(run.graph, str(one.value))
            if other is None or other == vertex or str(other.id) in linked[vertex]:
                continue
            if candidate_type in (kind := node_type(other.label), *kind.split(";")):
                rows.append((other, one.score, *origin))
        if len(rows) < asked.limit and len(kept) == len(results) and topk <= len(results) < MOST:
            again.append(vertex)
        else:
            found[vertex] += rows
            reasons[vertex] = model.unanswered(results, ALL_TAKEN)
    return again


def _linked(graph: Any, vertex: Any, way: Way, asked: ModelQuestion) -> set[str]:
    if not asked.exclude_existing or asked.as_of is not None:  # the endpoint knows who was linked then
        return set()
    return {str(graph.vertex_id(row)) for row in graph.neighbours(vertex.row, way, [asked.name])}


def _properties(service: PredictionService, kind: str, run: Any, calls: Sequence[tuple[Any, ...]]) -> list[Rows]:
    answers: list[Rows] = [[] for _ in calls]
    if not calls:
        run.outcome.silences[NOTHING] += 1
    for asked, places in _groups(calls).items():
        model = _Model.of(service, run, asked)
        by_type: dict[Any, dict[Any, None]] = defaultdict(dict)
        for place in places:
            element = calls[place][1]
            if not isinstance(element, Vertex | Edge):
                raise InvalidParameter(f"A prediction of a property takes a node or a relationship, not {element!r}")
            by_type[_type_of(run.graph, element)][element] = None
        found: dict[Any, Rows] = {}
        for elements in by_type.values():
            found |= _values(model, kind, list(elements))
        for place in places:
            answers[place] = found[calls[place][1]]
    return answers


def _type_of(graph: Any, element: Vertex | Edge) -> Any:
    return edge_type(graph, element.row) if isinstance(element, Edge) else node_type(element.label)


def _values(model: _Model, kind: str, elements: list[Any]) -> dict[Any, Rows]:
    """Rows for elements of one type."""
    run, card, asked = model.run, model.card, model.asked
    on_edges = isinstance(elements[0], Edge)
    task: TaskType = (
        ("edge_class" if on_edges else "node_class")
        if kind == "class"
        else ("edge_regression" if on_edges else "node_regression")
    )
    if card is not None and card.task != task:
        raise InvalidParameter(f"The query asks for {task}, and the model of the endpoint was trained for {card.task}")
    known = {target.property for target in card.targets if target.property} if card is not None else set()
    if known and asked.name not in known:
        predicted = ", ".join(sorted(map(str, known)))
        raise InvalidParameter(f"The query asks for {asked.name!r}, the model of the endpoint predicts {predicted}")
    rows = [end for one in elements for end in _ends(run.graph, one)]
    question = PropertyQuery(
        task=task,
        property=asked.name,
        inputs=tuple(_input(run.graph, one) for one in elements),
        topk=asked.limit,
        subgraph=model.subgraph(rows),
        as_of=asked.as_of,
        timeout_s=run.left_s(),
    )
    answer = model.ask(question)
    origin, found = model.origin(answer), {}
    for element, results in zip(elements, answer.results, strict=True):
        found[element] = [(one.value, one.score, *origin) for one in model.kept(results)[: asked.limit]]
        if not found[element]:
            model.silent(model.unanswered(results, BELOW))
    return found


def _ends(graph: Any, element: Vertex | Edge) -> tuple[int, ...]:
    if isinstance(element, Vertex):
        return (element.row,)
    return graph.edge_source(element.row), graph.edge_target(element.row)


def _input(graph: Any, element: Vertex | Edge) -> Any:
    if isinstance(element, Vertex):
        return NodeInput(str(element.id), node_type(element.label))
    source, target = (str(graph.vertex_id(row)) for row in _ends(graph, element))
    return EdgeInput(str(element.id), edge_type(graph, element.row), source, target)
