"""From the text of a query to its tree."""

from __future__ import annotations

from workflow.cypher.lang.commands import CommandReader
from workflow.cypher.lang.tree import Statement
from workflow.errors import QueryTooLarge
from workflow.queries.reader import Limits

__all__ = ["Limits", "Statement", "parse"]


def parse(text: str, *, limits: Limits | None = None) -> Statement:
    """The tree of one statement.

    Raises CypherSyntaxError with line and column, QueryTooLarge beyond the limits.
    """
    limits = limits or Limits()
    if len(text) > limits.max_length:
        raise QueryTooLarge(f"The query has more than {limits.max_length} characters")
    try:
        return CommandReader(text, limits).statement()
    except RecursionError as error:
        raise QueryTooLarge("The query is nested too deep to be read") from error
