"""Notebooks that train for half a minute and more run from their first cell to their last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_notebooks import LONG, execute

pytestmark = pytest.mark.peers
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.parametrize("name", LONG)
# jupyter's own start-up announces changes of its next version
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_long_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    execute(NOTEBOOKS / f"{name}.ipynb", tmp_path)
