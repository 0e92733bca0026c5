"""The words about jobs and settings name everything there is."""

from __future__ import annotations

import re
from pathlib import Path

from workflow import settings
from workflow.jobs.supervisor import MAX_ATTEMPTS
from workflow.settings import unknown_variables
from workflow.tuning.samplers import STARTUP_TRIALS

ROOM = Path(settings.__file__).parent
TEXT = (ROOM / "jobs/README.md").read_text()


def test_the_table_of_settings_is_that_of_the_code() -> None:
    told = [line for line in TEXT.splitlines() if line.startswith("| `DESPINA_")]
    expected = [
        f"| `{one.name}` | {one.says}{f'; default `{one.default}`' if one.default else ''} |" for one in settings.TABLE
    ]
    assert told == expected, "\n" + "\n".join(expected)


def test_every_variable_that_some_file_reads_is_known_so_that_nobody_is_warned_of_it() -> None:
    read = {
        name
        for folder in (ROOM, ROOM.parent / "training_scripts")
        for path in folder.rglob("*.py")
        for name in re.findall(r"""["'](DESPINA_[A-Z_]*[A-Z])["']""", path.read_text())
    }
    assert len(read) > 10
    assert unknown_variables(dict.fromkeys(read, "x")) == {}


def test_the_figures_in_the_words_are_those_of_the_code() -> None:
    assert (MAX_ATTEMPTS, STARTUP_TRIALS) == (5, 10)
    assert "ended five times" in TEXT
    assert "ten in all are drawn at random" in TEXT
