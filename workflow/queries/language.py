"""Which language the text of a query is written in, where nobody says."""

from __future__ import annotations

import re
from typing import Final

# no traversal begins with a word of these
_CYPHER: Final = re.compile(
    r"\s*(//[^\n]*\n\s*|/\*.*?\*/\s*)*(MATCH|OPTIONAL|CREATE|MERGE|UNWIND|WITH|RETURN|CALL|FOREACH|EXPLAIN|PROFILE|USING)\b",
    re.IGNORECASE | re.DOTALL,
)


def is_cypher(text: str) -> bool:
    """Whether a query is openCypher, by the word that it begins with."""
    return _CYPHER.match(text) is not None
