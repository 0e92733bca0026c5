"""Rooms stay small enough to be read from their names, and a name means one thing."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from tests.conftest import LONG_MODULES

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("workflow", "training_scripts")
MOST_MODULES = 15


def test_no_folder_has_more_than_fifteen_modules_at_its_root() -> None:
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    counts = {
        str(folder.relative_to(ROOT)): len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        for folder in folders
    }
    assert {folder: count for folder, count in counts.items() if count > MOST_MODULES} == {}


def test_no_two_public_classes_of_the_workflow_share_a_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "workflow").rglob("*.py")):
        for name in re.findall(r"^class ([A-Za-z]\w*)", path.read_text(), re.MULTILINE):
            places[name].append(str(path.relative_to(ROOT)))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_the_modules_that_tests_begin_with_exist() -> None:
    assert [name for name in LONG_MODULES if not (ROOT / "tests" / name).is_file()] == []
