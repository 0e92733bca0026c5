"""The graph as other libraries have it, and back; PyTorch Geometric and RDKit are judges where they are installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx
import numpy as np
import pytest

from tests.contracts.model_contract import KNOWS, PEOPLE, small_graph
from training_scripts.graph_ml import custom
from training_scripts.graph_ml.graph import EdgeList, EdgeType, GraphData, Labels, Split, Target
from training_scripts.graph_ml.graph.conversions.dgl import from_dgl, to_dgl
from training_scripts.graph_ml.graph.conversions.matrices import Matrices, from_scipy, to_scipy
from training_scripts.graph_ml.graph.conversions.nx import from_networkx, to_networkx
from training_scripts.graph_ml.graph.conversions.pyg import from_pyg, to_pyg
from training_scripts.graph_ml.graph.conversions.sdf import ATOM, BOND, HAS, MOLECULE, BadMolecule, from_sdf, to_sdf
from training_scripts.graph_ml.graph.conversions.tables import from_pandas, to_pandas
from training_scripts.graph_ml.predict import load_predictor
from training_scripts.graph_ml.schemas import EndpointRequest

LIKES = EdgeType("User", "likes", "Film")
NONE = np.empty(0, dtype=np.int64)


def films(task: str = "several") -> GraphData:
    """Three users, two films that share an id with a user, two edges between one pair, and what is learned of both."""
    genres = np.array([[1, 0, 1], [-1, -1, -1]], dtype=np.float32)
    of_films = Target("node_class", "Film", "genres")
    labels = {of_films: Labels("classes", genres, ("drama", "noir", "war"))}
    splits = {of_films: Split(np.array([0]), NONE, NONE)}
    of_edges = Target("edge_regression", LIKES, "stars") if task == "several" else Target("link_prediction", LIKES)
    splits[of_edges] = Split(np.array([0, 3]), np.array([1]), np.array([2]))
    if task == "several":
        labels[of_edges] = Labels("number", np.array([1, 4.5, 3, 2], dtype=np.float32))
    return GraphData(
        node_ids={"User": ["a", "b", "c"], "Film": ["f", "a"]},
        num_nodes={"User": 3, "Film": 2},
        edges={LIKES: EdgeList(np.array([0, 0, 2, 1]), np.array([1, 1, 0, 0]))},
        edge_ids={LIKES: ["e1", "e2", "e3", "e4"]},
        features={
            "User": {"age": np.array([[1], [2], [3]], np.float32), "two": np.arange(6, dtype=np.float32).reshape(3, 2)}
        },
        edge_features={LIKES: {"weight": np.array([[0.5], [1], [2], [3]], np.float32)}},
        labels=labels,
        splits=splits,
    )


def said(graph: GraphData) -> dict[str, Any]:
    """Everything that conversions are to keep, to be compared."""
    return {
        "ids": {name: list(ids) for name, ids in graph.node_ids.items()},
        "edge ids": {kind: list(ids) for kind, ids in graph.edge_ids.items()},
        "edges": {kind: (ends.source.tolist(), ends.target.tolist()) for kind, ends in graph.edges.items()},
        "features": {
            (owner, name): values.tolist()
            for group in (graph.features, graph.edge_features)
            for owner, made in group.items()
            for name, values in made.items()
        },
        "labels": {
            t: (one.kind, np.nan_to_num(one.values, nan=-9).tolist(), one.classes) for t, one in graph.labels.items()
        },
        "splits": {t: [np.asarray(p).tolist() for p in (s.train, s.valid, s.test)] for t, s in graph.splits.items()},
    }


GRAPHS = {
    "node_class": lambda: small_graph("node_class"),
    "edge_regression": lambda: small_graph("edge_regression"),
    "link_prediction": lambda: small_graph("link_prediction"),
    "several types": films,
    "links of several types": lambda: films("links"),
}


@pytest.fixture(params=list(GRAPHS))
def graph(request: pytest.FixtureRequest) -> GraphData:
    return GRAPHS[request.param]()


def columns_of(graph: GraphData) -> dict[str | EdgeType, str]:
    return {target.type: target.property_name for target in graph.targets if target in graph.labels}


def test_tables_of_pandas_come_back_as_they_were(graph: GraphData) -> None:
    known = graph
    if graph.node_types == ("User", "Film"):  # a class that no label has is not in the table
        genres = Labels("classes", np.array([[1, 1], [-1, -1]], dtype=np.float32), ("drama", "war"))
        known = replace(graph, labels={**graph.labels, Target("node_class", "Film", "genres"): genres})
    nodes, edges = to_pandas(graph)
    assert said(from_pandas(nodes, edges, columns_of(graph))) == said(known)


def test_tables_are_what_a_service_loads() -> None:
    nodes, edges = to_pandas(films())
    assert nodes["User"].to_dict("list") == {
        "~id": ["a", "b", "c"],
        "~label": ["User"] * 3,
        "age": [1, 2, 3],
        "two[0]": [0, 2, 4],
        "two[1]": [1, 3, 5],
    }
    assert nodes["Film"].loc[0, ["genres", "split"]].tolist() == ["drama;war", "train"]
    assert nodes["Film"].loc[1, ["genres", "split"]].isna().all()
    first = edges[LIKES].iloc[0].to_dict()
    assert first == {
        "~id": "e1",
        "~label": "likes",
        "~from": "a",
        "~to": "a",
        "weight": 0.5,
        "stars": 1,
        "split": "train",
    }


def test_an_edge_that_names_no_node_is_refused() -> None:
    nodes, edges = to_pandas(films())
    edges[LIKES].loc[2, "~to"] = "nothing"
    with pytest.raises(ValueError, match=r"~to names 'nothing', which is no node of type Film"):
        from_pandas(nodes, edges)


def test_networkx_has_every_node_and_edge_with_its_attributes() -> None:
    made = to_networkx(films())
    assert isinstance(made, networkx.MultiDiGraph)
    assert sorted(made.nodes) == [("Film", "a"), ("Film", "f"), ("User", "a"), ("User", "b"), ("User", "c")]
    assert made.number_of_edges(("User", "a"), ("Film", "a")) == 2
    assert made.nodes["User", "c"] == {"type": "User", "age": 3, "two[0]": 4, "two[1]": 5}
    alone = to_networkx(small_graph("node_class"))
    assert alone.nodes["p0"]["type"] == "Person"
    assert networkx.number_connected_components(alone.to_undirected()) == 1


@pytest.mark.parametrize("name", ["node_class", "edge_regression", "link_prediction"])
def test_networkx_comes_back_with_nodes_features_labels_and_splits(name: str) -> None:
    graph = GRAPHS[name]()
    back, before = said(from_networkx(to_networkx(graph), columns_of(graph))), said(graph)
    # edges come in the order of their sources, which those of this graph have
    assert back == before


def test_an_ordinary_graph_of_networkx_becomes_one_type() -> None:
    made = from_networkx(networkx.karate_club_graph(), {"node": "club"})
    assert made.num_nodes == {"node": 34}
    assert len(made.edges[EdgeType("node", "edge", "node")]) == 78
    ((target, labels),) = made.labels.items()
    assert (target, labels.classes) == (Target("node_class", "node", "club"), ("Mr. Hi", "Officer"))
    assert np.bincount(labels.values).tolist() == [17, 17]
    assert made.edge_features[EdgeType("node", "edge", "node")]["weight"].shape == (78, 1)


def test_matrices_count_the_edges_between_two_nodes() -> None:
    made = to_scipy(films())
    assert made.adjacency[LIKES].toarray().tolist() == [[0, 2], [1, 0], [1, 0]]
    assert made.features["User"].tolist() == [[1, 0, 1], [2, 2, 3], [3, 4, 5]]
    assert made.labels["Film"].tolist() == [[1, 0, 1], [-1, -1, -1]]


def test_matrices_come_back_with_edges_features_and_labels() -> None:
    graph = small_graph("node_class")
    back, before = said(from_scipy(to_scipy(graph))), said(graph)
    assert back["ids"] == before["ids"]
    assert back["edges"] == before["edges"]
    assert [*back["features"].values()] == [before["features"]["Person", "noise"]]
    assert [*back["labels"].values()] == [*before["labels"].values()]
    again = from_scipy(to_scipy(films()))
    assert sorted(zip(again.edges[LIKES].source, again.edges[LIKES].target, strict=True)) == [
        (0, 1),
        (0, 1),
        (1, 0),
        (2, 0),
    ]


def test_matrices_that_disagree_are_refused() -> None:
    good = to_scipy(films())
    with pytest.raises(ValueError, match=r"User has 3 nodes in one matrix and 2 in another"):
        from_scipy(Matrices(good.adjacency, {"User": np.zeros((2, 1), np.float32)}, ids=good.ids))


class TestDgl:
    @pytest.fixture(autouse=True)
    def dgl(self) -> Any:
        return pytest.importorskip("dgl")

    def test_it_has_types_features_masks_and_ways_back(self) -> None:
        made = to_dgl(films())
        assert made.canonical_etypes == [("Film", "rev-likes", "User"), tuple(LIKES)]
        assert made.num_nodes("User") == 3
        assert made.nodes["User"].data["two"].tolist() == [[0, 1], [2, 3], [4, 5]]
        assert made.edges["likes"].data["test_mask"].tolist() == [False, False, True, False]
        assert made.edges["rev-likes"].data["rev_test_mask"].tolist() == [False, False, True, False]

    def test_it_comes_back_but_for_names(self, graph: GraphData) -> None:
        back, before = said(from_dgl(to_dgl(graph), graph.node_ids)), said(graph)
        for key in ("ids", "edges", "features"):
            assert back[key] == before[key]
        assert [(one[0], one[1]) for one in back["labels"].values()] == [
            (o[0], o[1]) for o in before["labels"].values()
        ]
        assert [*back["splits"].values()] == [*before["splits"].values()]


class TestPyG:
    @pytest.fixture(autouse=True)
    def geometric(self) -> Any:
        return pytest.importorskip(
            "torch_geometric", reason="PyTorch Geometric is not installed: pip install 'despina[pyg]'"
        )

    def test_it_is_a_valid_graph_with_features_labels_and_masks(self) -> None:
        graph = small_graph("node_class")
        data = to_pyg(graph)
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

    def test_its_layers_run_over_it(self, geometric: Any) -> None:
        data = to_pyg(small_graph("edge_class")).to_homogeneous()
        out = geometric.nn.SAGEConv(3, 4)(data.x, data.edge_index)
        assert out.shape == (PEOPLE, 4)
        assert np.isfinite(out.detach().numpy()).all()

    def test_it_comes_back_as_it_was(self, graph: GraphData) -> None:
        assert said(from_pyg(to_pyg(graph))) == said(graph)

    def test_a_graph_that_others_made_becomes_ours(self, geometric: Any) -> None:
        data = geometric.datasets.FakeHeteroDataset(num_node_types=2, num_edge_types=3, avg_num_nodes=20)[0]
        made = from_pyg(data)
        assert sum(made.num_nodes.values()) == data.num_nodes
        assert sum(map(len, made.edges.values())) == data.num_edges
        assert {target.task for target in made.targets} == {"node_class"}

    def test_a_model_of_its_layers_is_trained_and_answers(self, geometric: Any, tmp_path: Path) -> None:
        torch = pytest.importorskip("torch")
        graph = small_graph("node_class")
        graph.write(tmp_path / "graph")
        work = custom.Work(tmp_path / "graph", tmp_path / "model", {"task": "node_class"}, "job-1")
        data = geometric.transforms.ToUndirected()(work.pyg()).to_homogeneous()
        torch.manual_seed(0)
        layers = geometric.nn.GCNConv(PEOPLE, 16), geometric.nn.GCNConv(16, 2)
        optimiser = torch.optim.Adam([p for layer in layers for p in layer.parameters()], lr=0.05)
        for _ in range(60):
            out = layers[1](layers[0](torch.eye(PEOPLE), data.edge_index).relu(), data.edge_index)
            loss = torch.nn.functional.cross_entropy(out[data.train_mask], data.y[data.train_mask])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        (target,) = work.targets(graph)
        custom.save_predictions(work, graph, target, out.softmax(dim=1).detach().numpy())
        nodes = [{"nodeId": f"p{i}"} for i in range(PEOPLE)]
        asked = {"nodes": nodes, "globalParameters": {"property": "label", "topk": 1}}
        request = EndpointRequest.model_validate({"version": "v1", "data": asked})
        answers = load_predictor(work.model).answer(request).output.nodes or []
        right = [answer.results[0].value == ("left", "right")[i % 2] for i, answer in enumerate(answers)]
        # 24 of 30 are trained on, and people mostly know their own
        assert sum(right) >= 26


# ethanol and pyridine, by hand: atoms with an element, bonds with an order
SDF = """ethanol
  by hand

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 C   0  0
    1.0000    0.0000    0.0000 C   0  0
    2.0000    0.0000    0.0000 O   0  0
  1  2  1  0
  2  3  1  0
M  END
>  <solubility>
1.5

>  <smells>
sharp

$$$$
pyridine
  by hand

  6  6  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.0000 N   0  0
    1.0000    0.0000    0.0000 C   0  0
    2.0000    0.0000    0.0000 C   0  0
    2.0000    1.0000    0.0000 C   0  0
    1.0000    1.0000    0.0000 C   0  0
    0.0000    1.0000    0.0000 C   0  0
  1  2  2  0
  2  3  1  0
  3  4  2  0
  4  5  1  0
  5  6  2  0
  6  1  1  0
M  END
>  <solubility>
0.25

>  <smells>
fishy

$$$$
"""


class TestSdf:
    @pytest.fixture(autouse=True)
    def rdkit(self) -> Any:
        return pytest.importorskip("rdkit", reason="RDKit is not installed: pip install 'despina[sdf]'")

    def test_molecules_become_one_graph(self, tmp_path: Path) -> None:
        (tmp_path / "two.sdf").write_text(SDF)
        graph = from_sdf(tmp_path / "two.sdf", "smells")
        assert graph.node_ids[MOLECULE] == ["ethanol", "pyridine"]
        assert graph.edges[HAS].source.tolist() == [0] * 3 + [1] * 6
        atoms = graph.features[ATOM]
        assert atoms["number"].ravel().tolist() == [6, 6, 8, 7, 6, 6, 6, 6, 6]
        # CH3-CH2-OH; five CH in the ring
        assert atoms["hydrogens"].ravel().tolist() == [3, 2, 1, 0, 1, 1, 1, 1, 1]
        assert atoms["aromatic"].ravel().tolist() == [0] * 3 + [1] * 6
        assert graph.edge_features[BOND]["order"].ravel().tolist() == [1, 1] + [1.5] * 6
        assert graph.features[MOLECULE]["solubility"].ravel().tolist() == [1.5, 0.25]
        ((_, labels),) = graph.labels.items()
        assert (labels.values.tolist(), labels.classes) == ([1, 0], ("fishy", "sharp"))

    def test_molecules_come_back_as_they_were(self, tmp_path: Path) -> None:
        (tmp_path / "two.sdf").write_text(SDF)
        graph = from_sdf(tmp_path / "two.sdf", "smells")
        to_sdf(graph, tmp_path / "again.sdf")
        assert said(from_sdf(tmp_path / "again.sdf", "smells")) == said(graph)
        from rdkit import Chem

        smiles = [Chem.MolToSmiles(molecule) for molecule in Chem.SDMolSupplier(str(tmp_path / "again.sdf"))]
        assert smiles == ["CCO", "c1ccncc1"]

    def test_a_record_that_is_no_molecule_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "bad.sdf").write_text(
            SDF.replace(" C   0  0\n    1.0000    1.0000", " Xx  0  0\n    1.0000    1.0000")
        )
        with pytest.raises(BadMolecule, match="record 2: this is no molecule"):
            from_sdf(tmp_path / "bad.sdf")
