"""What training may never do, looked at on graphs of some thirty vertices and not judged by figures."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_graphs import FRIEND, friends_graph, train

from training_scripts.graph_ml.judging import links as judging
from training_scripts.graph_ml.links import Pairs
from training_scripts.graph_ml.models.network.network import Network
from training_scripts.graph_ml.models.settings import GraphSettings
from training_scripts.graph_ml.sampling import Relation
from training_scripts.graph_ml.training.links import gnn


@pytest.mark.parametrize("whole", [True, False], ids=["whole graph", "sampled"])
def test_no_edge_of_a_batch_carries_a_message_in_it(
    whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not whole:
        monkeypatch.setattr(gnn, "FULL_ENTRIES", 0)
    looked_at: list[set[int]] = []
    forward: Callable[..., Any] = Network.forward
    loss_of = gnn.batch_loss
    chosen_now: list[np.ndarray] = []

    def watched(network: Network, nodes: Any, blocks: Any) -> Any:
        if chosen_now:
            carrying = {int(edge) for block in blocks for edge in block.relations[Relation(FRIEND)].edges}
            assert carrying.isdisjoint(chosen_now[-1].tolist())
            looked_at.append(carrying)
        return forward(network, nodes, blocks)

    def noted(model: Any, graph: Any, position: int, chosen: Any, settings: Any, rng: Any) -> Any:
        chosen_now.append(chosen)
        try:
            return loss_of(model, graph, position, chosen, settings, rng)
        finally:
            chosen_now.clear()

    monkeypatch.setattr(Network, "forward", watched)
    monkeypatch.setattr(gnn, "batch_loss", noted)
    train(friends_graph(), tmp_path, "--model", "rgcn", "--batch-size", "16", "--num-epochs", "1", "--num-hidden", "8")
    assert len(looked_at) > 3
    assert all(looked_at)  # the other edges do carry messages


@pytest.mark.parametrize("model", ["rgcn", "pair-ranker", "stack", "distmult"])
def test_no_link_that_chose_is_reported_on_and_each_part_reports_its_own(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranked: list[tuple[set[tuple[int, int]], Any]] = []
    rank_links = judging.rank_links

    def noted(problem: Any, scores: Any, positives: Pairs, *rest: Any) -> Any:
        ranked.append((pairs_of(positives), problem))
        return rank_links(problem, scores, positives, *rest)

    monkeypatch.setattr(judging, "rank_links", noted)
    train(friends_graph(), tmp_path, "--model", model, "--num-epochs", "1", "--num-hidden", "8")
    (choosing, problem), (valid, _), (test, _) = ranked
    assert choosing == pairs_of(problem.choose)
    assert valid == pairs_of(problem.valid)
    assert test == pairs_of(problem.test)
    assert not choosing & valid
    assert not (choosing | valid) & test


def pairs_of(pairs: Pairs) -> set[tuple[int, int]]:
    return set(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True))


def test_the_loss_of_links_by_hand() -> None:
    # one edge: the true partner scores 2, two uniform negatives of 100 candidates 1 and 0; each stands for 50
    query, true = torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 5.0]])
    drawn = torch.tensor([[1.0, 3.0], [0.0, 7.0]])
    found = gnn.contrast(query, true, torch.tensor([0]), drawn, 100, GraphSettings(in_batch_negs=False))
    softmax = -math.log(math.exp(2) / (math.exp(2) + 50 * math.exp(1) + 50 * math.exp(0)))
    binary = math.log(1 + math.exp(-2)) + (math.log(1 + math.exp(1)) + math.log(1 + math.exp(0))) / 2
    assert float(found) == pytest.approx(softmax + 0.3 * binary, rel=1e-6)


def test_a_batch_costs_what_its_two_directions_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    costs: list[float] = []
    losses: list[float] = []
    contrast, loss_of = gnn.contrast, gnn.batch_loss

    def cost(*given: Any) -> Any:
        found = contrast(*given)
        costs.append(float(found.detach()))
        return found

    def noted(*given: Any) -> Any:
        found = loss_of(*given)
        losses.append(float(found[0].detach()))
        return found

    monkeypatch.setattr(gnn, "contrast", cost)
    monkeypatch.setattr(gnn, "batch_loss", noted)
    arguments = ("--model", "rgcn", "--num-epochs", "1", "--num-hidden", "8", "--regularization-coef", "0")
    train(friends_graph(), tmp_path, *arguments)
    assert len(costs) == 2 * len(losses)
    assert losses == pytest.approx([one + other for one, other in zip(costs[::2], costs[1::2], strict=True)], rel=1e-5)
