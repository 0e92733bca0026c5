"""Example queries: a look at the graph, and for every endpoint one that asks its model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from training_scripts.graph_ml.schemas import EdgeType
from workflow.neptune.literals import literal

EXAMPLES: dict[str, str] = {
    "A look at the graph": "g.V().limit(25).outE().limit(50).inV().path()",
    "Count by label": "g.V().groupCount().by(label)",
    "Properties": "g.V().limit(10).elementMap()",
}

# every repetition is bounded: the text is a user's
_PREDICTED_HOP = re.compile(
    r"\.\s{0,99}(?:out|in|both)\s{0,99}\(\s{0,99}(?P<quote>['\"])(?P<label>[^'\"\\]{1,200})(?P=quote)\s{0,99}\)"
    r"(?:\s{0,99}\.\s{0,99}with\s{0,99}\([^()]{0,200}\)){0,9}?"
    r"\s{0,99}\.\s{0,99}with\s{0,99}\(\s{0,99}['\"]Neptune#ml\.prediction['\"]"
)


def example_question(endpoint: str, model: Mapping[str, Any]) -> str | None:
    """Gremlin text that asks an endpoint for something its model was trained to answer.

    Args:
        endpoint: its id.
        model: the model's description; without targets there is nothing to ask.
    """
    targets = model.get("targets") or ()
    if not targets:
        return None
    target, name = targets[0], literal(endpoint)
    given = target.get("edge_type") or ()
    # an array; older descriptions have an object of the three names
    edge = [given.get(part, "") for part in EdgeType._fields] if isinstance(given, Mapping) else list(given)
    if model.get("task") == "link_prediction" and edge:
        source, relation, found = map(literal, edge)
        return (
            f"g.with('Neptune#ml.endpoint', {name}).with('Neptune#ml.limit', 5)\n"
            f" .V().hasLabel({source}).limit(1)\n"
            f" .out({relation}).with('Neptune#ml.prediction').with('Neptune#ml.filterExistingEdges')\n"
            f" .hasLabel({found}).path()"
        )
    start = f"E().hasLabel({literal(edge[1])})" if edge else f"V().hasLabel({literal(target['node_type'])})"
    task = "regression" if str(model.get("task")).endswith("regression") else "classification"
    return (
        f"g.with('Neptune#ml.endpoint', {name})\n"
        f" .{start}.limit(10)\n"
        f" .project('id', 'prediction').by(id())\n"
        f" .by(properties({literal(target['property'])}).with('Neptune#ml.{task}').value())"
    )


def predicted_labels(text: str) -> frozenset[str]:
    """The edge labels a query asks to be predicted, as it names them; empty for a query without a prediction."""
    return frozenset(found["label"] for found in _PREDICTED_HOP.finditer(text))
