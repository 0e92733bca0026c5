"""Why a query with a prediction in it has no answer, in sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from workflow.client.checks.hints import PREDICTING, words_in_vain
from workflow.errors import WorkflowError

ORIGIN = "'Despina#ml.provenance'"


def reasons(run: Callable[[str], list[Any]], text: str) -> list[str]:
    """Ask a query once more, now for where its answers come from; a query that predicts nothing says so.

    Args:
        run: runs Gremlin text.
        text: one traversal, which had no results.
    """
    if not PREDICTING.search(text):
        return words_in_vain(text)
    asking = re.sub(r"^\s*g\s*\.", f"g.with({ORIGIN}).", text.strip().rstrip(";"), count=1)
    with suppress(WorkflowError):  # a traversal that ends in a word such as toList(), or another service
        for origin in run(f"{asking}.fold().cap({ORIGIN})"):
            told = dict(origin).get("reasons") or {}
            return [f"{count} x {reason}" if count > 1 else str(reason) for reason, count in told.items()]
    return []
