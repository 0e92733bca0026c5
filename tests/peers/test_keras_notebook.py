"""The notebook that feeds Keras from our Bolt port runs from its first cell to its last; it checks its own figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.test_notebooks import WITH_KERAS, execute
from tests.peers.peer import packages_at

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1800)]
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / f"{WITH_KERAS}.ipynb"
#: of Keras with what it needs beside this environment's packages
PACKAGES = ("keras", "absl-py", "namex", "optree", "ml-dtypes", "h5py")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_articles_model_and_our_run_tell_every_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = packages_at("keras-3", "keras", *PACKAGES, options=["--no-deps"])
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    execute(NOTEBOOK, tmp_path)
