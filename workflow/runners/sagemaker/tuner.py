"""SageMaker's own tuner: one tuning job in place of our search over single training jobs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from workflow.runners.base import Control, JobCancelled, JobFailed, Tuning
from workflow.runners.sagemaker.account import Account, Refused
from workflow.runners.sagemaker.jobs import RUNNING, TRAINING_JOB, TUNING_JOB, CloudJobs
from workflow.runners.sagemaker.plans import Code, Request, training_request
from workflow.runners.sagemaker.ranges import Searched, sample_of, searched
from workflow.runners.sagemaker.trials import SageMakerTrials
from workflow.runners.search import Site, conclude, logged
from workflow.tuning.loop import PROGRESS
from workflow.tuning.results import Trial, Tuned, best
from workflow.tuning.samplers import Search

MOST_PARENTS = 5
MOST_NAME = 32
_TRIAL = re.compile(r"(.+)-\d{3}-[0-9a-f]{8}")
_PAGE = 100


def tuning_request(tuning: Tuning, account: Account, code: Code, name: str, parents: tuple[str, ...] = ()) -> Request:
    """``CreateHyperParameterTuningJob`` of a search.

    Several model families are several training job definitions, and SageMaker offers neither warm start nor early
    stopping for those.

    Args:
        name: at most 32 characters.
        parents: tuning jobs that are learned from.
    """
    families = [searched(tuning.space, family) for family in tuning.space.families]
    definitions = [_definition(tuning, account, code, family) for family in families]
    objective = _objective(tuning)
    alone = len(families) == 1
    config: Request = {
        "Strategy": "Bayesian",
        "ResourceLimits": {
            "MaxNumberOfTrainingJobs": tuning.trials,
            "MaxParallelTrainingJobs": min(tuning.parallel, tuning.trials),
        },
        "RandomSeed": tuning.seed,
        "TrainingJobEarlyStoppingType": "Auto" if account.early_stopping and alone else "Off",
    }
    if alone:
        config |= {"HyperParameterTuningJobObjective": objective, "ParameterRanges": families[0].ranges}
        jobs: Request = {"TrainingJobDefinition": definitions[0]}
    else:
        jobs = {
            "TrainingJobDefinitions": [
                {
                    "DefinitionName": family.family,
                    "TuningObjective": objective,
                    "HyperParameterRanges": family.ranges,
                    **definition,
                }
                for family, definition in zip(families, definitions, strict=True)
            ]
        }
    warm = {
        "WarmStartConfig": {
            "ParentHyperParameterTuningJobs": [
                {"HyperParameterTuningJobName": parent} for parent in parents[:MOST_PARENTS]
            ],
            "WarmStartType": "TransferLearning",
        }
    }
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": config,
        **jobs,
        **(warm if parents and alone else {}),
        "Tags": account.tag_list(),
    }


def can_be_tuned(tuning: Tuning) -> bool:
    """Whether there is anything for SageMaker's tuner to draw, for every model family."""
    return all(searched(tuning.space, family).ranges for family in tuning.space.families)


def parents_of(previous: tuple[Trial, ...]) -> tuple[str, ...]:
    """The tuning jobs whose trials an earlier search of SageMaker's tuner has left."""
    found = [match[1] for trial in previous if (match := _TRIAL.fullmatch(trial.name))]
    return tuple(dict.fromkeys(found))


def _objective(tuning: Tuning) -> Request:
    kind = "Minimize" if tuning.direction == "minimize" else "Maximize"
    return {"Type": kind, "MetricName": f"validation:{tuning.metric}"}


def _definition(tuning: Tuning, account: Account, code: Code, family: Searched) -> Request:
    """A training job definition: what a single training job would be asked for, less what definitions have not."""
    trial = Trial(0, "", "Failed", {}, {**family.static, **tuning.arguments})
    single = training_request(trial, tuning, account, code)
    without = {"TrainingJobName", "HyperParameters", "TensorBoardOutputConfig", "Tags"}
    kept = {name: value for name, value in single.items() if name not in without}
    if "CheckpointConfig" in kept:  # SageMaker keeps the checkpoints of trials apart by their names
        kept["CheckpointConfig"] = {"S3Uri": str(tuning.trials_output / "checkpoints")}
    return {"StaticHyperParameters": single["HyperParameters"], **kept}


@dataclass(frozen=True)
class SageMakerTuner:
    """Runs a search as a tuning job. A job of an earlier run of the service is taken over."""

    account: Account
    jobs: CloudJobs
    trials: SageMakerTrials
    tuning: Tuning
    code: Code
    control: Control

    def run(self, site: Site) -> Tuned:
        """Raises JobFailed, JobCancelled."""
        began, tuning = time.monotonic(), self.tuning
        say = logged(site, tuning)
        name = self._begin(say)
        seen: dict[str, str] = {}

        def told(document: dict[str, Any]) -> None:
            counts = json.dumps(document["TrainingJobStatusCounters"])
            if seen.get(name) != counts:
                seen[name] = counts
                self._write_progress(site, document, self._summaries(name))
                say(f"{name} is {document['HyperParameterTuningJobStatus']}: {counts}")

        document = self.jobs.wait(TUNING_JOB, name, self.control.cancelled, self.control.leaving, told)
        status = document["HyperParameterTuningJobStatus"]
        if status in RUNNING or (status == "Stopped" and self.control.cancelled.is_set()):
            raise JobCancelled(tuning.name)
        trials = tuple(self._trial(number, entry) for number, entry in enumerate(self._summaries(name), 1))
        for trial in trials:
            outcome = f"{trial.judged_on} {tuning.metric}={trial.value}" if trial.reason is None else trial.reason
            say(f"trial {trial.number} {trial.state.lower()} after {trial.wall_s:.1f} s: {outcome}")
        if best(trials, tuning.direction) is None and all(trial.reason is None for trial in trials):
            raise JobFailed(str(document.get("FailureReason") or f"{name} is {status}, and no trial has a result"))
        search = Search(tuning.space, tuning.direction, tuning.seed, tuning.parallel, previous=tuning.previous)
        return conclude(tuning, search, trials, site, say, began)

    def _begin(self, say: Callable[[str], None]) -> str:
        """Create the tuning job, or find the one that an earlier run of the service has created; its name."""
        for name in names_of(self.tuning):
            parents = tuple(
                parent for parent in parents_of(self.tuning.previous) if self.jobs.exists(TUNING_JOB, parent)
            )
            request = tuning_request(self.tuning, self.account, self.code, name, parents)
            try:
                self.jobs.begin(TUNING_JOB, request)
            except Refused as error:
                if not parents or error.refusal != "ValidationException":
                    raise
                # parents that do not fit, of a search over other parameters for one, are no reason not to search
                say(f"SageMaker does not start from {', '.join(parents)}: {error.text}")
                self.jobs.begin(TUNING_JOB, tuning_request(self.tuning, self.account, self.code, name))
            if self._is_ours(name):
                say(f"SageMaker's tuner searches: {name}{f', which learns from {parents}' if parents else ''}")
                return name
        raise JobFailed(f"the tuning job's name {name!r} is taken by another search; start this one in a minute")

    def _is_ours(self, name: str) -> bool:
        """Whether the job of that name writes where this search does: names are of a minute, not of a search."""
        document = self.jobs.describe(TUNING_JOB, name)
        several = document.get("TrainingJobDefinitions") or [document["TrainingJobDefinition"]]
        return bool(several[0]["OutputDataConfig"]["S3OutputPath"] == str(self.tuning.trials_output))

    def _summaries(self, name: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            answer = self.jobs.call(
                "list_training_jobs_for_hyper_parameter_tuning_job",
                HyperParameterTuningJobName=name,
                MaxResults=_PAGE,
                **more,
            )
            found += answer["TrainingJobSummaries"]
            if not answer.get("NextToken"):
                return sorted(found, key=lambda entry: str(entry["TrainingJobName"]))
            more = {"NextToken": answer["NextToken"]}

    def _trial(self, number: int, summary: Mapping[str, Any]) -> Trial:
        name, drawn = str(summary["TrainingJobName"]), dict(summary.get("TunedHyperParameters", {}))
        family = str(summary.get("TrainingJobDefinitionName") or self.tuning.space.families[0])
        given = {**searched(self.tuning.space, family).static, **drawn, **self.tuning.arguments}
        sample = sample_of(self.tuning.space, family, drawn)
        trial = Trial(number, name, "Failed", sample, given, "sagemaker")
        document = self.jobs.describe(TRAINING_JOB, name)
        if document["TrainingJobStatus"] == "Stopped" and document.get("SecondaryStatus") == "Stopped":
            return replace(trial, state="Stopped", reason="the tuner stopped it early: others did better at its epoch")
        return self.trials.ended(trial, document, self.control.cancelled)

    def _write_progress(self, site: Site, document: Mapping[str, Any], trials: list[Mapping[str, Any]]) -> None:
        counters = document["TrainingJobStatusCounters"]
        ended = sum(counters.get(name, 0) for name in ("Completed", "NonRetryableError", "Stopped"))
        found = document.get("BestTrainingJob", {}).get("FinalHyperParameterTuningJobObjectiveMetric")
        metric = None if found is None else {"name": f"validation_{self.tuning.metric}", "value": found["Value"]}
        told = {
            "phase": "training",
            "step": ended,
            "total": self.tuning.trials,
            "metric": metric,
            "eta_s": None,
            "updated_ms": int(time.time() * 1000),
            "trials": [
                {
                    "number": number,
                    "name": trial["TrainingJobName"],
                    "state": trial["TrainingJobStatus"],
                    "model": trial.get("TrainingJobDefinitionName") or self.tuning.space.families[0],
                    "value": trial.get("FinalHyperParameterTuningJobObjectiveMetric", {}).get("Value"),
                }
                for number, trial in enumerate(trials, 1)
            ],
        }
        site.folder.mkdir(parents=True, exist_ok=True)
        partial = site.folder / f"{PROGRESS}.partial"
        partial.write_text(json.dumps(told))
        partial.replace(site.folder / PROGRESS)


def names_of(tuning: Tuning) -> tuple[str, str]:
    """The name of a search's tuning job, and the one that it has where another search of the minute took the first."""
    digest = sha256(tuning.folder_name.encode()).hexdigest()[:6]
    first = tuning.name[:MOST_NAME].rstrip("-")
    return first, f"{first[: MOST_NAME - 7].rstrip('-')}-{digest}"
