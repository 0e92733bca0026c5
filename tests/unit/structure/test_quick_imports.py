"""Programs import without searches for garbage, and search as before once they have."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from training_scripts.graph_ml.quick_imports import quick_imports

SCRIPTS = Path(__file__).resolve().parents[3] / "training_scripts"
PROGRAMS = [path for path in sorted(SCRIPTS.glob("*.py")) if "__main__" in path.read_text()]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    searching = gc.isenabled()
    yield
    gc.unfreeze()
    gc.enable() if searching else gc.disable()


@pytest.mark.parametrize("searching", [True, False])
def test_the_block_does_not_search_and_what_follows_does_as_before(searching: bool) -> None:
    gc.enable() if searching else gc.disable()
    with quick_imports():
        assert not gc.isenabled()
        made = [[] for _ in range(5000)]
    assert gc.isenabled() == searching
    assert gc.get_freeze_count() >= len(made)


def test_an_import_that_fails_leaves_the_search_on() -> None:
    gc.enable()
    with pytest.raises(ImportError), quick_imports():
        import nobody_has_such_a_module  # noqa: F401
    assert gc.isenabled()


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
def test_a_program_imports_the_training_code_so(program: Path) -> None:
    alone = [node.module for node in ast.parse(program.read_text()).body if isinstance(node, ast.ImportFrom)]
    assert [name for name in alone if name and name.startswith("graph_ml")] == ["graph_ml.quick_imports"]
