"""What the page of a search draws: how trials learned, what more trials gained, and which hyperparameters mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workflow.tuning.results import Direction, Trial, best
from workflow.tuning.space import FAMILY

#: the box of a drawing
WIDE, HIGH = 600, 180
#: trials of a family from which the order of their figures says something of a hyperparameter
ENOUGH = 5


@dataclass(frozen=True)
class LineChart:
    """Lines in a box of ``WIDE`` by ``HIGH``; each has a name, a colour's number, and points as SVG wants them."""

    lines: tuple[tuple[str, int, str], ...]
    lowest: float
    highest: float


def curves(trials: Sequence[Trial]) -> LineChart | None:
    """The best figure so far of each trial by the share of its epochs; None where no trial has a curve."""
    families = list(dict.fromkeys(trial.family for trial in trials))
    known = [trial for trial in trials if trial.curve]
    named = [(f"trial {t.number}, {t.family or 'custom'}", families.index(t.family), list(t.curve)) for t in known]
    return drawing(named)


def gain(trials: Sequence[Trial], direction: Direction) -> LineChart | None:
    """The best figure after each trial, by number; None where fewer than two completed."""
    ordered = sorted(trials, key=lambda trial: trial.number)
    winners = [(n, best(ordered[:n], direction)) for n in range(1, len(ordered) + 1)]
    points = [(float(n), winner.value) for n, winner in winners if winner is not None and winner.value is not None]
    return drawing([("best so far", 0, points)]) if len(points) > 1 else None


def drawing(lines: Sequence[tuple[str, int, Sequence[tuple[float, float]]]]) -> LineChart | None:
    """Lines through points, stretched over the box; None where there is nothing to draw."""
    across = [x for _, _, points in lines for x, _ in points]
    up = [y for _, _, points in lines for _, y in points]
    if not up:
        return None
    left, low = min(across), min(up)
    wide, high = max(across) - left or 1.0, max(up) - low or 1.0

    def placed(points: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{WIDE * (x - left) / wide:.1f},{HIGH * (1 - (y - low) / high):.1f}" for x, y in points)

    return LineChart(tuple((name, colour, placed(points)) for name, colour, points in lines), low, max(up))


def importances(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """How far the figure goes up or down with each hyperparameter, family by family, strongest first.

    Spearman's rank correlation over completed trials: 1 where a larger value always had the higher figure, −1 where
    always the lower. What has no order, or was the same in all, is left out.
    """
    rows: list[dict[str, Any]] = []
    for family in dict.fromkeys(trial.family for trial in trials):
        known = [t for t in trials if t.family == family and t.state == "Completed" and t.value is not None]
        if len(known) < ENOUGH:
            continue
        figures = [float(trial.value or 0.0) for trial in known]
        for name in dict.fromkeys(name for trial in known for name in trial.sample if name != FAMILY):
            values = _numbers([trial.sample for trial in known], name)
            if values is not None:
                strength = correlation(values, figures)
                rows.append({"family": family or "–", "name": name.partition("@")[0], "strength": strength})
    return sorted(rows, key=lambda row: -abs(row["strength"]))


def _numbers(samples: Sequence[Mapping[str, Any]], name: str) -> list[float] | None:
    values = [sample.get(name) for sample in samples]
    if not all(isinstance(value, int | float) for value in values) or len(set(values)) < 2:
        return None
    return [float(value) for value in values if value is not None]


def correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation of two lists of equal length, equals sharing the middle rank; 0 without spread."""
    a, b = ranks(first), ranks(second)
    mean = (len(a) + 1) / 2
    both = sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    spread = (sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b)) ** 0.5
    return both / spread if spread else 0.0


def ranks(values: Sequence[float]) -> list[float]:
    """The rank of each value, from 1; equals share the middle of theirs."""
    return [
        sum(other < value for other in values) + (1 + sum(other == value for other in values)) / 2 for value in values
    ]
