"""A remote Gremlin database, through gremlinpython: what can be asked of it, and the export of it.

Written for what all of Gremlin Server, Neptune and JanusGraph answer: GraphSON 3, plain values instead of elements
(JanusGraph's edge ids are of a type of its own), one request at a time on a connection.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

from workflow.errors import (
    AccessDenied,
    BadRequest,
    ExportFailed,
    QueryFailed,
    TimeLimitExceeded,
    WorkflowError,
)
from workflow.graphs.source import EdgeKind, EdgeRecord, GraphPart, LabelSet, NodeRecord, RecordRuns, Snapshot
from workflow.graphs.sources.sigv4 import Signer
from workflow.values.numbers import Byte, Float, Long

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_K = TypeVar("_K")

PAGE = 2000
LONGEST_PAGE = 20_000
PAGES_A_READER = 4  # so that none is left alone at the end
MAX_MESSAGE_BYTES = 100 * 1024 * 1024
_SEPARATOR = "::"
_END = object()


class DatabaseUnreachable(BadRequest):
    """A remote database that cannot be connected to."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"the database at {url} cannot be reached: {reason}; check the address and that it runs")
        self.url, self.reason = url, reason


class MessageFormat(Protocol):
    """How requests become bytes and answers values: gremlinpython's seam for serializers."""

    def serialize_message(self, request_id: str, request_message: Any) -> bytes: ...
    def deserialize_message(self, message: bytes) -> dict[str, Any]: ...


class GremlinDatabase:
    """Connections to one database. Safe to share between threads; connects when first asked."""

    def __init__(
        self,
        url: str,
        *,
        source: str = "g",
        connections: int = 8,
        message_format: MessageFormat | None = None,
        sign: Signer | None = None,
    ) -> None:
        """
        Args:
            url: ``ws://`` or ``wss://``, with or without ``/gremlin``; ``user:password@`` before the host logs in.
            source: the traversal source on the other side.
            message_format: by default gremlinpython's GraphSON 3.
            sign: gives the headers of a handshake; each connection is signed anew, for a signature lives for minutes.
        """
        self.url, self._username, self._password = _address(url)
        self.source, self._connections = source, connections
        self._format, self._sign = message_format, sign
        self._client: Any = None
        self._lock = threading.Lock()  # guards the making of _client, which may then be shared

    @property
    def host(self) -> str:
        """The name clients give as ``endpoint`` of an export."""
        return urlsplit(self.url).hostname or ""

    def text(self, query: str, bindings: Mapping[str, Any] | None = None) -> list[Any]:
        """All results of a query as text. Raises DatabaseUnreachable, or what ``remote_error`` makes of the answer."""
        return list(self.rows(query, bindings))

    def rows(self, query: str, bindings: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """The same one by one, as they arrive."""
        args: dict[str, Any] = {"gremlin": query, "aliases": {"g": self.source}}
        if bindings:
            args["bindings"] = dict(bindings)
        for batch in self.submit("eval", "", args):
            yield from batch

    def submit(self, op: str, processor: str, args: Mapping[str, Any], *, repeatable: bool = True) -> Iterator[Any]:
        """One request; gives the data of each answer frame.

        Args:
            repeatable: whether the request may be sent again over a fresh connection when an idle one turns out dead.
        """
        from gremlin_python.driver.protocol import GremlinServerError

        frames = 0
        while True:
            client, fresh = self._connected()
            try:
                for frame in self._frames(client, op, processor, args):
                    frames += 1
                    yield frame
                return
            except GremlinServerError as error:
                if "disconnected" not in str(error.status_message) or fresh or frames or not repeatable:
                    raise remote_error(error.status_code, str(error.status_message)) from error
            except (OSError, RuntimeError) as error:  # aiohttp's errors are OSErrors, a closed transport RuntimeError
                if fresh or frames or not repeatable:
                    raise DatabaseUnreachable(self.url, str(error) or type(error).__name__) from error
            except Exception as error:
                # gremlinpython's own way to say that the handshake was answered with an HTTP error
                if "HTTP Error code 403" not in str(error):
                    raise
                raise AccessDenied(
                    f"the database at {self.url} refused the connection: check the credentials and their policy, and "
                    "let a Neptune cluster with IAM authentication be spoken to with --gremlin-sign"
                ) from error
            _log.info("the connection to %s was lost; connecting again", self.url)
            self._drop(client)

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _frames(self, client: Any, op: str, processor: str, args: Mapping[str, Any]) -> Iterator[Any]:
        from gremlin_python.driver.request import RequestMessage

        results = client.submit(RequestMessage(processor, op, {**args, "requestId": str(uuid.uuid4())}))
        # the result set's own iterator spins on a core while it waits
        results.done.add_done_callback(lambda done: results.stream.put(_END))
        while (frame := results.stream.get()) is not _END:
            yield frame
        results.done.result()  # raises what went wrong on the way

    def _connected(self) -> tuple[Any, bool]:
        """The client, and whether it has never been used."""
        with self._lock:
            if self._client is not None:
                return self._client, False
            # it logs every refused query as an error, with the stack of the other side
            logging.getLogger("gremlinpython").setLevel(logging.CRITICAL)
            from gremlin_python.driver.client import Client
            from gremlin_python.driver.serializer import GraphSONSerializersV3d0

            signed = {} if self._sign is None else {"transport_factory": _signing(self._sign)}
            self._client = Client(
                self.url,
                self.source,
                pool_size=self._connections,
                username=self._username,
                password=self._password,
                message_serializer=self._format or GraphSONSerializersV3d0(),
                max_content_length=MAX_MESSAGE_BYTES,
                **signed,
            )
            return self._client, True

    def _drop(self, client: Any) -> None:
        with self._lock:
            if self._client is client:
                self._client = None
        client.close()


def _signing(sign: Signer) -> Callable[[], Any]:
    """What makes gremlinpython's transport, with a signature of its own for each connection."""
    from gremlin_python.driver.aiohttp.transport import AiohttpTransport

    class SigningTransport(AiohttpTransport):  # type: ignore[misc]  # gremlinpython is not typed
        """One connection, signed when it is made."""

        def connect(self, url: str, headers: Mapping[str, str] | None = None) -> None:
            super().connect(url, headers={**(headers or {}), **sign(url)})

    return lambda: SigningTransport(max_content_length=MAX_MESSAGE_BYTES)


def remote_error(status: int, message: str) -> WorkflowError:
    """Translate an error of the database into one of ours; Neptune's come as JSON in the message."""
    text = message
    try:
        detail = json.loads(message)
        text = str(detail["detailedMessage"])
    except (ValueError, KeyError, TypeError):
        pass
    if status in (401, 403, 407):
        return AccessDenied(f"the database refused: {text}")
    if status == 598:
        return TimeLimitExceeded(text)
    return QueryFailed(text) if status >= 500 else BadRequest(text)


class GremlinSourceDriver:
    """Implements ``SourceDriver`` for a Gremlin database."""

    def __init__(self, database: GremlinDatabase, checked: Callable[[str, Literal["V", "E"]], str]) -> None:
        """
        Args:
            checked: gives the text of a filter that the database may be sent, or raises InvalidParameter.
        """
        self.host, self.close = database.host, database.close
        self._database, self._checked = database, checked

    def open(self, part: GraphPart) -> GremlinSource:
        nodes, edges = part.texts("gremlin")
        nodes, edges = self._checked(nodes, "V"), self._checked(edges, "E")
        return GremlinSource(self._database, part.concurrency, nodes=nodes, edges=edges)


class GremlinSource:
    """A GraphSource over a remote database.

    Remote databases give no snapshot over several requests, so the counts are read first and the export checks itself
    against them: a graph that changes meanwhile is noticed. With a concurrency of 1 nodes and edges are one query each.
    """

    def __init__(
        self, database: GremlinDatabase, concurrency: int = 4, page: int = PAGE, nodes: str = "", edges: str = ""
    ) -> None:
        """
        Args:
            nodes: Gremlin steps to stand behind ``V()``, checked by the caller; empty for all nodes.
            edges: the same behind ``E()``.
        """
        self._open = partial(
            RemoteSnapshot, database, concurrency, page, _chained("g.V()", nodes), _chained("g.E()", edges)
        )

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        yield self._open()


class RemoteSnapshot(RecordRuns):
    """The counts of a database when it was first asked, and a stream of what it holds."""

    def __init__(self, database: GremlinDatabase, concurrency: int, page: int, nodes: str, edges: str) -> None:
        """``nodes`` and ``edges`` are the traversals that give them."""
        self._database, self._concurrency, self._page = database, concurrency, page
        self._all_nodes, self._all_edges = nodes, edges
        self._nodes: dict[str, int] | None = None  # by label as the database writes it
        self._edges: dict[tuple[str, str, str], int] | None = None

    def node_counts(self) -> dict[LabelSet, int]:
        return _added((labels_of(label), count) for label, count in self._counted_nodes().items())

    def edge_counts(self) -> dict[EdgeKind, int]:
        return _added((_kind(*names), count) for names, count in self._counted_edges().items())

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        counts = self._counted_nodes()
        wanted = [label for label in counts if only is None or labels_of(label) in only]
        rest = ".project('i','l','p').by(id()).by(label()).by(valueMap())"
        for one in self._pages(self._all_nodes, wanted, counts.keys(), rest, sum(counts[label] for label in wanted)):
            yield NodeRecord(id_text(one["i"]), labels_of(one["l"]), _several(one["p"]))

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        counts = self._counted_edges()
        labels = {label for _, label, _ in counts}
        wanted = sorted({names[1] for names in counts if only is None or _kind(*names) in only})
        total = sum(count for names, count in counts.items() if names[1] in wanted)
        rest = (
            ".project('i','l','f','fl','t','tl','p').by(id()).by(label())"
            ".by(outV().id()).by(outV().label()).by(inV().id()).by(inV().label()).by(valueMap())"
        )
        for row in self._pages(self._all_edges, wanted, labels, rest, total):
            begin, label, end = _kind(row["fl"], row["l"], row["tl"])
            if only is None or (begin, label, end) in only:
                source, target = id_text(row["f"]), id_text(row["t"])
                yield EdgeRecord(id_text(row["i"]), label, source, target, begin, end, _several(row["p"]))

    def last_event(self) -> None:
        """Change streams of remote databases are not read."""

    def _counted_nodes(self) -> dict[str, int]:
        if self._nodes is None:
            query = f"{self._all_nodes}.groupCount().by(label()){_ENTRIES}"
            self._nodes = {str(one["k"]): int(one["n"]) for one in self._database.text(query)}
        return self._nodes

    def _counted_edges(self) -> dict[tuple[str, str, str], int]:
        if self._edges is None:
            names = "union(outV().label(), label(), inV().label()).fold()"
            query = f"{self._all_edges}.groupCount().by({names}){_ENTRIES}"
            found = [(one["k"], int(one["n"])) for one in self._database.text(query)]
            self._edges = {(str(begin), str(label), str(end)): count for (begin, label, end), count in found}
        return self._edges

    def _pages(
        self, begin: str, wanted: Collection[str], known: Collection[str], rest: str, total: int
    ) -> Iterator[Mapping[str, Any]]:
        """All rows of the wanted labels, each once: pages are fetched side by side and come in order."""
        if not wanted and known:
            return
        if len(wanted) < len(known):
            begin += f".where(label().is(within({', '.join(map(_literal, wanted))})))"
        if self._concurrency == 1 or total <= self._page:
            yield from self._database.rows(begin + rest)
            return
        # a database walks over all that stands before a page: few and long pages, as far as memory allows
        page = max(self._page, min(total // (self._concurrency * PAGES_A_READER), LONGEST_PAGE))
        # one page more than needed, so that what was added meanwhile shows in the counts
        fetches = [
            partial(self._database.text, f"{begin}.range({start}L, {start + page}L){rest}")
            for start in range(0, total + page, page)
        ]
        seen: set[str] = set()
        for rows in _side_by_side(fetches, self._concurrency):
            for row in rows:
                id = id_text(row["i"])
                if id in seen:
                    raise ExportFailed(
                        f"the database gave {id!r} on two pages: its order changes between requests; "
                        "export again with a 'concurrency' of 1, which reads in one query"
                    )
                seen.add(id)
                yield row


_ENTRIES = ".unfold().project('k','n').by(keys).by(values)"


def _chained(begin: str, steps: str) -> str:
    return f"{begin}.{steps}" if steps else begin


def _kind(begin: object, label: object, end: object) -> EdgeKind:
    return labels_of(begin), str(label), labels_of(end)


def _added(counts: Iterable[tuple[_K, int]]) -> dict[_K, int]:
    added: dict[_K, int] = {}
    for key, count in counts:
        added[key] = added.get(key, 0) + count
    return added


def _literal(text: str) -> str:
    """A text as Gremlin writes it, in single quotes, inside which nothing is replaced."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def _side_by_side(tasks: Sequence[Callable[[], _T]], concurrency: int) -> Iterator[_T]:
    """The results in order, with that many tasks under way and no more waiting to be taken."""
    with ThreadPoolExecutor(concurrency, thread_name_prefix="remote-export") as pool:
        waiting: deque[Future[_T]] = deque()
        for task in tasks:
            waiting.append(pool.submit(task))
            if len(waiting) >= concurrency:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def id_text(id: Any) -> str:
    """An id as text; JanusGraph's edge ids are maps with a ``relationId``."""
    if isinstance(id, Mapping):
        inner = id.get("@value", id)
        return str(inner.get("relationId", inner) if isinstance(inner, Mapping) else inner)
    return str(id)


def labels_of(label: Any) -> tuple[str, ...]:
    """A vertex label as sorted label set."""
    return tuple(sorted(str(label).split(_SEPARATOR)))


def _several(properties: Mapping[Any, Any]) -> dict[str, list[Any]]:
    return {
        str(key): [_typed(one) for one in (value if isinstance(value, list) else [value])]
        for key, value in properties.items()
    }


def _typed(value: Any) -> Any:
    """gremlinpython's number classes as ours, by their names: its modules are imported only where they are used."""
    kind = type(value).__name__
    if kind == "long":
        return Long(value)
    if kind == "SingleByte":
        return Byte(value)
    return Float(value) if kind == "SingleFloat" else value


def _address(url: str) -> tuple[str, str, str]:
    """The address without secrets and with Gremlin's path where it names none; user; password. Raises BadRequest."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        shown = url.rpartition("@")[2]
        raise BadRequest(f"{shown!r} is no address of a Gremlin database; write wss://host:8182/gremlin")
    host = parts.netloc.rpartition("@")[2]
    path = parts.path if parts.path.strip("/") else "/gremlin"
    return f"{parts.scheme}://{host}{path}", unquote(parts.username or ""), unquote(parts.password or "")
