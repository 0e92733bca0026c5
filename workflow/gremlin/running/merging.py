"""Merging equal traversers: one stands for many, by its bulk."""

from __future__ import annotations

from typing import Any

from workflow.gremlin.running.step import ExecutionContext
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.keys import hash_key


def merge_into(batch: dict[Any, Traverser], t: Traverser, ctx: ExecutionContext) -> None:
    """Add a traverser to others; equal ones become one with their bulks added, sacks merged."""
    if ctx.apart:
        batch[len(batch)] = t
        return
    path = t.path
    sack = None if t.sack is None or ctx.sack_merge is not None else hash_key(t.sack)
    history: Any = None if path is None else tuple((hash_key(n.value), n.labels) for n in path.nodes())
    key = (hash_key(t.value), sack, history, t.loops)
    held = batch.get(key)
    if held is None:
        batch[key] = t
        return
    if ctx.bulked:
        held.bulk += t.bulk
    if ctx.sack_merge is not None:
        held.sack = ctx.sack_merge(held.sack, t.sack)
