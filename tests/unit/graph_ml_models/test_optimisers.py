"""Our optimisers against torch's."""

from __future__ import annotations

import pytest
import torch

from training_scripts.graph_ml.training.optimisers import AdamW, RowAdagrad, cooled, one_cycle


def test_adamw_and_one_cycle_walk_as_torchs_do() -> None:
    start = torch.randn(5, generator=torch.Generator().manual_seed(0))
    ours, judged = start.clone().requires_grad_(), start.clone().requires_grad_()
    mine = AdamW([ours], lr=1e-2, weight_decay=0.1)
    theirs = torch.optim.AdamW([judged], lr=1e-2, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(theirs, max_lr=1e-2, total_steps=30, cycle_momentum=False)
    for step in range(29):
        (ours**2).sum().backward()
        (judged**2).sum().backward()
        mine.lr = one_cycle(step, 30, 1e-2)
        assert mine.lr == pytest.approx(schedule.get_last_lr()[0], rel=1e-6)
        mine.step()
        theirs.step()
        theirs.zero_grad()
        schedule.step()
    assert torch.allclose(ours, judged, atol=1e-6)


def test_rates_cool_as_torchs_cosine_does() -> None:
    weight = torch.zeros(1, requires_grad=True)
    theirs = torch.optim.SGD([weight], lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, T_max=20)
    for step in range(21):
        assert cooled(step, 20, 1e-2) == pytest.approx(schedule.get_last_lr()[0], abs=1e-9)
        theirs.step()
        schedule.step()
    # a training that goes on beyond its last step learns nothing more
    assert cooled(25, 20, 1e-2) == 0


def test_what_is_penalised_walks_as_torchs_adam_and_the_rest_as_adamw() -> None:
    start = torch.randn(5, generator=torch.Generator().manual_seed(0))
    ours, judged = ([start.clone().requires_grad_() for _ in range(2)] for _ in range(2))
    mine = AdamW(ours, lr=1e-2, weight_decay=0.1, penalised=ours[:1])
    theirs = [
        torch.optim.Adam(judged[:1], 1e-2, weight_decay=0.1),
        torch.optim.AdamW(judged[1:], 1e-2, weight_decay=0.1),
    ]
    for _ in range(20):
        for pair in (ours, judged):
            sum((p - 1).pow(4).sum() for p in pair).backward()  # type: ignore[union-attr]
        mine.step()
        for one in theirs:
            one.step()
            one.zero_grad()
    assert not torch.allclose(ours[0], ours[1], atol=1e-3)
    for one, other in zip(ours, judged, strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_row_adagrad_leaves_untouched_rows_alone() -> None:
    table = torch.ones(3, 2)
    optimiser = RowAdagrad(table, lr=0.5)
    optimiser.step(torch.tensor([1]), torch.tensor([[3.0, 3.0]]))
    # the mean square is 9, so the step is .5 · 3 / 3
    assert table.tolist() == [[1, 1], [pytest.approx(0.5), pytest.approx(0.5)], [1, 1]]


def test_adagrad_with_a_rate_for_each_number_is_torchs() -> None:
    generator = torch.Generator().manual_seed(3)
    ours = torch.randn(4, 3, generator=generator)
    judged = ours.clone().requires_grad_()
    mine, theirs = RowAdagrad(ours, 0.2, shared=False), torch.optim.Adagrad([judged], lr=0.2)
    for _ in range(5):
        gradient = torch.randn(4, 3, generator=generator)
        judged.grad = gradient.clone()
        theirs.step()
        mine.step(torch.arange(4), gradient)
    assert torch.allclose(ours, judged, atol=1e-6)
