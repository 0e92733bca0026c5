"""``despina status``: the service and its jobs at a glance."""

from __future__ import annotations

from workflow.cli import output
from workflow.cli.options import DEFAULT_URL, Json, Sign, Url, workflow


def status(url: Url = DEFAULT_URL, json: Json = False, sign: Sign = False) -> None:
    """Show the health of the service and every job it knows."""
    client = workflow(url, sign=sign)
    engine = client.connection.call("get_engine_status")
    jobs = client.jobs()
    if json:
        output.as_json({"engine": engine, "jobs": jobs.to_dict(orient="records")})
        return
    output.say(f"{client.connection.url} is [bold]{engine['status']}[/bold], engine {engine['dbEngineVersion']}")
    if jobs.empty:
        output.say("No jobs yet: `despina run FILE` runs a workflow, `despina export start` its first stage.")
    else:
        output.table("jobs", list(jobs.columns), jobs.values.tolist())
