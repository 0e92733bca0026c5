"""Suspended until answered: a query that needs an answer from outside the graph, and whoever asks for it.

A step asks the query's ``Answering``. While that suspends, a question without an answer stops the whole query with
``AnswerNeeded``: nothing of it runs while the answer is fetched. Then it runs again, and what was
answered once is answered alike.
"""

from __future__ import annotations

from typing import Any, Protocol


class AnswerNeeded(BaseException):
    """Stops a query at a question that has no answer yet; run it again when ``Answering.note`` has it.

    Not an ``Exception``, so that no step of a query takes it for a failure of its own. ``question`` is whatever the
    ``Answering`` that raised it understands.
    """

    def __init__(self, question: Any) -> None:
        super().__init__(question)
        self.question = question


class Answering(Protocol):
    """The answers from outside of one query, which belongs to one thread at a time.

    ``suspends``: an unanswered question stops the query with ``AnswerNeeded``; otherwise it is asked at once.
    """

    suspends: bool

    def ask(self, needed: AnswerNeeded) -> Any:
        """Ask now, and remember the answer; raises what the asking raises."""

    def note(self, needed: AnswerNeeded, answer: Any) -> None:
        """Remember an answer, or the error in its place."""
