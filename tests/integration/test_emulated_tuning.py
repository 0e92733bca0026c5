"""Tuning jobs of the emulator really search: trials are training jobs, and the best of them is found."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import emulated
from tests.integration.test_emulator import BUCKET, Lab, channel, waited

# the score is 1 - (x - 0.5)², better for b than for a; where c is "fail" the trial fails
PROGRAM = """
import argparse, time
parser = argparse.ArgumentParser()
for name in ("x", "n", "c", "sleep", "epochs"):
    parser.add_argument(("-" if len(name) == 1 else "--") + name, default="0")
given = parser.parse_args()
time.sleep(float(given.sleep))
if given.c == "fail":
    raise SystemExit(1)
for epoch in range(int(given.epochs)):
    print("score=%.6f" % (1 if given.c == "b" else 0.1), flush=True)
    time.sleep(0.2)
print("score=%.6f" % (1 - (float(given.x) - 0.5) ** 2 - (0.2 if given.c == "a" else 0)))
open("/opt/ml/model/m", "w").write("m")
"""
X = {"Name": "x", "MinValue": "0", "MaxValue": "1", "ScalingType": "Linear"}
N = {"Name": "n", "MinValue": "1", "MaxValue": "4"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with emulated.emulator(tmp_path_factory.mktemp("cloud")) as emulator:
        lab = Lab(emulator.url)
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            info = tarfile.TarInfo("train.py")
            info.size = len(PROGRAM)
            tar.addfile(info, io.BytesIO(PROGRAM.encode()))
        lab.s3.put_object(Bucket=BUCKET, Key="code/sourcedir.tar.gz", Body=buffer.getvalue())
        yield lab
        lab.close()


def start(lab: Lab, name: str, ranges: dict[str, Any], trials: int | None = 4, parallel: int = 2, **more: Any) -> None:
    static = {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/code/sourcedir.tar.gz"}
    config = {
        "Strategy": more.pop("strategy", "Random"),
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
        "ResourceLimits": {
            "MaxParallelTrainingJobs": parallel,
            **({} if trials is None else {"MaxNumberOfTrainingJobs": trials}),
        },
        "ParameterRanges": ranges,
        "RandomSeed": 1,
        **more.pop("config", {}),
    }
    definition = {
        "StaticHyperParameters": {**static, **more.pop("static", {})},
        "AlgorithmSpecification": {
            "TrainingImage": "any",
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "score", "Regex": r"score=([0-9.-]+)"}],
        },
        "RoleArn": emulated.ROLE,
        "InputDataConfig": [channel()],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/tuned"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    lab.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig=config,
        TrainingJobDefinition=definition,
        **more,
    )


def tuned(lab: Lab, name: str) -> dict[str, Any]:
    return waited(
        lambda: lab.sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name),
        "HyperParameterTuningJobStatus",
    )


def trials(lab: Lab, name: str, **more: Any) -> list[dict[str, Any]]:
    answer = lab.sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, MaxResults=100, **more
    )
    return list(answer["TrainingJobSummaries"])


def score(trial: dict[str, Any]) -> float:
    return float(trial["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


def test_a_search_draws_within_its_ranges_and_finds_the_best_of_its_trials(lab: Lab) -> None:
    ranges = {
        "ContinuousParameterRanges": [X],
        "IntegerParameterRanges": [N],
        "CategoricalParameterRanges": [{"Name": "c", "Values": ["a", "b"]}],
    }
    start(lab, "search", ranges, strategy="Bayesian")
    job = tuned(lab, "search")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Completed"] == job["ObjectiveStatusCounters"]["Succeeded"] == 4
    found = trials(lab, "search")
    assert [trial["TrainingJobName"].split("-")[1] for trial in found] == ["001", "002", "003", "004"]
    for trial in found:
        drawn = trial["TunedHyperParameters"]
        assert sorted(drawn) == ["c", "n", "x"]
        assert 0 <= float(drawn["x"]) <= 1
        assert drawn["n"] in ("1", "2", "3", "4")
        penalty = 0.2 if drawn["c"] == "a" else 0.0
        assert score(trial) == pytest.approx(1 - (float(drawn["x"]) - 0.5) ** 2 - penalty, abs=1e-5)
    ranked = trials(lab, "search", SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert [score(trial) for trial in ranked] == sorted((score(trial) for trial in found), reverse=True)
    assert job["BestTrainingJob"]["TrainingJobName"] == ranked[0]["TrainingJobName"]
    described = lab.sagemaker.describe_training_job(TrainingJobName=found[0]["TrainingJobName"])
    assert described["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert described["HyperParameters"]["_tuning_objective_metric"] == "score"
    (listed,) = lab.sagemaker.list_hyper_parameter_tuning_jobs(NameContains="search")[
        "HyperParameterTuningJobSummaries"
    ]
    assert (listed["Strategy"], listed["ResourceLimits"]["MaxParallelTrainingJobs"]) == ("Bayesian", 2)


def test_a_grid_is_the_product_of_its_values_and_a_failed_trial_does_not_fail_it(lab: Lab) -> None:
    values = [{"Name": "c", "Values": ["b", "fail"]}, {"Name": "n", "Values": ["1", "2"]}]
    start(lab, "grid", {"CategoricalParameterRanges": values}, trials=None, strategy="Grid")
    job = tuned(lab, "grid")
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    found = [trial["TunedHyperParameters"] for trial in trials(lab, "grid")]
    assert [(drawn["c"], drawn["n"]) for drawn in found] == [("b", "1"), ("b", "2"), ("fail", "1"), ("fail", "2")]
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == job["ObjectiveStatusCounters"]["Failed"] == 2


def test_a_search_in_which_every_trial_fails_has_failed(lab: Lab) -> None:
    start(lab, "all-fail", {"ContinuousParameterRanges": [X]}, trials=2, static={"c": "fail"})
    job = tuned(lab, "all-fail")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert "All training jobs failed" in job["FailureReason"]
    assert "BestTrainingJob" not in job


def test_a_stopped_search_stops_its_trials(lab: Lab) -> None:
    start(lab, "stopped", {"ContinuousParameterRanges": [X]}, trials=6, static={"sleep": "600"})
    waited(lambda: {"n": len(trials(lab, "stopped"))}, "n", 0, 1)  # type: ignore[arg-type]
    lab.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName="stopped")
    assert tuned(lab, "stopped")["HyperParameterTuningJobStatus"] == "Stopped"
    found = trials(lab, "stopped")
    assert len(found) == 2  # no more than two at once
    assert {trial["TrainingJobStatus"] for trial in found} == {"Stopped"}


def test_a_reached_target_ends_a_search(lab: Lab) -> None:
    target = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.5}}
    start(lab, "target", {"ContinuousParameterRanges": [X]}, trials=50, parallel=1, config=target)
    assert tuned(lab, "target")["HyperParameterTuningJobStatus"] == "Completed"
    assert len(trials(lab, "target")) < 5  # every draw scores at least 0.75


def test_a_warm_start_needs_a_parent_that_has_ended(lab: Lab) -> None:
    start(lab, "parent", {"ContinuousParameterRanges": [X]}, trials=2)
    tuned(lab, "parent")
    parents = [{"HyperParameterTuningJobName": "parent"}]
    warm = {"ParentHyperParameterTuningJobs": parents, "WarmStartType": "IdenticalDataAndAlgorithm"}
    start(lab, "child", {"ContinuousParameterRanges": [X]}, trials=1, strategy="Bayesian", WarmStartConfig=warm)
    assert tuned(lab, "child")["HyperParameterTuningJobStatus"] == "Completed"
    missing = {**warm, "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "nobody"}]}
    with pytest.raises(ClientError, match="Could not find"):
        start(lab, "orphan", {"ContinuousParameterRanges": [X]}, WarmStartConfig=missing)


def test_a_trial_that_falls_behind_the_median_of_earlier_ones_is_stopped(lab: Lab) -> None:
    # as a grid in order: b scores 1.0 in each epoch, a 0.1; two earlier trials make a median of 1.0
    values = [{"Name": "c", "Values": ["b", "a"]}, {"Name": "n", "Values": ["1", "2"]}]
    static, early = {"epochs": "50"}, {"TrainingJobEarlyStoppingType": "Auto"}
    ranges = {"CategoricalParameterRanges": values}
    start(lab, "early", ranges, trials=None, strategy="Grid", static=static, config=early, parallel=4)
    assert tuned(lab, "early")["HyperParameterTuningJobStatus"] == "Completed"
    states = {(t["TunedHyperParameters"]["c"], t["TrainingJobStatus"]) for t in trials(lab, "early")}
    assert states == {("b", "Completed"), ("a", "Stopped")}


@pytest.mark.parametrize(
    ("ranges", "more", "text"),
    [
        ({"ContinuousParameterRanges": [X]}, {"strategy": "Hyperband"}, "Hyperband is not emulated"),
        ({"ContinuousParameterRanges": [X]}, {"strategy": "Grid"}, "categorical ranges only"),
        ({"ContinuousParameterRanges": [{**X, "ScalingType": "Logarithmic"}]}, {}, "above 0"),
        ({"ContinuousParameterRanges": [{**X, "MinValue": "2"}]}, {}, "greater than MaxValue"),
        ({"ContinuousParameterRanges": [X]}, {"static": {"x": "1"}}, "both static and tunable: x"),
        (
            {"ContinuousParameterRanges": [X]},
            {"config": {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "other"}}},
            "none of the MetricDefinitions",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused_at_once(lab: Lab, ranges: Any, more: Any, text: str) -> None:
    with pytest.raises(ClientError, match=f"ValidationException.*{text}"):
        start(lab, "refused", ranges, **more)
