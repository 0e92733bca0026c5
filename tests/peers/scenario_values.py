"""The notation of values in TinkerPop's features, and when a result equals one."""

from __future__ import annotations

import datetime
import json
import math
import re
import struct
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from gremlin_python.process.traversal import Direction, Merge, T
from gremlin_python.statics import bigdecimal, long
from gremlin_python.structure.graph import Path, Vertex

Lookup = Callable[[str], Mapping[str, Any]]  # kind (v, e, vp) -> element by the name features give it

CONSTANTS = {
    "null": None,
    "true": True,
    "false": False,
    "d[NaN]": math.nan,
    "d[Infinity]": math.inf,
    "d[-Infinity]": -math.inf,
}
MERGE = {"inV": "in_v", "outV": "out_v", "onCreate": "on_create", "onMatch": "on_match"}


class Single(float):
    """An expected 32-bit float: equal to what rounds to the same one."""

    def equals(self, other: float) -> bool:
        return struct.pack(">f", self) == struct.pack(">f", other)


def parse(value: Any, lookup: Lookup) -> Any:
    """A value of the notation: ``d[1].i``, ``v[marko]``, ``l[…]``, ``m[{…}]`` …"""
    if isinstance(value, dict):
        return {hashable(parse(k, lookup)): parse(v, lookup) for k, v in value.items()}
    if isinstance(value, list):
        return [parse(v, lookup) for v in value]
    if not isinstance(value, str):
        return value
    if value in CONSTANTS:
        return CONSTANTS[value]
    match = re.match(r"(vp|dt|str|uuid|[vedlsmptDM])\[(.*)\](?:\.(id|sid|[bsilfdmn]))?$", value, re.S)
    if not match:
        return value
    kind, body, suffix = match.groups()
    if kind == "d" and suffix:
        return _number(body, suffix)
    if kind in ("v", "e", "vp"):
        found = lookup(kind).get(body, Vertex(body))
        return found.id if suffix == "id" else str(found.id) if suffix == "sid" else found
    return _READERS[kind](body, lookup) if not suffix else value


def _number(body: str, suffix: str) -> Any:
    types: dict[str, Callable[[str], Any]] = {"m": bigdecimal, "f": Single, "d": float, "l": lambda text: long(text)}
    return types.get(suffix, int)(body)


_READERS: dict[str, Callable[[str, Lookup], Any]] = {
    "l": lambda body, lookup: [parse(x, lookup) for x in split(body)],
    "s": lambda body, lookup: {hashable(parse(x, lookup)) for x in split(body)},
    "m": lambda body, lookup: parse(json.loads(body), lookup),
    "p": lambda body, lookup: Path([set()], [parse(x, lookup) for x in split(body)]),
    "str": lambda body, _: body,
    "dt": lambda body, _: datetime.datetime.fromisoformat(body.replace("Z", "+00:00")),
    "uuid": lambda body, _: uuid.UUID(body),
    "t": lambda body, _: T[body],
    "D": lambda body, _: Direction["from_" if body == "from" else body],
    "M": lambda body, _: Merge[MERGE[body]],
}


def split(text: str) -> list[str]:
    """At the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(text):
        depth += (character in "[{(") - (character in "]})")
        if character == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    rest = text[start:].strip()
    return [*parts, rest] if rest else parts


def hashable(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(map(hashable, value))
    if isinstance(value, set | frozenset):
        return frozenset(map(hashable, value))
    if isinstance(value, dict):
        return frozenset((hashable(k), hashable(v)) for k, v in value.items())
    return value


def literal(value: Any) -> str:
    """A value as Gremlin text, for what cannot be a binding."""
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, long):
        return f"{int(value)}l"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return f"{value}d"
    if isinstance(value, str):
        return json.dumps(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(literal, value)) + "]"
    if isinstance(value, set | frozenset):
        return "{" + ",".join(map(literal, value)) + "}"
    if isinstance(value, dict):
        return "[" + ",".join(f"{literal(k)}:{literal(v)}" for k, v in value.items()) + "]"
    if isinstance(value, T | Direction):
        return f"{type(value).__name__}.{value.name.rstrip('_')}"
    if isinstance(value, Vertex):
        return f"new Vertex({literal(value.id)},{literal(value.label)})"
    raise TypeError(f"no literal for {value!r}")


def same(result: Any, expected: Any) -> bool:
    """Equality of a result with an expected value; NaN equals NaN, path labels do not count."""
    if isinstance(result, float) and isinstance(expected, float) and math.isnan(result) and math.isnan(expected):
        return True
    if isinstance(expected, Single) and isinstance(result, float) and abs(result) < 3.4e38:
        return expected.equals(result)
    if isinstance(expected, frozenset) and isinstance(result, tuple):  # how gremlinpython reads a set as a map key
        result = frozenset(result)
    if isinstance(result, Path) and isinstance(expected, Path):
        return same(list(result.objects), list(expected.objects))
    if isinstance(result, list | tuple) and isinstance(expected, list | tuple):
        return len(result) == len(expected) and all(map(same, result, expected))
    if isinstance(result, dict) and isinstance(expected, dict):
        return len(result) == len(expected) and matched(list(result.items()), list(expected.items()))
    if isinstance(result, set | frozenset) and isinstance(expected, set | frozenset):
        return matched(list(result), list(expected))
    if isinstance(result, bool) != isinstance(expected, bool):
        return False
    return bool(result == expected)


def matched(results: list[Any], expected: list[Any]) -> bool:
    """Whether the two agree as bags."""
    left = list(results)
    for value in expected:
        for i, result in enumerate(left):
            if same(result, value):
                del left[i]
                break
        else:
            return False
    return not left
