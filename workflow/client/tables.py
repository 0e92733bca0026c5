"""Tables in: a table a label, with key columns of any name, as the frames of vertices and edges that a load takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from workflow.client.checks.problems import nearest
from workflow.client.frames import as_table, cells_of, row_of
from workflow.errors import InvalidParameter
from workflow.neptune.literals import literal

MOST_IDS = 2_000  # in one query
Keys = str | Mapping[str, str] | None
End = str | tuple[str, str]


def node_tables(tables: Mapping[str, Any], key: Keys, ids: Literal["prefix"] | None) -> list[Any]:
    """A frame with ``~id`` and ``~label`` for each table, its label from its name.

    Args:
        key: the column with the ids, of all tables or by label; ``~id`` or ``id`` where it is left out.
        ids: ``prefix`` makes ``label:key`` of every id, so that equal keys of two tables are two vertices.
    """
    for label in key if isinstance(key, Mapping) else ():
        if label not in tables:
            raise InvalidParameter(f"key names {label!r}, and there is no such table{nearest(label, tables)}")
    found = []
    for label, frame in tables.items():
        table = as_table(frame, f"table of {label!r}")
        column = key.get(label) if isinstance(key, Mapping) else key
        column = column or next((name for name in ("~id", "id") if name in table.columns), None)
        if column is None or column not in table.columns:
            asked = f"no column {column!r}" if column else "no column 'id'"
            raise InvalidParameter(
                f"The table of {label!r} has {asked}; name its ids with key={{{label!r}: COLUMN}}. "
                f"It has: {', '.join(table.columns)}."
            )
        values = _ids(table, column, f"the table of {label!r}", label if ids == "prefix" else None)
        rest = table.select(name for name in table.columns if name not in ("~id", "~label", column))
        found.append(_with(rest, {"~id": values, "~label": [label] * len(values)}))
    return found


def edge_tables(
    tables: Mapping[str, tuple[Any, End, End]], labels: Sequence[str], ids: Literal["prefix"] | None
) -> list[Any]:
    """A frame with ``~from``, ``~to`` and ``~label`` for each ``label: (frame, from column, to column)``.

    With ``ids="prefix"`` an end is ``(column, label of its vertices)``; a column such as ``customer_id`` says it.
    """
    found = []
    for label, entry in tables.items():
        if not isinstance(entry, tuple) or len(entry) != 3:
            raise InvalidParameter(f"The edges {label!r} must be (frame, from column, to column).")
        frame, *ends = entry
        table = as_table(frame, f"table of edges {label!r}")
        columns, values = [], {}
        for name, end in zip(("~from", "~to"), ends, strict=True):
            column, of = end if isinstance(end, tuple) else (end, None)
            if column not in table.columns:
                there = ", ".join(table.columns)
                raise InvalidParameter(f"The table of edges {label!r} has no column {column!r}; it has: {there}.")
            of = of or next(
                (label for label in labels if column.lower() in (f"{label}_id".lower(), f"{label}id".lower())), None
            )
            if ids == "prefix" and of not in labels:
                raise InvalidParameter(
                    f"Whose ids are in column {column!r} of the edges {label!r}? Write ({column!r}, LABEL) with one of "
                    f"{', '.join(labels)}."
                )
            values[name] = _ids(table, column, f"the table of edges {label!r}", of if ids == "prefix" else None)
            columns.append(column)
        rest = table.select(name for name in table.columns if name not in columns)
        found.append(_with(rest, {**values, "~label": [label] * len(values["~from"])}))
    return found


def check_ids(frames: Sequence[Any]) -> None:
    """Raises InvalidParameter where one id stands under two labels: one vertex would be made of two things."""
    seen: dict[str, str] = {}
    for frame in frames:
        table = as_table(frame, "frame of nodes")
        if {"~id", "~label"} <= set(table.columns):
            for id, label in zip(cells_of(table, "~id"), cells_of(table, "~label"), strict=True):
                if seen.setdefault(id, label) != label:
                    raise InvalidParameter(
                        f"The id {id!r} stands under {seen[id]!r} and under {label!r}: they would become one vertex. "
                        'Give a dictionary of tables and ids="prefix", or ids of their own, or one row with the label '
                        f"'{seen[id]};{label}'."
                    )


def check_against_graph(frames: Sequence[Any], labels: Sequence[str], run: Callable[[str], list[Any]]) -> int:
    """Compare ids with those in the graph; gives how many vertices of the frames with properties are there already.

    Args:
        frames: of nodes.
        labels: of the graph.
        run: runs Gremlin text.

    Raises InvalidParameter for an id that stands under another label there.
    """
    there = 0
    for frame in frames:
        table = as_table(frame, "frame of nodes")
        if not {"~id", "~label"} <= set(table.columns):
            continue
        by_label: dict[str, list[str]] = {}
        for id, label in zip(cells_of(table, "~id"), cells_of(table, "~label"), strict=True):
            by_label.setdefault(label, []).append(id)
        for label, ids in by_label.items():
            own = label.split(";")
            for start in range(0, len(ids), MOST_IDS):
                found = f"g.V({', '.join(map(literal, ids[start : start + MOST_IDS]))})"
                if set(labels) - set(own):
                    clash = f"{found}.not(hasLabel({', '.join(map(literal, own))})).limit(1).project('id','label')"
                    for other in run(f"{clash}.by(id()).by(label())"):
                        held = str(other["label"]).replace("::", ";")
                        raise InvalidParameter(
                            f"The id {other['id']!r} stands under {label!r} here and under {held!r} in the graph: they "
                            'would become one vertex. Give a dictionary of tables and ids="prefix", or ids of their '
                            f"own, or, where they are one, the label '{held};{label}'."
                        )
                if len(table.columns) > 2 and set(labels) & set(own):
                    there += int(run(f"{found}.count()")[0])
    return there


def _ids(table: Any, column: str, where: str, prefix: str | None) -> list[str]:
    """A column of ids as text. Raises InvalidParameter for one that is empty or no whole number, with its row."""
    values = table[column].to_list()
    for place, value in enumerate(values):
        row_of(value, place, column, where)
    texts = [str(int(value)) if isinstance(value, float) else str(value) for value in values]
    return [f"{prefix}:{text}" for text in texts] if prefix else texts


def _with(rest: Any, columns: Mapping[str, list[str]]) -> Any:
    import narwhals as nw

    added = [nw.new_series(name, values, nw.String, backend=rest.implementation) for name, values in columns.items()]
    return rest.with_columns(*added).to_native() if rest.columns else nw.from_dict(
        dict(columns), backend=rest.implementation
    ).to_native()  # fmt: skip
