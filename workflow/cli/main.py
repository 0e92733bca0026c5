"""The command line: ``despina NOUN VERB``, and one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup

from training_scripts.graph_ml.quick_imports import quick_imports
from workflow import __version__
from workflow.cli import output
from workflow.errors import WorkflowError
from workflow.settings import take_settings_file

BEGIN, STAGES, LOOK, CLOUD = "Begin here", "One stage at a time", "See what goes on", "On AWS"


class CommandEntry(NamedTuple):
    """Where a command, or a group of them, is: ``module:name`` in this package; and the panel of its help."""

    place: str
    panel: str


COMMANDS: Final = {
    "demo": CommandEntry("demo:demo", BEGIN),
    "serve": CommandEntry("operations.serve:serve", BEGIN),
    "emulator": CommandEntry("cloud.emulator:emulator", BEGIN),
    "load": CommandEntry("load:load", BEGIN),
    "init": CommandEntry("init:init", BEGIN),
    "run": CommandEntry("run:run", BEGIN),
    "query": CommandEntry("query:query", BEGIN),
    "export": CommandEntry("stages:export_commands", STAGES),
    "dataprocessing": CommandEntry("stages:dataprocessing_commands", STAGES),
    "training": CommandEntry("stages:training_commands", STAGES),
    "transform": CommandEntry("stages:transform_commands", STAGES),
    "endpoint": CommandEntry("stages:endpoint_commands", STAGES),
    "predictions": CommandEntry("predictions:predictions_commands", STAGES),
    "status": CommandEntry("status:status", LOOK),
    "costs": CommandEntry("cloud.costs:costs", CLOUD),
    "batch": CommandEntry("cloud.batch:batch", CLOUD),
    "pipeline": CommandEntry("cloud.pipeline:pipeline_commands", CLOUD),
    "deploy": CommandEntry("cloud.stacks:deploy", CLOUD),
    "outputs": CommandEntry("cloud.stacks:outputs", CLOUD),
    "destroy": CommandEntry("cloud.stacks:destroy", CLOUD),
    "logs": CommandEntry("operations.logs:logs", LOOK),
    "delete": CommandEntry("remove:delete", LOOK),
    "reset": CommandEntry("remove:reset", LOOK),
    "gc": CommandEntry("operations.gc:gc", LOOK),
    "config": CommandEntry("operations.config:config", LOOK),
    "doctor": CommandEntry("operations.doctor:doctor", LOOK),
    "store": CommandEntry("operations.store:store_commands", LOOK),
}


class _Commands(Mapping[str, Any]):
    """The commands by name; the module of one is imported when it is meant: a service starts without the rest."""

    def __getitem__(self, name: str) -> Any:
        place, panel = COMMANDS[name]
        module, _, attribute = place.partition(":")
        with quick_imports():
            found = getattr(import_module(f"workflow.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            group = typer.main.get_group(found)
            group.name, group.rich_help_panel = name, panel
            return group
        alone = typer.Typer(add_completion=False)
        alone.command(name, rich_help_panel=panel)(found)
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    """``despina`` itself."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: Any = _Commands()


app = typer.Typer(
    name="despina",
    cls=_Group,
    help="An open Neptune ML: from a property graph to a predicted link, on your machine or against Neptune.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


# typer carries click with it, or finds it beside itself, by its version
_WRONG_USAGE: Any = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")


def _version(asked: bool) -> None:
    if asked:
        output.announce(f"despina {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Global options."""


def main() -> None:
    """Run the command; a refused or failed request is one sentence and exit code 1, never a traceback."""
    # the drivers log what they raise; a user needs it once
    logging.getLogger("gremlinpython").setLevel(logging.CRITICAL)
    as_json = "--json" in sys.argv
    try:
        take_settings_file()
        # a usage error is the command line's own to print, unless it is to be JSON
        sys.exit(app(standalone_mode=not as_json) or 0)
    except _WRONG_USAGE as error:
        output.as_json({"error": {"code": "UsageError", "message": error.format_message()}})
        sys.exit(error.exit_code)
    except WorkflowError as error:
        if as_json:
            output.as_json({"error": {"code": error.code, "message": error.message}})
        else:
            output.fail(error.message)
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)


if __name__ == "__main__":
    main()
