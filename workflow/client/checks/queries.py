"""Gremlin text that is asked at the end of a run: read before it begins."""

from __future__ import annotations

from collections.abc import Iterator

from workflow.client.checks.hints import with_nearest_step
from workflow.client.checks.problems import nearest
from workflow.errors import WorkflowError
from workflow.gremlin.lang.parser import parse
from workflow.gremlin.steps.facts import FACTS, may_write
from workflow.gremlin.traversal import instructions_of
from workflow.predictions.gremlin.folding import fold_predictions


def may_change(text: str) -> bool:
    """Whether Gremlin may change the graph; so may text that cannot be read."""
    try:
        return any(may_write(script.traversal.steps) for script in parse(text))
    except WorkflowError:
        return True


def problems_of_query(text: str) -> Iterator[str]:
    """What is wrong with a query that can be seen without a graph: its grammar, its steps, its words of Neptune ML."""
    try:
        scripts = parse(text)
    except WorkflowError as error:
        yield f"cannot be read: {with_nearest_step(error.message, text)}"
        return
    for script in scripts:
        unknown = {one.name for one in instructions_of(script.traversal.steps)} - {*FACTS}
        for name in sorted(unknown):
            yield f"has the step {name}(), which Gremlin has not{nearest(name, FACTS)}"
        if not unknown:
            try:
                fold_predictions(script.traversal, {})
            except WorkflowError as error:
                yield f"cannot be answered: {error.message}"
