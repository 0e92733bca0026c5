"""What goes to an endpoint and what comes back, as JSON.

The requests are those of Neptune ML's own client (``predict_tail``, ``predict_head``, node and edge properties); the
answers and the inductive subgraph are our own form, for the real one is not published.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from training_scripts.graph_ml.schemas import task_type
from training_scripts.graph_ml.schemas.times import TimeColumn
from workflow.errors import BadRequest, ConstraintViolation
from workflow.predictions.endpoint import EndpointRecord, ModelCard, ModelTarget, TimedType
from workflow.predictions.question import (
    MAX_INPUTS_PER_CALL,
    MAX_SUBGRAPH_BYTES,
    EdgeInput,
    EdgeType,
    LinkQuery,
    NodeInput,
    Prediction,
    Predictions,
    PropertyQuery,
    Question,
    RelationQuery,
    Subgraph,
)

INCOMPATIBLE = "Incompatible data from external service. Please check your service configuration and query again."


class SubgraphTooLarge(ConstraintViolation):
    """A neighbourhood beyond what may be sent in one call."""

    def __init__(self, size: int) -> None:
        super().__init__(
            f"{INCOMPATIBLE} The neighbourhood for inductive inference takes {size} bytes of the {MAX_SUBGRAPH_BYTES} "
            "that may be sent; ask for fewer vertices at once"
        )
        self.size = size


def incompatible(reason: str) -> ConstraintViolation:
    """The error of a model that does not fit the query: Neptune's sentence, then what does not fit."""
    return ConstraintViolation(f"{INCOMPATIBLE} {reason}")


def inputs_of(question: Question) -> Sequence[Any]:
    """What a question is about, in the order of its answers: ids, nodes, edges or pairs."""
    return question.pairs if isinstance(question, RelationQuery) else question.inputs


def batches(question: Question) -> Iterator[Sequence[Any]]:
    """The inputs of a question as calls take them."""
    inputs = inputs_of(question)
    for start in range(0, len(inputs), MAX_INPUTS_PER_CALL):
        yield inputs[start : start + MAX_INPUTS_PER_CALL]


def joined(answers: Sequence[Predictions]) -> Predictions:
    """The answer to a question out of those to its batches; the last one names the model."""
    if len(answers) == 1:
        return answers[0]
    model_id, created_ms = (answers[-1].model_id, answers[-1].created_ms) if answers else ("", None)
    return Predictions(tuple(result for answer in answers for result in answer.results), model_id, created_ms)


def request_of(question: Question, inputs: Sequence[Any]) -> bytes:
    """The body that asks a question about some of its inputs. Raises SubgraphTooLarge."""
    if isinstance(question, LinkQuery):
        return link_request(question, inputs)
    if isinstance(question, PropertyQuery):
        return property_request(question, inputs)
    return relation_request(question, inputs)


def link_request(query: LinkQuery, inputs: Sequence[str]) -> bytes:
    """``predict_tail`` for candidates at the end of the edge, ``predict_head`` for those at its beginning."""
    tails = query.way == "out"
    parameters: dict[str, Any] = {
        "topk": query.topk,
        "edgeType": query.relation,
        ("tailNodeType" if tails else "headNodeType"): query.candidate_type,
        "exclude_flag": "mask" if query.mask else "none",
        **_moment(query),
    }
    known_end = "headNodeId" if tails else "tailNodeId"
    data: dict[str, Any] = {"globalParameters": parameters, "edges": [{known_end: one} for one in inputs]}
    exclude = {one: list(query.exclude[one]) for one in inputs if query.exclude.get(one)}
    if exclude:
        data["exclude"] = exclude
    return _encoded(
        {"version": "v1", "mode": "predict_tail" if tails else "predict_head", "data": data}, query.subgraph
    )


def property_request(query: PropertyQuery, inputs: Sequence[NodeInput | EdgeInput]) -> bytes:
    """A class or a number of nodes or edges; all inputs of one call have one type."""
    first = inputs[0]
    parameters: dict[str, Any] = {"topk": query.topk, "property": query.property, **_moment(query)}
    data: dict[str, Any] = {"globalParameters": parameters}
    if isinstance(first, NodeInput):
        parameters["nodeType"] = first.type
        data["nodes"] = [{"nodeId": item.id} for item in inputs]
    else:
        parameters |= {
            "edgeType": first.type.relation,
            "headNodeType": first.type.source,
            "tailNodeType": first.type.target,
        }
        data["edges"] = [
            {"edgeId": item.id, "headNodeId": item.source, "tailNodeId": item.target}
            for item in inputs
            if isinstance(item, EdgeInput)
        ]
    return _encoded({"version": "v1", "data": data}, query.subgraph)


def relation_request(query: RelationQuery, pairs: Sequence[tuple[str, str]]) -> bytes:
    """``predict_relation``, a mode of our own: which edge label links two vertices."""
    edges = [{"headNodeId": source, "tailNodeId": target} for source, target in pairs]
    body = {
        "version": "v1",
        "mode": "predict_relation",
        "data": {"globalParameters": {"topk": query.topk, **_moment(query)}, "edges": edges},
    }
    return _encoded(body, query.subgraph)


def _moment(query: Question) -> dict[str, float]:
    return {} if query.as_of is None else {"asOf": query.as_of}


def _encoded(body: dict[str, Any], subgraph: Subgraph | None) -> bytes:
    if subgraph is None:
        return json.dumps(body, separators=(",", ":")).encode()
    body["data"]["graph"] = subgraph_json(subgraph)
    data = json.dumps(body, separators=(",", ":")).encode()
    if len(data) > MAX_SUBGRAPH_BYTES:
        raise SubgraphTooLarge(len(data))
    return data


def subgraph_json(subgraph: Subgraph) -> dict[str, Any]:
    """``nodes`` of {nodeId, nodeType, properties}, ``edges`` of {edgeId, edgeType, headNodeId, tailNodeId, properties}.

    ``edgeType`` is [source type, relation, target type]; properties map a name to its values as an export writes them.
    """
    return {
        "nodes": [
            {"nodeId": node.id, "nodeType": node.type, "properties": _plain_values(node.properties)}
            for node in subgraph.nodes
        ],
        "edges": [
            {
                "edgeId": edge.id,
                "edgeType": list(edge.type),
                "headNodeId": edge.source,
                "tailNodeId": edge.target,
                "properties": _plain_values(edge.properties),
            }
            for edge in subgraph.edges
        ],
    }


def _plain_values(properties: Mapping[str, Sequence[Any]]) -> dict[str, list[Any]]:
    return {
        name: [value if isinstance(value, str | int | float | bool) else _text(value) for value in values]
        for name, values in properties.items()
    }


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def answer_of(endpoint: EndpointRecord, status: int, body: bytes, count: int) -> Predictions:
    """What an endpoint answered about ``count`` inputs.

    Raises ConstraintViolation where the model cannot answer such a question or the answer has another form, BadRequest
    where the endpoint failed.
    """
    if status == 200:
        results, model_id, created_ms = read_answer(body, count)
        return Predictions(tuple(results), model_id, created_ms)
    text, kind = read_error(body)
    if kind == "incompatible":
        raise incompatible(text)
    raise BadRequest(f"The endpoint {endpoint.name} failed with status {status}: {text}; its log says more")


def read_answer(body: bytes, count: int) -> tuple[list[tuple[Prediction, ...]], str, int | None]:
    """The results in the order asked, the model's id and creation time. Raises ConstraintViolation for another form.

    Args:
        body: what the endpoint answered with 200.
        count: how many inputs were asked about.
    """
    try:
        answer = json.loads(body)
        output = answer["output"]
        items = output.get("nodes") if output.get("nodes") is not None else output["edges"]
        results = [tuple(_prediction(one) for one in item["results"]) for item in items]
        model = answer.get("model") or {}
        stamp = (str(model.get("id", "")), model.get("created_ms"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise incompatible(f"The endpoint's answer cannot be read: {type(error).__name__}: {error}") from error
    if len(results) != count:
        raise incompatible(f"The endpoint answered for {len(results)} of {count} elements")
    return results, *stamp


def _prediction(entry: Mapping[str, Any]) -> Prediction:
    value = entry["nodeId"] if "nodeId" in entry else entry["value"]
    score = entry.get("score")
    return Prediction(value, None if score is None else float(score))


def read_error(body: bytes) -> tuple[str, str]:
    """The text and kind of an endpoint's error answer, whatever form it has."""
    try:
        answer = json.loads(body)
        return str(answer["error"]), str(answer.get("kind", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return body[:300].decode("utf-8", "replace"), ""


def model_card(description: Mapping[str, Any]) -> ModelCard | None:
    """What a ``model.json`` says that a query must be checked against; None for one without a task."""
    try:
        task = task_type(str(description.get("task", "")))
    except ValueError:
        return None
    details = _mapping(description.get("details"))
    parameters = _mapping(description.get("hyperparameters"))
    fanouts = _fanouts(_first(details, parameters, names=("fanouts", "fanout")))
    layers = _first(details, parameters, names=("hops", "num-layer", "num_layer"))
    hops = int(layers) if isinstance(layers, int | float) else len(fanouts)
    return ModelCard(
        id=str(description.get("id", "")),
        task=task,
        targets=tuple(_target(one) for one in description.get("targets") or ()),
        created_ms=description.get("created_ms"),
        snapshot_ms=description.get("graph_snapshot_ms"),
        inductive=bool(details.get("inductive")),
        hops=hops,
        fanouts=fanouts,
        timed=bool(details.get("timed")),
        times=_times(details.get("times")),
    )


def _times(entries: object) -> tuple[TimedType, ...]:
    """Which property says when, by type, and how it is read; none of a form that nobody knows."""
    try:
        columns = [TimeColumn.model_validate(entry) for entry in (entries if isinstance(entries, list) else [])]
    except ValidationError:
        return ()
    kinds = (column.type if isinstance(column.type, str) else EdgeType(*column.type) for column in columns)
    return tuple((kind, column.property, column.reading()) for kind, column in zip(kinds, columns, strict=True))


def _target(entry: Mapping[str, Any]) -> ModelTarget:
    edge = entry.get("edge_type")
    if isinstance(edge, Mapping):
        edge_type = EdgeType(str(edge["source"]), str(edge["relation"]), str(edge["target"]))
    elif isinstance(edge, list | tuple) and len(edge) == 3:
        edge_type = EdgeType(*map(str, edge))
    else:
        return ModelTarget(node_type=entry.get("node_type"), property=entry.get("property") or None)
    return ModelTarget(edge_type=edge_type, property=entry.get("property") or None)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first(*places: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for place in places:
        for name in names:
            if place.get(name) is not None:
                return place[name]
    return None


def _fanouts(value: object) -> tuple[int, ...]:
    if isinstance(value, str):
        value = value.strip("[]").split(",")
    if isinstance(value, list | tuple):
        return tuple(int(one) for one in value if str(one).strip().lstrip("-").isdigit())
    return (int(value),) if isinstance(value, int | float) else ()
