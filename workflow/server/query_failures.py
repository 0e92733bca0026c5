"""What clients are told of a query that failed in a way nobody foresaw."""

from __future__ import annotations

import logging

from workflow.errors import MemoryLimitExceeded, QueryFailed, WorkflowError

_log = logging.getLogger(__name__)


def known(error: Exception) -> WorkflowError:
    """An error of our tree as it is; anything else is logged and becomes one that hides its inside."""
    if isinstance(error, WorkflowError):
        return error
    if isinstance(error, TypeError) and str(error).startswith("unhashable type"):
        # a collection that the client put where a key, a label or an id stands
        return QueryFailed(
            "The query has a collection where a single value must stand, such as a label, a key or an id"
        )
    if isinstance(error, MemoryError):
        return MemoryLimitExceeded("The query asks for more memory than there is; narrow what it gathers")
    _log.error("a query failed in a way nobody foresaw", exc_info=error)
    return WorkflowError(f"The service failed on this query ({type(error).__name__}); its log says more")
