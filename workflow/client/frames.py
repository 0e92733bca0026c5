"""Frames in, frames out: Neptune CSV from any data frame, and query answers as pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workflow.errors import InvalidParameter

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = {"nodes": ("~id", "~label"), "edges": ("~from", "~to", "~label")}
WHOLE = (":byte", ":short", ":int", ":long")


def write_neptune_csv(frame: Any, *, kind: str, first: str = "e") -> bytes:
    """Neptune's load format of a frame of nodes or edges.

    Args:
        frame: pandas, or any eager frame that Narwhals knows.
        kind: ``nodes`` or ``edges``; decides which columns must be there. Edges without ``~id`` are numbered.
        first: what the ids of numbered edges begin with.

    Numbers under a name that says ``:Int`` are written whole: pandas makes 35.0 of 35 in a column with empty cells.
    """
    import narwhals as nw

    table = nw.from_native(frame, eager_only=True)
    missing = [name for name in REQUIRED[kind] if name not in table.columns]
    if missing:
        raise InvalidParameter(f"The frame of {kind} has no column {missing[0]!r}; it has: {', '.join(table.columns)}.")
    header = [_typed(name, table[name].dtype) for name in table.columns]
    rows: Sequence[Sequence[Any]] = table.rows()
    if "~id" not in table.columns:
        header, rows = ["~id", *header], [(f"{first}{i}", *row) for i, row in enumerate(rows)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    whole = [name.lower().startswith(WHOLE, name.rfind(":")) if ":" in name else False for name in header]
    writer.writerows([[_cell(value, w) for value, w in zip(row, whole, strict=True)] for row in rows])
    return out.getvalue().encode()


def _cell(value: Any, whole: bool) -> Any:
    if value is None or value != value:
        return ""
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value


def _typed(name: str, dtype: Any) -> str:
    if name.startswith("~") or ":" in name:
        return name
    if dtype.is_integer():
        return f"{name}:Long"
    if dtype.is_numeric():
        return f"{name}:Double"
    if str(dtype) == "Boolean":
        return f"{name}:Bool"
    if dtype.is_temporal():
        return f"{name}:Date"
    return f"{name}:String"


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
