"""The processed graph survives its folder, byte for byte, and says when a folder is not what it claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target

FRIEND = EdgeType("User", "FRIEND", "User")
LIKES = EdgeType("User", "likes/..;ü", "Film")
LINKS = Target("link_prediction", FRIEND)
REGION = Target("node_class", "User", "region")


def index(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def small_graph() -> GraphData:
    return GraphData(
        node_ids={"User": ["a", "b", "ü"], "Film": []},
        num_nodes={"User": 3, "Film": 0},
        edges={FRIEND: EdgeList(index(0, 1), index(1, 2)), LIKES: EdgeList(index(), index())},
        edge_ids={FRIEND: ["e1", "e2"]},
        features={"User": {"age": np.array([[0.5], [1], [0]], dtype=np.float32)}},
        raw={"User": {"bio": ["x", None, ""]}},
        labels={REGION: Labels("class", index(0, -1, 1), ("east", "west"))},
        splits={LINKS: Split(index(0), index(1), index()), REGION: Split(index(0), index(2), index())},
        first_new={"User": 2},
        encodings={("User", "age"): "numerical"},
        seed=7,
    )


def test_what_to_warn_of_is_read_back_and_leaves_the_hash_alone(tmp_path: Path) -> None:
    graph = GraphData(node_ids={"A": ["a"]}, num_nodes={"A": 1}, edges={})
    plain = graph.write(tmp_path / "plain")
    warned = replace(graph, warnings=("column 'x' alone tells the label",)).write(tmp_path / "warned")
    assert list(GraphData.read(tmp_path / "warned").warnings) == ["column 'x' alone tells the label"]
    assert warned.dataset_hash == plain.dataset_hash


def test_a_written_graph_reads_back_equal(tmp_path: Path) -> None:
    small_graph().write(tmp_path)
    graph = GraphData.read(tmp_path)
    assert graph.node_types == ("User", "Film")
    assert graph.edge_types == (FRIEND, LIKES)
    assert graph.node_ids["User"] == ["a", "b", "ü"]
    assert graph.node_ids["Film"] == []
    assert graph.edges[FRIEND].target.tolist() == [1, 2]
    assert len(graph.edges[LIKES]) == 0
    assert graph.edge_ids[FRIEND] == ["e1", "e2"]
    assert LIKES not in graph.edge_ids
    assert graph.features["User"]["age"].tolist() == [[0.5], [1.0], [0.0]]
    assert graph.raw["User"]["bio"] == ["x", None, ""]
    assert graph.labels[REGION].classes == ("east", "west")
    assert graph.labels[REGION].known.tolist() == [True, False, True]
    assert graph.splits[LINKS].valid.tolist() == [1]
    assert graph.targets == (LINKS, REGION)
    assert graph.first_new["User"] == 2
    assert graph.encodings["User", "age"] == "numerical"
    assert graph.seed == 7


def test_arrays_are_mapped_not_loaded(tmp_path: Path) -> None:
    small_graph().write(tmp_path)
    assert isinstance(GraphData.read(tmp_path).features["User"]["age"], np.memmap)


def test_the_same_graph_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    first, second = small_graph().write(tmp_path / "1"), small_graph().write(tmp_path / "2")
    assert first.dataset_hash == second.dataset_hash
    files = [p.relative_to(tmp_path / "1") for p in sorted((tmp_path / "1").rglob("*")) if p.is_file()]
    assert len(files) > 10
    for name in files:
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name


def test_another_edge_makes_another_hash(tmp_path: Path) -> None:
    graph = small_graph()
    other = GraphData(
        node_ids=graph.node_ids, num_nodes=graph.num_nodes, edges={FRIEND: EdgeList(index(0, 2), index(1, 2))}
    )
    same = GraphData(
        node_ids=graph.node_ids, num_nodes=graph.num_nodes, edges={FRIEND: EdgeList(index(0, 1), index(1, 2))}
    )
    assert other.write(tmp_path / "1").dataset_hash != same.write(tmp_path / "2").dataset_hash


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no manifest\.json"):
        GraphData.read(tmp_path)


def test_an_array_that_was_exchanged_is_noticed(tmp_path: Path) -> None:
    small_graph().write(tmp_path)
    np.save(tmp_path / "edges/0/source.npy", index(0, 1, 2))
    with pytest.raises(ValueError, match=r"edges/0/source\.npy .* the manifest says <i8 \[2\]"):
        GraphData.read(tmp_path)


def test_a_manifest_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    small_graph().write(tmp_path / "graph")
    manifest = tmp_path / "graph" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("edges/0/source.npy", "../../etc/passwd"))
    with pytest.raises(ValueError, match="outside its folder"):
        GraphData.read(tmp_path / "graph")


def test_a_label_of_several_classes_is_known_by_its_row() -> None:
    labels = Labels("classes", np.array([[1, 0], [-1, -1], [0, 0]], dtype=np.float32), ("a", "b"))
    assert labels.known.tolist() == [True, False, True]


def test_a_number_is_known_unless_it_is_nan() -> None:
    assert Labels("number", np.array([1.5, np.nan], dtype=np.float32)).known.tolist() == [True, False]
