"""Tuning jobs: trials are ordinary training jobs, Optuna draws their hyperparameters, the objective is a log's figure.

Random, Bayesian and Grid are searched, Hyperband is refused. Early stopping ``Auto`` stops a trial whose objective
falls behind the median of the running averages that earlier trials had after as many values.
"""

from __future__ import annotations

import itertools
import statistics
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from workflow.emulator.cloud import Cloud, Threads
from workflow.emulator.errors import invalid
from workflow.emulator.jobs.life import CUT_SHORT, RUNNING, ask_to_stop, cut_short
from workflow.emulator.jobs.training import TrainingJobs, failed_for
from workflow.emulator.records import TRAINING, TUNING, Document, page

OBJECTIVE = "_tuning_objective_metric"
MOST_TRIALS = 750
LEAST_EARLIER = 2  # trials whose median counts for early stopping
_TICK_S = 0.1
_KINDS = ("IntegerParameterRanges", "ContinuousParameterRanges", "CategoricalParameterRanges")
_COPIED = (
    *("AlgorithmSpecification", "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig"),
    *("StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "CheckpointConfig"),
    *("EnableManagedSpotTraining", "RetryStrategy", "Environment"),
)


@dataclass(frozen=True)
class Definition:
    """One training job definition with what is searched in it."""

    name: str | None
    document: Mapping[str, Any]
    objective: Mapping[str, str]
    ranges: Mapping[str, Any]

    def names(self) -> list[str]:
        """The tunable hyperparameters, in the order in which they are drawn."""
        return [entry["Name"] for kind in _KINDS for entry in self.ranges.get(kind, [])]


@dataclass
class Study:
    """The search of one definition: proposes a trial, and learns of its result."""

    definition: Definition
    strategy: str
    seed: int
    grid: list[dict[str, str]] = field(default_factory=list)
    _study: Any = None
    _asked: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.strategy == "Grid":
            entries = self.definition.ranges.get("CategoricalParameterRanges", [])
            values = itertools.product(*(entry["Values"] for entry in entries))
            self.grid = [dict(zip(self.definition.names(), chosen, strict=True)) for chosen in values]
            return
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler: optuna.samplers.BaseSampler = (
            optuna.samplers.RandomSampler(seed=self.seed)
            if self.strategy == "Random"
            else optuna.samplers.TPESampler(seed=self.seed)
        )
        smaller = self.definition.objective["Type"] == "Minimize"
        self._study = optuna.create_study(sampler=sampler, direction="minimize" if smaller else "maximize")

    def ask(self, name: str, number: int) -> dict[str, str]:
        """The hyperparameters of a trial, as text."""
        if self.strategy == "Grid":
            return self.grid[number]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # optuna calls several of its parts experimental
            trial = self._asked[name] = self._study.ask()
            return {
                entry["Name"]: _drawn(trial, kind, entry)
                for kind in _KINDS
                for entry in self.definition.ranges.get(kind, [])
            }

    def tell(self, name: str, value: float | None) -> None:
        """What came of a trial; None where it has no objective."""
        import optuna

        trial = self._asked.pop(name, None)
        if trial is not None:
            self._study.tell(trial, value, None if value is not None else optuna.trial.TrialState.FAIL)

    def learn(self, sample: Mapping[str, str], value: float) -> None:
        """A trial of a parent; one that does not fit the ranges teaches nothing."""
        import optuna

        if self.strategy == "Grid" or set(sample) != set(self.definition.names()):
            return
        kinds = {e["Name"]: (kind, e) for kind in _KINDS for e in self.definition.ranges.get(kind, [])}
        try:
            chosen = {name: _valued(*kinds[name], text) for name, text in sample.items()}
            distributions = {name: _distribution(*kinds[name]) for name in sample}
            trial = optuna.trial.create_trial(params=chosen, distributions=distributions, value=value)
        except ValueError:
            return
        self._study.add_trial(trial)


@dataclass
class Behind:
    """Which trials fall behind the others; none where it is not asked for.

    Source: developer guide, "Stop Training Jobs Early"; how many earlier trials it takes is not published.
    """

    asked: bool
    _values: dict[str, list[float]] = field(default_factory=dict)

    def falls_behind(self, trial: str, values: list[float], objective: Mapping[str, str]) -> bool:
        """Whether a trial is worse than the median of the running averages of earlier trials after as many values."""
        if not self.asked or not values:
            return False
        self._values[trial] = values
        earlier = [one for name, one in self._values.items() if name < trial and len(one) >= len(values)]
        if len(earlier) < LEAST_EARLIER:
            return False
        median = statistics.median(statistics.fmean(one[: len(values)]) for one in earlier)
        return values[-1] > median if objective["Type"] == "Minimize" else values[-1] < median


class TuningJobs:
    """Creates, runs, describes and stops tuning jobs."""

    def __init__(self, cloud: Cloud, threads: Threads, training: TrainingJobs) -> None:
        self._cloud, self._threads, self._training = cloud, threads, training

    def create(self, request: Mapping[str, Any]) -> Document:
        """Start a tuning job. Raises ApiError for what SageMaker refuses at once."""
        definitions = definitions_of(request)
        self._check(request, definitions)
        name = str(request["HyperParameterTuningJobName"])
        document = self._cloud.records.add(TUNING, request, HyperParameterTuningJobStatus="InProgress", **_counted([]))
        self._threads.start(TUNING, name, lambda stop: self._run(name, stop))
        return document

    def stop(self, name: str) -> None:
        """Stop a tuning job and its trials; one that has ended is refused."""
        ask_to_stop(self._cloud, self._threads, TUNING, name)

    def recover(self) -> None:
        """Say of jobs that ran when the emulator ended that they have failed."""
        for name in cut_short(self._cloud, TUNING):
            self._end(name, "Failed", FailureReason=CUT_SHORT)

    def trials(self, name: str) -> list[Document]:
        """The training jobs of a tuning job, oldest first, each as its summary says it."""
        arn = self._cloud.records.get(TUNING, name)["HyperParameterTuningJobArn"]
        own = [job for job in self._cloud.records.all(TRAINING) if job.get("TuningJobArn") == arn]
        return [_summary(name, job) for job in own]

    def list_trials(self, request: Mapping[str, Any]) -> Document:
        """``ListTrainingJobsForHyperParameterTuningJob``."""
        trials = self.trials(str(request["HyperParameterTuningJobName"]))
        asked = {"SortBy": "Name", "SortOrder": "Ascending", **request}
        if asked["SortBy"] == "FinalObjectiveMetricValue":  # those without an objective are left out
            trials = [trial for trial in trials if _value(trial) is not None]
            trials.sort(key=lambda trial: _value(trial) or 0.0, reverse=asked["SortOrder"] == "Descending")
            start, most = int(asked.get("NextToken", 0)), int(asked.get("MaxResults", 10))
            token = str(start + most) if start + most < len(trials) else None
            return {"TrainingJobSummaries": trials[start : start + most], "NextToken": token}
        found, token = page(trials, TRAINING, asked)
        return {"TrainingJobSummaries": found, "NextToken": token}

    # -- the life of one tuning job

    def _run(self, name: str, stop: threading.Event) -> None:
        try:
            self._search(name, stop)
        except Exception as error:  # noqa: BLE001 - the edge of a job: whatever happened is its reason
            self._end(name, "Failed", FailureReason=failed_for(error))

    def _search(self, name: str, stop: threading.Event) -> None:
        job = self._cloud.records.get(TUNING, name)
        config = job["HyperParameterTuningJobConfig"]
        limits = config["ResourceLimits"]
        seed = int(config.get("RandomSeed", 0))
        studies = [Study(one, config["Strategy"], seed + place) for place, one in enumerate(definitions_of(job))]
        self._warm(job, studies)
        grid = len(studies[0].grid)
        most = grid or min(int(limits.get("MaxNumberOfTrainingJobs", MOST_TRIALS)), MOST_TRIALS)
        began, running, number = time.monotonic(), dict[str, Study](), 0
        watch = Behind(config.get("TrainingJobEarlyStoppingType", "Off") == "Auto")
        while True:
            for trial, study in running.items():
                objective = study.definition.objective
                if watch.falls_behind(trial, self._training.metric_values(trial, objective["MetricName"]), objective):
                    self._threads.stop(TRAINING, trial)
            over = stop.is_set() or self._is_enough(config, name, time.monotonic() - began)
            if over:
                for trial in running:
                    self._threads.stop(TRAINING, trial)
            while not over and number < most and len(running) < int(limits["MaxParallelTrainingJobs"]):
                study = studies[number % len(studies)]
                running[self._launch(job, study, number)] = study
                number += 1
            for trial in [trial for trial in running if self._has_ended(trial)]:
                running.pop(trial).tell(trial, _value(_summary(name, self._cloud.records.get(TRAINING, trial))))
            self._cloud.records.update(TUNING, name, **_counted(self.trials(name)))
            if not running and (over or number >= most):
                break
            time.sleep(_TICK_S)
        trials = self.trials(name)
        if stop.is_set():
            self._end(name, "Stopped", **_counted(trials))
        elif _best(trials) is None:
            reason = next((trial["FailureReason"] for trial in trials if "FailureReason" in trial), "no objective")
            self._end(name, "Failed", FailureReason=f"All training jobs failed: {reason}", **_counted(trials))
        else:
            self._end(name, "Completed", **_counted(trials))

    def _launch(self, job: Document, study: Study, number: int) -> str:
        tuning = str(job["HyperParameterTuningJobName"])
        name = f"{tuning}-{number + 1:03d}-{sha256(f'{tuning}/{number}'.encode()).hexdigest()[:8]}"
        drawn = study.ask(name, number)
        definition = study.definition
        static = definition.document.get("StaticHyperParameters", {})
        request = {member: definition.document[member] for member in _COPIED if member in definition.document}
        self._training.create(
            {
                **request,
                "TrainingJobName": name,
                "HyperParameters": {**static, **drawn, OBJECTIVE: definition.objective["MetricName"]},
                "Tags": job.get("Tags", []),
            },
            TuningJobArn=job["HyperParameterTuningJobArn"],
            TunedHyperParameters=drawn,
            TrainingJobDefinitionName=definition.name,
            TuningObjective=dict(definition.objective),
        )
        return name

    def _has_ended(self, trial: str) -> bool:
        return self._cloud.records.get(TRAINING, trial)["TrainingJobStatus"] not in RUNNING

    def _is_enough(self, config: Mapping[str, Any], name: str, seconds: float) -> bool:
        if seconds > float(config["ResourceLimits"].get("MaxRuntimeInSeconds", float("inf"))):
            return True
        target = config.get("TuningJobCompletionCriteria", {}).get("TargetObjectiveMetricValue")
        best = _best(self.trials(name)) if target is not None else None
        if best is None or target is None:
            return False
        value = _value(best) or 0.0
        metric = best["FinalHyperParameterTuningJobObjectiveMetric"]
        return bool(value <= target if metric["Type"] == "Minimize" else value >= target)

    def _warm(self, job: Document, studies: list[Study]) -> None:
        for parent in job.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", []):
            for trial in self.trials(str(parent["HyperParameterTuningJobName"])):
                value = _value(trial)
                for study in studies if value is not None else ():
                    study.learn(trial["TunedHyperParameters"], value or 0.0)

    def _check(self, request: Mapping[str, Any], definitions: list[Definition]) -> None:
        config = request["HyperParameterTuningJobConfig"]
        strategy = config["Strategy"]
        if len(definitions) > 1 and (
            "WarmStartConfig" in request or config.get("TrainingJobEarlyStoppingType", "Off") != "Off"
        ):
            raise invalid("Warm start and early stopping are offered for one training job definition only.")
        if strategy == "Hyperband":
            raise invalid("Strategy Hyperband is not emulated; use Bayesian, Random or Grid")
        for definition in definitions:
            metrics = definition.document["AlgorithmSpecification"].get("MetricDefinitions", [])
            wanted = definition.objective["MetricName"]
            if wanted not in [metric["Name"] for metric in metrics]:
                raise invalid(f"The objective metric {wanted!r} is none of the MetricDefinitions.")
            numeric = [entry for kind in _KINDS[:2] for entry in definition.ranges.get(kind, [])]
            if strategy == "Grid" and numeric:
                raise invalid("Strategy Grid takes categorical ranges only.")
            for entry in numeric:
                if not float(entry["MinValue"]) <= float(entry["MaxValue"]):
                    raise invalid(f"MinValue of {entry['Name']!r} is greater than MaxValue.")
                if entry.get("ScalingType") == "Logarithmic" and float(entry["MinValue"]) <= 0:
                    raise invalid(f"Logarithmic scaling of {entry['Name']!r} needs a range above 0.")
            twice = set(definition.names()) & set(definition.document.get("StaticHyperParameters", {}))
            if twice:
                raise invalid(f"Hyperparameters are both static and tunable: {', '.join(sorted(twice))}.")
        for parent in request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", []):
            known = self._cloud.records.get(TUNING, str(parent["HyperParameterTuningJobName"]))
            if known["HyperParameterTuningJobStatus"] in RUNNING:
                raise invalid(f"Parent tuning job {parent['HyperParameterTuningJobName']!r} is still running.")

    def _end(self, name: str, status: str, **members: Any) -> None:
        self._cloud.records.update(
            TUNING, name, HyperParameterTuningJobStatus=status, HyperParameterTuningEndTime=time.time(), **members
        )


def definitions_of(request: Mapping[str, Any]) -> list[Definition]:
    """The one or several definitions of a request. Raises ApiError where there is none, or an objective is missing."""
    config = request["HyperParameterTuningJobConfig"]
    several = request.get("TrainingJobDefinitions")
    if several:
        return [
            Definition(
                definition["DefinitionName"],
                definition,
                definition["TuningObjective"],
                definition.get("HyperParameterRanges", {}),
            )
            for definition in several
        ]
    if "TrainingJobDefinition" not in request:
        raise invalid("Give TrainingJobDefinition or TrainingJobDefinitions.")
    if "HyperParameterTuningJobObjective" not in config:
        raise invalid("HyperParameterTuningJobObjective is required.")
    definition = request["TrainingJobDefinition"]
    objective = config["HyperParameterTuningJobObjective"]
    return [Definition(definition.get("DefinitionName"), definition, objective, config.get("ParameterRanges", {}))]


def _summary(tuning: str, job: Document) -> Document:
    objective = job["TuningObjective"]
    found = [m for m in job.get("FinalMetricDataList", []) if m["MetricName"] == objective["MetricName"]]
    ended = job["TrainingJobStatus"] not in RUNNING
    # the objective of a job that failed does not count
    value = found[0]["Value"] if found and job["TrainingJobStatus"] in ("Completed", "Stopped") else None
    told = {} if value is None else {"FinalHyperParameterTuningJobObjectiveMetric": {**objective, "Value": value}}
    status = "Pending" if not ended else "Failed" if value is None else "Succeeded"
    return {**job, "TuningJobName": tuning, "ObjectiveStatus": status, **told}


def _value(trial: Mapping[str, Any]) -> float | None:
    metric = trial.get("FinalHyperParameterTuningJobObjectiveMetric")
    return None if metric is None else float(metric["Value"])


def _best(trials: list[Document]) -> Document | None:
    known = [trial for trial in trials if _value(trial) is not None]

    def rank(trial: Document) -> float:
        sign = 1.0 if trial["FinalHyperParameterTuningJobObjectiveMetric"]["Type"] == "Minimize" else -1.0
        return sign * (_value(trial) or 0.0)

    return min(known, key=rank, default=None)


def _counted(trials: list[Document]) -> Document:
    """The counters of a Describe, and its best trial."""
    statuses = [trial["TrainingJobStatus"] for trial in trials]
    objectives = [trial["ObjectiveStatus"] for trial in trials]
    counters = {
        "TrainingJobStatusCounters": {
            "Completed": statuses.count("Completed"),
            "InProgress": sum(status in RUNNING for status in statuses),
            "RetryableError": 0,
            "NonRetryableError": statuses.count("Failed"),
            "Stopped": statuses.count("Stopped"),
        },
        "ObjectiveStatusCounters": {name: objectives.count(name) for name in ("Succeeded", "Pending", "Failed")},
        "ConsumedResources": {
            "RuntimeInSeconds": round(sum(float(trial.get("TrainingTimeInSeconds", 0)) for trial in trials))
        },
    }
    best = _best(trials)
    return counters if best is None else {**counters, "BestTrainingJob": best}


def _drawn(trial: Any, kind: str, entry: Mapping[str, Any]) -> str:
    name, log = entry["Name"], entry.get("ScalingType") == "Logarithmic"
    if kind == "CategoricalParameterRanges":
        return str(trial.suggest_categorical(name, entry["Values"]))
    if kind == "IntegerParameterRanges":
        return str(trial.suggest_int(name, int(entry["MinValue"]), int(entry["MaxValue"]), log=log))
    low, high = float(entry["MinValue"]), float(entry["MaxValue"])
    if entry.get("ScalingType") == "ReverseLogarithmic":  # as dense near 1 as a logarithmic scale is near 0
        return repr(1.0 - trial.suggest_float(f"1-{name}", 1.0 - high, 1.0 - low, log=True))
    return repr(trial.suggest_float(name, low, high, log=log))


def _distribution(kind: str, entry: Mapping[str, Any]) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    log = entry.get("ScalingType") == "Logarithmic"
    if kind == "CategoricalParameterRanges":
        return CategoricalDistribution(entry["Values"])
    if kind == "IntegerParameterRanges":
        return IntDistribution(int(entry["MinValue"]), int(entry["MaxValue"]), log=log)
    return FloatDistribution(float(entry["MinValue"]), float(entry["MaxValue"]), log=log)


def _valued(kind: str, entry: Mapping[str, Any], text: str) -> Any:
    return text if kind == "CategoricalParameterRanges" else int(text) if kind.startswith("Integer") else float(text)
