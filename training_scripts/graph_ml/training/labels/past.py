"""What vertices have been through, as a model folder keeps it for answers as of now."""

from __future__ import annotations

from typing import Any

from ...artifacts import ModelWriter
from ...graph import GraphData, History
from ...pairs.graph import Floats

#: neighbours that are brought along where all edges of a vertex count
ALL = -1


def save_history(writer: ModelWriter, graph: GraphData, history: History | None) -> dict[str, Floats]:
    """Keep what the vertices of each type have been through at the end of the data, float32 (n, d) by node type."""
    if history is None:
        return {}
    kinds = dict.fromkeys(strand.node_type for strand in history.entry.strands)
    past = {kind: graph.past_now(history, kind) for kind in kinds}
    for place, values in enumerate(past.values()):
        writer.array(f"past/{place}", values)
    return past


def history_details(graph: GraphData, history: History | None, depth: int) -> dict[str, Any]:
    """What ``model.json`` says of a history: how it is told, when now is, and that all edges of a vertex are needed.

    Args:
        graph: with times.
        history: None where the model has none, and nothing is said.
        depth: rounds of messages.
    """
    if history is None:
        return {}
    hops = max(1, depth)
    told = {"history": history.entry.model_dump(mode="json"), "now": graph.now}
    return {**told, "hops": hops, "fanouts": [ALL, *([100] * (hops - 1))]}
