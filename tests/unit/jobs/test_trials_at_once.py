"""No more trials of a search run beside each other than the machine's memory and processors hold."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.unit.jobs.test_reuse import CountingRunner, Lab
from workflow.runners.base import Capacity, Control, Tuning
from workflow.stages.estimates import TRAINER_BYTES
from workflow.storage.local import LocalStorage
from workflow.tuning.results import Tuned


class SmallMachine(CountingRunner):
    """A runner that says what it has, and remembers how many trials it was to run at once."""

    def __init__(self, storage: LocalStorage, has: Capacity) -> None:
        super().__init__(storage)
        self.has, self.at_once = has, 0

    def tune(self, tuning: Tuning, control: Control) -> Tuned:
        self.at_once = tuning.parallel
        return super().tune(tuning, control)

    def capacity(self) -> Capacity:
        return self.has


@pytest.mark.parametrize(
    ("trainers", "processors", "at_once"),
    [
        (1.5, 8, 1),
        # a trial of the few bytes that are processed here takes little above one trainer
        (2.5, 8, 2),
        (2.5, 1, 1),
        (100, 8, 4),
        (None, None, 4),
    ],
)
def test_trials_beside_each_other_fit_into_memory(
    trainers: float | None, processors: int | None, at_once: int, tmp_path: Path
) -> None:
    lab = Lab(tmp_path)
    memory = None if trainers is None else int(trainers * TRAINER_BYTES)
    machine = SmallMachine(lab.storage, Capacity(memory, None, processors=processors))
    lab.execution = dataclasses.replace(lab.execution, runner=machine)
    lab.processed("dp")
    lab.run("modeltraining", "a", maxHPONumberOfTrainingJobs=6, maxHPOParallelTrainingJobs=4)
    assert machine.at_once == at_once
