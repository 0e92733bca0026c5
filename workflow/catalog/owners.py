"""Names in a catalog by whose they are: every user has their own, and what nobody owns is everybody's.

A service that asks nobody who they are has no users, and so everything in it is everybody's. Source: the manual of
Neo4j Graph Data Science, "Graph catalog", "Pipeline catalog" and "Model catalog".
"""

from __future__ import annotations

from typing import Generic, TypeVar

Entry = TypeVar("Entry")
EVERYBODY = ""


class Owned(Generic[Entry]):
    """Entries by user and name; whoever changes it holds the lock of its catalog."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], Entry] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, user: str, name: str, entry: Entry) -> None:
        """Give an entry its name, in place of what the user had under it."""
        self._entries[user, name] = entry

    def has(self, user: str, name: str) -> bool:
        """Whether the user has the name for an own entry."""
        return (user, name) in self._entries

    def find(self, user: str, name: str) -> Entry | None:
        """What a user means by a name: their own, else everybody's."""
        found = self._entries.get((user, name))
        return self._entries.get((EVERYBODY, name)) if found is None else found

    def pop(self, user: str, name: str) -> Entry | None:
        """Forget what a user means by a name."""
        found = self._entries.pop((user, name), None)
        return self._entries.pop((EVERYBODY, name), None) if found is None else found

    def seen_by(self, user: str) -> dict[str, Entry]:
        """What a user sees, by name, in the order in which it came."""
        found: dict[str, Entry] = {}
        for (owner, name), entry in list(self._entries.items()):
            if owner == user or (owner == EVERYBODY and (user, name) not in self._entries):
                found[name] = entry
        return found

    def every(self) -> list[Entry]:
        """All entries, whoever owns them."""
        return list(self._entries.values())

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
