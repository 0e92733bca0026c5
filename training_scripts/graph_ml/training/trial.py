"""One trial: a processed graph and hyperparameters become a model folder and metric lines."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from ..artifacts import ModelWriter
from ..container import Container, JobError, ProgressWriter
from ..graph import GraphData, Target
from ..schemas import Metrics, ModelDescription, TargetName, task_type
from ..schemas.model import SPLIT_NAMES, Split
from ..tasks import METRIC_DIRECTION, default_metric
from .hyperparameters import Hyperparameters, parse


@dataclass(frozen=True)
class Trial:
    """What every kind of training needs to know and to tell."""

    graph: GraphData
    targets: tuple[Target, ...]
    settings: Hyperparameters
    container: Container
    progress: ProgressWriter
    started: float

    def tell(self, phase: str, step: int = 0, total: int = 0) -> None:
        """Report progress."""
        self.progress(phase, step, total)

    def measured(self, figures: dict[str, float], step: int, total: int, split: Split = "valid") -> None:
        """Print one line a metric and show the objective in the progress file, named after what was held out."""
        words = SPLIT_NAMES[split]
        for name, value in figures.items():
            self.container.metric(f"{words} {name}", value)
        objective = self.objective
        if objective in figures:
            self.progress("training", step, total, metric=(f"{words}_{objective}", figures[objective]))

    @property
    def objective(self) -> str:
        """The metric that is tuned."""
        target = self.targets[0]
        return self.settings.eval_metric or default_metric(target.task, self.graph.labels.get(target))

    @property
    def out_of_time(self) -> bool:
        """Whether training should come to an end."""
        limit = self.settings.max_seconds
        return bool(limit) and time.monotonic() - self.started > limit


def run(container: Container, arguments: list[str], scripts: Path) -> None:
    """Train one model as the container asks.

    Raises:
        JobError: hyperparameters, graph or target cannot be trained on; the text says why.
    """
    started = time.monotonic()
    settings, unknown = parse(container.hyperparameters(arguments))
    if unknown:
        container.log(f"hyperparameters of other models, ignored: {', '.join(sorted(unknown))}")
    progress = container.progress()
    progress("reading the graph")
    try:
        graph = GraphData.read(container.channel("train"))
    except FileNotFoundError as error:
        raise JobError(str(error)) from error
    targets = chosen_targets(graph, settings)
    set_threads(container)
    trial = Trial(graph, targets, settings, container, progress, started)
    writer = ModelWriter(container.model)
    if targets[0].task == "link_prediction":
        from .links.trial import train_links

        metrics, details = train_links(trial, writer)
    else:
        from .labels.trial import train_labels

        metrics, details = train_labels(trial, writer)
    progress("writing the model")
    encoders = container.channel("train") / "encoders.json"
    if encoders.exists():
        writer.file("encoders.json", encoders.read_text(encoding="utf-8"))
    writer.ids(graph.node_ids)
    writer.code(scripts)
    description = describe(trial, metrics, details)
    writer.finish(description, metrics)
    progress("writing the report")
    from ..judging.report import write_model_report

    write_model_report(container.model)
    container.log(f"finished {settings.model} in {time.monotonic() - started:.1f} s")
    progress("finished", 1, 1)


def set_threads(container: Container) -> None:
    """As many threads as the container says, or as there are processors; torch counts wrong inside containers."""
    import torch

    given = container.environ.get("OMP_NUM_THREADS", "")
    torch.set_num_threads(int(given) if given.isdigit() and int(given) > 0 else os.cpu_count() or 1)


def chosen_targets(graph: GraphData, settings: Hyperparameters) -> tuple[Target, ...]:
    """The targets of the task: all edge types of link prediction, otherwise one property.

    Raises:
        JobError: the graph has no such target.
    """
    if not graph.targets:
        raise JobError("the processed graph has no target; name one in additionalParams.neptune_ml of the export")
    try:
        task = task_type(settings.task) if settings.task else graph.targets[0].task
    except ValueError as error:
        raise JobError(str(error)) from error
    fitting = [target for target in graph.targets if target.task == task]
    if settings.property:
        fitting = [target for target in fitting if target.property_name == settings.property]
    if settings.target_ntype:
        fitting = [target for target in fitting if target.type == settings.target_ntype]
    if not fitting:
        able = "; ".join(str(target) for target in graph.targets)
        raise JobError(f"the processed graph has no target for {task}; it has {able}")
    return tuple(fitting) if task == "link_prediction" else (fitting[0],)


def describe(trial: Trial, metrics: Metrics, details: dict[str, object]) -> ModelDescription:
    """The content of ``model.json``."""
    figures = {f"{split}_{name}": value for split, values in metrics.splits.items() for name, value in values.items()}
    if metrics.value is not None:
        figures[metrics.objective] = metrics.value
    job = trial.container.job_name
    created_ms = int(time.time() * 1000)
    snapshot = trial.graph.info.get("graph_snapshot_ms")
    return ModelDescription(
        id=job or f"{trial.settings.model}-{created_ms}",
        model=trial.settings.model,
        task=trial.targets[0].task,
        targets=[target_name(trial.graph, target) for target in trial.targets],
        node_types=dict(trial.graph.num_nodes),
        edge_types=list(trial.graph.edge_types),
        hyperparameters=trial.settings.as_text(),
        metrics=figures,
        created_ms=created_ms,
        training_job=job,
        dataset_hash=trial.graph.dataset_hash,
        graph_snapshot_ms=snapshot if isinstance(snapshot, int) else None,
        seed=trial.settings.seed,
        details=details,
    )


def target_name(graph: GraphData, target: Target) -> TargetName:
    """A target as the description names it."""
    labels = graph.labels.get(target)
    classes = list(labels.classes) if labels is not None else []
    multilabel = labels is not None and labels.kind == "classes"
    if isinstance(target.type, str):
        return TargetName(node_type=target.type, property=target.property_name, classes=classes, multilabel=multilabel)
    return TargetName(edge_type=target.type, property=target.property_name, classes=classes, multilabel=multilabel)


def direction(metric: str) -> str:
    """Whether a metric is maximised or minimised."""
    return METRIC_DIRECTION.get(metric, "maximize")
