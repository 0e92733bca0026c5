"""A database that speaks Bolt and openCypher (Neo4j, Memgraph, ArcadeDB): what it holds, and results written back.

Values go as parameters, never into the text; labels and types are names, and stand in backticks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote, urlsplit, urlunsplit

from workflow.errors import AccessDenied, BadRequest, QueryFailed
from workflow.graphs.source import EdgeKind, EdgeRecord, GraphPart, LabelSet, NodeRecord, RecordRuns, Snapshot
from workflow.graphs.sources.names import quoted_name

PAGE: Final = 5000
"""Rows that are fetched, or written, at once."""


def _pattern(labels: Collection[str]) -> str:
    return "".join(f":{quoted_name(label)}" for label in labels)


class BoltDatabase:
    """Connections to one database. Connects when first asked; safe to share between threads.

    Args:
        url: ``bolt://`` or ``neo4j://``, also with ``+s`` and ``+ssc``; ``user:password@`` before the host logs in, and
            a path names the database.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self.url = urlunsplit((parts.scheme, host, "", "", ""))
        self._auth = (unquote(parts.username or ""), unquote(parts.password or "")) if parts.username else None
        self._database = parts.path.strip("/") or None
        self._driver: Any = None

    @property
    def host(self) -> str:
        """The name of the machine."""
        return urlsplit(self.url).hostname or ""

    def rows(self, text: str, parameters: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The rows of an answer by column, fetched a page at a time. Raises AccessDenied, BadRequest, QueryFailed."""
        with self._failures(), self._session() as session:
            for record in session.run(text, dict(parameters or {})):
                yield dict(record.items())

    def write(self, text: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement that unwinds ``$rows``, a page of them a transaction; how many rows there were."""
        with self._failures(), self._session() as session:
            for start in range(0, len(rows), PAGE):
                page = [dict(row) for row in rows[start : start + PAGE]]
                session.execute_write(lambda transaction, page=page: transaction.run(text, rows=page).consume())
        return len(rows)

    def write_links(
        self, label: str, key: str, type_: str, rows: Sequence[tuple[Any, Any, float]], property_: str = "probability"
    ) -> int:
        """Merge predicted relationships between nodes of a label that are told by a key; how many rows there were.

        Args:
            rows: key of the source, key of the target, and the property's value.
        """
        text = (
            f"UNWIND $rows AS row MATCH (a:{quoted_name(label)} {{{quoted_name(key)}: row.source}}) "
            f"MATCH (b:{quoted_name(label)} {{{quoted_name(key)}: row.target}}) "
            f"MERGE (a)-[r:{quoted_name(type_)}]->(b) SET r.{quoted_name(property_)} = row.value"
        )
        return self.write(text, [{"source": one, "target": other, "value": value} for one, other, value in rows])

    def write_properties(self, label: str, key: str, property_: str, rows: Sequence[tuple[Any, Any]]) -> int:
        """Give nodes of a label that are told by a key a property, such as an embedding; how many rows there were."""
        text = (
            f"UNWIND $rows AS row MERGE (n:{quoted_name(label)} {{{quoted_name(key)}: row.key}}) "
            f"SET n.{quoted_name(property_)} = row.value"
        )
        return self.write(text, [{"key": one, "value": value} for one, value in rows])

    def write_links_by_id(self, type_: str, rows: Sequence[Mapping[str, Any]], property_: str = "probability") -> int:
        """Merge predicted relationships between nodes that are told by the database's own ids; how many there are now.

        Args:
            rows: ``source``, ``target`` and ``value``; nodes that are not there any more are left out.
        """
        text = (
            "UNWIND $rows AS row MATCH (a) WHERE elementId(a) = row.source MATCH (b) WHERE elementId(b) = row.target "
            f"MERGE (a)-[r:{quoted_name(type_)}]->(b) SET r.{quoted_name(property_)} = row.value "
            "RETURN count(r) AS count"
        )
        return self._counted(text, rows)

    def write_values_by_id(self, property_: str, rows: Sequence[Mapping[str, Any]], *, edges: bool = False) -> int:
        """Give nodes, or relationships, that are told by the database's own ids a property; how many got it.

        Args:
            rows: ``id`` and ``value``; what is not there any more is left out.
        """
        text = (
            f"UNWIND $rows AS row MATCH {'()-[n]->()' if edges else '(n)'} WHERE elementId(n) = row.id "
            f"SET n.{quoted_name(property_)} = row.value RETURN count(n) AS count"
        )
        return self._counted(text, rows)

    def _counted(self, text: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run a statement that unwinds ``$rows`` and counts; a page of them a transaction."""

        def write(transaction: Any, page: list[dict[str, Any]]) -> int:
            return int(transaction.run(text, rows=page).single()[0])

        with self._failures(), self._session() as session:
            pages = ([dict(row) for row in rows[start : start + PAGE]] for start in range(0, len(rows), PAGE))
            return sum(session.execute_write(write, page) for page in pages)

    def close(self) -> None:
        """Close every connection."""
        driver, self._driver = self._driver, None
        if driver is not None:
            driver.close()

    def _session(self) -> Any:
        if self._driver is None:
            try:
                import neo4j
            except ImportError as error:
                raise BadRequest("reading a database over Bolt needs Neo4j's driver: install despina[neo4j]") from error
            self._driver = neo4j.GraphDatabase.driver(self.url, auth=self._auth)
        return self._driver.session(database=self._database, fetch_size=PAGE)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """What the driver raises, as this service says it."""
        import neo4j.exceptions as failures

        try:
            yield
        except failures.AuthError as error:
            raise AccessDenied(f"the database at {self.url} refused the credentials: {error.message}") from error
        except (failures.ServiceUnavailable, failures.SessionExpired) as error:
            raise BadRequest(
                f"the database at {self.url} cannot be reached: {error}; check the address and that it runs"
            ) from error
        except failures.Neo4jError as error:
            raise QueryFailed(f"the database at {self.url} refused a query: {error.message}") from error


class BoltSourceDriver:
    """Opens a database for reading."""

    def __init__(self, database: BoltDatabase) -> None:
        self.host, self.close = database.host, database.close
        self._database = database

    def open(self, part: GraphPart) -> CypherSource:
        """See ``SourceDriver``."""
        part.texts("openCypher")
        return CypherSource(self._database)


class CypherSource:
    """A GraphSource over a database. It gives no snapshot over several queries: what changes meanwhile may be seen."""

    def __init__(self, database: BoltDatabase) -> None:
        self._database = database

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """See ``GraphSource``."""
        yield CypherSnapshot(self._database)


class CypherSnapshot(RecordRuns):
    """The counts of a database, and a stream of what it holds: a query for each set of labels or kind of edge."""

    def __init__(self, database: BoltDatabase) -> None:
        self._database = database
        self._nodes: dict[LabelSet, int] | None = None
        self._edges: dict[EdgeKind, int] | None = None

    def node_counts(self) -> dict[LabelSet, int]:
        if self._nodes is None:
            self._nodes = {}
            for row in self._database.rows("MATCH (n) RETURN labels(n) AS labels, count(*) AS count"):
                labels = tuple(sorted(row["labels"]))
                self._nodes[labels] = self._nodes.get(labels, 0) + row["count"]
        return dict(self._nodes)

    def edge_counts(self) -> dict[EdgeKind, int]:
        if self._edges is None:
            self._edges = {}
            text = "MATCH (a)-[r]->(b) RETURN labels(a) AS begin, type(r) AS type, labels(b) AS end, count(*) AS count"
            for row in self._database.rows(text):
                kind = tuple(sorted(row["begin"])), row["type"], tuple(sorted(row["end"]))
                self._edges[kind] = self._edges.get(kind, 0) + row["count"]
        return dict(self._edges)

    def nodes(self, only: Collection[LabelSet] | None = None) -> Iterator[NodeRecord]:
        for labels in self.node_counts():
            if only is not None and labels not in only:
                continue
            text = f"MATCH (n{_pattern(labels)}) WHERE size(labels(n)) = $count "
            text += "RETURN elementId(n) AS id, properties(n) AS properties"
            for row in self._database.rows(text, {"count": len(labels)}):
                yield NodeRecord(row["id"], labels, _several(row["properties"]))

    def edges(self, only: Collection[EdgeKind] | None = None) -> Iterator[EdgeRecord]:
        for kind in self.edge_counts():
            if only is not None and kind not in only:
                continue
            begin, type_, end = kind
            text = f"MATCH (a{_pattern(begin)})-[r:{quoted_name(type_)}]->(b{_pattern(end)}) "
            text += "WHERE size(labels(a)) = $begin AND size(labels(b)) = $end RETURN elementId(r) AS id, "
            text += "elementId(a) AS source, elementId(b) AS target, properties(r) AS properties"
            for row in self._database.rows(text, {"begin": len(begin), "end": len(end)}):
                properties = _several(row["properties"])
                yield EdgeRecord(row["id"], type_, row["source"], row["target"], begin, end, properties)

    def last_event(self) -> None:
        """Change streams of remote databases are not read."""


def _several(properties: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Every property with all its values."""
    return {
        key: [_native(one) for one in value] if isinstance(value, list) else [_native(value)]
        for key, value in properties.items()
    }


def _native(value: Any) -> Any:
    """A value as Python has it; a point or a duration as text."""
    if hasattr(value, "to_native"):
        return value.to_native()
    return value if isinstance(value, bool | int | float | str | bytes) else str(value)
