"""Work on projected graphs that was asked for by the service: algorithms, training, prediction."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .algorithms import Outcome, run_algorithm
from .container import ProgressWriter
from .pipelines import predict_links, predict_nodes, train_links, train_nodes
from .pipelines.candidates import Trained, restored
from .pipelines.served import write_served
from .projections import ProjectedGraph
from .schemas.catalog.models import ARRAYS_FILE, MODEL_FILE, PipelineModel
from .schemas.catalog.requests import ANSWER_FILE, AnalysisAnswer, AnalysisRequest

Report = Callable[[str, float], None]


def analyse(request: AnalysisRequest) -> None:
    """Do one piece of work and write its answer. Raises JobError."""
    graph = ProjectedGraph(Path(request.graph))
    output = Path(request.output)
    output.mkdir(parents=True, exist_ok=True)
    writer = ProgressWriter(Path(request.progress))

    def report(phase: str, share: float) -> None:
        writer(phase, int(1000 * share), 1000)

    began = time.monotonic()
    outcome = _WORK[request.work](graph, request, output, report)
    millis = int(1000 * (time.monotonic() - began))
    columns = {}
    for place, (name, values) in enumerate(outcome.columns.items()):
        columns[name] = f"column-{place}.npy"
        np.save(output / columns[name], values, allow_pickle=False)
    answer = AnalysisAnswer(
        columns=columns, lists=dict(outcome.lists), summary=dict(outcome.summary), compute_millis=millis
    )
    answer.save(output / ANSWER_FILE)


def _algorithm(graph: ProjectedGraph, request: AnalysisRequest, output: Path, report: Report) -> Outcome:
    report(request.algorithm, 0.0)
    outcome = run_algorithm(graph, request.algorithm, request.options)
    if "node1" in outcome.columns or "nodeIds" in outcome.lists:
        return outcome
    view = graph.view(request.options["nodeLabels"], [])
    return Outcome({"nodeId": view.ids, "place": view.places, **outcome.columns}, outcome.summary, outcome.lists)


def _train(graph: ProjectedGraph, request: AnalysisRequest, output: Path, report: Report) -> Outcome:
    assert request.pipeline is not None
    train = train_links if request.pipeline.kind == "linkPrediction" else train_nodes
    model, trained = train(graph, request.pipeline, request.options, report)
    arrays: dict[str, Any] = trained.predictor.arrays()
    np.savez(output / ARRAYS_FILE, **arrays)
    model.save(output / MODEL_FILE)
    return Outcome({})


def load_model(folder: Path) -> tuple[PipelineModel, Trained]:
    """A trained pipeline from its folder."""
    model = PipelineModel.load(folder / MODEL_FILE)
    with np.load(folder / ARRAYS_FILE, allow_pickle=False) as arrays:
        return model, restored(model.method, dict(arrays))


def _predict(graph: ProjectedGraph, request: AnalysisRequest, output: Path, report: Report) -> Outcome:
    model, trained = load_model(Path(request.model))
    if model.kind != "linkPrediction":
        return Outcome(predict_nodes(graph, model, trained, request.options, report))
    found = predict_links(graph, model, trained, request.options, report)
    columns = {"node1": found.node1, "node2": found.node2, "probability": found.probability}
    return Outcome(columns, {"samplingStats": found.statistics, "probabilityDistribution": found.distribution()})


def _serve(graph: ProjectedGraph, request: AnalysisRequest, output: Path, report: Report) -> Outcome:
    assert request.names is not None
    model, trained = load_model(Path(request.model))
    write_served(output, graph, model, trained, request.names, request.options, report)
    return Outcome({})


_WORK: Mapping[str, Callable[[ProjectedGraph, AnalysisRequest, Path, Report], Outcome]] = {
    "algorithm": _algorithm,
    "train": _train,
    "predict": _predict,
    "serve": _serve,
}
