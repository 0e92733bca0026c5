"""Nodes and relationships on their way into a projected graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training_scripts.graph_ml.schemas.catalog.projection import (
    GRAPH_FILE,
    Orientation,
    ProjectedGraphDescription,
    PropertyColumn,
    RelationshipArrays,
)
from workflow.catalog.errors import ProcedureRefused
from workflow.catalog.projected import ALL_LABELS, Ints, value_type

AGGREGATIONS: Final = ("NONE", "SINGLE", "COUNT", "MIN", "MAX", "SUM")


@dataclass
class DraftProperty:
    """A property column in the making: a value a node or arc, None for none, and the default."""

    values: Sequence[Any] | NDArray[Any]
    default: Any = None
    labels: list[str] = field(default_factory=list)


@dataclass
class DraftType:
    """The relationships of one type in the making.

    Attributes:
        source, target: ids of nodes, int64, shape (m,); each relationship once.
        properties: by name, with a value a relationship.
        aggregation: of parallel relationships.
        aggregations: of single properties, where they have their own.
    """

    orientation: Orientation
    source: Ints
    target: Ints
    properties: dict[str, DraftProperty] = field(default_factory=dict)
    aggregation: str = "NONE"
    aggregations: dict[str, str] = field(default_factory=dict)


@dataclass
class GraphDraft:
    """A graph in the making.

    Attributes:
        ids: of the nodes, int64, shape (n,), rising.
        labels: by label which nodes carry it, bool, shape (n,).
    """

    ids: Ints
    labels: dict[str, NDArray[np.bool_]]
    properties: dict[str, DraftProperty] = field(default_factory=dict)
    types: dict[str, DraftType] = field(default_factory=dict)

    def write(self, folder: Path, name: str) -> None:
        """Write the projection's folder. Raises ProcedureRefused for values that are no numbers."""
        folder.mkdir(parents=True)
        count = 0

        def kept(values: NDArray[Any]) -> str:
            nonlocal count
            count += 1
            np.save(folder / f"array-{count}.npy", values, allow_pickle=False)
            return f"array-{count}.npy"

        labels = self.labels or {ALL_LABELS: np.ones(len(self.ids), dtype=np.bool_)}
        columns = {}
        for key, draft in self.properties.items():
            values = numbers(key, draft.values, draft.default)
            columns[key] = PropertyColumn(
                file=kept(values),
                value_type=value_type(values),
                default=draft.default if isinstance(draft.default, int | float) else None,
                labels=draft.labels or list(labels),
            )
        ProjectedGraphDescription(
            name=name,
            node_count=len(self.ids),
            ids=kept(self.ids),
            labels={label: kept(mask) for label, mask in labels.items()},
            node_properties=columns,
            relationships={key: self._arcs(one, kept) for key, one in self.types.items()},
        ).save(folder / GRAPH_FILE)

    def _arcs(self, draft: DraftType, kept: Any) -> RelationshipArrays:
        columns = {key: numbers(key, one.values, one.default) for key, one in draft.properties.items()}
        source, target = draft.source, draft.target
        known = np.isin(source, self.ids) & np.isin(target, self.ids)
        source, target = (np.searchsorted(self.ids, ends[known]) for ends in (source, target))
        columns = {key: values[known] for key, values in columns.items()}
        if draft.orientation == "REVERSE":
            source, target = target, source
        source, target, columns = _aggregated(draft, source, target, columns, len(self.ids))
        if draft.orientation == "UNDIRECTED":
            source, target = np.concatenate([source, target]), np.concatenate([target, source])
            columns = {key: np.concatenate([values, values]) for key, values in columns.items()}
        return RelationshipArrays(
            orientation=draft.orientation,
            count=len(source),
            source=kept(source.astype(np.int32)),
            target=kept(target.astype(np.int32)),
            properties={
                key: PropertyColumn(file=kept(values), value_type=value_type(values)) for key, values in columns.items()
            },
        )


def _aggregated(
    draft: DraftType, source: Ints, target: Ints, columns: dict[str, NDArray[Any]], size: int
) -> tuple[Ints, Ints, dict[str, NDArray[Any]]]:
    """Parallel relationships as one, where that is asked for; properties by their own rule."""
    rules = {key: draft.aggregations.get(key, draft.aggregation) for key in columns}
    if draft.aggregation == "NONE" and all(rule == "NONE" for rule in rules.values()):
        return source, target, columns
    one, other = source, target
    if draft.orientation == "UNDIRECTED":
        one, other = np.minimum(source, target), np.maximum(source, target)
    _, first, group = np.unique(one * size + other, return_index=True, return_inverse=True)
    merged = {}
    for key, values in columns.items():
        rule, numbers_ = rules[key], values.astype(np.float64)
        if rule in ("NONE", "SINGLE"):
            merged[key] = values[first]
        elif rule in ("SUM", "COUNT"):
            given = numbers_ if rule == "SUM" else np.where(np.isnan(numbers_), 0.0, 1.0)
            merged[key] = np.bincount(group, given, len(first))
        else:
            best = np.full(len(first), np.inf if rule == "MIN" else -np.inf)
            (np.minimum if rule == "MIN" else np.maximum).at(best, group, numbers_)
            merged[key] = best
    return one[first], other[first], merged


def numbers(name: str, values: Sequence[Any] | NDArray[Any], default: Any) -> NDArray[Any]:
    """Values as an array: int64 or float64, shape (n,) or (n, width); missing ones are the default, or NaN.

    Raises ProcedureRefused for values that are neither numbers nor lists of as many numbers each.
    """
    if isinstance(values, np.ndarray):
        return values
    filled = [default if value is None else value for value in values]
    given = [value for value in filled if value is not None]
    if any(isinstance(value, list | tuple) for value in given):
        return _lists(name, filled)
    for value in given:
        if isinstance(value, bool) or not isinstance(value, int | float):
            kind = type(value).__name__
            raise ProcedureRefused(
                f"The property `{name}` holds {value!r}, a {kind}; only numbers and lists of numbers can be projected"
            )
    if len(given) == len(filled) and all(isinstance(value, int) for value in given):
        return np.array(filled, dtype=np.int64)
    return np.array([np.nan if value is None else float(value) for value in filled], dtype=np.float64)


def _lists(name: str, values: list[Any]) -> NDArray[Any]:
    widths = {len(value) if isinstance(value, list | tuple) else None for value in values if value is not None}
    if len(widths) != 1 or None in widths:
        raise ProcedureRefused(f"The property `{name}` must be a list of the same length for every node")
    (width,) = widths
    assert width is not None
    rows = [[np.nan] * width if value is None else list(value) for value in values]
    flat = [one for row in rows for one in row]
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in flat):
        raise ProcedureRefused(f"The property `{name}` is a list that holds something else than numbers")
    whole = all(isinstance(one, int) for one in flat)
    return np.array(rows, dtype=np.int64 if whole else np.float64).reshape(len(rows), width)


def check_aggregation(given: Any) -> str:
    """A rule for parallel relationships. Raises ProcedureRefused."""
    rule = str(given or "NONE").upper()
    rule = "NONE" if rule == "DEFAULT" else rule
    if rule not in AGGREGATIONS:
        raise ProcedureRefused(f"Aggregation {given!r} is unknown; there are {', '.join(AGGREGATIONS)}")
    return rule


def check_orientation(given: Any) -> Orientation:
    """An orientation. Raises ProcedureRefused."""
    word = str(given or "NATURAL").upper()
    if word == "NATURAL":
        return "NATURAL"
    if word == "REVERSE":
        return "REVERSE"
    if word == "UNDIRECTED":
        return "UNDIRECTED"
    raise ProcedureRefused(f"Orientation {given!r} is unknown; there are NATURAL, REVERSE, UNDIRECTED")
