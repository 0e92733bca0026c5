"""The README of the export against the code."""

from __future__ import annotations

from pathlib import Path

import workflow.export
from training_scripts.graph_ml.schemas import FEATURE_TYPES
from workflow.export.parameters import COMMANDS, KNOWN, OTHER_COMMANDS

README = (Path(workflow.export.__file__).parent / "README.md").read_text(encoding="utf-8")


def test_every_parameter_and_command_and_feature_type_is_in_the_readme() -> None:
    missing = [name for name in (*KNOWN, *COMMANDS, *FEATURE_TYPES) if f"`{name}`" not in README]
    assert missing == []
    assert all(name in README or name.endswith("-clone") for name in OTHER_COMMANDS)
