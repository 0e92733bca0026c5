"""From a query, however it came, to a stream of results: parsing, aliases, terminals, sessions and transactions.

Everything here blocks and is called from worker threads; nothing knows of sockets or formats.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from workflow.errors import UnsupportedOperation, WorkflowError
from workflow.graphs.elements import BulkedValue
from workflow.gremlin.engine import Engine, QueryOptions, Session
from workflow.gremlin.lang import Script, parse
from workflow.gremlin.planning.source import TIMEOUT_OPTIONS, source_options, transaction_command
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.semantics.values import GSet, MapEntry
from workflow.gremlin.traversal import Lambda, Strategy, Traversal, filled
from workflow.queries.attempts import Settle
from workflow.queries.runner import LanguageRunner
from workflow.queries.running import QueryRegistry, RunningQuery
from workflow.queries.sessions import QuerySession
from workflow.queries.suspension import AnswerNeeded
from workflow.server.gremlin.error_statuses import BadMessage
from workflow.server.gremlin.known_queries import (
    MOST_ELEMENTS,
    KnownRequests,
    KnownTexts,
    KnownTraversals,
    ReadQuery,
)
from workflow.settings import Profile

Result = TypeVar("Result")
GremlinSession = QuerySession[Session]


@dataclass(frozen=True, slots=True)
class QueryRequest:
    """A query as every transport hands it over.

    Attributes:
        gremlin: text, or a traversal that came as bytecode.
        aliases: traversal source named in the query → source of the service.
        timeout_ms: asked by the client; 0 asks for no limit, which only the tinkerpop profile grants.
        repeated: this very traversal comes again.
        values: what fills its blanks this time.
    """

    gremlin: str | Traversal
    aliases: Mapping[str, str] = field(default_factory=dict)
    bindings: Mapping[str, Any] = field(default_factory=dict)
    timeout_ms: float | None = None
    lambdas: tuple[Lambda, ...] = ()
    read_only: bool = False
    repeated: bool = False
    values: tuple[Any, ...] = ()

    def text(self) -> str:
        """What a list of running queries shows."""
        return self.gremlin if isinstance(self.gremlin, str) else bytecode_text(filled(self.gremlin, self.values))

    def with_values(self, values: tuple[Any, ...]) -> QueryRequest:
        """The same query with other values in its blanks; for each write, and in half the time of ``replace``."""
        return QueryRequest(
            self.gremlin,
            self.aliases,
            self.bindings,
            self.timeout_ms,
            self.lambdas,
            self.read_only,
            self.repeated,
            values,
        )


class QueryRunner(LanguageRunner[Engine, Session]):
    """Runs Gremlin on the engines of a service, which are named by traversal source."""

    def __init__(
        self, engines: Mapping[str, Engine], profile: Profile, registry: QueryRegistry, default_timeout_ms: float
    ) -> None:
        super().__init__(engines, profile, registry, default_timeout_ms)
        self.known_texts = KnownTexts()
        self.known_traversals = KnownTraversals()
        self.known_requests = KnownRequests()

    def results(
        self,
        query: QueryRequest,
        running: RunningQuery,
        session: GremlinSession | None = None,
        read: ReadQuery | None = None,
    ) -> Iterator[BulkedValue]:
        """The results of a query, one after the other; ``read`` where it was read already.

        Closing the iterator early stops the query and undoes what it wrote. Raises what the parser, the compiler and
        the steps raise.
        """
        running.begin()
        if query.lambdas:
            raise UnsupportedOperation(
                "Lambdas are not supported: the query carries code that the service does not run"
            )
        if read is None and session is None:
            read = self.read(query)
        scripts = self._scripts(query) if read is None else read.known.scripts
        if session is not None:
            with session.lock:
                yield from self._in_session(query, scripts, running, session)
        elif len(scripts) == 1:
            script = scripts[0]
            if transaction_command(script.traversal) is None:
                engine = self.engine(script.source_name, query.aliases)
                options = self.options(query, script.traversal, running, read)
                yield from terminated(script.traversal, engine, options)
        else:
            yield from self.as_one_transaction(lambda own: self._in_session(query, scripts, running, own))

    def read(self, query: QueryRequest) -> ReadQuery | None:
        """The query as it was read, where it is one statement of moderate length; None for everything else."""
        if query.lambdas:
            return None
        if isinstance(query.gremlin, str):
            known = self.known_texts.read(query.gremlin, query.bindings)
        else:
            known = self.known_traversals.read(query.gremlin, repeated=query.repeated)
        if known is None:
            return None
        if not (known.predicts and known.look):
            return ReadQuery(known)
        source = known.scripts[0].source_name
        engine = self.engines.get(query.aliases.get(source, source))
        answering = None if engine is None or engine.extension is None else engine.extension.answering()
        if answering is not None:
            answering.suspends = True
        return ReadQuery(known, answering)

    def look_results(
        self, query: QueryRequest, read: ReadQuery, running: RunningQuery, soon: list[Settle]
    ) -> Generator[BulkedValue | AnswerNeeded, None, None]:
        """As ``results``, for what is brief, whose endpoint the caller asks.

        Raises NotBrief where it comes to too much, and Occupied where it would have to wait for other writers. What
        waits until a commit is durable is put into ``soon``.
        """
        running.begin()
        script = read.known.scripts[0]
        engine = self.engine(script.source_name, query.aliases)
        options = self.options(
            query, script.traversal, running, read, effort=MOST_ELEMENTS, soon=soon if read.known.notes else None
        )
        if read.answering is None:
            yield from terminated(script.traversal, engine, options)
        else:
            yield from engine.run_in_parts(script.traversal, options)

    def at_once(self, query: QueryRequest, read: ReadQuery, work: Callable[[], Result]) -> Result | None:
        """``without_waiting`` for the graph of a look."""
        source = read.known.scripts[0].source_name
        return self.without_waiting(self.engines.get(query.aliases.get(source, source)), work)

    def engine(self, source: str, aliases: Mapping[str, str]) -> Engine:
        """The engine behind the name a query uses; raises BadMessage with the text drivers look for."""
        name = aliases.get(source, source)
        engine = self.engines.get(name)
        if engine is None:
            raise BadMessage(f"The traversal source [{name}] for alias [{source}] is not configured on the server.")
        return engine

    def _scripts(self, query: QueryRequest) -> list[Script]:
        if isinstance(query.gremlin, Traversal):
            return [Script(query.gremlin, "g")]
        return parse(query.gremlin, query.bindings)

    def _in_session(
        self, query: QueryRequest, scripts: list[Script], running: RunningQuery, session: GremlinSession
    ) -> Iterator[BulkedValue]:
        session.scripted = session.scripted or isinstance(query.gremlin, str)
        return self.statements(session, lambda: self._one_by_one(query, scripts, running, session))

    def _one_by_one(
        self, query: QueryRequest, scripts: list[Script], running: RunningQuery, session: GremlinSession
    ) -> Iterator[BulkedValue]:
        """The results of the last statement, after those before it."""
        for position, script in enumerate(scripts, 1):
            command = transaction_command(script.traversal)
            if command == "commit":
                session.commit()
            elif command == "rollback":
                session.rollback()
            elif command is None:
                name = query.aliases.get(script.source_name, script.source_name)
                transaction = session.on(name, self.engine(script.source_name, query.aliases).session)
                options = self.options(query, script.traversal, running)
                found = terminated(script.traversal, transaction, options)
                if position == len(scripts):
                    yield from found
                else:
                    drain(found)

    def options(
        self,
        query: QueryRequest,
        traversal: Traversal,
        running: RunningQuery,
        read: ReadQuery | None = None,
        effort: int | None = None,
        soon: list[Settle] | None = None,
    ) -> QueryOptions:
        """How a traversal of this query is to be run: its time, its cancellation, its own ``with()`` options."""
        options = source_options(traversal)
        asked = next((options[name] for name in TIMEOUT_OPTIONS if name in options), query.timeout_ms)
        return QueryOptions(
            timeout_s=self.timeout_s(asked),
            max_results=None,
            cancelled=running.cancelled,
            options=options,
            read_only=query.read_only,
            repeated=read is not None and read.known.repeated,
            values=query.values,
            answering=None if read is None else read.answering,
            began_at=running.started_at,
            effort=effort,
            soon=soon,
        )


def terminated(traversal: Traversal, engine: Engine | Session, options: QueryOptions) -> Iterator[BulkedValue]:
    """The results as the terminal step of the text asks for them: ``next()``, ``iterate()``, ``hasNext()`` …"""
    terminal = traversal.terminal
    if terminal == "explain":
        if not isinstance(engine, Engine):
            engine = engine.engine
        yield BulkedValue(engine.explain(traversal))
        return
    many = terminal == "next" and bool(traversal.terminal_args)
    if many:
        options = options._replace(wanted=traversal.terminal_args[0])
    elif terminal in ("next", "tryNext", "hasNext"):
        options = options._replace(wanted=1, required=terminal == "next")
    found = engine.run(traversal, options)
    if terminal == "hasNext":
        yield BulkedValue(bool(list(found)))  # taken to its end: that is when a write is committed
    elif terminal in ("next", "tryNext") and not many:
        for traverser in list(found):
            yield from spread(traverser.value)
    elif terminal == "iterate":
        drain(found)
    else:
        yield from distinct(found) if terminal == "toSet" else found


def spread(value: Any) -> Iterable[BulkedValue]:
    """The one value of ``next()`` as servers stream it: collections by member, maps by entry."""
    if isinstance(value, Mapping):
        return [BulkedValue(MapEntry(key, item)) for key, item in value.items()]
    if isinstance(value, (list, tuple, set, frozenset, GSet)):
        return [BulkedValue(item) for item in value]
    return [BulkedValue(value)]


def distinct(found: Iterable[BulkedValue]) -> Iterator[BulkedValue]:
    """Each value once."""
    seen = set()
    for traverser in found:
        key = hash_key(traverser.value)
        if key not in seen:
            seen.add(key)
            yield BulkedValue(traverser.value)


def drain(found: Iterable[BulkedValue]) -> None:
    for _ in found:
        pass


def close(found: Iterator[Any]) -> None:
    """Close a generator; other iterators have nothing to close."""
    closing = getattr(found, "close", None)
    if closing is not None:
        closing()


ANSWER_OPTIONS: Final = ("materializeProperties", "batchSize", "bulkResults")


def answer_options(query: QueryRequest) -> dict[str, Any]:
    """What ``with()`` in the query itself says about how it is answered; it counts more than the request around it."""
    if isinstance(query.gremlin, Traversal):
        options = source_options(query.gremlin) if query.gremlin.source else {}
    elif any(name in query.gremlin for name in ANSWER_OPTIONS):
        try:
            options = source_options(parse(query.gremlin, query.bindings)[-1].traversal)
        except WorkflowError:
            return {}  # told when the query is run
    else:
        return {}
    return {name: options[name] for name in ANSWER_OPTIONS if name in options}


def bytecode_text(traversal: Traversal) -> str:
    """A traversal written out roughly as Gremlin, for lists and logs; cut at 4096 characters."""
    calls = [*traversal.source, *traversal.steps]
    text = "g" + "".join(f".{call.name}({', '.join(_argument(arg) for arg in call.args)})" for call in calls)
    return text if len(text) <= 4096 else text[:4093] + "..."


def _argument(value: Any) -> str:
    if isinstance(value, Traversal):
        return "__" + bytecode_text(value)[1:]
    if isinstance(value, str):
        return repr(value)
    if isinstance(value, Strategy):
        return f"{value.name}({value.configuration})" if value.configuration else value.name
    return str(value)
