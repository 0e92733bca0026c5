"""Answers predictions by asking endpoints over HTTP: which endpoint is meant, batches, errors in Neptune's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from workflow.errors import BadRequest, InvalidParameter, MissingParameter, WorkflowError
from workflow.inference.base import (
    ENDPOINT_TIMEOUT_S,
    MAX_INPUTS_PER_CALL,
    EdgeInput,
    EndpointDirectory,
    EndpointRecord,
    LinkQuery,
    ModelCard,
    NodeInput,
    Prediction,
    Predictions,
    PropertyQuery,
    RelationQuery,
)
from workflow.inference.connections import ConnectionPool
from workflow.inference.requests import (
    incompatible,
    link_request,
    model_card,
    property_request,
    read_answer,
    read_error,
    relation_request,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,127}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d+:role/[\w+=,.@/-]+")
_T = TypeVar("_T")


class EndpointService:
    """The PredictionService of the product."""

    def __init__(
        self,
        directory: EndpointDirectory,
        *,
        default_endpoint: str | None = None,
        timeout_s: float = ENDPOINT_TIMEOUT_S,
    ) -> None:
        self._directory = directory
        self._default_endpoint = default_endpoint
        self._connections = ConnectionPool(timeout_s)

    def check_role(self, role_arn: str | None) -> None:
        if role_arn is not None and not _ROLE.fullmatch(role_arn):
            raise InvalidParameter("Invalid IAM role ARN provided for external service query.")

    def resolve(self, endpoint: str | None) -> EndpointRecord:
        if endpoint is None:
            endpoint = self._default_endpoint
        if endpoint is None:
            raise MissingParameter("No endpoint provided for external service query.")
        found = self._directory.find(endpoint_name(endpoint))
        if found is None:
            raise BadRequest(f"Endpoint {endpoint} not found.")
        return found

    def describe(self, endpoint: EndpointRecord) -> ModelCard | None:
        return model_card(endpoint.description)

    def predict_links(self, endpoint: EndpointRecord, query: LinkQuery) -> Predictions:
        return self._ask(endpoint, query.inputs, lambda inputs: link_request(query, inputs), query.timeout_s)

    def predict_properties(self, endpoint: EndpointRecord, query: PropertyQuery) -> Predictions:
        inputs: Sequence[NodeInput | EdgeInput] = query.inputs
        return self._ask(endpoint, inputs, lambda batch: property_request(query, batch), query.timeout_s)

    def predict_relations(self, endpoint: EndpointRecord, query: RelationQuery) -> Predictions:
        return self._ask(endpoint, query.pairs, lambda pairs: relation_request(query, pairs), query.timeout_s)

    def close(self) -> None:
        """Close idle connections."""
        self._connections.close()

    def _ask(
        self,
        endpoint: EndpointRecord,
        inputs: Sequence[_T],
        request: Callable[[Sequence[_T]], bytes],
        timeout_s: float | None,
    ) -> Predictions:
        results: list[tuple[Prediction, ...]] = []
        model_id, created_ms = "", None
        for start in range(0, len(inputs), MAX_INPUTS_PER_CALL):
            batch = inputs[start : start + MAX_INPUTS_PER_CALL]
            status, body = self._connections.post(f"{endpoint.url}/invocations", request(batch), timeout_s)
            if status != 200:
                raise _refused(endpoint, status, body)
            found, model_id, created_ms = read_answer(body, len(batch))
            results.extend(found)
        return Predictions(tuple(results), model_id, created_ms)


def endpoint_name(text: str) -> str:
    """The id or name in what a query gives as endpoint: a bare name, or an invocation URL.

    Raises InvalidParameter for anything else. The host of a URL is not used: endpoints are found in the service's own
    directory only, so a query cannot make the service connect anywhere.
    """
    name = text
    if "://" in text:
        parts = urlsplit(text).path.strip("/").split("/")
        name = parts[1] if len(parts) in (2, 3) and parts[0] == "endpoints" else ""
    if not _NAME.fullmatch(name):
        raise InvalidParameter("Invalid endpoint provided for external service query.")
    return name


def _refused(endpoint: EndpointRecord, status: int, body: bytes) -> WorkflowError:
    text, kind = read_error(body)
    if kind == "incompatible":
        return incompatible(text)
    return BadRequest(f"The endpoint {endpoint.name} failed with status {status}: {text}; its log says more")
