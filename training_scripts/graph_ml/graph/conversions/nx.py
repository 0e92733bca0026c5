"""The graph as NetworkX has it: a ``MultiDiGraph`` with attributes."""

from __future__ import annotations

from typing import Any

from ...schemas import EdgeType
from ..data import GraphData
from .tables import from_pandas, to_pandas

NODE_TYPE, RELATION = "type", "relation"


def to_networkx(graph: GraphData) -> Any:
    """A ``networkx.MultiDiGraph``.

    A node is called by its id where ids are of one type alone, else by (type, id), and has its ``type``; an edge has
    its ``relation``. Other attributes are the columns of ``tables.to_pandas``; missing values are left out.
    """
    import networkx

    nodes, edges = to_pandas(graph)
    made = networkx.MultiDiGraph()
    every = [node for table in nodes.values() for node in table["~id"]]
    alone = len(set(every)) == len(every)
    for name, table in nodes.items():
        for node, attributes in zip(table["~id"], _rows(table, ("~id", "~label")), strict=True):
            made.add_node(node if alone else (name, node), **{NODE_TYPE: name, **attributes})
    for kind, table in edges.items():
        rows = _rows(table, ("~label", "~from", "~to"))
        for source, target, attributes in zip(table["~from"], table["~to"], rows, strict=True):
            ends = (source, target) if alone else ((kind.source, source), (kind.target, target))
            made.add_edge(*ends, **{RELATION: kind.relation, **attributes})
    return made


def _rows(table: Any, without: tuple[str, ...]) -> list[dict[str, Any]]:
    import pandas as pd

    records = table.drop(columns=[name for name in without if name in table]).to_dict("records")
    return [{str(name): value for name, value in row.items() if not pd.isna(value)} for row in records]


def from_networkx(graph: Any, targets: dict[str | EdgeType, str] | None = None) -> GraphData:
    """The graph of NetworkX, of any of its kinds; an edge without a direction leads from its first end to its second.

    Nodes are of the type that their attribute ``type`` says, ``node`` where none does; edges of their ``relation``,
    ``edge`` where none is said. The id of a node is its name, or the second of a pair (type, id). Attributes become
    features, targets and splits as ``tables.from_pandas`` says.

    Args:
        graph: ``networkx.Graph``, ``DiGraph``, ``MultiGraph`` or ``MultiDiGraph``.
        targets: the attribute that is learned of a type.
    """
    import pandas as pd

    kinds = {node: str(attributes.get(NODE_TYPE, "node")) for node, attributes in graph.nodes(data=True)}
    names = {node: str(node[1] if _paired(node, kinds[node]) else node) for node in graph.nodes}
    nodes: dict[str, list[dict[str, Any]]] = {}
    for node, attributes in graph.nodes(data=True):
        row = {name: value for name, value in attributes.items() if name != NODE_TYPE}
        nodes.setdefault(kinds[node], []).append({"~id": names[node], **row})
    edges: dict[EdgeType, list[dict[str, Any]]] = {}
    for source, target, attributes in graph.edges(data=True):
        kind = EdgeType(kinds[source], str(attributes.get(RELATION, "edge")), kinds[target])
        row = {name: value for name, value in attributes.items() if name != RELATION}
        edges.setdefault(kind, []).append({"~from": names[source], "~to": names[target], **row})
    return from_pandas(
        {kind: pd.DataFrame(rows) for kind, rows in nodes.items()},
        {kind: pd.DataFrame(rows) for kind, rows in edges.items()},
        targets,
    )


def _paired(node: Any, kind: str) -> bool:
    return isinstance(node, tuple) and len(node) == 2 and node[0] == kind
