"""``despina.ml.deploy``: a trained pipeline becomes an endpoint, which Gremlin and openCypher ask like any other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from training_scripts.graph_ml.schemas.catalog.algorithms import Column
from workflow.catalog.procedures.values import CONFIGURATION, GRAPH_NAME, Answer, plain, row
from workflow.catalog.service import GraphAnalytics, Ints, Names
from workflow.cypher.planning.procedures import Argument, Procedure
from workflow.predictions.neighbourhood import node_type

DEPLOYED: Final[tuple[Column, ...]] = (
    *(("endpoint", "string"), ("trainingJob", "string"), ("modelArchive", "string"), ("deployMillis", "integer")),
)


@dataclass(frozen=True)
class DeployedPipeline:
    """What became of a model: the ids of its endpoint and of its record, and where its archive lies."""

    endpoint: str
    training: str
    archive: str


Deploy = Callable[[Path, str, Mapping[str, Any]], DeployedPipeline]
"""Keeps a model folder under the id of a record and brings up its endpoint; options and facts of the model."""


class DeployProcedure:
    """Deployment of the models of one database's catalog."""

    def __init__(self, analytics: GraphAnalytics, deploy: Deploy) -> None:
        self.analytics, self.deploy = analytics, deploy

    def rows(self) -> Iterator[Procedure]:
        """The only one."""
        yield Procedure(
            "despina.ml.deploy",
            (Argument("modelName", "string"), GRAPH_NAME, CONFIGURATION),
            DEPLOYED,
            self.call,
            description="Serve a trained pipeline about the nodes of a projected graph, as an endpoint",
        )

    def call(self, run: Any, model: str, graph: str, given: Any) -> Answer:
        """Deploy a model; the endpoint comes up afterwards."""

        def names(numbers: Ints) -> Names:
            ids, types = [], []
            for number in numbers.tolist():
                id = run.graph.vertex_id(number) if run.graph.has_vertex(number) else None
                ids.append("" if id is None else str(id))
                types.append("" if id is None else node_type(run.graph.vertex_label(number)))
            return ids, types

        served = self.analytics.serve(model, graph, plain(given), names, run.check_elsewhere)
        try:
            entry = served.model
            facts = {
                **served.options,
                "model": model,
                "graph": graph,
                "kind": entry.model.kind,
                "trainMillis": entry.model.train_millis,
            }
            done = self.deploy(served.place, served.training, facts)
        finally:
            shutil.rmtree(served.folder, ignore_errors=True)
        cells = {
            "endpoint": done.endpoint,
            "trainingJob": done.training,
            "modelArchive": done.archive,
            "deployMillis": served.millis,
        }
        yield row(DEPLOYED, cells)
