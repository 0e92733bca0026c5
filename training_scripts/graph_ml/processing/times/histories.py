"""Which parts of the past are told of a target's vertices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...container import JobError
from ...graph import History, Labels, Target
from ...graph.history import strands_of
from ...schemas import EdgeType, HistoryEntry, LabelSpec, ToldLabelsEntry
from ..reading import Export
from .horizons import one_day

#: windows of a horizon that names none: as long as the horizon, and so many times as long
WINDOWS = (1.0, 3.0)
#: classes whose labels of earlier edges are told: each is two numbers for every end
MOST_CLASSES = 50


def history_of_label(
    target: Target,
    spec: LabelSpec,
    export: Export,
    features: Mapping[EdgeType, Mapping[str, NDArray[np.float32]]],
    labels: Labels | None = None,
) -> History | None:
    """What is told of the past of a target's vertices; None where nothing is asked for.

    Args:
        target: what is learned.
        spec: its entry in the configuration.
        export: with the times of all types.
        features: of edges, float32 (m, d), by their type; the last values of all are told.
        labels: of the target's items.

    Raises:
        JobError: the target is not split by time, nothing that has a time touches its vertices, or labels of edges are
            asked for and none are learned.
    """
    asked = spec.history
    if asked is False or (asked is None and (spec.horizon is None or spec.task == "link_prediction")):
        return None
    owner = target.type
    group = export.nodes[owner] if isinstance(owner, str) else export.edges[owner]
    if spec.horizon is None and group.times is None:
        raise JobError(
            f"the 'history' of {target} ends at the time of each item, and {group.name} names none as 'time'"
        )
    columns = {kind: edges.time for kind, edges in export.edges.items() if edges.times is not None and edges.time}
    widths = {
        kind: {name: int(values.shape[1]) for name, values in sorted(features.get(kind, {}).items())}
        for kind in columns
    }
    kinds = dict.fromkeys([owner] if isinstance(owner, str) else [owner.source, owner.target])
    strands = [strand for kind in kinds for strand in strands_of(kind, widths, columns)]
    if not strands:
        raise JobError(f"the 'history' of {target} is told by edges that have a time, and none of its vertices has any")
    days = [] if spec.horizon is None else [spec.horizon.days * length for length in WINDOWS]
    born = {kind: export.nodes[kind].time for kind in kinds if export.nodes[kind].times is not None}
    return History(
        HistoryEntry(
            windows=asked.windows if asked else days,
            day=one_day(export, target),
            times={kind: column for kind, column in born.items() if column},
            strands=strands,
            labels=_told_labels(target, spec, export, labels),
        )
    )


def _told_labels(target: Target, spec: LabelSpec, export: Export, labels: Labels | None) -> ToldLabelsEntry | None:
    """What is told of the labels of earlier edges, None where nothing is."""
    asked, kind = spec.history or None, target.type
    if isinstance(kind, str):
        if asked is not None and (asked.labels is not None or asked.known_after is not None):
            raise JobError(
                f"the 'history' of {target} says how labels of edges are told, and no label of edges is learned; take "
                "'labels' and 'known_after' out"
            )
        return None
    if asked is None or asked.labels is False or labels is None:
        return None
    if len(labels.classes) > MOST_CLASSES:
        export.warnings.append(
            f"{target}: labels of earlier edges are no part of what its vertices have been through, for there are "
            f"{len(labels.classes)} classes, and up to {MOST_CLASSES} are told"
        )
        return None
    return ToldLabelsEntry(
        edge_type=kind,
        property=target.property_name,
        kind=labels.kind,
        classes=list(labels.classes),
        separator=spec.separator if labels.kind == "classes" else None,
        after=asked.known_after or 0.0,
    )
