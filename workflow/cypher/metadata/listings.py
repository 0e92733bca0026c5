"""``SHOW …`` and ``CALL dbms.…``: procedures, functions, indexes, constraints, databases and what runs.

Source: the Cypher manual of Neo4j 5, "SHOW …", for names and order of the columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Final

from workflow.cypher.functions.aggregates import AGGREGATES
from workflow.cypher.functions.table import FUNCTIONS
from workflow.cypher.planning.procedures import Argument, Library, LibraryRow, Procedure
from workflow.cypher.running.run import CypherRun
from workflow.cypher.wire.messages import HOME_DATABASE, SYSTEM
from workflow.queries.running import QueryRegistry, RunningQuery
from workflow.values.moments import of_python

KERNEL: Final = "5.26.0"
"""The version of Neo4j whose protocols and language these are."""

_SPELLED: Final[Mapping[str, str]] = {
    name.lower(): name
    for name in (
        "duration.inDays", "duration.inMonths", "duration.inSeconds", "elementId", "endNode", "isEmpty", "isNaN",
        "percentileCont", "percentileDisc", "randomUUID", "startNode", "toBoolean", "toBooleanList", "toBooleanOrNull",
        "toFloat", "toFloatList", "toFloatOrNull", "toInteger", "toIntegerList", "toIntegerOrNull", "toLower",
        "toString", "toStringList", "toStringOrNull", "toUpper",
    )
}  # fmt: skip
"""Functions whose names people write with capitals, by the name in lower case, which finds them in any case."""

Columns = tuple[tuple[str, str], ...]
_ARGUMENTS: Final = (Argument("kind", "string"), Argument("names", "list"))
_ROLES: Final[Columns] = (("rolesExecution", "list"), ("rolesBoostedExecution", "list"))
_DEPRECATED: Final[Columns] = (("isDeprecated", "boolean"), ("deprecatedBy", "string"))
_DESCRIBED: Final[Columns] = (("argumentDescription", "list"), ("returnDescription", "any"))
_PROCEDURES: Final = (
    (("name", "string"), ("description", "string"), ("mode", "string"), ("worksOnSystem", "boolean")),
    (("signature", "string"), *_DESCRIBED, ("admin", "boolean"), *_ROLES, *_DEPRECATED, ("option", "map")),
)
_FUNCTIONS: Final = (
    (("name", "string"), ("category", "string"), ("description", "string")),
    (
        ("signature", "string"), ("isBuiltIn", "boolean"), *_DESCRIBED, ("aggregating", "boolean"), *_ROLES,
        *_DEPRECATED,
    ),
)  # fmt: skip
_INDEXES: Final = (
    (
        ("id", "integer"), ("name", "string"), ("state", "string"), ("populationPercent", "float"), ("type", "string"),
        ("entityType", "string"), ("labelsOrTypes", "list"), ("properties", "list"), ("indexProvider", "string"),
        ("owningConstraint", "string"), ("lastRead", "any"), ("readCount", "integer"),
    ),
    (("trackedSince", "any"), ("options", "map"), ("failureMessage", "string"), ("createStatement", "string")),
)  # fmt: skip
_CONSTRAINTS: Final = (
    (
        ("id", "integer"), ("name", "string"), ("type", "string"), ("entityType", "string"), ("labelsOrTypes", "list"),
        ("properties", "list"), ("ownedIndex", "string"), ("propertyType", "string"),
    ),
    (("options", "map"), ("createStatement", "string")),
)  # fmt: skip
_DATABASES: Final = (
    (
        ("name", "string"), ("type", "string"), ("aliases", "list"), ("access", "string"), ("address", "string"),
        ("role", "string"), ("writer", "boolean"), ("requestedStatus", "string"), ("currentStatus", "string"),
        ("statusMessage", "string"), ("default", "boolean"), ("home", "boolean"), ("constituents", "list"),
    ),
    (),
)  # fmt: skip
_TRANSACTIONS: Final = (
    (
        ("database", "string"), ("transactionId", "string"), ("currentQueryId", "string"), ("connectionId", "string"),
        ("clientAddress", "string"), ("username", "string"), ("currentQuery", "string"), ("startTime", "string"),
        ("status", "string"), ("elapsedTime", "duration"),
    ),
    (("metaData", "map"),),
)  # fmt: skip
"""Of each command the columns that people are shown, and those that only ``YIELD`` gives."""


class Listings:
    """What there is in a service.

    Args:
        databases: names by which graphs are asked for beside the home database's.
        running: the queries that run now.
        address: host and port that clients reach.
        called: the procedures and functions that queries can call; asked when they are listed.
    """

    def __init__(
        self, databases: Sequence[str], running: QueryRegistry, address: str, called: Callable[[], Library]
    ) -> None:
        self._databases = databases
        self._running = running
        self._address = address
        self._called = called

    def rows(self) -> Iterator[LibraryRow]:
        """The commands, and the procedures that tools ask first."""
        parts = (("name", "string"), ("versions", "list"), ("edition", "string"))
        kernel = ("Neo4j Kernel", [KERNEL], "community")
        said = "The version of Neo4j whose protocols and language these are."
        yield Procedure("dbms.components", (), parts, lambda run: iter([kernel]), "DBMS", said)
        ping = (("success", "boolean"),)
        yield Procedure("db.ping", (), ping, lambda run: iter([(True,)]), description="Whether anybody answers.")
        info = (("id", "string"), ("name", "string"), ("creationDate", "string"))
        yield Procedure("db.info", (), info, self._info, description="The database.")
        setting = (("name", "string"), ("description", "string"), ("value", "string"), ("dynamic", "boolean"))
        said = "Settings of Neo4j that a client may know: none."
        yield Procedure("dbms.clientConfig", (), setting, lambda run: iter(()), "DBMS", said)
        for name, columns, listed in (
            ("PROCEDURES", _PROCEDURES, self._procedures),
            ("FUNCTIONS", _FUNCTIONS, self._functions),
            ("INDEXES", _INDEXES, self._nothing),
            ("CONSTRAINTS", _CONSTRAINTS, self._nothing),
            ("DATABASES", _DATABASES, self._all_databases),
            ("TRANSACTIONS", _TRANSACTIONS, self._transactions),
        ):
            shown, more = columns
            yield Procedure(f"SHOW {name}", _ARGUMENTS, shown, _first(listed, shown), "DBMS")
            yield Procedure(f"SHOW {name} YIELD", _ARGUMENTS, (*shown, *more), _first(listed, (*shown, *more)), "DBMS")

    def _info(self, run: CypherRun) -> Iterator[tuple[Any, ...]]:
        yield "", run.graph.name if run.graph.name != "g" else HOME_DATABASE, ""

    def _nothing(self, kind: str, names: list[str]) -> Iterator[dict[str, Any]]:
        """Indexes are made when they are first needed and have no names; constraints are not kept."""
        return iter(())

    def _procedures(self, kind: str, names: list[str]) -> Iterator[dict[str, Any]]:
        for name, one in sorted(self._called().procedures.items()):
            if " " in name:
                continue  # a command, which no CALL can name
            taken = [
                {"name": argument.name, "description": f"{argument.name} :: {argument.kind.upper()}",
                 "type": argument.kind.upper(), "isDeprecated": False,
                 **({"default": str(argument.default)} if argument.optional else {})}
                for argument in one.arguments
            ]  # fmt: skip
            given = [
                {"name": column, "description": f"{column} :: {of.upper()}", "type": of.upper(), "isDeprecated": False}
                for column, of in one.columns
            ]
            yield {
                "name": name, "description": one.description, "mode": one.mode, "worksOnSystem": one.mode == "DBMS",
                "signature": one.signature, "argumentDescription": taken, "returnDescription": given, "admin": False,
                "isDeprecated": False, "option": {"deprecated": False},
            }  # fmt: skip

    def _functions(self, kind: str, names: list[str]) -> Iterator[dict[str, Any]]:
        called = self._called()
        own: Mapping[str, tuple[str, str, bool]] = {
            **{name: (one.function.returns, one.description, False) for name, one in called.functions.items()},
            **{name: (one.returns, one.description, True) for name, one in called.aggregations.items()},
        }
        built: Mapping[str, tuple[str, str, bool]] = {
            **{_SPELLED.get(name, name): (one.returns, "", False) for name, one in FUNCTIONS.items()},
            **{_SPELLED.get(name, name): (returns, "", True) for name, (_, _, returns) in AGGREGATES.items()},
        }
        wanted = {"BUILT IN": built, "USER DEFINED": own}.get(kind, {**built, **own})
        for name, (returns, description, aggregating) in sorted(wanted.items()):
            yield {
                "name": name, "category": "Aggregating" if aggregating else "Scalar", "description": description,
                "signature": f"{name}() :: {returns.upper()}", "isBuiltIn": name in built, "argumentDescription": [],
                "returnDescription": returns.upper(), "aggregating": aggregating, "isDeprecated": False,
            }  # fmt: skip

    def _all_databases(self, kind: str, names: list[str]) -> Iterator[dict[str, Any]]:
        for name in (HOME_DATABASE, *sorted({*self._databases} - {"g"}), SYSTEM):
            home, of = name == HOME_DATABASE, SYSTEM if name == SYSTEM else "standard"
            if (names and name not in names) or (kind and not home):
                continue
            yield {
                "name": name, "type": of, "aliases": ["g"] if home else [], "access": "read-write",
                "address": self._address, "role": "primary", "writer": True, "requestedStatus": "online",
                "currentStatus": "online", "statusMessage": "", "default": home, "home": home, "constituents": [],
            }  # fmt: skip

    def _transactions(self, kind: str, names: list[str]) -> Iterator[dict[str, Any]]:
        for query in self._running.all():
            if query.started_at is not None and (not names or query.id in names):
                yield _transaction(query)


def _transaction(query: RunningQuery) -> dict[str, Any]:
    spent = timedelta(seconds=monotonic() - (query.started_at or 0))
    return {
        "database": HOME_DATABASE, "transactionId": query.id, "currentQueryId": query.id,
        "connectionId": query.caller.connection, "clientAddress": query.caller.address,
        "username": query.caller.user, "metaData": dict(query.caller.metadata),
        "currentQuery": query.text if isinstance(query.text, str) else query.text(),
        "startTime": (datetime.now(UTC) - spent).isoformat(timespec="milliseconds"),
        "status": "Running", "elapsedTime": of_python(spent),
    }  # fmt: skip


def _first(
    listed: Callable[[str, list[str]], Iterator[dict[str, Any]]], columns: Columns
) -> Callable[..., Iterator[tuple[Any, ...]]]:
    """Rows of some columns; null where there is nothing to say."""

    def call(run: CypherRun, kind: str, names: list[str]) -> Iterator[tuple[Any, ...]]:
        return (tuple(row.get(name) for name, _ in columns) for row in listed(kind, names))

    return call
