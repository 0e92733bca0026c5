"""Hyperparameters under Neptune's names, parsed from text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..container import JobError

LINK_MODELS = ("rgcn", "graphsage", "pair-ranker", "stack", "transe", "distmult", "rotate")
LABEL_MODELS = ("rgcn", "graphsage")


@dataclass(frozen=True)
class Hyperparameters:
    """All of them with the value a missing one takes; names on the outside have hyphens instead of underscores.

    ``fanout`` is one number a layer, nearest layer first; a list that is too short repeats its last number.
    ``stack_encoder`` says which graph network a stack holds; ``decoder`` is ``distmult``, ``dot`` or ``auto`` (dot
    where there is one edge type to predict). ``max_seconds`` bounds training; 0 is no bound.
    ``low_mem`` and ``rel_part`` are accepted and change nothing: memory is low and relations are whole anyway.
    """

    model: str = "rgcn"
    task: str = ""
    target_ntype: str = ""
    target_etype: str = ""
    property: str = ""
    num_hidden: int = 64
    num_layer: int = 2
    num_epochs: int = 30
    lr: float = 1e-2
    sparse_lr: float = 1e-2
    dropout: float = 0.2
    layer_norm: bool = True
    batch_size: int = 1024
    fanout: tuple[int, ...] = (10, 15, 15)
    num_bases: int = 0
    num_negs: int = 64
    neg_share: bool = True
    in_batch_negs: bool = True
    use_self_loop: bool = True
    concat_node_embed: bool = True
    per_feat_name_embed: bool = True
    use_edge_features: bool = False
    edge_num_hidden: int = 16
    use_class_weight: bool = False
    low_mem: bool = True
    l2norm: float = 0.0
    regularization_coef: float = 0.0
    enable_early_stop: bool = True
    window_for_early_stop: int = 3
    gamma: float = 12.0
    rel_part: bool = False
    decoder: str = "auto"
    stack_encoder: str = "rgcn"
    eval_metric: str = ""
    topk: int = 5
    eval_edges: int = 1000
    max_seconds: float = 0.0
    seed: int = 0

    def as_text(self) -> dict[str, Any]:
        """Under their outside names, for descriptions and reports."""
        return {name.replace("_", "-"): value for name, value in asdict(self).items()}

    def layers(self) -> tuple[int, ...]:
        """The fan-out of each layer, nearest first, exactly ``num_layer`` numbers."""
        given = self.fanout or (15,)
        return tuple(given[min(i, len(given) - 1)] for i in range(self.num_layer))


def parse(values: Mapping[str, str]) -> tuple[Hyperparameters, list[str]]:
    """Read hyperparameters; names that are not known are returned, because files carry those of other models.

    Raises:
        JobError: a value is not of its type, or out of range.
    """
    kinds = {field.name: field.type for field in fields(Hyperparameters)}
    read: dict[str, Any] = {}
    unknown = []
    for outside, text in values.items():
        name = outside.replace("-", "_")
        if name in kinds:
            read[name] = _value(outside, str(kinds[name]), text)
        else:
            unknown.append(outside)
    parsed = Hyperparameters(**read)
    _check(parsed)
    return parsed, unknown


def _value(name: str, kind: str, text: str) -> Any:
    plain = text.strip()
    try:
        if kind == "int":
            number = float(plain)  # "64.0" comes from tuners that know only numbers
            if number != int(number):
                raise ValueError("not a whole number")
            return int(number)
        if kind == "float":
            return (
                {"true": 1.0, "false": 0.0}.get(plain.lower()) if plain.lower() in ("true", "false") else float(plain)
            )
        if kind == "bool":
            # hyperparameters arrive as text, so "False" is true until parsed
            return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[plain.lower()]
        if kind.startswith("tuple"):
            parsed = json.loads(plain) if plain.startswith("[") else [int(part) for part in plain.split(",") if part]
            return tuple(int(part) for part in (parsed if isinstance(parsed, list) else [parsed]))
    except (KeyError, ValueError, TypeError) as error:
        raise JobError(f"hyperparameter {name} is {text!r}; it must be a {kind.split('[')[0]}") from error
    return plain


def _check(values: Hyperparameters) -> None:
    if values.model not in LINK_MODELS:
        raise JobError(f"unknown model {values.model!r}; known are {', '.join(LINK_MODELS)}")
    for name in ("num_hidden", "num_layer", "num_epochs", "batch_size", "num_negs", "window_for_early_stop"):
        if getattr(values, name) < 1:
            raise JobError(f"hyperparameter {name.replace('_', '-')} is {getattr(values, name)}; it must be at least 1")
    if not 0 <= values.dropout < 1:
        raise JobError(f"hyperparameter dropout is {values.dropout}; it must lie in [0, 1)")
    if values.lr <= 0 or values.sparse_lr <= 0:
        raise JobError("hyperparameters lr and sparse-lr must be above 0")
