"""Where a traverser has been: ``path``, ``simplePath``, ``cyclicPath``, ``tree``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workflow.errors import QueryFailed
from workflow.graphs.elements import Path, Tree
from workflow.gremlin.running.by_cycle import ByCycle, ByCycleModulated
from workflow.gremlin.running.step import (
    MISSING,
    Args,
    Builder,
    ExecutionContext,
    FilterStep,
    Frame,
    MapStep,
    ReduceStep,
    SideEffects,
    Step,
    StepBuilder,
)
from workflow.gremlin.running.traverser import Traverser
from workflow.gremlin.semantics.java_text import as_text
from workflow.gremlin.semantics.keys import hash_key
from workflow.gremlin.steps.gathering.group import side_effect_key

FULL_PATH = frozenset({"path"})


class PathRange(ByCycleModulated):
    """by() in turn, and ``from``/``to`` labels between which the path counts."""

    def __init__(self) -> None:
        super().__init__()
        self.from_label: str | None = None
        self.to_label: str | None = None

    def modulate(self, builder: Builder, name: str, args: Args) -> None:
        if name in ("from", "to") and len(args) == 1 and isinstance(args[0], str):
            if name == "from":
                self.from_label = args[0]
            else:
                self.to_label = args[0]
        else:
            super().modulate(builder, name, args)

    def projected(self, ctx: ExecutionContext, traverser: Traverser) -> Path | None:
        """The path between the labels with the projections applied; None where one gives nothing."""
        path = Path((), ()) if traverser.path is None else traverser.path.to_path()
        path = between(path, self.from_label, self.to_label)
        if not self.bys:
            return path
        objects = []
        for i, value in enumerate(path.objects):
            found = self.bys.at(i).of_value(ctx, value)
            if found is MISSING:
                return None
            objects.append(found)
        return Path(tuple(objects), path.labels)


def between(path: Path, from_label: str | None, to_label: str | None) -> Path:
    """The part of a path from the last stop with one label to the last with another."""
    if from_label is None and to_label is None:
        return path
    low = _last(path, from_label) if from_label is not None else 0
    high = _last(path, to_label) if to_label is not None else len(path) - 1
    if low < 0:
        raise QueryFailed(f"Could not locate path from-label: {from_label}")
    if high < 0:
        raise QueryFailed(f"Could not locate path to-label: {to_label}")
    if low > high:
        raise QueryFailed(f"Could not isolate path because from comes after to: {from_label}->{to_label}")
    return Path(path.objects[low : high + 1], path.labels[low : high + 1])


def _last(path: Path, label: str) -> int:
    return max((i for i, labels in enumerate(path.labels) if label in labels), default=-1)


class PathStep(PathRange, MapStep):
    """``path()``."""

    requires = FULL_PATH

    def map(self, ctx: ExecutionContext, traverser: Traverser) -> Any:
        found = self.projected(ctx, traverser)
        return MISSING if found is None else found

    def arguments(self) -> str:
        return str(self.bys) if self.bys else ""


class PathFilterStep(PathRange, FilterStep):
    """``simplePath()`` and ``cyclicPath()``."""

    requires = FULL_PATH

    def __init__(self, simple: bool) -> None:
        super().__init__()
        self.simple = simple

    def accept(self, ctx: ExecutionContext, traverser: Traverser) -> bool:
        path = self.projected(ctx, traverser)
        if path is None:
            return False
        seen = set()
        for value in path.objects:
            key = hash_key(value)
            if key in seen:
                return not self.simple
            seen.add(key)
        return self.simple

    def arguments(self) -> str:
        return "simple" if self.simple else "cyclic"


def grow(tree: Tree, ctx: ExecutionContext, ring: ByCycle, traverser: Traverser, required: bool = False) -> None:
    """Add a traverser's path to a tree.

    A stop without a by() value is left out, or, where one is ``required`` (upstream does so for the side effect only),
    a QueryFailed.
    """
    nodes = [] if traverser.path is None else traverser.path.nodes()
    for i, node in enumerate(nodes):
        value = ring.at(i).of_value(ctx, node.value)
        if value is MISSING:
            if required:
                raise QueryFailed(f"The provided start does not map to a value: {as_text(node.value)}->{ring.at(i)}")
            continue
        value = _as_key(value)
        below = tree.get(value)
        if below is None:
            below = tree[value] = Tree()
        tree = below


def _as_key(value: Any) -> Any:
    """The value, or a stand-in of the same members where Python cannot hash it."""
    if isinstance(value, list):
        return tuple(map(_as_key, value))
    return tuple((k, _as_key(v)) for k, v in value.items()) if isinstance(value, Mapping) else value


class TreeStep(ByCycleModulated, ReduceStep):
    """``tree()``: all paths merged."""

    requires = FULL_PATH

    def reduce(self, ctx: ExecutionContext, source: Iterator[Traverser]) -> Any:
        tree = Tree()
        for t in source:
            grow(tree, ctx, self.bys, t)
        return tree


class TreeSideEffectStep(ByCycleModulated, Step):
    """``tree("t")``."""

    barrier = True
    requires = FULL_PATH

    def __init__(self, key: str) -> None:
        super().__init__()
        self.key = key

    def register(self, side_effects: SideEffects) -> None:
        side_effects.register(self.key, Tree)

    def run(self, ctx: ExecutionContext, source: Iterator[Traverser], frame: Frame) -> Iterator[Traverser]:
        passed = ctx.gathered(source)
        tree = ctx.side_effects.get(self.key)
        if not isinstance(tree, Tree):
            tree = ctx.side_effects.values[self.key] = Tree(tree)
        for t in passed:
            grow(tree, ctx, self.bys, t, required=True)
        yield from passed

    def arguments(self) -> str:
        return self.key


def _path(builder: Builder, name: str, args: Args) -> Step:
    return PathStep()


def _path_filter(builder: Builder, name: str, args: Args) -> Step:
    return PathFilterStep(name == "simplePath")


def _tree(builder: Builder, name: str, args: Args) -> Step:
    key = side_effect_key(name, args)
    return TreeStep() if key is None else TreeSideEffectStep(key)


STEPS: dict[str, StepBuilder] = {"path": _path, "simplePath": _path_filter, "cyclicPath": _path_filter, "tree": _tree}
