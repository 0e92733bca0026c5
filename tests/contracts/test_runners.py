"""The runner contract, kept by every runner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, SCRIPTS, RunnerContract
from workflow.drivers import open_s3_at
from workflow.emulator.app import Emulator
from workflow.runners.base import Runner
from workflow.runners.local import LocalRunner
from workflow.runners.sagemaker.runner import SageMakerRunner
from workflow.storage import Storage
from workflow.storage.local import LocalStorage


class TestLocalRunner(RunnerContract):
    @pytest.fixture
    def storage(self, tmp_path: Path) -> Storage:
        return LocalStorage(tmp_path / "s3")

    @pytest.fixture
    def runner(self, storage: Storage, tmp_path: Path) -> Runner:
        return LocalRunner(SCRIPTS, tmp_path / "work", tmp_path / "logs", storage, {"PATH": os.environ["PATH"]})


class TestSageMakerRunner(RunnerContract):
    @pytest.fixture
    def cloud(self, tmp_path: Path) -> Iterator[Emulator]:
        with emulated.emulator(tmp_path / "cloud") as cloud:
            yield cloud

    @pytest.fixture
    def storage(self, cloud: Emulator) -> Storage:
        storage = open_s3_at(cloud.url, emulated.REGION)
        emulated.request(cloud.url, "PUT", f"/{LAB.bucket}")
        return storage

    @pytest.fixture
    def runner(self, storage: Storage, tmp_path: Path, cloud: Emulator) -> Iterator[Runner]:
        clients = emulated.clients(cloud.url)
        yield SageMakerRunner(clients, SCRIPTS, tmp_path / "work", tmp_path / "logs", storage)
        clients.close()
