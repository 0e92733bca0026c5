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

    def noted(model: Any, graph: Any, position: int, chosen: Any, *rest: Any) -> Any:
        chosen_now.append(chosen)
        try:
            return loss_of(model, graph, position, chosen, *rest)
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
    (to_beat, _), (choosing, problem), (valid, _), (test, _) = ranked
    assert to_beat == choosing  # floors are told before training begins
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


def watched_losses(monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[float], list[float]]:
    """Lists that training fills: links and cost of each direction of a batch, and the loss of each pass."""
    costs: list[float] = []
    losses: list[float] = []
    sizes: list[int] = []
    contrast, loss_of = gnn.contrast, gnn.batch_loss

    def cost(query: Any, *given: Any) -> Any:
        found = contrast(query, *given)
        sizes.append(len(query))
        costs.append(float(found.detach()))
        return found

    def noted(*given: Any) -> Any:
        found = loss_of(*given)
        losses.append(float(found[0].detach()))
        return found

    monkeypatch.setattr(gnn, "contrast", cost)
    monkeypatch.setattr(gnn, "batch_loss", noted)
    return sizes, costs, losses


def test_a_batch_costs_what_its_two_directions_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, costs, losses = watched_losses(monkeypatch)
    arguments = ("--model", "rgcn", "--num-epochs", "1", "--num-hidden", "8", "--regularization-coef", "0")
    train(friends_graph(), tmp_path, *arguments)
    assert len(costs) == 2 * len(losses)
    assert losses == pytest.approx([one + other for one, other in zip(costs[::2], costs[1::2], strict=True)], rel=1e-5)


def test_losses_one_after_the_other_have_the_sums_value_and_gradients() -> None:
    vectors, relation = torch.randn(6, 3, requires_grad=True), torch.randn(3, requires_grad=True)
    losses = [
        lambda inputs, i=i: ((inputs[0][i : i + 2] * inputs[1]).sum(dim=1) ** 2).sum()  # type: ignore[misc]
        for i in (0, 2, 4)
    ]
    together = torch.stack([loss((vectors, relation)) for loss in losses]).sum()
    wanted = torch.autograd.grad(together, (vectors, relation))
    apart = gnn.one_after_the_other((vectors * 1, relation), losses)
    assert float(apart.detach()) == pytest.approx(float(together.detach()), rel=1e-6)
    for found, right in zip(torch.autograd.grad(apart, (vectors, relation)), wanted, strict=True):
        assert torch.allclose(found, right, atol=1e-5)


def test_a_pass_of_several_batches_is_the_mean_of_what_they_cost_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gnn, "PASSES", 2)
    sizes, costs, losses = watched_losses(monkeypatch)
    arguments = ("--num-epochs", "1", "--num-hidden", "8", "--batch-size", "16", "--regularization-coef", "0")
    train(friends_graph(), tmp_path, "--model", "rgcn", *arguments)
    assert len(losses) == 2
    assert max(sizes) == 16
    weighed = sum(size * cost for size, cost in zip(sizes, costs, strict=True))
    edges = sum(sizes) / 2  # each edge is asked from both ends
    first = [i for i in range(len(sizes)) if sum(sizes[: i + 1]) / 2 <= -(-edges // 2)]
    begun = sum(sizes[i] * costs[i] for i in first) / (sum(sizes[i] for i in first) / 2)
    assert losses[0] == pytest.approx(begun, rel=1e-4)
    rest = [i for i in range(len(sizes)) if i not in first]
    ended = (weighed - begun * sum(sizes[i] for i in first) / 2) / (sum(sizes[i] for i in rest) / 2)
    assert losses[1] == pytest.approx(ended, rel=1e-4)
