"""Brief queries of one WebSocket answered where their message arrives, without waking the connection's task."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from workflow import tracing
from workflow.predictions.replay import PredictionNeeded
from workflow.server.access.brief_work import BriefWork
from workflow.server.access.sockets import PatientSocket
from workflow.server.gremlin.protocol import AnswerStream, Conversation, Frame, LookJob
from workflow.server.gremlin.settling import Settling

Outcome = list[Frame] | PredictionNeeded | None
"""Of a first try: all frames, what an endpoint has to be asked, or nothing where it needs a worker."""


class Left(NamedTuple):
    """What was found out of a message that its connection's task gets after all."""

    decision: list[Frame] | AnswerStream
    outcome: Outcome


class Arrivals:
    """Answers brief messages at once while the connection's task only waits for the next. Belongs to the event loop.

    The task says with ``waiting`` when it does, and asks ``left`` for what was already found out of a message that it
    gets after all. A note is not answered before its commit is durable; messages that come meanwhile are the task's,
    which lets that answer go first.
    """

    def __init__(
        self, conversation: Conversation, settling: Settling, brief: BriefWork, socket: PatientSocket | None
    ) -> None:
        self._conversation, self._settling, self._brief, self._socket = conversation, settling, brief, socket
        self.waiting = False
        """Whether the connection has nothing else to do."""
        self._left: Left | None = None
        self._answered: asyncio.Future[None] | None = None
        self._settles = False
        if socket is not None:
            socket.taker = self

    def take(self, data: Frame) -> bool:
        """Answer a message; what was found out of one that needs more is left to the task."""
        if not self.waiting or self._settles or tracing.is_on() or not self._brief.may():
            return False
        decision = self._conversation.receive(data)
        outcome: Outcome = None
        if isinstance(decision, LookJob):
            try:
                outcome = decision.at_once()
                if isinstance(outcome, list) and self._answer(outcome, decision):
                    return True
            except BaseException:
                decision.finish()
                raise
        elif isinstance(decision, list) and self._answer(decision):
            return True
        self._left, self.waiting = Left(decision, outcome), False
        return False

    def left(self) -> Left | None:
        """What ``take`` has found out of the message that the task has got now; asked once."""
        left, self._left = self._left, None
        return left

    async def settled(self) -> None:
        """Returns when no answer waits for the disk."""
        if self._settles:
            self._answered = asyncio.get_running_loop().create_future()
            await self._answered

    def close(self) -> None:
        """The task ends, and nobody is shown messages any more."""
        self.waiting = False
        if self._socket is not None:
            self._socket.taker = None
            self._socket = None

    def _answer(self, frames: list[Frame], job: LookJob | None = None) -> bool:
        socket, soon = self._socket, job.soon if job is not None else []
        if socket is None or len(soon) > 1 or not socket.has_room(frames):
            return False
        if not soon:
            socket.answer_now(frames)
            return True

        def told(error: Exception | None) -> None:
            self._settles = False
            socket.answer_now(frames if error is None or job is None else job.lost(error))
            if self._answered is not None and not self._answered.done():
                self._answered.set_result(None)

        self._settles = True
        self._settling.settle(soon[0], told)
        return True
