"""What every runner promises, asked of each of them.

The programs are the small ones of ``tests/fake_scripts``, which obey the container contract and take no time.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import until
from workflow.runners.base import Control, JobCancelled, JobFailed, Runner, Task, Tuning
from workflow.storage import S3Uri, Storage
from workflow.tuning.space import Dimension, Space

SCRIPTS = Path(__file__).parents[1] / "fake_scripts"
LAB = S3Uri("lab-bucket")
SPACE = Space(
    (
        Dimension("model", ("rgcn", "pair-ranker"), default="rgcn"),
        Dimension("lr", low=0.001, high=0.1, log=True, default=0.01),
    ),
    {"num-layer": 2},
)


def put(storage: Storage, place: str, behaviour: Mapping[str, Any] | None = None) -> S3Uri:
    """An export whose jobs do what ``behaviour`` says."""
    storage.write(LAB / place / "training-data-configuration.json", b"{}")
    if behaviour:
        storage.write(LAB / place / "behaviour.json", json.dumps(behaviour).encode())
    return LAB / place


def processing(source: S3Uri, **changes: Any) -> Task:
    """A processing job over an export."""
    fields: dict[str, Any] = {
        "name": "a-preloading-1",
        "script": "process.py",
        "inputs": {"processing/input": source},
        "outputs": {"processing/output": LAB / "processed"},
        "arguments": {"config-file-name": "training-data-configuration.json"},
        "timeout_s": 60,
    }
    return Task(**{**fields, **changes})


def tuning(**changes: Any) -> Tuning:
    """A search over the processed data."""
    fields: dict[str, Any] = {
        "name": "a-neptune-ml-260105-1024",
        "space": SPACE,
        "metric": "mrr",
        "direction": "maximize",
        "channel": LAB / "processed",
        "trials_output": LAB / "train" / "trials",
        "output": LAB / "train" / "autotrainer-output",
        "trials": 4,
        "parallel": 2,
        "seed": 1,
        "timeout_s": 60,
        "arguments": {"task": "link_prediction"},
    }
    return Tuning(**{**fields, **changes})


class RunnerContract:
    """A driver supplies ``runner``, and ``storage`` where it reads and writes."""

    @pytest.fixture
    def storage(self) -> Storage:
        raise NotImplementedError

    @pytest.fixture
    def runner(self, storage: Storage) -> Runner:
        raise NotImplementedError

    def processed(self, storage: Storage, runner: Runner, behaviour: Mapping[str, Any] | None = None) -> None:
        runner.run(processing(put(storage, "export", behaviour)), Control())

    def test_a_task_is_given_its_arguments_and_input_and_its_output_is_stored(
        self, storage: Storage, runner: Runner
    ) -> None:
        ended = runner.run(processing(put(storage, "export")), Control())
        assert ended.wall_s >= 0
        manifest = json.loads(storage.read(LAB / "processed" / "manifest.json"))
        assert manifest["arguments"] == {"config-file-name": "training-data-configuration.json"}

    def test_a_missing_input_fails_the_job_and_is_named(self, storage: Storage, runner: Runner) -> None:
        storage.write(LAB / "something", b"so that the bucket is there")
        with pytest.raises(Exception, match="s3://lab-bucket/nothing"):
            runner.run(processing(LAB / "nothing"), Control())

    def test_a_failed_task_stores_nothing_and_tells_its_reason(self, storage: Storage, runner: Runner) -> None:
        source = put(storage, "export", {"process": {"fail": "Edge type FRIEND is missing"}})
        with pytest.raises(JobFailed, match="Edge type FRIEND is missing"):
            runner.run(processing(source), Control())
        assert list(storage.list(LAB / "processed")) == []

    def test_a_task_that_prints_and_dies_is_explained_by_its_last_lines(self, storage: Storage, runner: Runner) -> None:
        source = put(storage, "export", {"process": {"print": "about to die", "exit": 7}})
        with pytest.raises(JobFailed, match=r"(?s)7.*about to die|about to die.*7"):
            runner.run(processing(source), Control())

    def test_a_task_past_its_limit_has_failed_and_names_the_request_member(
        self, storage: Storage, runner: Runner
    ) -> None:
        source = put(storage, "export", {"process": {"sleep_s": 600}})
        with pytest.raises(JobFailed, match="processingTimeOutInSeconds"):
            runner.run(processing(source, timeout_s=1), Control())

    def test_a_cancelled_task_ends_and_stores_nothing(self, storage: Storage, runner: Runner) -> None:
        source = put(storage, "export", {"process": {"sleep_s": 600}})
        control = Control()
        threading.Timer(0.5, control.cancelled.set).start()
        with pytest.raises(JobCancelled):
            runner.run(processing(source), control)
        assert list(storage.list(LAB / "processed")) == []

    def test_a_search_publishes_the_best_trial_and_keeps_the_others(self, storage: Storage, runner: Runner) -> None:
        self.processed(storage, runner)
        tuned = runner.tune(tuning(), Control())
        assert [trial.state for trial in tuned.trials] == ["Completed"] * 4
        # the default learning rate is 0.01 for both, and the pair ranker scores five times as much
        assert tuned.best.family == "pair-ranker"
        output = LAB / "train" / "autotrainer-output"
        names = {info.uri.relative_to(output) for info in storage.list(output)}
        told = {"model.tar.gz", "model.json", "metrics.json", "eval_metrics_info.json", "test_metrics_info.json"}
        assert told | {"report.html", "model-report.html", "tuning_summary.json"} <= names
        assert {
            f"trials/{trial.name}/{name}" for trial in tuned.trials for name in ("train.log", "trial.json")
        } <= names
        assert json.loads(storage.read(output / "model.json"))["id"] == tuned.best.name
        assert json.loads(storage.read(output / "eval_metrics_info.json")) == {"mrr": tuned.best.value}
        report = storage.read(output / "report.html").decode()
        assert 'href="model-report.html"' in report
        assert re.search(r" · \d{4}-\d\d-\d\d \d\d:\d\d UTC · ", report)
        for trial in tuned.trials:
            place = LAB / "train" / "trials" / trial.name
            assert storage.exists(place / "output" / "model.tar.gz")
            assert json.loads(storage.read(place / "trial.json"))["value"] == trial.value
            assert b"validation mrr=" in storage.read(place / "train.log")

    def test_what_is_tried_is_a_matter_of_the_seed(self, storage: Storage, runner: Runner) -> None:
        self.processed(storage, runner)
        first = runner.tune(tuning(trials=3), Control())
        again = runner.tune(tuning(trials=3, name="b-neptune-ml", trials_output=LAB / "again"), Control())
        other = runner.tune(tuning(trials=3, name="c-neptune-ml", trials_output=LAB / "other", seed=2), Control())
        assert [trial.sample for trial in first.trials] == [trial.sample for trial in again.trials]
        assert [trial.value for trial in first.trials] == [trial.value for trial in again.trials]
        assert [trial.sample for trial in first.trials] != [trial.sample for trial in other.trials]

    def test_a_failed_trial_keeps_its_reason_and_does_not_fail_the_search(
        self, storage: Storage, runner: Runner
    ) -> None:
        self.processed(storage, runner, {"train": {"models": ["pair-ranker"], "fail": "no validation edges"}})
        tuned = runner.tune(tuning(), Control())
        failed = [trial for trial in tuned.trials if trial.state == "Failed"]
        assert {trial.family for trial in failed} == {"pair-ranker"}
        assert all("no validation edges" in (trial.reason or "") for trial in failed)
        assert tuned.best.family == "rgcn"

    def test_a_search_in_which_all_fail_alike_ends_early_with_the_reason(
        self, storage: Storage, runner: Runner
    ) -> None:
        self.processed(storage, runner, {"train": {"fail": "no test edges"}})
        with pytest.raises(JobFailed, match="no test edges"):
            runner.tune(tuning(trials=9), Control())

    def test_a_search_goes_on_with_the_trials_it_lacks(self, storage: Storage, runner: Runner) -> None:
        self.processed(storage, runner, {"train": {"models": ["pair-ranker"], "sleep_s": 3}})
        search, control = tuning(trials=2), Control()
        thread = threading.Thread(target=_until_cancelled, args=(runner, search, control))
        thread.start()
        until(lambda: (told := runner.progress(search.folder_name)) and told["step"] == 1)
        control.leaving.set()
        control.cancelled.set()
        thread.join()
        first = _progressed(runner, search)[0]
        tuned = runner.tune(search, Control())
        assert [trial.state for trial in tuned.trials] == ["Completed", "Completed"]
        assert tuned.trials[0].value == first["value"]

    def test_a_cancelled_search_publishes_nothing(self, storage: Storage, runner: Runner) -> None:
        self.processed(storage, runner, {"train": {"sleep_s": 600}})
        control = Control()
        threading.Timer(1.0, control.cancelled.set).start()
        with pytest.raises(JobCancelled):
            runner.tune(tuning(), control)
        assert list(storage.list(LAB / "train" / "autotrainer-output")) == []

    def test_a_transform_is_given_the_model_and_publishes_a_fresh_one(self, storage: Storage, runner: Runner) -> None:
        self.processed(storage, runner)
        runner.tune(tuning(trials=1), Control())
        task = Task(
            name="a-transform-1",
            script="transform.py",
            inputs={"processing/input": LAB / "processed"},
            archives={"processing/model": LAB / "train" / "autotrainer-output" / "model.tar.gz"},
            outputs={},
            arguments={},
            timeout_s=60,
            model_output=LAB / "transformed",
        )
        runner.run(task, Control())
        assert json.loads(storage.read(LAB / "transformed" / "model.json"))["transformed"] is True
        assert storage.exists(LAB / "transformed" / "model.tar.gz")

    def test_a_log_is_named_once_there_is_one(self, storage: Storage, runner: Runner) -> None:
        assert runner.log_url("a-preloading-1") is None
        self.processed(storage, runner)
        assert "a-preloading-1" in (runner.log_url("a-preloading-1") or "")

    def test_a_discarded_name_has_no_progress(self, storage: Storage, runner: Runner) -> None:
        self.processed(storage, runner)
        search = tuning(trials=1)
        runner.tune(search, Control())
        assert runner.progress(search.folder_name) is not None
        runner.discard(search.folder_name)
        assert runner.progress(search.folder_name) is None
        runner.discard("never-begun")


def _until_cancelled(runner: Runner, search: Tuning, control: Control) -> None:
    with pytest.raises(JobCancelled):
        runner.tune(search, control)


def _progressed(runner: Runner, search: Tuning) -> list[dict[str, Any]]:
    told = runner.progress(search.folder_name)
    assert told is not None
    trials: list[dict[str, Any]] = told["trials"]
    return trials
