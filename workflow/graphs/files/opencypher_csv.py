"""Neptune's CSV for openCypher data: the headers. Rows are read as those of its CSV for Gremlin.

A file of nodes has ``:ID`` and may have ``:LABEL``; one of relationships has ``:START_ID``, ``:END_ID``, ``:ID`` and
may have ``:TYPE``. A name before ``:ID`` stores the id as that property too. Properties are ``name:Type`` and hold one
value; types that a graph has not are kept as text. Source: the Neptune user guide, "openCypher load data format".
"""

from __future__ import annotations

import re
from typing import Final, Literal

from workflow.graphs.files.loading import RowError
from workflow.graphs.files.neptune_csv import FileRefused, Header, PropertyColumn

_SYSTEM: Final = re.compile(r"(?P<name>[^:]*):(?P<word>ID|LABEL|START_ID|END_ID|TYPE)(?P<space>\(.*\))?")
_PROPERTY: Final = re.compile(r"(?P<name>[^:]+)(?::(?P<type>\w+)(?P<many>\[\])?)?")
_TYPES: Final = {
    **{name: name for name in ("bool", "boolean", "byte", "short", "int", "long", "float", "double", "string")},
    "datetime": "datetime",
    **dict.fromkeys(("char", "date", "localdate", "localdatetime", "duration", "point"), "string"),
}


def opencypher_header(names: list[str]) -> Header | None:
    """What the first line says; None where it is no line of this format. Raises FileRefused where it is a wrong one."""
    system = {
        position: reserved for position, name in enumerate(names) if (reserved := _SYSTEM.fullmatch(name.strip()))
    }
    if not system:
        return None
    places: dict[str, int] = {}
    columns: list[PropertyColumn] = []
    for position, name in enumerate(names):
        reserved = system.get(position)
        if reserved is None:
            columns.append(_property(name.strip(), position))
            continue
        if reserved["space"]:
            raise _refused(f"{name!r} names a space of ids; make the ids different and leave the space out")
        if reserved["word"] in places:
            raise _refused(f"the column :{reserved['word']} stands twice")
        places[reserved["word"]] = position
        if reserved["name"] and reserved["word"] == "ID":
            columns.append(PropertyColumn(reserved["name"], "string", False, "single", position))
    keys = [column.key for column in columns]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise _refused(f"the column {twice!r} stands twice")
    edges = "START_ID" in places or "END_ID" in places
    for word in ("ID", "START_ID", "END_ID") if edges else ("ID",):
        if word not in places:
            raise _refused(f"there is no column :{word}")
    at = {word: places.get(word, -1) for word in ("ID", "LABEL", "TYPE", "START_ID", "END_ID")}
    kind: Literal["vertices", "edges"] = "edges" if edges else "vertices"
    label = at["TYPE"] if edges else at["LABEL"]
    return Header(kind, len(names), at["ID"], label, at["START_ID"], at["END_ID"], tuple(columns))


def _property(name: str, place: int) -> PropertyColumn:
    header = _PROPERTY.fullmatch(name)
    if header is None:
        raise _refused(f"{name!r} is no property; write name:Type")
    kind = (header["type"] or "string").lower()
    if kind not in _TYPES:
        raise _refused(f"{name!r}: there is no type {header['type']!r}; known are {', '.join(sorted(_TYPES))}")
    return PropertyColumn(
        header["name"], _TYPES[kind], bool(header["many"]), "set" if header["many"] else "single", place
    )


def _refused(message: str) -> FileRefused:
    return FileRefused(RowError("PARSING_ERROR", f"header: {message}", 1))
