"""The page that compares the trials of a search: which family won, by how much, and what each trial cost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from training_scripts.graph_ml.schemas.metrics import METRIC_MEANINGS
from workflow.neptune.progress import size, span
from workflow.tuning.figures import curves, gain, importances
from workflow.tuning.results import Direction, Trial, Tuned, best, dollars
from workflow.tuning.samplers import Search

TEMPLATE = "report.html.j2"
_SPLITS = {"valid": "validation", "train": "training"}


def render(
    name: str,
    metric: str,
    search: Search,
    tuned: Tuned,
    ended: datetime | None = None,
    hourly: float | None = None,
) -> str:
    """One self-contained HTML page.

    Args:
        name: of the search.
        metric: what trials were compared by.
        search: what was tried.
        tuned: what came of it.
        ended: its date, by default now.
        hourly: US dollars an hour of the machines of one trial, None where nobody is paid.
    """
    from jinja2 import Environment, FileSystemLoader  # a quarter of a second that the start can do without

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True)
    named = dict.fromkeys(trial.family for trial in tuned.trials)
    families = [_family(family, tuned, search.direction) for family in named]
    top = max((abs(row["value"]) for row in families if row["value"] is not None), default=0.0) or 1.0
    for row in families:
        row["width"] = round(100 * abs(row["value"] or 0.0) / top, 1)
    sign = 1 if search.direction == "minimize" else -1
    families.sort(key=lambda row: (row["value"] is None, sign * (row["value"] or 0.0)))
    return environment.get_template(TEMPLATE).render(
        name=name,
        made=f"{ended or datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        verdict=tuned.verdict,
        parallel=search.parallel,
        spent=span(tuned.wall_s),
        peak=size(tuned.peak_memory_bytes),
        direction=search.direction,
        metric=metric,
        meanings=METRIC_MEANINGS,
        judged_on=tuned.best.judged_on,
        seed=search.seed,
        families=families,
        trials=[_row(trial, trial.number == tuned.best.number, hourly) for trial in tuned.trials],
        curves=curves(tuned.trials),
        gain=gain(tuned.trials, search.direction),
        importances=importances(tuned.trials),
        hourly=hourly,
        dollars=dollars(tuned.trials, hourly),
        machine_time=span(sum(trial.wall_s for trial in tuned.trials)),
        pruned=sum(trial.state == "Pruned" for trial in tuned.trials),
        splits=(splits := _splits(tuned.best.metrics)),
        columns=list(dict.fromkeys(name for figures in splits.values() for name in figures)),
    )


def _splits(metrics: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """``valid.mrr`` as the figure mrr of the split validation; a figure without a split is of the validation too."""
    found: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        split, dot, figure = name.partition(".")
        kind = _SPLITS.get(split, split) if dot else "validation"
        found.setdefault(kind, {})[figure if dot else name] = value
    return found


def _family(name: str, tuned: Tuned, direction: Direction) -> dict[str, Any]:
    trials = [trial for trial in tuned.trials if trial.family == name]
    top = best(trials, direction)
    return {
        "family": name or "–",
        "won": tuned.best.family == name,
        "value": None if top is None else top.value,
        "count": len(trials),
        "fastest": min(trial.wall_s for trial in trials),
    }


def _row(trial: Trial, won: bool, hourly: float | None) -> dict[str, Any]:
    # a parameter of some families is sampled as name@families
    chosen = {name.split("@")[0]: value for name, value in trial.sample.items() if name != "model"}
    return {
        "number": trial.number,
        "family": trial.family or "–",
        "state": trial.state,
        "value": trial.value,
        "wall_s": trial.wall_s,
        "peak": size(trial.peak_memory_bytes),
        "origin": trial.origin,
        "chosen": ", ".join(f"{name}={_short(value)}" for name, value in chosen.items()) or "as configured",
        "dollars": dollars([trial], hourly),
        "reason": trial.reason,
        "won": won,
    }


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
