"""Values as text, as ``toString()`` and ``+`` write them."""

from __future__ import annotations

from typing import Any

from workflow.values.numerals import shortest


def as_text(value: Any) -> str:
    """The text of a text, a number, a truth value or a temporal value: ``1.0``, ``1.0E20``, ``true``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return shortest(float(value))
    if isinstance(value, int):
        return str(int(value))
    return str(value)
