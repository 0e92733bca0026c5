"""The notebook that feeds Keras from our Bolt port runs from its first cell to its last; it checks its own figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_notebooks import WITH_KERAS, execute
from tests.peers.peer import MISSING, cache

pytestmark = [pytest.mark.peers, pytest.mark.timeout(1800)]
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / f"{WITH_KERAS}.ipynb"
#: of Keras with what it needs beside this environment's packages
PACKAGES = ("keras", "absl-py", "namex", "optree", "ml-dtypes", "h5py")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_articles_model_and_our_run_tell_every_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = cache() / "keras-3"
    if not (folder / "keras").is_dir():
        command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--no-deps", "--target", str(folder), *PACKAGES]
        if subprocess.run(command, check=False, capture_output=True).returncode:
            MISSING["Keras"] = why = "it could not be installed"
            pytest.skip(why)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    execute(NOTEBOOK, tmp_path)
