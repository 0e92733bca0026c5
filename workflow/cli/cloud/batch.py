"""``despina batch``: a model answers questions that lie in S3, on SageMaker, without an endpoint."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Json
from workflow.settings import Settings


def batch(
    model: Annotated[str, typer.Option(help="The model: s3://bucket/key/model.tar.gz.")],
    source: Annotated[str, typer.Option("--input", help="An s3:// prefix; each line of its objects is a question.")],
    answers: Annotated[str, typer.Option("--output", help="An s3:// prefix for the answers, one object each.")],
    instance_type: Annotated[str | None, typer.Option(help="The instances that answer.")] = None,
    instances: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
    json: Json = False,
) -> None:
    """Answer questions in S3 with a model, by a batch transform of SageMaker.

    A question is a line of JSON, as an endpoint's /invocations takes it. Nothing serves before or after.
    """
    from workflow.drivers import open_clients
    from workflow.runners.base import Control, Resources
    from workflow.runners.sagemaker.batch import BatchTransforms
    from workflow.runners.sagemaker.serving import BatchTransform
    from workflow.storage import S3Uri

    settings = Settings.from_environment()
    asked = BatchTransform(
        f"despina-batch-{time.strftime('%y%m%d-%H%M%S')}",
        S3Uri.parse(model),
        S3Uri.parse(source),
        S3Uri.parse(answers),
        Resources(instance_type, instances),
    )
    clients = open_clients(settings)
    try:
        ended = BatchTransforms(clients, settings.home / "logs").run(asked, Control())
    finally:
        clients.close()
    if json:
        output.as_json({"job": asked.name, "output": str(asked.output), "seconds": ended.wall_s})
        return
    output.say(f"{asked.name} has answered in {ended.wall_s:.0f} s; the answers lie at {asked.output}")
