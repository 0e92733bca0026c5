"""``despina pipeline``: a workflow file as a SageMaker pipeline, put there, started and followed."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Json
from workflow.errors import InvalidParameter, MLResourceNotFound
from workflow.settings import Settings

if TYPE_CHECKING:
    from workflow.runners.sagemaker.pipelines import PlannedPipeline, StepState
    from workflow.storage import Storage

pipeline_commands = typer.Typer(no_args_is_help=True, help="The workflow as a SageMaker pipeline.")

File = Annotated[Path, typer.Argument(help="YAML file that describes the workflow.")]
Name = Annotated[str, typer.Argument(help="Name of the pipeline: that of its workflow file.")]
ExportService = Annotated[
    str,
    typer.Option("--export-service", help="The export service as the jobs reach it: http://host:8182/neptune-export."),
]
Secret = Annotated[
    str | None, typer.Option("--secret", help="Secret of Secrets Manager with the service's user and password.")
]
SignExport = Annotated[bool, typer.Option("--sign-export", help="Sign requests to the export service as the role.")]
AtLeast = Annotated[
    float | None, typer.Option("--at-least", help="Serve only a model whose validation metric reaches this.")
]
Items = Annotated[
    int,
    typer.Option("--items", min=1, help="About how many labelled nodes or edges there are; the search depends on it."),
]
Metric = Annotated[str | None, typer.Option("--metric", help="What is tuned by; by default the task's first metric.")]


@pipeline_commands.command("show")
def show(
    file: File,
    export_service: ExportService,
    secret: Secret = None,
    sign_export: SignExport = False,
    at_least: AtLeast = None,
    metric: Metric = None,
    items: Items = 100_000,
) -> None:
    """Print the definition; nothing is called and nothing is created."""
    planned = _planned(file, None, export_service, secret, sign_export, at_least, metric, items)
    output.plain(jsonlib.dumps(planned.definition, indent=2))


@pipeline_commands.command("put")
def put(
    file: File,
    export_service: ExportService,
    secret: Secret = None,
    sign_export: SignExport = False,
    at_least: AtLeast = None,
    metric: Metric = None,
    items: Items = 100_000,
    role: Annotated[
        str | None, typer.Option(help="The role as which the pipeline makes its jobs; by default that of jobs.")
    ] = None,
    json: Json = False,
) -> None:
    """Create the pipeline, or give the one of that name the new definition; scripts and request go to the bucket."""
    from workflow.drivers import open_clients, open_storage
    from workflow.runners.sagemaker.pipelines import CloudPipelines

    settings = Settings.from_environment()
    storage = open_storage(_on_s3(settings))
    planned = _planned(file, storage, export_service, secret, sign_export, at_least, metric, items)
    if role is not None:
        planned = replace(planned, role=role)
    for uri, content in planned.files.items():
        storage.write(uri, content)
    clients = open_clients(settings)
    try:
        arn = CloudPipelines(clients).put(planned)
    finally:
        clients.close()
    if json:
        output.as_json({"pipeline": planned.name, "arn": arn})
        return
    output.say(f"[bold]{planned.name}[/bold] {arn}")
    output.say(f"start it with: despina pipeline start {planned.name} --wait")


@pipeline_commands.command("start")
def start(
    name: Name,
    given: Annotated[list[str] | None, typer.Option("--set", help="A parameter: Trials=8. Repeatable.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the execution to its end.")] = False,
    json: Json = False,
) -> None:
    """Start an execution."""
    from workflow.drivers import open_clients
    from workflow.runners.sagemaker.pipelines import CloudPipelines

    parameters = dict(map(_setting, given or ()))
    clients = open_clients(Settings.from_environment())
    try:
        pipelines = CloudPipelines(clients)
        arn = pipelines.start(name, parameters)
        if not json:
            output.say(f"execution {arn}")
        seen: dict[str, str] = {}

        def told(steps: list[StepState]) -> None:
            for step in steps:
                if not json and seen.get(step.name) != step.status:
                    seen[step.name] = step.status
                    output.say(f"{step.name:<15} {step.status} {step.resource or ''}")

        steps = pipelines.wait(arn, told) if wait else []
    finally:
        clients.close()
    if json:
        output.as_json({"execution": arn, "steps": [asdict(step) for step in steps]})


@pipeline_commands.command("status")
def status(name: Name, json: Json = False) -> None:
    """Show the steps of the newest execution."""
    from workflow.drivers import open_clients
    from workflow.runners.sagemaker.pipelines import CloudPipelines

    clients = open_clients(Settings.from_environment())
    try:
        pipelines = CloudPipelines(clients)
        arn = pipelines.newest(name)
        if arn is None:
            raise MLResourceNotFound(f"The pipeline {name!r} has not run yet: despina pipeline start {name}")
        found, steps = pipelines.state(arn)
    finally:
        clients.close()
    if json:
        output.as_json({"execution": arn, "status": found, "steps": [asdict(step) for step in steps]})
        return
    output.table(
        f"{arn} {found}", ["step", "status", "resource"], [[s.name, s.status, s.resource or ""] for s in steps]
    )
    for step in steps:
        if step.reason:
            output.say(f"{step.name}: {step.reason}")


def _planned(
    file: Path,
    storage: Storage | None,
    export_service: str,
    secret: str | None,
    sign: bool,
    at_least: float | None,
    metric: str | None,
    items: int,
) -> PlannedPipeline:
    """The pipeline of a file; its scripts are uploaded where a storage is given."""
    import tempfile

    from workflow.client.cloud.pipeline import PipelineWishes, plan_pipeline
    from workflow.client.workflow_file.description import WorkflowFile
    from workflow.drivers import account_of, open_storage
    from workflow.runners.sagemaker.bundle import CodeBundle, with_requirements
    from workflow.storage import S3Uri

    settings = Settings.from_environment()
    described, account = WorkflowFile.read(file), account_of(settings)
    bucket = S3Uri.parse(described.bucket).bucket
    with tempfile.TemporaryDirectory() as temporary:
        scripts = settings.scripts
        if account.requirements is not None:
            scripts = with_requirements(scripts, account.requirements, Path(temporary) / "scripts")
        bundle = CodeBundle(scripts, storage or open_storage(_on_s3(settings)))
        code = bundle.planned(bucket) if storage is None else bundle.at(bucket)
    wishes = PipelineWishes(export_service, secret, sign, at_least, metric, items)
    return plan_pipeline(described, account, code, wishes)


def _on_s3(settings: Settings) -> Settings:
    """The settings with S3 as storage: pipelines run nowhere else."""
    return replace(settings, storage="s3")


def _setting(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidParameter(f"{text!r} sets no parameter. Write --set Trials=8")
    return name, value
