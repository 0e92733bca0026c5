"""Features that know what came after the moment they are asked about."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import numpy as np

from ...features.columns.column import BadValue, Column, TextColumn
from ...features.columns.date_spelling import respelt
from ...graph import EdgeType, Target
from ...schemas.date_spelling import day_first
from ...schemas.training_data import SECONDS_A_DAY, ticks_a_second
from ..times.moments import SECONDS, told
from .finding import FEWEST_ROWS, Finding, Floats, IntArray, Material, Owner, numbers_of, values_of

#: what the time of an item itself is often called
OWN_TIME = re.compile(r"creat|since|start|begin|open|join|born|timestamp|^time|^date|^at$|when|_at$|At$", re.IGNORECASE)
TIME = re.compile(r"time|date|since|_at$|At$|stamp|when", re.IGNORECASE)
#: rows looked at before a column is read whole
GLANCE = 200
#: share of rows where a date is later than the item, from which on its column knows the future
LATER = 0.5
#: seconds since 1970 of the years 1973 to 2099
EPOCH = (1e8, 4.1e9)
#: likeness of a number to a count or mean over all edges, from which on it is one
SAME = 0.9999


def future(material: Material) -> Iterator[Finding]:
    """Dates of an item, and of the ends of an edge, that lie after the time of the item; counts of held-out edges."""
    for target in material.graph.targets:
        items = material.sample(np.asarray(material.graph.splits[target].train))
        own = _dates(material, target.type, items)
        moment = _own_time(own)
        if moment is not None and target not in material.graph.cuts:
            yield _at_random(target, moment)
        if moment is not None:
            yield from _later(material, target, target.type, own, own[moment], moment)
            if isinstance(target.type, EdgeType):
                edges = material.graph.edges[target.type]
                for node_type, ends in ((target.type.source, edges.source), (target.type.target, edges.target)):
                    theirs = _dates(material, node_type, np.asarray(ends)[items])
                    yield from _later(material, target, node_type, theirs, own[moment], moment)
        if isinstance(target.type, EdgeType):
            yield from _aggregates(material, target)


def _dates(material: Material, owner: Owner, rows: IntArray) -> dict[str, Floats]:
    """Days since 1970 of some rows by column, for every column of dates; NaN where there is none."""
    columns: dict[str, Callable[[], Column]] = {**material.others.get(owner, {}), **material.features.get(owner, {})}
    found = {}
    for name, read in columns.items():
        column = read()
        if days_of(name, values_of(column, rows[:GLANCE])) is not None:
            days = days_of(name, values_of(column, rows))
            if days is not None:
                found[name] = days
    return found


def days_of(name: str, values: list[str | None]) -> Floats | None:
    """Dates in any spelling, or seconds or milliseconds since 1970 in a column that is called so, as days,
    (n,); None for anything else."""
    if all(value is None for value in values):
        return None
    try:
        first = day_first(value for value in values if value)[0]
        year, month, day, hour = respelt(TextColumn(values), first).dates()
    except BadValue:
        numbers = numbers_of(values) if TIME.search(name) else None
        if numbers is None:
            return None
        seconds = numbers / ticks_a_second(float(np.nanmedian(numbers)))
        low, high = np.nanmin(seconds), np.nanmax(seconds)
        return seconds / SECONDS_A_DAY if EPOCH[0] <= low and high <= EPOCH[1] else None
    known = year >= 0
    days = np.full(len(values), np.nan)
    months = (year[known] - 1970).astype("timedelta64[Y]").astype("timedelta64[M]") + (month[known] - 1).astype(
        "timedelta64[M]"
    )
    begin = (np.datetime64("1970-01") + months).astype("datetime64[D]").astype(np.int64)
    days[known] = begin + day[known] - 1 + hour[known] / 24
    return days


def _own_time(dates: dict[str, Floats]) -> str | None:
    """The column that says when an item came to be: the earliest of those that are called so, or of all."""
    named = [name for name in dates if OWN_TIME.search(name)] or list(dates)
    return min(named, key=lambda name: float(np.nanmedian(dates[name])), default=None)


def _at_random(target: Target, named: str) -> Finding:
    """What a random split cannot promise, where the items have a time."""
    how = f"; 'time': '{named}' at the target splits by it"
    return Finding(
        f"{target}: '{named}' may say when its items came to be, and the split is random: figures tell how well gaps "
        f"are filled, not how well tomorrow is told, for training has seen what came later{how}",
        warns=False,
    )


def _later(
    material: Material, target: Target, owner: Owner, dates: dict[str, Floats], moment: Floats, named: str
) -> Iterator[Finding]:
    for name, days in dates.items():
        if name not in material.features.get(owner, {}) or (owner == target.type and name == named):
            continue
        both = ~np.isnan(days) & ~np.isnan(moment)
        if np.count_nonzero(both) < FEWEST_ROWS:
            continue
        theirs, mine = days[both], moment[both]
        if any(np.all(one % 1 == 0) for one in (theirs, mine)):
            theirs, mine = np.floor(theirs), np.floor(mine)  # a day without an hour is no earlier than its noon
        share = float(np.mean(theirs > mine))
        if share >= LATER:
            yield Finding(
                f"{target}: column '{name}' of {owner} knows the future: in {share:.0%} of the rows it lies after "
                f"'{named}', when the label was not known yet"
            )


def _aggregates(material: Material, target: Target) -> Iterator[Finding]:
    """Numbers of vertices that are a count or mean over all edges of the target, held-out ones among them."""
    graph, kind = material.graph, target.edge_type
    edges, train = graph.edges[kind], np.asarray(graph.splits[target].train)
    labels = graph.labels.get(target)
    for owner, ends in ((kind.source, edges.source), (kind.target, edges.target)):
        number = graph.num_nodes[owner]
        every = np.bincount(ends, minlength=number).astype(np.float64)
        seen = np.bincount(ends[train], minlength=number).astype(np.float64)
        facts = {"count": (every, seen)}
        if labels is not None and labels.kind == "number":
            values = np.nan_to_num(np.asarray(labels.values, dtype=np.float64))
            total = np.bincount(ends, weights=values, minlength=number)
            partly = np.bincount(ends[train], weights=values[train], minlength=number)
            facts["mean"] = (total / np.maximum(every, 1), partly / np.maximum(seen, 1))
        for name, read in material.features.get(owner, {}).items():
            rows = material.sample(np.flatnonzero(every > 0))
            numbers = numbers_of(values_of(read(), rows)) if len(rows) >= FEWEST_ROWS else None
            if numbers is None:
                continue
            for word, (whole, part) in facts.items():
                if _alike(numbers, whole[rows]) >= SAME and _alike(numbers, part[rows]) < SAME:
                    yield Finding(
                        f"{target}: column '{name}' of {owner} is the {word} over all {kind} edges, held-out ones "
                        "included, so it knows what is to be predicted"
                    )


def _alike(one: Floats, other: Floats) -> float:
    both = ~np.isnan(one)
    if np.count_nonzero(both) < FEWEST_ROWS or not np.ptp(one[both]) or not np.ptp(other[both]):
        return 0.0
    return float(np.corrcoef(one[both], other[both])[0, 1])


def odd_times(material: Material) -> Iterator[Finding]:
    """Times that lie after the graph was exported, and edges that are older than a vertex they join."""
    graph = material.graph
    made = graph.info.get("graph_snapshot_ms")
    for owner, times in graph.times.items():
        known = np.asarray(times)[np.isfinite(times)]
        if made is None or not len(known) or float(np.median(known)) < SECONDS:
            continue
        later = int(np.count_nonzero(known > made / 1000 + SECONDS_A_DAY))
        if later:
            yield Finding(
                f"{later} of {len(known)} times of {owner} lie after the export of {_day(made / 1000)}, up to "
                f"{_day(float(known.max()))}: splits, dates and horizons reach as far; leave such a time empty "
                "where it stands for 'never'"
            )
    for kind in graph.edge_types:
        if kind not in graph.times or not {kind.source, kind.target} & graph.times.keys():
            continue
        edge, source, target = graph.moments(kind)
        older = int(np.count_nonzero(edge < np.maximum(source, target)))
        if older:
            yield Finding(
                f"{older} of {len(edge)} edges {kind} are older than a vertex that they join; they count from when "
                "both were there",
                warns=False,
            )


def _day(when: float) -> str:
    return told(when // SECONDS_A_DAY * SECONDS_A_DAY, SECONDS_A_DAY)
