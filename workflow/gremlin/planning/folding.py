"""Tests right behind ``V()`` and ``E()`` become look-ups of the source."""

from __future__ import annotations

import uuid
from decimal import Decimal

from workflow.graphs.elements import Vertex
from workflow.gremlin.running.step import Step
from workflow.gremlin.semantics.predicates import members
from workflow.gremlin.semantics.values import GremlinEnum, T
from workflow.gremlin.steps.choosing.has import HasContainer, HasStep
from workflow.gremlin.steps.moving.sources import GraphStep, flat_ids

MOST_LOOKUPS = 256


def folded(steps: list[Step]) -> list[Step]:
    """The steps with every source narrowed by the tests behind it; the tests themselves stay with the source."""
    out: list[Step] = []
    for step in steps:
        source = out[-1] if out else None
        if isinstance(source, GraphStep) and isinstance(step, HasStep) and not source.labels:
            for container in step.containers:
                _narrow(source, container)
                source.add(container)
            source.labels, source.tracked = step.labels, step.tracked
        else:
            out.append(step)
    return out


def _narrow(source: GraphStep, container: HasContainer) -> None:
    name, predicate = container.key, container.predicate
    if predicate.name not in ("eq", "within"):
        return
    wanted = members(predicate) if predicate.name == "within" else list(predicate.args)
    if name is T.label and source.labels_wanted is None and all(isinstance(w, str) for w in wanted):
        source.labels_wanted = tuple(dict.fromkeys(wanted))
    elif name is T.id and source.ids is None:
        ids = [w for w in flat_ids(wanted) if w is not None]
        if all(map(_is_id, ids)):
            source.ids = tuple(dict.fromkeys(ids))
    elif (
        isinstance(name, str) and source.kind is Vertex and len(wanted) <= MOST_LOOKUPS and all(map(_findable, wanted))
    ):
        source.lookups.append((name, wanted))


def _is_id(value: object) -> bool:
    return isinstance(value, (str, int, float, uuid.UUID, Decimal))


def _findable(value: object) -> bool:
    """A value an index finds by Python's equality just as a test would."""
    return isinstance(value, (str, int)) and not isinstance(value, (bool, GremlinEnum))
