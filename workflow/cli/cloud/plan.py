"""What a run would do and cost on AWS, and what it has cost: printed for ``despina run``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workflow.cli import output
from workflow.client.cloud.targets import Target, planned_account
from workflow.client.run import RunResult
from workflow.client.workflow_file.description import WorkflowFile
from workflow.settings import Settings

if TYPE_CHECKING:
    from workflow.client.cloud.dry_run import Rehearsal
    from workflow.runners.sagemaker.account import Clients

PAID = {"dataprocessing": "processing", "modeltraining": "training", "endpoint": "endpoint"}


@dataclass(frozen=True)
class StageCost:
    """What a stage of a run has cost.

    Attributes:
        hours: of instances.
        dollars: None where the price table lacks an instance type.
        hourly: what goes on costing, an hour.
    """

    stage: str
    instances: str
    hours: float
    dollars: float | None
    hourly: float


def show(
    described: WorkflowFile, target: Target, settings: Settings, memories: Sequence[Path], *, as_json: bool
) -> None:
    """Print what a run would call, its instance hours and an estimate.

    Args:
        memories: of runs of this file; the first that knows how long its jobs took counts.
    """
    from workflow.client.cloud.dry_run import Rehearsal, rehearse
    from workflow.runners.sagemaker.costs import CHECKED, PRICES_OF

    measured = next(filter(None, map(_measured, memories)), {})
    rehearsal = Rehearsal()
    if target != "local":
        rehearsal = rehearse(described, planned_account(target, settings), settings.scripts, measured)
    at_most, expected = rehearsal.dollars()
    if as_json:
        jobs = [
            {**asdict(job), "hourly": job.hourly, "hours_at_most": job.hours(job.limit_s)} for job in rehearsal.jobs
        ]
        prices = {"of": PRICES_OF, "are": CHECKED}
        told = {"dollars_at_most": at_most, "dollars_expected": expected, "prices": prices}
        output.as_json({"calls": [asdict(call) for call in rehearsal.calls], "jobs": jobs, **told})
        return
    if not rehearsal.calls:
        output.say("on this machine nothing of AWS is called; plan for --target emulated or aws")
        return
    _show_calls(rehearsal)
    _show_jobs(rehearsal)
    output.say("nothing was created")
    if expected is not None:
        output.say(f"about ${expected:.2f} if every job takes as long as the last time")
    if at_most is not None:
        output.say(
            f"at most ${at_most:.2f} for jobs that run up to their time limits; the endpoint costs until deleted"
        )
    output.say(f"prices of us-east-1 on demand, written down {PRICES_OF}, {CHECKED}; storage and transfer not counted")


def _show_calls(rehearsal: Rehearsal) -> None:
    rows = [[call.stage, call.service, call.operation, call.times] for call in rehearsal.calls]
    output.table("calls", ["stage", "service", "operation", "times"], rows)
    for call in rehearsal.calls:
        if call.request is not None:
            output.say(f"[bold]{call.operation}[/bold]")
            output.plain(json.dumps(call.request, indent=2))


def _show_jobs(rehearsal: Rehearsal) -> None:
    rows = []
    for job in rehearsal.jobs:
        last, most = job.hours(job.expected_s), job.hours(job.limit_s)
        rows.append(
            [
                job.stage,
                f"{job.count} × {job.instances} × {job.instance_type}",
                "unknown" if job.hourly is None else f"${job.hourly:.3f}",
                "" if last is None else f"{last:.3f}",
                "until deleted" if most is None else f"{most:.2f}",
            ]
        )
    output.table("instance hours", ["stage", "jobs × instances", "each an hour", "as the last time", "at most"], rows)


def _measured(memory: Path) -> Mapping[str, float]:
    try:
        known: dict[str, Any] = json.loads(memory.read_text()).get("seconds", {})
    except (OSError, ValueError):
        return {}
    return {stage: float(seconds) for stage, seconds in known.items()}


def stage_costs(clients: Clients, result: RunResult) -> list[StageCost]:
    """What each stage of a run has cost on SageMaker; a stage that was reused has cost nothing this time."""
    from workflow.runners.sagemaker.costs import costs_of

    found = []
    for stage in result.stages:
        if stage.stage not in PAID or stage.resource is None or (stage.reused and stage.stage != "endpoint"):
            continue
        costs = costs_of(clients, PAID[stage.stage], stage.resource)
        dollars = [cost.dollars for cost in costs]
        kinds = dict.fromkeys(f"{cost.instances} × {cost.instance_type}" for cost in costs)
        found.append(
            StageCost(
                stage.stage,
                ", ".join(kinds),
                sum(cost.seconds * cost.instances for cost in costs) / 3600,
                None if None in dollars else sum(dollar or 0.0 for dollar in dollars),
                sum(cost.hourly or 0.0 for cost in costs if cost.runs),
            )
        )
    return found


def show_costs(costs: Sequence[StageCost]) -> None:
    """Print what each stage has cost, and what goes on costing."""
    from workflow.runners.sagemaker.costs import CHECKED, PRICES_OF

    rows = [
        [
            cost.stage,
            cost.instances,
            f"{cost.hours:.3f}",
            "unknown" if cost.dollars is None else f"${cost.dollars:.3f}",
            f"${cost.hourly:.3f} an hour" if cost.hourly else "",
        ]
        for cost in costs
    ]
    output.table("cost", ["stage", "instances", "hours", "about", "goes on"], rows)
    output.say(f"prices of us-east-1 on demand, written down {PRICES_OF}, {CHECKED}")
