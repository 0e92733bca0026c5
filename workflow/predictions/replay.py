"""Predictions of a query that may have to be run again: what was answered once is answered alike the next time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from workflow.errors import WorkflowError
from workflow.predictions.base import EndpointRecord, ModelCard, Predictions, PredictionService, Question


class AnswerNeeded(BaseException):
    """Stops a query at a question that has no answer yet; run it again when ``Replay.note`` has it.

    Not an ``Exception``, so that no step of a query takes it for a failure of its own.
    """

    def __init__(self, endpoint: EndpointRecord, question: Question) -> None:
        super().__init__(endpoint.name)
        self.endpoint, self.question = endpoint, question


class Replay:
    """A PredictionService for one query, which belongs to one thread at a time.

    Args:
        service: who answers.
        suspends: an unanswered question stops the query with ``AnswerNeeded``; otherwise it is asked at once.
    """

    def __init__(self, service: PredictionService, *, suspends: bool = False) -> None:
        self._service = service
        self._answers: list[tuple[str, Question, Predictions | WorkflowError]] = []
        self.suspends = suspends
        self.waiting: Callable[[], AbstractContextManager[None]] = nullcontext
        """What surrounds a call of the endpoint: whoever runs the query lets go there what others wait for."""

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
        needed = AnswerNeeded(endpoint, question)
        if self.suspends:
            raise needed
        with self.waiting():
            return self.ask(needed)

    def ask(self, needed: AnswerNeeded) -> Predictions:
        """Ask now, and remember the answer."""
        answer = self._service.predict(needed.endpoint, needed.question)
        self.note(needed, answer)
        return answer

    def note(self, needed: AnswerNeeded, answer: Predictions | WorkflowError) -> None:
        """Remember an answer, or why there is none."""
        self._answers.append((needed.endpoint.name, needed.question, answer))
