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
            name=entry["name"],
            state="Completed",
            sample=entry["parameters"],
            hyperparameters={
                "model": entry["model"],
                **{name: str(value) for name, value in entry["parameters"].items()},
            },
            origin="default",
            value=entry["value"],
            metrics=flat if entry["winner"] else {},
            wall_s=wall_s / len(kept),
        )
        for place, entry in enumerate(kept, 1)
    )
    best = next(trial for trial, entry in zip(trials, kept, strict=True) if entry["winner"])
    direction = metrics["direction"]
    metric = str(metrics["objective"]).partition("_")[2]
    tuned = Tuned(trials, best, verdict(trials, direction, metric), wall_s, 0)
    return Search(Space((), {}), direction, seed=0), tuned
