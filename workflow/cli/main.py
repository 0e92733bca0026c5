"""The command line: ``despina NOUN VERB``, and one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, Any

import typer

from workflow import __version__
from workflow.cli import demo, init, load, output, predictions, query, remove, run, stages, status, store
from workflow.cli.cloud import batch, costs, emulator, pipeline, stacks
from workflow.cli.operations import config, doctor, gc, logs, serve
from workflow.errors import WorkflowError
from workflow.settings import take_settings_file

app = typer.Typer(
    name="despina",
    help="An open Neptune ML: from a property graph to a predicted link, on your machine or against Neptune.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

BEGIN, STAGES, LOOK, CLOUD = "Begin here", "One stage at a time", "See what goes on", "On AWS"
app.command("demo", rich_help_panel=BEGIN)(demo.demo)
app.command("serve", rich_help_panel=BEGIN)(serve.serve)
app.command("emulator", rich_help_panel=BEGIN)(emulator.emulator)
app.command("load", rich_help_panel=BEGIN)(load.load)
app.command("init", rich_help_panel=BEGIN)(init.init)
app.command("run", rich_help_panel=BEGIN)(run.run)
app.command("query", rich_help_panel=BEGIN)(query.query)
app.add_typer(stages.export_commands, name="export", rich_help_panel=STAGES)
app.add_typer(stages.dataprocessing_commands, name="dataprocessing", rich_help_panel=STAGES)
app.add_typer(stages.training_commands, name="training", rich_help_panel=STAGES)
app.add_typer(stages.transform_commands, name="transform", rich_help_panel=STAGES)
app.add_typer(stages.endpoint_commands, name="endpoint", rich_help_panel=STAGES)
app.add_typer(predictions.predictions_commands, name="predictions", rich_help_panel=STAGES)
app.command("status", rich_help_panel=LOOK)(status.status)
app.command("costs", rich_help_panel=CLOUD)(costs.costs)
app.command("batch", rich_help_panel=CLOUD)(batch.batch)
app.add_typer(pipeline.pipeline_commands, name="pipeline", rich_help_panel=CLOUD)
app.command("deploy", rich_help_panel=CLOUD)(stacks.deploy)
app.command("outputs", rich_help_panel=CLOUD)(stacks.outputs)
app.command("destroy", rich_help_panel=CLOUD)(stacks.destroy)
app.command("logs", rich_help_panel=LOOK)(logs.logs)
app.command("delete", rich_help_panel=LOOK)(remove.delete)
app.command("reset", rich_help_panel=LOOK)(remove.reset)
app.command("gc", rich_help_panel=LOOK)(gc.gc)
app.command("config", rich_help_panel=LOOK)(config.config)
app.command("doctor", rich_help_panel=LOOK)(doctor.doctor)
app.add_typer(store.store_commands, name="store", rich_help_panel=LOOK)


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
