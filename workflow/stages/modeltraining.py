"""Model training: a search over the processed data, the best trial of which becomes the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from training_scripts.graph_ml.schemas import HpoModel, ModelHpoConfiguration, files
from workflow.errors import BadRequest, InvalidParameter
from workflow.neptune.requests import StartModelTraining
from workflow.runners.base import Tuning
from workflow.stages import custom
from workflow.stages.base import Finished
from workflow.stages.resources import device_argument, resources_of
from workflow.storage import S3Uri
from workflow.tuning.results import Direction, Trial, direction_of
from workflow.tuning.space import FAMILY, build_space

# the toolkit writes the first, one page of the guide the second
CONFIGURATION_NAMES = (files.HPO_CONFIGURATION, "model-HPO-configuration.json")

TEMPLATES = "hpo-configuration-templates"  # one file a model that fits the data


def read_configuration(data: bytes, place: S3Uri) -> HpoModel:
    """The model of a ``model-hpo-configuration.json``.

    Raises BadRequest that names the file, and what is wrong with it and where.
    """
    try:
        return ModelHpoConfiguration.model_validate_json(data).model
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise BadRequest(f"{place} cannot be used: {where + ': ' if where else ''}{message}") from error


@dataclass(frozen=True)
class SearchFile:
    """A ``model-hpo-configuration.json`` as it was read: its model, and what in it changes nothing."""

    model: HpoModel
    warnings: tuple[str, ...] = ()


def examined(data: bytes, place: S3Uri) -> SearchFile:
    """A file for the service's own models.

    Raises BadRequest as ``read_configuration`` does, and for names and values that no model knows: all at once.
    """
    # the declarations of families bring the formats of graphs with them, which few requests need
    from training_scripts.graph_ml.tasks.edited import examine

    model = read_configuration(data, place)
    findings = examine(json.loads(data), model)
    if findings.faults:
        raise BadRequest(f"{place} cannot be used: {'; '.join(findings.faults)}")
    return SearchFile(model, tuple(f"{place.name}: {text}" for text in findings.idle))


def families(model: HpoModel) -> tuple[str, ...]:
    """The model families a configuration offers."""
    options = [p.options for tier in (model.tier1, model.tier2, model.tier3) for p in tier if p.param == FAMILY]
    return tuple(str(option) for option in options[0]) if options and options[0] else (model.model,)


def objective(model: HpoModel) -> tuple[str, Direction]:
    """What is optimised, as the log lines call it, and which way."""
    metric = model.eval_metric
    if metric.tuning_objective is not None:
        name = metric.tuning_objective.get("MetricName", "")
        kind = metric.tuning_objective.get("Type", "Maximize")
        if not name:
            raise InvalidParameter("eval_metric.tuning_objective names no MetricName; give one")
        return name, "minimize" if kind.lower() == "minimize" else "maximize"
    if not metric.metric:
        raise InvalidParameter("eval_metric of model-hpo-configuration.json names no metric; give one, such as mrr")
    return metric.metric, direction_of(metric.metric)


def plan(
    request: StartModelTraining,
    names: Mapping[str, str],
    processing: Finished,
    configuration: HpoModel,
    previous: Finished | None,
    seed: int,
    *,
    nodes: int = 0,
    edges: int = 0,
    parallel: int | None = None,
) -> Tuning:
    """The search to run.

    Args:
        names: of ``layout.job_names``.
        processing: the data.
        configuration: what ``read_configuration`` read from its output, or from the folder of a custom model.
        previous: the training job whose trials are learned from.
        nodes, edges: of the graph, for ranges that depend on its size.
        parallel: how many trials fit at once, where that is less than what is asked for.
    """
    metric, direction = objective(configuration)
    own, resources = request.custom, resources_of(request)
    space = build_space(configuration, request.max_trials, nodes, edges, family=request.model_name)
    return Tuning(
        name=names["hpo"],
        space=space,
        metric=metric,
        direction=direction,
        channel=processing.output,
        trials_output=S3Uri.parse(names["trials"]),
        output=S3Uri.parse(names["output"]),
        trials=request.max_trials,
        parallel=min(request.max_parallel, parallel or request.max_parallel),
        seed=seed,
        timeout_s=request.timeout_s,
        arguments=(
            {**_arguments(configuration, metric, seed), **device_argument(resources)}
            if own is None
            else custom.training_arguments(own)
        ),
        previous=tuple(trials_of(previous)) if previous is not None else (),
        work=names["work"],
        script="train.py" if own is None else custom.SCRIPT,
        code=None if own is None else S3Uri.parse(own.source),
        resources=resources,
        budget_s=request.budget_s,
    )


def trials_of(finished: Finished) -> Sequence[Trial]:
    """The trials a finished training job has kept."""
    return [Trial.from_json(document) for document in finished.result.get("trials", ())]


def graph_size(manifest: bytes) -> tuple[int, int]:
    """(nodes, edges) of a processing output's ``manifest.json``; zeros where it does not say."""
    try:
        document: Any = json.loads(manifest)
        nodes = sum(int(entry["count"]) for entry in document["node_types"])
        edges = sum(int(entry["count"]) for entry in document["edge_types"])
    except (ValueError, TypeError, KeyError):
        return 0, 0
    return nodes, edges


def _arguments(configuration: HpoModel, metric: str, seed: int) -> dict[str, str]:
    arguments = {"task": configuration.task_type, "eval-metric": metric, "seed": str(seed)}
    if configuration.eval_metric.topk is not None:
        arguments["topk"] = str(configuration.eval_metric.topk)
    return arguments
