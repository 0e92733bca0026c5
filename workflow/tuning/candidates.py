"""The candidates of a trained pipeline as the trials of a search: compared, listed and reported as those are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workflow.tuning.results import Trial, Tuned, verdict
from workflow.tuning.samplers import Search
from workflow.tuning.space import Space

TRIALS_FILE = "trials.json"


def pipeline_search(
    folder: Path, metrics: dict[str, Any], flat: dict[str, float], wall_s: float
) -> tuple[Search, Tuned]:
    """The search that a pipeline's model came from.

    Args:
        folder: of the model, with the file of its trials.
        metrics: what ``metrics.json`` says.
        flat: the figures of the model by split and name.
        wall_s: how long all took.
    """
    kept = json.loads((folder / TRIALS_FILE).read_text())
    trials = tuple(
        Trial(
            number=place,
            name=one["name"],
            state="Completed",
            sample=one["parameters"],
            hyperparameters={"model": one["model"], **{name: str(value) for name, value in one["parameters"].items()}},
            origin="default",
            value=one["value"],
            metrics=flat if one["winner"] else {},
            wall_s=wall_s / len(kept),
        )
        for place, one in enumerate(kept, 1)
    )
    best = next(trial for trial, one in zip(trials, kept, strict=True) if one["winner"])
    direction = metrics["direction"]
    metric = str(metrics["objective"]).partition("_")[2]
    tuned = Tuned(trials, best, verdict(trials, direction, metric), wall_s, 0)
    return Search(Space((), {}), direction, seed=0), tuned
