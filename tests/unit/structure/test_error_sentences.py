"""Errors say what they were told: nothing that an error class takes is kept from whoever reads its sentence."""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from workflow.errors import WorkflowError

ROOT = Path(__file__).resolve().parents[3]
#: what is a code of a protocol, or stands in the sentence in another form
NOT_WORD_FOR_WORD = {
    "ServiceError": {"code", "status"},
    "BadMessage": {"protocol_code"},
    "TooLarge": {"needed", "available"},  # in MB
    "CypherSyntaxError": {"text", "offset"},  # line and column
    "DuplicateJob": {"kind", "job_id"},  # the guide's words, which name no job
    "UnknownJob": {"kind", "job_id"},
}


def classes(of: type[WorkflowError]) -> Iterator[type[WorkflowError]]:
    for one in of.__subclasses__():
        yield one
        yield from classes(one)


def errors() -> list[type[WorkflowError]]:
    """Every error of the product with a sentence of its own."""
    for path in (ROOT / "workflow").rglob("*.py"):
        text = path.read_text()
        if "super().__init__(" in text and "\nclass " in text:
            importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    found = {one for one in classes(WorkflowError) if "__init__" in vars(one) and one.__module__.startswith("workflow")}
    return sorted(found, key=lambda one: one.__name__)


def example(hint: Any, place: int) -> Any:
    """A value of an argument that can be found again in a sentence; None for what this test cannot make."""
    members, origin = typing.get_args(hint), typing.get_origin(hint)
    if origin is typing.Literal:
        return members[-1]
    if origin not in (None, types.UnionType, typing.Union):
        return None
    if hint is str or str in members:
        return f"word{place}"
    if {int, float} & {hint, *members}:
        return 1700 + place
    if hint is Path or Path in members:
        return Path(f"word{place}")
    return ValueError(f"word{place}") if hint in (Any, object, BaseException, Exception) else None


def test_an_error_says_all_that_it_was_told() -> None:
    silent, tried = [], 0
    for one in errors():
        names = list(inspect.signature(one.__init__).parameters)[1:]
        hints = typing.get_type_hints(one.__init__)
        told = {name: example(hints[name], place) for place, name in enumerate(names) if name in hints}
        if None in told.values() or len(told) < len(names):
            continue  # made of richer things, such as a budget
        tried += 1
        message = one(**told).message
        unsaid = {name for name, value in told.items() if str(value) not in message}
        if unsaid - NOT_WORD_FOR_WORD.get(one.__name__, set()):
            silent.append(f"{one.__module__}.{one.__name__} does not say {sorted(unsaid)}: {message}")
    assert silent == []
    assert tried > 35
