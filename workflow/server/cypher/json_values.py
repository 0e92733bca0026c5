"""Values of openCypher as Neptune's HTTP writes them in JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from workflow.cypher.running.run import Row
from workflow.cypher.semantics.elements import labels_of, properties_of
from workflow.cypher.semantics.paths import CypherPath
from workflow.errors import BadRequest, InvalidNumericData, InvalidParameter
from workflow.graphs.elements import Edge, Vertex
from workflow.values.limits import too_many_values
from workflow.values.moments import MOMENTS, Duration, ZonedDateTime
from workflow.values.numerals import shortest

INT64: Final = 1 << 63


def row_json(row: Row) -> str:
    """A row as a JSON object; the order of its columns is kept."""
    return json.dumps({name: json_value(value) for name, value in row.items()}, ensure_ascii=False)


def json_value(value: Any) -> Any:
    """A value as JSON has it. A path alternates nodes and relationships; numbers that JSON has not are text."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else shortest(value)
    if isinstance(value, Vertex):
        return {
            "~id": str(value.id),
            "~entityType": "node",
            "~labels": labels_of(value),
            "~properties": {key: json_value(inner) for key, inner in properties_of(value).items()},
        }
    if isinstance(value, Edge):
        return {
            "~id": str(value.id),
            "~entityType": "relationship",
            "~start": str(value.out_vertex.id),
            "~end": str(value.in_vertex.id),
            "~type": value.label,
            "~properties": {key: json_value(inner) for key, inner in properties_of(value).items()},
        }
    if isinstance(value, Mapping):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, CypherPath):
        steps = zip(value.nodes[1:], value.relationships, strict=True)
        return [json_value(value.nodes[0]), *(json_value(inner) for node, edge in steps for inner in (edge, node))]
    if isinstance(value, list | tuple | set | frozenset):
        return [json_value(inner) for inner in value]
    if isinstance(value, ZonedDateTime):
        return _utc_text(value)
    return str(value) if isinstance(value, (*MOMENTS, Duration)) else _other(value)


def _utc_text(value: ZonedDateTime) -> str:
    """``2024-04-01T23:59:59.000Z``: of UTC, always with milliseconds."""
    utc = ZonedDateTime.then(value.instant(), None)
    seconds, fraction = divmod(utc.nanosecond, 1_000_000_000)
    day = str(utc).split("T")[0]
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{day}T{clock}.{fraction // 1_000_000:03d}Z"


def _other(value: Any) -> str:
    """Values that only other languages can make, such as a UUID in a property."""
    return value.hex() if isinstance(value, bytes | bytearray) else str(value)


def parameters_of(given: object) -> dict[str, Any]:
    """The parameters of a request: a JSON object, or its text as boto3 and forms send it.

    Raises BadRequest for text that is no JSON, InvalidParameter for what is no object, InvalidNumericData for integers
    beyond 64 bits.
    """
    if given is None or given == "":
        return {}
    found = given
    if isinstance(given, str | bytes):
        try:
            trouble = too_many_values(given)
            if trouble is not None:
                raise ValueError(trouble)
            found = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"parameters must be the text of a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise InvalidParameter(f"parameters must be a JSON object by name, not {type(found).__name__}")
    return {name: _checked(name, value) for name, value in found.items()}


def _checked(name: str, value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and not -INT64 <= value < INT64:
        raise InvalidNumericData(f"The parameter {name!r} holds {str(value)[:40]}, which is no 64-bit integer")
    if isinstance(value, list):
        return [_checked(name, one) for one in value]
    if isinstance(value, dict):
        return {key: _checked(name, one) for key, one in value.items()}
    return value
