"""Traversers: a value on its way through the steps, with what the query needs to remember about it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from workflow.graphs import elements as model

NO_LABELS: Final[frozenset[str]] = frozenset()


_new = object.__new__


class PathNode:
    """One stop of a path; ``parent`` is the stop before. Shared between traversers, never changed."""

    __slots__ = ("labels", "parent", "size", "value")

    def __init__(self, parent: PathNode | None, value: Any, labels: frozenset[str] = NO_LABELS) -> None:
        self.parent = parent
        self.value = value
        self.labels = labels
        self.size: int = 1 if parent is None else parent.size + 1

    def nodes(self) -> list[PathNode]:
        """From the first stop to this one."""
        out: list[PathNode] = []
        node: PathNode | None = self
        while node is not None:
            out.append(node)
            node = node.parent
        out.reverse()
        return out

    def find(self, label: str) -> list[Any]:
        """The values at the stops with a label, first to last."""
        out: list[Any] = []
        node: PathNode | None = self
        while node is not None:
            if label in node.labels:
                out.append(node.value)
            node = node.parent
        out.reverse()
        return out

    def to_path(self) -> model.Path:
        nodes = self.nodes()
        return model.Path(tuple(n.value for n in nodes), tuple(n.labels for n in nodes))


class RepeatLoop(NamedTuple):
    """How often a traverser went round a ``repeat``; ``outer`` is the loop around it."""

    name: str | None
    turns: int
    outer: RepeatLoop | None


class Traverser(model.BulkedValue):
    """A value with its bulk, the labelled stops of its path, its sack and its loops.

    ``split`` gives the traverser a step sends on for a new value. The path of this class keeps only labelled stops;
    ``PathTraverser`` keeps every stop.
    """

    __slots__ = ("loops", "path", "sack")

    path: PathNode | None
    sack: Any
    loops: RepeatLoop | None

    def __init__(
        self, value: Any, bulk: int = 1, path: PathNode | None = None, sack: Any = None, loops: RepeatLoop | None = None
    ) -> None:
        self.value = value
        self.bulk = bulk
        self.path = path
        self.sack = sack
        self.loops = loops

    def split(self, value: Any) -> Traverser:
        """A traverser for a value that this one led to; same bulk."""
        out = _new(Traverser)  # without __init__: this is the hottest line of the engine
        out.value = value
        out.bulk = self.bulk
        out.path = self.path
        out.sack = self.sack
        out.loops = self.loops
        return out

    def copy(self) -> Traverser:
        """The same stop once more, for a step that sends a traverser two ways."""
        return type(self)(self.value, self.bulk, self.path, self.sack, self.loops)

    def label(self, labels: frozenset[str]) -> None:
        """Name the current stop."""
        path = self.path
        if path is None or path.value is not self.value:
            self.path = PathNode(path, self.value, labels)
        elif not labels <= path.labels:
            self.path = PathNode(path.parent, path.value, path.labels | labels)

    def start(self, value: Any) -> Traverser:
        """A traverser for a reduced value: no path but itself, no loops."""
        return Traverser(value, 1, None, self.sack, None)


class PathTraverser(Traverser):
    """A traverser that remembers every stop."""

    __slots__ = ()

    def split(self, value: Any) -> Traverser:
        return PathTraverser(value, self.bulk, PathNode(self.path, value), self.sack, self.loops)

    def label(self, labels: frozenset[str]) -> None:
        path = self.path
        if path is None:
            self.path = PathNode(None, self.value, labels)
        elif not labels <= path.labels:
            self.path = PathNode(path.parent, path.value, path.labels | labels)

    def start(self, value: Any) -> Traverser:
        return PathTraverser(value, 1, PathNode(None, value), self.sack, None)
