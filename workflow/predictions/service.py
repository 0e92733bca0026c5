"""Answers predictions by asking endpoints over HTTP: which endpoint is meant, batches, errors in Neptune's words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from workflow import tracing
from workflow.errors import BadRequest, InvalidParameter, MissingParameter
from workflow.predictions.connections import ConnectionPool
from workflow.predictions.endpoint import ENDPOINT_TIMEOUT_S, EndpointDirectory, EndpointRecord, ModelCard
from workflow.predictions.question import Predictions, Question
from workflow.predictions.requests import answer_of, batches, joined, model_card, request_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,127}")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d+:role/[\w+=,.@/-]+")


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
        self._cards: dict[str, tuple[EndpointRecord, ModelCard | None]] = {}  # by name; one operation a use, no lock

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
        kept = self._cards.get(endpoint.name)
        if kept is None or kept[0] is not endpoint:
            kept = self._cards[endpoint.name] = endpoint, model_card(endpoint.description)
        return kept[1]

    def predict(self, endpoint: EndpointRecord, question: Question) -> Predictions:
        with tracing.span("endpoint call", endpoint=endpoint.name):
            return joined([self._asked(endpoint, question, batch) for batch in batches(question)])

    def _asked(self, endpoint: EndpointRecord, question: Question, batch: Sequence[Any]) -> Predictions:
        url = f"{endpoint.url}/invocations"
        status, body = self._connections.post(url, request_of(question, batch), question.timeout_s, endpoint.sign)
        return answer_of(endpoint, status, body, len(batch))

    def close(self) -> None:
        """Close idle connections."""
        self._connections.close()


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
