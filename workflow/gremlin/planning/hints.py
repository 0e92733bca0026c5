"""Neptune's query hints: which there are, and what to say of those that do nothing.

Source: the pages of the user guide on Gremlin query hints, on the result cache and on full-text search.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any, Final

from workflow.gremlin.traversal import Traversal

PREFIX: Final = "Neptune#"
_FLAG: Final = (True, False)
# the values of each hint; None where they are no closed set
HINTS: Final[dict[str, tuple[Any, ...] | None]] = {
    "Neptune#repeatMode": ("BFS", "DFS", "CHUNKED_DFS"),
    **dict.fromkeys(("Neptune#noReordering", "Neptune#typePromotion", "Neptune#useDFE"), _FLAG),
    **dict.fromkeys(("Neptune#enableResultCache", "Neptune#invalidateResultCacheKey"), _FLAG),
    **dict.fromkeys(("Neptune#invalidateResultCache", "Neptune#noCacheExceptions"), _FLAG),
    **dict.fromkeys(("Neptune#enableResultCacheWithTTL", "Neptune#numResultsCached", "Neptune#queryId")),
}
_SEARCH: Final = "Neptune#fts."


def hint_notes(traversal: Traversal, owned: Callable[[str], bool]) -> list[str]:
    """One line for every hint of the source: that it is unknown, or has a value it cannot have, or does nothing.

    Args:
        owned: tells the options that an extension of the engine checks by rules of its own.
    """
    return [_note(name, value) for name, value in _hints(traversal) if not owned(name)]


def _hints(traversal: Traversal) -> Iterator[tuple[str, Any]]:
    for instruction in traversal.source:
        name, value = (*instruction.args, True, True)[:2]
        given = instruction.name in ("with", "withSideEffect") and isinstance(name, str) and name.startswith(PREFIX)
        if given:
            yield name, value


def _note(name: str, value: Any) -> str:
    if name.startswith(_SEARCH):
        return f"{name} changes nothing here: this service has no full-text search"
    if name not in HINTS:
        near = difflib.get_close_matches(name, HINTS, 1)
        return f"{name} is no hint that is known here" + (f"; did you mean {near[0]}?" if near else "")
    allowed = HINTS[name]
    if allowed is not None and not any(value == one and type(value) is type(one) for one in allowed):
        return f"{name} can not be {value!r}; it is one of {', '.join(map(str, allowed))}"
    return f"{name} changes nothing here: this engine chooses its plan itself"
