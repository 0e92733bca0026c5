"""Projected graphs and algorithms, by the names of Neo4j's client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS, find_algorithm
from training_scripts.graph_ml.schemas.catalog.pipelines import PIPELINE_TYPES, PipelineKind
from workflow.client.connection import Connection
from workflow.client.graph_science.calls import Procedures, Result, camel_case, options_of, with_node_ids
from workflow.client.graph_science.pipelines import ModelHandle, PipelineHandle
from workflow.errors import InvalidParameter

if TYPE_CHECKING:
    import pandas as pd

WORDS = {"degree_centrality": "degree", "hash_gnn": "hashgnn", "k_nearest": "knn", "article_rank": "articleRank"}
"""Names of the client that are not those of the procedures."""


@dataclass(frozen=True)
class GraphHandle:
    """A projected graph of the service."""

    name: str
    procedures: Procedures

    def details(self) -> Result:
        """Everything that the catalog says of it."""
        (found,) = self.procedures.rows("gds.graph.list", [self.name])
        return found

    def node_count(self) -> int:
        """The number of nodes."""
        return int(self.details()["nodeCount"])

    def relationship_count(self) -> int:
        """The number of relationships, undirected ones twice."""
        return int(self.details()["relationshipCount"])

    def exists(self) -> bool:
        """Whether it is still there."""
        return bool(self.procedures.one("gds.graph.exists", self.name)["exists"])

    def node_properties(self, *names: str) -> pd.DataFrame:
        """Values of node properties: ``node``, ``property``, ``value``."""
        columns = {"nodeId": "node", "nodeProperty": "property", "propertyValue": "value"}
        arguments = [self.name, list(names)]
        return self.procedures.frame("gds.graph.nodeProperties.stream", arguments, with_node_ids(columns))

    def relationships(self, *types: str) -> pd.DataFrame:
        """All relationships: ``source``, ``target``, ``type``."""
        text = "YIELD sourceNodeId, targetNodeId, relationshipType RETURN "
        text += (
            "elementId(gds.util.asNode(sourceNodeId)) AS source, elementId(gds.util.asNode(targetNodeId)) AS target, "
        )
        arguments = [self.name, list(types) or ["*"]]
        return self.procedures.frame("gds.graph.relationships.stream", arguments, text + "relationshipType AS type")

    def drop(self) -> None:
        """Forget it."""
        self.procedures.rows("gds.graph.drop", [self.name])


@dataclass(frozen=True)
class AlgorithmHandle:
    """One algorithm in its modes; options are keyword arguments in snake_case or camelCase."""

    name: str
    procedures: Procedures

    def stream(self, graph: GraphHandle | str, **options: Any) -> pd.DataFrame:
        """A row a node, pair or path, with the database's ids of nodes."""
        facts = ALGORITHMS[self.name]
        if facts.answers == "paths":
            return self.procedures.frame(f"gds.{self.name}.stream", [_name(graph), options_of(options)])
        columns = [name for name, _ in facts.columns]
        shown = {"nodeId": "node"} if facts.answers == "nodes" else {}
        returns = with_node_ids({**shown, **{one: one for one in columns}})
        return self.procedures.frame(f"gds.{self.name}.stream", [_name(graph), options_of(options)], returns)

    def stats(self, graph: GraphHandle | str, **options: Any) -> Result:
        """What is said of the whole."""
        return self.procedures.one(f"gds.{self.name}.stats", _name(graph), options_of(options))

    def mutate(self, graph: GraphHandle | str, **options: Any) -> Result:
        """Add the result to the projected graph."""
        return self.procedures.one(f"gds.{self.name}.mutate", _name(graph), options_of(options))

    def write(self, graph: GraphHandle | str, **options: Any) -> Result:
        """Write the result to the database."""
        return self.procedures.one(f"gds.{self.name}.write", _name(graph), options_of(options))

    def estimate(self, graph: GraphHandle | str, **options: Any) -> Result:
        """What it would take."""
        return self.procedures.one(f"gds.{self.name}.stream.estimate", _name(graph), options_of(options))


def _name(graph: GraphHandle | str) -> str:
    return graph if isinstance(graph, str) else graph.name


class GraphScience:
    """The graph algorithms and pipelines of one service.

    ``science.page_rank.stream(graph)`` runs an algorithm by its name in snake_case, ``science.algorithm("pageRank")``
    by that of its procedure.

    Args:
        graph: which graph of the service.
    """

    def __init__(self, connection: Connection, graph: str = "g") -> None:
        self.procedures = Procedures(connection, graph)

    def __getattr__(self, name: str) -> AlgorithmHandle:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.algorithm(WORDS.get(name, camel_case(name)))

    def algorithm(self, name: str) -> AlgorithmHandle:
        """An algorithm by its name. Raises InvalidParameter."""
        found = find_algorithm(name)
        if found is None:
            raise InvalidParameter(f"There is no algorithm {name!r}; there are {', '.join(ALGORITHMS)}")
        return AlgorithmHandle(found, self.procedures)

    # -- graphs

    def project(self, name: str, nodes: Any, relationships: Any, **options: Any) -> GraphHandle:
        """Project labels and types: texts, lists or maps as ``gds.graph.project`` has them."""
        self.procedures.one("gds.graph.project", name, nodes, relationships, options_of(options))
        return GraphHandle(name, self.procedures)

    def graph(self, name: str) -> GraphHandle:
        """A projected graph by its name."""
        return GraphHandle(name, self.procedures)

    def graphs(self) -> pd.DataFrame:
        """All projected graphs."""
        return self.procedures.frame("gds.graph.list", [])

    # -- pipelines and models

    def link_prediction(self, name: str) -> PipelineHandle:
        """A new pipeline that learns which nodes are linked."""
        return self._created("linkPrediction", name)

    def node_classification(self, name: str) -> PipelineHandle:
        """A new pipeline that learns classes of nodes."""
        return self._created("nodeClassification", name)

    def node_regression(self, name: str) -> PipelineHandle:
        """A new pipeline that learns numbers of nodes."""
        return self._created("nodeRegression", name)

    def _created(self, kind: PipelineKind, name: str) -> PipelineHandle:
        self.procedures.one(f"gds.beta.pipeline.{kind}.create", name)
        return PipelineHandle(kind, name, self.procedures)

    def pipeline(self, name: str) -> PipelineHandle:
        """A pipeline by its name. Raises InvalidParameter."""
        found = self.procedures.rows("gds.pipeline.list", [name])
        kinds = [kind for kind, said in PIPELINE_TYPES.items() if found and said == found[0]["pipelineType"]]
        if not kinds:
            raise InvalidParameter(f"There is no pipeline {name!r}")
        return PipelineHandle(kinds[0], name, self.procedures)

    def pipelines(self) -> pd.DataFrame:
        """All pipelines."""
        return self.procedures.frame("gds.pipeline.list", [])

    def model(self, name: str) -> ModelHandle:
        """A model by its name. Raises InvalidParameter."""
        found = self.procedures.rows("gds.model.list", [name])
        if not found:
            raise InvalidParameter(f"There is no model {name!r}")
        return ModelHandle.of(found[0]["modelType"], name, self.procedures)

    def models(self) -> pd.DataFrame:
        """All models."""
        return self.procedures.frame("gds.model.list", [])
