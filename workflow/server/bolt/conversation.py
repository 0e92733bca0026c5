"""One Bolt connection after its handshake: messages, states, transactions.

Source: the Bolt protocol specification, server states. Messages are answered in order. RESET is seen when it arrives:
it cancels what runs, and whatever came before it is ignored.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from time import monotonic
from typing import Any, Final, TypeVar

from workflow.cypher.wire.framing import BoltVersion, Dechunker, MessageTooLong
from workflow.cypher.wire.messages import SYSTEM, BoltMessage, Tag, failure, ignored, read_message, success
from workflow.cypher.wire.packstream import BadPackStream
from workflow.cypher.wire.structures import Structures
from workflow.errors import UnsupportedOperation, WorkflowError
from workflow.queries.running import Caller, RunningQuery
from workflow.queries.sessions import QuerySession
from workflow.server.access.budget import OverBudget, WorkerHolding
from workflow.server.access.pacing import PIECE_BYTES
from workflow.server.access.signatures import NotAuthenticated
from workflow.server.bolt.failures import TransactionEnded, UnexpectedMessage, failure_members
from workflow.server.bolt.results import BoltResult, fresh_bookmark
from workflow.server.bolt.service import BoltService
from workflow.server.cypher.execution import BoltSession, CypherRequest
from workflow.server.query_failures import known

Answer = TypeVar("Answer")

LARGE_MESSAGE: Final = 64 * 1024  # reading one of these takes long enough to keep other connections waiting
IN_A_ROW: Final = 16  # messages that may be answered before every other connection has its turn
MOST_WAITING: Final = 256  # messages that were read and not answered yet
SEND_TIMEOUT_S: Final = 120.0
LOGIN_S: Final = 20.0
IDLE_TRANSACTION_S: Final = 600.0
_LOGON_FROM: Final = BoltVersion(5, 1)
_READS_MODE: Final = "r"
_LEAST_TOLD: Final = "notifications_minimum_severity"


class BoltConversation:
    """The server's side of one connection.

    Args:
        service: what all connections share.
        version: as the handshake agreed.
    """

    def __init__(
        self, service: BoltService, version: BoltVersion, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.service = service
        self.version = version
        self._reader, self._writer = reader, writer
        self._dechunker = Dechunker(service.most_bytes_before_login)
        self._structures = Structures(element_ids=version >= (5, 0), utc=version >= (5, 0))
        peer = writer.get_extra_info("peername") or ("", "")
        address = peer[0]
        self._client = f"{peer[0]}:{peer[1]}"
        self._connection = ""
        self._asked_for, self._sending = (service.budget.account(str(address)) for _ in range(2))
        self._inbox: deque[tuple[BoltMessage | Exception, int]] = deque()
        self._unanswered = 0  # bytes of messages that were read
        self._answering = 0  # those of the message that is being answered
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._gone = False
        self._resets = 0  # that came and were not answered yet
        self._failed = False
        self._greeted = False
        self._user: str | None = None
        self._address = ""
        self._results: dict[int, BoltResult] = {}
        self._latest = -1
        self._session: BoltSession | None = None
        self._database = ""
        self._graph = ""
        self._silent = False  # the client wants no notifications
        self._told_silent = False  # or none of this transaction
        self._metadata: Mapping[str, Any] = {}  # that the client gave to the transaction
        self._mode = ""
        self._until: float | None = None  # of the transaction
        self._ended: WorkflowError | None = None
        self._running: RunningQuery | None = None

    # -- bytes and messages

    async def converse(self) -> None:
        """Until one of both has enough."""
        reading = asyncio.ensure_future(self._read())
        try:
            for turn in count():
                message = await self._next()
                if message is None or not await self._answered(message):
                    return
                if not turn % IN_A_ROW:
                    await asyncio.sleep(0)
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await self._leave()

    async def _read(self) -> None:
        """Take messages as they come, while the one before is being answered."""
        try:
            while data := await self._reader.read(PIECE_BYTES):
                self._dechunker.most_bytes = (
                    self.service.most_bytes_before_login if self._user is None else self.service.most_bytes
                )
                whole = self._dechunker.feed(data)
                self._unanswered += sum(map(len, whole))
                if not self._count():
                    raise self._asked_for.refusal()
                for one in whole:
                    await self._take(one)
                if len(self._inbox) >= MOST_WAITING:
                    self._room.clear()
                    await self._room.wait()
                await asyncio.sleep(0)  # what is there already is read without a pause
        except (BadPackStream, MessageTooLong, OverBudget) as error:
            self._inbox.append((error, 0))
        except OSError:
            pass
        finally:
            self._gone = True
            if self._running is not None:
                self._running.cancelled.set()
            self._arrived.set()

    async def _take(self, data: bytes) -> None:
        build = self._structures.built
        if len(data) < LARGE_MESSAGE:
            message = read_message(data, build)
        else:
            message = await self._in_worker(lambda: read_message(data, build))
        if message.tag == Tag.RESET:
            self._resets += 1
            if self._running is not None:
                self._running.cancelled.set()
        self._inbox.append((message, len(data)))
        self._arrived.set()

    def _count(self) -> bool:
        """Note what came and was not answered; false where there is no room for it."""
        return self._asked_for.holds(self._unanswered + self._dechunker.held)

    async def _next(self) -> BoltMessage | None:
        """The next message; None at the end. A transaction that nobody uses meanwhile is undone."""
        self._unanswered -= self._answering
        self._answering = 0
        self._count()
        while not self._inbox:
            if self._gone:
                return None
            self._arrived.clear()
            limit = LOGIN_S if self._user is None else IDLE_TRANSACTION_S if self._session is not None else None
            try:
                async with asyncio.timeout(limit):
                    await self._arrived.wait()
            except TimeoutError:
                if self._user is None:
                    return None
                await self._undo()
                self._ended = TransactionEnded(
                    f"The transaction was undone: nobody used it for {IDLE_TRANSACTION_S:.0f} s"
                )
        message, self._answering = self._inbox.popleft()
        if len(self._inbox) < MOST_WAITING // 2:
            self._room.set()
        if isinstance(message, Exception):
            await self._send(failure(failure_members(known(message), self.version)))
            return None
        return message

    async def _send(self, *messages: bytes) -> None:
        self._writer.write(b"".join(messages))
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._writer.drain()
        self._sending.holds(self._writer.transport.get_write_buffer_size())

    async def _succeed(self, members: dict[str, Any] | None = None) -> None:
        await self._send(success(members, self._structures.of))

    async def _in_worker(self, work: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self.service.workers, work)

    # -- states

    async def _answered(self, message: BoltMessage) -> bool:
        """Answer a message; false where the connection ends."""
        if message.tag == Tag.GOODBYE:
            return False
        if message.tag == Tag.RESET and self._user is not None:
            self._resets -= 1
            await self._reset()
            await self._succeed()
            return True
        if self._failed or self._resets:
            await self._send(ignored())
            return True
        try:
            await self._handle(message)
        except (OSError, TimeoutError):
            return False
        except Exception as error:  # noqa: BLE001 - the edge of a request
            return await self._fail(error)
        return True

    async def _fail(self, error: Exception) -> bool:
        """Say what is wrong, unless a RESET waits: then it is ignored. False where nothing can follow."""
        self._failed = True
        if self._resets:
            await self._send(ignored())
            return True
        found = known(error)
        await self._send(failure(failure_members(found, self.version)))
        return self._user is not None and not isinstance(found, UnexpectedMessage)

    async def _handle(self, message: BoltMessage) -> None:
        tag, fields = message.tag, message.fields
        if self._user is None:
            if tag == Tag.HELLO and not self._greeted:
                return await self._hello(fields[0])
            if tag == Tag.LOGON and self._greeted:
                return await self._logon(fields[0])
            raise UnexpectedMessage(f"{tag.name} cannot come before the client has said who it is")
        if self._ended is not None:
            ended, self._ended = self._ended, None
            raise ended
        match tag:
            case Tag.RUN if self._session is not None or not self._results:
                await self._run(*fields)
            case Tag.PULL if self._results:
                await self._pull(fields[0])
            case Tag.DISCARD if self._results:
                await self._discard(fields[0])
            case Tag.BEGIN if self._session is None and not self._results:
                self._begin(fields[0])
                await self._succeed({"db": self._database} if self.version >= (5, 8) else None)
            case Tag.COMMIT if self._session is not None:
                await self._commit()
            case Tag.ROLLBACK if self._session is not None:
                await self._undo()
                await self._succeed()
            case Tag.ROUTE if self._session is None:
                await self._route(*fields)
            case Tag.TELEMETRY if self._session is None:
                await self._succeed()
            case Tag.LOGOFF if self._session is None and not self._results and self.version >= _LOGON_FROM:
                self._user = None
                await self._succeed()
            case _:
                raise UnexpectedMessage(f"{tag.name} cannot come now")
        return None

    # -- who is there

    async def _hello(self, members: dict[str, Any]) -> None:
        self._greeted = True
        self._silent = members.get(_LEAST_TOLD) == "OFF"
        routing = members.get("routing")
        self._address = str(routing.get("address", "")) if isinstance(routing, dict) else ""
        self._connection = f"bolt-{self.service.next_number()}"
        told: dict[str, Any] = {
            "server": self.service.agent,
            "connection_id": self._connection,
            "hints": {},
        }
        if self.version < (5, 0) and "utc" in (members.get("patch_bolt") or ()):
            self._structures = Structures(element_ids=False, utc=True)
            told["patch_bolt"] = ["utc"]
        if self.version < _LOGON_FROM:
            self._user = await self._who(members)
        await self._succeed(told)

    async def _logon(self, members: dict[str, Any]) -> None:
        self._user = await self._who(members)
        await self._succeed()

    async def _who(self, members: dict[str, Any]) -> str:
        """The user. Raises NotAuthenticated."""
        scheme, user, secret = (str(members.get(key) or "") for key in ("scheme", "principal", "credentials"))
        if not self.service.policy.authenticates:
            return user or "anonymous"
        if scheme != "basic":
            raise NotAuthenticated(f"The service asks for a user and a password, not for the scheme {scheme[:40]!r}")
        return await self._in_worker(lambda: self.service.check(user, secret))

    # -- queries

    def _options(self, extra: dict[str, Any]) -> None:
        """What RUN and BEGIN say about where and how."""
        if extra.get("imp_user"):
            raise UnsupportedOperation("Nobody can act as somebody else here; leave the impersonated user out")
        self._database, self._graph = self.service.database(str(extra.get("db") or ""))
        self._mode = _READS_MODE if self._database == SYSTEM else str(extra.get("mode") or "w")
        self._told_silent = extra.get(_LEAST_TOLD) == "OFF"
        given = extra.get("tx_metadata")
        self._metadata = given if isinstance(given, Mapping) else {}
        timeout = extra.get("tx_timeout")
        self._until = monotonic() + timeout / 1000 if isinstance(timeout, int) and timeout > 0 else None

    def _begin(self, extra: dict[str, Any]) -> None:
        self._options(extra)
        self._session = QuerySession(str(uuid.uuid4()))

    async def _run(self, text: str, parameters: dict[str, Any], extra: dict[str, Any]) -> None:
        if self._session is None:
            self._options(extra)
        for one in self._results.values():  # those of a transaction, whose rows the client has not taken yet
            await self._watched(one.running, one.drain)
        left_ms = None if self._until is None else max(1.0, 1000 * (self._until - monotonic()))
        read_only = self._mode == _READS_MODE
        user = (self._user or "") if self.service.policy.authenticates else ""
        request = CypherRequest(text, parameters, self._graph, read_only, left_ms, blocks=True, user=user)
        running = self.service.runner.registry.accept(text)
        running.caller = Caller(user, self._client, self._connection, self._metadata)
        session = self._session
        begun_at = monotonic()
        try:
            result = await self._watched(running, lambda: self.service.runner.result(request, running, session))
        except BaseException:
            self.service.runner.registry.finish(running)
            raise
        self._latest = 0 if session is None else self._latest + 1
        whole = session is not None or result.plan.writes
        account = WorkerHolding(self._asked_for.another())
        self._results[self._latest] = BoltResult(result, running, self._structures.of, account, whole=whole)
        told: dict[str, Any] = {"fields": list(result.columns), "t_first": round(1000 * (monotonic() - begun_at))}
        if session is not None:
            told["qid"] = self._latest
        elif self.version >= (5, 8):
            told["db"] = self._database
        await self._succeed(told)

    async def _watched(self, running: RunningQuery, work: Callable[[], Answer]) -> Answer:
        """Blocking work that a RESET and the end of the connection cancel."""
        self._running = running
        try:
            if self._resets or self._gone:
                running.cancelled.set()
            return await self._in_worker(work)
        finally:
            self._running = None

    async def _pull(self, members: dict[str, Any]) -> None:
        number, result, left = self._asked(members)
        while True:
            try:
                part, more = await self._watched(result.running, lambda left=left: result.take(left))  # type: ignore[misc]
            except BaseException:
                self._forget(number)
                raise
            if not self._sending.holds(self._writer.transport.get_write_buffer_size() + sum(map(len, part))):
                self._forget(number)
                await self._in_worker(result.close)
                raise self._sending.refusal()
            await self._send(*part)
            left = left if left < 0 else left - len(part)
            if not more:
                return await self._end(number)
            if not left:
                return await self._succeed({"has_more": True})

    async def _discard(self, members: dict[str, Any]) -> None:
        number, result, left = self._asked(members)
        try:
            if left < 0:
                await self._watched(result.running, result.discard)
                return await self._end(number)
            more = True
            while more and left:
                part, more = await self._watched(result.running, lambda left=left: result.take(left))  # type: ignore[misc]
                left -= len(part)
        except BaseException:
            self._forget(number)
            raise
        return await (self._succeed({"has_more": True}) if more else self._end(number))

    def _asked(self, members: dict[str, Any]) -> tuple[int, BoltResult, int]:
        """The result that PULL and DISCARD mean, and how many rows of it."""
        number, count = members.get("qid", -1), members.get("n", -1)
        number = self._latest if number in (-1, None) else number
        if number not in self._results or not isinstance(count, int) or count < -1 or not count:
            raise UnexpectedMessage(f"There is no open result {number!r}, or {count!r} is no number of rows")
        return number, self._results[number], count

    async def _end(self, number: int) -> None:
        result = self._forget(number)
        bookmark = fresh_bookmark() if self._session is None else None
        notifies = not self._silent and not self._told_silent
        await self._succeed(result.summary(self.version, self._database, bookmark, notifies=notifies))

    def _forget(self, number: int) -> BoltResult:
        result = self._results.pop(number)
        result.forget()
        self.service.runner.registry.finish(result.running)
        return result

    # -- transactions

    async def _commit(self) -> None:
        session, self._session = self._session, None
        assert session is not None
        try:
            for one in self._results.values():
                await self._watched(one.running, one.discard)
            await self._in_worker(session.commit)
        except BaseException:
            await self._in_worker(session.rollback)
            raise
        finally:
            await self._close_results()
        await self._succeed({"bookmark": fresh_bookmark()})

    async def _undo(self) -> None:
        session, self._session = self._session, None
        await self._close_results()
        if session is not None:
            await self._in_worker(session.rollback)

    async def _close_results(self) -> None:
        for number in list(self._results):
            await self._in_worker(self._forget(number).close)

    async def _reset(self) -> None:
        await self._undo()
        self._failed, self._ended, self._latest = False, None, -1

    async def _leave(self) -> None:
        """Undo what is open."""
        await asyncio.shield(self._undo())
        self._asked_for.close()
        self._sending.close()
        self._writer.close()

    # -- routing

    async def _route(self, context: dict[str, Any], bookmarks: list[Any], extra: Any) -> None:
        """Where to go: here, under the name by which the client came."""
        name = extra.get("db") if isinstance(extra, dict) else extra
        database, _ = self.service.database(str(name or ""))
        address = str(context.get("address") or self._address or self.service.address)
        servers = [{"addresses": [address], "role": role} for role in ("WRITE", "READ", "ROUTE")]
        await self._succeed({"rt": {"ttl": 300, "db": database, "servers": servers}})
