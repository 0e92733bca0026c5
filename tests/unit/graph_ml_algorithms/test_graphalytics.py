"""The algorithms give LDBC Graphalytics' validated results; its graphs lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.unit.graph_ml_algorithms.eight_people import run
from training_scripts.graph_ml.projections import GraphView

KINDS = ("dir", "undir")


@pytest.fixture(scope="module")
def folder(data_folder: Path) -> Path:
    found = data_folder / "graphalytics-validation"
    if not found.is_dir():
        pytest.skip("Graphalytics' validation graphs are not there")
    return found


def graph_of(path: Path, kind: str) -> GraphView:
    """A vertex a line, then its neighbours; the other direction of an undirected edge stands in its own line."""
    lines = [[int(word) for word in line.split()] for line in path.read_text().splitlines() if line.strip()]
    ids = np.array(sorted({word for line in lines for word in line}))
    arcs = np.array(sorted({(line[0], other) for line in lines for other in line[1:]})).reshape(-1, 2)
    return made(ids, arcs, None, kind)


def made(ids: np.ndarray, arcs: np.ndarray, weights: np.ndarray | None, kind: str) -> GraphView:
    source, target = np.searchsorted(ids, arcs[:, 0]), np.searchsorted(ids, arcs[:, 1])
    return GraphView(ids, np.arange(len(ids)), source, target, weights, kind == "undir")


def results(path: Path) -> dict[int, float]:
    return {int(line.split()[0]): float(line.split()[1]) for line in path.read_text().splitlines() if line.strip()}


def by_id(view: GraphView, values: np.ndarray) -> dict[int, float]:
    return dict(zip(view.ids.tolist(), values.tolist(), strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_page_rank(folder: Path, kind: str) -> None:
    view, wanted = graph_of(folder / "pr" / f"{kind}-input", kind), results(folder / "pr" / f"{kind}-output")
    scores = run("pageRank", view, maxIterations=500, tolerance=1e-13).columns["score"]
    # what has no way out loses its score here and gives it to all there, which leaves the proportions as they are
    assert by_id(view, scores / scores.sum()) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_components(folder: Path, kind: str) -> None:
    view, wanted = graph_of(folder / "wcc" / f"{kind}-input", kind), results(folder / "wcc" / f"{kind}-output")
    found = by_id(view, run("wcc", view).columns["componentId"])
    assert len(set(found.values())) == len(set(wanted.values())) == len({(found[id], wanted[id]) for id in wanted})


def test_label_propagation(folder: Path) -> None:
    view, wanted = graph_of(folder / "cdlp" / "undir-input", "undir"), results(folder / "cdlp" / "undir-output")
    labels = run("labelPropagation", view, maxIterations=5).columns["communityId"]
    assert by_id(view, view.ids[labels]) == wanted


def test_label_propagation_of_a_directed_graph_hears_both_ends_of_every_edge(folder: Path) -> None:
    forth, wanted = graph_of(folder / "cdlp" / "dir-input", "dir"), results(folder / "cdlp" / "dir-output")
    arcs = np.stack((forth.ids[forth.source], forth.ids[forth.target]), axis=1)
    view = made(forth.ids, np.concatenate([arcs, arcs[:, ::-1]]), None, "dir")
    labels = run("labelPropagation", view, maxIterations=5).columns["communityId"]
    assert by_id(view, view.ids[labels]) == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_local_clustering(folder: Path, kind: str) -> None:
    view, wanted = graph_of(folder / "lcc" / f"{kind}-input", kind), results(folder / "lcc" / f"{kind}-output")
    found = run("localClusteringCoefficient", view).columns["localClusteringCoefficient"]
    assert by_id(view, found) == pytest.approx(wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_shortest_paths_by_weight_and_by_hops(folder: Path, kind: str) -> None:
    lines = [line.split() for line in (folder / "sssp" / f"{kind}-input.e").read_text().splitlines()]
    ids = np.array(sorted(int(line) for line in (folder / "sssp" / f"{kind}-input.v").read_text().split()))
    arcs = np.array([[int(one), int(other)] for one, other, _ in lines])
    weights = np.array([float(weight) for *_, weight in lines])
    if kind == "undir":
        arcs, weights = np.concatenate([arcs, arcs[:, ::-1]]), np.concatenate([weights, weights])
    view, wanted = made(ids, arcs, weights, kind), results(folder / "sssp" / f"{kind}-output")
    found = run("allShortestPaths.dijkstra", view, sourceNode=1).columns
    costs = dict(zip(found["targetNode"].tolist(), found["totalCost"].tolist(), strict=True))
    assert costs == pytest.approx({id: cost for id, cost in wanted.items() if np.isfinite(cost)})
    hops, levels = graph_of(folder / "bfs" / f"{kind}-input", kind), results(folder / "bfs" / f"{kind}-output")
    found = run("allShortestPaths.dijkstra", hops, sourceNode=1).columns
    counted = dict(zip(found["targetNode"].tolist(), found["totalCost"].tolist(), strict=True))
    assert counted == {id: level for id, level in levels.items() if level < 2**62}
