"""How well true partners stand out among rivals, and how embeddings are compared; see ``partner_loss``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...models.family import Decoder

#: numbers in the vectors of all rivals from which on they are multiplied in bfloat16, where that is wanted
HALVED = 2**20
#: rows by whose multiples halved matrices are multiplied: oneDNN keeps megabytes for every new shape
STEP = 256


def similarity(query: Tensor, others: Tensor, formula: Decoder, gamma: float) -> Tensor:
    """Scores of all others for each query, float32 (b, w) and (n, w) → (b, n)."""
    products = query @ others.T
    if formula.compare == "dot":
        return products
    squares = products.mul_(-2).add_(others.square().sum(dim=1)).add_(query.square().sum(dim=1, keepdim=True))
    return gamma - squares.clamp_(min=0).sqrt_()


def partner_loss(
    query: Tensor, answer: Tensor, which: Tensor, rivals: Tensor, formula: Decoder, everyone: bool, halved: bool
) -> Tensor:
    """Σ over triples of −log of the share that the true partner has in a softmax, a float32 scalar.

    Products stand in the exponent as they are, and of distances the negative squares (as in Chami et al. 2020).

    Args:
        query: what partners are compared with, one row for triples that ask the same, (b, w).
        answer: vector of the true partner of each triple, (m, w).
        which: row of ``query`` for each triple, int64 (m,).
        rivals: vectors that stand against it, (n, w).
        formula: how vectors are compared.
        everyone: whether the rivals are all that there are, the true partner among them (Lacroix et al. 2018).
        halved: whether matrices are multiplied in bfloat16.
    """
    plus, offset = (query[which] * answer).sum(dim=1), None
    if formula.compare == "l2":
        # −|q − t|² without |q|², which all partners of a query have alike
        query, plus, offset = 2 * query, 2 * plus - answer.square().sum(dim=1), -rivals.square().sum(dim=1)
    halved = halved and rivals.numel() >= HALVED
    against: Tensor = _LogPartition.apply(query, rivals, offset, halved)  # type: ignore[no-untyped-call]
    lead = against[which] - plus
    return (lead if everyone else torch.nn.functional.softplus(lead)).sum()


def cubes(vectors: Tensor, paired: bool) -> Tensor:
    """Σ of the cubes of absolute values of each row, float32 (b, w) → (b,).

    Args:
        vectors: numbers, or complex numbers, real parts first.
        paired: whether they are complex.
    """
    if not paired:
        return vectors.abs().pow(3).sum(dim=1)
    real, imaginary = vectors.chunk(2, dim=1)
    result: Tensor = (real.square() + imaginary.square() + 1e-12).pow(1.5).sum(dim=1)
    return result


class _LogPartition(torch.autograd.Function):
    """log Σ exp(q · r + offset) over rivals: (b, w), (n, w) and (n,) → (b,); one matrix (b, n) is kept for gradients.

    Written out, because torch's own logsumexp takes as long as the product, and the gradient follows from the softmax.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, rivals: Tensor, offset: Tensor | None, halved: bool) -> Tensor:
        ctx.offset, ctx.number = offset is not None, len(query)
        if halved:
            query, rivals = filled(query, -(-len(query) // STEP) * STEP).bfloat16(), rivals.bfloat16()
        scores = query @ rivals.T
        if offset is not None:
            scores = scores.float().add_(offset)
        highest = scores.amax(dim=1).float()
        shares = torch.softmax(scores, dim=1)
        # the highest share is 1 / Σ exp(score − highest)
        result = highest - shares.amax(dim=1).float().log()
        ctx.save_for_backward(query, rivals, shares.to(query.dtype))
        return result[: ctx.number]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor | None, None]:
        query, rivals, shares = ctx.saved_tensors
        weighted = shares * filled(gradients[0].unsqueeze(1), len(shares)).to(shares.dtype)
        of_offset = weighted.sum(dim=0, dtype=torch.float32) if ctx.offset else None
        return (weighted @ rivals)[: ctx.number].float(), (weighted.T @ query).float(), of_offset, None


def filled(rows: Tensor, number: int) -> Tensor:
    """Rows, float32 (b, w), with rows of zeros behind them: (number, w)."""
    return torch.nn.functional.pad(rows, (0, 0, 0, number - len(rows)))
