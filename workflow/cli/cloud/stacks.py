"""``despina deploy``, ``outputs`` and ``destroy``: the templates of infra as a stack of CloudFormation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Json
from workflow.settings import Settings

if TYPE_CHECKING:
    from workflow.client.cloud.stacks import Event

Name = Annotated[str, typer.Argument(help="Name of the stack.")]


def deploy(
    name: Name = "despina",
    template: Annotated[str, typer.Option(help="A file of infra/templates; the default nests the others.")] = (
        "despina.yaml"
    ),
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", help="KEY=VALUE; repeatable.")] = None,
    bucket: Annotated[
        str | None,
        typer.Option(help="Bucket for the nested templates.", show_default="despina-templates-ACCOUNT-REGION"),
    ] = None,
) -> None:
    """Deploy the infrastructure, or update it; tells every event until it is there. It costs money: infra/README.md."""
    from workflow.client.cloud.stacks import Stacks

    given = {}
    for word in parameter or []:
        key, equals, value = word.partition("=")
        if not equals:
            raise typer.BadParameter(f"{word!r} is not KEY=VALUE", param_hint="--parameter")
        given[key] = value
    changed = Stacks(Settings.from_environment().region).deploy(name, template, given, bucket=bucket, watch=_say)
    output.say(f"{name} is deployed" if changed else f"{name} is deployed as it is; nothing was to change")
    output.say(f"despina outputs {name} --env gives the settings, despina destroy {name} removes it")


def outputs(
    name: Name = "despina",
    env: Annotated[bool, typer.Option("--env", help="As lines for a shell, by the names of settings.")] = False,
    json: Json = False,
) -> None:
    """Print what a stack tells: addresses, roles, bucket."""
    from workflow.client.cloud.stacks import Stacks, as_settings

    found = Stacks(Settings.from_environment().region).outputs(name)
    if json:
        output.as_json(found)
    elif env:
        for variable, value in as_settings(found).items():
            output.announce(f"export {variable}='{value}'")
    else:
        output.table(name, ["output", "value"], [[key, value] for key, value in found.items()])


def destroy(
    name: Name = "despina",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove a stack and what is in it; says what stays, such as the bucket with its models."""
    from workflow.client.cloud.stacks import Stacks

    if not yes:
        typer.confirm(f"remove the stack {name} and everything in it?", abort=True)
    kept = Stacks(Settings.from_environment().region).destroy(name, watch=_say)
    output.say(f"{name} is removed")
    for resource in kept:
        output.say(f"kept: {resource}")


def _say(event: Event) -> None:
    output.plain(f"{event.status:<28} {event.resource:<24} {event.kind} {event.reason}".rstrip())
