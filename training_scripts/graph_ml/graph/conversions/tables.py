"""The graph as tables of pandas, one for each type: what ``Workflow.load`` takes and notebooks show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...schemas import EdgeType
from ..data import EdgeList, GraphData, Labels, Target
from .building import PARTS, Supervision, columns, edge_list, features_of, first_targets, labels_of, masks_of

SPLIT = "split"
_RESERVED = ("~id", "~label", "~from", "~to", SPLIT)


def to_pandas(graph: GraphData) -> tuple[dict[str, Any], dict[EdgeType, Any]]:
    """A ``pandas.DataFrame`` for each node type and for each edge type.

    Nodes have ``~id`` and ``~label``, edges ``~id`` (where they have one), ``~label``, ``~from`` and ``~to``. A feature
    of one number is a column of its name, one of several the columns ``name[0]``, ``name[1]`` …. The first target of a
    type brings its property (texts of classes, or numbers; several classes joined by semicolons) and ``split``, one of
    ``train``, ``valid``, ``test`` or missing. Links that are learned have ``split`` alone.
    """
    import pandas as pd

    firsts = first_targets(graph)
    nodes, edges = {}, {}
    for name in graph.node_types:
        table = {"~id": list(graph.node_ids[name]), "~label": [name] * graph.num_nodes[name]}
        nodes[name] = pd.DataFrame({**table, **_columns(graph, name, firsts.get(name))})
    for kind, ends in graph.edges.items():
        table = {"~id": list(graph.edge_ids[kind])} if kind in graph.edge_ids else {}
        table["~label"] = [kind.relation] * len(ends)
        for column, owner, side in (("~from", kind.source, ends.source), ("~to", kind.target, ends.target)):
            table[column] = np.array(list(graph.node_ids[owner]), dtype=object)[side].tolist()
        edges[kind] = pd.DataFrame({**table, **_columns(graph, kind, firsts.get(kind))})
    return nodes, edges


def _columns(graph: GraphData, owner: str | EdgeType, target: Target | None) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, values in features_of(graph, owner).items():
        single = values.shape[1] == 1
        made.update({name if single else f"{name}[{i}]": np.asarray(values[:, i]) for i in range(values.shape[1])})
    if target is None:
        return made
    labels = graph.labels.get(target)
    if labels is not None:
        made[target.property_name] = _texts(labels)
    count = graph.num_nodes[owner] if isinstance(owner, str) else len(graph.edges[owner])
    part = np.full(count, None, dtype=object)
    for name, mask in masks_of(graph.splits[target], count).items():
        part[mask] = name
    return {**made, SPLIT: part}


def _texts(labels: Labels) -> Any:
    if labels.kind == "number":
        return np.asarray(labels.values)
    if labels.kind == "class":
        return [labels.classes[code] if code >= 0 else None for code in np.asarray(labels.values).tolist()]
    return [
        None if row[0] < 0 else ";".join(name for name, holds in zip(labels.classes, row, strict=True) if holds > 0)
        for row in np.asarray(labels.values)
    ]


def from_pandas(
    nodes: Mapping[str, Any], edges: Mapping[EdgeType, Any], targets: Mapping[str | EdgeType, str] | None = None
) -> GraphData:
    """The graph of tables as ``to_pandas`` gives them.

    Columns of numbers and booleans become features, those called ``name[i]`` together one; texts are left out, but for
    those of a target, which become its classes. What ``split`` says of the rows is the split of the target; an edge
    type with a split and without a target is one whose links are learned.

    Args:
        nodes: a ``pandas.DataFrame`` for each node type, with ``~id``.
        edges: one for each edge type, with ``~from`` and ``~to``, and perhaps ``~id``.
        targets: the column that is learned of a type.

    Raises:
        ValueError: an edge names a node that no table has.
    """
    asked = dict(targets or {})
    ids = {name: table["~id"].astype(str).tolist() for name, table in nodes.items()}
    places = {name: {node: index for index, node in enumerate(rows)} for name, rows in ids.items()}
    ends: dict[EdgeType, EdgeList] = {}
    for kind, table in edges.items():
        sides = []
        for column, end in (("~from", kind.source), ("~to", kind.target)):
            named = table[column].astype(str).tolist()
            if unknown := next((node for node in named if node not in places.get(end, {})), None):
                raise ValueError(f"{kind}: {column} names {unknown!r}, which is no node of type {end}")
            sides.append([places[end][node] for node in named])
        ends[kind] = edge_list(*sides)
    features: dict[str | EdgeType, dict[str, Any]] = {}
    learned = Supervision()
    owners: list[tuple[str | EdgeType, Any]] = [*nodes.items(), *edges.items()]
    for owner, table in owners:
        features[owner] = _features(table, asked.get(owner))
        found = None if owner not in asked else _labels(table[asked[owner]])
        masks = {part: (table[SPLIT] == part).to_numpy() for part in PARTS} if SPLIT in table else {}
        learned.add(owner, found, asked.get(owner, ""), len(table), masks)
    return GraphData(
        node_ids=ids,
        num_nodes={name: len(rows) for name, rows in ids.items()},
        edges=ends,
        edge_ids={kind: table["~id"].astype(str).tolist() for kind, table in edges.items() if "~id" in table},
        features={owner: made for owner, made in features.items() if isinstance(owner, str)},
        edge_features={owner: made for owner, made in features.items() if isinstance(owner, EdgeType)},
        labels=learned.labels,
        splits=learned.splits,
    )


def _features(table: Any, target: str | None) -> dict[str, Any]:
    parts: dict[str, list[Any]] = {}
    for name in table.columns:
        kind = getattr(table[name].dtype, "kind", "O")
        if name not in (*_RESERVED, target) and kind in "iufb":
            parts.setdefault(name.partition("[")[0] if name.endswith("]") else name, []).append(table[name].to_numpy())
    return {name: columns(np.stack(values, axis=1)) for name, values in parts.items()}


def _labels(values: Any) -> Labels:
    if getattr(values.dtype, "kind", "O") == "f":
        return labels_of(values.to_numpy())
    texts: Sequence[Any] = [None if missing else str(text) for text, missing in zip(values, values.isna(), strict=True)]
    known = [text for text in texts if text is not None]
    if not any(";" in text for text in known):
        classes = sorted(set(known))
        codes = {text: code for code, text in enumerate(classes)}
        return labels_of(np.array([-1 if text is None else codes[text] for text in texts], dtype=np.int64), classes)
    classes = sorted({part for text in known for part in text.split(";")})
    rows = [[-1.0] * len(classes) if t is None else [float(c in t.split(";")) for c in classes] for t in texts]
    return labels_of(np.array(rows, dtype=np.float32).reshape(len(texts), len(classes)), classes)
