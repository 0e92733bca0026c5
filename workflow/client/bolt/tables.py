"""What a database over Bolt holds, or what queries make of it, as frames of vertices and edges that a load takes."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from workflow.client.frames import is_several, kind_of
from workflow.errors import InvalidParameter


def database_tables(url: str) -> tuple[list[Any], list[Any]]:
    """All that a database holds, as frames for ``Workflow.load``: a frame a set of labels, and one a type.

    Ids are the database's own. Raises what reading it raises.
    """
    from workflow.drivers import open_source
    from workflow.graphs.source import GraphPart

    nodes: dict[Any, list[dict[str, Any]]] = {}
    edges: dict[Any, list[dict[str, Any]]] = {}
    driver = open_source(url)
    try:
        with driver.open(GraphPart()).snapshot() as snapshot:
            for node in snapshot.nodes():
                row = {"~id": node.id, "~label": ";".join(node.labels), **_cells(node.properties)}
                nodes.setdefault(node.labels, []).append(row)
            for edge in snapshot.edges():
                ends = {"~from": edge.source, "~to": edge.target, "~label": edge.label}
                edges.setdefault(edge.label, []).append({"~id": edge.id, **ends, **_cells(edge.properties)})
    finally:
        driver.close()
    return [_table(rows) for rows in nodes.values()], [_table(rows) for rows in edges.values()]


def path_tables(
    url: str, paths: Mapping[str, str], parameters: Mapping[str, Any] | None = None
) -> tuple[list[Any], list[Any]]:
    """What openCypher queries make of a database, as frames for ``Workflow.load``.

    A row with two nodes is an edge from the first to the second: a path between them, with the row's other columns as
    properties; both nodes come with theirs. A row without nodes is a vertex. Vectors become a property a number, named
    ``x_0``, ``x_1`` …, for a property of a graph has a set of values, which knows no order.

    Args:
        paths: by label of these edges or vertices, the query.
        parameters: of all queries.

    Raises InvalidParameter for rows of another shape, and what the database raises.
    """
    from workflow.drivers import open_bolt

    nodes: dict[str, dict[str, Any]] = {}
    edges: list[Any] = []
    vertices: list[Any] = []
    database = open_bolt(url)
    try:
        for label, text in paths.items():
            made = [_made_of(label, place, row, nodes) for place, row in enumerate(database.rows(text, parameters))]
            if not made:
                raise InvalidParameter(f"The query of paths {label!r} gives no rows; look at its labels and properties")
            if len({"~from" in row for row in made}) > 1:
                raise InvalidParameter(f"The query of paths {label!r} gives nodes in some rows, and none in others")
            (edges if "~from" in made[0] else vertices).append(_table(_spread(label, made)))
    finally:
        database.close()
    by_label: dict[str, list[dict[str, Any]]] = {}
    for row in nodes.values():
        by_label.setdefault(row["~label"], []).append(row)
    return [*(_table(_spread(label, rows)) for label, rows in by_label.items()), *vertices], edges


def _made_of(label: str, place: int, row: Mapping[str, Any], nodes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """One row as an edge or a vertex; nodes in it are added to those that are known, by id."""
    ends, cells = [], {}
    for name, value in row.items():
        if hasattr(value, "labels"):  # a node, as the driver has it
            ends.append(value.element_id)
            known = {"~id": value.element_id, "~label": ";".join(sorted(value.labels)), **dict(value.items())}
            nodes.setdefault(value.element_id, known)
        elif hasattr(value, "nodes"):
            raise InvalidParameter(
                f"The column {name!r} of paths {label!r} holds a {type(value).__name__.lower()}; return its two nodes, "
                "and what is to be learnt of it as values"
            )
        else:
            cells[name] = value
    if len(ends) not in (0, 2):
        raise InvalidParameter(
            f"A row of paths {label!r} has {len(ends)} nodes; return two, the ends of a path, or none for a vertex"
        )
    about = {"~id": f"{label}-{place}", "~label": label}
    return {**about, **({"~from": ends[0], "~to": ends[1]} if ends else {}), **cells}


def _spread(label: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in which every list of numbers is a column a number. Raises InvalidParameter for unequal lengths."""
    vectors = {
        name: {len(row[name]) for row in rows if isinstance(row.get(name), list)}
        for name in dict.fromkeys(name for row in rows for name in row)
        if any(_is_vector(row.get(name)) for row in rows)
    }
    for name, lengths in vectors.items():
        if len(lengths) > 1:
            raise InvalidParameter(
                f"The vectors {name!r} of {label!r} have {min(lengths)} to {max(lengths)} numbers; they must be "
                "equally long"
            )
    return [dict(_numbered(row, vectors.keys())) for row in rows]


def _numbered(row: Mapping[str, Any], vectors: Iterable[str]) -> Iterable[tuple[str, Any]]:
    for name, value in row.items():
        if name in vectors and value is not None:
            yield from ((f"{name}_{place}", number) for place, number in enumerate(value))
        elif value is not None:
            yield name, value


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, int | float) for one in value)


def _cells(properties: Mapping[str, list[Any]]) -> dict[str, Any]:
    return {key: values[0] if len(values) == 1 else values for key, values in properties.items()}


def _as_text(value: Any) -> Any:
    return [str(one) for one in value] if is_several(value) else None if value is None else str(value)


def _table(rows: list[dict[str, Any]]) -> Any:
    """Rows as a frame; whole numbers stay whole beside missing ones, and what is numbers and texts is text, aloud."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    for name in frame.columns:
        values = [row[name] for row in rows if row.get(name) is not None]
        if len({kind_of(one) for value in values for one in (value if is_several(value) else [value])}) > 1:
            warnings.warn(
                f"The property {name!r} of {rows[0]['~label']} has several types; all are text.", stacklevel=2
            )
            frame[name] = [_as_text(row.get(name)) for row in rows]
    whole = {
        name: f"{name}:Long"
        for name in frame.columns
        if not name.startswith("~")
        and all(isinstance(row[name], int) and not isinstance(row[name], bool) for row in rows if name in row)
    }
    return frame.rename(columns=whole)
