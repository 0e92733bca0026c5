"""``despina costs``: what was run on SageMaker, what it cost, and what goes on costing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Json
from workflow.settings import Settings


def costs(
    running: Annotated[bool, typer.Option("--running", help="Only what goes on costing.")] = False,
    json: Json = False,
) -> None:
    """List jobs, endpoints and stacks of Despina in the account, with a rough estimate of what the first two cost.

    Of each kind the newest hundred; with --running all that run, however old they are.
    """
    from workflow.drivers import open_clients
    from workflow.runners.sagemaker import costs as room

    clients = open_clients(Settings.from_environment())
    found = list(room.costs(clients, running=running))
    clients.close()
    stacks, unseen = _stacks()
    known = [cost.dollars for cost in found if cost.dollars is not None]
    hourly = [cost.hourly for cost in found if cost.runs and cost.hourly is not None]
    if json:
        rows = [{**asdict(cost), "hourly": cost.hourly, "dollars": cost.dollars} for cost in found]
        output.as_json(
            {"costs": rows, "dollars": sum(known), "hourly": sum(hourly), "stacks": stacks, "prices": room.CHECKED}
        )
        return
    table = [
        [
            cost.kind,
            cost.name,
            cost.status,
            f"{cost.instances} × {cost.instance_type}",
            f"{cost.seconds / 3600:.2f} h",
            "unknown" if cost.dollars is None else f"${cost.dollars:.2f}",
        ]
        for cost in found
    ]
    output.table("costs", ["kind", "name", "status", "instances", "each", "about"], table)
    for name in stacks:
        output.say(f"the stack {name} goes on costing while it is there: infra/README.md says about how much")
    if unseen:
        output.say(f"stacks could not be looked at: {unseen}")
    output.say(f"about ${sum(known):.2f} so far, and ${sum(hourly):.2f} an hour goes on")
    output.say(f"a rough estimate: prices of us-east-1 on demand, {room.CHECKED}; storage and transfer not counted")


def _stacks() -> tuple[list[str], str]:
    """The names of the stacks that are there, and why they are not known where they are not."""
    from workflow.client.cloud.stacks import Stacks
    from workflow.errors import WorkflowError

    try:
        return Stacks(Settings.from_environment().region).ours(), ""
    except WorkflowError as error:
        return [], error.message
