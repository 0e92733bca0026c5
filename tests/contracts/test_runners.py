"""The runner contract, kept by every runner."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.contracts.runner_contract import SCRIPTS, RunnerContract
from workflow.runners.base import Runner
from workflow.runners.local import LocalRunner
from workflow.storage import Storage
from workflow.storage.local import LocalStorage


class TestLocalRunner(RunnerContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return LocalStorage(tmp_path / "s3")

    @pytest.fixture
    def runner(self, storage: Storage, tmp_path: Path) -> Runner:
        return LocalRunner(SCRIPTS, tmp_path / "work", tmp_path / "logs", storage, {"PATH": os.environ["PATH"]})
