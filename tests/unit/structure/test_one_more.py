"""One more model family is its own file and a line in a table: nothing else of the product knows it by name.

Of the other kinds toys from outside say so, in the contract suites; of drivers the import contracts.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from training_scripts.graph_ml.schemas import FAMILIES

ROOT = Path(__file__).resolve().parents[3]
TABLE = "training_scripts/graph_ml/schemas/families.py"
LINKS, RANKING = "training_scripts/graph_ml/training/links", "training_scripts/graph_ml/models/ranking"
#: families that another is made of, by the files that say so
BUILT_ON = {
    "rgcn": {f"{RANKING}/stack.py"},
    "graphsage": {f"{RANKING}/stack.py"},
    "stack": {f"{LINKS}/stacked.py", "training_scripts/graph_ml/predict/load.py"},
    "distmult": {f"{LINKS}/gnn.py"},  # scores links between the vectors of a graph network
}


@cache
def words() -> dict[str, frozenset[str]]:
    """Every text that stands in the code of a module, by its file; docstrings and comments are for people."""
    return {
        path.relative_to(ROOT).as_posix(): frozenset(texts(ast.parse(path.read_text())))
        for room in ("workflow", "training_scripts")
        for path in (ROOT / room).rglob("*.py")
    }


def texts(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_is_named_in_its_own_file_and_in_the_table(name: str) -> None:
    own = f"training_scripts/graph_ml/models{FAMILIES[name].replace('.', '/')}.py"
    assert {file for file, found in words().items() if name in found} == {own, TABLE} | BUILT_ON.get(name, set())
