"""Running a custom model's scripts: what they are given, what their log says, and that they leave a model.

Source: user guide, machine-learning-custom-models; the variables are those that its toolkit reads.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..artifacts import CODE, DESCRIPTION, METRICS
from ..container import Container, JobError
from ..graph import EdgeType, GraphData
from ..models.settings import Settings
from ..schemas import HpoModel, ModelDescription, ModelHpoConfiguration, files
from .context import chosen_targets

CONFIGURATION = files.HPO_CONFIGURATION
TRAINING, TRANSFORM = "_training-script", "_transform-script"
DETAILS = "tuning_job_details.json"
SHORT_TASKS = {"link_prediction": "link_predict"}  # as the toolkit and its samples call it
MADE_AGAIN = (
    DESCRIPTION,
    METRICS,
    "arrays",
    "ids",
    "code",
)  # by transform.py, of a model that is applied to a new graph


def run(container: Container, arguments: list[str], scripts: Path) -> None:
    """Train and transform, or only transform where the container is one of processing.

    Raises:
        JobError: a script failed, printed no metric, or left no model; the text says which.
    """
    instructions = dict(zip(arguments[::2], arguments[1::2], strict=False))
    names = {key: Path(instructions.get(f"--{key}", default)).name for key, default in _DEFAULTS.items()}
    if container.processing("code").is_dir():
        _transform(container, scripts, names[TRANSFORM])
        return
    code, data = container.channel("code"), container.channel("train")
    configuration = read_configuration(code)
    metric = metric_of(configuration)
    parameters = {**container.hyperparameters(arguments), **task_arguments(data, configuration.task_type)}
    job = CustomJob(container, scripts, code, data, container.model, parameters)
    value = job.train(names[TRAINING], metric)
    job.transform(names[TRANSFORM])
    container.progress()("judging")
    judged(container, data, metric, value)


#: what a report of a custom model says of the figure that chose it
COMPARED = (
    "a custom model is compared and chosen by the {name} that its own training script prints ({value:.4g}); no floor "
    "answers in its place"
)
_DEFAULTS = {TRAINING: "training.py", TRANSFORM: "transform.py"}


@dataclass(frozen=True)
class Metric:
    """What the trials are compared by, and the expression that finds it in their logs."""

    name: str
    pattern: re.Pattern[str]
    direction: Literal["maximize", "minimize"]


@dataclass(frozen=True)
class CustomJob:
    """One run of a custom model's scripts."""

    container: Container
    scripts: Path
    code: Path
    data: Path
    model: Path
    parameters: Mapping[str, str]

    def train(self, script: str, metric: Metric) -> float:
        """Run the training script with all parameters; gives the last value of the metric in its log.

        Raises:
            JobError: it failed, or its log holds no such value.
        """
        found: float | None = None

        def look(line: str) -> None:
            nonlocal found
            for match in metric.pattern.finditer(line):
                number = _number(match)
                found = number if number is not None else found

        self._run(script, [part for name, value in self.parameters.items() for part in (f"--{name}", value)], look)
        if found is None:
            raise JobError(
                f"{script} printed nothing that {metric.pattern.pattern!r} finds, so the trial cannot be compared: "
                f"correct 'Regex' in {CONFIGURATION}, or print the metric"
            )
        self.container.metric(f"validation {metric.name}", found)
        return found

    def transform(self, script: str) -> None:
        """Run the transform script, without arguments. Raises JobError where it fails or leaves no model."""
        details = {"BestTrainingJob": {"TrainingJobParameters": dict(self.parameters)}}
        self.container.output.mkdir(parents=True, exist_ok=True)
        (self.container.output / DETAILS).write_text(json.dumps(details, indent=2), encoding="utf-8")
        self._run(script, [], lambda line: None)
        if not (self.model / DESCRIPTION).exists():
            raise JobError(
                f"{script} left no model that can be served: let it end with save_predictions or save_links of "
                "graph_ml.custom"
            )
        code = self.model / "code"
        code.mkdir(exist_ok=True)
        for name in CODE:
            source = self.scripts / name
            if source.is_dir():
                shutil.copytree(source, code / name, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                shutil.copyfile(source, code / name)

    def _run(self, script: str, arguments: list[str], look: Callable[[str], None]) -> None:
        """Run a script of the custom model; its lines go to the log as they come, and are looked at."""
        if not (self.code / script).is_file():
            raise JobError(f"the custom model has no {script}; its folder holds {', '.join(_names(self.code))}")
        last = "it printed nothing"
        with subprocess.Popen(  # noqa: S603 - the operator allows the scripts of this folder
            [sys.executable, "-B", "-u", str(self.code / script), *arguments],
            env={
                **self.container.environ,
                "PYTHONPATH": str(self.scripts),
                "SM_CHANNEL_TRAIN": str(self.data),
                "SM_DATA_DIR": str(self.data),
                "SM_MODEL_DIR": str(self.model),
                "SM_OUTPUT_DIR": str(self.container.output),
                "SM_HPS": json.dumps(dict(self.parameters)),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                self.container.log(line.rstrip("\n"))
                look(line)
                last = line.strip() or last
        if process.returncode:
            raise JobError(f"{script} of the custom model ended with exit code {process.returncode}: {last}")


def _transform(container: Container, scripts: Path, script: str) -> None:
    """Apply a trained custom model to a newer graph: its own files come along, the rest is made again."""
    before, after = container.processing("model"), container.processing("output")
    try:
        old = ModelDescription.load(before / DESCRIPTION)
    except FileNotFoundError as error:
        raise JobError(f"the model to transform holds no {DESCRIPTION}") from error
    shutil.copytree(before, after, ignore=shutil.ignore_patterns(*MADE_AGAIN), dirs_exist_ok=True)
    parameters = {name: str(value) for name, value in old.hyperparameters.items()}
    data = container.processing("input")
    CustomJob(container, scripts, container.processing("code"), data, after, parameters).transform(script)
    new = ModelDescription.load(after / DESCRIPTION)
    new.model_copy(update={"id": old.id, "training_job": old.training_job, "metrics": old.metrics}).save(
        after / DESCRIPTION
    )
    shutil.copyfile(before / METRICS, after / METRICS)


def judged(container: Container, data: Path, metric: Metric, value: float) -> None:
    """Write figures beside floors into the model that the transform script left, and what the training script printed.

    Models are compared by what the script printed, whatever the figures say.
    """
    from .custom_figures import beside_floors

    model, objective = container.model, f"validation_{metric.name}"
    description, metrics = (
        ModelDescription.load(model / DESCRIPTION),
        beside_floors(container, data, model, metric.name),
    )
    figures = {f"{split}_{name}": of for split, values in metrics.splits.items() for name, of in values.items()}
    metrics.model_copy(
        update={
            "objective": objective,
            "direction": metric.direction,
            "value": value,
            "warnings": [*metrics.warnings, COMPARED.format(name=metric.name, value=value)],
        }
    ).save(model / METRICS)
    description.model_copy(update={"metrics": {**figures, objective: value}}).save(model / DESCRIPTION)


def read_configuration(code: Path) -> HpoModel:
    """The custom model's own configuration. Raises JobError where it is missing or broken."""
    try:
        return ModelHpoConfiguration.load(code / CONFIGURATION).model
    except FileNotFoundError as error:
        raise JobError(f"the custom model has no {CONFIGURATION}") from error
    except ValueError as error:
        raise JobError(f"the custom model's {error}") from error


def metric_of(configuration: HpoModel) -> Metric:
    """The objective of a custom model. Raises JobError where it is not named, or has no expression that finds it."""
    given = configuration.eval_metric
    name = (given.tuning_objective or {}).get("MetricName", "")
    definitions = {one.get("Name", ""): one.get("Regex", "") for one in given.metric_definitions or []}
    if not name or not definitions.get(name):
        raise JobError(
            f"eval_metric of {CONFIGURATION} needs tuning_objective.MetricName, and metric_definitions with an entry "
            "of the same Name and its Regex"
        )
    try:
        pattern = re.compile(definitions[name])
    except re.error as error:
        raise JobError(f"Regex {definitions[name]!r} of {CONFIGURATION} is no regular expression: {error}") from error
    if pattern.groups < 1:
        raise JobError(f"Regex {definitions[name]!r} of {CONFIGURATION} needs a group around the number")
    kind = (given.tuning_objective or {}).get("Type", "Maximize")
    return Metric(name, pattern, "minimize" if kind.lower() == "minimize" else "maximize")


def task_arguments(data: Path, task_type: str) -> dict[str, str]:
    """The arguments that describe the task to a custom training script.

    Raises:
        JobError: the graph cannot be read or has no target of the configuration's task.
    """
    try:
        graph = GraphData.read(data)
    except FileNotFoundError as error:
        raise JobError(str(error)) from error
    target = chosen_targets(graph, Settings(task=task_type))[0]
    task = SHORT_TASKS.get(target.task, target.task)
    told = {"task": task, "model": "custom", "name": f"{task}-custom"}
    if target.task == "link_prediction":
        return told
    kind = target.type
    where = {"target_etype": kind.relation} if isinstance(kind, EdgeType) else {"target_ntype": kind}
    return {**told, **where, "property": target.property_name}


def _number(match: re.Match[str]) -> float | None:
    try:
        value = float(match[1])
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
