"""Why a query with a prediction in it has no answer, in sentences."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from workflow.errors import WorkflowError

# why an input has no answer
NOTHING: Final = "no vertex or edge reached the prediction: the graph has none such"
UNSEEN: Final = "the model was trained before it came; ask with {}"
ALONE: Final = "the model knows neither it nor anything near it"
BELOW: Final = "nothing reaches the threshold"
ALL_TAKEN: Final = "every candidate is linked with it already, has another label or has left the graph"
OTHER_LABEL: Final = "the model is for another label or property"

PREDICTING = re.compile(r"(?:Neptune#ml\.(?:prediction|classification|regression)|Despina#ml\.relation)\b")
OPTION = re.compile(r"Neptune#ml\.\w+")
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


def words_in_vain(text: str) -> list[str]:
    """Sentences about words of Neptune ML in a query that predicts nothing."""
    named = sorted(set(OPTION.findall(text)))
    if not named or PREDICTING.search(text):
        return []
    which = " and ".join(named)
    return [
        f"{which} had no effect, for nothing in the query predicts: write .with('Neptune#ml.prediction') after a step "
        "such as out(), or .with('Neptune#ml.classification') or .with('Neptune#ml.regression') after properties()"
    ]
