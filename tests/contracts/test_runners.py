"""The runner contract, kept by every runner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import emulated
from tests.contracts.runner_contract import LAB, SCRIPTS, SPACE, RunnerContract, tuning
from workflow.drivers import open_s3_at
from workflow.emulator.app import Emulator
from workflow.emulator.records import TUNING
from workflow.runners.base import Control, JobFailed, Runner
from workflow.runners.local import LocalRunner
from workflow.runners.sagemaker.runner import SageMakerRunner
from workflow.storage import Storage
from workflow.storage.local import LocalStorage
from workflow.tuning.space import Space


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

    account: dict[str, Any] = {}

    @pytest.fixture
    def runner(self, storage: Storage, tmp_path: Path, cloud: Emulator) -> Iterator[Runner]:
        clients = emulated.clients(cloud.url, **self.account)
        yield SageMakerRunner(clients, SCRIPTS, tmp_path / "work", tmp_path / "logs", storage)
        clients.close()


class TestSageMakerTuner(TestSageMakerRunner):
    """The same over SageMaker's own tuner, which draws what it likes and counts trials for itself."""

    account: dict[str, Any] = {"tuner": "sagemaker"}
    # SageMaker's tuner runs every trial that it was asked for
    test_a_search_in_which_all_fail_alike_ends_early_with_the_reason = None  # type: ignore[assignment]

    def test_a_search_in_which_all_fail_alike_tells_the_reason(self, storage: Storage, runner: Runner) -> None:
        self.processed(storage, runner, {"train": {"fail": "no test edges"}})
        with pytest.raises(JobFailed, match="no test edges"):
            runner.tune(tuning(trials=2), Control())

    def test_a_later_search_learns_from_the_tuning_job_of_an_earlier_one(
        self, storage: Storage, runner: Runner, cloud: Emulator
    ) -> None:
        self.processed(storage, runner)
        alone = Space((SPACE.dimensions[1],), {"model": "rgcn"})
        first = runner.tune(tuning(space=alone, trials=2), Control())
        later = tuning(
            name="b-neptune-ml-260105-1025",
            space=alone,
            trials=1,
            trials_output=LAB / "later",
            previous=first.trials,
        )
        runner.tune(later, Control())
        job = cloud.control.records.get(TUNING, "b-neptune-ml-260105-1025")
        assert job["WarmStartConfig"] == {
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "a-neptune-ml-260105-1024"}],
            "WarmStartType": "TransferLearning",
        }

    def test_two_searches_of_one_minute_do_not_take_each_other_over(self, storage: Storage, runner: Runner) -> None:
        self.processed(storage, runner)
        first = runner.tune(tuning(trials=1), Control())
        second = runner.tune(tuning(trials=1, work="other", trials_output=LAB / "other"), Control())
        assert first.best.name != second.best.name
        assert storage.exists(LAB / "other" / second.best.name / "output/model.tar.gz")
