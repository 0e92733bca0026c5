"""Which queries are brief: a few elements named by id, what they carry, and what is written to them.

A look names its elements by id, and sees what they carry and what lies a few edges away. A note adds elements, or
writes properties of those it names. Both are judged by their steps alone, so that a ``Blank`` does as well as a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from workflow.gremlin.semantics.values import GremlinEnum, ReferenceVertex
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.traversal import Blank, Instruction, P, Strategy, Traversal, instructions_of
from workflow.predictions.gremlin.spec import FILTER_EXISTING, INDUCTIVE, OWN_PREFIX, PREFIX

MAX_IDS: Final = 16
MAX_STEPS: Final = 16
_ID_KINDS: Final = (str, int, UUID, ReferenceVertex)
NOTING: Final = frozenset(["addV", "addE", "property"])
PREDICTING: Final = frozenset(["out", "in", "properties", "values"])
SLOW: Final = frozenset([FILTER_EXISTING, INDUCTIVE])  # these read the neighbourhood


def is_look(traversal: Traversal) -> bool:
    """Whether a traversal asks for a few elements by id, what they carry and what lies near, or for one prediction.

    Its time is that of a look-up then, as long as it does not come to many elements along edges. Predictions that
    read the neighbourhood may take any time.
    """
    if not traversal.steps or traversal.terminal in ("explain", "profile"):
        return False
    if not _names(traversal.steps[0]):
        return False
    return _predicts_at_once(traversal) if predicts(traversal) else _looks_around(traversal)


def is_note(traversal: Traversal) -> bool:
    """Whether a traversal only adds elements, or writes properties, and names by id all that it begins at."""
    if not traversal.steps or traversal.terminal in ("explain", "profile") or not _plain_source(traversal):
        return False
    start, steps = traversal.steps[0], list(instructions_of(traversal.steps))
    if len(steps) > MAX_STEPS or not (start.name in ("addV", "addE") or _names(start)):
        return False
    if not any(map(_notes, steps)):
        return False
    return all(_notes(step) or _names(step) or step.name == "from" or _is_near(step) for step in steps)


def _notes(step: Instruction) -> bool:
    return step.name in NOTING and not any(isinstance(arg, Mapping) for arg in step.args)


def _names(step: Instruction) -> bool:
    """Whether a step begins at a few elements by id."""
    ids = step.args
    return step.name in ("V", "E") and 1 <= len(ids) <= MAX_IDS and all(map(_is_id, ids))


def _is_id(id: Any) -> bool:
    return issubclass(id.kind, _ID_KINDS) if isinstance(id, Blank) else isinstance(id, _ID_KINDS)


def _plain_source(traversal: Traversal) -> bool:
    return all(step.name == "with" and all(map(_is_plain, step.args)) for step in traversal.source)


def _looks_around(traversal: Traversal) -> bool:
    if not _plain_source(traversal):
        return False
    steps = list(instructions_of(traversal.steps[1:]))
    return len(steps) < MAX_STEPS and all(map(_is_near, steps))


def _is_near(step: Instruction) -> bool:
    facts = facts_of(step.name)
    near = facts.bounded or facts.linear or bool(facts.walks)
    return near and not facts.may_write and not any(isinstance(arg, Mapping) for arg in step.args)


def _predicts_at_once(traversal: Traversal) -> bool:
    source = _options(traversal.source)
    if source is None or SLOW & source.keys() or traversal.terminal not in (None, "toList"):
        return False
    steps = traversal.steps
    for at, step in enumerate(steps[1:], 2):
        if any(isinstance(arg, (Traversal, Mapping)) for arg in step.args):
            return False
        if step.name == "with":
            options = _options((step,))
            if options is None or SLOW & options.keys():
                return False
        elif not facts_of(step.name).bounded and not (
            step.name in PREDICTING and steps[at : at + 1] and steps[at].name == "with"
        ):
            return False
    return True


def predicts(traversal: Traversal) -> bool:
    """Whether a look asks an endpoint."""
    return any(step.name == "with" for step in traversal.steps)


def is_constant(traversal: Traversal) -> bool:
    """Whether a text always means the same, and running it leaves its arguments as they are.

    ``UUID()`` and ``datetime()`` differ each time; what comes out of lists and maps may be added to.
    """
    return all(_is_plain(arg) for step in (*traversal.source, *traversal.steps) for arg in step.args)


def _is_plain(value: Any) -> bool:
    if isinstance(value, Traversal):
        return is_constant(value)
    if isinstance(value, Strategy):
        return all(map(_is_plain, value.configuration.values()))
    if isinstance(value, P):
        return all(all(map(_is_plain, arg)) if isinstance(arg, (list, tuple)) else _is_plain(arg) for arg in value.args)
    return value is None or isinstance(value, (str, int, float, Decimal, GremlinEnum, Blank))


def _options(instructions: Iterable[Instruction]) -> dict[str, Any] | None:
    """What ``with()`` says to a prediction; None where something else is said."""
    found: dict[str, Any] = {}
    for instruction in instructions:
        args = instruction.args
        if instruction.name == "with" and args and isinstance(args[0], str):
            found[args[0]] = args[1] if len(args) > 1 else True
        elif instruction.name == "withStrategies" and all(
            isinstance(arg, Strategy) and arg.name == "OptionsStrategy" for arg in args
        ):
            for arg in args:
                found.update(arg.configuration)
        else:
            return None
    return found if all(key.startswith((PREFIX, OWN_PREFIX)) for key in found) else None
