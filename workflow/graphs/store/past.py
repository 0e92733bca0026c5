"""Versions of before: what is left of them goes with their last reader."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from workflow.graphs.store.versions.state import State


@dataclass(slots=True)
class _Left:
    """Rows that nobody looks at once a version, and all before it, are gone."""

    version: weakref.ref[State]
    commit: int
    vertices: list[int]
    edges: list[int]


class Past:
    """Which rows the versions of before still need. Used under the lock of commits."""

    def __init__(self) -> None:
        self._left: deque[_Left] = deque()

    def note(self, version: State, commit: int, vertices: Sequence[int], edges: Sequence[int]) -> None:
        """Commit ``commit`` came upon a version, and these rows do not live any more."""
        last = self._left[-1] if len(self._left) > 1 else None
        if last is not None and last.version() is None:
            # gone already, and waiting for one before it only
            self._left.pop()
            before = self._left[-1]
            before.commit, before.vertices, before.edges = (
                last.commit, [*before.vertices, *last.vertices], [*before.edges, *last.edges],
            )  # fmt: skip
        self._left.append(_Left(weakref.ref(version), commit, list(vertices), list(edges)))

    def forget_after(self, commit: int) -> None:
        """Commits after this one never were."""
        while self._left and self._left[-1].commit > commit:
            self._left.pop()

    def release(self, state: State) -> None:
        """Let rows be given again that no version needs."""
        while self._left and self._left[0].version() is None:
            left = self._left.popleft()
            state.vertices.shared.release(left.vertices)
            state.edges.shared.release(left.edges)
