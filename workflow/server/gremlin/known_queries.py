"""Queries that come again are read and planned twice and no more; those that are brief need no worker thread.

A look names its elements by id, and sees what they carry and what lies a few edges away: it is tried where it arrives,
and given to a worker where it comes to more elements than ``MOST_ELEMENTS``. A note adds elements, or writes properties
of those it names: it is tried there too, and only the way to the disk is waited for elsewhere. A point prediction is
run until it needs its endpoint's answer, and again when the answer is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeVar, cast
from uuid import UUID

from workflow.errors import WorkflowError
from workflow.gremlin.lang import Script, parse
from workflow.gremlin.planning.source import transaction_command
from workflow.gremlin.semantics.values import GremlinEnum, ReferenceVertex
from workflow.gremlin.steps.facts import facts_of
from workflow.gremlin.traversal import Instruction, P, Strategy, Traversal, instructions_of
from workflow.gremlin.wire import Codec, Request
from workflow.predictions.gremlin.spec import FILTER_EXISTING, INDUCTIVE, OWN_PREFIX, PREFIX
from workflow.queries.suspension import Answering

Meaning = TypeVar("Meaning")

MAX_LENGTH: Final = 1024
MAX_IDS: Final = 16
MAX_STEPS: Final = 16
MOST_ELEMENTS: Final = 512
KEPT: Final = 512
REMEMBERED: Final = 8192
_ID_KINDS: Final = (str, int, UUID, ReferenceVertex)
NOTING: Final = frozenset(["addV", "addE", "property"])
PREDICTING: Final = frozenset(["out", "in", "properties", "values"])
VERSION: Final = b"\x81"  # of a GraphBinary message
ID: Final = slice(1, 17)  # where it has its request id
# of a GraphSON message: no text of JSON has the first quote in it, but behind a backslash
TEXT_ID: Final = re.compile(
    rb'(?<!\\)"requestId": ?(?:{"@type": ?"g:UUID", ?"@value": ?)?"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"'
)
SLOW: Final = frozenset([FILTER_EXISTING, INDUCTIVE])  # these read the neighbourhood


@dataclass(slots=True)
class KnownQuery:
    """A query of one statement as it was read. Shared between threads.

    Attributes:
        scripts: the statement.
        repeated: whether this very statement comes again, so that its plan is worth keeping.
        look: whether it is tried without a worker; no longer once that came to too much.
        notes: whether it then writes.
        predicts: whether it asks an endpoint.
    """

    scripts: list[Script]
    repeated: bool
    look: bool
    notes: bool
    predicts: bool


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """A query of one request; ``answering`` where it predicts without a worker."""

    known: KnownQuery
    answering: Answering | None = None


def known_query(script: Script, *, repeated: bool) -> KnownQuery:
    """What there is to know of a statement."""
    traversal = script.traversal
    notes = is_note(traversal)
    return KnownQuery([script], repeated, notes or is_look(traversal), notes, predicts(traversal))


class Newcomers:
    """Tells what comes for the first time, so that what never comes again takes no place from what does.

    Safe to share between threads: what two bring at one moment may be told to come for the first time twice.
    """

    def __init__(self) -> None:
        self._seen: set[int] = set()

    def comes_again(self, key: Hashable) -> bool:
        """Whether something came before; from now on it did."""
        mark = hash(key)
        if mark in self._seen:
            return True
        if len(self._seen) >= REMEMBERED:
            self._seen.clear()
        self._seen.add(mark)
        return False


class KnownTexts:
    """Reads texts, and keeps those that come again and will mean the same.

    Safe to share between threads without a lock: every use of the dictionary is one operation of it.
    """

    def __init__(self) -> None:
        self._kept: dict[str, KnownQuery] = {}
        self._newcomers = Newcomers()

    def read(self, text: str, bindings: Mapping[str, Any]) -> KnownQuery | None:
        """A query of one statement; None for everything else, wrong texts included."""
        if len(text) > MAX_LENGTH:
            return None
        if not bindings and (kept := self._kept.get(text)) is not None:
            return kept
        try:
            scripts = parse(text, bindings)
        except WorkflowError:
            return None  # told when the query is run
        if len(scripts) != 1 or transaction_command(scripts[0].traversal) is not None:
            return None
        comes_again = not bindings and self._newcomers.comes_again(text)
        known = known_query(scripts[0], repeated=comes_again and is_constant(scripts[0].traversal))
        if known.repeated:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[text] = known
        return known

    def __len__(self) -> int:
        return len(self._kept)


class KnownRequests:
    """Reads messages, and keeps those that come again under everything but their id. Shared as ``KnownTexts`` is."""

    def __init__(self) -> None:
        self._kept: dict[tuple[bytes, ...], Request] = {}
        self._newcomers = Newcomers()
        self._meanings: dict[int, tuple[Mapping[str, Any], Any]] = {}  # by identity of the arguments

    def read(self, codec: Codec, frame: bytes, start: int) -> Request:
        """The message that begins at ``start``; raises UnreadableRequest."""
        if len(frame) > MAX_LENGTH:
            return codec.read_request(frame, start)
        id, key = _binary_id(frame, start) if codec.binary else _text_id(frame)
        kept = self._kept.get(key)
        if kept is not None and id is not None:
            return kept._replace(id=id)
        request = codec.read_request(frame, start)
        if id == request.id and self._newcomers.comes_again(key) and is_repeatable(request):
            request = request._replace(repeated=True)
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = request
        return request

    def meaning(self, request: Request, of: Callable[[Request], Meaning]) -> Meaning:
        """``of`` a message, asked once where its very arguments come again."""
        if not request.repeated:
            return of(request)
        args, found = self._meanings.get(id(request.args), (None, None))
        if args is not request.args:
            found = of(request)
            if len(self._meanings) >= KEPT:
                self._meanings.clear()
            self._meanings[id(request.args)] = request.args, found
        return cast(Meaning, found)

    def __len__(self) -> int:
        return len(self._kept)


def _binary_id(frame: bytes, start: int) -> tuple[UUID | None, tuple[bytes, ...]]:
    """The id of a message of GraphBinary, and everything else of it."""
    id = frame[start + ID.start : start + ID.stop]
    if len(id) < 16 or frame[start : start + ID.start] != VERSION:
        return None, ()
    return UUID(bytes=id), (frame[start + ID.stop :],)


def _text_id(frame: bytes) -> tuple[UUID | None, tuple[bytes, ...]]:
    """The id of a message of GraphSON, and what stands before and after it; none where it is written in another way."""
    found = TEXT_ID.search(frame)
    if found is None or frame.find(b'"requestId"', found.end()) >= 0:
        return None, ()
    begin, end = found.span(1)
    return UUID(frame[begin:end].decode("ascii")), (frame[:begin], frame[end:])


class KnownTraversals:
    """What there is to know of traversals that came as bytecode, by identity. Shared as ``KnownTexts`` is."""

    def __init__(self) -> None:
        self._kept: dict[int, KnownQuery] = {}

    def read(self, traversal: Traversal, *, repeated: bool) -> KnownQuery:
        """``repeated`` where this very object comes again."""
        kept = self._kept.get(id(traversal)) if repeated else None
        if kept is not None and kept.scripts[0].traversal is traversal:
            return kept
        known = known_query(Script(traversal, "g"), repeated=repeated)
        if repeated:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[id(traversal)] = known
        return known


def is_repeatable(request: Request) -> bool:
    """Whether a message means the same each time, and nobody can have changed its arguments."""
    gremlin = request.args.get("gremlin")
    if request.lambdas or request.processor == "session":
        return False
    if request.op == "eval":
        return isinstance(gremlin, str) and "bindings" not in request.args
    return isinstance(gremlin, Traversal) and is_constant(gremlin)


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
    return step.name in ("V", "E") and 1 <= len(ids) <= MAX_IDS and all(isinstance(id, _ID_KINDS) for id in ids)


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
    return value is None or isinstance(value, (str, int, float, Decimal, GremlinEnum))


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
