"""Figures of a custom model beside the floors, worked out from what its scripts left."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..artifacts import ModelFolder, ModelWriter
from ..container import Container
from ..graph import GraphData
from ..judging.labels import FLOOR_NOTES, Judge
from ..judging.links import judge
from ..judging.ranking import Ranking
from ..links import LinkProblem, without_twins
from ..models.link_scorers import EmbeddingScorer
from ..models.settings import Settings
from ..pairs import NodeSpace
from ..pairs.graph import Floats, Ints
from ..schemas import Metrics, task_type
from ..tasks import METRIC_DIRECTION
from .context import Trial, chosen_targets
from .curves import Curves
from .labels.trial import LabelProblem

#: what is said of a custom model whose own training script does the comparing
NOTE = (
    "figures are of what the custom model answers about the items of the validation and test splits, beside floors on "
    "the same; whether its training script kept these items out is known to the script alone"
)


@dataclass
class StoredLinks:
    """What a custom model says of links; see ``ScoredLinks``. No floor answers in its place."""

    problems: Sequence[LinkProblem]
    scorers: Sequence[EmbeddingScorer]
    serves_floors: ClassVar[bool] = True
    notes: list[str] = field(default_factory=list)

    def all_scores(self, position: int, sources: Ints, predict_heads: bool) -> dict[str, Floats]:
        """See ``ScoredLinks``."""
        candidates = self.problems[position].candidates(predict_heads)
        return {"custom": self.scorers[position].scores(sources, candidates, predict_heads)}

    def choose(self, position: int, ranking: Ranking | None) -> str:
        """See ``ScoredLinks``; there is nothing to choose."""
        return "custom"

    def knowing(self, problems: list[LinkProblem]) -> StoredLinks:
        """See ``ScoredLinks``; what it says was made by its own script."""
        return self


class Silent(Container):
    """A container whose job has told its metric already, so that nobody takes another for it."""

    def metric(self, name: str, value: float) -> None:
        """Print nothing."""


def beside_floors(container: Container, data: Path, model: Path, metric: str) -> Metrics:
    """The figures that a custom model is left with, and those of floors, of every split that is judged.

    Args:
        container: where progress is told.
        data: the processed graph.
        model: the model folder; ranks of held-out links are added to it.
        metric: what its trials are compared by; floors are set by it where it is a metric of ours.
    """
    folder, graph = ModelFolder(model), GraphData.read(data)
    task = task_type(folder.description.task)
    known = metric if metric in METRIC_DIRECTION else ""
    settings = Settings(model="custom", task=task, eval_metric=known)
    named = folder.description.targets[0]
    if task != "link_prediction":
        settings = replace(settings, property=named.property or "", target_ntype=named.node_type or "")
    targets = chosen_targets(graph, settings)
    silent, curves = Silent(container.base, container.environ), Curves(container.tensorboard, silent=True)
    trial = Trial(graph, targets, settings, silent, container.progress(), time.monotonic(), curves)
    figures = judged_links(trial, folder) if task == "link_prediction" else judged_labels(trial, folder)
    return folder.metrics.model_copy(update=figures)


def judged_labels(trial: Trial[Settings], folder: ModelFolder) -> dict[str, object]:
    """Members of ``metrics.json`` for classes and numbers."""
    target = trial.targets[0]
    problem = LabelProblem.from_graph(trial.graph, target, NodeSpace(dict(trial.graph.num_nodes)))
    answers = np.asarray(folder.array("predictions"))
    floors = Judge.of(trial.graph, target, problem.split, problem.ends, trial.settings.topk, trial.objective)
    judged = floors.judge(lambda items: answers[items])
    return {
        "splits": judged.splits,
        "floors": judged.floors,
        "breakdown": judged.breakdown,
        "notes": [NOTE, *FLOOR_NOTES, *problem.split.notes],
        "warnings": judged.warnings,
    }


def judged_links(trial: Trial[Settings], folder: ModelFolder) -> dict[str, object]:
    """Members of ``metrics.json`` for links; the ranks of true links are kept in the folder for its report."""
    problems = without_twins([LinkProblem.from_graph(trial.graph, target) for target in trial.targets])
    vectors = np.asarray(folder.array("embeddings"))
    scorers = []
    for position, link in enumerate(folder.description.details["links"]):
        relation, said = folder.tensors(f"links/{position}.decoder")["relation"], link["scorer"]
        scorers.append(EmbeddingScorer(vectors, relation, said["decoder"], said["gamma"]))
    with tempfile.TemporaryDirectory() as scratch:
        writer = ModelWriter(Path(scratch))
        judged = judge(trial, problems, StoredLinks(problems, scorers), writer)
        shutil.copytree(writer.staging / "arrays" / "report", folder.folder / "arrays" / "report", dirs_exist_ok=True)
    return {
        "splits": judged.splits,
        "floors": judged.floors,
        "breakdown": judged.breakdown,
        "notes": [NOTE, *judged.notes],
        "warnings": judged.warnings,
    }
