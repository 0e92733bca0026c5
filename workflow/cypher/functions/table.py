"""All functions by name in lower case."""

from __future__ import annotations

from typing import Final

from workflow.cypher.functions import conversions, durations, graph, lists, numbers, strings, temporal
from workflow.cypher.functions.function import Function

FUNCTIONS: Final[dict[str, Function]] = {
    **conversions.FUNCTIONS,
    **durations.FUNCTIONS,
    **graph.FUNCTIONS,
    **lists.FUNCTIONS,
    **numbers.FUNCTIONS,
    **strings.FUNCTIONS,
    **temporal.FUNCTIONS,
}
