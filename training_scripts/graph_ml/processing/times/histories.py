"""Which parts of the past are told of a target's vertices."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...container import JobError
from ...graph import History, Target
from ...graph.history import strands_of
from ...schemas import EdgeType, HistoryEntry, LabelSpec
from ..reading import Export
from .horizons import one_day

#: windows of a horizon that names none: as long as the horizon, and so many times as long
WINDOWS = (1.0, 3.0)


def history_of_label(
    target: Target,
    spec: LabelSpec,
    export: Export,
    features: Mapping[EdgeType, Mapping[str, NDArray[np.float32]]],
) -> History | None:
    """What is told of the past of a target's vertices; None where nothing is asked for.

    Args:
        target: what is learned.
        spec: its entry in the configuration.
        export: with the times of all types.
        features: of edges, float32 (m, d), by their type; the last values of all are told.

    Raises:
        JobError: the target is not split by time, or nothing that has a time touches its vertices.
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
        )
    )
