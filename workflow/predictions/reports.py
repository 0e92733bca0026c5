"""Reports of models with the names of vertices in place of their ids, as the graph has them now."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

#: how a report marks the id of a vertex
_MARKED = re.compile(r'<data class="vertex" value="(?P<id>[^"]*)">[^<]*</data>')


def ids_in_report(page: str) -> list[str]:
    """The ids of vertices that a report shows, each once."""
    return list(dict.fromkeys(html.unescape(found["id"]) for found in _MARKED.finditer(page)))


def named_report(page: str, names: Mapping[str, str]) -> str:
    """A report with names for the ids that have one; the id stays beside it, smaller."""

    def shown(found: re.Match[str]) -> str:
        id = html.unescape(found["id"])
        name = names.get(id, id)
        if not name or name == id:
            return found[0]
        return f'<data class="vertex" value="{found["id"]}">{html.escape(name)} <small>{found["id"]}</small></data>'

    return _MARKED.sub(shown, page)
