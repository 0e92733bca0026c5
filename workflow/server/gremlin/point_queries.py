"""Point queries: those that only look at elements named by id, and point predictions.

They need no worker thread, and repeated text is parsed once. A point prediction is run until it needs its endpoint's
answer, and again when the answer is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from workflow.errors import WorkflowError
from workflow.gremlin.lang import Script, parse
from workflow.gremlin.semantics.values import ReferenceVertex
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.traversal import Instruction, Strategy, Traversal
from workflow.gremlin.wire import Codec, Request
from workflow.predictions.gremlin.spec import FILTER_EXISTING, INDUCTIVE, OWN_PREFIX, PREFIX
from workflow.queries.suspension import Answering

MAX_LENGTH: Final = 1024
MAX_IDS: Final = 16
KEPT: Final = 512
PREDICTING: Final = frozenset(["out", "in", "properties", "values"])
VERSION: Final = b"\x81"  # of a GraphBinary message
ID: Final = slice(1, 17)  # where it has its request id
SLOW: Final = frozenset([FILTER_EXISTING, INDUCTIVE])  # these read the neighbourhood


@dataclass(frozen=True, slots=True)
class PointQuery:
    """A point query as it was read; ``answering`` where it predicts, ``repeated`` where these scripts come again."""

    scripts: list[Script]
    repeated: bool
    answering: Answering | None = None


class PointQueryTexts:
    """Reads texts, and keeps those that will mean the same again.

    Safe to share between threads without a lock: every use of the dictionary is one operation of it.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[Script]] = {}

    def read(self, text: str, bindings: Mapping[str, Any]) -> tuple[list[Script], bool] | None:
        """The parsed text of a point query, and whether it is kept; None for everything else, wrong texts included."""
        if len(text) > MAX_LENGTH or ".V(" not in text:
            return None
        if not bindings and (kept := self._kept.get(text)) is not None:
            return kept, True
        try:
            scripts = parse(text, bindings)
        except WorkflowError:
            return None  # told when the query is run
        if len(scripts) != 1 or not is_point_query(scripts[0].traversal):
            return None
        if bindings or not is_constant(scripts[0].traversal):
            return scripts, False
        if len(self._kept) >= KEPT:
            self._kept.clear()
        self._kept[text] = scripts
        return scripts, True

    def __len__(self) -> int:
        return len(self._kept)


class PointQueryRequests:
    """Reads messages, and keeps point queries under everything but their id. Shared as ``PointQueryTexts`` is."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Request] = {}

    def read(self, codec: Codec, frame: bytes, start: int) -> Request:
        """The message that begins at ``start``; raises UnreadableRequest."""
        if not codec.binary or len(frame) > MAX_LENGTH:
            return codec.read_request(frame, start)
        key = frame[start + ID.stop :]
        kept = self._kept.get(key)
        if kept is not None and frame[start : start + ID.start] == VERSION:
            id = UUID(bytes=frame[start + ID.start : start + ID.stop])
            return Request(id, kept.op, kept.processor, kept.args, kept.lambdas, repeated=True)
        request = codec.read_request(frame, start)
        if is_repeatable(request):
            request = replace(request, repeated=True)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = request
        return request

    def __len__(self) -> int:
        return len(self._kept)


def is_repeatable(request: Request) -> bool:
    """Whether a message is a point query that means the same each time, and nobody can have changed its arguments."""
    gremlin = request.args.get("gremlin")
    if request.lambdas or request.processor == "session":
        return False
    if request.op == "eval":
        return isinstance(gremlin, str) and "bindings" not in request.args
    return isinstance(gremlin, Traversal) and is_point_query(gremlin) and is_constant(gremlin)


def is_point_query(traversal: Traversal) -> bool:
    """Whether a traversal asks for a few elements by id and what they carry, or for one prediction about them.

    Its time is that of a look-up then: hops other than predicted ones, and predictions that read the neighbourhood,
    may take any time.
    """
    terminals = (None, "toList") if predicts(traversal) else (None, "toList", "next")
    if not traversal.steps or traversal.terminal not in terminals:
        return False
    start = traversal.steps[0]
    if start.name not in ("V", "E") or not 1 <= len(start.args) <= MAX_IDS:
        return False
    if not all(isinstance(id, (str, int, UUID, ReferenceVertex)) for id in start.args):
        return False
    source = _options(traversal.source)
    if source is None or SLOW & source.keys():
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
    """Whether a point query asks an endpoint."""
    return any(step.name == "with" for step in traversal.steps)


def is_constant(traversal: Traversal) -> bool:
    """Whether the text of a point query always means the same: ``UUID()`` and ``datetime()`` differ each time."""
    return all(_is_plain(arg) for step in (*traversal.source, *traversal.steps) for arg in step.args)


def _is_plain(value: Any) -> bool:
    if isinstance(value, Strategy):
        return all(map(_is_plain, value.configuration.values()))
    return isinstance(value, (str, int, float))


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
