"""Frames in, frames out: Neptune CSV from any data frame, and query answers as pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from workflow.errors import InvalidParameter

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = {"nodes": ("~id", "~label"), "edges": ("~from", "~to", "~label")}
IDS = ("~id", "~from", "~to")
WHOLE = (":byte", ":short", ":int", ":long")


def write_neptune_csv(frame: Any, *, kind: str, first: str = "e") -> bytes:
    """Neptune's load format of a frame of nodes or edges.

    Args:
        frame: pandas, or any eager frame that Narwhals knows.
        kind: ``nodes`` or ``edges``; decides which columns must be there. Edges without ``~id`` are numbered.
        first: what the ids of numbered edges begin with.

    Numbers under a name that says ``:Int`` are written whole: pandas makes 35.0 of 35 in a column with empty cells. A
    missing value of any kind is an empty cell, lists and arrays are columns of several values. Raises InvalidParameter
    for a missing column, an id that is empty or no whole number, and values that Neptune's format has no word for.
    """
    table = as_table(frame, f"frame of {kind}")
    missing = [name for name in REQUIRED[kind] if name not in table.columns]
    if missing:
        raise InvalidParameter(f"The frame of {kind} has no column {missing[0]!r}; it has: {', '.join(table.columns)}.")
    columns = {name: cells_of(table, name, kind) for name in table.columns}
    header = [_typed(name, table[name].dtype, table[name].to_list()) for name in table.columns]
    rows: Sequence[Sequence[Any]] = list(zip(*columns.values(), strict=True))
    if "~id" not in table.columns:
        header, rows = ["~id", *header], [(f"{first}{i}", *row) for i, row in enumerate(rows)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode()


def as_table(frame: Any, what: str) -> Any:
    """A frame as Narwhals reads it. Raises InvalidParameter for anything that is no frame."""
    import narwhals as nw

    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise InvalidParameter(
            f"The {what} is of type {type(frame).__name__}; give a data frame, such as pandas.DataFrame({frame!r:.60})."
        ) from error


def cells_of(table: Any, name: str, kind: str = "nodes") -> list[Any]:
    """The cells of a column of a Narwhals frame as they are written. Raises InvalidParameter, naming the row."""
    values = table[name].to_list()
    if name in IDS:
        for place, value in enumerate(values):
            row_of(value, place, name, f"the frame of {kind}")
        return [str(int(value)) if isinstance(value, float) else str(value) for value in values]
    if name == "~label":
        return [";".join(map(str, value)) if is_several(value) else _cell(value, False) for value in values]
    whole = ":" in name and name.lower().startswith(WHOLE, name.rfind(":"))
    if str(table[name].dtype).startswith("Duration") or any(
        isinstance(value, timedelta | np.timedelta64) for value in values
    ):
        raise InvalidParameter(
            f"Column {name!r} of {kind} holds lengths of time, which a graph has no type for; make numbers of them, "
            f"such as frame[{name!r}].dt.total_seconds()."
        )
    return [_cell(value, whole) for value in values]


def row_of(value: Any, place: int, column: str, where: str) -> None:
    """Raises InvalidParameter for an id that is none, with its row counted from 0, as the frame counts."""
    if is_missing(value):
        why = "a join that found no partner leaves such rows; drop them, or join with how='inner'"
        raise InvalidParameter(f"Row {place} of {where} has no {column!r}: {why}.")
    if isinstance(value, float) and not value.is_integer():
        raise InvalidParameter(f"Row {place} of {where} has {column!r} {value!r}, which is no id; write whole or text.")


def is_missing(value: Any) -> bool:
    """Whether a value is None, NaN, NaT or pandas' NA."""
    if value is None:
        return True
    if is_several(value):
        return False
    try:
        return bool(value != value)
    except TypeError:  # pandas' NA is neither
        return True


def is_several(value: Any) -> bool:
    """Whether a value is a list, a tuple, a set or an array."""
    return isinstance(value, list | tuple | set | frozenset) or (
        hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0
    )


def _cell(value: Any, whole: bool) -> Any:
    if is_several(value):
        members = sorted(value) if isinstance(value, set | frozenset) else list(value)
        cells = [str(_cell(member, whole)) for member in members if not is_missing(member)]
        return ";".join(cell.replace("\\", "\\\\").replace(";", "\\;") for cell in cells)
    if is_missing(value):
        return ""
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value


def _typed(name: str, dtype: Any, values: Sequence[Any]) -> str:
    if name.startswith("~") or ":" in name:
        return name
    members = [value for value in values if not is_missing(value)]
    several = bool(members) and all(map(is_several, members))
    if several:
        members = [one for value in members for one in value if not is_missing(one)]
    return f"{name}:{_type_of(dtype, members, several)}" + ("[]" if several else "")


def _type_of(dtype: Any, members: Sequence[Any], several: bool) -> str:
    """Neptune's type by the dtype, by the values themselves where that says nothing."""
    if not several:
        if dtype.is_integer():
            return "Long"
        if dtype.is_numeric():
            return "Double"
        if str(dtype) == "Boolean":
            return "Bool"
        if dtype.is_temporal():
            return "Date"
        if str(dtype) not in ("Object", "Unknown"):
            return "String"
    kinds = {type(getattr(member, "item", lambda member=member: member)()) for member in members}
    for type_name, fitting in (("Bool", {bool}), ("Long", {int}), ("Double", {int, float})):
        if kinds and kinds <= fitting:
            return type_name
    return "Date" if kinds and all(issubclass(kind, date) for kind in kinds) else "String"


def answer_frame(results: Sequence[Any]) -> pd.DataFrame:
    """Query results as a table, one row a result: the keys of maps are columns, other results one column ``value``."""
    import pandas as pd

    if results and all(isinstance(result, dict) for result in results):
        return pd.DataFrame(answer_records(results))
    return pd.DataFrame({"value": [_plain(result) for result in results]})


def answer_records(results: Sequence[Any]) -> list[Any]:
    """Query results as plain values, whole: a map is a record with its keys as names, an element its id."""
    return [
        {_name(key): _plain(value) for key, value in result.items()} if isinstance(result, dict) else _plain(result)
        for result in results
    ]


def _name(key: Any) -> str:
    """``T.id`` and ``Direction.OUT`` are keys of element maps."""
    return str(getattr(key, "name", key)).removesuffix("_")


def _plain(value: Any) -> Any:
    """Elements as their ids; lists of one, as ``valueMap`` makes them, stay lists."""
    if hasattr(value, "id") and hasattr(value, "label") and not hasattr(value, "value"):
        return value.id
    return value.value if hasattr(value, "value") and hasattr(value, "key") else value
