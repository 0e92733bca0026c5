"""Results on their way into the database: node properties and relationships."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workflow.catalog.errors import ProcedureRefused
from workflow.values.numbers import Long


def stored(value: Any) -> Any:
    """A number or a list of numbers as a property keeps it."""
    if isinstance(value, list):
        return [stored(one) for one in value]
    return Long(value) if isinstance(value, int) else value


def _check_known(run: Any, id: int) -> None:
    if not run.graph.has_vertex(id):
        raise ProcedureRefused(f"The graph has a node {id} that the database has not: it was not projected from there")


def write_node_properties(run: Any, key: str, ids: NDArray[np.int64], values: NDArray[Any]) -> int:
    """Give nodes of the database a property; how many got it. NaN is no value.

    Args:
        ids: of the nodes, int64, shape (m,).
        values: any number dtype, shape (m,) or (m, width).
    """
    writer, written = run.writer(), 0
    for id, value in zip(ids.tolist(), np.asarray(values).tolist(), strict=True):
        if isinstance(value, float) and np.isnan(value):
            continue
        _check_known(run, id)
        writer.set_vertex_property(id, key, stored(value), "single")
        written += 1
        run.tick()
    run.outcome.counters.properties_set += written
    return written


def write_relationships(
    run: Any, type_: str, key: str, source: NDArray[np.int64], target: NDArray[np.int64], values: NDArray[Any] | None
) -> int:
    """Add relationships to the database; how many.

    Args:
        source, target: ids of nodes, int64, shape (m,).
        values: of the property ``key``, any number dtype, shape (m,); None for none.
    """
    writer = run.writer()
    cells = [None] * len(source) if values is None else np.asarray(values).tolist()
    for one, other, value in zip(source.tolist(), target.tolist(), cells, strict=True):
        _check_known(run, one)
        _check_known(run, other)
        row = writer.add_edge(None, type_, one, other)
        if value is not None:
            writer.set_edge_property(row, key, stored(value))
            run.outcome.counters.properties_set += 1
        run.outcome.counters.relationships_created += 1
        run.tick()
    return len(source)
