"""Look-ups that find nothing because the graph spells the id otherwise: 1 and "1" are two ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from workflow.graphs.elements import Vertex
from workflow.gremlin.running.step import Step
from workflow.gremlin.semantics.predicates import members
from workflow.gremlin.semantics.values import T
from workflow.gremlin.steps.choosing.has import HasStep
from workflow.gremlin.steps.moving.sources import GraphStep

MOST_IDS = 32


class Finds(Protocol):
    """What a graph knows of ids: the row of each, or None."""

    def vertex_row(self, id: Any) -> int | None:
        """The row of a vertex."""

    def edge_row(self, id: Any) -> int | None:
        """The row of an edge."""


def spelling_notes(graph: Finds, steps: Iterable[Step]) -> list[str]:
    """One line for each id that steps look for and the graph holds in the other spelling only.

    Args:
        graph: what is asked, one version of it.
        steps: those of a plan, with those of its children.
    """
    return list(dict.fromkeys(note for step in steps for note in _notes(graph, step)))


def _notes(graph: Finds, step: Step) -> Iterator[str]:
    if isinstance(step, GraphStep) and step.ids is not None:
        kinds, ids = "V" if step.kind is Vertex else "E", step.ids
    elif isinstance(step, HasStep):
        wanted = [c.predicate for c in step.containers if c.key is T.id and c.predicate.name in ("eq", "within")]
        kinds, ids = "VE", tuple(value for predicate in wanted for value in members(predicate))
    else:
        return
    for id in ids[:MOST_IDS]:
        other = _other(id)
        for kind in kinds:
            row = graph.vertex_row if kind == "V" else graph.edge_row
            if other is not None and row(id) is None and row(other) is not None:
                there = f"the text {other!r}" if isinstance(other, str) else f"the number {other}"
                yield f"{kind}({id!r}) finds nothing: the id here is {there}"


def _other(id: Any) -> Any:
    """The other spelling of an id: the digits of a number, or the number of digits."""
    if isinstance(id, bool):
        return None
    if isinstance(id, int):
        return str(int(id))
    return int(id) if isinstance(id, str) and id.isdecimal() and len(id) < 19 and str(int(id)) == id else None
