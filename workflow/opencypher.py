"""openCypher over the graphs of a service: engines that know the procedures of the catalog and of predictions.

A service imports this with the first query of the language.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from workflow.catalog.graphs import GraphCatalog
from workflow.catalog.models import ModelCatalog
from workflow.catalog.pipelines import PipelineCatalog
from workflow.catalog.procedures import catalog_rows
from workflow.catalog.procedures.deploying import DeployedPipeline
from workflow.catalog.service import GraphAnalytics
from workflow.catalog.workers import AnalysisWorkers
from workflow.cypher.engine import CypherEngine
from workflow.cypher.metadata.listings import Listings
from workflow.cypher.metadata.schema import schema_rows
from workflow.cypher.planning.procedures import Library, library
from workflow.errors import MissingParameter
from workflow.graphs.store.store import EmbeddedGraph
from workflow.jobs.service import JobService
from workflow.neptune.requests import CreateEndpoint
from workflow.predictions.cypher import prediction_rows
from workflow.predictions.endpoint import PredictionService
from workflow.queries.running import QueryRegistry
from workflow.settings import Settings

PIPELINES: Final = "s3://despina/pipelines"
"""Where trained pipelines are kept on one machine, unless a deployment says where."""


def open_engines(
    settings: Settings,
    graphs: Mapping[str, EmbeddedGraph],
    prediction: PredictionService,
    running: QueryRegistry,
    jobs: JobService,
    closers: list[Callable[[], None]],
) -> dict[str, CypherEngine]:
    """An engine a traversal source; graphs have projections of their own, pipelines and models are the service's.

    Args:
        running: the queries that run, to be listed.
        jobs: keeps trained pipelines that are deployed, and their endpoints.
        closers: gets what ends the processes and projections.
    """
    folder = settings.home / "catalog"
    workers = AnalysisWorkers(
        settings.scripts / "analyse.py", settings.home / "logs" / "analysis.log", settings.job_environment
    )
    closers.append(workers.close)
    pipelines, models = PipelineCatalog(folder / "pipelines"), ModelCatalog(folder / "models")
    tables: dict[str, Library] = {}
    deploy = partial(deploy_pipeline, jobs, settings.storage)
    address = f"{settings.host}:{settings.port}"
    for name, graph in {graph.name: graph for graph in graphs.values()}.items():
        projected = GraphCatalog(folder / "graphs" / name, graph)
        closers.append(projected.close)
        analytics = GraphAnalytics(projected, pipelines, models, workers, folder / "answers")
        listings = Listings([*graphs], running, address, partial(tables.__getitem__, name))
        own = (*schema_rows(), *listings.rows())
        tables[name] = library(*own, *catalog_rows(analytics, name, deploy), *prediction_rows(prediction))
    return {source: CypherEngine(graph, settings.profile, tables[graph.name]) for source, graph in graphs.items()}


def deploy_pipeline(
    jobs: JobService, storage: str, folder: Path, training: str, facts: Mapping[str, Any]
) -> DeployedPipeline:
    """Keep a trained pipeline as a finished training, and bring up its endpoint.

    Args:
        storage: of the settings.
        folder: the model folder.
        training: id of the training's record.
        facts: options of the deployment, the names of model and graph.
    """
    output = facts["trainModelS3Location"] or (PIPELINES if storage == "folder" else None)
    if output is None:
        raise MissingParameter("Give trainModelS3Location: an s3:// address for the model that is to be deployed.")
    origin = {name: facts[name] for name in ("model", "graph", "kind")}
    record = jobs.add_pipeline(training, origin, output, folder, facts["trainMillis"] / 1000)
    request = {"id": facts["id"], "mlModelTrainingJobId": record.id}
    started = jobs.start("endpoints", CreateEndpoint.model_validate(request))
    return DeployedPipeline(started.id, record.id, f"{record.names['output']}/model.tar.gz")
