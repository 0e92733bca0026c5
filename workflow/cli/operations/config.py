"""``despina config``: every setting, its value and where that came from."""

from __future__ import annotations

from rich.markup import escape

from workflow.cli import output
from workflow.cli.options import Json
from workflow.settings import SETTINGS_FILE, every_setting


def config(json: Json = False) -> None:
    """Print every setting; the environment wins over the settings file. Secrets are not shown."""
    settings = every_setting()
    if json:
        output.as_json(
            {setting.variable.name: {"value": setting.shown, "source": setting.source} for setting in settings}
        )
        return
    widest = max(len(setting.variable.name) for setting in settings)
    for setting in settings:
        source = "" if setting.source == "default" else f"  [bold]({setting.source})[/bold]"
        output.say(f"{setting.variable.name:<{widest}}  {escape(setting.shown) or '–'}{source}")
    output.say(f"In the file, {SETTINGS_FILE} or what DESPINA_SETTINGS names, they are home, users and so on.")
