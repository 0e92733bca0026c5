"""Linear: answers are sums over features; no messages, and no hidden layer, so that few labels are enough.

Vertices without features have a learned vector. Of edges, products of what both ends' features make count too.

Source: logistic and linear regression; for edges, factorisation machines (Rendle 2010).
"""

from __future__ import annotations

from ..family import LABELS, GraphFamily
from ..settings import GraphSettings
from .mlp import messages

FAMILY = GraphFamily(
    name="linear-model",
    title="linear, features alone",
    paper="Rendle 2010, Factorization Machines",
    tasks=LABELS,
    baseline=True,
    settings=GraphSettings,
    weights=lambda size: {},
    round=messages,
    rounds=lambda settings: 0,
    final_norm=False,
    linear=True,
    unused=frozenset({"num-layer", "fanout", "use-self-loop", "layer-norm", "per-feat-name-embed"}),
)
