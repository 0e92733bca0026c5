"""Values as Gremlin text."""

from __future__ import annotations

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def literal(text: str) -> str:
    """A string as Gremlin text, quoted so that no content can end it."""
    escaped = "".join(_ESCAPES.get(character, character) for character in text)
    return f"'{escaped}'"
