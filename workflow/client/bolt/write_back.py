"""What a model says goes back into the database that it was learnt from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from training_scripts.graph_ml.schemas import EdgeType, ModelDescription
from workflow.drivers import open_bolt
from workflow.graphs.sources.names import quoted_name

if TYPE_CHECKING:
    import pandas as pd

    from workflow.client.workflow_file.description import WriteSection

PAGE: Final = 5000
"""Vertices or edges that one query asks about."""
Ask = Callable[[str, dict[str, Any]], list[dict[str, Any]]]
"""Runs openCypher on the service; rows by column."""


@dataclass(frozen=True)
class EndpointAnswers:
    """What an endpoint says of all that its model was trained for.

    Attributes:
        ask: the service that has the endpoint and the graph.
        limit: links for each vertex.
    """

    ask: Ask
    endpoint: str
    description: ModelDescription
    limit: int

    def links(self) -> Iterator[list[dict[str, Any]]]:
        """Pages of ``source``, ``target``, the ids of vertices that a model would link, and ``value``, how probably."""
        for kind in dict.fromkeys(target.edge_type for target in self.description.targets):
            if kind is not None:
                call = "despina.ml.predictLinks($endpoint, n, $name, {limit: $limit}) YIELD node, score"
                yield from self._pages(
                    f"(n{_pattern(kind.source)})",
                    f"CALL {call} RETURN id(n) AS source, id(node) AS target, score AS value",
                    name=kind.relation,
                    limit=self.limit,
                )

    def values(self) -> Iterator[list[dict[str, Any]]]:
        """Pages of ``id`` and ``value``: of every vertex or edge that the model speaks of, a class or a number."""
        word = "classify" if self.description.task.endswith("class") else "regress"
        for target in self.description.targets:
            what = f"(n{_pattern(target.node_type or '')})" if target.edge_type is None else _edge(target.edge_type)
            call = f"CALL despina.ml.{word}($endpoint, n, $name) YIELD value"
            yield from self._pages(what, f"{call} RETURN id(n) AS id, value", name=target.property)

    def _pages(self, pattern: str, rest: str, **parameters: Any) -> Iterator[list[dict[str, Any]]]:
        for skip in range(0, 1 << 62, PAGE):
            text = f"MATCH {pattern} WITH n ORDER BY id(n) SKIP $skip LIMIT $page"
            given = {"endpoint": self.endpoint, "skip": skip, "page": PAGE, **parameters}
            (there,) = self.ask(f"{text} RETURN count(n) AS n", given)
            if there["n"]:
                yield self.ask(f"{text} {rest}", given)
            if there["n"] < PAGE:
                return


def write_back(
    url: str, section: WriteSection, predictions: EndpointAnswers, embeddings: Callable[[], pd.DataFrame]
) -> dict[str, int]:
    """Write predictions, embeddings, or both into a database; how many of what were written, by its name there.

    Vertices and edges are told by the database's own ids. Raises what the database raises.
    """
    database, written = open_bolt(url), dict[str, int]()
    try:
        if section.name is not None:
            count = 0
            if predictions.description.task == "link_prediction":
                for page in predictions.links():
                    count += database.write_links_by_id(section.name, page)
            else:
                edges = predictions.description.task.startswith("edge")
                for page in predictions.values():
                    count += database.write_values_by_id(section.name, page, edges=edges)
            written[section.name] = count
        if section.embeddings is not None:
            frame = embeddings()
            rows = [{"id": id, "value": one} for id, one in zip(frame["id"], frame["embedding"], strict=True)]
            written[section.embeddings] = database.write_values_by_id(section.embeddings, rows)
    finally:
        database.close()
    return written


def _pattern(node_type: str) -> str:
    return "".join(f":{quoted_name(label)}" for label in node_type.split(";") if label)


def _edge(kind: EdgeType) -> str:
    return f"({_pattern(kind.source)})-[n:{quoted_name(kind.relation)}]->({_pattern(kind.target)})"
