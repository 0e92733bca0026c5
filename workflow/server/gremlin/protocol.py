"""The 3.x sub-protocol without sockets: frames of one connection in, frames out.

``Conversation.receive`` decides what a frame means: an answer at once, or an ``AnswerStream`` of frames. The caller
runs jobs in worker threads and moves bytes; a test needs neither.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workflow.errors import WorkflowError
from workflow.graphs.elements import BulkedValue
from workflow.gremlin.traversal import Traversal
from workflow.gremlin.wire import GRAPHSON_V3, Codec, Dialect, Request, split_frame
from workflow.gremlin.wire.codecs import CODECS, Items
from workflow.predictions.question import Predictions
from workflow.predictions.replay import PredictionNeeded
from workflow.queries.attempts import Occupied, Settle
from workflow.queries.run import NotBrief
from workflow.queries.running import QueryRegistry, RunningQuery
from workflow.queries.suspension import AnswerNeeded
from workflow.server.gremlin.error_statuses import BadMessage, StatusCode, WrongCredentials, status_of
from workflow.server.gremlin.execution import GremlinSession, QueryRequest, QueryRunner, answer_options
from workflow.server.gremlin.known_queries import ReadQuery
from workflow.server.query_failures import known
from workflow.settings import Profile

DEFAULT_BATCH: Final = 64
MAX_BATCH: Final = 1_000_000
FRAME_BYTES: Final = 1024 * 1024  # a frame that has grown to this is sent; clients refuse messages beyond 10 MiB
LOOK_BYTES: Final = 2 * FRAME_BYTES  # an answer that is longer is not made where others wait for theirs
MAX_SESSIONS: Final = 64
STRANGERS_FRAME: Final = 256 * 1024  # nothing larger is read from a client that has not said who it is
# how long a session may stay open: Neptune's ten minutes, a Gremlin Server's eight hours
SESSION_LIFETIME_S: Final[dict[Profile, float]] = {"neptune": 600.0, "tinkerpop": 28_800.0}

Frame = bytes | str
Credentials = Callable[[str, str], bool]


class AnswerStream:
    """Work for a worker thread: iterate ``frames``, which blocks, and send each; ``running`` cancels it."""

    def __init__(self, answer: Callable[[], Iterator[Frame]], running: RunningQuery, registry: QueryRegistry) -> None:
        self.running = running
        self._answer, self._registry = answer, registry

    def frames(self) -> Generator[Frame]:
        """The answer, piece by piece."""
        try:
            yield from self._answer()
        finally:
            self.finish()

    def finish(self) -> None:
        """The query runs no more; due where ``frames`` were never begun. Finishing twice is fine."""
        self._registry.finish(self.running)


class LookJob(AnswerStream):
    """A brief query, which is tried without blocking first, by ``at_once``.

    Args:
        parts: its results, and what an endpoint has to be asked before they go on.
        encoded: turns results into frames; what they raise becomes a frame too.
    """

    def __init__(
        self,
        answer: Callable[[], Iterator[Frame]],
        running: RunningQuery,
        runner: QueryRunner,
        query: QueryRequest,
        read: ReadQuery,
        encoded: Callable[[Iterator[BulkedValue]], Iterator[Frame]],
    ) -> None:
        super().__init__(answer, running, runner.registry)
        self._runner, self._query, self._read, self._encoded = runner, query, read, encoded
        self.soon: list[Settle] = []
        """Waits until what was written is durable, which is before its answer may be sent."""
        self.occupied = False
        """Whether the last try would have had to wait for other writers."""
        self._begin()

    def _begin(self) -> None:
        self._parts = self._runner.look_results(self._query, self._read, self.running, self.soon)
        self._found: list[BulkedValue] = []

    def at_once(self) -> list[Frame] | PredictionNeeded | None:
        """All frames; what an endpoint has to be asked first; or None where only ``frames`` will do.

        None is for a remote graph, where others write, and for what comes to too much; whoever repeats that is not
        tried again.
        """
        if self.occupied:
            self._begin()
            self.occupied = False
        outcome = self._runner.at_once(self._query, self._read, self._advance)
        if outcome is None:
            self._parts.close()
        elif not isinstance(outcome, PredictionNeeded):
            self.finish()
        return outcome

    def lost(self, error: Exception) -> list[Frame]:
        """The answer where what was written could not be made durable."""
        return list(self._encoded(once_more([], error)))

    def note(self, needed: PredictionNeeded, answer: Predictions | WorkflowError) -> None:
        """Hand in what ``at_once`` asked for, then try again."""
        if self._read.answering is not None:
            self._read.answering.note(needed, answer)

    def frames(self) -> Generator[Frame]:
        if self._read.answering is not None:
            self._read.answering.suspends = False
        return super().frames()

    def finish(self) -> None:
        self._parts.close()
        super().finish()

    def _advance(self) -> list[Frame] | PredictionNeeded | None:
        failed: Exception | None = None
        try:
            for part in self._parts:
                if not isinstance(part, AnswerNeeded):
                    self._found.append(part)
                    continue
                assert isinstance(part, PredictionNeeded)  # nothing else is asked from here
                return part
        except NotBrief:
            self._read.known.look = False
            return None
        except Occupied:
            self.occupied = True
            return None
        except Exception as error:  # noqa: BLE001 - the edge of a request: becomes a frame
            failed = error
        frames: list[Frame] = []
        size = 0
        for frame in self._encoded(once_more(self._found, failed)):
            size += len(frame)
            if (
                size > LOOK_BYTES and self._read.answering is None and not self.soon
            ):  # a worker lets a slow client wait for the rest
                self._read.known.look = False
                return None
            frames.append(frame)
        return frames


def once_more(found: list[BulkedValue], failed: Exception | None) -> Iterator[BulkedValue]:
    """Results that were taken already, and what ended them."""
    yield from found
    if failed is not None:
        raise failed


@dataclass(frozen=True, slots=True)
class Challenge:
    """A request that waits until its sender has said who they are."""

    request: Request
    codec: Codec


class Conversation:
    """One connection: its sessions, and whether its client is known.

    Args:
        runner: runs queries.
        credentials: checks a user and a password; None lets everybody in.
        user_agent: what the client called itself; decides which date-times it can read.
    """

    def __init__(self, runner: QueryRunner, *, credentials: Credentials | None = None, user_agent: str = "") -> None:
        self.runner = runner
        self.profile: Profile = runner.profile
        self.sessions: dict[str, GremlinSession] = {}
        self._credentials = credentials
        self._authenticated = credentials is None
        self._challenge: Challenge | None = None
        self._expired: set[str] = set()
        self._legacy_dates = runner.profile == "neptune" or knows_no_offsets(user_agent)

    def receive(self, frame: bytes | str) -> list[Frame] | AnswerStream:
        """What to do with a frame: frames to send now, or a job. Never raises for what a client sends."""
        codec: Codec = CODECS[GRAPHSON_V3]
        request: Request | None = None
        try:
            if not self._authenticated and len(frame) > STRANGERS_FRAME:
                raise BadMessage(f"Say who you are with a frame of less than {STRANGERS_FRAME} bytes first")
            if isinstance(frame, str):
                request = codec.read_request(frame.encode("utf-8", "surrogatepass"))
            else:
                codec, start = split_frame(frame) if frame[:1] != b"{" else (codec, 0)
                request = self.runner.known_requests.read(codec, frame, start)
            return self._decide(request, codec)
        except Exception as error:  # noqa: BLE001 - the edge: whatever went wrong is this request's answer
            return [self._failure(known(error), codec, request)]

    def close(self, *, lost: bool = True) -> None:
        """The connection is gone: end its sessions. Blocks while transactions are undone."""
        sessions, self.sessions = self.sessions, {}
        for session in sessions.values():
            self.runner.close(session, lost=lost)

    def expire(self, now: float) -> float | None:
        """Roll back sessions that are open for too long; gives when to look again, None without sessions. Blocks."""
        lifetime = SESSION_LIFETIME_S[self.profile]
        for id, session in list(self.sessions.items()):
            if now >= session.begun_at + lifetime:  # as it was announced: the difference may be rounded
                self.sessions.pop(id, None)
                self._expired.add(id)
                self.runner.close(session, lost=True)
        return min((session.begun_at + lifetime for session in list(self.sessions.values())), default=None)

    def _decide(self, request: Request, codec: Codec) -> list[Frame] | AnswerStream:
        if request.op == "authentication":
            return self._authenticate(request, codec)
        if not self._authenticated:
            self._challenge = Challenge(request, codec)
            return [as_frame(codec, codec.response(request.id, StatusCode.AUTHENTICATE, "", {}, None))]
        return self._accept(request, codec)

    def _authenticate(self, request: Request, codec: Codec) -> list[Frame] | AnswerStream:
        challenge, self._challenge = self._challenge, None
        if self._authenticated and challenge is None:
            return [as_frame(codec, codec.response(request.id, StatusCode.SUCCESS, "", {}, b""))]
        user, password = plain_credentials(request.args.get("sasl"))
        if self._credentials is not None and not self._credentials(user, password):
            raise WrongCredentials
        self._authenticated = True
        if challenge is None:
            return [as_frame(codec, codec.response(request.id, StatusCode.SUCCESS, "", {}, b""))]
        return self._accept(challenge.request, challenge.codec)

    def _accept(self, request: Request, codec: Codec) -> list[Frame] | AnswerStream:
        if request.op == "close" and request.processor == "session":
            return self._close_session(request, codec)
        if request.op not in ("eval", "bytecode"):
            raise BadMessage(f"Message with op code [{request.op}] is not recognized.", StatusCode.MALFORMED_REQUEST)
        if request.processor not in ("", "traversal", "session"):
            raise BadMessage(f"There is no processor named [{request.processor}]", StatusCode.MALFORMED_REQUEST)
        query = self.runner.known_requests.meaning(request, query_of)
        if request.values:
            query = query.with_values(request.values)
        session = self._session(request) if request.processor == "session" else None
        running = self.runner.registry.accept(query.text, str(request.id))
        read = self.runner.read(query) if session is None else None

        def encoded(found: Iterator[BulkedValue]) -> Iterator[Frame]:
            return self._answer(request, codec, query, running, found)

        def answer() -> Iterator[Frame]:
            return encoded(self.runner.results(query, running, session, read))

        if read is None or not read.known.look:
            return AnswerStream(answer, running, self.runner.registry)
        return LookJob(answer, running, self.runner, query, read, encoded)

    def _session(self, request: Request) -> GremlinSession:
        id = request.args.get("session")
        if id is None:
            raise BadMessage(f"A message with an [{request.op}] op code requires a [session] argument")
        session = self.sessions.get(str(id))
        if str(id) in self._expired:
            lifetime = SESSION_LIFETIME_S[self.profile]
            raise BadMessage(f"Session {id} was open for longer than {lifetime:g} s and has been rolled back")
        if session is None:
            if len(self.sessions) >= MAX_SESSIONS:
                raise BadMessage(f"This connection has {MAX_SESSIONS} open sessions; close one first")
            session = self.sessions[str(id)] = GremlinSession(str(id))
        return session

    def _close_session(self, request: Request, codec: Codec) -> list[Frame] | AnswerStream:
        session = self.sessions.pop(str(request.args.get("session")), None)
        answer = as_frame(codec, codec.response(request.id, StatusCode.NO_CONTENT))
        if session is None:
            return [answer]
        running = self.runner.registry.accept(f"close of session {session.id}")

        def answers() -> Iterator[Frame]:
            try:
                self.runner.close(session)
                yield answer
            except Exception as error:  # noqa: BLE001 - the edge of a request
                yield self._failure(known(error), codec, request)

        return AnswerStream(answers, running, self.runner.registry)

    def _answer(
        self, request: Request, codec: Codec, query: QueryRequest, running: RunningQuery, results: Iterator[BulkedValue]
    ) -> Iterator[Frame]:
        try:
            args = {**request.args, **answer_options(query)}
            items = codec.items(Dialect(materializes(args, custom=self.profile == "tinkerpop"), self._legacy_dates))
            for code, data, count in batches(
                results, items, batch_size(args), running, traversers=request.op == "bytecode"
            ):
                yield as_frame(codec, codec.response(request.id, code, "", None, data, count))
        except GeneratorExit:
            results.close()  # type: ignore[attr-defined]  # a generator, which Iterator does not say
            raise
        except Exception as error:  # noqa: BLE001 - the edge of a request
            yield self._failure(known(error), codec, request)

    def _failure(self, error: WorkflowError, codec: Codec, request: Request | None) -> Frame:
        id = None if request is None else request.id
        bytecode = request is not None and request.op == "bytecode"
        status = status_of(error, self.profile, id, bytecode=bytecode)
        return as_frame(codec, codec.response(id, status.code, status.message, status.attributes, None))


def batches(
    results: Iterator[BulkedValue], items: Items, batch: int, running: RunningQuery, *, traversers: bool
) -> Iterator[tuple[int, bytes | None, int]]:
    """Status, data and count of each frame: every one but the last is partial; nothing at all is 204.

    A frame ends at ``batch`` results or when it has grown to ``FRAME_BYTES``. The last one is given only after the
    results have ended, which is when the query is committed.
    """
    for traverser in results:
        if items.count >= batch or items.size >= FRAME_BYTES:
            yield StatusCode.PARTIAL_CONTENT, *items.take()
        if traversers:
            items.add_traverser(traverser.value, traverser.bulk)
            continue
        items.add(traverser.value)
        copies = traverser.bulk - 1
        while copies > 0:
            if items.count >= batch or items.size >= FRAME_BYTES:
                running.check()
                yield StatusCode.PARTIAL_CONTENT, *items.take()
                items.add(traverser.value)
                copies -= 1
                continue
            each = items.repeat(1)
            room = min(copies - 1, batch - items.count, (FRAME_BYTES - items.size) // each)
            if room > 0:
                items.repeat(room)
            copies -= 1 + max(0, room)
    if items.count:
        yield StatusCode.SUCCESS, *items.take()
    else:
        yield StatusCode.NO_CONTENT, None, 0


def as_frame(codec: Codec, message: bytes) -> Frame:
    """GraphSON goes as text, GraphBinary as bytes."""
    return message if codec.binary else message.decode("ascii")


def query_of(request: Request) -> QueryRequest:
    """The query in a request's arguments; raises BadMessage."""
    gremlin = request.args.get("gremlin")
    if request.op == "bytecode":
        if not isinstance(gremlin, Traversal):
            raise BadMessage("A message with [bytecode] op code requires a [gremlin] argument of type Bytecode.")
    elif not isinstance(gremlin, str):
        raise BadMessage("A message with an [eval] op code requires a [gremlin] argument.")
    aliases = mapping_argument(request.args, "aliases")
    if request.op == "bytecode" and set(aliases) != {"g"}:
        raise BadMessage(
            "A message with [bytecode] op code requires the [aliases] argument to be a Map containing one alias "
            "assignment named 'g'."
        )
    bindings = mapping_argument(request.args, "bindings")
    for name in ("evaluationTimeout", "scriptEvaluationTimeout"):
        timeout = request.args.get(name)
        if timeout is not None:
            break
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout != timeout
    ):
        raise BadMessage(f"The [{name}] argument must be a number of milliseconds")
    return QueryRequest(
        gremlin,
        {str(name): str(source) for name, source in aliases.items()},
        bindings,
        timeout,
        request.lambdas,
        repeated=request.repeated,
    )


def mapping_argument(args: Mapping[str, Any], name: str) -> Mapping[Any, Any]:
    """A map among the arguments, empty where absent; raises BadMessage."""
    value = args.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise BadMessage(f"The [{name}] argument must be a Map with String keys")
    return value


def batch_size(args: Mapping[str, Any]) -> int:
    asked = args.get("batchSize")
    if isinstance(asked, int) and not isinstance(asked, bool) and asked > 0:
        return min(asked, MAX_BATCH)
    return DEFAULT_BATCH


def materializes(args: Mapping[str, Any], *, custom: bool) -> bool:
    """Whether elements carry properties: a client's wish, else the custom of its way here.

    Over HTTP they do, in every format. Over WebSocket Neptune sends references, and a Gremlin Server of 3.7 properties.
    """
    asked = args.get("materializeProperties")
    return custom if asked is None else asked == "all"


def knows_no_offsets(user_agent: str) -> bool:
    """Whether a driver is older than 3.8, which brought date-times with an offset.

    Drivers name themselves ``<application> Gremlin-<language>.<version> …``; who says nothing is taken for new.
    """
    _, found, rest = user_agent.partition("Gremlin-")
    numbers = rest.partition(" ")[0].split(".")[1:3]
    if not found or len(numbers) < 2 or not all(part.isdigit() for part in numbers):
        return False
    return (int(numbers[0]), int(numbers[1])) < (3, 8)


def plain_credentials(sasl: object) -> tuple[str, str]:
    """User and password out of a SASL PLAIN response, base64 text or bytes; raises WrongCredentials."""
    try:
        data = sasl if isinstance(sasl, bytes) else base64.b64decode(str(sasl), validate=True)
        _, user, password = data.decode("utf-8").split("\0")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise WrongCredentials from None
    return user, password
