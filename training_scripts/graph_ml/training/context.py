"""What every kind of training knows of its trial, and tells about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch

from ..artifacts import ModelWriter
from ..container import Container, JobError, ProgressWriter
from ..devices import CPU
from ..graph import EdgeType, GraphData, Target
from ..group import ALONE, Group
from ..models.settings import Settings
from ..schemas import Metrics, task_type
from ..schemas.model import SPLIT_NAMES, Split
from ..tasks import METRIC_DIRECTION, default_metric
from .checkpoints import Checkpoints, Pieces
from .curves import Curves

#: judges what was trained and writes it; the figures, and what ``model.json`` says beyond them
Finish = Callable[[ModelWriter], tuple[Metrics, dict[str, Any]]]
S_co = TypeVar("S_co", bound=Settings, covariant=True)


@dataclass(frozen=True)
class Trial(Generic[S_co]):
    """One trial: the graph, what is learned of it, the hyperparameters of the family, and where it is computed.

    ``group`` are the processes that train it together.
    """

    graph: GraphData
    targets: tuple[Target, ...]
    settings: S_co
    container: Container
    progress: ProgressWriter
    started: float
    curves: Curves
    device: torch.device = CPU
    group: Group = ALONE

    def tell(self, phase: str, step: int = 0, total: int = 0) -> None:
        """Report progress."""
        self.progress(phase, step, total)

    def measured(self, figures: dict[str, float], step: int, total: int, split: Split = "valid") -> None:
        """Print one line a metric and show the objective in the progress file, named after what was held out."""
        words = SPLIT_NAMES[split]
        for name, value in figures.items():
            self.container.metric(f"{words} {name}", value)
        self.curves.add({f"{words}/{name}": value for name, value in figures.items()}, step)
        objective = self.objective
        if objective in figures:
            self.progress("training", step, total, metric=(f"{words}_{objective}", figures[objective]))

    def checkpoints(self, name: str, every_s: float) -> Checkpoints:
        """The checkpoint of one of the trial's trainings, written at most so often."""
        return Checkpoints(self.container.checkpoints / f"{name}.safetensors", self._identity, every_s, self.group)

    def pieces(self, name: str, every_s: float) -> Pieces:
        """The finished parts of one of the trial's trainings, written at most so often; one process trains."""
        return Pieces(self.container.checkpoints, name, self._identity, every_s)

    @property
    def _identity(self) -> dict[str, Any]:
        """What checkpoints belong to: the data, and all hyperparameters that change what is learned."""
        elsewhere = ("max-seconds", "device", "prune-below", "checkpoint-seconds")
        settings = {name: value for name, value in self.settings.as_text().items() if name not in elsewhere}
        return {"settings": settings, "targets": [str(t) for t in self.targets], "of": self.graph.dataset_hash}

    @property
    def objective(self) -> str:
        """The metric that is tuned."""
        target = self.targets[0]
        return self.settings.eval_metric or default_metric(target.task, self.graph.labels.get(target))

    @property
    def out_of_time(self) -> bool:
        """Whether training should come to an end."""
        limit = self.settings.max_seconds
        return bool(limit) and self.group.agreed(time.monotonic() - self.started > limit)


def chosen_targets(graph: GraphData, settings: Settings) -> tuple[Target, ...]:
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
    if settings.target_etype:
        fitting = [t for t in fitting if isinstance(t.type, EdgeType) and settings.target_etype in names_of(t.type)]
    if not fitting:
        able = "; ".join(str(target) for target in graph.targets)
        raise JobError(f"the processed graph has no target for {task}; it has {able}")
    return tuple(fitting) if task == "link_prediction" else (fitting[0],)


def names_of(kind: EdgeType) -> tuple[str, ...]:
    """How hyperparameters may call an edge type: its relation, or the whole of it."""
    return kind.relation, str(kind), ",".join(kind)


def direction(metric: str) -> str:
    """Whether a metric is maximised or minimised."""
    return METRIC_DIRECTION.get(metric, "maximize")
