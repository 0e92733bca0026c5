"""Values in the notation of openCypher's kit, values of queries, and one form in which both can be compared.

A value becomes a tuple that begins with its kind: numbers of different kinds differ, NaN is itself, moments are their
text, and the labels and properties of elements are sets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from neo4j import graph as driver_graph
from neo4j import time as driver_time

from workflow.cypher.functions import temporal
from workflow.cypher.semantics.elements import labels_of, properties_of
from workflow.cypher.semantics.paths import CypherPath
from workflow.graphs.elements import Edge, Vertex
from workflow.values.moments import Duration

Form = tuple[Any, ...]

_TOKENS = re.compile(
    r"\s*(?:(?P<number>[-+]?(?:NaN|Inf(?:inity)?|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))"
    r"|'(?P<string>(?:\\.|[^'\\])*)'|`(?P<quoted>[^`]*)`|(?P<word>[^\W\d]\w*)|(?P<mark><-|->|[-<>\[\](){}:,]))"
)


def written(text: str) -> Form:
    """The value that a cell of the kit writes. Raises ValueError for what is none."""
    reader = _Reader(text)
    found = reader.value()
    if reader.rest():
        raise ValueError(f"{text!r} is no value of the kit")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    def rest(self) -> str:
        return self._text[self._at :].strip()

    def _take(self, mark: str) -> bool:
        found = self._text[self._at :].lstrip()
        if found.startswith(mark):
            self._at = len(self._text) - len(found) + len(mark)
            return True
        return False

    def _need(self, mark: str) -> None:
        if not self._take(mark):
            raise ValueError(f"{self._text!r}: {mark} is missing at {self._at}")

    def _token(self) -> tuple[str, str]:
        found = _TOKENS.match(self._text, self._at)
        if found is None or found.lastgroup is None:
            raise ValueError(f"{self._text!r} goes on with no value at {self._at}")
        self._at = found.end()
        return found.lastgroup, found[found.lastgroup]

    def value(self) -> Form:
        if self._take("("):
            return self._node()
        if self._take("<"):
            return self._path()
        if self._take("{"):
            return ("map", frozenset(self._entries()))
        if self._take("["):
            return self._relationship() if self._take(":") else ("list", tuple(self._items()))
        kind, text = self._token()
        if kind == "string":
            return ("string", re.sub(r"\\(['\\])", r"\1", text))
        if kind == "number":
            return ("integer", int(text)) if re.fullmatch(r"[-+]?\d+", text) else _float(float(text))
        words: dict[str, Form] = {"true": ("boolean", True), "false": ("boolean", False), "null": ("null",)}
        return words[text]

    def _items(self) -> list[Form]:
        found: list[Form] = []
        while not self._take("]"):
            found.append(self.value())
            self._take(",")
        return found

    def _entries(self) -> list[tuple[str, Form]]:
        found: list[tuple[str, Form]] = []
        while not self._take("}"):
            _, key = self._token()
            self._need(":")
            found.append((key, self.value()))
            self._take(",")
        return found

    def _node(self) -> Form:
        labels = []
        while self._take(":"):
            labels.append(self._token()[1])
        entries = self._entries() if self._take("{") else []
        self._need(")")
        return ("node", frozenset(labels), frozenset(entries))

    def _relationship(self) -> Form:
        _, kind = self._token()
        entries = self._entries() if self._take("{") else []
        self._need("]")
        return ("relationship", kind, frozenset(entries))

    def _path(self) -> Form:
        self._need("(")
        parts: list[Any] = [self._node()]
        while not self._take(">"):
            backward = self._take("<-") or not self._take("-")
            self._need("[")
            self._need(":")
            parts += [not backward, self._relationship()]
            self._need("-" if backward else "->")
            self._need("(")
            parts.append(self._node())
        return ("path", *parts)


def _float(value: float) -> Form:
    return ("float", "NaN" if math.isnan(value) else repr(value + 0.0))


def parameter(form: Form) -> Any:
    """A written value as a parameter."""
    match form:
        case ("list", items):
            return [parameter(one) for one in items]
        case ("map", entries):
            return {key: parameter(one) for key, one in entries}
        case ("float", text):
            return float(text)
        case ("null",):
            return None
    return form[1]


def form_of(value: Any) -> Form:
    """A value of the engine or of the driver."""
    match value:
        case None:
            return ("null",)
        case bool():
            return ("boolean", value)
        case int():
            return ("integer", int(value))
        case float():
            return _float(value)
        case str():
            return ("string", str(value))
        case Vertex():
            return ("node", frozenset(labels_of(value)), _entries(properties_of(value)))
        case Edge():
            return ("relationship", value.label, _entries(properties_of(value)))
        case CypherPath():
            starts = [edge.out_vertex == node for edge, node in zip(value.relationships, value.nodes, strict=False)]
            return _path_form(value.nodes, value.relationships, starts)
        case driver_graph.Node():
            return ("node", frozenset(value.labels), _entries(dict(value)))
        case driver_graph.Relationship():
            return ("relationship", value.type, _entries(dict(value)))
        case driver_graph.Path():
            pairs = zip(value.relationships, value.nodes, strict=False)
            return _path_form(value.nodes, value.relationships, [edge.start_node == node for edge, node in pairs])
        case Mapping():
            return ("map", _entries(value))
        case driver_time.Duration():
            return ("string", str(Duration.of(value.months, value.days, value.seconds, value.nanoseconds)))
        case list() | tuple():
            return ("list", tuple(map(form_of, value)))
        case driver_time.DateTime() | driver_time.Date() | driver_time.Time():
            return ("string", _moment_text(value))
    return ("string", str(value))


def _entries(values: Mapping[str, Any]) -> frozenset[tuple[str, Form]]:
    return frozenset((key, form_of(one)) for key, one in values.items())


def _path_form(nodes: Any, edges: Any, forward: list[bool]) -> Form:
    parts: list[Any] = [form_of(nodes[0])]
    for edge, node, way in zip(edges, nodes[1:], forward, strict=True):
        parts += [way, form_of(edge), form_of(node)]
    return ("path", *parts)


def _moment_text(value: Any) -> str:
    """A moment of the driver's as the kit writes it: without parts that are zero, and with its zone's own offset."""
    text = value.iso_format()
    if isinstance(value, driver_time.DateTime):
        zone = getattr(value.tzinfo, "zone", None)
        if value.tzinfo is None:
            return str(temporal.local_date_time(text))
        return str(temporal.date_time(text + (f"[{zone}]" if zone and zone != "UTC" else "")))
    if isinstance(value, driver_time.Time):
        return str(temporal.local_time(text) if value.tzinfo is None else temporal.time(text))
    return str(text)


def unordered(form: Form) -> Form:
    """The same where the order in lists does not count."""
    if form[0] == "list":
        return ("list", tuple(sorted((unordered(one) for one in form[1]), key=repr)))
    return form
