"""Predictions of a query that may have to be run again: what was answered once is answered alike the next time."""

from __future__ import annotations

from workflow import tracing
from workflow.errors import WorkflowError
from workflow.predictions.endpoint import EndpointRecord, ModelCard, PredictionService
from workflow.predictions.question import Predictions, Question
from workflow.queries.suspension import AnswerNeeded


class PredictionNeeded(AnswerNeeded):
    """Stops a query at a question to an endpoint."""

    question: Question

    def __init__(self, endpoint: EndpointRecord, question: Question) -> None:
        super().__init__(question)
        self.endpoint = endpoint
        self.asker = tracing.current()


class Replay:
    """A PredictionService for one query, and its ``Answering``; belongs to one thread at a time.

    Args:
        service: who answers.
        suspends: an unanswered question stops the query with ``PredictionNeeded``; otherwise it is asked at once.
    """

    def __init__(self, service: PredictionService, *, suspends: bool = False) -> None:
        self._service = service
        self._answers: list[tuple[str, Question, Predictions | WorkflowError]] = []
        self.suspends = suspends

    def check_role(self, role_arn: str | None) -> None:
        self._service.check_role(role_arn)

    def resolve(self, endpoint: str | None) -> EndpointRecord:
        return self._service.resolve(endpoint)

    def describe(self, endpoint: EndpointRecord) -> ModelCard | None:
        return self._service.describe(endpoint)

    def predict(self, endpoint: EndpointRecord, question: Question) -> Predictions:
        for name, asked, answer in self._answers:
            if name == endpoint.name and asked == question:
                if isinstance(answer, WorkflowError):
                    raise answer
                return answer
        needed = PredictionNeeded(endpoint, question)
        if self.suspends:
            raise needed
        return self.ask(needed)

    def ask(self, needed: AnswerNeeded) -> Predictions:
        """Ask now, and remember the answer."""
        assert isinstance(needed, PredictionNeeded)
        answer = self._service.predict(needed.endpoint, needed.question)
        self.note(needed, answer)
        return answer

    def note(self, needed: AnswerNeeded, answer: Predictions | WorkflowError) -> None:
        """Remember an answer, or the error that prevented it."""
        assert isinstance(needed, PredictionNeeded)
        self._answers.append((needed.endpoint.name, needed.question, answer))
