"""The page of seams names what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
ROWS = [re.findall(r"`([^`]+)`", line) for line in PAGE.splitlines() if line.startswith("| ") and line.count("`") == 8]


def test_every_seam_of_the_product_is_on_the_page() -> None:
    kinds = {line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("| ")}
    seams = {"encoder", "task", "Gremlin step", "query language", "storage", "runner", "endpoint host", "graph source"}
    assert seams | {"model family", "Neptune operation"} <= kinds


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_a_row_names_is_there(row: list[str]) -> None:
    for place in row:
        path, _, name = place.partition(":")
        assert (ROOT / path).exists(), path
        if name:
            assert name in top_level_names(ROOT / path), place


def top_level_names(path: Path) -> set[str]:
    found = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.add(name)
    return found
