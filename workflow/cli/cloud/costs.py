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
    """List jobs and endpoints of Despina in the account, with a rough estimate of what they cost."""
    from workflow.drivers import open_clients
    from workflow.runners.sagemaker import costs as room

    clients = open_clients(Settings.from_environment())
    found = [cost for cost in room.costs(clients) if cost.runs or not running]
    clients.close()
    known = [cost.dollars for cost in found if cost.dollars is not None]
    hourly = [cost.hourly for cost in found if cost.runs and cost.hourly is not None]
    if json:
        rows = [{**asdict(cost), "hourly": cost.hourly, "dollars": cost.dollars} for cost in found]
        output.as_json({"costs": rows, "dollars": sum(known), "hourly": sum(hourly), "prices": room.CHECKED})
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
    output.say(f"about ${sum(known):.2f} so far, and ${sum(hourly):.2f} an hour goes on")
    output.say(f"a rough estimate: prices of us-east-1 on demand, {room.CHECKED}; storage and transfer not counted")
