"""What one run of a Cypher query has at hand."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workflow.cypher.errors import ParameterMissing
from workflow.cypher.running.options import Ids
from workflow.cypher.running.outcome import RunOutcome
from workflow.errors import ReadOnlyViolation
from workflow.graphs.elements import Edge, Vertex
from workflow.queries.attempts import Attempt
from workflow.queries.run import Flag, Run

if TYPE_CHECKING:
    from workflow.graphs.elements import Graph
    from workflow.graphs.protocols import Transaction, WritableGraph

Row = dict[str, Any]
"""The values of one row by name. Names that no query can write begin with a zero character."""


class CypherRun(Run):
    """One run. Used by one thread.

    Args:
        graph: read where the attempt has none.
        parameters: by name, without ``$``.
        ids: what ``id()`` gives: the id of the graph as text, as Neptune has it, or the number of the row.
        splits_labels: whether the graph finds a vertex of several labels by one of them.
        default_label: of nodes that are created without one, as Neptune has it; they then never lose the last one.
        outcome: where the run notes what it changes and costs.
        user: who asks; empty where nobody has to say so.
        takes_blocks: whether whoever takes the answer knows blocks of rows.
        limit_asked: whether the client named the time limit: then it counts while another process works, too.
    """

    def __init__(
        self,
        graph: WritableGraph,
        parameters: Mapping[str, Any],
        *,
        ids: Ids = "text",
        splits_labels: bool = True,
        default_label: str | None = None,
        outcome: RunOutcome | None = None,
        read_only: bool = False,
        takes_blocks: bool = False,
        user: str = "",
        timeout_s: float | None = None,
        limit_asked: bool = True,
        began_at: float | None = None,
        cancelled: Flag | None = None,
        attempt: Attempt | None = None,
    ) -> None:
        super().__init__(timeout_s=timeout_s, began_at=began_at, cancelled=cancelled, attempt=attempt)
        self.graph: Graph = self.attempt.graph or graph
        self.parameters = parameters
        self.ids: Ids = ids
        self.splits_labels = splits_labels
        self.default_label = default_label
        self.outcome = outcome or RunOutcome()
        self.read_only = read_only
        self.user = user
        self.takes_blocks = takes_blocks and self.outcome.costs is None  # rows are counted one by one
        self.began_ns = time.time_ns()  # what every "now" of one statement means
        self.condemned: dict[Vertex, None] = {}  # deleted, and still with relationships
        self._turns = 0
        self._limit_asked = limit_asked

    def check_elsewhere(self) -> None:
        """``check`` while another process works for the query: trainings may take longer than the service lets queries.

        A limit that the client named counts; that of the service begins again when the work is done.
        """
        if self.deadline is not None and not self._limit_asked:
            self.deadline = max(self.deadline, time.monotonic() + (self.timeout_s or 0.0))
        self.check()

    def parameter(self, name: str) -> Any:
        """A parameter; raises ParameterMissing."""
        try:
            return self.parameters[name]
        except KeyError:
            raise ParameterMissing(name) from None

    def id_of(self, element: Vertex | Edge) -> Any:
        """``id()`` in the dialect of the client."""
        return element.row if self.ids == "integer" else str(element.id)

    def tick(self) -> None:
        """Look at the clock every few hundred turns; whatever loops calls it."""
        self._turns += 1
        if not self._turns & 255:
            self.check()

    @property
    def notes_reads(self) -> bool:
        """Whether what is read is noted, since a commit of others that met it would undo what is written."""
        return self.attempt.transaction is not None and not self.read_only

    def writer(self) -> Transaction:
        """The transaction to write through. Raises ReadOnlyViolation."""
        transaction = self.attempt.transaction
        if self.read_only or transaction is None:
            raise ReadOnlyViolation("The query changes the graph, which is not allowed here")
        return transaction


__all__ = ["CypherRun", "Ids", "Row"]
