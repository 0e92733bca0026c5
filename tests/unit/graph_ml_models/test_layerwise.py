"""Vectors of all vertices range by range are those of a pass over the whole graph, in less memory."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contracts.model_contract import small_graph
from training_scripts.graph_ml.links import numbered
from training_scripts.graph_ml.models.families import families
from training_scripts.graph_ml.models.family import GraphFamily
from training_scripts.graph_ml.models.network import layerwise
from training_scripts.graph_ml.models.network.network import Network
from training_scripts.graph_ml.models.settings import parse
from training_scripts.graph_ml.pairs import NodeSpace
from training_scripts.graph_ml.sampling import MessageGraph
from training_scripts.graph_ml.training.links.gnn import edge_features

NAMES = [one.name for one in families() if isinstance(one, GraphFamily)]


def network_and_graph(name: str) -> tuple[Network, MessageGraph]:
    """An untrained network with learned vectors, and features of edges, over thirty people."""
    data = small_graph("node_class")
    (family,) = (one for one in families() if one.name == name and isinstance(one, GraphFamily))
    settings, _ = parse(family.settings, {"num-hidden": "16", "concat-node-embed": "true"})
    space = NodeSpace(dict(data.num_nodes))
    graph = MessageGraph.from_edges({kind: numbered(data, kind, space) for kind in data.edge_types}, space.total, {})
    features = {kind: dict(values) for kind, values in data.features.items()}
    network = Network.fresh(
        space, features, list(graph.relations), family, settings, "torch", edge_features(data), for_heads=True
    )
    return network, graph


@pytest.mark.parametrize("name", NAMES)
def test_range_by_range_is_the_whole_graph_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network, graph = network_and_graph(name)
    whole = network.embed(graph)
    monkeypatch.setattr(layerwise, "VERTICES", 7)
    assert len(layerwise.ranges(graph)) == 5
    parts = network.embed(graph)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    assert np.abs(whole).max() > 0.1


def test_a_range_has_no_more_vertices_and_about_no_more_messages_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    _, graph = network_and_graph("rgcn")
    monkeypatch.setattr(layerwise, "MESSAGES", 40)
    parts = layerwise.ranges(graph)
    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == graph.num_nodes
    received = sum(entry.received for entry in graph.relations.values())
    # the vertex that fills a range may bring as many messages as it has
    assert max(int(received[part].sum()) for part in parts) < 40 + int(received.max())
    monkeypatch.setattr(layerwise, "VERTICES", 4)
    monkeypatch.setattr(layerwise, "MESSAGES", 10**9)
    assert max(part.stop - part.start for part in layerwise.ranges(graph)) <= 4


def test_no_block_holds_the_messages_of_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    network, graph = network_and_graph("graphsage")
    monkeypatch.setattr(layerwise, "MESSAGES", 40)
    held: list[int] = []
    sample = layerwise.sample_blocks

    def counted(*given: object) -> object:
        nodes, blocks = sample(*given)  # type: ignore[arg-type]
        held.extend(len(edges.edges) for block in blocks for edges in block.relations.values())
        return nodes, blocks

    monkeypatch.setattr(layerwise, "sample_blocks", counted)
    network.embed(graph)
    assert sum(held) == network.encoder.depth * graph.num_entries
    assert max(held) < graph.num_entries / 3
