"""``despina gc``: remove what ended jobs left and nobody needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from workflow.cli import output
from workflow.cli.options import Home, Json
from workflow.errors import InvalidParameter
from workflow.neptune.progress import size
from workflow.settings import Settings


def gc(
    older_than: Annotated[str, typer.Option("--older-than", help="Age, such as 30d.")] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Remove the files of old jobs and exports, old logs and folders of demos.

    What an endpoint, an unfinished job or a younger job builds on stays. The service on the home must not run; one that
    runs does the same by itself with DESPINA_RETENTION.
    """
    from workflow.app import HomeUnusable, build

    text = older_than.strip().lower().removesuffix("d")
    if not text.isdecimal() or int(text) < 1:
        raise InvalidParameter(f"--older-than {older_than!r} is no age; write days, such as 30d.")
    settings = Settings.from_environment()
    try:
        application = build(replace(settings, home=home.expanduser().resolve() if home else settings.home))
    except HomeUnusable as error:
        raise InvalidParameter(
            f"{error.message}. A service that runs does the same by itself, a few times a day, with "
            "DESPINA_RETENTION=30 (days)."
        ) from error
    try:
        planned = application.retention.plan(int(text))
        if not dry_run:
            application.retention.remove(planned)
    finally:
        application.close()
    if json:
        output.as_json([{"what": one.what, "name": one.name, "bytes": one.size_bytes} for one in planned])
        return
    total = sum(one.size_bytes for one in planned)
    verb = "would be removed" if dry_run else "removed"
    if planned:
        output.table("garbage", ["what", "id", "size"], [[p.what, p.name, size(p.size_bytes)] for p in planned])
    output.say(f"{len(planned)} things, {size(total)}, {verb}")
