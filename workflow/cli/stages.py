"""The stages as commands: export, dataprocessing, training, transform, endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from workflow.cli import output
from workflow.cli.options import DEFAULT_BUCKET, Bucket, Id, Json, Sign, Url, Wait
from workflow.cli.service import DEFAULT_URL, follow, workflow
from workflow.client.job import Stage
from workflow.client.workflow import STOP_OPERATION
from workflow.errors import InvalidParameter

export_commands = typer.Typer(no_args_is_help=True, help="Export the graph for training.")
dataprocessing_commands = typer.Typer(no_args_is_help=True, help="Turn an export into a training graph.")
training_commands = typer.Typer(no_args_is_help=True, help="Train with hyperparameter tuning.")
transform_commands = typer.Typer(no_args_is_help=True, help="Recompute a model's artefacts on a newer graph.")
endpoint_commands = typer.Typer(no_args_is_help=True, help="Deploy a model and manage its endpoint.")

JobArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the job or endpoint.")]
Clean = Annotated[bool, typer.Option("--clean", help="Delete its artefacts too.")]
Target = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        help="What to predict: User-FRIEND-User (a link), Movie.genre (a class), Movie.score:regression, "
        "User-RATED-Movie.stars:regression. May be repeated.",
    ),
]


@export_commands.command("start")
def export_start(
    target: Target = None,
    config: Annotated[Path | None, typer.Option(help="JSON or YAML file with a whole request body.")] = None,
    url: Url = DEFAULT_URL,
    bucket: Bucket = DEFAULT_BUCKET,
    wait: Wait = False,
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Start an export, described by --target or by a request body of the export service."""
    if (config is None) == (not target):
        raise InvalidParameter(
            "Name what to predict, such as --target User-FRIEND-User (`despina init` writes what the graph suggests), "
            "or a whole request with --config FILE; one of the two."
        )
    if config is not None and bucket != DEFAULT_BUCKET:
        raise InvalidParameter("--bucket goes with --target; where a whole request goes to is its outputS3Path.")
    client = workflow(url, bucket, sign=sign)
    if config is not None:
        job = client.export(read_body(config))
    else:
        job = client.export(targets=[parse_target(text) for text in target or []])
    follow(client, job, wait=wait, json=json)


def read_body(file: Path) -> dict[str, Any]:
    """A request in JSON or YAML. Raises InvalidParameter where there is none."""
    import yaml

    try:
        body = yaml.safe_load(file.read_text())
    except OSError as error:
        raise InvalidParameter(f"{file} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f", line {mark.line + 1}, column {mark.column + 1}"
        raise InvalidParameter(f"{file}{where} is neither JSON nor YAML: {getattr(error, 'problem', error)}") from error
    if not isinstance(body, dict):
        raise InvalidParameter(f"{file} holds no request, which is an object with command, outputS3Path and params.")
    return body


def parse_target(text: str) -> dict[str, Any]:
    """``A-KNOWS-B`` is a link, ``A.key[:task]`` a vertex property, ``A-KNOWS-B.key[:task]`` an edge property."""
    text, _, task = text.partition(":")
    element, _, key = text.partition(".")
    ends = element.split("-")
    if len(ends) not in (1, 3) or not all(ends) or (len(ends) == 1 and not key):
        raise InvalidParameter(
            f"{text!r} names no target. Write A-KNOWS-B for a link, A.key for a vertex property, A-KNOWS-B.key for an "
            "edge property; append :regression for numbers."
        )
    found: dict[str, Any] = {"node": ends[0]} if len(ends) == 1 else {"edge": ends}
    if key:
        return {**found, "property": key, "type": task or "classification"}
    return {**found, "type": task or "link_prediction"}


@dataprocessing_commands.command("start")
def dataprocessing_start(
    source: Annotated[str, typer.Option("--input", help="s3:// address of the export.")],
    id: Id = None,
    previous: Annotated[str | None, typer.Option(help="Earlier job whose encodings are kept.")] = None,
    config_file_name: Annotated[str | None, typer.Option(help="Which training configuration of the export.")] = None,
    model_type: Annotated[str | None, typer.Option(help="heterogeneous or kge.")] = None,
    url: Url = DEFAULT_URL,
    bucket: Bucket = DEFAULT_BUCKET,
    wait: Wait = False,
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Start data processing of an export."""
    client = workflow(url, bucket, sign=sign)
    job = client.dataprocessing(
        source, id=id, previousDataProcessingJobId=previous, configFileName=config_file_name, modelType=model_type
    )
    follow(client, job, wait=wait, json=json)


@training_commands.command("start")
def training_start(
    processed: Annotated[str, typer.Option("--dataprocessing", help="Id of the data-processing job.")],
    id: Id = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials of the tuning.")] = 4,
    parallel: Annotated[int, typer.Option(min=1, help="Trials at a time.")] = 2,
    previous: Annotated[str | None, typer.Option(help="Earlier training job to warm-start from.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="What is tried: num-hidden=64..256, lr=0.01,0.003 or num-layer=2. Repeatable."),
    ] = None,
    url: Url = DEFAULT_URL,
    bucket: Bucket = DEFAULT_BUCKET,
    wait: Wait = False,
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Start training with tuning."""
    client = workflow(url, bucket, sign=sign)
    job = client.training(
        processed,
        id=id,
        trials=trials,
        parallel=parallel,
        hyperparameters=_settings(settings or ()),
        previousModelTrainingJobId=previous,
    )
    follow(client, job, wait=wait, json=json)


def _settings(texts: Sequence[str]) -> dict[str, str]:
    """Hyperparameters by name. Raises InvalidParameter for a text that sets nothing, or one that another has set."""
    found: dict[str, str] = {}
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or not name:
            raise InvalidParameter(f"{text!r} sets nothing. Write --set num-hidden=64..256")
        if name in found:
            raise InvalidParameter(f"{name} is set twice, to {found[name]!r} and {value!r}. Write --set {name}=64,128")
        found[name] = value
    return found


@transform_commands.command("start")
def transform_start(
    processed: Annotated[str, typer.Option("--dataprocessing", help="Id of the newer data-processing job.")],
    trained: Annotated[str, typer.Option("--training", help="Id of the training job whose model is used.")],
    id: Id = None,
    url: Url = DEFAULT_URL,
    bucket: Bucket = DEFAULT_BUCKET,
    wait: Wait = False,
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Start a model transform."""
    client = workflow(url, bucket, sign=sign)
    follow(client, client.transform(processed, trained, id=id), wait=wait, json=json)


@endpoint_commands.command("create")
def endpoint_create(
    trained: Annotated[
        str | None, typer.Option("--training", help="Deploy the best model of this training job.")
    ] = None,
    transformed: Annotated[
        str | None, typer.Option("--transform", help="Deploy the output of this transform job.")
    ] = None,
    id: Id = None,
    update: Annotated[bool, typer.Option("--update", help="Give an existing endpoint the new model.")] = False,
    url: Url = DEFAULT_URL,
    wait: Wait = False,
    json: Json = False,
    sign: Sign = False,
) -> None:
    """Create or update an endpoint."""
    if (trained is None) == (transformed is None):
        raise InvalidParameter("Name what to deploy: exactly one of --training and --transform.")
    client = workflow(url, sign=sign)
    if transformed is not None:
        job = client.endpoint(client.status("modeltransform", transformed), id=id, update=update)
    else:
        job = client.endpoint(str(trained), id=id, update=update)
    follow(client, job, wait=wait, json=json)


def _add_common(commands: typer.Typer, stage: Stage, verb: str = "stop") -> None:
    """The verbs every kind of job has: status, list, and stop or delete."""

    @commands.command("status")
    def status(
        id: JobArgument, url: Url = DEFAULT_URL, wait: Wait = False, json: Json = False, sign: Sign = False
    ) -> None:
        """Show the state of one."""
        client = workflow(url, sign=sign)
        job = client.status(stage, id)
        follow(client, job, wait=wait, json=json, started=False)
        if not json and job.failure_reason:
            output.say(job.failure_reason)

    @commands.command("list")
    def list_ids(url: Url = DEFAULT_URL, json: Json = False, sign: Sign = False) -> None:
        """List all, newest first."""
        client = workflow(url, sign=sign)
        if json:
            output.as_json(client.ids_of_stage(stage))
        else:
            output.jobs(stage, client.of_stage(stage))

    @commands.command(verb, help=f"{verb.capitalize()} one.")
    def stop(
        id: JobArgument, clean: Clean = False, url: Url = DEFAULT_URL, json: Json = False, sign: Sign = False
    ) -> None:
        client = workflow(url, sign=sign)
        ended = clean and stage != "endpoint" and client.status(stage, id).done
        if stage not in STOP_OPERATION:
            answer = client.connection.http("DELETE", f"{client.connection.export_url}/{id}")
        else:
            answer = client.connection.call(STOP_OPERATION[stage], id=id, clean=clean or None)
        if json:
            output.as_json(answer)
        elif ended:
            output.say(f"{stage} [bold]{escape(id)}[/bold] had ended; its files were removed")
        else:
            output.say(f"{stage} [bold]{escape(id)}[/bold] is being {'deleted' if verb == 'delete' else 'stopped'}")


_add_common(export_commands, "export")
_add_common(dataprocessing_commands, "dataprocessing")
_add_common(training_commands, "modeltraining")
_add_common(transform_commands, "modeltransform")
_add_common(endpoint_commands, "endpoint", "delete")
