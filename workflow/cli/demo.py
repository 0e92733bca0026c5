"""``despina demo``: the main job, from a property graph to a predicted link, through published clients."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from workflow.cli import output
from workflow.cli.options import Home
from workflow.client.connection import Connection, literal
from workflow.client.service import local_service
from workflow.client.workflow import Job, Workflow
from workflow.datasets import Dataset, dataset
from workflow.settings import Settings

TRIALS, PARALLEL, ASKED_FOR = 4, 2, 8


def demo(
    graph: Annotated[str, typer.Option(help="Which bundled graph: social (20 people) or lastfm (7,624).")] = "social",
    home: Home = None,
) -> None:
    """Start a service, load a graph, export, process, train, deploy and ask; then stop everything.

    boto3's unmodified neptunedata client drives the stages, unmodified gremlinpython asks the questions.
    """
    chosen = dataset(graph)
    settings = Settings.from_environment()
    folder = (
        (home.expanduser().resolve() if home else settings.home) / "demo" / f"{graph}-{time.strftime('%Y%m%d-%H%M%S')}"
    )
    began = time.monotonic()
    output.say(f"[bold]Despina[/bold]: {chosen.title}")
    with local_service(folder) as url:
        output.say(f"service at {url}, everything it writes in {folder}")
        from workflow.app import open_storage

        storage = open_storage(Settings(home=folder, storage="folder"))
        client = Workflow(Connection(url), bucket="s3://despina-demo", storage=storage)
        trained, endpoint = _stages(client, chosen)
        _recommendations(client, chosen, endpoint)
        _quality(client, trained)
        _where(client, trained)
    output.say(f"Done in {time.monotonic() - began:.0f} s; the service and its endpoint are stopped.")


def _stages(client: Workflow, chosen: Dataset) -> tuple[Job, Job]:
    for file in chosen.files:
        client.storage.write(client.bucket / "graph" / file, (chosen.folder / file).read_bytes())
    with output.stage_progress() as watch:
        client.wait(client.load(str(client.bucket / "graph")), watch=watch)
        exported = client.wait(client.export(targets=[chosen.target], features=list(chosen.features)), watch=watch)
        processed = client.wait(client.dataprocessing(exported, id=f"{chosen.name}-dp"), watch=watch)
        training = client.training(processed, id=f"{chosen.name}-train", trials=TRIALS, parallel=PARALLEL)
        trained = client.wait(training, watch=watch)
        endpoint = client.wait(client.endpoint(trained, id=f"{chosen.name}-ep"), watch=watch)
    for job in (exported, processed, trained):
        output.say(f"{job.stage:<15} {job.output}")
    output.say(f"{'endpoint':<15} {endpoint.detail['endpoint']['name']}")
    return trained, endpoint


def _recommendations(client: Workflow, chosen: Dataset, endpoint: Job) -> None:
    """The article's two questions: the most likely link, and the top eight with their scores."""
    name = literal(endpoint.detail["endpoint"]["name"])
    hop = (
        f".V({literal(chosen.asked_id)}).out({literal(chosen.edge_label)}).with('Neptune#ml.prediction')"
        f".with('Neptune#ml.filterExistingEdges').hasLabel({literal(chosen.vertex_label)})"
    )
    shown = f"values({literal(chosen.display_property)})" if chosen.display_property else "id()"
    asked = client.connection.query(f"g.V({literal(chosen.asked_id)}).{shown}")[0]
    best = client.connection.query(f"g.with('Neptune#ml.endpoint', {name}){hop}.{shown}")
    output.say(f"\nWho is {asked}'s most likely new link? [bold]{best[0]}[/bold]")
    rows = client.connection.query(
        f"g.with('Neptune#ml.endpoint', {name}).with('Neptune#ml.limit', {ASKED_FOR}){hop}"
        f".project('name', 'score').by({shown}).by('Neptune#ml.score')"
    )
    ranked = [[rank, row["name"], row["score"]] for rank, row in enumerate(rows, 1)]
    output.table(f"Top {len(ranked)} for {asked}", ["rank", "vertex", "score"], ranked)


def _quality(client: Workflow, trained: Job) -> None:
    """The metrics of the model that won, beside what simple heuristics reach on the same edges."""
    for split, found in client.metrics(trained).items():
        rows = _metric_rows(found)
        if rows:
            output.table(f"{split} edges, ranked against all candidates", ["model", "MRR", "Hits@10", "AUC"], rows)


def _metric_rows(found: Mapping[str, Any]) -> list[list[Any]]:
    models = {str(found.get("model", "model")): found, **found.get("floors", {})}
    return [
        [name, *(metrics.get(key, float("nan")) for key in ("mrr", "hits@10", "auc"))]
        for name, metrics in models.items()
        if "mrr" in metrics
    ]


def _where(client: Workflow, trained: Job) -> None:
    if trained.output is None:
        return
    from workflow.storage.uri import S3Uri

    report: Path | None = client.storage.local_path(S3Uri.parse(trained.output) / "report.html")
    output.say(f"\nThe report: {report or trained.output + '/report.html'}")
