"""Native projection: labels and types of the embedded graph into a projected one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training_scripts.graph_ml.schemas.catalog.projection import Orientation
from workflow.catalog.errors import ProcedureRefused
from workflow.catalog.projected import ALL_LABELS, EVERYTHING, Ints
from workflow.catalog.projecting import DraftProperty, DraftType, GraphDraft, check_aggregation, check_orientation
from workflow.cypher.semantics.elements import SEPARATOR
from workflow.graphs.elements import Graph
from workflow.graphs.protocols import ColumnarGraph, ColumnView, is_columnar

NODE_KEYS: Final = ("label", "properties")
TYPE_KEYS: Final = ("type", "orientation", "aggregation", "properties", "indexInverse")


@dataclass(frozen=True)
class WantedProperty:
    """A property to read: its key in the database, the value where there is none, the rule for parallel ones."""

    key: str
    default: Any = None
    aggregation: str = ""

    def described(self) -> dict[str, Any]:
        """As results show it."""
        return {"property": self.key, "defaultValue": self.default}


@dataclass(frozen=True)
class WantedElements:
    """One label or type of a projection, under the name it gets there."""

    stored: str
    properties: dict[str, WantedProperty] = field(default_factory=dict)
    orientation: Orientation = "NATURAL"
    aggregation: str = "NONE"
    index_inverse: bool = False

    def described(self, *, nodes: bool) -> dict[str, Any]:
        """As results show it."""
        shown: dict[str, Any] = {name: one.described() for name, one in self.properties.items()}
        if nodes:
            return {"label": self.stored, "properties": shown}
        for name, one in self.properties.items():
            shown[name] = {**one.described(), "aggregation": one.aggregation or "DEFAULT"}
        return {
            "type": self.stored,
            "orientation": self.orientation,
            "aggregation": "DEFAULT" if self.aggregation == "NONE" else self.aggregation,
            "properties": shown,
            "indexInverse": self.index_inverse,
        }


def wanted_elements(given: Any, extra: Any, *, nodes: bool) -> dict[str, WantedElements]:
    """A node or relationship projection: a text, a list, or a map. Raises ProcedureRefused.

    Args:
        extra: properties that all of them get.
    """
    what = "node" if nodes else "relationship"
    given = _by_name(given)
    if not isinstance(given, Mapping) or (not given and nodes):
        raise ProcedureRefused(f"A {what} projection is a text, a list or a map with something in it, not {given!r}")
    shared = _properties(extra)
    found = {}
    for name, one in given.items():
        stored = {("label" if nodes else "type"): one} if isinstance(one, str) else one
        if not isinstance(name, str) or not isinstance(stored, Mapping):
            raise ProcedureRefused(f"The {what} projection of {name!r} is a text or a map, not {one!r}")
        found[ALL_LABELS if name == EVERYTHING else name] = _elements(name, stored, shared, nodes=nodes)
    return found


def _by_name(given: Any) -> Any:
    """A text, or a list of texts and maps, as one map from names; anything else as it is."""
    if isinstance(given, str):
        given = [given]
    if not isinstance(given, list | tuple):
        return given
    named: dict[str, Any] = {}
    for one in given:
        named.update(one if isinstance(one, Mapping) else {one: one})
    return named


def _elements(name: str, given: Mapping[str, Any], shared: dict[str, WantedProperty], *, nodes: bool) -> WantedElements:
    known = NODE_KEYS if nodes else TYPE_KEYS
    for key in given:
        if key not in known:
            raise ProcedureRefused(
                f"Unexpected key `{key}` in the projection of {name!r}; there are {', '.join(known)}"
            )
    properties = {**shared, **_properties(given.get("properties"))}
    stored = given.get("label" if nodes else "type", name)
    if nodes:
        return WantedElements(stored, properties)
    rule = check_aggregation(given.get("aggregation"))
    inverse = bool(given.get("indexInverse", False))
    return WantedElements(stored, properties, check_orientation(given.get("orientation")), rule, inverse)


def _properties(given: Any) -> dict[str, WantedProperty]:
    if given is None:
        return {}
    given = _by_name(given)
    if not isinstance(given, Mapping):
        raise ProcedureRefused(f"Properties are a text, a list or a map, not {given!r}")
    found = {}
    for name, one in given.items():
        spec = {"property": one} if isinstance(one, str) else one
        if not isinstance(spec, Mapping) or not isinstance(name, str):
            raise ProcedureRefused(f"The property {name!r} of a projection is a text or a map, not {one!r}")
        for key in spec:
            if key not in ("property", "defaultValue", "aggregation"):
                raise ProcedureRefused(
                    f"Unexpected key `{key}` of the property {name!r}; there are property, defaultValue, aggregation"
                )
        rule = check_aggregation(spec["aggregation"]) if spec.get("aggregation") else ""
        found[name] = WantedProperty(str(spec.get("property", name)), spec.get("defaultValue"), rule)
    return found


def project(
    graph: Graph, nodes: dict[str, WantedElements], types: dict[str, WantedElements], *, splits_labels: bool = True
) -> GraphDraft:
    """Read what is wanted from a graph. Raises ProcedureRefused for labels, types and properties that it has not.

    Args:
        splits_labels: whether the graph finds a vertex of several labels by one of them.
    """
    if not is_columnar(graph):
        raise ProcedureRefused("Only a graph of this service's own can be projected")
    rows = {name: _node_rows(graph, name, one.stored, splits_labels) for name, one in nodes.items()}
    ids = np.unique(np.concatenate(list(rows.values())))
    labels = {name: np.isin(ids, found, assume_unique=True) for name, found in rows.items()}
    draft = GraphDraft(ids, labels)
    for key in dict.fromkeys(key for one in nodes.values() for key in one.properties):
        carriers = {name: one.properties[key] for name, one in nodes.items() if key in one.properties}
        draft.properties[key] = _node_property(graph, ids, labels, carriers)
    for name, one in types.items():
        draft.types[name] = _relationships(graph, name, one)
    return draft


def _node_rows(graph: ColumnarGraph, name: str, stored: str, splits_labels: bool) -> Ints:
    everything = stored == EVERYTHING or name == ALL_LABELS
    if everything or splits_labels:
        found = graph.vertex_rows(None if everything else [stored]).astype(np.int64)
    else:
        rows = graph.vertex_rows().tolist()
        found = np.array([row for row in rows if stored in graph.vertex_label(row).split(SEPARATOR)], dtype=np.int64)
    if not len(found) and not everything:
        raise ProcedureRefused(f"Invalid node projection, the label {stored!r} does not exist in the database")
    return found


def _node_property(
    graph: ColumnarGraph, ids: Ints, labels: Mapping[str, NDArray[np.bool_]], carriers: Mapping[str, WantedProperty]
) -> DraftProperty:
    first = next(iter(carriers.values()))
    if len({(one.key, str(one.default)) for one in carriers.values()}) == 1:
        carrying = np.logical_or.reduce([labels[name] for name in carriers])
        column = graph.column(first.key)
        values = _column_values(column, ids, first)
        if not carrying.all():
            values = [value if there else None for value, there in zip(list(values), carrying.tolist(), strict=True)]
        return DraftProperty(values, first.default, list(carriers))
    mixed: list[Any] = [None] * len(ids)
    for name, one in carriers.items():
        column = graph.column(one.key)
        for place in np.flatnonzero(labels[name]).tolist():
            mixed[place] = column.get(int(ids[place]), one.default)
    return DraftProperty(mixed, None, list(carriers))


def _column_values(column: ColumnView, rows: Ints, wanted: WantedProperty) -> Any:
    numeric = column.numeric()
    if numeric is not None:
        present = numeric.present[rows]
        values = numeric.values[rows]
        if present.all():
            return values.astype(np.int64 if values.dtype.kind == "i" else np.float64)
        fill = np.nan if wanted.default is None else wanted.default
        if isinstance(fill, int | float):
            whole = values.dtype.kind == "i" and isinstance(fill, int)
            return np.where(present, values, fill).astype(np.int64 if whole else np.float64)
    found = [column.get(row) for row in rows.tolist()]
    if wanted.default is None and all(value is None for value in found) and found:
        raise ProcedureRefused(
            f"Invalid projection, the property `{wanted.key}` does not exist in the database; give it a defaultValue"
        )
    return found


def _relationships(graph: ColumnarGraph, name: str, wanted: WantedElements) -> DraftType:
    everything = wanted.stored == EVERYTHING or name == ALL_LABELS
    rows = graph.edge_rows(None if everything else [wanted.stored]).astype(np.int64)
    if not len(rows) and not everything:
        raise ProcedureRefused(
            f"Invalid relationship projection, the type {wanted.stored!r} does not exist in the database"
        )
    source, target = (ends[rows].astype(np.int64) for ends in graph.edge_ends())
    properties, rules = {}, {}
    for key, one in wanted.properties.items():
        if one.key == EVERYTHING:  # how many there are
            properties[key] = DraftProperty(np.ones(len(rows)), one.default)
        else:
            properties[key] = DraftProperty(_column_values(graph.edge_column(one.key), rows, one), one.default)
        if one.aggregation:
            rules[key] = one.aggregation
    return DraftType(wanted.orientation, source, target, properties, wanted.aggregation, rules)
