"""PyTorch Geometric as the judge of what its adapter gives; skipped where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contracts.model_contract import KNOWS, PEOPLE, small_graph
from training_scripts.graph_ml.graph.pyg import hetero_data

geometric = pytest.importorskip("torch_geometric")


def test_it_is_a_valid_graph_with_features_labels_and_masks() -> None:
    graph = small_graph("node_class")
    data = hetero_data(graph)
    assert data.validate()
    assert data["Person"].num_nodes == PEOPLE
    assert data["Person"].x.shape == (PEOPLE, 3)
    ties = data[KNOWS.source, KNOWS.relation, KNOWS.target]
    assert ties.edge_index.shape == (2, len(graph.edges[KNOWS]))
    assert ties.edge_attr.shape == (len(graph.edges[KNOWS]), 1)
    (target,) = graph.targets
    assert data["Person"].y.tolist() == graph.labels[target].values.tolist()
    masks = [data["Person"][name] for name in ("train_mask", "val_mask", "test_mask")]
    assert [int(mask.sum()) for mask in masks] == [24, 3, 3]
    assert bool((masks[0] ^ masks[1] ^ masks[2]).all())


def test_its_layers_run_over_it() -> None:
    data = hetero_data(small_graph("edge_class")).to_homogeneous()
    out = geometric.nn.SAGEConv(3, 4)(data.x, data.edge_index)
    assert out.shape == (PEOPLE, 4)
    assert np.isfinite(out.detach().numpy()).all()
