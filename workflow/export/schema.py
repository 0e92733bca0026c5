"""The schema an export finds in one pass over all values: ``config.json`` and ``stats.json`` are written from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any

import numpy as np

from workflow.export.labels import EdgeTriple, NodeType
from workflow.graphs.source import RunColumn, Several
from workflow.values.numbers import BigInteger, Byte, Float, Long, Short

# From weak to strong: where two values of a property differ, the later type wins (String against anything).
DATA_TYPES = ("None", "Boolean", "Byte", "Short", "Integer", "Long", "Float", "Double", "String", "Date")
NUMERIC_TYPES = frozenset({"Byte", "Short", "Integer", "Long", "Float", "Double"})
HEADER_TYPES = {"Boolean": "bool", "Byte": "byte", "Short": "short", "Integer": "int", "Long": "long",
                "Float": "float", "Double": "double", "String": "string", "Date": "date"}  # fmt: skip
_RANK = {name: rank for rank, name in enumerate(DATA_TYPES)}
_BY_CLASS: dict[type, str] = {bool: "Boolean", Byte: "Byte", Short: "Short", int: "Integer", Long: "Long",
                              BigInteger: "Long", Float: "Float", float: "Double", str: "String"}  # fmt: skip


def data_type(value: object) -> str:
    """The schema's type of one value; what it has no name for is a String."""
    named = _BY_CLASS.get(type(value))
    if named is not None:
        return named
    if isinstance(value, date):
        return "Date"
    if isinstance(value, Decimal | float):
        return "Double"
    if isinstance(value, int):
        return "Long"
    return "String"


def merged_type(old: str, new: str) -> str:
    """The type of a property that has held values of both."""
    if old == new or new == "None":
        return old
    if old == "None":
        return new
    if old == "Boolean" or "String" in (old, new):
        return "String"
    return old if _RANK[old] > _RANK[new] else new


@dataclass(slots=True)
class PropertyFacts:
    """What was seen of one property of one label set.

    ``records`` counts the elements that have it, ``filled`` those whose cell is not empty, as an empty text makes it.
    """

    name: str
    type: str = "None"
    multi: bool = False
    types: list[str] = field(default_factory=list)
    type_counts: Counter[str] = field(default_factory=Counter)
    values: int = 0
    records: int = 0
    filled: int = 0
    least: int = 0
    most: int = 0

    def see(self, column: RunColumn) -> None:
        """Note what the elements of a run have."""
        if column.kind is not None:
            held = len(column.cells) if column.present is None else int(np.count_nonzero(column.present))
            self._count(_BY_CLASS[column.kind], held)
            self._sizes([1], held, held)
            return
        singles: Counter[type] = Counter(map(type, column.cells))
        singles.pop(type(None), None)
        several = singles.pop(Several, 0)
        if not several and all(kind in _BY_CLASS for kind in singles):
            for kind, count in singles.items():
                self._count(_BY_CLASS[kind], count)
            self._sizes([1], singles.total(), singles.total())
            return
        lists = [one if type(one) is Several else (one,) for one in column.cells if one is not None]
        for value in chain.from_iterable(lists):
            self._count(data_type(value), 1)
        self._sizes([len(one) for one in lists], len(lists), sum(map(len, lists)))

    def _count(self, found: str, count: int) -> None:
        if found != self.type:
            self.type = merged_type(self.type, found)
        if found not in self.type_counts:
            self.types.append(found)
        self.type_counts[found] += count

    def _sizes(self, sizes: Sequence[int], records: int, values: int) -> None:
        least, most = min(sizes), max(sizes)
        self.multi = self.multi or least != 1 or most != 1
        self.least = min(self.least, least) if self.records else least
        self.most = max(self.most, most)
        self.records += records
        self.values += values


@dataclass(slots=True)
class TypeSchema:
    """A label set or an edge triple, how many elements it has and what their properties are, in order of appearance."""

    on: NodeType | EdgeTriple
    count: int = 0
    properties: dict[str, PropertyFacts] = field(default_factory=dict)

    def nullable(self, facts: PropertyFacts) -> bool:
        return facts.records < self.count

    def config(self) -> dict[str, Any]:
        """The entry of ``config.json``."""
        label: Any
        if isinstance(self.on, NodeType):
            label = self.on.labels[0] if len(self.on.labels) == 1 else list(self.on.labels)
        elif self.on.with_ends:
            label = {
                "~label": self.on.label,
                "~fromLabels": list(self.on.source),
                "~toLabels": list(self.on.target),
            }
        else:
            label = self.on.label
        return {
            "label": label,
            "properties": [
                {
                    "property": facts.name,
                    "dataType": facts.type,
                    "isMultiValue": facts.multi,
                    "isNullable": self.nullable(facts),
                    "allTypes": list(facts.types),
                }
                for facts in self.properties.values()
            ],
        }

    def stats(self) -> dict[str, Any]:
        """The entry of ``stats.json``."""
        labels: Any
        if isinstance(self.on, NodeType):
            labels = list(self.on.labels)
        elif self.on.with_ends:
            labels = {"from": list(self.on.source), "edge": [self.on.label], "to": list(self.on.target)}
        else:
            labels = {"edge": [self.on.label]}
        return {
            "description": self.on.description,
            "labels": labels,
            "count": self.count,
            "properties": [
                {
                    "name": facts.name,
                    "count": facts.filled,
                    "numberOfRecords": facts.values,
                    "minCardinality": facts.least,
                    "maxCardinality": facts.most,
                    "isNullable": self.nullable(facts),
                    "dataTypes": {
                        "inferred": facts.type,
                        "counts": [{name: count} for name, count in facts.type_counts.items()],
                    },
                }
                for facts in self.properties.values()
            ],
        }


def config_json(nodes: Sequence[TypeSchema] | None, edges: Sequence[TypeSchema] | None) -> dict[str, Any]:
    """The content of ``config.json``: the schema found. None for a kind that was not to be exported."""
    found = {"nodes": nodes, "edges": edges}
    return {kind: [schema.config() for schema in schemas] for kind, schemas in found.items() if schemas is not None}


def stats_json(nodes: Sequence[TypeSchema], edges: Sequence[TypeSchema]) -> dict[str, Any]:
    """The content of ``stats.json``: the counts."""
    return {
        "stats": {
            "nodes": sum(node.count for node in nodes),
            "edges": sum(edge.count for edge in edges),
            "properties": sum(facts.filled for one in (*nodes, *edges) for facts in one.properties.values()),
            "details": {"nodes": [node.stats() for node in nodes], "edges": [edge.stats() for edge in edges]},
        }
    }
