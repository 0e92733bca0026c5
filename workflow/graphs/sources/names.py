"""Names in the text of queries to other databases."""

from __future__ import annotations


def quoted_name(name: str) -> str:
    """A label, type or key as openCypher writes any name."""
    return f"`{name.replace('`', '``')}`"
