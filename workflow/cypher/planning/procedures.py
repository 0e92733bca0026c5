"""What queries can call beside the functions of the language: one table of procedures, functions and aggregations.

A service adds to the language by rows of such a table, which it gives to ``CypherEngine``; the engine knows none of
them. Names have dots (``gds.graph.list``) and are case-sensitive.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from workflow.cypher.functions.aggregates import AGGREGATES, Aggregate, made
from workflow.cypher.functions.function import Function, FunctionRun
from workflow.cypher.lang import tree as t

Mode = Literal["READ", "WRITE", "DBMS"]


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a procedure, in its place."""

    name: str
    kind: str  # a kind of value, or any
    default: Any = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure by its name.

    Attributes:
        arguments: in order; those that are ``optional`` come last.
        columns: names and kinds of what a row of its answer holds; none for one that only does something.
        call: the rows, each a tuple in the order of ``columns``; it gets the ``CypherRun`` and the arguments. It may
            give them lazily, and ends early when the query needs no more.
        mode: WRITE where it changes the graph; the query is then a transaction, and ``run.writer()`` writes to it.
            One that changes something else, such as a catalog, is READ or DBMS.
        description: a sentence for whoever lists the procedures.
        gathers: as many rows of the query are gathered for one call of ``call_many``.
        call_many: in place of ``call``: gets the run and the arguments of several rows, and gives the rows for each;
            called without any where the query had none. Of what has no answer it may say why: ``run.outcome.silences``.
    """

    name: str
    arguments: tuple[Argument, ...]
    columns: tuple[tuple[str, str], ...]
    call: Callable[..., Iterable[tuple[Any, ...]]] = lambda run, *arguments: ()
    mode: Mode = "READ"
    description: str = ""
    gathers: int = 1
    call_many: Callable[[Any, Sequence[tuple[Any, ...]]], Sequence[Iterable[tuple[Any, ...]]]] | None = None

    @property
    def writes(self) -> bool:
        """Whether it changes the graph."""
        return self.mode == "WRITE"

    @property
    def signature(self) -> str:
        """As lists of procedures show it: ``p(a :: INTEGER, b = null :: MAP) :: (x :: STRING)``."""
        taken = (
            f"{one.name}{f' = {_literal(one.default)}' if one.optional else ''} :: {one.kind.upper()}"
            for one in self.arguments
        )
        given = ", ".join(f"{name} :: {kind.upper()}" for name, kind in self.columns)
        return f"{self.name}({', '.join(taken)}) :: {f'({given})' if given else 'VOID'}"


@dataclass(frozen=True, slots=True)
class NamedFunction:
    """A function by its name; what it takes and gives is as for those of the language."""

    name: str
    function: Function
    description: str = ""


@dataclass(frozen=True, slots=True)
class NamedAggregation:
    """An aggregation by its name.

    Attributes:
        make: what gathers one group; it gets the ``CypherRun``. Rows whose first argument is null are left out.
        least, most: how many arguments it takes.
        returns: the kind of its value.
    """

    name: str
    make: Callable[[Any], Aggregate]
    least: int
    most: int
    returns: str = "any"
    description: str = ""


LibraryRow = Procedure | NamedFunction | NamedAggregation


@dataclass(frozen=True)
class Library:
    """The rows by name. Made by ``library``."""

    procedures: Mapping[str, Procedure] = field(default_factory=dict)
    functions: Mapping[str, NamedFunction] = field(default_factory=dict)
    aggregations: Mapping[str, NamedAggregation] = field(default_factory=dict)

    def aggregates(self, node: t.Node) -> bool:
        """Whether a node is a call of an aggregation."""
        if isinstance(node, t.Call):
            return node.name.lower() in AGGREGATES or node.name in self.aggregations
        return isinstance(node, t.CountAll)

    def has_aggregation(self, node: t.Node) -> bool:
        """Whether an aggregation stands somewhere in an expression; those of subqueries are their own."""
        if self.aggregates(node):
            return True
        return not isinstance(node, t.Subquery) and any(map(self.has_aggregation, t.children(node)))

    def gathering(self, node: t.Node, run: FunctionRun) -> Aggregate:
        """What a call of an aggregation gathers one group in."""
        name = node.name if isinstance(node, t.Call) else "count"
        own = self.aggregations.get(name)
        return made(name.lower()) if own is None else own.make(run)


def library(*rows: LibraryRow) -> Library:
    """A table of rows. Raises ValueError for a name that stands there twice, or belongs to the language.

    A procedure and a function may share a name: how it is called tells them apart.
    """
    names = Counter((isinstance(row, Procedure), row.name) for row in rows)
    twice = {name for (_, name), count in names.items() if count > 1 or name.lower() in AGGREGATES}
    if twice:
        raise ValueError(f"these names are taken: {', '.join(sorted(twice))}")
    return Library(
        {row.name: row for row in rows if isinstance(row, Procedure)},
        {row.name: row for row in rows if isinstance(row, NamedFunction)},
        {row.name: row for row in rows if isinstance(row, NamedAggregation)},
    )


def _literal(value: Any) -> str:
    """A default as Cypher writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_literal(one)}" for key, one in value.items()) + "}"
    return "null" if value is None else repr(value)
