"""The words about jobs and settings name everything there is."""

from __future__ import annotations

import re
from pathlib import Path

from workflow import settings
from workflow.api import OPERATIONS
from workflow.hpo.samplers import STARTUP_TRIALS
from workflow.jobs.supervisor import MAX_ATTEMPTS

ROOM = Path(settings.__file__).parent
TEXT = (ROOM / "jobs/README.md").read_text()


def test_every_operation_is_described_with_its_method_and_path() -> None:
    missing = [
        row.name for row in OPERATIONS.values() if not re.search(rf"`{row.name}` \| `{row.method} {row.path}[`?]", TEXT)
    ]
    assert missing == []


def test_every_variable_the_settings_read_is_described() -> None:
    read = set(re.findall(r"DESPINA_[A-Z_]+", Path(settings.__file__).read_text()))
    assert sorted(name for name in read if f"`{name}`" not in TEXT) == []


def test_the_figures_in_the_words_are_those_of_the_code() -> None:
    assert (MAX_ATTEMPTS, STARTUP_TRIALS) == (5, 10)
    assert "ended five times" in TEXT
    assert "ten in all are drawn at random" in TEXT
