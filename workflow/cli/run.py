"""``despina run``: a whole workflow from one file."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import DEFAULT_URL, Home, Json
from workflow.cli.targets import Target, open_target
from workflow.client.connection import Connection, ServiceUnreachable
from workflow.client.description import WorkflowFile
from workflow.client.run import RunResult, WorkflowRun
from workflow.client.workflow import Workflow
from workflow.errors import WorkflowError
from workflow.settings import Settings
from workflow.storage.base import Storage


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
    json: Json = False,
    sign: Annotated[bool, typer.Option("--sign", envvar="DESPINA_SIGN", help="Sign with SigV4.")] = False,
) -> None:
    """Run every stage of the file that has no finished equal; after an interruption, run it again to go on."""
    described = WorkflowFile.read(file)
    settings = Settings.from_environment()
    folder = home.expanduser().resolve() if home else settings.home
    with ExitStack() as stack:
        address, storage = _service(url, target, folder, settings, described.bucket, stack)
        client = Workflow(Connection(address, sign=sign), bucket=described.bucket, storage=storage)
        memory = folder / "runs" / f"{described.name}{'' if target == 'local' else f'.{target}'}.json"
        if json:
            result = WorkflowRun(described, client, memory).execute()
        else:
            output.say(f"running [bold]{described.name}[/bold] on {address}")
            with output.stage_progress() as watch:
                result = WorkflowRun(described, client, memory, watch).execute()
    output.as_json(asdict(result)) if json else _show(result)


def _service(
    url: str | None, target: Target, home: Path, settings: Settings, bucket: str, stack: ExitStack
) -> tuple[str, Storage]:
    """The address of the service to run on, and what ``s3://`` means to it."""
    if url is None and (target != "local" or not _answers(DEFAULT_URL)):
        return open_target(target, home, bucket, stack)
    from workflow.drivers import open_storage

    return url or DEFAULT_URL, open_storage(replace(settings, home=home))


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
    for name, answer in result.answers.items():
        output.answer(name, answer)
