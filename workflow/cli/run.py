"""``despina run``: a whole workflow from one file."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, get_args

import typer

from workflow.cli import output
from workflow.cli.cloud import plan
from workflow.cli.options import Home, Json
from workflow.cli.service import DEFAULT_URL
from workflow.client.cloud.targets import OpenTarget, Target, open_target
from workflow.client.connection import Connection, ServiceUnreachable
from workflow.client.run import RunResult, WorkflowRun
from workflow.client.service_storage import service_storage
from workflow.client.workflow import Workflow
from workflow.client.workflow_file.description import WorkflowFile
from workflow.errors import WorkflowError
from workflow.settings import Settings


def run(
    file: Annotated[Path, typer.Argument(help="YAML file that describes the workflow.")],
    url: Annotated[
        str | None,
        typer.Option(
            "--url", envvar="DESPINA_URL", help="The service or cluster; by default one is started if none runs."
        ),
    ] = None,
    home: Home = None,
    target: Annotated[
        Target,
        typer.Option(help="Run the jobs here, on an emulated cloud, or on AWS (as its command line is set up)."),
    ] = "local",
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print every call of AWS that the run would make, and what it may cost."),
    ] = False,
    json: Json = False,
    sign: Annotated[bool, typer.Option("--sign", envvar="DESPINA_SIGN", help="Sign with SigV4.")] = False,
    neptune: Annotated[
        str | None, typer.Option("--neptune", help="A Neptune cluster, https://cluster:8182: as --url with --sign.")
    ] = None,
    export_service: Annotated[
        str | None,
        typer.Option("--export-service", help="The export service where it is not of --url: https://…/neptune-export."),
    ] = None,
) -> None:
    """Run every stage of the file that has no finished equal; after an interruption, run it again to go on."""
    if neptune is not None:
        url, sign = neptune, True
    described = WorkflowFile.read(file)
    settings = Settings.from_environment()
    folder = home.expanduser().resolve() if home else settings.home
    memories = {one: folder / "runs" / f"{described.name}{_suffix(one)}.json" for one in get_args(Target)}
    if dry_run:
        plan.show(described, target, settings, [memories[target], *memories.values()], as_json=json)
        return
    with ExitStack() as stack:
        place = _place(Connection(url, sign=sign) if url else None, target, folder, described.bucket, stack)
        connection = Connection(place.url, sign=sign, export_url=export_service)
        client = Workflow(connection, bucket=described.bucket, storage=place.storage)
        memory = memories[target]
        try:
            if json:
                result = WorkflowRun(described, client, memory).execute()
            else:
                output.say(f"running [bold]{described.name}[/bold] on {place.url}")
                with output.stage_progress() as watch:
                    result = WorkflowRun(described, client, memory, watch).execute()
        except KeyboardInterrupt:
            output.warn(f"interrupted; `despina run {file}` goes on where this left off")
            raise
        costs = [] if place.clients is None else plan.stage_costs(place.clients, result)
    if json:
        output.as_json({**asdict(result), "costs": [asdict(cost) for cost in costs]})
        return
    _show(result)
    if costs:
        plan.show_costs(costs)


def _suffix(target: Target) -> str:
    return "" if target == "local" else f".{target}"


def _place(asked: Connection | None, target: Target, home: Path, bucket: str, stack: ExitStack) -> OpenTarget:
    """The service to run on, and its files where it says that they lie."""
    if asked is None and (target != "local" or not _answers(DEFAULT_URL)):
        return open_target(target, home, bucket, stack)
    connection = asked or Connection(DEFAULT_URL)
    return OpenTarget(connection.url, service_storage(connection))


def _answers(url: str) -> bool:
    try:
        Connection(url).http("GET", f"{url}/status", timeout_s=2)
    except (ServiceUnreachable, WorkflowError):
        return False
    return True


def _show(result: RunResult) -> None:
    rows = [[s.stage, s.id, "unchanged, reused" if s.reused else s.status] for s in result.stages]
    output.table(result.name, ["stage", "id", "status"], rows)
    for stage in result.stages:
        if stage.output:
            output.say(f"{stage.stage:<15} {stage.output}")
    for stage in result.stages:
        for warning in stage.warnings:
            output.warn(f"{stage.stage}: {warning}")
    for name, count in result.written.items():
        output.say(f"{count} of {name} written to the database")
    for name, answer in result.answers.items():
        output.answer(name, answer)
