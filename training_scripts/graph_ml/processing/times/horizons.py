"""What is asked of the future at a date: how many edges come within a horizon, whether one does, when the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...container import JobError
from ...graph import Horizon, Labels, Split, Target
from ...schemas import EdgeType, HorizonSpec
from ...schemas.times import UNKNOWN, TimeReading
from ..reading import Edges, Export, Nodes
from .moments import Cuts, Moments, cuts_given, told

IntArray = NDArray[np.int64]

#: dates that training asks at where the configuration does not say how many
MOST_DATES = 12
CLASSES = ("false", "true")
#: what is told of the edges of a vertex, in words
WORDS = {"count": "how many {} come", "exists": "whether {} comes", "absent": "whether no {} comes"}


@dataclass(frozen=True)
class Dates:
    """When is asked: the dates of training, float64 (d,), ascending, and those of validation and of test."""

    train: Moments
    valid: float
    test: float

    @property
    def every(self) -> Moments:
        """All of them, ascending."""
        return np.append(self.train, [self.valid, self.test])


def dated_vertices(
    group: Nodes, spec: HorizonSpec, target: Target, export: Export, split_dates: Sequence[str] | None
) -> tuple[Horizon, Labels, Split, Cuts]:
    """A label for each vertex that was there at each date, told by the edges that came within the horizon of it.

    A vertex is there from its own time on, or where its type has none from its first edge on.

    Returns:
        What is asked, with the items; their labels; the split, by dates; and its cuts.

    Raises:
        JobError: there is no such edge type, it has no time, no end of it is such a vertex, or its edges do not reach
            over the dates of training, validation and test.
    """
    edges = _edges(export, spec, target)
    ends = _ends(group, edges, spec, target)
    when = np.concatenate([_times(edges)] * len(ends))
    whose = np.concatenate(ends)
    order = np.lexsort((whose, when))
    when, whose = when[order], whose[order]
    day = one_day(export, target)
    dates = dates_of(spec, split_dates, when, newest(export), day, target, reading=edges.reading)
    there = appearances(group, export)
    nodes, times, values = [], [], []
    for date in dates.every.tolist():
        present = np.flatnonzero(there < date)
        first, last = np.searchsorted(when, [date, date + spec.days * day])
        nodes.append(present)
        times.append(np.full(len(present), date))
        values.append(_answers(spec, whose[first:last], when[first:last] - date, group.count, day)[present])
    asked_of, asked_at, answers = np.concatenate(nodes), np.concatenate(times), np.concatenate(values)
    labels = Labels("number", answers.astype(np.float32))
    if spec.asks in ("exists", "absent"):
        labels = Labels("class", answers.astype(np.int64), CLASSES)
    words = WORDS.get(spec.asks or "", "after how many days the first {} comes").format(edges.kind)
    horizon = Horizon(f"{words} within {spec.days:g} days", spec.days, day, dates.every, asked_of, asked_at)
    return horizon, labels, _split(horizon, labels, dates, target), (dates.valid, dates.test)


def dated_links(
    group: Edges,
    spec: HorizonSpec,
    target: Target,
    groups: IntArray,
    export: Export,
    split_dates: Sequence[str] | None,
) -> tuple[Horizon, Split, Cuts]:
    """The links that come within the horizon of each date. Of several between the same vertices the first counts.

    Args:
        group: the edge type.
        spec: the horizon.
        target: what is learned.
        groups: a number for each edge, equal between the same two vertices, (m,).
        export: with the times of all types.
        split_dates: those of validation and test, where they are given.

    Raises:
        JobError: the edges have no time, or do not reach over the dates of training, validation and test.
    """
    when, day = _times(group), one_day(export, target)
    dates = dates_of(spec, split_dates, when, newest(export), day, target, MOST_LINK_DATES, group.reading)
    order = np.lexsort((np.arange(len(when)), when))
    order = order[np.sort(np.unique(groups[order], return_index=True)[1])]
    reach = spec.days * day
    parts = [
        order[when[order] < dates.valid],
        *(order[(when[order] >= date) & (when[order] < date + reach)] for date in (dates.valid, dates.test)),
    ]
    if not len(parts[1]):
        raise JobError(f"{target}: no new edge comes within {spec.days:g} days of {told(dates.valid, day)}")
    words = f"which {group.kind} come within {spec.days:g} days"
    horizon = Horizon(words, spec.days, day, dates.every)
    return horizon, Split(*(np.sort(part) for part in parts)), (dates.valid, dates.test)


#: dates of links reach back to the oldest one, but for data of thousands of horizons
MOST_LINK_DATES = 10_000


def dates_of(
    spec: HorizonSpec,
    split_dates: Sequence[str] | None,
    when: Moments,
    end: float,
    day: float,
    target: Target,
    most: int = MOST_DATES,
    reading: TimeReading = UNKNOWN,
) -> Dates:
    """The dates to ask at: test a horizon before the newest time, validation one before that, training before both.

    A date of training is at least a horizon older than that of validation, so that what it asks is answered by then.
    Dates are those of a day where a horizon is no less.

    Args:
        spec: the horizon.
        split_dates: the dates of validation and test, where they are given.
        when: times of the edges that are asked about, ascending or not, (m,).
        end: the newest time there is.
        day: how long a day is.
        target: what is learned.
        most: dates of training where the configuration does not say.
        reading: how the times are read, and so the given dates.

    Raises:
        JobError: two dates lie nearer than the horizon, the answers of one are not all there, or nothing is old enough.
    """
    reach, known = spec.days * day, when[np.isfinite(when)]
    if not len(known):
        raise JobError(f"{target}: none of the edges that its horizon asks about has a time")
    if split_dates is not None:
        valid, test = cuts_given(split_dates, target, reading)
        if test - valid < reach:
            raise JobError(
                f"{target}: the 'split_dates' lie {(test - valid) / day:g} days apart, and the horizon is "
                f"{spec.days:g}: at the later one the answers of the earlier one would not be known"
            )
        if test + reach > np.nextafter(end, np.inf):
            raise JobError(
                f"{target}: within {spec.days:g} days of {told(test, day)} the data end, at {told(end, day)}; give an "
                "earlier date of test"
            )
    else:
        test = end - reach
        if spec.days >= 1:
            test = float(np.floor(test / day) * day)
        valid = test - reach
    step = (spec.every or spec.days) * day
    count = min(spec.dates or most, max(0, int(np.ceil((valid - reach - known.min()) / step))))
    train = valid - reach - step * np.arange(count)[::-1]
    if not len(train):
        raise JobError(
            f"{target}: nothing is left to train on: {told(valid, day)} is the date of validation, and the first "
            f"edge came at {told(float(known.min()), day)}, less than a horizon of {spec.days:g} days before; give "
            "fewer days, or later 'split_dates'"
        )
    return Dates(train.astype(np.float64), valid, test)


def one_day(export: Export, target: Target) -> float:
    """How long a day is among all times of an export.

    Raises:
        JobError: some are dates and others numbers.
    """
    groups: list[Nodes | Edges] = [*export.nodes.values(), *export.edges.values()]
    days = {group.day: group for group in groups if group.times is not None}
    if len(days) > 1:
        names = " and ".join(f"'{group.time}' of {group.name}" for group in days.values())
        raise JobError(f"{target}: {names} cannot be compared, for the ones are dates and the others plain numbers")
    return next(iter(days), 1.0)


def newest(export: Export) -> float:
    """The newest time of all types."""
    known = [float(times.max(initial=-np.inf)) for times in export.times.values()]
    return max(known, default=-np.inf)


def appearances(group: Nodes, export: Export) -> Moments:
    """When each vertex of a type was there, float64 (count,): its own time, or its first edge's; inf for none."""
    if group.times is not None:
        there = group.times.copy()
    else:
        there = np.full(group.count, np.inf)
        for kind, edges in export.edges.items():
            when = np.full(edges.count, -np.inf) if edges.times is None else edges.times
            for side, of in ((edges.ends.source, kind.source), (edges.ends.target, kind.target)):
                if of == group.name:
                    np.minimum.at(there, side, when)
    there[group.gone] = np.inf
    return there


def _edges(export: Export, spec: HorizonSpec, target: Target) -> Edges:
    kind = EdgeType(*(spec.edge or ("", "", "")))
    if kind not in export.edges:
        there = ", ".join(map(str, export.edges)) or "none"
        raise JobError(f"{target}: its horizon asks about edges {kind}, and there are {there}")
    return export.edges[kind]


def _times(edges: Edges) -> Moments:
    if edges.times is None:
        raise JobError(
            f"a horizon asks when edges {edges.name} come, and nothing says so: name their property of time, as 'time' "
            "at their file, or of an export under 'times'"
        )
    return edges.times


def _ends(group: Nodes, edges: Edges, spec: HorizonSpec, target: Target) -> list[IntArray]:
    """The ends that are vertices of the type, (m,) each: one, or both where a friendship is asked about."""
    sides = {"source": (edges.kind.source, edges.ends.source), "target": (edges.kind.target, edges.ends.target)}
    found = {end: side for end, (kind, side) in sides.items() if kind == group.name and spec.end in (None, end)}
    if not found:
        where = f"as its {spec.end}" if spec.end else "at either end"
        raise JobError(f"{target}: edges {edges.kind} have no vertex of type {group.name} {where}")
    return list(found.values())


def _answers(spec: HorizonSpec, whose: IntArray, after: Moments, count: int, day: float) -> Moments:
    """What is asked of each vertex, float64 (count,): ``whose``, (m,), are those of edges so long ``after`` the date,
    ascending; NaN where there is no first one."""
    if spec.asks == "first":
        first = np.full(count, np.nan)
        vertices, place = np.unique(whose, return_index=True)
        first[vertices] = after[place] / day
        return first
    counts = np.bincount(whose, minlength=count).astype(np.float64)
    if spec.asks == "exists":
        return (counts > 0).astype(np.float64)
    return (counts == 0).astype(np.float64) if spec.asks == "absent" else counts


def _split(horizon: Horizon, labels: Labels, dates: Dates, target: Target) -> Split:
    times, known = horizon.times, labels.known
    assert times is not None
    parts = [np.flatnonzero(known & mask) for mask in (times < dates.valid, times == dates.valid, times == dates.test)]
    if not len(parts[0]):
        raise JobError(f"{target}: no vertex that was there at a date of training has an answer; ask for more days")
    return Split(*(part.astype(np.int64) for part in parts))
