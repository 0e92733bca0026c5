"""Algorithms, trainings and predictions on projected graphs: checked here, run in processes of their own."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from training_scripts.graph_ml.schemas import files
from training_scripts.graph_ml.schemas.catalog.algorithms import ALGORITHMS
from training_scripts.graph_ml.schemas.catalog.options import camel_keys
from training_scripts.graph_ml.schemas.catalog.pipelines import (
    PREDICT,
    PREDICT_MODES,
    SERVE,
    TRAIN,
    PipelineDefinition,
    PipelineKind,
)
from training_scripts.graph_ml.schemas.catalog.requests import ANSWER_FILE, AnalysisRequest, NamesInDatabase
from workflow.catalog import memory
from workflow.catalog.errors import ProcedureRefused
from workflow.catalog.graphs import GraphCatalog, now_ms, schema_of
from workflow.catalog.models import CatalogModel, ModelCatalog
from workflow.catalog.pipelines import PipelineCatalog
from workflow.catalog.projected import ProjectedGraph
from workflow.catalog.requests import (
    check_strategy,
    options_of,
    pair_count,
    predicted_type,
    property_names,
    property_widths,
    todays_options,
)
from workflow.catalog.workers import AnalysisWorkers

Check = Callable[[], None]
"""Called while work runs; what it raises stops the work."""
Ints = NDArray[np.int64]
Names = tuple[list[str], list[str]]
"""Of nodes: ids and types."""


@dataclass(frozen=True)
class RunningAnalysis:
    """One piece of work that runs, as ``gds.listProgress`` shows it."""

    job_id: str
    name: str
    started_ms: int
    progress: Path

    def share(self) -> float | None:
        """Which share is done, None where nobody knows yet."""
        try:
            found = json.loads(self.progress.read_text())
        except (OSError, ValueError):
            return None
        return float(found["step"] / found["total"]) if found.get("total") else None


@dataclass
class Analysis:
    """An answer: arrays by column, lists of unequal length by column, and what is said of the whole.

    Attributes:
        columns: any dtype, a row a node or pair.
        options: complete, as ``configuration`` shows them.
        millis: how long the work took.
    """

    columns: dict[str, NDArray[Any]]
    lists: dict[str, list[list[Any]]] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    millis: int = 0


@dataclass(frozen=True)
class ServedModel:
    """A model as endpoints serve it, before it is anywhere else than in ``folder``, which its reader removes.

    Attributes:
        training: id of the record under which it is to be known.
        options: complete.
    """

    folder: Path
    training: str
    model: CatalogModel
    options: dict[str, Any]
    millis: int

    @property
    def place(self) -> Path:
        """The model folder."""
        return self.folder / "model"


class GraphAnalytics:
    """Everything that procedures do with the projected graphs of one database.

    Args:
        graphs: of the database.
        pipelines, models: of the whole service.
        scratch: a folder for answers until they are read.
        free_memory: bytes that work may take.
    """

    def __init__(
        self,
        graphs: GraphCatalog,
        pipelines: PipelineCatalog,
        models: ModelCatalog,
        workers: AnalysisWorkers,
        scratch: Path,
        free_memory: Callable[[], int] = memory.free_memory,
    ) -> None:
        self.graphs, self.pipelines, self.models, self.workers = graphs, pipelines, models, workers
        self.scratch, self.free_memory = scratch, free_memory
        self._running: dict[str, RunningAnalysis] = {}
        self._lock = threading.Lock()  # guards the table of what runs, and which graphs are trained on

    def of(self, user: str) -> GraphAnalytics:
        """The same over what a user sees."""
        twin = copy(self)
        twin.graphs, twin.pipelines, twin.models = self.graphs.of(user), self.pipelines.of(user), self.models.of(user)
        return twin

    # -- algorithms

    def algorithm(self, graph_name: str, name: str, mode: str, given: Any, check: Check) -> Analysis:
        """Run an algorithm; of nodes the columns begin with ``nodeId`` and ``place``. Raises ProcedureRefused."""
        options = options_of(ALGORITHMS[name].mode_options(mode), given)
        graph = self.graphs.get(graph_name)
        self._check_selection(graph, options)
        if mode == "mutate":
            if ALGORITHMS[name].answers == "nodes":
                graph.check_free(options["mutateProperty"])
            elif options["mutateRelationshipType"] in graph.description.relationships:
                raise ProcedureRefused(
                    f"Relationship type `{options['mutateRelationshipType']}` already exists in the graph; name another"
                )
        estimate = memory.of_algorithm(name, graph.node_count, graph.relationship_count, options)
        if not options["sudo"]:
            estimate.check(f"gds.{name}", self.free_memory())
        return self._run(graph, name, AnalysisRequest(
            work="algorithm", graph="", output="", progress="", algorithm=name, options=options
        ), check)  # fmt: skip

    def estimate_algorithm(self, graph_or_size: Any, name: str, given: Any) -> dict[str, Any]:
        """Columns of an estimate, for a graph or for a graph of a size. Raises ProcedureRefused."""
        modes = {
            key: one for mode in ALGORITHMS[name].modes for key, one in ALGORITHMS[name].mode_options(mode).items()
        }
        values = camel_keys(given or {})
        needed = {key: one for key, one in modes.items() if key in values or key in ALGORITHMS[name].known_options}
        options = options_of(needed, values)
        nodes, arcs = self._size(graph_or_size)
        return memory.of_algorithm(name, nodes, arcs, options).columns(self.free_memory())

    def _size(self, graph_or_size: Any) -> tuple[int, int]:
        if isinstance(graph_or_size, Mapping):
            return int(graph_or_size.get("nodeCount", 0)), int(graph_or_size.get("relationshipCount", 0))
        graph = self.graphs.get(graph_or_size)
        return graph.node_count, graph.relationship_count

    def _check_selection(self, graph: ProjectedGraph, options: Mapping[str, Any]) -> None:
        graph.check_labels(options["nodeLabels"])
        graph.check_types(options["relationshipTypes"])
        weight = options.get("relationshipWeightProperty")
        types = options["relationshipTypes"]
        for name, one in graph.description.relationships.items():
            if weight is not None and ("*" in types or name in types) and weight not in one.properties:
                raise ProcedureRefused(
                    f"Relationship weight property `{weight}` not found in relationship type {name!r}; it has "
                    f"{', '.join(one.properties) or 'none'}"
                )
        for name in ("seedProperty", "nodeWeightProperty", "triangleCountProperty"):
            if options.get(name):
                graph.check_properties([options[name]])
        if options.get("featureProperties"):
            graph.check_properties(options["featureProperties"])
        named = options.get("nodeProperties")
        if named is not None:
            graph.check_properties(property_names(named))

    # -- pipelines

    def train(self, kind: PipelineKind, graph_name: str, given: Any, check: Check) -> tuple[CatalogModel, Analysis]:
        """Train a pipeline and register the model. Raises ProcedureRefused."""
        options, graph, pipeline = self._training(kind, graph_name, given)
        if not options["sudo"]:
            self._training_memory(graph, pipeline).check(f"Training of {pipeline.name}", self.free_memory())
        folder = self.models.new_folder()
        schema = schema_of(graph.description)
        try:
            with self._alone(graph, pipeline.name):
                request = AnalysisRequest(
                    work="train",
                    graph="",
                    output=str(folder),
                    progress="",
                    options={**options, "graphName": graph.name},
                    pipeline=pipeline,
                )
                answer = self._run(graph, f"Train {pipeline.name}", request, check)
            entry = self.models.add(
                folder, stored=options["storeModelToDisk"], graph_schema=schema, train_millis=answer.millis
            )
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return entry, answer

    def _training(
        self, kind: PipelineKind, graph_name: str, given: Any, *, with_features: bool = True
    ) -> tuple[dict[str, Any], ProjectedGraph, PipelineDefinition]:
        """What a training is to do, as far as it can be checked without running."""
        values = todays_options(kind, given)
        options = options_of(TRAIN[kind], values)
        pipeline = self.pipelines.get(options["pipeline"], kind)
        graph = self.graphs.get(graph_name)
        self.models.check_free(options["modelName"])
        if with_features and not (pipeline.features if kind == "linkPrediction" else pipeline.feature_properties):
            raise ProcedureRefused(
                f"Training the pipeline `{pipeline.name}` requires at least one feature; add one first"
            )
        if not pipeline.candidates:
            raise ProcedureRefused(
                f"Training the pipeline `{pipeline.name}` requires at least one model candidate; add one first"
            )
        made = {step.config["mutateProperty"] for step in pipeline.steps}
        for step in pipeline.steps:
            graph.check_free(step.config["mutateProperty"])
            graph.check_labels(step.context_labels)
            graph.check_types(step.context_types)
        named = [name for step in pipeline.features for name in step.properties] + pipeline.feature_properties
        graph.check_properties([name for name in named if name not in made])
        target = options.get("targetRelationshipType")
        if target and target != "*":
            graph.check_types([target])
        negative = pipeline.split.get("negativeRelationshipType")
        if negative:
            graph.check_types([negative])
        return options, graph, pipeline

    def _training_memory(self, graph: ProjectedGraph, pipeline: PipelineDefinition) -> memory.Estimate:
        nodes, arcs = graph.node_count, graph.relationship_count
        return memory.of_training(pipeline, nodes, arcs, pair_count(pipeline, nodes, arcs), property_widths(graph))

    def estimate_training(self, kind: PipelineKind, graph_or_size: Any, given: Any) -> dict[str, Any]:
        """Columns of an estimate. Raises ProcedureRefused."""
        if isinstance(graph_or_size, Mapping):
            options = options_of(TRAIN[kind], todays_options(kind, given))
            pipeline = self.pipelines.get(options["pipeline"], kind)
            nodes, arcs = self._size(graph_or_size)
            found = memory.of_training(pipeline, nodes, arcs, pair_count(pipeline, nodes, arcs), {})
        else:
            _, graph, pipeline = self._training(kind, graph_or_size, given, with_features=False)
            found = self._training_memory(graph, pipeline)
        return found.columns(self.free_memory())

    def predict(self, kind: PipelineKind, graph_name: str, mode: str, given: Any, check: Check) -> Analysis:
        """Predict with a model. Raises ProcedureRefused."""
        options, graph, model, estimate = self._predicting(kind, graph_name, mode, given)
        if not options["sudo"]:
            estimate.check(f"Prediction by {options['modelName']}", self.free_memory())
        request = AnalysisRequest(
            work="predict", graph="", output="", progress="", options=options, model=str(model.folder)
        )
        return self._run(graph, f"Predict with {options['modelName']}", request, check)

    def estimate_prediction(self, kind: PipelineKind, graph_name: Any, mode: str, given: Any) -> dict[str, Any]:
        """Columns of an estimate. Raises ProcedureRefused."""
        return self._predicting(kind, graph_name, mode, given)[3].columns(self.free_memory())

    def _predicting(
        self, kind: PipelineKind, graph_name: Any, mode: str, given: Any
    ) -> tuple[dict[str, Any], ProjectedGraph, CatalogModel, memory.Estimate]:
        options = options_of({**PREDICT[kind], **PREDICT_MODES[kind][mode]}, given)
        model = self.models.get(options["modelName"], kind)
        if kind == "linkPrediction":
            check_strategy(options)
        graph = self.graphs.get(graph_name)
        for name in ("sourceNodeLabel", "targetNodeLabel"):
            if options.get(name):
                graph.check_labels([options[name]])
        graph.check_types(options.get("relationshipTypes") or [])
        new = options.get("mutateRelationshipType")
        if new is not None and new in graph.description.relationships:
            raise ProcedureRefused(f"Relationship type `{new}` already exists in the graph; name another")
        for name in ("mutateProperty", "predictedProbabilityProperty"):
            if kind != "linkPrediction" and mode == "mutate" and options.get(name):
                graph.check_free(options[name])
        pipeline = PipelineDefinition(
            kind=kind, name="", created_ms=0, steps=model.model.steps, features=model.model.features
        )
        nodes, arcs = graph.node_count, graph.relationship_count
        return options, graph, model, memory.of_prediction(pipeline, nodes, arcs, options, property_widths(graph))

    def serve(
        self, model_name: str, graph_name: str, given: Any, names: Callable[[Ints], Names], check: Check
    ) -> ServedModel:
        """Write what endpoints serve of a model, over a graph. Raises ProcedureRefused.

        Args:
            names: of nodes, by their numbers, int64, shape (n,): the database's ids and their types, empty texts for
                those that are gone.
        """
        model = self.models.get(model_name)
        kind = model.model.kind
        options = options_of(SERVE[kind], given)
        self.models.get(model_name, kind)
        graph = self.graphs.get(graph_name)
        graph.check_labels([options[one] for one in ("sourceNodeLabel", "targetNodeLabel") if options.get(one)])
        graph.check_labels(options.get("targetNodeLabels") or [])
        graph.check_types(options.get("relationshipTypes") or [])
        relationship = predicted_type(model.model, options, graph) if kind == "linkPrediction" else ""
        pipeline = PipelineDefinition(
            kind=kind, name="", created_ms=0, steps=model.model.steps, features=model.model.features
        )
        estimate = memory.of_prediction(
            pipeline, graph.node_count, graph.relationship_count, {**options, "sampleRate": 1.0}, property_widths(graph)
        )
        if not options["sudo"]:
            estimate.check(f"Deployment of {model_name}", self.free_memory())
        folder = self.scratch / uuid4().hex
        folder.mkdir(parents=True)
        training = options["trainingJobId"] or str(uuid4())
        try:
            ids, types = names(graph.ids())
            known = sorted(set(types) - {""})
            places = {name: place for place, name in enumerate(known)}
            np.save(folder / "ids.npy", np.array(ids, dtype=np.str_))
            np.save(folder / "places.npy", np.array([places.get(one, -1) for one in types], dtype=np.int64))
            request = AnalysisRequest(
                work="serve",
                graph="",
                output=str(folder / "model"),
                progress="",
                options=options | {"snapshotMs": graph.created_ms},
                model=str(model.folder),
                names=NamesInDatabase(
                    ids=str(folder / "ids.npy"),
                    places=str(folder / "places.npy"),
                    types=known,
                    relationship=relationship,
                    training=training,
                ),
            )
            answer = self._run(graph, f"Deploy {model_name}", request, check)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        (folder / "model" / ANSWER_FILE).unlink()
        return ServedModel(folder, training, model, options, answer.millis)

    # -- running

    def running(self) -> list[RunningAnalysis]:
        """What runs now."""
        return list(self._running.values())

    @contextmanager
    def _alone(self, graph: ProjectedGraph, pipeline: str) -> Iterator[None]:
        with self._lock:
            if pipeline in graph.busy:
                raise ProcedureRefused(
                    f"The pipeline `{pipeline}` is being trained on the graph `{graph.name}` already; wait for its end"
                )
            graph.busy.add(pipeline)
        try:
            yield
        finally:
            with self._lock:
                graph.busy.discard(pipeline)

    def _run(self, graph: ProjectedGraph, name: str, request: AnalysisRequest, check: Check) -> Analysis:
        job_id = str(request.options.get("jobId") or uuid4())
        folder = self.scratch / uuid4().hex
        folder.mkdir(parents=True)
        running = RunningAnalysis(job_id, name, now_ms(), folder / files.PROGRESS)
        options = {**request.options, "jobId": job_id}
        output = Path(request.output) if request.output else folder
        complete = request.model_copy(
            update={
                "graph": str(graph.folder),
                "output": str(output),
                "progress": str(running.progress),
                "options": options,
            }
        )
        with self._lock:
            self._running[folder.name] = running
        try:
            answer = self.workers.run(complete, check)
            columns = {key: np.load(output / file, allow_pickle=False) for key, file in answer.columns.items()}
            return Analysis(columns, answer.lists, answer.summary, options, answer.compute_millis)
        finally:
            with self._lock:
                del self._running[folder.name]
            shutil.rmtree(folder, ignore_errors=True)
