"""One search of a runner, whatever launches its trials: the loop, then the best trial published as the model."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from training_scripts.graph_ml.schemas import files
from workflow.runners.base import Control, JobCancelled, JobFailed, Tuning
from workflow.runners.bundle import unpack
from workflow.runners.publishing import ARCHIVE, publish_model
from workflow.storage import Storage
from workflow.tuning.loop import Loop, TrialLauncher, essence
from workflow.tuning.report import render
from workflow.tuning.results import Trial, Tuned, best, chosen, dollars, verdict
from workflow.tuning.samplers import Search

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Site:
    """Where a search works: its folder, the training scripts, the storage, and the log of a job or trial by name.

    ``hourly`` is what the machines of one trial cost, in US dollars an hour; None where nobody is paid or knows.
    """

    folder: Path
    scripts: Path
    storage: Storage
    log_path: Callable[[str], Path]
    hourly: float | None = None


def trial_name(tuning: Tuning, number: int) -> str:
    """A trial's name in SageMaker's form: number, a hash, and what it ran on."""
    return f"{tuning.name}-{number:03d}-{sha256(f'{tuning.folder_name}/{number}'.encode()).hexdigest()[:8]}-cpu"


def run_search(
    tuning: Tuning, parallel: int, launcher: TrialLauncher, site: Site, control: Control, prunes: bool = False
) -> Tuned:
    """Run the trials, ``parallel`` at a time, and publish the best. Raises JobFailed, JobCancelled.

    ``prunes`` says whether the launcher knows trials that give up early.
    """
    began, say = time.monotonic(), logged(site, tuning)
    search = Search(tuning.space, tuning.direction, tuning.seed, parallel, tuning.previous, prunes=prunes)
    loop = Loop(
        search,
        tuning.trials,
        tuning.metric,
        tuning.arguments,
        lambda number: trial_name(tuning, number),
        site.folder,
        launcher,
        say,
        tuning.budget_s,
    )
    trials = loop.run(control.cancelled)
    if control.cancelled.is_set():
        raise JobCancelled(tuning.name)
    if best(trials, tuning.direction) is not None:
        loop.write_progress([], phase="publishing")
    return conclude(tuning, search, trials, site, say, began)


def logged(site: Site, tuning: Tuning) -> Callable[[str], None]:
    """What writes a line into the log of a search; each trial has a log of its own."""

    def say(text: str) -> None:
        _log.info("%s: %s", tuning.name, text)
        try:
            path = site.log_path(tuning.folder_name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as log:
                log.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        except OSError as error:
            _log.debug("no log written: %s", error)

    return say


def conclude(
    tuning: Tuning,
    search: Search,
    trials: tuple[Trial, ...],
    site: Site,
    say: Callable[[str], None],
    began: float,
) -> Tuned:
    """Publish the best of the trials as the model. Raises JobFailed where none has succeeded.

    Args:
        began: when the search did, by the monotonic clock.
    """
    winner = chosen(trials, tuning.direction)
    if winner is None:
        raise JobFailed(_reasons(trials))
    sentence = verdict(trials, tuning.direction, tuning.metric)
    say(sentence)
    peak = max(trial.peak_memory_bytes for trial in trials)
    tuned = Tuned(trials, winner, sentence, time.monotonic() - began, peak)
    _publish(tuning, search, tuned, site)
    return tuned


def _reasons(trials: tuple[Trial, ...]) -> str:
    reasons: dict[str, str] = {}
    for trial in trials:
        reasons.setdefault(essence(trial.reason), trial.reason or "unknown")
    counted = f"None of {len(trials)} training jobs succeeded. " if len(trials) > 1 else ""
    return counted + " // ".join([*reasons.values()][:2])


def _publish(tuning: Tuning, search: Search, tuned: Tuned, site: Site) -> None:
    model = site.folder / "best" / "model"
    shutil.rmtree(model.parent, ignore_errors=True)
    model.parent.mkdir(parents=True)
    download = site.folder / "best" / "download"
    site.storage.download(tuning.trials_output / tuned.best.name / f"output/{ARCHIVE}", download)
    unpack(download / ARCHIVE, model)
    summary = {
        "tuning": tuning.name,
        "metric": tuning.metric,
        "direction": tuning.direction,
        "best": tuned.best.name,
        "verdict": tuned.verdict,
        "seed": tuning.seed,
        "dollars": dollars(tuned.trials, site.hourly),
        "trials": [trial.to_json() for trial in tuned.trials],
    }
    extras: dict[str, str | Path] = {
        "tuning_summary.json": json.dumps(summary, indent=2),
        files.REPORT: render(tuning.name, tuning.metric, search, tuned, hourly=site.hourly),
    }
    for trial in tuned.trials:
        log = site.log_path(trial.name)
        if log.exists():
            extras[f"trials/{trial.name}/train.log"] = log
        extras[f"trials/{trial.name}/trial.json"] = json.dumps(trial.to_json(), indent=2)
    storage = site.storage.encrypting(tuning.resources.output_key)
    publish_model(model, site.scripts, storage, tuning.output, extras)
