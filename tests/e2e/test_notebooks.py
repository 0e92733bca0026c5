"""Every notebook runs from its first cell to its last, keeps its cells short, and uses public names only."""

from __future__ import annotations

import ast
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
WITH_KERAS = "07-scores-from-paths"  # it is run beside the other makers' packages, in ``tests/peers``
LONG = ("03-classes-and-numbers", "04-knowledge-graph", "08-the-cloud")  # half a minute and more: run there, too
MAX_LINES = 10


def ids(path: Path) -> str:
    return path.stem


def execute(path: Path, folder: Path) -> None:
    """Run a notebook in a folder; it has to draw something."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/svg+xml" in output.get("data", {}) for output in shown), "no picture was drawn"


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path.stem not in (WITH_KERAS, *LONG)], ids=ids)
# jupyter's own start-up announces changes of its next version
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    execute(path, tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_a_notebook_is_easy_to_read(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= MAX_LINES, cell.source
        private = [
            node.attr
            for node in ast.walk(ast.parse(cell.source))
            if isinstance(node, ast.Attribute) and node.attr.startswith("_")
        ]
        assert private == []
        assert cell.get("outputs", []) == [], "a notebook is kept without its outputs"
