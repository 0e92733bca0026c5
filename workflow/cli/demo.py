"""``despina demo``: the main job, from a property graph to a predicted link, through published clients."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from training_scripts.graph_ml.schemas import files
from workflow.cli import output
from workflow.cli.options import Home
from workflow.client.connection import Connection
from workflow.client.job import Job
from workflow.client.service import local_service
from workflow.client.workflow import Workflow
from workflow.datasets import Dataset, dataset
from workflow.neptune.literals import literal
from workflow.settings import Settings

TRIALS, PARALLEL, ASKED_FOR = 4, 2, 8
METRICS = {"mrr": "MRR", "hits@10": "Hits@10", "auc": "AUC"}


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
        from workflow.drivers import open_storage

        storage = open_storage(Settings(home=folder, storage="folder"))
        client = Workflow(Connection(url), bucket="s3://despina-demo", storage=storage)
        trained, endpoint = _stages(client, chosen)
        _recommendations(client, chosen, endpoint)
        _quality(client, trained)
        _where(client, trained)
    output.say(f"Done in {time.monotonic() - began:.0f} s; the service and its endpoint are stopped.")


def _stages(client: Workflow, chosen: Dataset) -> tuple[Job, Job]:
    with output.stage_progress() as watch:
        client.wait(client.load(client.upload(chosen.folder / file for file in chosen.files)), watch=watch)
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
    """The article's two questions: the most likely link, and the top eight with their scores.

    Whoever is linked already, in either direction, is asked for as well and left out by the query.
    """
    vertex, edge, label = map(literal, (chosen.asked_id, chosen.edge_label, chosen.vertex_label))
    shown = f"values({literal(chosen.display_property)})" if chosen.display_property else "id()"
    asked, linked = client.connection.query(f"g.V({vertex}).union({shown}, both({edge}).dedup().count())")
    name = literal(endpoint.detail["endpoint"]["name"])
    rows = client.connection.query(
        f"g.with('Neptune#ml.endpoint', {name}).with('Neptune#ml.limit', {min(ASKED_FOR + linked, 100)})"
        f".V({vertex}).out({edge}).with('Neptune#ml.prediction').hasLabel({label})"
        f".not(__.both({edge}).hasId({vertex})).limit({ASKED_FOR})"
        f".project('name', 'score').by({shown}).by('Neptune#ml.score')"
    )
    output.say(f"\nWho is {asked}'s most likely new link? [bold]{rows[0]['name']}[/bold]")
    ranked = [[rank, row["name"], row["score"]] for rank, row in enumerate(rows, 1)]
    output.table(f"Top {len(ranked)} for {asked}", ["rank", "vertex", "score"], ranked)


def _quality(client: Workflow, trained: Job) -> None:
    """Which model won, and how it ranks held-out edges beside what simple heuristics reach on the same ones."""
    verdict = (trained.detail.get("details") or {}).get("verdict")
    if verdict:
        output.say(f"\n{verdict}")
    found = client.metrics(trained)
    split = "test" if "test" in found["splits"] else "valid"
    models = {"the model": found["splits"][split], **found["floors"].get(split, {})}
    rows = [[name, *(metrics[key] for key in METRICS)] for name, metrics in models.items()]
    output.table(f"{split} edges", ["", *METRICS.values()], rows)
    output.say("ranked against all candidates, both directions, ties averaged")


def _where(client: Workflow, trained: Job) -> None:
    if trained.output is None:
        return
    from workflow.storage.uri import S3Uri

    report: Path | None = client.storage.local_path(S3Uri.parse(trained.output) / files.REPORT)
    output.say(f"\nThe report: {report or trained.output + '/report.html'}")
