"""Every algorithm by its name; what is known of each without running it stands in the schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from ..container import JobError
from ..projections import GraphView, ProjectedGraph
from ..schemas.catalog.algorithms import ALGORITHMS
from . import centrality, community, paths, similarity, triangles
from .fastrp import fast_rp
from .hashgnn import hash_gnn
from .node2vec import node2vec
from .outcome import Outcome
from .scaling import scale_properties

FUNCTIONS: Final[dict[str, Callable[[GraphView, Mapping[str, Any]], Outcome]]] = {
    "fastRP": fast_rp,
    "node2vec": node2vec,
    "hashgnn": hash_gnn,
    "degree": centrality.degree,
    "pageRank": centrality.page_rank,
    "articleRank": centrality.article_rank,
    "eigenvector": centrality.eigenvector,
    "betweenness": centrality.betweenness,
    "closeness": centrality.closeness,
    "closeness.harmonic": centrality.harmonic,
    "louvain": community.louvain,
    "labelPropagation": community.label_propagation,
    "wcc": community.weakly_connected,
    "scc": community.strongly_connected,
    "triangleCount": triangles.triangle_count,
    "localClusteringCoefficient": triangles.local_clustering,
    "scaleProperties": scale_properties,
    "knn": similarity.k_nearest,
    "nodeSimilarity": similarity.node_similarity,
    "shortestPath.dijkstra": paths.shortest_paths,
    "allShortestPaths.dijkstra": paths.shortest_paths,
    "allShortestPaths.delta": paths.shortest_paths,
}


def run_algorithm(graph: ProjectedGraph, name: str, options: Mapping[str, Any]) -> Outcome:
    """Run one on the nodes and relationships that its options name. Raises JobError."""
    view = graph.view(options["nodeLabels"], options["relationshipTypes"], options.get("relationshipWeightProperty"))
    return run_on_view(view, name, options)


def run_on_view(view: GraphView, name: str, options: Mapping[str, Any]) -> Outcome:
    """Run one on a view. Raises JobError where it needs undirected relationships and there are others."""
    if ALGORITHMS[name].undirected and not view.undirected:
        raise JobError(f"{name} requires relationship projections to be UNDIRECTED; project the graph so")
    return FUNCTIONS[name](view, options)
