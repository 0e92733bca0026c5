"""The local runner runs real programs under the container contract, and searches with them."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.runner_contract import LAB, SCRIPTS, processing, put
from tests.contracts.runner_contract import tuning as searching
from workflow.runners.base import Control, JobCancelled, JobFailed, Resources, Task, Tuning
from workflow.runners.local import LocalRunner
from workflow.runners.local.trials import LocalTrials, metric_value
from workflow.runners.search import trial_name
from workflow.storage import ObjectNotFound
from workflow.storage.local import LocalStorage
from workflow.storage.s3 import S3Storage
from workflow.tuning.results import Trial


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "s3")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Storage]:
    import boto3
    import moto

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    with moto.mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lab-bucket")
        yield S3Storage("us-east-1", client)
        client.close()


@pytest.fixture
def runner(tmp_path: Path, storage: LocalStorage) -> LocalRunner:
    environment = {"PATH": os.environ["PATH"]}
    return LocalRunner(SCRIPTS, tmp_path / "work", tmp_path / "logs", storage, environment)


def tuning(
    storage: LocalStorage, runner: LocalRunner, behaviour: Mapping[str, Any] | None = None, **changes: Any
) -> Tuning:
    runner.run(processing(put(storage, "export", behaviour)), Control())
    return searching(**changes)


def test_a_task_reads_its_inputs_and_its_outputs_are_stored(storage: LocalStorage, runner: LocalRunner) -> None:
    ended = runner.run(processing(put(storage, "export")), Control())
    assert ended.peak_memory_bytes > 0
    manifest = json.loads(storage.read(LAB / "processed" / "manifest.json"))
    assert manifest["arguments"]["config-file-name"] == "training-data-configuration.json"
    progress = runner.progress("a-preloading-1")
    assert progress is not None
    assert progress["phase"] == "done"
    assert (url := runner.log_url("a-preloading-1")) is not None
    assert url.startswith("file://")


def test_a_missing_input_is_named(runner: LocalRunner) -> None:
    with pytest.raises((ObjectNotFound, JobFailed), match="s3://lab-bucket/nothing"):
        runner.run(processing(LAB / "nothing"), Control())


def test_a_failed_task_stores_nothing_and_tells_its_reason(storage: LocalStorage, runner: LocalRunner) -> None:
    source = put(storage, "export", {"process": {"fail": "Edge type FRIEND is missing"}})
    with pytest.raises(JobFailed, match="Edge type FRIEND is missing"):
        runner.run(processing(source), Control())
    assert list(storage.list(LAB / "processed")) == []


def test_a_task_past_its_limit_has_failed(storage: LocalStorage, runner: LocalRunner) -> None:
    source = put(storage, "export", {"process": {"sleep_s": 600}})
    with pytest.raises(JobFailed, match="processingTimeOutInSeconds"):
        runner.run(processing(source, timeout_s=1), Control())


def test_a_cancelled_task_says_so(storage: LocalStorage, runner: LocalRunner) -> None:
    control = Control()
    threading.Timer(0.5, control.cancelled.set).start()
    source = put(storage, "export", {"process": {"sleep_s": 600}})
    with pytest.raises(JobCancelled):
        runner.run(processing(source), control)


def test_a_search_compares_families_and_publishes_the_best(storage: LocalStorage, runner: LocalRunner) -> None:
    tuned = runner.tune(tuning(storage, runner), Control())
    assert [trial.state for trial in tuned.trials] == ["Completed"] * 4
    assert tuned.best.family == "pair-ranker"
    assert "pair-ranker won with validation mrr" in tuned.verdict
    output = LAB / "train" / "autotrainer-output"
    names = {info.uri.relative_to(output) for info in storage.list(output)}
    assert {"model.tar.gz", "model.json", "eval_metrics_info.json", "report.html", "model-report.html"} <= names
    assert f"trials/{tuned.best.name}/train.log" in names
    assert json.loads(storage.read(output / "model.json"))["id"] == tuned.best.name
    assert json.loads(storage.read(output / "eval_metrics_info.json")) == {"mrr": tuned.best.value}
    assert "pair-ranker won" in storage.read(output / "report.html").decode()
    for trial in tuned.trials:
        assert storage.exists(LAB / "train" / "trials" / trial.name / "output" / "model.tar.gz")


def test_equal_searches_publish_equal_models(storage: LocalStorage, runner: LocalRunner) -> None:
    first = runner.tune(tuning(storage, runner), Control())
    again = runner.tune(tuning(storage, runner, name="b-neptune-ml", output=LAB / "again"), Control())
    assert [trial.sample for trial in first.trials] == [trial.sample for trial in again.trials]
    other = runner.tune(tuning(storage, runner, name="c-neptune-ml", output=LAB / "other", seed=2), Control())
    assert [trial.sample for trial in first.trials] != [trial.sample for trial in other.trials]


def test_trials_that_fall_behind_are_given_up_and_the_same_ones_each_time(
    storage: LocalStorage, runner: LocalRunner
) -> None:
    search = tuning(storage, runner, trials=8, parallel=1)
    tuned = runner.tune(search, Control())
    given_up = [trial for trial in tuned.trials if trial.state == "Pruned"]
    assert given_up
    assert all(trial.value is None and trial.reason.startswith("given up after") for trial in given_up if trial.reason)
    # the score is the learning rate, five times that for the ranker, so what was given up is not the best
    scores = {t.number: float(t.hyperparameters["lr"]) * (5 if t.family == "pair-ranker" else 1) for t in tuned.trials}
    assert max(scores, key=lambda number: min(0.9, scores[number])) == tuned.best.number
    page = storage.read(LAB / "train" / "autotrainer-output" / "report.html").decode()
    assert f"{len(given_up)} of them were given up early" in page
    assert page.count("<polyline") == len(tuned.trials) + 1
    again = runner.tune(replace(search, name="b-neptune-ml", output=LAB / "again"), Control())
    assert [trial.state for trial in again.trials] == [trial.state for trial in tuned.trials]


@pytest.mark.parametrize(
    ("script", "count", "processes"), [("train.py", 1, 1), ("train.py", 2, 2), ("custom.py", 2, 1)]
)
def test_a_trial_of_several_machines_is_as_many_processes_here(
    script: str, count: int, processes: int, storage: LocalStorage, runner: LocalRunner, tmp_path: Path
) -> None:
    search = replace(tuning(storage, runner), script=script, resources=Resources(instance_count=count))
    trials = LocalTrials(runner.children, search, tmp_path, parallel=1)
    assert trials.processes == processes
    command = runner.children.command(script, {"lr": "0.1"}, trials.processes)
    started = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    assert command[1:] == [*(started if processes == 2 else []), str(SCRIPTS / script), "--lr", "0.1"]


def test_a_spent_budget_begins_no_further_trial_and_bounds_those_that_begin(
    storage: LocalStorage, runner: LocalRunner
) -> None:
    tuned = runner.tune(tuning(storage, runner, trials=4, parallel=1, budget_s=1e-6), Control())
    assert [trial.number for trial in tuned.trials] == [1]
    assert tuned.best.hyperparameters["max-seconds"] == "1"
    roomy = runner.tune(tuning(storage, runner, name="b-neptune-ml", trials=2, budget_s=1000.0), Control())
    assert len(roomy.trials) == 2
    assert 900 <= float(roomy.best.hyperparameters["max-seconds"]) <= 1000


def test_a_failed_trial_does_not_fail_the_search_and_keeps_its_reason(
    storage: LocalStorage, runner: LocalRunner
) -> None:
    behaviour = {"train": {"models": ["pair-ranker"], "print": "about to die", "kill": 9}}
    tuned = runner.tune(tuning(storage, runner, behaviour), Control())
    failed = [trial for trial in tuned.trials if trial.state == "Failed"]
    assert {trial.family for trial in failed} == {"pair-ranker"}
    assert failed[0].reason is not None
    assert "SIGKILL" in failed[0].reason
    assert "about to die" in failed[0].reason
    assert tuned.best.family == "rgcn"
    assert "SIGKILL" in storage.read(LAB / "train" / "autotrainer-output" / "report.html").decode()


def test_a_killed_trial_goes_on_from_its_checkpoint_as_long_as_it_makes_any(
    storage: LocalStorage, runner: LocalRunner
) -> None:
    tuned = runner.tune(tuning(storage, runner, {"train": {"checkpoints": 3}}, trials=1), Control())
    assert [trial.state for trial in tuned.trials] == ["Completed"]
    log = runner.children.log_path(tuned.best.name).read_text()
    assert log.count("train begins") == 3
    assert log.count("it goes on from its last checkpoint") == 2


def test_a_trial_that_is_always_killed_fails_in_the_end(storage: LocalStorage, runner: LocalRunner) -> None:
    behaviour = {"train": {"models": ["pair-ranker"], "checkpoints": 9}}
    tuned = runner.tune(tuning(storage, runner, behaviour), Control())
    failed = [trial for trial in tuned.trials if trial.family == "pair-ranker"]
    assert {trial.state for trial in failed} == {"Failed"}
    assert "SIGKILL" in str(failed[0].reason)


def test_a_search_without_a_success_fails_early_with_the_reason(storage: LocalStorage, runner: LocalRunner) -> None:
    search = tuning(storage, runner, {"train": {"fail": "no test edges"}}, trials=20)
    with pytest.raises(JobFailed, match=r"None of \d training jobs succeeded. no test edges"):
        runner.tune(search, Control())


def test_an_interrupted_search_keeps_its_finished_trials(storage: LocalStorage, runner: LocalRunner) -> None:
    search = tuning(storage, runner)
    whole = runner.tune(search, Control())
    records = runner.children.work / search.name / "trials"
    for name in ("002.json", "004.json"):
        (records / name).unlink()
    kept = {name: os.stat(records / name).st_mtime_ns for name in ("001.json", "003.json")}
    again = runner.tune(search, Control())
    assert [t.sample for t in again.trials] == [t.sample for t in whole.trials]
    assert again.best.name == whole.best.name
    assert {name: os.stat(records / name).st_mtime_ns for name in kept} == kept


def test_a_cancelled_search_stops_its_trials_and_publishes_nothing(storage: LocalStorage, runner: LocalRunner) -> None:
    search = tuning(storage, runner, {"train": {"sleep_s": 600, "spawn": True}})
    control = Control()
    threading.Timer(1.0, control.cancelled.set).start()
    with pytest.raises(JobCancelled):
        runner.tune(search, control)
    assert list(storage.list(LAB / "train")) == []


def test_a_running_search_tells_how_far_it_is(storage: LocalStorage, runner: LocalRunner) -> None:
    search = tuning(storage, runner, {"train": {"sleep_s": 600}})
    control = Control()

    def tune() -> None:
        with pytest.raises(JobCancelled):
            runner.tune(search, control)

    thread = threading.Thread(target=tune)
    thread.start()
    try:
        for _ in range(400):
            progress = runner.progress(search.name)
            if progress and [t.get("progress", {}).get("phase") for t in progress["trials"]] == ["train", "train"]:
                break
            thread.join(0.05)
        assert progress is not None
        assert (progress["step"], progress["total"]) == (0, 4)
        assert [trial["model"] for trial in progress["trials"]] == ["rgcn", "pair-ranker"]
        assert progress["trials"][0]["progress"]["phase"] == "train"
    finally:
        control.cancelled.set()
        thread.join()


def test_a_warm_start_tries_the_earlier_best_first(storage: LocalStorage, runner: LocalRunner) -> None:
    earlier = Trial(1, "t", "Completed", {"model": "pair-ranker", "lr": 0.09}, {"model": "pair-ranker"}, value=0.4)
    tuned = runner.tune(tuning(storage, runner, previous=(earlier,), trials=1), Control())
    assert tuned.best.sample == {"model": "pair-ranker", "lr": 0.09}
    assert tuned.best.origin == "warm-start"


def test_a_transform_gets_the_model_and_publishes_a_fresh_one(storage: LocalStorage, runner: LocalRunner) -> None:
    runner.tune(tuning(storage, runner), Control())
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


def test_jobs_read_and_write_s3_as_they_do_a_folder(s3: S3Storage, tmp_path: Path) -> None:
    runner = LocalRunner(SCRIPTS, tmp_path / "work", tmp_path / "logs", s3, {"PATH": os.environ["PATH"]})
    tuned = runner.tune(tuning(s3, runner, trials=2), Control())  # type: ignore[arg-type]
    output = LAB / "train" / "autotrainer-output"
    assert json.loads(s3.read(output / "model.json"))["id"] == tuned.best.name
    transform = Task(
        name="a-transform-1",
        script="transform.py",
        inputs={"processing/input": LAB / "processed"},
        archives={"processing/model": output / "model.tar.gz"},
        outputs={},
        arguments={},
        timeout_s=60,
        model_output=LAB / "transformed",
    )
    runner.run(transform, Control())
    assert s3.exists(LAB / "transformed" / "model.tar.gz")


def test_a_search_keeps_a_log_of_its_own(storage: LocalStorage, runner: LocalRunner) -> None:
    search = tuning(storage, runner, trials=2)
    tuned = runner.tune(search, Control())
    log = runner.children.log_path(search.folder_name).read_text()
    assert "trial 1 begins (default): rgcn lr=0.01" in log
    assert "trial 2 completed" in log
    assert tuned.verdict in log


def test_the_last_metric_line_of_a_log_counts(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("validation mrr=0.1\nvalidation mrr=nan\nvalidation mrr=2e-1\nvalidation hits=9\n")
    assert metric_value(tmp_path / "log", "mrr") == 0.2
    assert metric_value(tmp_path / "log", "acc") is None


def test_trials_are_named_as_sagemaker_names_them(storage: LocalStorage, runner: LocalRunner) -> None:
    search = tuning(storage, runner, name="social-l-neptune-ml-260105-1024")
    name = trial_name(search, 2)
    assert name.startswith("social-l-neptune-ml-260105-1024-002-")
    assert name.endswith("-cpu")
    assert len(name) <= 63
    assert trial_name(dataclasses.replace(search, work="another-job"), 2) != name


def test_children_use_this_interpreter(runner: LocalRunner) -> None:
    assert runner.children.command("train.py", {})[0] == sys.executable
