"""``despina store check`` and ``repair``: whether the folders of the embedded graphs read back, and the way out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from workflow.cli import output
from workflow.cli.options import Home, Json
from workflow.errors import InvalidParameter
from workflow.graphs.store.journal.repair import Findings, examine, repair
from workflow.settings import Settings

store_commands = typer.Typer(no_args_is_help=True, help="Check and repair the folders of the embedded graphs.")
Place = Annotated[
    str | None, typer.Argument(metavar="GRAPH", help="The name of a graph below the home, or a folder; all without it.")
]


@store_commands.command("check")
def check(graph: Place = None, home: Home = None, json: Json = False) -> None:
    """Read whole folders without changing anything; exit code 1 if something is damaged. The service must not run."""
    found = [examine(folder) for folder in _folders(graph, home)]
    if json:
        output.as_json([_facts(findings) for findings in found])
    else:
        for findings in found:
            output.say(_sentence(findings))
    if any(findings.damage for findings in found):
        raise typer.Exit(1)


@store_commands.command("repair")
def repair_command(
    graph: Place = None,
    home: Home = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this only what would be lost is said.")] = False,
) -> None:
    """Keep every commit before the damage; all behind it goes into files log.torn-… beside the log."""
    for folder in _folders(graph, home):
        findings = examine(folder)
        output.say(_sentence(findings))
        if findings.damage is None:
            continue
        if not findings.can_be_repaired:
            raise typer.Exit(1)
        if not yes:
            output.say("nothing was changed; add --yes to do it")
            raise typer.Exit(1)
        output.say("repaired. " + _sentence(repair(folder)))


def _folders(graph: str | None, home: Path | None) -> list[Path]:
    settings = Settings.from_environment()
    if home is not None:
        settings = replace(settings, home=home.expanduser().resolve())
    below = settings.home / "graphs"
    if graph is None:
        return sorted(path for path in below.glob("*") if path.is_dir())
    for folder in (below / graph, Path(graph)):
        if any(folder.glob("log-*.bin")) or any(folder.glob("CURRENT*")):
            return [folder]
    raise InvalidParameter(f"{graph!r} is neither a graph below {below} nor a folder of one")


def _sentence(findings: Findings) -> str:
    if findings.damage is None:
        rest = f", and {findings.unfinished} bytes of one that was never finished" if findings.unfinished else ""
        size = f"{findings.vertices} vertices, {findings.edges} edges"
        return f"{findings.folder}: whole, {findings.commit} commits{rest}; {size}"
    where = f"{findings.damage.path} is damaged: {findings.damage.reason}"
    if not findings.can_be_repaired:
        return f"{where}. Nothing can be kept without that file; restore the folder from a backup"
    lost = findings.lost - findings.commit
    return f"{where}. A repair keeps commit {findings.commit} and all before; it loses the {lost} up to {findings.lost}"


def _facts(findings: Findings) -> dict[str, Any]:
    return {
        "folder": str(findings.folder),
        "damage": None if findings.damage is None else f"{findings.damage.path}: {findings.damage.reason}",
        "repairable": findings.can_be_repaired,
        "commit": findings.commit,
        "lostUpTo": findings.lost or None,
        "unfinishedBytes": findings.unfinished,
        "vertices": findings.vertices,
        "edges": findings.edges,
    }
