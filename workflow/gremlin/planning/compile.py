"""A traversal becomes a plan: step objects with their modulators and children, checked and ready to run.

Everything that can be refused is refused here, before anything is read: unknown steps, wrong arguments, modulators on
steps that take none, lambdas, variables nobody bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any

from workflow.errors import NoSuchMethod, QueryFailed, QueryTooLarge
from workflow.gremlin.lang.parser import SPAWNED_FROM_SOURCE
from workflow.gremlin.planning.checks import checked, refuse_code
from workflow.gremlin.planning.extension import Extension
from workflow.gremlin.planning.folding import folded
from workflow.gremlin.running.by import IDENTITY, ByChild, ByColumn, ByKey, ByToken
from workflow.gremlin.running.step import MISSING, Args, By, Child, Step, StepBuilder
from workflow.gremlin.running.traverser import NO_LABELS
from workflow.gremlin.semantics.predicates import Test, compile_predicate, compile_value
from workflow.gremlin.semantics.values import Column, Direction, GremlinEnum, Order, T
from workflow.gremlin.steps.builders import builder_of
from workflow.gremlin.steps.choosing.filters import IdentityStep
from workflow.gremlin.steps.choosing.where import infix
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.traversal import Instruction, P, Traversal

MAX_DEPTH = 64


@dataclass(frozen=True)
class Plan:
    """What the engine runs."""

    steps: tuple[Step, ...]
    traversal: Traversal
    full_path: bool
    mutates: bool

    def all_steps(self) -> list[Step]:
        """With those of children, parents first."""
        return _flat(self.steps)


class Compiler:
    """Builds steps; the ``Builder`` of those who make them.

    Args:
        without: names of strategies that are switched off.
        extension: has steps that are not the language's own.
    """

    def __init__(self, without: Set[str] = frozenset(), extension: Extension | None = None) -> None:
        self.without = without
        self._extension = extension
        self._own: Mapping[str, StepBuilder] = {} if extension is None else extension.steps
        self.depth = 0
        self.at_start = True  # whether the step being built is the first of its chain
        self.in_repeat = False  # whether it is inside the body of a repeat
        self.repeat_depth = 0  # the depth of the innermost such body

    def compile(self, traversal: Traversal) -> Plan:
        """The plan of a whole traversal; its source instructions are the engine's business."""
        steps = self.chain(traversal)
        everything = _flat(steps)
        requires = frozenset[str]().union(*(s.requires for s in everything)) if everything else frozenset[str]()
        if not requires & {"path", "labels"}:
            for step in everything:
                step.tracked = NO_LABELS
        return Plan(
            steps,
            traversal,
            full_path="path" in requires,
            mutates=any(s.mutates for s in everything),
        )

    # -- for builders

    def local(self, arg: Any) -> Child:
        """A child run afresh for every traverser."""
        return self._child(arg)

    def global_(self, arg: Any) -> Child:
        """A child all traversers flow through."""
        return self._child(arg)

    def repeated(self, arg: Any) -> Child:
        """The body of a repeat: a global child in which ranges count by round."""
        before = self.in_repeat, self.repeat_depth
        self.in_repeat, self.repeat_depth = True, self.depth + 1
        try:
            return self._child(arg)
        finally:
            self.in_repeat, self.repeat_depth = before

    def by(self, args: Args) -> By:
        """The projection of ``by(...)``; a trailing comparator is the caller's business."""
        if not args:
            return IDENTITY
        arg = args[0]
        if isinstance(arg, str):
            return ByKey(arg)
        if isinstance(arg, T):
            return ByToken(arg)
        if isinstance(arg, Column):
            return ByColumn(arg)
        if isinstance(arg, Traversal):
            return self.by_traversal(arg)
        if isinstance(arg, Order):
            return IDENTITY
        self.refuse_code(arg)
        raise QueryFailed(f"by() can not take {arg!r}")

    def by_traversal(self, traversal: Traversal) -> By:
        """``by(values("x"))`` and its like; an empty child is the identity."""
        if not traversal.steps:
            return IDENTITY
        return ByChild(self.local(traversal))

    def predicate(self, arg: P) -> Test:
        """The test of a predicate whose arguments are checked."""
        return compile_predicate(self.checked(arg))

    def test_of(self, arg: Any) -> Test:
        """A predicate, or equality with any other value."""
        return compile_value(self.checked(arg))

    def checked(self, arg: Any) -> Any:
        """The argument itself, unless it is code or an unbound variable somewhere inside."""
        return checked(arg)

    def refuse_code(self, arg: Any) -> None:
        """Raise for lambdas and unbound variables."""
        refuse_code(arg)

    def chain(self, traversal: Traversal) -> tuple[Step, ...]:
        """The steps of a traversal with their modulators applied."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise QueryTooLarge(f"Traversals are nested more than {MAX_DEPTH} deep")
        try:
            steps: list[Step] = []
            connected = traversal if "ConnectiveStrategy" in self.without else infix(traversal)
            for instruction in connected.steps:
                self._add(steps, instruction)
            if steps:
                steps[-1].finish(self)
            return tuple(folded(steps))
        finally:
            self.depth -= 1

    # -- inside

    def _child(self, arg: Any) -> Child:
        self.refuse_code(arg)
        if not isinstance(arg, Traversal):
            raise QueryFailed(f"Expected a traversal and got {arg!r}")
        if arg.source:
            raise QueryFailed(SPAWNED_FROM_SOURCE)
        return Child(self.chain(arg), arg)

    def _add(self, steps: list[Step], instruction: Instruction) -> None:
        name, args = instruction.name, instruction.args
        for arg in args:
            self.refuse_code(arg)
        last = steps[-1] if steps else None
        if name == "as":
            self._label(steps, args)
            return
        hop = name == "to" and bool(args) and isinstance(args[0], Direction)  # a step of its own, and no modulator
        if last is not None and name == "with" and self._is_absent(args):
            return
        modulates = facts_of(name).modulates
        if last is not None and last.takes(name, modulates) and not hop:
            last.modulate(self, name, args)
            return
        builder = self._own.get(name) or builder_of(name)
        if builder is None and modulates:
            raise QueryFailed(f"{name}() can not be the first step and has no step to modulate")
        if builder is None:
            raise NoSuchMethod(f"Could not locate method: {name}({', '.join(map(_type_name, args))})")
        if last is not None:
            last.finish(self)
        self.at_start = last is None
        step = builder(self, name, args)
        if step.name == "step":
            step.name = name
        steps.append(step)

    def _is_absent(self, args: Args) -> bool:
        """Whether ``with()`` has an option of the extension and false, which counts as if it were not there."""
        extension = self._extension
        return extension is not None and args[1:] == (False,) and isinstance(args[0], str) and extension.owns(args[0])

    def _label(self, steps: list[Step], args: Args) -> None:
        if not steps:
            steps.append(IdentityStep())
        if not all(isinstance(label, str) for label in args):
            raise QueryFailed("as() takes labels that are strings")
        labels = frozenset(args)
        steps[-1].labels |= labels
        steps[-1].tracked |= labels


def _flat(steps: tuple[Step, ...]) -> list[Step]:
    out: list[Step] = []
    for step in steps:
        out.append(step)
        for child in step.children():
            out.extend(_flat(child.steps))
    return out


def _type_name(arg: Any) -> str:
    return f"{type(arg).__name__}.{arg.name}" if isinstance(arg, GremlinEnum) else repr(arg)


__all__ = ["MISSING", "Compiler", "Plan"]
