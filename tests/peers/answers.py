"""Answers of our engine and of a Gremlin Server in one comparable form.

Numbers keep their type and nine digits; elements are their ids; sets and maps are sorted. Lists are sorted too, because
the order inside of most is the order in which a database iterates.
"""

from __future__ import annotations

import datetime
import http.client
import json
from collections.abc import Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any

from workflow.graphs.elements import Edge, Path, Property, Vertex, VertexProperty
from workflow.gremlin.semantics.java_text import date_text
from workflow.gremlin.semantics.values import BigInteger, BulkSet, Byte, Float, GremlinEnum, GSet, Long, MapEntry, Short

Form = Any

_INTEGERS = {
    "g:Int32": "int",
    "g:Int64": "long",
    "gx:Int16": "short",
    "gx:Byte": "byte",
    "gx:BigInteger": "bigint",
}


class Refused(Exception):
    """The server answered with an error; its text is the argument."""


class TooSlow(Exception):
    """No answer in time: nothing to compare."""


class GremlinServer:
    """One HTTP connection to a Gremlin Server, which answers in typed GraphSON 3."""

    def __init__(self, port: int, source: str = "ggraph") -> None:
        self.port = port
        self.source = source
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def ask(self, text: str) -> list[Form]:
        """The results in comparable form. Raises Refused."""
        body = json.dumps({"gremlin": text, "language": "gremlin-lang", "aliases": {"g": self.source}})
        headers = {"Accept": "application/vnd.gremlin-v3.0+json", "Content-Type": "application/json"}
        try:
            self.connection.request("POST", "/gremlin", body.encode(), headers)
            response = self.connection.getresponse()
            answer = json.loads(response.read())
        except (TimeoutError, http.client.HTTPException, ConnectionError) as lost:
            self.connection.close()
            raise TooSlow(text) from lost
        if response.status != 200 and "timeout occurred" in str(answer.get("message")):
            raise TooSlow(text)
        if response.status != 200:
            raise Refused(str(answer.get("message")))
        return [of_json(value) for value in answer["result"]["data"]["@value"]]


def real(kind: str, value: float) -> Form:
    """A floating point number to nine digits, one of 32 bits to six."""
    if value != value:
        return (kind, "NaN")
    return (kind, f"{value:.{6 if kind == 'float' else 9}g}" if abs(value) > 1e-12 else "0")


def of_json(found: Any) -> Form:
    """The form of a GraphSON 3 value."""
    if not isinstance(found, dict):
        return ("bool", found) if isinstance(found, bool) else ("str", found) if isinstance(found, str) else ("null",)
    kind, value = found["@type"], found.get("@value")
    if kind in _INTEGERS:
        return (_INTEGERS[kind], int(value))
    if kind in ("g:Double", "g:Float"):
        return real("double" if kind == "g:Double" else "float", float(value))
    if kind == "gx:BigDecimal":
        return real("decimal", float(value))
    if kind in ("g:List", "g:BulkSet"):
        members = value if kind == "g:List" else _bulked(value)
        return ("list", in_order(map(of_json, members)))
    if kind == "g:Set":
        return ("set", in_order(map(of_json, value)))
    if kind == "g:Map":
        pairs = zip(value[::2], value[1::2], strict=True)
        return ("map", in_order((of_json(key), of_json(item)) for key, item in pairs))
    if kind in ("g:Vertex", "g:Edge"):
        return (kind[2:].lower(), of_json(value["id"]))
    if kind == "g:VertexProperty":
        return ("vp", value["label"], of_json(value["value"]))
    if kind == "g:Property":
        return ("p", value["key"], of_json(value["value"]))
    if kind == "g:Path":
        labels = [tuple(sorted(label["@value"])) for label in value["labels"]["@value"]]
        return ("path", tuple(map(of_json, value["objects"]["@value"])), tuple(labels))
    if kind == "g:Tree":
        return ("map", in_order((of_json(one["key"]), of_json(one["value"])) for one in value))
    return (kind.partition(":")[2], str(value))


def _bulked(value: list[Any]) -> list[Any]:
    return [member for member, bulk in zip(value[::2], value[1::2], strict=True) for _ in range(int(bulk["@value"]))]


def in_order(forms: Any) -> tuple[Form, ...]:
    """Forms sorted by how they read."""
    return tuple(sorted(forms, key=repr))


def untied(forms: list[Form]) -> tuple[Form, ...]:
    """Forms in their order, but neighbours that are one number in several types sorted: no order tells them apart."""
    out: list[Form] = []
    for _, run in groupby(forms, key=lambda form: float(form[1]) if form[0] in _NUMERIC else repr(form)):
        out += sorted(run, key=repr)
    return tuple(out)


_NUMERIC = frozenset({*_INTEGERS.values(), "double", "float", "decimal"})
_NUMBERS: dict[type, str] = {int: "int", Long: "long", Short: "short", Byte: "byte", BigInteger: "bigint"}


def of_value(found: Any) -> Form:
    """The form of a value of our engine."""
    if found is None:
        return ("null",)
    if isinstance(found, bool):
        return ("bool", found)
    if type(found) in _NUMBERS:
        return (_NUMBERS[type(found)], int(found))
    if isinstance(found, float):
        return real("float" if isinstance(found, Float) else "double", found)
    if isinstance(found, Decimal):
        return real("decimal", float(found))
    if isinstance(found, str):
        return ("str", str(found))
    if isinstance(found, (Vertex, Edge)):
        return (type(found).__name__.lower(), of_value(found.id))
    if isinstance(found, VertexProperty):
        return ("vp", found.label, of_value(found.value))
    if isinstance(found, Property):
        return ("p", found.key, of_value(found.value))
    if isinstance(found, Path):
        return ("path", tuple(map(of_value, found.objects)), tuple(tuple(sorted(labels)) for labels in found.labels))
    if isinstance(found, MapEntry):
        return ("map", ((of_value(found.key), of_value(found.value)),))
    if isinstance(found, Mapping):
        return ("map", in_order((of_value(key), of_value(item)) for key, item in found.items()))
    if isinstance(found, BulkSet):
        return ("list", in_order(map(of_value, found)))
    if isinstance(found, (GSet, set, frozenset)):
        return ("set", in_order(map(of_value, found)))
    if isinstance(found, (list, tuple)):
        return ("list", in_order(map(of_value, found)))
    if isinstance(found, datetime.datetime):
        return ("OffsetDateTime", date_text(found))
    if isinstance(found, GremlinEnum):
        return (type(found).__name__, str(found.value))
    return (type(found).__name__, str(found))
