"""AdamW, the one-cycle schedule and row-wise Adagrad, written out.

torch.optim's first use imports torch's compiler, which takes longer than a trial on a small graph.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from ..devices import host_table


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019), betas .9 and .999.

    ``lr`` may be set between steps. The ``penalised`` among the parameters pay the decay as part of their loss instead
    (Kingma and Ba 2015): what a step hardly touches shrinks at the full rate.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0, penalised: Iterable[Tensor] = ()
    ) -> None:
        self.parameters, self.lr, self.weight_decay = list(parameters), lr, weight_decay
        self.penalised = {id(p) for p in penalised}
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]
        self.steps = torch.zeros(1, dtype=torch.int64)

    def moments(self) -> dict[str, Tensor]:
        """What it remembers, by name, as it is in use."""
        pairs = zip(self.first, self.second, strict=True)
        return {f"{n}.{i}": t for i, pair in enumerate(pairs) for n, t in enumerate(pair)} | {"steps": self.steps}

    @torch.no_grad()
    def step(self) -> None:
        """Move every parameter that has a gradient, and clear the gradients."""
        self.steps += 1
        rate = self.lr / (1 - 0.9 ** int(self.steps))
        root = math.sqrt(1 - 0.999 ** int(self.steps))
        for p, first, second in zip(self.parameters, self.first, self.second, strict=True):
            if p.grad is None:
                continue
            if id(p) in self.penalised:
                p.grad.add_(p, alpha=self.weight_decay)
            else:
                p.mul_(1 - self.lr * self.weight_decay)
            first.lerp_(p.grad, 0.1)
            second.mul_(0.999).addcmul_(p.grad, p.grad, value=0.001)
            p.addcdiv_(first, second.sqrt().div_(root).add_(1e-8), value=-rate)
            p.grad = None


def one_cycle(step: int, total: int, highest: float) -> float:
    """The learning rate at a step: from a twenty-fifth of the highest up in 30 % of the steps, then down to almost 0.

    Cosines both ways, as in Smith and Topin 2018.
    """
    turn = max(1.0, 0.3 * total - 1)
    if step <= turn:
        low, high, share = highest / 25, highest, step / turn
    else:
        low, high, share = highest, highest / 25e4, (step - turn) / max(1.0, total - 1 - turn)
    return high + (low - high) * (1 + math.cos(math.pi * min(1.0, share))) / 2


def cooled(step: int, total: int, highest: float) -> float:
    """The learning rate at a step, counted from 0: from the highest down to 0 along half a cosine.

    Source: Loshchilov and Hutter 2017, SGDR, equation 5, without restarts.
    """
    return highest * (1 + math.cos(math.pi * min(1.0, step / max(total, 1)))) / 2


class RowAdagrad:
    """Adagrad for large tables of which a step touches few rows.

    Source: Duchi, Hazan, Singer 2011; one accumulator a row after DGL-KE (Zheng et al. 2020).

    Args:
        table: what is learned, float32 (n, d).
        lr: learning rate.
        shared: whether the numbers of a row share one accumulator, or each has its own, for as much memory again.
    """

    def __init__(self, table: Tensor, lr: float, *, shared: bool = True) -> None:
        self.table, self.lr, self.shared = table, lr, shared
        self.sums = table.new_zeros(len(table), 1) if shared else torch.zeros_like(table)

    def moments(self) -> dict[str, Tensor]:
        """What it remembers, by name, as it is in use."""
        return {"sums": self.sums}

    @torch.no_grad()
    def step(self, rows: Tensor, gradient: Tensor) -> None:
        """Move rows of the table.

        Args:
            rows: distinct row numbers, ascending where they are all that there are, int64, shape (r,).
            gradient: shape (r, d); both may come from another device than the table's.
        """
        rows, gradient = rows.to(self.table.device), gradient.to(self.table.device)
        every = len(rows) == len(self.table)
        sums = self.sums if every else self.sums[rows]
        if self.shared:
            sums += gradient.square().mean(dim=1, keepdim=True)
        else:
            sums.addcmul_(gradient, gradient)
        roots = sums.sqrt().add_(1e-10)
        if every:
            self.table.addcdiv_(gradient, roots, value=-self.lr)
        else:
            self.sums[rows] = sums
            self.table[rows] = self.table[rows].addcdiv_(gradient, roots, value=-self.lr)


class RowAdam:
    """Lazy Adam on the rows of a table: rows that a step does not touch keep their moments."""

    def __init__(self, table: Tensor, lr: float) -> None:
        self.table, self.lr = table, lr
        self.first, self.second = zeros_like(table), zeros_like(table)
        self.steps = torch.zeros(1, dtype=torch.int64)

    def moments(self) -> dict[str, Tensor]:
        """What it remembers, by name, as it is in use."""
        return {"first": self.first, "second": self.second, "steps": self.steps}

    @torch.no_grad()
    def step(self, rows: Tensor, gradient: Tensor) -> None:
        """Move distinct rows, int64 (r,), along their gradients (r, d); both may come from another device."""
        rows, gradient = rows.to(self.table.device), gradient.to(self.table.device)
        self.steps += 1
        first = self.first[rows].lerp_(gradient, 0.1)
        second = self.second[rows].mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        self.first[rows], self.second[rows] = first, second
        root = math.sqrt(1 - 0.999 ** int(self.steps))
        change = first / (second.sqrt().div_(root).add_(1e-8))
        self.table[rows] -= self.lr / (1 - 0.9 ** int(self.steps)) * change


def zeros_like(table: Tensor) -> Tensor:
    """As many zeros, float32 (n, d), where the table is; on the processor in a file where they are many."""
    if table.device.type != "cpu":
        return torch.zeros_like(table)
    return host_table(*table.shape).zero_()


def together(**parts: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """Several groups of tensors as one, each below its name; groups that are not there are left out."""
    return {f"{group}.{name}": t for group, members in parts.items() for name, t in (members or {}).items()}
