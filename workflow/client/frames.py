"""Frames in, frames out: Neptune CSV from any data frame, and query answers as pandas."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from workflow.errors import InvalidParameter

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = {"nodes": ("~id", "~label"), "edges": ("~from", "~to", "~label")}
IDS = ("~id", "~from", "~to")
TOO_FINE = "finer than the microseconds that a graph keeps: round it, such as with .dt.floor('us')"
WHOLE = (":byte", ":short", ":int", ":long")
TYPED = re.compile(
    r".+:(bool|boolean|byte|short|int|integer|long|float|double|string|date|datetime)(\[\])?(\((single|set)\))?",
    re.I | re.S,
)

# what other systems call types of Neptune's
FOREIGN = {
    **dict.fromkeys(("number", "bigint", "int64"), "Long"),
    **dict.fromkeys(("str", "text", "varchar", "object"), "String"),
    **dict.fromkeys(("float64", "decimal", "numeric", "real"), "Double"),
    **dict.fromkeys(("timestamp", "datetime64"), "Date"),
    "int32": "Int",
}


def write_neptune_csv(frame: Any, *, kind: str, first: str = "e", replace: bool = False) -> bytes:
    """Neptune's load format of a frame of nodes or edges.

    Args:
        frame: pandas, or any eager frame that Narwhals knows.
        kind: ``nodes`` or ``edges``; decides which columns must be there. Edges without ``~id`` are numbered.
        first: what the ids of numbered edges begin with.
        replace: whether a value takes the place of one that the graph has, where a vertex may have several.

    Numbers under a name that says ``:Int`` are written whole: pandas makes 35.0 of 35 in a column with empty cells. A
    missing value of any kind is an empty cell, a text without letters a quoted one, lists and arrays are columns of
    several values. Raises InvalidParameter for a missing column, an id that is empty, no whole number or there twice
    with different values, and for values that Neptune's format has no word for, with the row.
    """
    table = as_table(frame, f"frame of {kind}")
    missing = [name for name in REQUIRED[kind] if name not in table.columns]
    if missing:
        raise InvalidParameter(f"The frame of {kind} has no column {missing[0]!r}; it has: {', '.join(table.columns)}.")
    columns = {name: cells_of(table, name, kind) for name in table.columns}
    header = [_typed(name, table[name].dtype, table[name].to_list()) for name in table.columns]
    if replace and kind == "nodes":
        header = [name if name.startswith("~") or name.endswith(("[]", ")")) else f"{name}(single)" for name in header]
    rows: Sequence[Sequence[Any]] = list(zip(*columns.values(), strict=True))
    if "~id" not in table.columns:
        header, rows = ["~id", *header], [(f"{first}{i}", *row) for i, row in enumerate(rows)]
    else:
        _check_repeated(columns["~id"], rows, kind)
    return "".join(",".join(map(_field, row)) + "\n" for row in (header, *rows)).encode()


def as_table(frame: Any, what: str) -> Any:
    """A frame as Narwhals reads it, with names that are text.

    Raises InvalidParameter for anything that is no frame, and for names of columns that are several, or there twice.
    """
    import narwhals as nw

    lazy = hasattr(frame, "collect")
    given = [] if lazy else getattr(frame, "column_names", None) or list(getattr(frame, "columns", ()))
    for name in given:
        if isinstance(name, tuple):
            raise InvalidParameter(f"The {what} has columns of several levels, such as {name!r}; give each one name.")
    if twice := [name for name, count in Counter(map(str, given)).items() if count > 1]:
        raise InvalidParameter(f"The {what} has the column {twice[0]!r} twice; rename one of them.")
    if not all(isinstance(name, str) for name in given) and hasattr(frame, "set_axis"):
        frame = frame.set_axis([str(name) for name in given], axis=1)
    try:
        return nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise InvalidParameter(
            f"The {what} is of type {type(frame).__name__}; give a data frame, such as pandas.DataFrame({frame!r:.60})."
        ) from error


def cells_of(table: Any, name: str, kind: str = "nodes") -> list[Any]:
    """The cells of a column of a Narwhals frame as they are written, None where one is missing.

    Raises InvalidParameter, naming the row.
    """
    values, where = table[name].to_list(), f"the frame of {kind}"
    if name in IDS:
        for place, value in enumerate(values):
            row_of(value, place, name, where)
        return [str(int(value)) if isinstance(value, float) else str(value) for value in values]
    if name == "~label":
        for place, value in enumerate(values):
            if is_missing(value) or value == "":
                raise InvalidParameter(
                    f"Row {place} of {where} has no '~label'; every one needs a word for what it is."
                )
        return [";".join(map(str, value)) if is_several(value) else str(value) for value in values]
    whole = ":" in name and name.lower().startswith(WHOLE, name.rfind(":"))
    if str(table[name].dtype).startswith("Duration") or any(
        isinstance(value, timedelta | np.timedelta64) for value in values
    ):
        raise InvalidParameter(
            f"Column {name!r} of {kind} holds lengths of time, which a graph has no type for; make numbers of them, "
            f"such as frame[{name!r}].dt.total_seconds()."
        )
    _check_fine(table[name], name, where)
    several = [is_several(value) for value in values if not is_missing(value)]
    if any(several) and not all(several):
        raise InvalidParameter(f"Column {name!r} of {kind} holds lists and single values; write all of them as lists.")
    kinds: dict[str, tuple[int, Any]] = {}
    for place, value in enumerate(values):
        if is_missing(value):
            continue
        for member in value if is_several(value) else (value,):
            if is_missing(member):
                raise InvalidParameter(
                    f"Row {place} of {where} has {name!r} {value!r:.60}: a list in a graph holds nothing that is "
                    "missing. Drop such members, or write what stands for them."
                )
            if (why := _without_word(member)) is not None:
                raise InvalidParameter(f"Row {place} of {where} has {name!r} {member!r:.60}, {why}.")
            kinds.setdefault(kind_of(member), (place, member))
    if len(kinds) > 1 and not _says_type(name):
        (one, (_, first)), (other, (place, member)) = list(kinds.items())[:2]
        raise InvalidParameter(
            f"Column {name!r} of {kind} holds {first!r:.40}, a {one}, and in row {place} {member!r:.40}, a {other}: "
            f"one would become the other. Make them one type, such as frame[{name!r}].astype(str), or two columns."
        )
    return [_cell(value, whole) for value in values]


def kind_of(value: Any) -> str:
    """What a value is to a graph: what has no type of its own there is text."""
    if isinstance(value, bool | np.bool_):
        return "truth value"
    if isinstance(value, int | float | Decimal | np.number):
        return "number"
    return "date" if isinstance(value, date | np.datetime64) else "text"


def _check_fine(column: Any, name: str, where: str) -> None:
    """Raises InvalidParameter, with the row, for a moment finer than Python's own, which would only be cut."""
    if getattr(column.dtype, "time_unit", None) != "ns" and str(column.dtype) != "Time":
        return
    try:
        fractions = column.dt.nanosecond().to_list()
    except AttributeError:  # pandas has no parts of Arrow's times of day
        fractions = column.to_arrow().cast("int64").to_pylist()
    for place, fraction in enumerate(fractions):
        if not is_missing(fraction) and int(fraction) % 1000:
            raise InvalidParameter(
                f"Row {place} of {where} has {name!r} {column[place]} and {int(fraction) % 1000} ns, {TOO_FINE}."
            )


def _without_word(value: Any) -> str | None:
    """Why a value has no word in a graph, or None."""
    if isinstance(value, Mapping):
        return "a mapping: make a column of each of its members"
    if isinstance(value, tuple) and not is_several(value):
        return "a length of time: make numbers of its parts"
    if is_several(value):
        return "a list in a list: make a column of each"
    if isinstance(value, bytes | bytearray | memoryview):
        return "which is bytes: make text of them, such as value.hex()"
    if isinstance(value, complex | np.complexfloating):
        return "a complex number: make a column of each part"
    if isinstance(value, int | np.integer) and not -(2**63) <= int(value) < 2**63:
        return "more than a whole number of 64 bits: write it as text"
    if getattr(value, "nanosecond", 0):
        return TOO_FINE
    if isinstance(value, Decimal) and not is_missing(value) and Decimal(repr(float(value))) != value:
        return "with more digits than a Double has: write it as text"
    return None


def _check_repeated(ids: Sequence[str], rows: Sequence[Sequence[Any]], kind: str) -> None:
    first: dict[str, int] = {}
    for place, id in enumerate(ids):
        before = first.setdefault(id, place)
        if rows[before] != rows[place]:
            raise InvalidParameter(
                f"Rows {before} and {place} of the frame of {kind} have the id {id!r} and other values: they would "
                "become one. Drop one of them, or write several values of one row as a list."
            )


def _field(value: Any) -> str:
    """A cell in CSV: what is missing is empty, and quoted is a text without letters, or with blanks at an end."""
    if value is None:
        return ""
    text = str(value)
    if text and text == text.strip() and not any(letter in text for letter in ',"\r\n'):
        return text
    return '"' + text.replace('"', '""') + '"'


def row_of(value: Any, place: int, column: str, where: str) -> None:
    """Raises InvalidParameter for an id that is none, with its row counted from 0, as the frame counts."""
    if is_missing(value) or value == "":
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
    """Whether a value is a list, a tuple, a set or an array; one with names, as Arrow's intervals are, is none."""
    if hasattr(value, "n_fields") or hasattr(value, "_fields"):
        return False
    return isinstance(value, list | tuple | set | frozenset) or (
        hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0
    )


def _cell(value: Any, whole: bool) -> Any:
    if is_several(value):
        members = sorted(value) if isinstance(value, set | frozenset) else list(value)
        cells = [str(_cell(member, whole)) for member in members]
        return None if not cells else ";".join(cell.replace("\\", "\\\\").replace(";", "\\;") for cell in cells)
    if is_missing(value):
        return None
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if whole and isinstance(value, float) and value.is_integer() else value


def _typed(name: str, dtype: Any, values: Sequence[Any]) -> str:
    if name.startswith("~") or _says_type(name):
        return name
    foreign = FOREIGN.get(name.rpartition(":")[2].removesuffix("[]").lower()) if ":" in name else None
    if foreign is not None:
        raise InvalidParameter(
            f"The column {name!r} names no type of Neptune's; write {name.rpartition(':')[0]}:{foreign}."
        )
    name = name.replace(":", "\\:")
    members = [value for value in values if not is_missing(value)]
    several = bool(members) and all(map(is_several, members))
    if several:
        members = [one for value in members for one in value]
    return f"{name}:{_type_of(dtype, members, several)}" + ("[]" if several else "")


def _says_type(name: str) -> bool:
    """Whether a name ends in a type of Neptune's, as ``age:Int`` does and ``time:of`` does not."""
    return TYPED.fullmatch(name) is not None


def _type_of(dtype: Any, members: Sequence[Any], several: bool) -> str:
    """Neptune's type by the dtype, by the values themselves where that says nothing."""
    if not several:
        if dtype.is_integer():
            return "Long"
        if dtype.is_numeric():
            return "Double"
        if str(dtype) == "Boolean":
            return "Bool"
        if dtype.is_temporal() and str(dtype) != "Time":  # a time of day has no type in a graph, and is text
            return "Date"
        if str(dtype) not in ("Object", "Unknown") and not str(dtype).startswith(("Categorical", "Enum")):
            return "String"
    kinds = {type(getattr(member, "item", lambda member=member: member)()) for member in members}
    for type_name, fitting in (("Bool", {bool}), ("Long", {int}), ("Double", {int, float, Decimal})):
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
