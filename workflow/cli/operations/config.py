"""``despina config``: every setting, its value and where that came from."""

from __future__ import annotations

from workflow.cli import output
from workflow.cli.options import Json
from workflow.settings import every_setting


def config(json: Json = False) -> None:
    """Print every setting; the environment wins over the settings file. Secrets are not shown."""
    settings = every_setting()
    if json:
        output.as_json(
            {setting.variable.name: {"value": setting.shown, "source": setting.source} for setting in settings}
        )
        return
    rows = [[setting.variable.name, setting.variable.key, setting.shown, setting.source] for setting in settings]
    output.table("settings", ["variable", "in the file", "value", "from"], rows)
