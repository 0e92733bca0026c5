"""How far a job is, in words: the same on the page, in a terminal and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def size(count: float) -> str:
    """Bytes for people: ``1.4 GB``."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def counted(count: int, noun: str) -> str:
    """How many of what: ``1 record``, ``1,200 records``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def span(seconds: float) -> str:
    """A length of time as people say it: ``12 s``, ``3 min``, ``1 h 20 min``, ``2 days``."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    return f"{round(hours / 24)} days"


def progress_note(progress: Mapping[str, Any]) -> str:
    """Phase, step, metric and time left of a job's progress; empty if it has told nothing yet."""
    parts = [str(progress["phase"])] if progress.get("phase") else []
    step, total = progress.get("step"), progress.get("total")
    if step is not None and total:
        parts.append(f"{step:,} of {total:,}")
    metric = progress.get("metric")
    if metric and metric.get("value") is not None:
        parts.append(f"{str(metric['name']).replace('_', ' ')} {metric['value']:.4g}")
    if progress.get("eta_s"):
        parts.append(f"about {span(progress['eta_s'])} left")
    return ", ".join(parts)


def steps_done(progress: Mapping[str, Any]) -> float:
    """How many steps are done, of a search with what its running trials have done of theirs."""
    done = float(progress.get("step") or 0)
    for trial in _running(progress):
        own = trial["progress"]
        if own.get("total"):
            done += min(float(own.get("step") or 0) / float(own["total"]), 1.0)
    return done


def trial_notes(progress: Mapping[str, Any]) -> list[str]:
    """A line for every running trial of a search: its number, model, and how far it is."""
    return [
        f"trial {trial.get('number')}, {trial.get('model') or 'starting'}: {progress_note(trial['progress'])}"
        for trial in _running(progress)
    ]


def _running(progress: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [trial for trial in progress.get("trials") or () if isinstance(trial.get("progress"), Mapping)]
