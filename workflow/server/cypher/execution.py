"""From a query, however it came, to its columns and rows: graphs by name, time limits, sessions.

Everything here blocks and is called from worker threads; nothing knows of sockets or formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from workflow.cypher.running.options import CypherOptions, Ids
from workflow.errors import InvalidParameter, UnsupportedOperation
from workflow.queries.runner import LanguageRunner
from workflow.queries.running import QueryRegistry, RunningQuery
from workflow.queries.sessions import QuerySession
from workflow.settings import Profile

if TYPE_CHECKING:
    from workflow.cypher.engine import CypherEngine, CypherResult, CypherSession
    from workflow.cypher.running.blocks import RowBlock
    from workflow.cypher.running.run import Row

BoltSession: TypeAlias = "QuerySession[CypherSession]"


@dataclass(frozen=True, slots=True)
class CypherRequest:
    """A query as every transport hands it over.

    Attributes:
        graph: a name of ``LanguageRunner.engines``.
        timeout_ms: asked by the client; 0 asks for no limit, which only the tinkerpop profile grants.
        measured: whether rows and time of each step are wanted.
        blocks: whether rows may come in blocks.
        user: who asks, where they had to say so.
    """

    text: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    graph: str = "g"
    read_only: bool = False
    timeout_ms: float | None = None
    measured: bool = False
    blocks: bool = False
    user: str = ""


class CypherRunner(LanguageRunner["CypherEngine", "CypherSession"]):
    """Runs openCypher on the engines of a service, which are built at the first query.

    Args:
        ids: what ``id()`` gives to the clients of this transport.
        default_label: of nodes that they create without one.
    """

    def __init__(
        self,
        engines: Mapping[str, CypherEngine],
        profile: Profile,
        registry: QueryRegistry,
        default_timeout_ms: float,
        *,
        ids: Ids,
        default_label: str | None = None,
    ) -> None:
        super().__init__(engines, profile, registry, default_timeout_ms)
        self.ids: Ids = ids
        self.default_label = default_label

    def check_graph(self, graph: str) -> None:
        """Raise UnsupportedOperation where the service has no graph of its own, InvalidParameter for an unknown one."""
        if not self.engines:
            raise UnsupportedOperation(
                "openCypher is answered from graphs of this service's own, and it keeps none: ask the database it "
                "stands in front of"
            )
        if graph not in self.engines:
            known = ", ".join(sorted(self.engines))
            raise InvalidParameter(f"There is no graph {graph[:80]!r}; there are {known}")

    def result(self, request: CypherRequest, running: RunningQuery, session: BoltSession | None = None) -> CypherResult:
        """The answer, checked and not yet run: its rows run it, in the thread that takes them.

        Closing the rows early stops the query and, outside a session, undoes what it wrote.
        """
        running.begin()
        self.check_graph(request.graph)
        engine = self.engines[request.graph]
        options = CypherOptions(
            parameters=request.parameters,
            timeout_s=self.timeout_s(request.timeout_ms),
            limit_asked=bool(request.timeout_ms),
            began_at=running.started_at,
            cancelled=running.cancelled,
            read_only=request.read_only,
            ids=self.ids,
            default_label=self.default_label,
            measured=request.measured,
            blocks=request.blocks,
            user=request.user,
        )
        if session is None:
            return engine.run(request.text, options)
        result = session.on(request.graph, engine.session).run(request.text, options)

        def parts() -> Iterator[Row | RowBlock]:
            with session.lock:
                yield from self.statements(session, lambda: result.parts)

        return replace(result, parts=parts())
