"""What vertices without a label teach: two passes with noise of their own should say the same of them, and clearly.

Source: Feng et al. 2020, Graph Random Neural Networks for Semi-Supervised Learning on Graphs, section 3.2. Their noise
is the loss of whole vertices' features; here it is the dropout of the network at hand. ``benchmarks/README.md`` says
what agreement gains.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...graph import Labels


def can_agree(labels: Labels) -> bool:
    """Whether passes can be compared: they say a class, or which of several hold."""
    return labels.kind in ("class", "classes")


def disagreement(labels: Labels, passes: list[Tensor]) -> Tensor:
    """How far each pass is from the sharpened mean of all: the squares of differences of an item's probabilities,
    summed, as a mean over items and passes; a scalar.

    Sharpening squares probabilities and makes their sum 1 again, so that agreeing on nothing is not free.

    Args:
        labels: of one class an item, or of several.
        passes: outputs of the head for the same items, float32 (n, classes) each.
    """
    one = labels.kind == "class"
    probabilities = [torch.softmax(out, dim=1) if one else torch.sigmoid(out) for out in passes]
    squared = torch.stack(probabilities).mean(dim=0).detach() ** 2
    against = squared.sum(dim=1, keepdim=True) if one else squared + (1 - squared.sqrt()) ** 2
    sharp = squared / against
    apart = [((found - sharp) ** 2).sum(dim=1).mean() for found in probabilities]
    return torch.stack(apart).mean()
