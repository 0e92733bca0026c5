"""Weights that rounds of several families have."""

from __future__ import annotations

from collections.abc import Mapping

from ..family import Size, Weight


def relations(size: Size) -> Weight:
    """One matrix a relation, (relations, d, d)."""
    return Weight((max(1, size.relations), size.hidden, size.hidden))


def activation(size: Size) -> Mapping[str, Weight]:
    """Bias, and scale and shift of layer normalisation, which the last round has not."""
    bias = {"bias": Weight((size.hidden,), "zeros")}
    if size.last or not size.settings.layer_norm:
        return bias
    return {**bias, "norm_scale": Weight((size.hidden,), "ones"), "norm_shift": Weight((size.hidden,), "zeros")}


def own(size: Size) -> Mapping[str, Weight]:
    """The matrix of the vertex itself, (d, d), where ``use-self-loop`` asks for it."""
    return {"own": Weight((size.hidden, size.hidden))} if size.settings.use_self_loop else {}
