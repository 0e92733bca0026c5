"""One trial: a processed graph and hyperparameters become a model folder and metric lines."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from ..artifacts import ModelWriter
from ..container import Container, JobError
from ..devices import NoSuchDevice, device_of
from ..graph import GraphData, Target
from ..group import Group
from ..models.families import UnknownFamily, families, family
from ..models.family import Family
from ..models.settings import Scale, Settings, parse
from ..schemas import DEFAULT_FAMILY, Metrics, ModelDescription, TargetName, files
from .context import Trial, chosen_targets
from .curves import Curves
from .stopping import Pruned


def run(container: Container, arguments: list[str], scripts: Path) -> None:
    """Train one model as the container asks.

    Raises:
        JobError: hyperparameters, graph or target cannot be trained on; the text says why.
    """
    started = time.monotonic()
    given = container.hyperparameters(arguments)
    try:
        chosen = family(given.get("model", DEFAULT_FAMILY))
    except UnknownFamily as error:
        raise JobError(str(error)) from error
    progress = container.progress()
    progress("reading the graph")
    try:
        graph = GraphData.read(container.channel("train"))
    except FileNotFoundError as error:
        raise JobError(str(error)) from error
    settings, targets, unknown = settled(chosen, given, graph)
    if unknown:
        container.log(f"hyperparameters that {chosen.title} does not have, ignored: {', '.join(unknown)}")
    set_threads(container)
    try:
        device = device_of(settings.device, container.environ)
    except NoSuchDevice as error:
        raise JobError(str(error)) from error
    container.log(f"computing on {device}")
    group = Group.joined(container.environ, device)
    if group.size > 1:
        container.log(f"{group.size} processes share every batch")
    curves = Curves(container.tensorboard, silent=not group.first)
    trial = Trial(graph, targets, settings, container, progress, started, curves, device, group)
    try:
        if targets[0].task == "link_prediction":
            from .links.trial import train_links

            finish = train_links(trial, chosen)
        else:
            from .labels.trial import train_labels

            finish = train_labels(trial, chosen)
    except Pruned as given_up:
        leave_pruned(trial, given_up)
        return
    finally:
        group.leave()
    if not group.first:
        return
    writer = ModelWriter(container.model)
    from .refresh import keep_graph

    metrics, details = finish(writer)
    details = {**details, **keep_graph(writer, graph, details)}
    for split, figures in metrics.splits.items():
        trial.curves.add({f"figures/{split}/{name}": value for name, value in figures.items()}, len(metrics.history))
    progress("writing the model")
    encoders = container.channel("train") / "encoders.json"
    if encoders.exists():
        writer.file("encoders.json", encoders.read_text(encoding="utf-8"))
    writer.ids(graph.live_ids)
    writer.code(scripts)
    description = describe(trial, metrics, details)
    writer.finish(description, metrics)
    shutil.rmtree(container.checkpoints, ignore_errors=True)
    progress("writing the report")
    from ..judging.report import write_model_report

    write_model_report(container.model)
    container.log(f"finished {settings.model} in {time.monotonic() - started:.1f} s")
    progress("finished", 1, 1)


def leave_pruned(trial: Trial[Settings], given_up: Pruned) -> None:
    """Say in ``output/pruned.json`` why there is no model, and how far training came."""
    if trial.group.first:
        trial.container.log(str(given_up))
        told = {"reason": str(given_up), "history": given_up.history, "epochs": given_up.epochs}
        trial.container.output.mkdir(parents=True, exist_ok=True)
        (trial.container.output / files.PRUNED).write_text(json.dumps(told), encoding="utf-8")
        shutil.rmtree(trial.container.checkpoints, ignore_errors=True)


def settled(
    chosen: Family, given: Mapping[str, str], graph: GraphData
) -> tuple[Settings, tuple[Target, ...], list[str]]:
    """Hyperparameters and targets; missing hyperparameters are those a search of this graph begins with.

    Returns:
        Both, and the names that the family does not have.

    Raises:
        JobError: a value cannot be, the graph has no such target, or the family does not learn such tasks.
    """
    try:
        targets = chosen_targets(graph, parse(chosen.settings, given)[0])
        task = targets[0].task
        if task not in chosen.tasks:
            able = ", ".join(one.name for one in families(task))
            raise JobError(f"model {chosen.name!r} does not learn {task}; {targets[0]} needs one of {able}")
        items = sum(len(graph.splits[target].train) for target in targets)
        scale = Scale(task, items, len(graph.edge_types), vertices=sum(graph.num_nodes.values()))
        settings, unknown = parse(chosen.settings, {"model": chosen.name, **given}, scale)
    except ValueError as error:
        raise JobError(str(error)) from error
    return settings, targets, unknown


def set_threads(container: Container) -> None:
    """Use as many threads as the container says, or as there are processors: torch counts wrong in containers."""
    import torch

    given = container.environ.get("OMP_NUM_THREADS", "")
    torch.set_num_threads(int(given) if given.isdigit() and int(given) > 0 else os.cpu_count() or 1)


def describe(trial: Trial[Settings], metrics: Metrics, details: dict[str, object]) -> ModelDescription:
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
        targets=[
            target_name(trial.graph, target).model_copy(update={"interval": metrics.interval})
            for target in trial.targets
        ],
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
