"""The table of model families: the only list of them. Everything else that knows families reads it."""

from __future__ import annotations

#: name → module that declares it as ``FAMILY``, seen from ``graph_ml.models``; searches try families in this order
FAMILIES: dict[str, str] = {
    "mlp": ".graph.mlp",
    "pair-ranker": ".ranking.pair_ranker",
    "gprgnn": ".graph.gprgnn",
    "appnp": ".graph.appnp",
    "rgcn": ".graph.rgcn",
    "linear-model": ".graph.linear",
    "stack": ".ranking.stack",
    "graphsage": ".graph.graphsage",
    "gat": ".graph.gat",
    "gatv2": ".graph.gatv2",
    "hgt": ".graph.hgt",
    "gin": ".graph.gin",
    "lightgcn": ".graph.lightgcn",
    "buddy": ".ranking.buddy",
    "transe": ".knowledge.transe",
    "distmult": ".knowledge.distmult",
    "complex": ".knowledge.complex",
    "rotate": ".knowledge.rotate",
}
#: the family of a configuration that leaves it open and lists no choice
DEFAULT_FAMILY = "rgcn"
