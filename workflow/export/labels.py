"""Label sets as an export names them: in files, in configurations and in requests."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote_plus

MAX_ENCODED_NAME_BYTES = 250


@dataclass(frozen=True, slots=True)
class NodeType:
    """A node label set, sorted."""

    labels: tuple[str, ...]

    @classmethod
    def of(cls, labels: tuple[str, ...]) -> NodeType:
        return cls(tuple(sorted(labels)))

    @property
    def text(self) -> str:
        """``A;B``; what the training configuration calls the node type."""
        return joined_labels(self.labels)

    @property
    def description(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class EdgeTriple:
    """A source label set, an edge label, a target label set.

    Both label sets are empty in an export that tells edges apart by their own label only.
    """

    source: tuple[str, ...]
    label: str
    target: tuple[str, ...]
    with_ends: bool = True

    @property
    def description(self) -> str:
        if not self.with_ends:
            return self.label
        return f"({joined_labels(self.source)})-{self.label}-({joined_labels(self.target)})"

    @property
    def bracketed(self) -> str:
        """``[User, FRIEND, User]``, as messages name an edge type."""
        return f"[{joined_labels(self.source)}, {self.label}, {joined_labels(self.target)}]"


def joined_labels(labels: tuple[str, ...]) -> str:
    """Labels sorted and joined by ``;``, a ``;`` inside one escaped; ``_`` for none."""
    return ";".join(label.replace(";", r"\;") for label in sorted(labels)) or "_"


def split_labels(text: str) -> tuple[str, ...]:
    """The set of labels in a string: ``A;B`` and ``A::B`` both name two."""
    parts = [part.replace(r"\;", ";") for part in re.split(r"(?<!\\);", text)]
    if len(parts) == 1:
        parts = parts[0].split("::")
    return tuple(sorted(part.strip() for part in parts if part.strip()))


def file_name(description: str, suffix: str) -> str:
    """The name of a data file without its folder: URL-encoded as Java does it, or a SHA-1 where that gets too long.

    Args:
        description: such as ``(User)-FRIEND-(User)``.
        suffix: ``.consolidated`` or ``-<n>``, part of what is encoded.
    """
    encoded = quote_plus(description + suffix, safe="*").replace("~", "%7E")
    if len(encoded.encode()) > MAX_ENCODED_NAME_BYTES:
        encoded = hashlib.sha1(encoded.encode(), usedforsecurity=False).hexdigest()
    return encoded + ".csv"
